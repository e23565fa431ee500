// What is known of a demo that runs: other commands show it among the targets.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "protocol/result.hpp"

namespace inpod::cli {

/// <runtime root>/demo.
Result<std::filesystem::path> demo_directory();
/// state.json of a demo whose keeper lives ("pid", "target", "address", …), or null.
nlohmann::json running_demo(const std::filesystem::path& directory);

}  // namespace inpod::cli
