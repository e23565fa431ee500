// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104): what the handshake proves the token with, and what the
// agent's executable is checked by.
//
// Our own, since the agent and its loader are small static programs: OpenSSL's libcrypto would make the agent
// several times as large (docs/dependencies.md), and the loader has no C library at all. A test compares with
// OpenSSL. Neither allocates nor calls the C library (but memcpy and memset, which a compiler may emit).
// No table or branch depends on the data, so the time does not tell the key. Safe on every thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace inpod::protocol {

using Digest = std::array<std::uint8_t, 32>;

/// The hash of what update() was given, piece by piece.
class Sha256 {
 public:
  void update(std::span<const std::uint8_t> data);
  /// Once; the object is of no use after it.
  Digest finish();

 private:
  void compress(const std::uint8_t* block);

  std::uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::uint8_t block_[64] = {};
  std::uint64_t size_ = 0;  // bytes taken
};

/// The keyed hash of what update() was given.
class HmacSha256 {
 public:
  explicit HmacSha256(std::span<const std::uint8_t> key);
  void update(std::span<const std::uint8_t> data) { inner_.update(data); }
  /// Once; the object is of no use after it.
  Digest finish();

 private:
  Sha256 inner_, outer_;
};

}  // namespace inpod::protocol
