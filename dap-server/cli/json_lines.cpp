// See json_lines.hpp.
#include "cli/json_lines.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "cli/console.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::cli {

namespace asio = boost::asio;

JsonLines::JsonLines(const asio::any_io_executor& executor, int fd)
    : fd_(fd), out_(executor), written_(executor) {
  written_.expires_at(asio::steady_timer::time_point::max());
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  boost::system::error_code refused;
  if (copy) out_.assign(copy.get(), refused);
  if (copy && !refused) copy.release();
}

void JsonLines::print(const nlohmann::json& value) {
  if (broken_) return;
  rest_ += json_line(value);
  if (writing_) return;
  write_now();
  if (!waiting()) return;
  writing_ = true;
  asio::co_spawn(out_.get_executor(), write_rest(shared_from_this()), rethrow);
}

protocol::Task<void> JsonLines::write_rest(std::shared_ptr<JsonLines> self) {
  while (self->waiting()) {
    const auto [failed] =
        co_await self->out_.async_wait(asio::posix::stream_descriptor::wait_write, as_result);
    if (failed) break;
    self->write_now();
  }
  self->writing_ = false;
  self->written_.cancel();
}

/// What poll(2) calls writable takes PIPE_BUF bytes without a wait.
void JsonLines::write_now() {
  pollfd room{fd_, POLLOUT, 0};
  while (waiting() && (!out_.is_open() || poll(&room, 1, 0) == 1)) {
    const ssize_t count =
        write(fd_, rest_.data() + sent_, std::min<std::size_t>(rest_.size() - sent_, PIPE_BUF));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN && out_.is_open()) break;
    broken_ = count <= 0;
    sent_ = broken_ ? rest_.size() : sent_ + static_cast<std::size_t>(count);
  }
  if (sent_ < rest_.size() / 2) return;
  rest_.erase(0, sent_);
  sent_ = 0;
}

protocol::Task<void> JsonLines::flush(std::chrono::milliseconds bound) {
  const auto self = shared_from_this();
  const auto late = std::make_shared<bool>(false);
  asio::steady_timer limit(out_.get_executor(), bound);
  limit.async_wait([self, late](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    *late = true;
    self->written_.cancel();
  });
  while (writing_ && !*late) co_await written_.async_wait(as_result);
}

}  // namespace inpod::cli
