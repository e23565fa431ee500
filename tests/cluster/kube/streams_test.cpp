// port-forward, attach and exec through a real API server and kubelet: bytes exact, errors in words, speed.
#include <array>
#include <random>

#include "fixture.hpp"
#include "kube/gather.hpp"
#include "kube/port_forward.hpp"
#include "kube/remote_command.hpp"

using namespace inpod;
using namespace inpod::kube;
using namespace inpod::kube::test;

namespace {

std::vector<std::uint8_t> pattern(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  std::mt19937 random(7);
  for (std::size_t i = 0; i < size; i += 4) {
    const auto word = random();
    for (std::size_t k = 0; k < 4 && i + k < size; ++k)
      bytes[i + k] = static_cast<std::uint8_t>(word >> 8 * k);
  }
  return bytes;
}

using Transport = std::shared_ptr<protocol::ByteTransport>;

Task<Result<std::vector<std::uint8_t>>> read_all(Transport transport, std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t done = 0; done < size;) {
    CO_TRY(got, co_await transport->read_some(std::span(bytes).subspan(done)));
    if (got == 0) co_return fail("ended after " + std::to_string(done) + " bytes");
    done += got;
  }
  co_return bytes;
}

Task<Result<std::vector<std::uint8_t>>> write_all(Transport transport, std::vector<std::uint8_t> bytes) {
  CO_TRY_VOID(co_await transport->write(bytes));
  co_return std::vector<std::uint8_t>();
}

Task<Result<std::vector<std::uint8_t>>> echo(Transport transport, std::vector<std::uint8_t> bytes) {
  std::vector<Task<Result<std::vector<std::uint8_t>>>> tasks;
  tasks.push_back(write_all(transport, bytes));
  tasks.push_back(read_all(transport, bytes.size()));
  auto results = co_await gather(std::move(tasks));
  if (!results[0]) co_return results[0];
  co_return std::move(results[1]);
}

std::string text_of(std::span<const std::uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("port-forward carries bytes exactly, both ways at once") {
  Cluster cluster;
  cluster.pod("echo", "exec nc -ll -p 7 -e cat");
  for (const std::size_t size : {std::size_t{1}, std::size_t{3} << 20, std::size_t{100} << 20}) {
    Transport transport = cluster.must(port_forward(cluster.client(), cluster.space(), "echo", 7));
    const auto bytes = pattern(size);
    const auto begun = std::chrono::steady_clock::now();
    const auto back = cluster.must(echo(transport, bytes));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    INFO(size << " bytes");
    CHECK((back == bytes));
    WARN(size << " bytes echoed in " << took.count() << " s");
  }
}

TEST_CASE("port-forward tells the end of a connection from an error") {
  Cluster cluster;
  cluster.pod("server", "while true; do echo bye | nc -l -p 9; done");
  Transport transport = cluster.must(port_forward(cluster.client(), cluster.space(), "server", 9));
  CHECK(text_of(cluster.must(read_all(transport, 4))) == "bye\n");
  std::array<std::uint8_t, 16> buffer;
  CHECK(cluster.must(transport->read_some(buffer)) == 0);

  Transport refused = cluster.must(port_forward(cluster.client(), cluster.space(), "server", 1));
  const auto error = cluster.error_of(refused->read_some(buffer));
  CHECK_THAT(error.text, Catch::Contains("port 1 of pod") && Catch::Contains("refused"));
  CHECK(error.code == ECONNREFUSED);

  const auto missing = cluster.error_of(port_forward(cluster.client(), cluster.space(), "nobody", 1));
  CHECK(missing.code == ENOENT);
  CHECK_THAT(missing.text, Catch::Contains("nobody"));
}

TEST_CASE("a closed port-forward ends waiting reads") {
  Cluster cluster;
  cluster.pod("quiet", "exec nc -ll -p 7 -e cat");
  Transport transport = cluster.must(port_forward(cluster.client(), cluster.space(), "quiet", 7));
  boost::asio::steady_timer timer(cluster.context(), std::chrono::milliseconds(200));
  timer.async_wait([&](auto) { transport->close(); });
  std::array<std::uint8_t, 16> buffer;
  CHECK(cluster.error_of(transport->read_some(buffer)).code == ECONNRESET);
  CHECK(cluster.error_of(write_all(transport, {1})).code == EPIPE);
}

namespace {

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

TEST_CASE("attach reaches the main process of a container") {
  Cluster cluster;
  cluster.pod("cat", "head -c 10; echo; echo the end; sleep 1000");
  std::shared_ptr<RemoteCommand> command =
      cluster.must(RemoteCommand::attach(cluster.client(), cluster.space(), "cat", "main"));
  const std::string input = "0123456789";
  REQUIRE(cluster.await(command->write(bytes_of(input))));
  std::array<std::uint8_t, 4096> buffer;
  std::string said;
  while (said.find("the end") == std::string::npos) {
    auto part = cluster.must(command->read(buffer));
    REQUIRE(part);
    said.append(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(part->size));
  }
  CHECK(said == "0123456789\nthe end\n");

  const auto missing =
      cluster.await(RemoteCommand::attach(cluster.client(), cluster.space(), "cat", "nobody"));
  REQUIRE_FALSE(missing);
  CHECK_THAT(missing.error().text, Catch::Contains("nobody"));
}
