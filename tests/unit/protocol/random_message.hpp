// Random values of every wire type, made from the same descriptions as the codec: for property tests and fuzz
// seeds.
#pragma once

#include <boost/mp11.hpp>
#include <random>

#include "protocol/messages.hpp"

namespace inpod::protocol {

class RandomMessages {
 public:
  explicit RandomMessages(std::uint32_t seed) : engine_(seed) {}

  /// A message of the given kind (its number on the wire).
  Message message(std::size_t index) { return variant<Message>(index); }
  Handshake handshake(std::size_t index) { return variant<Handshake>(index); }
  Message message() { return message(below(std::variant_size_v<Message>)); }

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(engine_);
  }
  Bytes bytes(std::size_t size) {
    Bytes data(size);
    for (auto& byte : data) byte = static_cast<std::uint8_t>(engine_());
    return data;
  }

 private:
  template <class Variant>
  Variant variant(std::size_t index) {
    return boost::mp11::mp_with_index<std::variant_size_v<Variant>>(index, [&](auto i) {
      return Variant(std::in_place_index<i()>, value<std::variant_alternative_t<i(), Variant>>());
    });
  }

  template <class T>
  T value() {
    T result{};
    fill(result);
    return result;
  }

  template <class T>
  void fill(T& to) {
    if constexpr (std::is_same_v<T, bool>) {
      to = below(2) == 1;
    } else if constexpr (std::is_integral_v<T>) {
      std::uint64_t bits = std::uint64_t{engine_()} << 32 | engine_();
      to = static_cast<T>(bits >> below(64));
    } else if constexpr (std::is_enum_v<T>) {
      using Known = boost::describe::describe_enumerators<T>;
      boost::mp11::mp_with_index<boost::mp11::mp_size<Known>::value>(
          below(boost::mp11::mp_size<Known>::value),
          [&](auto i) { to = boost::mp11::mp_at<Known, decltype(i)>::value; });
    } else {
      fill_compound(to);
    }
  }

  template <class T>
  void fill_compound(T& to) {
    using boost::describe::describe_members;
    boost::mp11::mp_for_each<describe_members<T, boost::describe::mod_public>>(
        [&](auto member) { fill(to.*member.pointer); });
  }
  void fill_compound(std::string& to) {
    bool text = below(4) != 0;
    for (std::size_t i = below(24); i > 0; --i) to += static_cast<char>(text ? 'a' + below(26) : engine_());
  }
  template <class T>
  void fill_compound(std::vector<T>& to) {
    to.resize(below(5));
    for (auto& element : to) fill(element);
  }
  template <class T, std::size_t N>
  void fill_compound(std::array<T, N>& to) {
    for (auto& element : to) fill(element);
  }

  std::mt19937 engine_;
};

}  // namespace inpod::protocol
