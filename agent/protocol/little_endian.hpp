// Integers as little-endian bytes, the byte order of everything on the wire. Compiles to plain loads and
// stores where the machine is little-endian itself. Callers check lengths.
#pragma once

#include <cstdint>
#include <type_traits>

namespace inpod::protocol {

template <class T>
void store_little_endian(std::uint8_t* to, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<std::uint8_t>(bits >> (8 * i));
}

template <class T>
T load_little_endian(const std::uint8_t* from) {
  std::make_unsigned_t<T> bits = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bits = static_cast<std::make_unsigned_t<T>>(bits |
                                                (static_cast<std::make_unsigned_t<T>>(from[i]) << (8 * i)));
  }
  return static_cast<T>(bits);
}

}  // namespace inpod::protocol
