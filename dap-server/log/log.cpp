#include "log/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "protocol/printable.hpp"

namespace inpod {
namespace {

constexpr std::size_t longest_line = 64 << 10;

// spdlog's registry of loggers is left out: it would be most of this file's code.
std::unique_ptr<spdlog::logger> logger;

std::shared_ptr<spdlog::sinks::sink> open_sink(const std::string& file) {
  if (file.empty()) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  return std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
}

}  // namespace

Result<void> open_log(const std::string& file, bool verbose) {
  try {
    logger = std::make_unique<spdlog::logger>("inpod", open_sink(file));
    logger->set_level(verbose || !file.empty() ? spdlog::level::debug : spdlog::level::warn);
    logger->flush_on(spdlog::level::debug);
    return {};
  } catch (const spdlog::spdlog_ex& error) {
    return Failed(Error{0, "cannot write the log file: " + std::string(error.what()), {}});
  }
}

void log_debug(std::string_view line) {
  if (logger) logger->log(spdlog::level::debug, protocol::shown_line(line, longest_line));
}

}  // namespace inpod
