// What code without hooks gets in the place of an open file: see files.hpp and plain_ends.hpp.
#include <fcntl.h>

#include <algorithm>
#include <limits>

#include "relay/open_file.hpp"

namespace inpod::relay {

Task<Answer> Files::plain(Call call) {
  const auto file = find(call);
  if (!file) co_return refuse(EBADF);
  if (file->kind == FileKind::directory) co_return Answer();
  if (call.request.b == 1)
    co_return file->remote && (file->flags & O_ACCMODE) != O_RDONLY ? give_pipe(file) : refuse(EBADF);
  if (!file->snapshot || file->snapshot->size() > window_budget) co_return give_feed(file, call.request.c);
  // A file that is too short for what its size said has been cut to that by now.
  const auto filled =
      co_await file->snapshot->ensure(0, std::numeric_limits<std::int64_t>::max(), Keep::always);
  co_return refuse(filled ? 0 : code_of(filled.error()));
}

Answer Files::give_pipe(const std::shared_ptr<File>& file) {
  if (!file->pipe) {
    const std::weak_ptr<File> weak = file;
    auto made = WritePipe::create(context_, file->remote, file->path, [this, weak](bool failed) {
      if (const auto written = weak.lock()) written->heard = {};
      lost_output_ = lost_output_ || failed;
      paths_.forget();
    });
    if (!made) return refuse(code_of(made.error()));
    file->pipe = std::move(*made);
    by_pipe_[file->pipe->inode()] = file->handle;
  }
  auto end = file->pipe->program_fd();
  if (!end) return refuse(file->pipe->error() != 0 ? file->pipe->error() : code_of(end.error()));
  Answer answer;
  answer.reply.a = static_cast<std::uint64_t>(PlainKind::writer);
  answer.fd = std::move(*end);
  return answer;
}

Answer Files::give_feed(const std::shared_ptr<File>& file, std::uint64_t offset) {
  auto made = make_feed();
  if (!made) return refuse(code_of(made.error()));
  context_.spawn(run_feed(file, std::move(made->relay), offset));
  Answer answer;
  answer.reply.a = static_cast<std::uint64_t>(PlainKind::reader);
  answer.fd = std::move(made->program);
  return answer;
}

Task<void> Files::run_feed(std::shared_ptr<File> file, UniqueFd end, std::uint64_t offset) {
  ++file->feeds;
  co_await feed(
      context_, std::move(end), file->path, offset, [&file](std::uint64_t at, std::uint32_t length) {
        return file->snapshot ? file->snapshot->read(at, length) : file->remote->read(length, 0, true);
      });
  --file->feeds;
}

/// Held by a program that the layer is not in, which nobody counts, or not written yet. A FIFO may keep a
/// writer waiting for ever.
bool Files::is_used_plainly(const File& file) {
  if (file.feeds > 0) return true;
  return file.pipe && (file.pipe->has_writers() || (file.remote->is_regular() && file.pipe->has_waiting()));
}

Task<Answer> Files::written(Call call) {
  const auto file = find(call);
  if (!file) co_return refuse(EBADF);
  if (!file->pipe) co_return Answer();
  co_await file->pipe->settle();
  co_return refuse(file->pipe->error());
}

bool Files::has_waiting(Pipes which) const {
  return std::any_of(by_pipe_.begin(), by_pipe_.end(), [this, which](const auto& entry) {
    const auto& file = *files_.at(entry.second);
    return (which == Pipes::all || file.remote->is_regular()) && file.pipe->has_waiting();
  });
}

Task<void> Files::settle(Pipes which) {
  std::vector<std::shared_ptr<WritePipe>> pipes;
  for (const auto& [inode, handle] : by_pipe_)
    if (const auto& file = *files_.at(handle); which == Pipes::all || file.remote->is_regular())
      pipes.push_back(file.pipe);
  for (const auto& pipe : pipes) co_await pipe->settle();
}

}  // namespace inpod::relay
