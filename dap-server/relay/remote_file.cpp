// RemoteFile: see remote_file.hpp.
#include "relay/remote_file.hpp"

#include <fcntl.h>

#include <algorithm>

#include "relay/activity.hpp"

namespace inpod::relay {

/// Held while an operation moves the position.
class RemoteFile::Turn {
 public:
  explicit Turn(RemoteFile& file) : file_(file) { file_.busy_ = true; }
  Turn(const Turn&) = delete;
  ~Turn() {
    file_.busy_ = false;
    file_.free_.notify();
  }

 private:
  RemoteFile& file_;
};

RemoteFile::RemoteFile(Context& context, std::uint64_t agent_handle, std::uint32_t flags,
                       const protocol::FileStat& stat)
    : context_(context),
      agent_handle_(agent_handle),
      flags_(flags),
      mode_(stat.mode),
      free_(context.executor) {}

Task<Result<Bytes>> RemoteFile::read(std::uint32_t length, std::uint64_t offset, bool at_position) {
  if (!at_position || !seekable()) co_return co_await read_pieces(length, offset, at_position);
  while (busy_) co_await free_.wait();
  Turn turn(*this);
  CO_TRY(data, co_await read_pieces(length, position_, false));
  position_ += data.size();
  co_return std::move(data);
}

/// Until a piece comes short. A pipe or device gives one: what is there.
Task<Result<Bytes>> RemoteFile::read_pieces(std::uint32_t length, std::uint64_t offset, bool at_position) {
  Bytes all;
  do {
    const auto piece = static_cast<std::uint32_t>(std::min<std::size_t>(length - all.size(), largest_piece));
    protocol::ReadFile request{agent_handle_, offset + all.size(), piece, at_position};
    auto answer = co_await ask<protocol::FileData>(context_, std::move(request));
    if (!answer && all.empty()) co_return Failed(answer.error());
    if (!answer) break;
    context_.activity->bytes_read(answer->data.size());
    const bool is_short = answer->data.size() < piece;
    if (all.empty())
      all = std::move(answer->data);
    else
      all.insert(all.end(), answer->data.begin(), answer->data.end());
    if (is_short) break;
  } while (seekable() && all.size() < length);
  co_return all;
}

Task<Result<std::uint64_t>> RemoteFile::write(Bytes data, std::uint64_t offset, bool at_position) {
  while (at_position && busy_) co_await free_.wait();
  std::optional<Turn> turn;
  if (at_position) turn.emplace(*this);
  const bool append = (flags_ & O_APPEND) != 0;
  std::uint64_t done = 0;
  while (done < data.size() || done == 0) {
    protocol::WriteFile request;
    request.handle = agent_handle_;
    request.at_position = at_position && (append || !seekable());
    request.offset = at_position ? position_ : offset + done;
    const auto piece = std::min<std::size_t>(data.size() - done, largest_piece);
    request.data.assign(data.begin() + static_cast<std::ptrdiff_t>(done),
                        data.begin() + static_cast<std::ptrdiff_t>(done + piece));
    auto answer = co_await ask<protocol::Written>(context_, std::move(request));
    if (!answer) {
      if (done > 0) break;
      co_return Failed(answer.error());
    }
    done += answer->length;
    if (at_position) position_ = append ? answer->stat.size : position_ + answer->length;
    if (answer->length < piece || data.empty()) break;
  }
  co_return done;
}

Task<Result<std::uint64_t>> RemoteFile::seek(std::int64_t offset, int whence) {
  if (!seekable()) co_return fail_errno("seek", S_ISCHR(mode_) || S_ISDIR(mode_) ? EINVAL : ESPIPE);
  while (busy_) co_await free_.wait();
  Turn turn(*this);
  std::int64_t base = 0;
  if (whence == SEEK_CUR) base = static_cast<std::int64_t>(position_);
  if (whence == SEEK_END) {
    CO_TRY(now, co_await stat());
    base = static_cast<std::int64_t>(now.size);
  }
  std::int64_t target = 0;
  if (whence < SEEK_SET || whence > SEEK_END || __builtin_add_overflow(base, offset, &target) || target < 0)
    co_return fail_errno("seek", EINVAL);
  position_ = static_cast<std::uint64_t>(target);
  co_return position_;
}

Task<Result<void>> RemoteFile::truncate(std::uint64_t size) {
  protocol::TruncateFile request{agent_handle_, size};
  CO_TRY_VOID(co_await ask<protocol::Done>(context_, std::move(request)));
  co_return Result<void>();
}

void RemoteFile::set_append(bool on) {
  flags_ = on ? flags_ | O_APPEND : flags_ & ~static_cast<std::uint32_t>(O_APPEND);
}

Task<Result<protocol::FileStat>> RemoteFile::stat() {
  protocol::StatFile request;
  request.handle = agent_handle_;
  return ask<protocol::FileStat>(context_, std::move(request));
}

}  // namespace inpod::relay
