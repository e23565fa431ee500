// RemoteFile: an open file of the pod that has no local copy: devices, /proc entries, pipes, and files opened
// for writing. The position is kept here, shared by every descriptor that dup, fork or exec made of it, as a
// kernel would.
#pragma once

#include <sys/stat.h>

#include "relay/context.hpp"

namespace inpod::relay {

using protocol::largest_piece;

class RemoteFile {
 public:
  RemoteFile(Context& context, std::uint64_t agent_handle, std::uint32_t flags,
             const protocol::FileStat& stat);

  /// read(2) at the position, or pread(2). Moves the position by what was read.
  Task<Result<Bytes>> read(std::uint32_t length, std::uint64_t offset, bool at_position);
  Task<Result<std::uint64_t>> write(Bytes data, std::uint64_t offset, bool at_position);
  Task<Result<std::uint64_t>> seek(std::int64_t offset, int whence);
  Task<Result<void>> truncate(std::uint64_t size);
  Task<Result<protocol::FileStat>> stat();
  /// After the agent has set or cleared O_APPEND: the end is where writes at the position go, or no longer.
  void set_append(bool on);
  /// O_* flags: those of open, and O_APPEND as set since.
  std::uint32_t flags() const { return flags_; }
  bool is_regular() const { return S_ISREG(mode_); }
  /// The pod has gone: ESTALE from now on.
  void lose() { agent_handle_ = lost_handle; }

 private:
  class Turn;
  Task<Result<Bytes>> read_pieces(std::uint32_t length, std::uint64_t offset, bool at_position);
  bool seekable() const { return S_ISREG(mode_) || S_ISBLK(mode_); }

  Context& context_;
  std::uint64_t agent_handle_;
  std::uint32_t flags_, mode_;
  std::uint64_t position_ = 0;
  bool busy_ = false;  // one operation at the position at a time
  Signal free_;
};

}  // namespace inpod::relay
