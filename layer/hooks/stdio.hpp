// Streams over files of the pod: what stdio.cpp tells wide_stdio.cpp.
#pragma once

#include <stdio.h>
#include <wchar.h>

#include <atomic>

namespace inpod::layer {

/// An open cookie stream, so that fileno finds the descriptor. No lock: a place is claimed by its atomic.
struct Cookie {
  std::atomic<bool> used;
  std::atomic<FILE*> stream;
  int fd;
  bool is_bytes;      ///< has been read or written byte by byte
  bool is_wide;       ///< wide characters have been written
  bool is_libcs;      ///< has become an ordinary stream on fd, so that libc reads and closes it
  mbstate_t shift;    ///< of what has been written
  FILE* wide_source;  ///< the stream whose wide buffers it has borrowed; null: none
};

/// The place of a stream that was opened on a file of the pod; else null.
Cookie* find_cookie(FILE* stream);

/// The same where libc still calls the cookie's functions.
inline Cookie* find_foreign(FILE* stream) {
  Cookie* cookie = find_cookie(stream);
  return cookie && !cookie->is_libcs ? cookie : nullptr;
}

/// libc's fopen and fclose, without the hooks.
FILE* open_here(const char* path, const char* mode);
int close_here(FILE* stream);

/// fopen's "…,ccs=CHARSET" for a remote descriptor, which the stream owns then. Null and errno when that
/// fails.
FILE* wide_stream_over(int fd, const char* mode);

}  // namespace inpod::layer
