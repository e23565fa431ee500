// See framing.hpp.
#include "dap/framing.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

namespace inpod::dap {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

/// The text as it may be shown: printable, and so short that half a secret on a wrong line stays untold.
std::string shown(std::string_view text) {
  constexpr std::size_t most = 20;
  std::string out;
  for (const char c : text.substr(0, most)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return '"' + out + (text.size() > most ? "…\"" : "\"");
}

/// Header names are matched in any case. name: in lower case.
bool is_name(std::string_view text, std::string_view name) {
  return std::equal(text.begin(), text.end(), name.begin(), name.end(),
                    [](unsigned char a, char b) { return std::tolower(a) == b; });
}

}  // namespace

Result<std::size_t> FrameReader::parse_length(std::string_view text) const {
  const std::size_t limit = expects_secret_ ? max_stranger_body : max_body;
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size())
    return fail("the Content-Length " + shown(text) + " is not a number of bytes");
  if (length > limit)
    return fail("a message of " + std::to_string(length) + " bytes is longer than the limit of " +
                std::to_string(limit));
  return length;
}

Result<void> FrameReader::read_field(std::string_view line, Fields& fields) const {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return fail("the line " + shown(line) + " is not a message header");
  const std::string_view name = trim(line.substr(0, colon)), value = trim(line.substr(colon + 1));
  bool again = false;
  if (is_name(name, "content-length")) {
    TRY_ASSIGN(length, parse_length(value));
    again = std::exchange(fields.length, length).has_value();
  } else if (is_name(name, "content-type")) {
    again = std::exchange(fields.has_type, true);
  } else if (expects_secret_ && at_first_header_ && is_name(name, "inpod-secret")) {
    again = std::exchange(fields.secret, std::string(value)).has_value();
  } else {
    return fail("the header " + shown(name) + " is none of the Debug Adapter Protocol",
                "only a debugger's client may connect, not a browser or another program");
  }
  if (again) return fail("the header " + shown(name) + " stands there twice");
  return {};
}

Result<void> FrameReader::read_header() {
  const std::string_view rest = std::string_view(buffer_).substr(used_);
  std::size_t at = 0;
  Fields fields;
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
    TRY_VOID(read_field(line, fields));
  }
  if (!fields.length) return fail("a message header without Content-Length");
  length_ = fields.length;
  if (fields.secret) secret_ = std::move(fields.secret);
  at_first_header_ = false;
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
