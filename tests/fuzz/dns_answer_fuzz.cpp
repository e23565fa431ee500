// Fuzz: the parser of name servers' replies. glibc's own parsers carry no sanitizer, so the reply ends where
// a page that can't be read begins. What is found must have room in the reply.
#include <sys/mman.h>

#include <cstring>

#include "names/dns_answer.hpp"
#include "require.hpp"

using namespace inpod::agent;

namespace {

constexpr std::size_t room = 64 << 10, page = 4096;

/// Where a reply of `size` bytes stands so that its end is the readable memory's.
std::uint8_t* place_for(std::size_t size) {
  static auto* memory = static_cast<std::uint8_t*>(
      ::mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  static const bool closed = ::mprotect(memory + room, page, PROT_NONE) == 0;
  fuzz_require(closed);
  return memory + room - size;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > room) return 0;
  auto* reply = place_for(size);
  if (size > 0) std::memcpy(reply, data, size);
  for (const auto type : {DnsType::a, DnsType::aaaa, DnsType::ptr}) {
    const auto answer = parse_dns_reply({reply, size}, type);
    // A record is at least a root name, ten bytes, and its data.
    const std::size_t least = type == DnsType::a ? 15 : 27;
    fuzz_require(answer.addresses.size() * least <= size);
    fuzz_require(answer.aliases.size() * 11 <= size);
    fuzz_require(answer.canonical.size() < 1025);
    if (type == DnsType::ptr) fuzz_require(answer.addresses.empty());
    if (type != DnsType::ptr)
      fuzz_require((answer.status == DnsAnswer::Status::found) == !answer.addresses.empty());
  }
  return 0;
}
