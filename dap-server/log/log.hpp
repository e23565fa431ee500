// The log of the process: the one place that knows spdlog, which takes the compiler long.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.hpp"

namespace inpod {

/// Where debug lines go: to `file` if it has a name (made or appended to), else to stderr if `verbose`, else
/// nowhere. Never to stdout. Call it once, before threads; without it nothing is written. Error: the file
/// can't be written.
Result<void> open_log(const std::string& file, bool verbose);

/// One line, with the time, as protocol/printable.hpp shows it. No secret may be in it. Any thread; not in a
/// signal handler.
void log_debug(std::string_view line);

}  // namespace inpod
