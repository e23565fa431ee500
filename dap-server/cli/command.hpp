// What all commands share: how one registers itself, global flags, and running a coroutine to its end.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "protocol/link.hpp"

namespace inpod::cli {

struct Globals {
  bool verbose = false;
  std::string log_file;
  std::vector<int> inherited_files;  ///< for the program of `inpod run`
  std::vector<std::string> command;  ///< what stands behind "--"
  std::function<int()> action;       ///< set by the command that was chosen; returns the exit code
};

void add_run(CLI::App& app, Globals& globals);
void add_dap(CLI::App& app, Globals& globals);
void add_targets(CLI::App& app, Globals& globals);
void add_check(CLI::App& app, Globals& globals);
void add_session(CLI::App& app, Globals& globals);
void add_schema(CLI::App& app, Globals& globals);
void add_trust(CLI::App& app, Globals& globals);
void add_demo(CLI::App& app, Globals& globals);

/// Runs the task on an io_context of its own, to its end. The context is made here and handed in; an
/// exception that escapes is reported and gives exit_failed.
int run_to_end(const std::function<protocol::Task<int>(boost::asio::any_io_executor)>& task);

}  // namespace inpod::cli
