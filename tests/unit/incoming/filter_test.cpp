// The packet filter, run by the kernel itself: attached to a unix datagram socket, fed packets built by hand.
#include "incoming/filter.hpp"

#include <sys/socket.h>

#include "catch.hpp"
#include "packets.hpp"
#include "protocol/unique_fd.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

class Kernel {
 public:
  explicit Kernel(const std::vector<std::uint16_t>& ports) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    in_.reset(ends[0]);
    out_.reset(ends[1]);
    auto program = agent::port_filter(ports);
    const sock_fprog filter{std::uint16_t(program.size()), program.data()};
    REQUIRE(::setsockopt(out_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0);
  }
  /// Whether the packet passes, and whole.
  bool passes(const Packet& packet) {
    (void)::send(in_.get(), packet.data(), packet.size(), 0);
    std::uint8_t buffer[4096];
    const ssize_t got = ::recv(out_.get(), buffer, sizeof buffer, 0);
    if (got > 0) CHECK(std::size_t(got) == packet.size());
    return got > 0;
  }

 private:
  UniqueFd in_, out_;
};

Packet to(std::uint16_t port, std::size_t options = 0) {
  return ipv4("10.0.0.1", "10.0.0.2", tcp({40000, port}, "data"), options);
}
Packet from(std::uint16_t port) {
  return ipv4("10.0.0.2", "10.0.0.1", tcp({port, 40000}, "data"));
}

}  // namespace

TEST_CASE("both directions of the watched ports pass, and no other") {
  std::vector<std::uint16_t> ports;
  for (std::uint16_t port = 8000; port < 8100; ++port) ports.push_back(port);  // as many as there may be
  Kernel kernel(ports);
  for (const std::uint16_t port : {8000, 8001, 8050, 8099}) {
    CHECK(kernel.passes(to(port)));
    CHECK(kernel.passes(from(port)));
    CHECK(kernel.passes(to(port, 40)));
    CHECK(kernel.passes(ipv6("fd00::1", "fd00::2", tcp({40000, port}, "x"))));
    CHECK(kernel.passes(ipv6("fd00::1", "fd00::2", tcp({port, 40000}, "x"))));
  }
  for (const std::uint16_t port : {7999, 8100, 80}) {
    CHECK_FALSE(kernel.passes(to(port)));
    CHECK_FALSE(kernel.passes(from(port)));
    CHECK_FALSE(kernel.passes(to(port, 40)));
    CHECK_FALSE(kernel.passes(ipv6("fd00::1", "fd00::2", tcp({40000, port}, "x"))));
  }
}

TEST_CASE("other protocols, fragments and extension headers") {
  Kernel kernel({8080});
  auto udp = to(8080);
  udp[9] = 17;
  CHECK_FALSE(kernel.passes(udp));
  auto first = to(8080);
  put16(first, 6, 0x2000);
  CHECK(kernel.passes(first));  // so that user space can say so
  put16(first, 6, 0x2001);
  CHECK_FALSE(kernel.passes(first));
  CHECK(kernel.passes(ipv6("fd00::1", "fd00::2", tcp({40000, 8080}, "x"), {6, 0, 1, 4, 0, 0, 0, 0}, 0)));
  CHECK_FALSE(kernel.passes(ipv6("fd00::1", "fd00::2", tcp({40000, 8080}, "x"), {}, 58)));
  CHECK_FALSE(kernel.passes(Packet(30, 0)));
  CHECK_FALSE(kernel.passes(Packet{0x45}));
}

TEST_CASE("without ports nothing passes") {
  Kernel kernel({});
  CHECK_FALSE(kernel.passes(to(8080)));
  CHECK_FALSE(kernel.passes(ipv6("fd00::1", "fd00::2", tcp({40000, 8080}, "x"))));
}
