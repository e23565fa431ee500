// See printable.hpp.
#include "protocol/printable.hpp"

#include <cstdint>
#include <cstdio>

#include "protocol/utf8.hpp"

namespace inpod::protocol {
namespace {

constexpr std::string_view ellipsis = "…";

struct Range {
  std::uint32_t first, last;
};

/// Characters that are not seen, or that move what is: of Unicode's categories Cc, Zl, Zp and Cf, and what
/// else is Default_Ignorable. The joiners (U+200C, U+200D) and the variation selectors of emoji (U+FE00 to
/// U+FE0F) are left out: Persian, Hindi and emoji are written with them.
constexpr Range hidden[] = {{0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},
                            {0x61c, 0x61c},   {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180e, 0x180e},
                            {0x200b, 0x200b}, {0x200e, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
                            {0x3164, 0x3164}, {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff9, 0xfffb},
                            {0xfffe, 0xffff}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};

bool is_hidden(std::uint32_t point) {
  for (const auto& range : hidden)
    if (point >= range.first && point <= range.last) return true;
  return false;
}

/// The length of the character at the start of `text`, or 0 where the bytes are none.
std::size_t character(std::string_view text, std::uint32_t& point) {
  const auto lead = static_cast<std::uint8_t>(text[0]);
  const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : 4;
  if (length > text.size() || !is_utf8(text.substr(0, length))) return 0;
  point = length == 1 ? lead : lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) point = point << 6 | (static_cast<std::uint8_t>(text[i]) & 0x3fu);
  return length;
}

std::string escape(std::uint32_t point, bool is_byte) {
  char text[16];
  std::snprintf(text, sizeof text, is_byte ? "\\x%02x" : point > 0xffff ? "\\U%08x" : "\\u%04x", point);
  return text;
}

std::string show(std::string_view text, bool one_line, std::size_t most) {
  std::string result;
  std::size_t end = 0;  // of what can stay where the rest is cut
  for (std::size_t at = 0; at < text.size();) {
    std::uint32_t point = 0;
    const auto length = character(text.substr(at), point);
    const char byte = text[at];
    const bool line_ends = byte == '\r' && text.substr(at).starts_with("\r\n");
    if (length == 0) {
      result += escape(static_cast<std::uint8_t>(byte), true);
    } else if (byte == '\n' && one_line) {
      result += "\\n";
    } else if (byte == '\n') {
      result += at + 1 < text.size() ? "\n  " : "\n";
      for (int blanks = 0; blanks < 2 && text.substr(at + 1).starts_with(' '); ++blanks) ++at;
    } else if (byte == '\t' || !is_hidden(point)) {
      if (byte == '(' && result.ends_with(']')) result += ' ';
      result += text.substr(at, length);
    } else if (!line_ends) {
      result += escape(point, point < 0x80);
    }
    at += length == 0 ? 1 : length;
    if (result.size() + ellipsis.size() <= most) end = result.size();
    if (result.size() > most) return result.substr(0, end).append(ellipsis);
  }
  return result;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) result += c > ' ' && c < 0x7f && c != '"' ? c : '?';
  return result;
}

std::string shown(std::string_view text, std::size_t most) {
  return show(text, false, most);
}

std::string shown_line(std::string_view text, std::size_t most) {
  return show(text, true, most);
}

}  // namespace inpod::protocol
