// What several families of hooks do with descriptors.
#pragma once

namespace inpod::layer {

/// After a local open of `path`: fd has a new meaning now; behind /proc/…/fd or /dev/fd may be a file of
/// ours.
int opened_here(int fd, const char* path);
/// A descriptor got a new meaning without the layer's doing (accept, socket, a local open): what was known is
/// void.
void reused(int fd);
/// close(2) with all that the layer owes it. As libc: 0, or -1 and errno.
int close_descriptor(int fd);
/// Before and after libc closes `fd` by itself (fclose): what is to be told afterwards.
class ClosingElsewhere {
 public:
  explicit ClosingElsewhere(int fd);
  ~ClosingElsewhere();
  ClosingElsewhere(const ClosingElsewhere&) = delete;
  ClosingElsewhere& operator=(const ClosingElsewhere&) = delete;

 private:
  int fd_;
  unsigned long word_ = 0;
};

}  // namespace inpod::layer
