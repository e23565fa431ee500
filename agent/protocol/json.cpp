// The JSON form of messages; json.hpp says how each type looks. The only file that instantiates it.
#include "protocol/json.hpp"

#include <boost/mp11.hpp>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "protocol/base64.hpp"
#include "protocol/utf8.hpp"

namespace inpod::protocol {
namespace {

using boost::describe::describe_enumerators;
using boost::describe::describe_members;
using boost::describe::mod_public;
using nlohmann::json;

/// Name of T without its namespaces, out of the compiler's own words for this function.
template <class T>
constexpr std::string_view name_of() {
  std::string_view words =
      __PRETTY_FUNCTION__;  // "… [with T = inpod::protocol::Done; …]" or "… [T = inpod::protocol::Done]"
  words.remove_prefix(words.find("T = ") + 4);
  words = words.substr(0, words.find_first_of(";]"));
  return words.substr(words.rfind(':') + 1);
}
static_assert(name_of<OpenFile>() == "OpenFile");

template <class T>
constexpr bool is_vector = false;
template <class T>
constexpr bool is_vector<std::vector<T>> = true;
template <class T>
constexpr bool is_bytes = std::is_same_v<T, Bytes>;
template <std::size_t N>
constexpr bool is_bytes<std::array<std::uint8_t, N>> = true;

std::string to_base64(const std::uint8_t* data, std::size_t size) {
  return encode_base64({reinterpret_cast<const char*>(data), size});
}

/// Strict: padding is needed, bits that don't fit must be 0.
bool from_base64(std::string_view text, Bytes& bytes) {
  const auto decoded = decode_base64(text);
  if (!decoded || encode_base64(*decoded) != text) return false;
  bytes.assign(decoded->begin(), decoded->end());
  return true;
}

template <class T>
json write(const T& value) {
  if constexpr (std::is_integral_v<T>) {
    return value;
  } else if constexpr (std::is_enum_v<T>) {
    return boost::describe::enum_to_string(value, "?");
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (is_utf8(value)) return value;
    return json{{"base64", encode_base64(value)}};
  } else if constexpr (is_bytes<T>) {
    return to_base64(value.data(), value.size());
  } else if constexpr (is_vector<T>) {
    json array = json::array();
    for (const auto& element : value) array.push_back(write(element));
    return array;
  } else {
    json object = json::object();
    boost::mp11::mp_for_each<describe_members<T, mod_public>>(
        [&](auto member) { object[member.name] = write(value.*member.pointer); });
    return object;
  }
}

Failed invalid(const std::string& what) {
  return Failed(Error{EINVAL, what, {}});
}

template <class T>
Result<void> read(const json& from, T& to);

template <class T>
Result<void> read_integer(const json& from, T& to) {
  if (from.is_number_unsigned()) {
    auto number = from.get<std::uint64_t>();
    if (number <= static_cast<std::uint64_t>(std::numeric_limits<T>::max()))
      return to = static_cast<T>(number), Result<void>();
  } else if (from.is_number_integer()) {
    auto number = from.get<std::int64_t>();
    if constexpr (std::is_signed_v<T>) {
      // A negative number, or one that a program (not the parser) put in as signed.
      if (number >= std::numeric_limits<T>::min() && number <= std::numeric_limits<T>::max()) {
        return to = static_cast<T>(number), Result<void>();
      }
    } else if (number >= 0 && static_cast<std::uint64_t>(number) <= std::numeric_limits<T>::max()) {
      return to = static_cast<T>(number), Result<void>();
    }
  } else {
    return invalid("is not an integer");
  }
  return invalid("is out of range");
}

Result<void> read_text(const json& from, std::string& to) {
  if (from.is_string()) {
    to = from.get_ref<const std::string&>();
    return {};
  }
  Bytes bytes;
  bool is_base64 =
      from.is_object() && from.size() == 1 && from.contains("base64") && from["base64"].is_string();
  if (!is_base64 || !from_base64(from["base64"].get_ref<const std::string&>(), bytes)) {
    return invalid("is neither text nor {\"base64\": \"…\"}");
  }
  to.assign(bytes.begin(), bytes.end());
  return {};
}

template <class T>
Result<void> read_bytes(const json& from, T& to) {
  Bytes bytes;
  if (!from.is_string() || !from_base64(from.get_ref<const std::string&>(), bytes))
    return invalid("is not base64");
  if constexpr (std::is_same_v<T, Bytes>) {
    to = std::move(bytes);
  } else {
    if (bytes.size() != to.size()) return invalid("is not " + std::to_string(to.size()) + " bytes");
    std::copy(bytes.begin(), bytes.end(), to.begin());
  }
  return {};
}

/// Every member of T, by its name; `object` has been checked to be one. `extra`: keys that are not T's, but
/// known.
template <class T>
Result<void> read_members(const json& object, T& to, std::size_t extra) {
  Result<void> result;
  std::size_t members = 0;
  boost::mp11::mp_for_each<describe_members<T, mod_public>>([&](auto member) {
    ++members;
    if (!result) return;
    auto found = object.find(member.name);
    result = found == object.end() ? invalid("is missing") : read(*found, to.*member.pointer);
    if (!result) {
      auto& text = result.error().text;
      text = member.name + std::string(text.starts_with("is ") ? " " : ".") + text;
    }
  });
  if (result && object.size() != members + extra) return invalid("has unknown keys");
  return result;
}

template <class T>
Result<void> read(const json& from, T& to) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!from.is_boolean()) return invalid("is neither true nor false");
    to = from.get<bool>();
    return {};
  } else if constexpr (std::is_integral_v<T>) {
    return read_integer(from, to);
  } else if constexpr (std::is_enum_v<T>) {
    if (!from.is_string() ||
        !boost::describe::enum_from_string(from.get_ref<const std::string&>().c_str(), to)) {
      return invalid("is not one of the known names");
    }
    return {};
  } else if constexpr (std::is_same_v<T, std::string>) {
    return read_text(from, to);
  } else if constexpr (is_bytes<T>) {
    return read_bytes(from, to);
  } else if constexpr (is_vector<T>) {
    if (!from.is_array()) return invalid("is not an array");
    to.resize(from.size());
    for (std::size_t i = 0; i < to.size(); ++i) TRY_VOID(read(from[i], to[i]));
    return {};
  } else {
    if (!from.is_object()) return invalid("is not an object");
    return read_members(from, to, 0);
  }
}

}  // namespace

std::string_view type_name(const Message& message) {
  return std::visit([](const auto& fields) { return name_of<std::decay_t<decltype(fields)>>(); }, message);
}

nlohmann::json to_json(const Message& message) {
  json object = std::visit([](const auto& fields) { return write(fields); }, message);
  object["type"] = type_name(message);
  return object;
}

Result<Message> from_json(const nlohmann::json& object) {
  if (!object.is_object()) return invalid("a message is an object");
  auto type = object.find("type");
  if (type == object.end() || !type->is_string()) return invalid("type is missing");
  const auto& name = type->get_ref<const std::string&>();
  Result<Message> result = invalid("type \"" + name + "\" is unknown");
  boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<Message>>>([&](auto i) {
    using Fields = std::variant_alternative_t<i(), Message>;
    if (name_of<Fields>() != name) return;
    Fields fields;
    auto good = read_members(object, fields, 1);
    if (good) {
      result = Message(std::in_place_index<i()>, std::move(fields));
    } else {
      result = Failed(good.error().context(name));
    }
  });
  return result;
}

}  // namespace inpod::protocol
