// The word of a command line that should name a command or a flag and does not. Pure; call before CLI11
// parses, which does not say what was meant.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::cli {

/// What is wrong with the first such word (`inpod ruun`, `inpod session lst`, `inpod run --taget x`), with
/// the one that was probably meant.
std::optional<Error> unknown_command(const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace inpod::cli
