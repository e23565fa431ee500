// Lexical normalising, and the cached working directory. See path.hpp.
#include "core/path.hpp"

#include <cerrno>
#include <cstring>

#include "core/raw.hpp"
#include "core/text.hpp"

namespace inpod {

bool Path::append(std::string_view segment) {
  if (segment.size() + 1 >= limit - length_) return false;
  text_[length_++] = '/';
  memcpy(text_ + length_, segment.data(), segment.size());
  length_ += segment.size();
  return true;
}

long Path::assign(std::string_view base, std::string_view path) {
  length_ = 0;
  const bool absolute = !path.empty() && path[0] == '/';
  for (const std::string_view part : {absolute ? std::string_view() : base, path}) {
    std::string_view rest = part;
    while (!rest.empty()) {
      const std::string_view segment = take_until(rest, '/');
      if (segment == "..") {
        while (length_ > 0 && text_[--length_] != '/') {
        }
      } else if (!segment.empty() && segment != "." && !append(segment)) {
        return -ENAMETOOLONG;
      }
    }
  }
  directory_only_ = path.ends_with('/') || path.ends_with("/.");
  if (length_ == 0) text_[length_++] = '/';
  text_[length_] = 0;
  return 0;
}

long Path::replace(std::string_view prefix, std::string_view rest) {
  if (prefix == "/") prefix = {};
  if (prefix.size() + rest.size() >= limit) return -ENAMETOOLONG;
  if (!rest.empty()) memmove(text_ + prefix.size(), rest.data(), rest.size());
  if (!prefix.empty()) memcpy(text_, prefix.data(), prefix.size());
  length_ = prefix.size() + rest.size();
  if (length_ == 0) text_[length_++] = '/';
  text_[length_] = 0;
  return 0;
}

void Path::restore_slash() {
  if (!directory_only_ || length_ <= 1) return;
  text_[length_++] = '/';
  text_[length_] = 0;
}

long WorkingDirectory::get(char (&into)[4096], std::size_t& length, bool publish) {
  const unsigned long before = __atomic_load_n(&generation_, __ATOMIC_SEQ_CST);
  if ((before & 1) == 0 && __atomic_load_n(&valid_for_, __ATOMIC_ACQUIRE) == before + 1) {
    length = __atomic_load_n(&length_, __ATOMIC_RELAXED);
    if (length < sizeof text_) {
      memcpy(into, text_, length);
      __atomic_thread_fence(__ATOMIC_ACQUIRE);
      if (__atomic_load_n(&generation_, __ATOMIC_SEQ_CST) == before) return 0;
    }
  }
  const long size = raw::current_directory(into, sizeof into);
  if (size < 0) return size;
  length = static_cast<std::size_t>(size) - 1;
  if (!publish || length >= sizeof text_ || (before & 1) != 0) return 0;
  unsigned long expected = before;
  if (!__atomic_compare_exchange_n(&generation_, &expected, before + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    return 0;
  memcpy(text_, into, length);
  __atomic_store_n(&length_, length, __ATOMIC_RELAXED);
  // Valid only if nobody has called forget() since: it adds 2, so the sum below differs from what readers then see.
  __atomic_store_n(&valid_for_, before + 3, __ATOMIC_RELEASE);
  __atomic_add_fetch(&generation_, 1, __ATOMIC_SEQ_CST);
  return 0;
}

}  // namespace inpod
