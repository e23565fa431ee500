// The word of a command line that should name a command and does not. Pure; call before CLI11 parses, which says no more
// than that a command is missing.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::cli {

/// What is wrong with the first such word (`inpod ruun`, `inpod session lst`), with the command that was probably meant.
std::optional<Error> unknown_command(const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace inpod::cli
