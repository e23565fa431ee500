// See framing.hpp.
#include "dap/framing.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace inpod::dap {
namespace {

constexpr std::string_view length_name = "content-length";

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

/// The line as it may be shown: printable, short.
std::string shown(std::string_view line) {
  std::string out;
  for (const char c : line.substr(0, 60)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return '"' + out + (line.size() > 60 ? "…\"" : "\"");
}

bool is_length_name(std::string_view name) {
  return std::equal(name.begin(), name.end(), length_name.begin(), length_name.end(),
                    [](unsigned char a, char b) { return std::tolower(a) == b; });
}

Result<std::size_t> parse_length(std::string_view text) {
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size())
    return fail("the Content-Length " + shown(text) + " is not a number of bytes");
  if (length > FrameReader::max_body)
    return fail("a message of " + std::to_string(length) + " bytes is longer than the limit of " +
                std::to_string(FrameReader::max_body));
  return length;
}

}  // namespace

Result<void> FrameReader::read_header() {
  const std::string_view rest = std::string_view(buffer_).substr(used_);
  std::size_t at = 0;
  std::optional<std::size_t> length;
  while (true) {
    const std::size_t end = rest.find('\n', at);
    if (end == std::string_view::npos) {
      if (rest.size() > max_header)
        return fail("no end of the message header within 4096 bytes; it starts with " + shown(rest));
      return {};
    }
    const std::string_view line = trim(rest.substr(at, end - at));
    at = end + 1;
    if (at > max_header)
      return fail("no end of the message header within 4096 bytes; it starts with " + shown(rest));
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return fail("the line " + shown(line) + " is not a message header");
    if (!is_length_name(trim(line.substr(0, colon)))) continue;
    TRY_ASSIGN(value, parse_length(trim(line.substr(colon + 1))));
    length = value;
  }
  if (!length) return fail("a message header without Content-Length");
  length_ = length;
  used_ += at;
  return {};
}

Result<std::optional<std::string>> FrameReader::next() {
  if (!length_) TRY_VOID(read_header());
  if (!length_ || buffer_.size() - used_ < *length_) {
    if (used_ > 0) buffer_.erase(0, std::exchange(used_, 0));
    return std::optional<std::string>();
  }
  std::optional<std::string> body(std::in_place, buffer_, used_, *length_);
  used_ += *length_;
  length_.reset();
  return body;
}

Result<void> FrameReader::at_end() const {
  if (length_)
    return fail("the stream ended in the middle of a message (" + std::to_string(buffer_.size() - used_) +
                " of " + std::to_string(*length_) + " bytes)");
  if (buffer_.size() > used_) return fail("the stream ended in the middle of a message header");
  return {};
}

std::string frame(std::string_view body) {
  return "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace inpod::dap
