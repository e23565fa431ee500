#include "log/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace inpod {

Result<void> open_log(const std::string& file, bool verbose) {
  try {
    auto logger = file.empty() ? spdlog::stderr_logger_mt("inpod") : spdlog::basic_logger_mt("inpod", file);
    logger->set_level(verbose || !file.empty() ? spdlog::level::debug : spdlog::level::warn);
    logger->flush_on(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
    return {};
  } catch (const spdlog::spdlog_ex& error) {
    return Failed(Error{0, "cannot write the log file: " + std::string(error.what()), {}});
  }
}

void log_debug(std::string_view line) { spdlog::debug("{}", line); }

}  // namespace inpod
