// See plain_ends.hpp.
#include "relay/plain_ends.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "relay/activity.hpp"
#include "relay/slots.hpp"

namespace inpod::relay {

namespace asio = boost::asio;

WritePipe::WritePipe(Context& context, std::shared_ptr<RemoteFile> file, std::string path,
                     std::function<void(bool failed)> on_write)
    : context_(context),
      file_(std::move(file)),
      path_(std::move(path)),
      on_write_(std::move(on_write)),
      end_(context.executor),
      free_(context.executor) {}

Result<std::shared_ptr<WritePipe>> WritePipe::create(Context& context, std::shared_ptr<RemoteFile> file,
                                                     std::string path,
                                                     std::function<void(bool failed)> on_write) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("cannot make a pipe");
  UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  (void)::fcntl(writing.get(), F_SETPIPE_SZ, static_cast<int>(largest_piece));  // of fewer round trips
  struct stat info {};
  if (::fcntl(reading.get(), F_SETFL, O_NONBLOCK) != 0 || ::fstat(reading.get(), &info) != 0)
    return fail_errno("cannot prepare a pipe");
  std::shared_ptr<WritePipe> pipe(
      new WritePipe(context, std::move(file), std::move(path), std::move(on_write)));
  pipe->inode_ = info.st_ino;
  pipe->end_.assign(reading.release());
  return pipe;
}

Result<UniqueFd> WritePipe::program_fd() {
  if (!end_.is_open()) return fail_errno("write", EPIPE);
  TRY_ASSIGN(writing, reopen(end_.native_handle(), O_WRONLY));
  if (!std::exchange(running_, true)) context_.spawn(run(shared_from_this()));
  return writing;
}

bool WritePipe::has_writers() {
  if (!end_.is_open()) return false;
  pollfd state{end_.native_handle(), POLLIN, 0};
  return ::poll(&state, 1, 0) >= 0 && (state.revents & POLLHUP) == 0;
}

std::size_t WritePipe::waiting() {
  int count = 0;
  const bool told = end_.is_open() && ::ioctl(end_.native_handle(), FIONREAD, &count) == 0;
  return told ? static_cast<std::size_t>(count) : 0;
}

bool WritePipe::has_waiting() {
  return busy_ || waiting() > 0;
}

Task<void> WritePipe::settle() {
  const auto self = shared_from_this();
  while (busy_) co_await free_.wait();
  auto left = waiting();  // what comes later is not waited for: a writer need not ever pause
  while (left > 0 && co_await carry(left) == Outcome::carried) continue;
}

/// Takes at most `limit` bytes from the pipe, one piece of the file, to the pod; less what it took.
Task<WritePipe::Outcome> WritePipe::carry(std::size_t& limit) {
  struct Turn {
    WritePipe& pipe;
    explicit Turn(WritePipe& of) : pipe(of) { pipe.busy_ = true; }
    Turn(const Turn&) = delete;
    ~Turn() {
      pipe.busy_ = false;
      pipe.free_.notify();
    }
  };
  while (busy_) co_await free_.wait();
  if (!end_.is_open()) co_return Outcome::ended;
  const Turn turn(*this);
  Bytes data(std::min<std::size_t>(limit, largest_piece));
  const auto length = ::read(end_.native_handle(), data.data(), data.size());
  if (length == 0) co_return Outcome::ended;
  if (length < 0) co_return Outcome::empty;  // EAGAIN
  limit -= static_cast<std::size_t>(length);
  data.resize(static_cast<std::size_t>(length));
  while (!data.empty()) {
    auto written = co_await file_->write(data, 0, true);
    if (written && *written == 0) written = fail_errno("write", EIO);
    on_write_(!written);
    if (!written) {
      fail_with(written.error());
      co_return Outcome::ended;
    }
    data.erase(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(*written));
  }
  co_return Outcome::carried;
}

Task<void> WritePipe::run([[maybe_unused]] std::shared_ptr<WritePipe> self) {
  for (;;) {
    std::size_t limit = largest_piece;
    const auto outcome = co_await carry(limit);
    if (outcome == Outcome::ended) break;
    if (outcome == Outcome::carried) continue;
    auto [failed] = co_await end_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (failed) break;
  }
  running_ = false;
}

void WritePipe::fail_with(const Error& error) {
  error_ = code_of(error);
  if (!context_.closed)
    context_.activity->note(
        "error", path_ +
                     ": what the program wrote (to its standard output, or another redirected descriptor) "
                     "could not be written in the pod: " +
                     std::strerror(error_));
  close();
}

void WritePipe::close() {
  boost::system::error_code ignored;
  end_.close(ignored);
}

Result<Feed> make_feed() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail_errno("cannot make a socket");
  Feed made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  // A byte that `feed` reads only at the end of the file: as long as it is there, closing resets the socket.
  if (::send(made.program.get(), "", 1, MSG_NOSIGNAL) != 1 || ::shutdown(made.program.get(), SHUT_WR) != 0 ||
      ::fcntl(made.relay.get(), F_SETFL, O_NONBLOCK) != 0)
    return fail_errno("cannot prepare a socket");
  return made;
}

Task<void> feed(Context& context, UniqueFd end, std::string path, std::uint64_t offset, ReadPiece read) {
  asio::posix::stream_descriptor socket(context.executor, end.release());
  while (!context.closed) {
    auto piece = co_await read(offset, largest_piece);
    if (!piece) {
      if (!context.closed)
        context.activity->note("error", path + ": the program's input could not be read in the pod: " +
                                            std::strerror(code_of(piece.error())));
      co_return;
    }
    char byte;
    if (piece->empty()) (void)!::recv(socket.native_handle(), &byte, 1, 0);
    if (piece->empty()) co_return;
    offset += piece->size();
    for (std::size_t sent = 0; sent < piece->size();) {
      const auto length =
          ::send(socket.native_handle(), piece->data() + sent, piece->size() - sent, MSG_NOSIGNAL);
      if (length >= 0) {
        sent += static_cast<std::size_t>(length);
        continue;
      }
      if (errno != EAGAIN) co_return;  // nobody reads
      auto [failed] = co_await socket.async_wait(asio::posix::stream_descriptor::wait_write, as_result);
      if (failed) co_return;
    }
  }
}

}  // namespace inpod::relay
