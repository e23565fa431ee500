// See sha256.hpp. The names of FIPS 180-4 stand: a to h, K (here `constants`), W (`schedule`).
#include "protocol/sha256.hpp"

namespace inpod::protocol {
namespace {

constexpr std::size_t block_size = 64;

constexpr std::uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

constexpr std::uint32_t rotate_right(std::uint32_t x, int by) {
  return x >> by | x << (32 - by);
}

std::uint32_t load_big_endian(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

template <class Number>
void store_big_endian(std::uint8_t* at, Number value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    at[i] = static_cast<std::uint8_t>(value >> (8 * (sizeof value - 1 - i)));
}

}  // namespace

void Sha256::compress(const std::uint8_t* block) {
  std::uint32_t schedule[64];
  for (int i = 0; i < 16; ++i) schedule[i] = load_big_endian(block + 4 * i);
  for (int i = 16; i < 64; ++i) {
    const std::uint32_t before = schedule[i - 15], last = schedule[i - 2];
    schedule[i] = schedule[i - 16] + schedule[i - 7] +
                  (rotate_right(before, 7) ^ rotate_right(before, 18) ^ before >> 3) +
                  (rotate_right(last, 17) ^ rotate_right(last, 19) ^ last >> 10);
  }
  std::uint32_t a = state_[0], b = state_[1], c = state_[2], d = state_[3];
  std::uint32_t e = state_[4], f = state_[5], g = state_[6], h = state_[7];
  for (int i = 0; i < 64; ++i) {
    const std::uint32_t first = h + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) +
                                ((e & f) ^ (~e & g)) + constants[i] + schedule[i];
    const std::uint32_t second =
        (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + first;
    d = c, c = b, b = a, a = first + second;
  }
  const std::uint32_t result[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; ++i) state_[i] += result[i];
}

void Sha256::update(std::span<const std::uint8_t> data) {
  for (const std::uint8_t byte : data) {
    block_[size_++ % block_size] = byte;
    if (size_ % block_size == 0) compress(block_);
  }
}

Digest Sha256::finish() {
  const std::uint64_t bits = size_ * 8;
  std::uint8_t padding[2 * block_size] = {0x80};
  const std::size_t zeros = (2 * block_size - 9 - size_ % block_size) % block_size;
  store_big_endian(padding + 1 + zeros, bits);
  update({padding, 1 + zeros + sizeof bits});
  Digest digest;
  for (std::size_t i = 0; i < 8; ++i) store_big_endian(digest.data() + 4 * i, state_[i]);
  return digest;
}

HmacSha256::HmacSha256(std::span<const std::uint8_t> key) {
  std::uint8_t padded[block_size] = {};
  if (key.size() > block_size) {
    Sha256 hash;
    hash.update(key);
    const Digest digest = hash.finish();
    for (std::size_t i = 0; i < digest.size(); ++i) padded[i] = digest[i];
  } else {
    for (std::size_t i = 0; i < key.size(); ++i) padded[i] = key[i];
  }
  std::uint8_t inner[block_size], outer[block_size];
  for (std::size_t i = 0; i < block_size; ++i) {
    inner[i] = padded[i] ^ 0x36;
    outer[i] = padded[i] ^ 0x5c;
  }
  inner_.update(inner);
  outer_.update(outer);
}

Digest HmacSha256::finish() {
  outer_.update(inner_.finish());
  return outer_.finish();
}

}  // namespace inpod::protocol
