// What code without hooks reads and writes in the place of a file of the pod: stdio on the descriptors 0 to
// 2, whose system calls are inside libc, and programs that the layer can't be loaded into.
//
// Writing: a pipe. Its bytes go to the file in their order, at the handle's position; whoever asks anything
// of the file, or of any path, first waits for them. Back-pressure is the pipe's own. When a write fails the
// pipe breaks: SIGPIPE or EPIPE. Reading: a socket that the file's bytes come through; an error in the pod
// resets it, so that it never looks like the end.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "relay/remote_file.hpp"

namespace inpod::relay {

class WritePipe : public std::enable_shared_from_this<WritePipe> {
 public:
  /// `path` is for notes. on_write: something has reached the pod, or failed to.
  static Result<std::shared_ptr<WritePipe>> create(Context& context, std::shared_ptr<RemoteFile> file,
                                                   std::string path,
                                                   std::function<void(bool failed)> on_write);

  /// A writing end for the program. EPIPE once a write has failed.
  Result<UniqueFd> program_fd();
  /// Of the pipe, whichever end (fstat).
  std::uint64_t inode() const { return inode_; }
  /// Whether any process still has a writing end.
  bool has_writers();
  /// Whether there is something that has not reached the pod.
  bool has_waiting();
  /// Waits until what has been written so far is in the pod, or a write has failed.
  Task<void> settle();
  /// The errno of the write that failed, or 0.
  int error() const { return error_; }
  void close();

 private:
  WritePipe(Context& context, std::shared_ptr<RemoteFile> file, std::string path,
            std::function<void(bool failed)> on_write);
  enum class Outcome { carried, empty, ended };
  Task<Outcome> carry(std::size_t& limit);
  Task<void> run(std::shared_ptr<WritePipe> self);
  std::size_t waiting();
  void fail_with(const Error& error);

  Context& context_;
  std::shared_ptr<RemoteFile> file_;
  std::string path_;
  std::function<void(bool failed)> on_write_;
  boost::asio::posix::stream_descriptor end_;
  Signal free_;
  std::uint64_t inode_ = 0;
  int error_ = 0;
  bool busy_ = false, running_ = false;
};

/// Reads a piece of a file: at most `length` bytes, none at its end.
using ReadPiece = std::function<Task<Result<Bytes>>(std::uint64_t offset, std::uint32_t length)>;

/// The reading end of a socket pair for the program, and the relay's end, which `feed` takes.
struct Feed {
  UniqueFd program, relay;
};
Result<Feed> make_feed();
/// Sends what `read` gives from `offset` on until its end, or until nobody reads any more.
Task<void> feed(Context& context, UniqueFd end, std::string path, std::uint64_t offset, ReadPiece read);

}  // namespace inpod::relay
