// What the file requests of messages.hpp do, each as one blocking function for a worker thread that is inside
// the pod's root (PodRoot::enter_thread). Failures are Failure messages with the errno of the system call.
#pragma once

#include <memory>
#include <string>

#include "files/pod_root.hpp"
#include "protocol/messages.hpp"

namespace inpod::agent {

constexpr std::size_t max_inline =
    protocol::largest_piece;  ///< bytes of file content, or of directory entries, in one message

/// An open file of a client.
struct OpenHandle {
  UniqueFd fd;
};
/// A directory that is being listed in pages. Used by one page at a time.
struct OpenListing {
  UniqueFd fd;
  std::string buffer;  // what getdents64 gave
  std::size_t at = 0;  // how much of it is listed
};

struct OpenResult {
  protocol::Message answer;            // OpenedFile without handle and stream, or Failure
  std::shared_ptr<OpenHandle> handle;  // set if it succeeded
  std::uint64_t remaining = 0;         // bytes after the inline content that are to be streamed
};
OpenResult open_file(const PodRoot& root, const protocol::OpenFile& request);

struct ListResult {
  protocol::Message answer;              // Directory without cursor, or Failure
  std::shared_ptr<OpenListing> listing;  // set if there is more
};
/// listing: null opens `path`.
ListResult list_directory(const PodRoot& root, const std::string& path, std::shared_ptr<OpenListing> listing);

protocol::Message read_file(const OpenHandle& handle, const protocol::ReadFile& request);
protocol::Message write_file(const OpenHandle& handle, const protocol::WriteFile& request);
protocol::Message truncate_file(const OpenHandle& handle, const protocol::TruncateFile& request);
/// Bytes at an offset, for streams; empty at end of file.
protocol::Message control_file(const OpenHandle& handle, const protocol::ControlFile& request);
protocol::Message change_attributes(const OpenHandle& handle, const protocol::ChangeAttributes& request);
Result<protocol::Bytes> read_piece(const OpenHandle& handle, std::uint64_t offset, std::size_t length);

Result<protocol::FileStat> stat_of(int fd);
protocol::Message stat_path(const PodRoot& root, const protocol::StatFile& request);
protocol::Message access_path(const PodRoot& root, const protocol::AccessFile& request);
protocol::Message read_link(const PodRoot& root, const protocol::ReadLink& request);
protocol::Message real_path(const PodRoot& root, const protocol::RealPath& request);
protocol::Message change_attributes(const PodRoot& root, const protocol::ChangeAttributes& request);
protocol::Message change_path(const PodRoot& root, const protocol::ChangePath& request);

/// The Failure that tells an Error. An Error without errno becomes EIO.
protocol::Message to_failure(const Error& error);
/// Likewise, of an errno. `what` failed, in a word.
protocol::Message failure(int code, const char* what);

}  // namespace inpod::agent
