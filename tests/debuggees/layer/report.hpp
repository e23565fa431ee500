// What the debuggees of the layer's tests share: one line of text per fact, the same on every run and on
// either side.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

/// "name = value", or "name = ERROR" where a call has failed (value < 0).
inline void report(const std::string& what, long value) {
  if (value < 0)
    printf("%s = %s\n", what.c_str(), strerrorname_np(errno));
  else
    printf("%s = %ld\n", what.c_str(), value);
}

inline void report(const std::string& what, const std::string& text) {
  printf("%s = \"%s\"\n", what.c_str(), text.c_str());
}

/// FNV-1a over some bytes: tells contents apart without printing them.
inline std::uint64_t digest(const void* data, std::size_t size, std::uint64_t hash = 0xcbf29ce484222325) {
  for (std::size_t i = 0; i < size; ++i)
    hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3;
  return hash;
}

inline void report_bytes(const std::string& what, const void* data, long size) {
  if (size < 0)
    printf("%s = %s\n", what.c_str(), strerrorname_np(errno));
  else
    printf("%s = %ld bytes, %016llx\n", what.c_str(), size,
           static_cast<unsigned long long>(digest(data, static_cast<std::size_t>(size))));
}
