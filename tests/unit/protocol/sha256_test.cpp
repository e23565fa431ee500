// Our SHA-256 and HMAC against the published vectors, and against OpenSSL with random inputs of every length
// around the block size, taken in random pieces.
#include "protocol/sha256.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

using namespace inpod::protocol;

namespace {

using Input = std::vector<std::uint8_t>;

Input bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

std::string hex(const Digest& digest) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) (text += digits[byte >> 4]) += digits[byte & 15];
  return text;
}

std::string sha256(const Input& data) {
  Sha256 hash;
  hash.update(data);
  return hex(hash.finish());
}

std::string hmac(const Input& key, const Input& data) {
  HmacSha256 hash(key);
  hash.update(data);
  return hex(hash.finish());
}

Input random_bytes(std::mt19937& random, std::size_t size) {
  Input result(size);
  for (auto& byte : result) byte = static_cast<std::uint8_t>(random());
  return result;
}

}  // namespace

TEST_CASE("SHA-256 gives the digests of FIPS 180-4's examples") {
  CHECK(sha256({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256(bytes("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256(bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256(Input(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("HMAC-SHA-256 gives the digests of RFC 4231") {
  CHECK(hmac(Input(20, 0x0b), bytes("Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hmac(bytes("Jefe"), bytes("what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hmac(Input(20, 0xaa), Input(50, 0xdd)) ==
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  CHECK(hmac(Input(131, 0xaa), bytes("Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("SHA-256 and HMAC agree with OpenSSL") {
  std::mt19937 random(20240611);
  for (std::size_t size = 0; size < 300; ++size) {
    const Input data = random_bytes(random, size), key = random_bytes(random, 1 + random() % 150);
    Sha256 hash;
    HmacSha256 keyed(key);
    for (std::size_t at = 0; at < size;) {
      const std::size_t piece = std::min<std::size_t>(size - at, 1 + random() % 90);
      hash.update(std::span(data).subspan(at, piece));
      keyed.update(std::span(data).subspan(at, piece));
      at += piece;
    }
    Digest expected{}, expected_keyed{};
    REQUIRE(EVP_Digest(data.data(), size, expected.data(), nullptr, EVP_sha256(), nullptr) == 1);
    REQUIRE(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data.data(), size,
                 expected_keyed.data(), nullptr));
    CHECK(hash.finish() == expected);
    CHECK(keyed.finish() == expected_keyed);
  }
}
