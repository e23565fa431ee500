// See json_text.hpp. The scanner is lenient on purpose: it needs only to know where a value ends.
#include "dap/json_text.hpp"

#include <algorithm>

namespace inpod::dap {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

/// Past the string whose opening quote is at `at`; npos when it does not end.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == '"')
      return at + 1;
  }
  return std::string_view::npos;
}

/// Past the value that starts at `at`; npos when there is none or it does not end.
std::size_t skip_value(std::string_view text, std::size_t at) {
  const std::size_t start = at;
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      if (at == std::string_view::npos) return at;
      if (depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) break;
      if (--depth == 0) return at + 1;
    } else if (depth == 0 && (c == ',' || is_space(c))) {
      break;
    }
    ++at;
  }
  return depth == 0 && at > start ? at : std::string_view::npos;
}

std::string key_text(std::string_view quoted) {
  if (quoted.find('\\') == std::string_view::npos) return std::string(quoted.substr(1, quoted.size() - 2));
  const auto parsed = nlohmann::json::parse(quoted, nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : std::string(quoted);
}

}  // namespace

std::optional<std::vector<Member>> members_of(std::string_view text) {
  std::size_t at = skip_space(text, 0);
  if (at >= text.size() || text[at] != '{') return std::nullopt;
  std::vector<Member> members;
  at = skip_space(text, at + 1);
  const bool empty = at < text.size() && text[at] == '}';
  while (!empty) {
    if (at >= text.size() || text[at] != '"') return std::nullopt;
    const std::size_t key_end = skip_string(text, at);
    if (key_end == std::string_view::npos) return std::nullopt;
    const std::size_t colon = skip_space(text, key_end);
    if (colon >= text.size() || text[colon] != ':') return std::nullopt;
    const std::size_t value = skip_space(text, colon + 1);
    const std::size_t value_end = value < text.size() ? skip_value(text, value) : std::string_view::npos;
    if (value_end == std::string_view::npos) return std::nullopt;
    members.push_back({key_text(text.substr(at, key_end - at)), {at, key_end}, {value, value_end}});
    at = skip_space(text, value_end);
    if (at < text.size() && text[at] == '}') break;
    if (at >= text.size() || text[at] != ',') return std::nullopt;
    at = skip_space(text, at + 1);
  }
  return skip_space(text, at + 1) == text.size() ? std::optional(std::move(members)) : std::nullopt;
}

std::string splice(std::string_view text, std::vector<std::pair<Span, std::string>> replacements) {
  std::sort(replacements.begin(), replacements.end(),
            [](const auto& a, const auto& b) { return a.first.begin < b.first.begin; });
  std::string out;
  out.reserve(text.size() + 64);
  std::size_t at = 0;
  for (const auto& [span, with] : replacements) {
    out.append(text, at, span.begin - at).append(with);
    at = span.end;
  }
  return out.append(text.substr(at));
}

std::string to_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<RawObject> RawObject::parse(std::string_view text) {
  auto members = members_of(text);
  if (!members) return std::nullopt;
  RawObject object;
  for (auto& member : *members)
    object.entries_.push_back(
        {std::move(member.key), std::string(member.key_at.of(text)), std::string(member.value.of(text))});
  return object;
}

bool RawObject::has(std::string_view key) const {
  return raw(key).has_value();
}

std::optional<std::string_view> RawObject::raw(std::string_view key) const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry)
    if (entry->key == key) return entry->raw_value;
  return std::nullopt;
}

nlohmann::json RawObject::get(std::string_view key) const {
  const auto text = raw(key);
  if (!text) return nullptr;
  auto value = nlohmann::json::parse(*text, nullptr, false);
  return value.is_discarded() ? nlohmann::json() : value;
}

void RawObject::set(std::string_view key, const nlohmann::json& value) {
  set_raw(key, to_text(value));
}

void RawObject::set_raw(std::string_view key, std::string text) {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->key != key) continue;
    entry->raw_value = std::move(text);
    return;
  }
  entries_.push_back({std::string(key), to_text(nlohmann::json(key)), std::move(text)});
}

void RawObject::erase(std::string_view key) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; });
}

void RawObject::prepend(std::string_view key, const nlohmann::json& items) {
  nlohmann::json all = items;
  for (const auto& old : get(key))
    if (!old.is_null()) all.push_back(old);
  set(key, all);
}

std::string RawObject::text() const {
  std::string out = "{";
  for (const auto& entry : entries_) {
    if (out.size() > 1) out += ',';
    out.append(entry.raw_key).append(":").append(entry.raw_value);
  }
  return out + "}";
}

}  // namespace inpod::dap
