// The start record through a pipe, and what is wrong with other input.
#include "start/start_record.hpp"

#include <unistd.h>

#include <thread>

#include "catch.hpp"
#include "protocol/unique_fd.hpp"

using namespace inpod;
using namespace inpod::agent;

namespace {
Result<StartRecord> read_back(const protocol::Bytes& bytes) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  UniqueFd in(ends[0]), out(ends[1]);
  std::thread writer([&] {
    for (std::size_t at = 0; at < bytes.size();) {
      ssize_t count = ::write(out.get(), bytes.data() + at, bytes.size() - at);
      if (count <= 0) break;
      at += static_cast<std::size_t>(count);
    }
    out.reset();
  });
  auto result = read_start_record(in.get());
  in.reset();
  writer.join();
  return result;
}
}  // namespace

TEST_CASE("A start record comes out as it went in", "[start]") {
  StartRecord record;
  for (std::size_t i = 0; i < record.token.size(); ++i) record.token[i] = static_cast<std::uint8_t>(i * 7);
  record.container_id = std::string(64, 'c');
  record.pid = 4711;
  record.socket = 5;
  record.port = 8123;
  record.lease_seconds = 1, record.first_client_seconds = 2, record.resume_seconds = 3;
  record.client = "me@here";
  protocol::Probe probe;
  probe.kind = "http", probe.path = "/healthz", probe.port = 80;
  record.probes = {probe, probe};
  auto bytes = encode_start_record(record);
  REQUIRE(bytes);
  auto back = read_back(*bytes);
  REQUIRE(back);
  CHECK(back->token == record.token);
  CHECK(back->container_id == record.container_id);
  CHECK(back->pid == 4711);
  CHECK(back->socket == 5);
  CHECK(back->port == 8123);
  CHECK(back->lease_seconds + back->first_client_seconds * 10 + back->resume_seconds * 100 == 321);
  CHECK(back->client == "me@here");
  REQUIRE(back->probes.size() == 2);
  CHECK(back->probes[1].path == "/healthz");
}

TEST_CASE("Input that is no start record is refused", "[start]") {
  auto good = encode_start_record({});
  REQUIRE(good);
  CHECK_FALSE(read_back({}));
  CHECK_FALSE(read_back({1, 2}));
  CHECK_FALSE(read_back({0xff, 0xff, 0xff, 0xff}));
  CHECK_FALSE(read_back({0, 0, 0, 0}));
  for (std::size_t length = 0; length < good->size(); length += 3)
    CHECK_FALSE(
        read_back(protocol::Bytes(good->begin(), good->begin() + static_cast<std::ptrdiff_t>(length))));
  StartRecord newer;
  newer.version = 99;
  auto bytes = encode_start_record(newer);
  REQUIRE(bytes);
  auto refused = read_back(*bytes);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text.find("version 99") != std::string::npos);
  StartRecord huge;
  huge.client.assign(max_start_record, 'x');
  CHECK_FALSE(encode_start_record(huge));
}

TEST_CASE("A start record that does not come is not waited for without end", "[start]") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const UniqueFd in(ends[0]), out(ends[1]);
  SECTION("nothing at all") {}
  SECTION("a part of it") {
    REQUIRE(::write(out.get(), "\x10\0", 2) == 2);
  }
  const auto late = read_start_record(in.get(), std::chrono::milliseconds(50));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ETIMEDOUT);
}
