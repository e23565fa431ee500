// JsonLines: JSON lines on a pipe, socket or file, for a reader that may be slow or stopped. print() never
// waits: the thread that prints also carries the debuggee's files and connections. What does not fit at once
// goes out later, in order. One thread.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "protocol/task.hpp"

namespace inpod::cli {

class JsonLines : public std::enable_shared_from_this<JsonLines> {
 public:
  /// `fd` stays the caller's, and a blocking one: others may share it.
  JsonLines(const boost::asio::any_io_executor& executor, int fd);
  void print(const nlohmann::json& value);
  /// The reader is behind: lines that only say how things stand may be left out.
  bool waiting() const { return sent_ < rest_.size(); }
  /// So far behind that events are to be left out, too: they are for a reader, not for memory.
  bool full() const { return rest_.size() - sent_ > 4u << 20; }
  /// Until all is out, or the time is over.
  protocol::Task<void> flush(std::chrono::milliseconds bound);

 private:
  static protocol::Task<void> write_rest(std::shared_ptr<JsonLines> self);
  void write_now();

  int fd_;
  boost::asio::posix::stream_descriptor
      out_;  ///< to wait for room; not open where nothing is ever waited for (a plain file)
  boost::asio::steady_timer written_;  ///< cancelled when all is out
  std::string rest_;
  std::size_t sent_ = 0;  ///< of rest_
  bool writing_ = false, broken_ = false;
};

}  // namespace inpod::cli
