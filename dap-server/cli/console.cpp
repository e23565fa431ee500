// Output of the commands.
#include "cli/console.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "protocol/printable.hpp"

namespace inpod::cli {
namespace {

int output_error = 0;  // errno of the first write to stdout that failed: stdio forgets it

}  // namespace

void say(const std::string& text) {
  fprintf(stderr, "inpod: %s\n", protocol::shown(text).c_str());
}

void say_file(const config::FileReport& report) {
  say_warning(report);
  if (!report.file.empty()) say(report.line());
}

void say_warning(const config::FileReport& report) {
  if (!report.warning.empty()) say(report.warning);
}

int report(const Error& error) {
  std::string text = error.text;
  if (!error.remedy.empty()) text += "\n  " + error.remedy;
  say(text);
  return exit_failed;
}

std::string json_line(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

bool print(const std::string& text) {
  errno = 0;
  if (fwrite(text.data(), 1, text.size(), stdout) == text.size() && fflush(stdout) == 0) return true;
  if (output_error == 0) output_error = errno;
  return false;
}

int flush_output() {
  if (print("") && ferror(stdout) == 0) return 0;
  return output_error != 0 ? output_error : EIO;
}

void print_row(std::initializer_list<Cell> cells) {
  std::string row;
  for (const auto& [text, width] : cells) {
    const auto shown = protocol::shown_line(text);
    row += (row.empty() ? "" : "  ") + shown;
    if (shown.size() < width) row.append(width - shown.size(), ' ');
  }
  print(row + "\n");
}

bool print_json(const nlohmann::json& value) {
  return print(json_line(value));
}

ProgressLine::ProgressLine(bool verbose) : terminal_(isatty(STDERR_FILENO) == 1), verbose_(verbose) {}

void ProgressLine::show(const std::string& text) {
  if (verbose_) {
    say(text);
  } else if (terminal_) {
    // Carriage return, erase to the end of the line (ECMA-48 EL).
    fprintf(stderr, "\r\033[Kinpod: %s …", protocol::shown_line(text).c_str());
    shown_ = true;
  }
}

void ProgressLine::clear() {
  if (!shown_) return;
  fputs("\r\033[K", stderr);
  shown_ = false;
}

}  // namespace inpod::cli
