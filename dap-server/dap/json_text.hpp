// Finding one's way in JSON text without parsing it: where the members of an object stand, and replacing
// bytes there. So a message keeps its key order, number spelling, white space and even bad UTF-8, all but the
// bytes that must change.
//
// Only the shape is looked at (strings, escapes, brackets): text that is not an object by shape is refused,
// text that is one but holds nonsense deeper down is passed on for the receiver to judge. No recursion,
// linear time, any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace inpod::dap {

/// Half-open range of bytes.
struct Span {
  std::size_t begin = 0, end = 0;
  std::string_view of(std::string_view text) const { return text.substr(begin, end - begin); }
};

/// One member of an object: its key with escapes resolved, where the key (with quotes) and the value stand.
struct Member {
  std::string key;
  Span key_at, value;
};

/// The members of the object that `text` is, in order, duplicates too; nothing when it isn't an object by
/// shape.
std::optional<std::vector<Member>> members_of(std::string_view text);

/// `text` with each span replaced. Spans must not overlap; any order.
std::string splice(std::string_view text, std::vector<std::pair<Span, std::string>> replacements);

/// The text of a value; bytes that are not UTF-8 become U+FFFD.
std::string to_text(const nlohmann::json& value);

/// An object whose members stay raw text until one is replaced.
class RawObject {
 public:
  /// Nothing when `text` isn't an object by shape.
  static std::optional<RawObject> parse(std::string_view text);
  RawObject() = default;

  bool has(std::string_view key) const;
  /// The value, parsed; null when it is missing or is not valid JSON. Of duplicates the last, as parsers do.
  nlohmann::json get(std::string_view key) const;
  /// The value's own bytes, or nothing.
  std::optional<std::string_view> raw(std::string_view key) const;
  /// Replaces the value in its place, or adds the member at the end.
  void set(std::string_view key, const nlohmann::json& value);
  void set_raw(std::string_view key, std::string text);
  void erase(std::string_view key);
  /// Adds `items` in front of the array that stands under `key` (which may be missing).
  void prepend(std::string_view key, const nlohmann::json& items);
  std::string text() const;

 private:
  struct Entry {
    std::string key, raw_key, raw_value;
  };
  std::vector<Entry> entries_;
};

}  // namespace inpod::dap
