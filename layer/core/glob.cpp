// Glob matching with two places to come back to: the last `*` and the last `**`. See glob.hpp.
#include "core/glob.hpp"

namespace inpod {
namespace {

constexpr std::size_t none = static_cast<std::size_t>(-1);

/// Position after the `]` of the bracket that opens at `at`, or none.
std::size_t bracket_end(std::string_view pattern, std::size_t at) {
  std::size_t i = at + 1;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;
  while (i < pattern.size() && pattern[i] != ']') ++i;
  return i < pattern.size() ? i + 1 : none;
}

bool bracket_holds(std::string_view pattern, std::size_t at, std::size_t end, char c) {
  std::size_t i = at + 1;
  const bool negated = pattern[i] == '!' || pattern[i] == '^';
  if (negated) ++i;
  bool found = false;
  for (; i + 1 < end; ++i) {
    const auto low = static_cast<unsigned char>(pattern[i]);
    auto high = low;
    if (i + 3 < end && pattern[i + 1] == '-') {
      high = static_cast<unsigned char>(pattern[i + 2]);
      i += 2;
    }
    const auto value = static_cast<unsigned char>(c);
    if (low <= value && value <= high) found = true;
  }
  return found != negated;
}

/// Matches one element of the pattern at p (no star) against one character; advances p. False: no match.
bool match_one(std::string_view pattern, std::size_t& p, char c) {
  switch (pattern[p]) {
    case '?':
      ++p;
      return c != '/';
    case '[': {
      const std::size_t end = bracket_end(pattern, p);
      if (end == none || c == '/' || !bracket_holds(pattern, p, end, c)) return false;
      p = end;
      return true;
    }
    case '\\':
      if (p + 1 >= pattern.size() || pattern[p + 1] != c) return false;
      p += 2;
      return true;
    default:
      if (pattern[p] != c) return false;
      ++p;
      return true;
  }
}

bool is_double_star(std::string_view pattern, std::size_t p) {
  return p + 1 < pattern.size() && pattern[p] == '*' && pattern[p + 1] == '*';
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::size_t star_p = none, star_t = 0;      // after the last `*`, and where its match ends
  std::size_t double_p = none, double_t = 0;  // the same for `**`
  bool double_segments = false;               // the last `**` stands for whole segments (`**/`)
  for (;;) {
    if (p < pattern.size() && pattern[p] == '*') {
      if (is_double_star(pattern, p)) {
        p += 2;
        double_segments = p < pattern.size() && pattern[p] == '/' && (p == 2 || pattern[p - 3] == '/');
        if (double_segments) ++p;
        double_p = p, double_t = t;
        star_p = none;
        if (p == pattern.size() && !double_segments) return true;
      } else {
        star_p = ++p, star_t = t;
      }
      continue;
    }
    if (t == text.size()) {
      if (p == pattern.size()) return true;
      // "/dir/**" matches "/dir" too.
      if (p + 3 == pattern.size() && pattern[p] == '/' && is_double_star(pattern, p + 1)) return true;
    } else if (p < pattern.size() && match_one(pattern, p, text[t])) {
      ++t;
      continue;
    }
    // Mismatch: let the last `*` take one more character of its segment, else the last `**`.
    if (star_p != none && star_t < text.size() && text[star_t] != '/') {
      t = ++star_t;
      p = star_p;
    } else if (double_p != none && double_t < text.size()) {
      if (double_segments) {
        while (double_t < text.size() && text[double_t] != '/') ++double_t;
        if (double_t == text.size()) return false;
      }
      t = ++double_t;
      p = double_p;
      star_p = none;
    } else {
      return false;
    }
  }
}

std::size_t glob_literal_length(std::string_view pattern) {
  std::size_t length = 0;
  while (length < pattern.size() && pattern[length] != '*' && pattern[length] != '?' &&
         pattern[length] != '[' && pattern[length] != '\\')
    ++length;
  if (length > 0 && length + 2 == pattern.size() && is_double_star(pattern, length) &&
      pattern[length - 1] == '/')
    --length;
  return length;
}

bool glob_valid(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      if (++i == pattern.size()) return false;
    } else if (pattern[i] == '[') {
      const std::size_t end = bracket_end(pattern, i);
      if (end == none) return false;
      i = end - 1;
    } else if (pattern[i] == '*' && is_double_star(pattern, i) && i + 2 < pattern.size() &&
               pattern[i + 2] == '*') {
      return false;
    }
  }
  return !pattern.empty();
}

}  // namespace inpod
