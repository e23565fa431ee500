// Lexical normalising, and the cached working directory. See path.hpp.
#include "core/path.hpp"

#include <cerrno>
#include <cstring>

#include "core/raw.hpp"
#include "core/text.hpp"

namespace inpod {

std::size_t plain_length(const char* path) {
  if (path[0] != '/') return 0;
  std::size_t at = 0;
  for (; path[at]; ++at) {
    if (path[at] != '/') continue;
    const char next = path[at + 1];
    if (next == '/') return 0;
    if (next != '.') continue;
    const char third = path[at + 2];
    if (third == 0 || third == '/') return 0;
    if (third == '.' && (path[at + 3] == 0 || path[at + 3] == '/')) return 0;
  }
  return at < 4096 ? at : 0;
}

bool PathBuilder::append(std::string_view segment) {
  if (segment.size() + 1 >= limit_ - length_) return false;
  text_[length_++] = '/';
  memcpy(text_ + length_, segment.data(), segment.size());
  length_ += segment.size();
  return true;
}

long PathBuilder::append_all(std::string_view path) {
  while (!path.empty()) {
    const std::string_view segment = take_until(path, '/');
    if (segment == "..") {
      while (length_ > 0 && text_[--length_] != '/') {
      }
    } else if (!segment.empty() && segment != "." && !append(segment)) {
      return -ENAMETOOLONG;
    }
  }
  return 0;
}

long PathBuilder::assign(std::string_view base, std::string_view path) {
  length_ = 0;
  if (path.empty() || path[0] != '/')
    if (const long result = append_all(base); result != 0) return result;
  return add(length_, path);
}

long PathBuilder::add(std::size_t length, std::string_view path) {
  const bool absolute = !path.empty() && path[0] == '/';
  length_ = absolute || (length == 1 && text_[0] == '/') ? 0 : length;
  if (const long result = append_all(path); result != 0) return result;
  directory_only_ = path.ends_with('/') || path.ends_with("/.");
  if (length_ == 0) text_[length_++] = '/';
  text_[length_] = 0;
  return 0;
}

long PathBuilder::replace(std::string_view prefix, std::string_view rest) {
  if (prefix == "/") prefix = {};
  if (prefix.size() + rest.size() >= limit_) return -ENAMETOOLONG;
  if (!rest.empty()) memmove(text_ + prefix.size(), rest.data(), rest.size());
  if (!prefix.empty()) memcpy(text_, prefix.data(), prefix.size());
  length_ = prefix.size() + rest.size();
  if (length_ == 0) text_[length_++] = '/';
  text_[length_] = 0;
  return 0;
}

void PathBuilder::restore_slash() {
  if (!directory_only_ || length_ <= 1) return;
  text_[length_++] = '/';
  text_[length_] = 0;
}

bool WorkingDirectory::cached(char* into, std::size_t capacity, std::size_t& length) const {
  const unsigned long before = __atomic_load_n(&generation_, __ATOMIC_SEQ_CST);
  if ((before & 1) != 0 || __atomic_load_n(&valid_for_, __ATOMIC_ACQUIRE) != before + 1) return false;
  length = __atomic_load_n(&length_, __ATOMIC_RELAXED);
  if (length >= sizeof text_ || length >= capacity) return false;
  memcpy(into, text_, length);
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  return __atomic_load_n(&generation_, __ATOMIC_SEQ_CST) == before;
}

long WorkingDirectory::ask(char* into, std::size_t capacity, std::size_t& length, bool publish) {
  const unsigned long before = __atomic_load_n(&generation_, __ATOMIC_SEQ_CST);
  const long size = raw::current_directory(into, capacity);
  if (size < 0) return size;
  length = static_cast<std::size_t>(size) - 1;
  if (!publish || length >= sizeof text_ || (before & 1) != 0) return 0;
  unsigned long expected = before;
  if (!__atomic_compare_exchange_n(&generation_, &expected, before + 1, false, __ATOMIC_SEQ_CST,
                                   __ATOMIC_RELAXED))
    return 0;
  memcpy(text_, into, length);
  __atomic_store_n(&length_, length, __ATOMIC_RELAXED);
  // Valid only if nobody has called forget() since: it adds 2, so the sum below differs from what readers
  // then see.
  __atomic_store_n(&valid_for_, before + 3, __ATOMIC_RELEASE);
  __atomic_add_fetch(&generation_, 1, __ATOMIC_SEQ_CST);
  return 0;
}

}  // namespace inpod
