// What inpod says to people and machines: errors and progress to stderr, JSON lines to stdout. Main thread
// only.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

#include "config/load.hpp"
#include "protocol/result.hpp"

namespace inpod::cli {

/// inpod itself failed, as env(1), nice(1) and timeout(1) say it.
constexpr int exit_failed = 125;

// Parts of what is said may come from the cluster, the pod or a repository: it is shown as
// protocol/printable.hpp does that, here and nowhere else.

/// "inpod: text" and the remedy on lines of their own, to stderr. Returns exit_failed.
int report(const Error& error);
/// One line "inpod: text" to stderr.
void say(const std::string& text);
/// The config file and what it sets, and its warning, as far as there are any.
void say_file(const config::FileReport& report);
/// The warning alone, for commands that start nothing.
void say_warning(const config::FileReport& report);
/// Text on stdout, at once. False when stdout is gone or full.
bool print(const std::string& text);
/// Writes out what was printed by whatever function. 0 if all of it arrived, else errno of the first write
/// that failed (EIO where stdio did not tell).
int flush_output();
/// One row of a table on stdout; each cell is at least so many bytes wide.
struct Cell {
  std::string text;
  std::size_t width = 0;
};
void print_row(std::initializer_list<Cell> cells);
/// One JSON object as a line, in ASCII. Bytes that are not UTF-8 are replaced.
std::string json_line(const nlohmann::json& value);
/// The same on stdout, as print does.
bool print_json(const nlohmann::json& value);

/// A line on the terminal that each text replaces; without a terminal only `verbose` ones are shown, line by
/// line.
class ProgressLine {
 public:
  explicit ProgressLine(bool verbose);
  ~ProgressLine() { clear(); }
  void show(const std::string& text);
  void clear();

 private:
  bool terminal_, verbose_, shown_ = false;
};

}  // namespace inpod::cli
