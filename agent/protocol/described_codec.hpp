// The binary codec's templates: one writer and one reader, both driven by the descriptions of the structs.
// codec.hpp has the format and its guarantees; codec.cpp and the agent's start record are the only files that
// instantiate them.
#pragma once

#include <boost/mp11.hpp>
#include <span>
#include <type_traits>
#include <variant>

#include "protocol/codec.hpp"
#include "protocol/little_endian.hpp"

namespace inpod::protocol {

using boost::describe::describe_enumerators;
using boost::describe::describe_members;
using boost::describe::mod_public;

template <class T>
constexpr bool is_vector = false;
template <class T>
constexpr bool is_vector<std::vector<T>> = true;
template <class T>
constexpr bool is_array = false;
template <class T, std::size_t N>
constexpr bool is_array<std::array<T, N>> = true;

/// Fewest bytes that any value of T takes: what a vector's claimed length is checked against.
template <class T>
constexpr std::size_t minimal_size() {
  if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    return sizeof(T);
  } else if constexpr (std::is_same_v<T, std::string> || is_vector<T>) {
    return sizeof(std::uint32_t);
  } else if constexpr (is_array<T>) {
    return std::tuple_size_v<T> * minimal_size<typename T::value_type>();
  } else {
    std::size_t sum = 0;
    boost::mp11::mp_for_each<describe_members<T, mod_public>>([&](auto member) {
      sum += minimal_size<std::decay_t<decltype(std::declval<T>().*member.pointer)>>();
    });
    return sum;
  }
}

/// Appends values; once the cap is passed it only remembers that.
class Writer {
 public:
  template <class T>
  void put(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      put_integer<std::uint8_t>(value ? 1 : 0);
    } else if constexpr (std::is_integral_v<T>) {
      put_integer(value);
    } else if constexpr (std::is_enum_v<T>) {
      put_integer(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, Bytes>) {
      put_integer(static_cast<std::uint32_t>(value.size()));
      put_raw(reinterpret_cast<const std::uint8_t*>(value.data()), value.size());
    } else if constexpr (is_vector<T>) {
      put_integer(static_cast<std::uint32_t>(value.size()));
      for (const auto& element : value) put(element);
    } else if constexpr (is_array<T>) {
      for (const auto& element : value) put(element);
    } else {
      boost::mp11::mp_for_each<describe_members<T, mod_public>>(
          [&](auto member) { put(value.*member.pointer); });
    }
  }

  template <class... Ts>
  Result<Bytes> take(const std::variant<Ts...>& message) && {
    put_integer(static_cast<std::uint16_t>(message.index()));
    std::visit([&](const auto& fields) { put(fields); }, message);
    if (full_) return Failed(Error{EMSGSIZE, "the message is larger than 1 MiB", {}});
    return std::move(out_);
  }

 private:
  template <class T>
  void put_integer(T value) {
    std::uint8_t raw[sizeof(T)];
    store_little_endian(raw, value);
    put_raw(raw, sizeof raw);
  }
  void put_raw(const std::uint8_t* data, std::size_t size) {
    if (size > max_message_size - out_.size()) full_ = true;
    if (!full_) out_.insert(out_.end(), data, data + size);
  }

  Bytes out_;
  bool full_ = false;
};

/// Takes values from the front of the input. Every getter returns false, and leaves the reader failed, on bad
/// input.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> in) : in_(in) {}

  template <class T>
  bool get(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t raw = 0;
      if (!get_integer(raw)) return false;
      value = raw == 1;
      return raw <= 1 || fail("a boolean is neither 0 nor 1");
    } else if constexpr (std::is_integral_v<T>) {
      return get_integer(value);
    } else if constexpr (std::is_enum_v<T>) {
      return get_enum(value);
    } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, Bytes>) {
      std::uint32_t size = 0;
      if (!get_length(size, 1)) return false;
      value.assign(in_.begin(), in_.begin() + size);
      in_ = in_.subspan(size);
      return true;
    } else if constexpr (is_vector<T>) {
      return get_vector(value);
    } else if constexpr (is_array<T>) {
      for (auto& element : value) {
        if (!get(element)) return false;
      }
      return true;
    } else {
      bool good = true;
      boost::mp11::mp_for_each<describe_members<T, mod_public>>(
          [&](auto member) { good = good && get(value.*member.pointer); });
      return good;
    }
  }

  template <class Variant>
  Result<Variant> take() && {
    Variant message;
    std::uint16_t index = 0;
    bool good = get_integer(index);
    if (good && index >= std::variant_size_v<Variant>) good = fail("its number is unknown");
    if (good) {
      good = boost::mp11::mp_with_index<std::variant_size_v<Variant>>(
          index, [&](auto i) { return get(message.template emplace<i()>()); });
    }
    if (good && !in_.empty()) good = fail("bytes are left over");
    if (!good)
      return Failed(Error{EPROTO, std::string("protocol error: malformed message: ") + problem_, {}});
    return message;
  }

 private:
  bool fail(const char* problem) {
    problem_ = problem;
    return false;
  }

  template <class T>
  bool get_integer(T& value) {
    if (in_.size() < sizeof(T)) return fail("it is too short");
    value = load_little_endian<T>(in_.data());
    in_ = in_.subspan(sizeof(T));
    return true;
  }

  template <class T>
  bool get_enum(T& value) {
    std::underlying_type_t<T> raw = 0;
    if (!get_integer(raw)) return false;
    bool known = false;
    boost::mp11::mp_for_each<describe_enumerators<T>>([&](auto enumerator) {
      known = known || static_cast<std::underlying_type_t<T>>(enumerator.value) == raw;
    });
    if (!known) return fail("an enum has an unknown value");
    value = static_cast<T>(raw);
    return true;
  }

  bool get_length(std::uint32_t& length, std::size_t element_size) {
    if (!get_integer(length)) return false;
    return length <= in_.size() / element_size || fail("a length goes past its end");
  }

  template <class T>
  bool get_vector(std::vector<T>& value) {
    static_assert(minimal_size<T>() > 0,
                  "a vector of empty structs would let a short message claim any length");
    std::uint32_t count = 0;
    if (!get_length(count, minimal_size<T>())) return false;
    value.resize(count);
    for (auto& element : value) {
      if (!get(element)) return false;
    }
    return true;
  }

  std::span<const std::uint8_t> in_;
  const char* problem_ = "";
};

}  // namespace inpod::protocol
