// Text in fixed memory: a bounded builder and a few parsers, for code that may neither allocate nor call
// stdio.
//
// No function here throws or allocates; all are safe in signal handlers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace inpod {

/// Appends to a fixed array and keeps it NUL-terminated. Too much text sets `overflow`, and nothing more is
/// added.
template <std::size_t Capacity>
class FixedText {
 public:
  constexpr FixedText() {
    // Static ones must need no constructor at run time; others needn't be cleared.
    if (std::is_constant_evaluated())
      for (char& c : data_) c = 0;
    else
      data_[0] = 0;
  }
  FixedText& operator<<(std::string_view text) {
    if (overflow_ || text.size() >= Capacity - length_) {
      overflow_ = true;
      return *this;
    }
    if (!text.empty()) memcpy(data_ + length_, text.data(), text.size());
    length_ += text.size();
    data_[length_] = 0;
    return *this;
  }
  FixedText& operator<<(std::uint64_t number) {
    char digits[20];
    std::size_t count = 0;
    do digits[sizeof digits - ++count] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    return *this << std::string_view(digits + sizeof digits - count, count);
  }
  void clear() {
    length_ = 0;
    overflow_ = false;
    data_[0] = 0;
  }
  bool overflow() const { return overflow_; }
  std::string_view view() const { return {data_, length_}; }
  const char* c_str() const { return data_; }

 private:
  char data_[Capacity];
  std::size_t length_ = 0;
  bool overflow_ = false;
};

inline bool starts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && memcmp(text.data(), prefix.data(), prefix.size()) == 0;
}

/// Takes what stands before `separator` off the front of `rest` (all of it where there is none).
inline std::string_view take_until(std::string_view& rest, char separator) {
  const void* found = rest.empty() ? nullptr : memchr(rest.data(), separator, rest.size());
  if (!found) {
    const std::string_view all = rest;
    rest = {};
    return all;
  }
  const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - rest.data());
  const std::string_view part(rest.data(), length);
  rest.remove_prefix(length + 1);
  return part;
}

/// Takes a decimal number off the front of `rest`; false where there is none or it passes `limit`.
inline bool take_number(std::string_view& rest, std::uint64_t limit, std::uint64_t& number) {
  std::size_t used = 0;
  number = 0;
  while (used < rest.size() && rest[used] >= '0' && rest[used] <= '9') {
    number = number * 10 + static_cast<std::uint64_t>(rest[used++] - '0');
    if (number > limit) return false;
  }
  rest.remove_prefix(used);
  return used != 0;
}

}  // namespace inpod
