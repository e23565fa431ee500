// See whole_file.hpp. The size that stat tells is no guide: it is 0 in /proc, and a log grows. So pieces are
// read until one is empty.
#include "relay/whole_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "relay/remote_file.hpp"

namespace inpod::relay {
namespace {

Task<Result<void>> read_pieces(Context& context, std::uint64_t handle, std::uint64_t limit,
                               FileContent& content) {
  while (!content.truncated) {
    // One byte more than may be kept tells whether there is more.
    const auto wanted = std::min<std::uint64_t>(largest_piece, limit + 1 - content.bytes.size());
    protocol::ReadFile request{handle, content.bytes.size(), static_cast<std::uint32_t>(wanted), false};
    CO_TRY(piece, co_await ask<protocol::FileData>(context, std::move(request)));
    if (piece.data.empty()) break;
    content.bytes.insert(content.bytes.end(), piece.data.begin(), piece.data.end());
    content.stat = piece.stat;
    content.truncated = content.bytes.size() > limit;
  }
  if (content.truncated) content.bytes.resize(limit);
  co_return Result<void>();
}

/// The error with the path in it, once: the agent's own often begins with it.
Error naming(const std::string& path, const Error& error) {
  return error.text.find(path) == std::string::npos ? error.context(path) : error;
}

}  // namespace

Task<Result<FileContent>> read_whole(Context& context, std::string path, std::uint64_t limit) {
  if (context.closed) co_return fail("the session has ended");
  if (path.empty() || path[0] != '/')
    co_return fail("\"" + path + "\" is not an absolute path", "name a file of the pod, such as /etc/hosts");
  protocol::OpenFile request;
  request.path = path;
  request.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
  auto opened = co_await ask<protocol::OpenedFile>(context, std::move(request));
  if (!opened) co_return Failed(naming(path, opened.error()));
  FileContent content;
  content.stat = opened->stat;
  Result<void> done = fail(path + " is not a regular file", "only these can be shown");
  if (S_ISREG(opened->stat.mode)) done = co_await read_pieces(context, opened->handle, limit, content);
  protocol::CloseFile closing{opened->handle};
  co_await ask<protocol::Done>(context, std::move(closing));
  if (!done) co_return Failed(naming(path, done.error()));
  co_return content;
}

}  // namespace inpod::relay
