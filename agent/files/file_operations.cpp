// See file_operations.hpp: opening, reading, writing.
#include "files/file_operations.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace inpod::agent {
using protocol::Bytes;
using protocol::Message;

namespace {

Bytes read_beginning(int fd, std::size_t length) {
  Bytes content(length);
  std::size_t filled = 0;
  while (filled < length) {
    ssize_t count = ::pread(fd, content.data() + filled, length - filled, static_cast<off_t>(filled));
    if (count <= 0) break;
    filled += static_cast<std::size_t>(count);
  }
  content.resize(filled);
  return content;
}

bool wants_content(const protocol::OpenFile& request, const protocol::FileStat& stat) {
  // Size 0: empty, or a file that /proc makes up as it is read. The client reads those by handle.
  return S_ISREG(stat.mode) && (request.flags & O_ACCMODE) == O_RDONLY &&
         !(request.flags & (O_PATH | O_DIRECT)) && stat.size > 0 && stat.size <= request.prefetch_limit;
}

Message with_stat(Result<protocol::FileStat> stat, protocol::FileData data) {
  if (!stat) return to_failure(stat.error());
  data.stat = *stat;
  return data;
}

}  // namespace

Message to_failure(const Error& error) {
  return protocol::Failure{error.code ? error.code : EIO, error.to_string()};
}
Message failure(int code, const char* what) {
  return to_failure(fail_errno(what, code).value());
}

OpenResult open_file(const PodRoot& root, const protocol::OpenFile& request) {
  OpenResult result;
  auto fd = root.open(request.path, static_cast<int>(request.flags) | O_NOCTTY, request.mode);
  if (!fd) {
    result.answer = to_failure(fd.error());
    return result;
  }
  auto stat = stat_of(fd->get());
  if (!stat) {
    result.answer = to_failure(stat.error());
    return result;
  }
  protocol::OpenedFile opened;
  opened.stat = *stat;
  opened.real_path = root.path_of(fd->get());
  if (wants_content(request, *stat)) {
    std::size_t length = std::min<std::uint64_t>({request.inline_limit, max_inline, stat->size});
    opened.content = read_beginning(fd->get(), length);
    if (opened.content.size() == length) result.remaining = stat->size - length;  // else it ended early
  }
  result.answer = std::move(opened);
  result.handle = std::make_shared<OpenHandle>(OpenHandle{std::move(*fd)});
  return result;
}

Message read_file(const OpenHandle& handle, const protocol::ReadFile& request) {
  protocol::FileData result;
  result.data.resize(std::min<std::size_t>(request.length, max_inline));
  int fd = handle.fd.get();
  ssize_t count = request.at_position ? ::read(fd, result.data.data(), result.data.size())
                                      : ::pread(fd, result.data.data(), result.data.size(),
                                                static_cast<off_t>(request.offset));
  if (count < 0) return to_failure(fail_errno("read").value());
  result.data.resize(static_cast<std::size_t>(count));
  return with_stat(stat_of(fd), std::move(result));
}

Result<Bytes> read_piece(const OpenHandle& handle, std::uint64_t offset, std::size_t length) {
  Bytes piece(length);
  ssize_t count = ::pread(handle.fd.get(), piece.data(), length, static_cast<off_t>(offset));
  if (count < 0) return fail_errno("read");
  piece.resize(static_cast<std::size_t>(count));
  return piece;
}

Message write_file(const OpenHandle& handle, const protocol::WriteFile& request) {
  int fd = handle.fd.get();
  ssize_t count = request.at_position ? ::write(fd, request.data.data(), request.data.size())
                                      : ::pwrite(fd, request.data.data(), request.data.size(),
                                                 static_cast<off_t>(request.offset));
  if (count < 0) return to_failure(fail_errno("write").value());
  auto stat = stat_of(fd);
  if (!stat) return to_failure(stat.error());
  protocol::Written written;
  written.length = static_cast<std::uint64_t>(count);
  written.stat = *stat;
  return written;
}

Message truncate_file(const OpenHandle& handle, const protocol::TruncateFile& request) {
  if (::ftruncate(handle.fd.get(), static_cast<off_t>(request.size)) != 0)
    return to_failure(fail_errno("ftruncate").value());
  return protocol::Done{};
}

}  // namespace inpod::agent
