// Reading of JSON objects that others wrote: nothing throws; what is absent or of another type reads as
// empty. Pure; any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "protocol/printable.hpp"

namespace inpod::kube {

using Path = std::initializer_list<const char*>;

/// The value at the end of the path, or null.
inline const nlohmann::json& field(const nlohmann::json& object, Path path) {
  static const nlohmann::json nothing;
  const auto* at = &object;
  for (const char* key : path) {
    if (!at->is_object()) return nothing;
    const auto found = at->find(key);
    if (found == at->end()) return nothing;
    at = &*found;
  }
  return *at;
}

inline std::string text(const nlohmann::json& object, Path path) {
  const auto& value = field(object, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// What is written for people, as it may be shown, in one line: it is others' words, and none of ours.
inline std::string words(const nlohmann::json& object, Path path) {
  return protocol::shown_line(text(object, path));
}

inline std::optional<std::int64_t> number(const nlohmann::json& object, Path path) {
  const auto& value = field(object, path);
  return value.is_number_integer() ? std::optional(value.get<std::int64_t>()) : std::nullopt;
}

inline bool flag(const nlohmann::json& object, Path path) {
  const auto& value = field(object, path);
  return value.is_boolean() && value.get<bool>();
}

/// An array to iterate over; empty when it is none.
inline const nlohmann::json& items(const nlohmann::json& object, Path path) {
  static const nlohmann::json none = nlohmann::json::array();
  const auto& value = field(object, path);
  return value.is_array() ? value : none;
}

}  // namespace inpod::kube
