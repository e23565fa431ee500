// What a peer says of itself, made fit for one line of a log or of a rule's comment.
#pragma once

#include <string>
#include <string_view>

namespace inpod::protocol {

/// The text with a question mark for whatever is not a visible character of ASCII, and for quotes: no line
/// ends, no blanks, no terminal's control sequences.
inline std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) result += c > ' ' && c < 0x7f && c != '"' ? c : '?';
  return result;
}

}  // namespace inpod::protocol
