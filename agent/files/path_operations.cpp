// See file_operations.hpp: everything that works on paths, and listing directories.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files/file_operations.hpp"
#include "files/nanoseconds.hpp"

namespace inpod::agent {
using protocol::Message;
using protocol::PathChange;

namespace {

constexpr std::size_t listing_buffer = 32 * 1024;
constexpr std::size_t entry_overhead =
    160;  // bytes of a DirectoryEntry on the wire besides its name, at most

std::int64_t nanoseconds_of(const statx_timestamp& time) {
  return nanoseconds(time.tv_sec, time.tv_nsec);
}

Result<protocol::FileStat> stat_at(int directory, const char* path, int flags) {
  struct statx raw {};
  if (::statx(directory, path, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, &raw) != 0)
    return fail_errno(path);
  protocol::FileStat stat;
  stat.device = makedev(raw.stx_dev_major, raw.stx_dev_minor);
  stat.inode = raw.stx_ino;
  stat.mode = raw.stx_mode;
  stat.links = raw.stx_nlink;
  stat.uid = raw.stx_uid;
  stat.gid = raw.stx_gid;
  stat.special_device = makedev(raw.stx_rdev_major, raw.stx_rdev_minor);
  stat.size = raw.stx_size;
  stat.block_size = raw.stx_blksize;
  stat.blocks = raw.stx_blocks;
  stat.accessed_ns = nanoseconds_of(raw.stx_atime);
  stat.modified_ns = nanoseconds_of(raw.stx_mtime);
  stat.changed_ns = nanoseconds_of(raw.stx_ctime);
  stat.born_ns = raw.stx_mask & STATX_BTIME ? nanoseconds_of(raw.stx_btime) : 0;
  return stat;
}

Message done_or_errno(int result, const std::string& path) {
  if (result != 0) return to_failure(fail_errno(path).value());
  return protocol::Done{};
}

/// Fills the listing's buffer with the next records; it stays empty at the end.
Result<void> refill(OpenListing& listing) {
  listing.buffer.resize(listing_buffer);
  long length = ::syscall(SYS_getdents64, listing.fd.get(), listing.buffer.data(), listing.buffer.size());
  int code = errno;
  listing.buffer.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  listing.at = 0;
  if (length < 0) return fail_errno("getdents64", code);
  return {};
}

protocol::DirectoryEntry next_entry(OpenListing& listing) {
  const auto* record = reinterpret_cast<const dirent64*>(listing.buffer.data() + listing.at);
  listing.at += record->d_reclen;
  protocol::DirectoryEntry entry;
  entry.name = record->d_name;
  entry.inode = record->d_ino;
  entry.type = record->d_type;
  if (auto stat = stat_at(listing.fd.get(), record->d_name, AT_SYMLINK_NOFOLLOW)) {
    entry.has_stat = true;
    entry.stat = *stat;
  }
  return entry;
}

Message rename_or_link(const PodRoot& root, const protocol::ChangePath& request) {
  bool links = request.change == PathChange::link, follow = links && (request.number & AT_SYMLINK_FOLLOW);
  auto from = follow ? root.locate(request.path, true) : root.locate_entry(request.path);
  if (!from) return to_failure(from.error());
  auto to = root.locate_entry(request.other);
  if (!to) return to_failure(to.error());
  const char *first = from->path.c_str(), *second = to->path.c_str();
  if (links)
    return done_or_errno(::linkat(AT_FDCWD, first, AT_FDCWD, second, follow ? AT_SYMLINK_FOLLOW : 0),
                         request.path);
  auto flags = static_cast<unsigned>(request.number);
  return done_or_errno(
      flags == 0 ? ::rename(first, second) : ::renameat2(AT_FDCWD, first, AT_FDCWD, second, flags),
      request.path);
}

}  // namespace

Result<protocol::FileStat> stat_of(int fd) {
  return stat_at(fd, "", AT_EMPTY_PATH);
}

Message stat_path(const PodRoot& root, const protocol::StatFile& request) {
  auto at = root.locate(request.path, request.follow);
  if (!at) return to_failure(at.error());
  auto stat = stat_at(AT_FDCWD, at->path.c_str(), at->flags);
  if (!stat) return to_failure(stat.error());
  return *stat;
}

Message access_path(const PodRoot& root, const protocol::AccessFile& request) {
  auto at = root.locate(request.path, !(request.flags & AT_SYMLINK_NOFOLLOW));
  if (!at) return to_failure(at.error());
  int flags = at->flags | static_cast<int>(request.flags & ~static_cast<unsigned>(AT_SYMLINK_NOFOLLOW));
  return done_or_errno(::faccessat(AT_FDCWD, at->path.c_str(), static_cast<int>(request.mode), flags),
                       request.path);
}

Message read_link(const PodRoot& root, const protocol::ReadLink& request) {
  auto at = root.locate(request.path, false);
  if (!at) return to_failure(at.error());
  char target[PATH_MAX];
  ssize_t length = at->object ? ::readlinkat(at->object.get(), "", target, sizeof target)
                              : ::readlink(at->path.c_str(), target, sizeof target);
  // An empty path names the fd itself, and then the kernel says ENOENT for what is no link; readlink(2) says
  // EINVAL.
  if (length < 0)
    return to_failure(fail_errno(request.path, at->object && errno == ENOENT ? EINVAL : errno).value());
  return protocol::Text{std::string(target, static_cast<std::size_t>(length))};
}

Message real_path(const PodRoot& root, const protocol::RealPath& request) {
  auto fd = root.open(request.path, O_PATH, 0);
  if (!fd) return to_failure(fd.error());
  std::string path = root.path_of(fd->get());
  if (path.empty()) return to_failure(fail_errno(request.path, ENOENT).value());
  return protocol::Text{std::move(path)};
}

Message change_path(const PodRoot& root, const protocol::ChangePath& request) {
  bool on_object = request.change == PathChange::chmod || request.change == PathChange::truncate;
  if (request.change == PathChange::rename || request.change == PathChange::link)
    return rename_or_link(root, request);
  auto at = on_object ? root.locate(request.path, true) : root.locate_entry(request.path);
  if (!at) return to_failure(at.error());
  const char* path = at->path.c_str();
  auto number = request.number;
  switch (request.change) {
    case PathChange::make_directory:
      return done_or_errno(::mkdir(path, static_cast<mode_t>(number)), request.path);
    case PathChange::unlink:
      return done_or_errno(::unlink(path), request.path);
    case PathChange::remove_directory:
      return done_or_errno(::rmdir(path), request.path);
    case PathChange::symlink:
      return done_or_errno(::symlink(request.other.c_str(), path), request.path);
    case PathChange::chmod:
      return done_or_errno(::chmod(path, static_cast<mode_t>(number)), request.path);
    case PathChange::truncate:
      return done_or_errno(::truncate(path, static_cast<off_t>(number)), request.path);
    default:
      return to_failure(fail_errno(request.path, EINVAL).value());
  }
}

ListResult list_directory(const PodRoot& root, const std::string& path,
                          std::shared_ptr<OpenListing> listing) {
  if (!listing) {
    auto fd = root.open(path, O_RDONLY | O_DIRECTORY, 0);
    if (!fd) return {to_failure(fd.error()), nullptr};
    listing = std::make_shared<OpenListing>();
    listing->fd = std::move(*fd);
  }
  protocol::Directory page;
  auto stat = stat_of(listing->fd.get());
  if (!stat) return {to_failure(stat.error()), nullptr};
  page.stat = *stat;
  for (std::size_t size = 0; size < max_inline;) {
    if (listing->at == listing->buffer.size()) {
      if (auto filled = refill(*listing); !filled) return {to_failure(filled.error()), nullptr};
      if (listing->buffer.empty()) return {std::move(page), nullptr};
    }
    page.entries.push_back(next_entry(*listing));
    size += entry_overhead + page.entries.back().name.size();
  }
  return {std::move(page), std::move(listing)};
}

}  // namespace inpod::agent
