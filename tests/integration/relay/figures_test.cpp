// Figures, not checks: `integration_relay [figures]` prints them. They depend on the machine; compare runs of
// one machine.
#include <iostream>

#include "catch.hpp"
#include "pod_relay.hpp"
#include "unit/relay/program_sockets.hpp"
#include "unit/relay/reader.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

template <class Work>
double seconds_of(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("figures", "[.figures]") {
  PodRelay bench;
  const auto client = bench.client();
  bench.pod().shell(
      "head -c 268435456 /dev/zero >/data/big; printf hello >/data/small; head -c 4000000 /dev/zero "
      ">/data/4M");

  constexpr int ops = 5000;
  std::cout << "trivial operation: "
            << seconds_of([&] {
                 for (int i = 0; i < ops; ++i) client.call({.op = Op::host});
               }) / ops *
                   1e6
            << " us\n";
  std::cout << "open of a small file: "
            << seconds_of([&] {
                 for (int i = 0; i < 500; ++i)
                   client.tell({.op = Op::release,
                                .a = client.call({.op = Op::open, .text = "/data/small"}).reply.c});
               }) / 500 *
                   1e6
            << " us\n";
  std::cout << "open and read of 4 MB: "
            << seconds_of([&] { Reader(client, "/data/4M").read(0, 4000000); }) * 1e3 << " ms\n";
  Reader big(client, "/data/big");
  const double reading = seconds_of([&] {
    for (std::uint64_t at = 0; at < (256u << 20); at += 1 << 20) big.read(at, 1 << 20);
  });
  std::cout << "sequential read of 256 MB: " << 268.435456 / reading << " MB/s, " << big.ensures
            << " calls\n";

  auto server = bench.socket_in_world(AF_INET, SOCK_STREAM);
  const auto at = raw(AF_INET, "10.77.0.1", 0);
  ::bind(server.get(), at.get(), at.length);
  ::listen(server.get(), 1);
  auto fd = make_socket(AF_INET, SOCK_STREAM);
  REQUIRE(connect_in_pod(client, fd.get(), raw(AF_INET, "10.77.0.1", own_port(server.get())), true) == 0);
  UniqueFd accepted(::accept(server.get(), nullptr, nullptr));
  std::thread echo([&] {
    char data[64];
    while (::recv(accepted.get(), data, 1, 0) == 1) ::send(accepted.get(), data, 1, MSG_NOSIGNAL);
  });
  char byte = 'x';
  std::cout << "ping-pong: "
            << seconds_of([&] {
                 for (int i = 0; i < 2000; ++i)
                   (void)(::send(fd.get(), &byte, 1, 0) + ::recv(fd.get(), &byte, 1, 0));
               }) / 2000 *
                   1e6
            << " us a round trip\n";
  fd.reset();
  echo.join();
}
