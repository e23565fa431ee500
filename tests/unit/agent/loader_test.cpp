// inpod-loader as the process it is in an agent's container: it becomes what it was promised, or says why
// not.
#include <elf.h>
#include <openssl/sha.h>

#include <array>
#include <cstring>

#include "catch.hpp"
#include "protocol/little_endian.hpp"
#include "support/process.hpp"

using namespace inpod;
using inpod::test::Outcome;

namespace {

std::string payload() {
  return test::read_file(LOADER_PAYLOAD);
}

std::string length_of(std::uint64_t size) {
  std::array<std::uint8_t, 8> bytes;
  protocol::store_little_endian<std::uint64_t>(bytes.data(), size);
  return {bytes.begin(), bytes.end()};
}

/// Length and SHA-256.
std::string header_of(const std::string& program) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(program.data()), program.size(), digest.data());
  return length_of(program.size()) + std::string(digest.begin(), digest.end());
}

Outcome load(const std::string& input, std::vector<std::string> arguments = {"60"}) {
  arguments.insert(arguments.begin(), INPOD_LOADER);
  test::ProcessOptions options;
  options.input = input;
  options.environment = {{"LD_PRELOAD", "/image/evil.so"},
                         {"GLIBC_TUNABLES", "x"},
                         {"PATH", "/image"},
                         {"HOSTNAMES", "x"},
                         {"HOSTNAME", "agent"},
                         {"KUBERNETES_PORT", "1"}};
  return test::run(std::move(arguments), options);
}

/// How many files a program has open that a test starts.
std::string open_files() {
  const auto out = test::run({LOADER_PAYLOAD}).out;
  const auto at = out.find("files=") + 6;
  return out.substr(at, out.find(' ', at) - at);
}

/// It has ended with one line that has these words, and has started nothing.
void fails(const Outcome& outcome, const std::string& words) {
  CHECK(outcome.status == 1);
  CHECK(outcome.err.empty());
  CHECK_THAT(outcome.out, Catch::StartsWith("inpod-loader: ") && Catch::Contains(words));
  CHECK(std::count(outcome.out.begin(), outcome.out.end(), '\n') == 1);
}

}  // namespace

TEST_CASE(
    "the loader becomes the agent: sealed, without the image's variables, the rest of stdin untouched") {
  const auto program = payload();
  const auto outcome = load(header_of(program) + program + "record");
  INFO(outcome.out << outcome.err);
  CHECK(outcome.status == 0);
  CHECK(outcome.out ==
        "arguments=1 name=inpod-agent variables=2 files=" + open_files() + " seals=15\nrecord");
}

TEST_CASE("the loader's SHA-256 is OpenSSL's, for each length of the last block and for large files") {
  const auto check = [](std::size_t padding) {
    auto program = payload();
    for (std::size_t i = 0; i < padding; ++i) program += static_cast<char>(i * 131 >> 3);  // ELF allows it
    INFO("size " << program.size());
    CHECK(load(header_of(program) + program).status == 0);
  };
  for (std::size_t padding = 0; padding < 64; ++padding) check(padding);
  check(3 << 20);
}

TEST_CASE("the loader starts nothing that is not what was promised") {
  const auto program = payload(), header = header_of(program);
  auto other = program;
  other.back() = static_cast<char>(other.back() ^ 1);
  fails(load(header + other + "record"), "its SHA-256 differs");
  auto digest = header;
  digest[39] = static_cast<char>(digest[39] ^ 0x80);
  fails(load(digest + program), "its SHA-256 differs");
  fails(load(header + program.substr(1)),
        "stdin ended after " + std::to_string(program.size() + 39) + " bytes");
  fails(load(header.substr(0, 20)), "stdin ended after 20 bytes");
  fails(load(""), "stdin ended after 0 bytes");
  fails(load(length_of(0) + header.substr(8)), "cannot have 0 bytes");
  fails(load(length_of((64 << 20) + 1) + header.substr(8)), "cannot have 67108865 bytes");
  fails(load(length_of(~std::uint64_t{0}) + header.substr(8)), "cannot have 18446744073709551615 bytes");
  fails(load("", {}), "usage");
  fails(load("", {"-1"}), "usage");
  fails(load("", {"1", "2"}), "usage");
}

TEST_CASE("the loader names a program for another machine as the kernel does") {
  auto program = payload();
  const Elf64_Half machine = EM_S390;
  std::memcpy(program.data() + offsetof(Elf64_Ehdr, e_machine), &machine, sizeof machine);
  fails(load(header_of(program) + program), "Exec format error");
}

TEST_CASE("a loader that nobody feeds ends by itself") {
  test::ProcessOptions options;
  options.keep_stdin = true;
  test::Process loader({INPOD_LOADER, "1"}, options);
  loader.write_stdin(length_of(100));
  fails(loader.wait(test::seconds(30)), "did not come within 1 s");
}

TEST_CASE("the loader is small and needs nothing of the file system") {
  const auto program = test::read_file(INPOD_LOADER);
  CHECK(program.size() < 32 << 10);
  Elf64_Ehdr header;
  REQUIRE(program.size() > sizeof header);
  std::memcpy(&header, program.data(), sizeof header);
  CHECK(header.e_type == ET_EXEC);
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    REQUIRE(header.e_phoff + (i + 1) * sizeof segment <= program.size());
    std::memcpy(&segment, program.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    CHECK(segment.p_type != PT_INTERP);
    CHECK(segment.p_type != PT_DYNAMIC);
    CHECK((segment.p_flags & (PF_W | PF_X)) != (PF_W | PF_X));
  }
}
