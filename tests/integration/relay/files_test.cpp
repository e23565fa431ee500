// The pod's files through the real agent: contents, windows, growth, directories, /proc.
#include <sys/stat.h>

#include "catch.hpp"
#include "pod_relay.hpp"
#include "unit/relay/reader.hpp"

using namespace inpod;
using namespace inpod::test;
using relay::FileKind;

TEST_CASE("files of every size read as in the pod") {
  PodRelay bench;
  bench.pod().shell(
      "mkdir -p /data/d; printf hello >/data/small; : >/data/empty; head -c 3000000 /dev/urandom "
      ">/data/medium; "
      "head -c 40000000 /dev/urandom >/data/large; ln -s medium /data/link; touch /data/d/a /data/d/b");
  const auto client = bench.client();
  const auto sum_in_pod = [&](const std::string& path) {
    return bench.pod().shell("sha256sum <" + path).substr(0, 64);
  };
  TemporaryDirectory scratch;
  for (const char* path : {"/data/small", "/data/empty", "/data/medium", "/data/large", "/data/link"}) {
    INFO(path);
    Reader file(client, path);
    REQUIRE(file.opened.reply.error == 0);
    std::string content;
    for (std::uint64_t at = 0; at < file.opened.reply.stat.size;) {
      const auto piece = file.read(at, 300000);
      if (piece.empty()) break;
      content += piece;
      at += piece.size();
    }
    CHECK(content.size() == file.opened.reply.stat.size);
    const auto copy = scratch.write("copy", content);
    CHECK(run({"sha256sum", copy}).out.substr(0, 64) == sum_in_pod(path));
  }
  CHECK(client.call({.op = Op::read_link, .text = "/data/link"}).data == "medium");
  CHECK(client.call({.op = Op::real_path, .text = "/data/link"}).data == "/data/medium");
  CHECK(client.call({.op = Op::access, .a = R_OK, .text = "/data/small"}).reply.error == 0);
  CHECK(client.call({.op = Op::stat, .a = 1, .text = "/data/nothing"}).reply.error == ENOENT);
  CHECK(client.call({.op = Op::stat, .a = 1, .text = "/data/small/x"}).reply.error == ENOTDIR);
  Reader directory(client, "/data/d", O_RDONLY | O_DIRECTORY);
  CHECK(directory.opened.reply.a == static_cast<std::uint64_t>(FileKind::directory));
  CHECK(client.call({.op = Op::open, .a = O_RDONLY | O_DIRECTORY, .text = "/data/small"}).reply.error ==
        ENOTDIR);
  struct stat info {};
  REQUIRE(::fstat(directory.opened.fd.get(), &info) == 0);
  CHECK(info.st_size >= 4 * 24);
}

TEST_CASE("a log that grows is followed") {
  PodRelay bench;
  bench.pod().shell("echo one >/data/log");
  Reader file(bench.client(), "/data/log");
  CHECK(file.read(0, 100) == "one\n");
  bench.pod().shell("echo two >>/data/log");
  std::string more;
  CHECK(eventually(seconds(5), [&] {
    file.client_.call({.op = Op::refresh, .a = file.handle()});
    more = file.read(4, 100);
    return !more.empty();
  }));
  CHECK(more == "two\n");
}

TEST_CASE("entries of /proc and devices are read by handle") {
  PodRelay bench;
  const auto client = bench.client();
  Reader status(client, "/proc/1/status");
  CHECK(status.opened.reply.a == static_cast<std::uint64_t>(FileKind::handle));
  CHECK(client.call({.op = Op::read, .a = status.handle(), .b = 5, .d = 1}).data == "Name:");
  Reader zero(client, "/dev/zero");
  REQUIRE(zero.opened.reply.error == 0);
  CHECK(client.call({.op = Op::read, .a = zero.handle(), .b = 3, .d = 1}).data == std::string(3, '\0'));
}

TEST_CASE("people read whole regular files, up to a limit, whatever the rules say") {
  Config config;
  config.files.mode = "local";
  PodRelay bench(config);
  bench.pod().shell(
      "mkdir -p /data; printf hello >/data/small; : >/data/empty; mkfifo /data/pipe; head -c 1500000 "
      "/dev/zero >/data/large");
  const auto text = [](const FileContent& content) {
    return std::string(content.bytes.begin(), content.bytes.end());
  };
  const auto small = bench.read_file("/data/small", 5);
  REQUIRE(small);
  CHECK(text(*small) == "hello");
  CHECK(small->stat.size == 5);
  CHECK_FALSE(small->truncated);
  const auto part = bench.read_file("/data/small", 4);
  REQUIRE(part);
  CHECK(text(*part) == "hell");
  CHECK(part->truncated);
  CHECK(bench.read_file("/data/empty", 10).value().bytes.empty());
  CHECK(bench.read_file("/data/large", 8u << 20).value().bytes.size() == 1'500'000);
  // Its stat says 0 bytes.
  const auto status = bench.read_file("/proc/1/status", 1 << 20);
  REQUIRE(status);
  CHECK(text(*status).starts_with("Name:"));
  for (const char* path : {"/data/pipe", "/data", "/dev/zero"}) {
    INFO(path);
    const auto refused = bench.read_file(path, 10);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text == std::string(path) + " is not a regular file");
  }
  CHECK(bench.read_file("/data/nothing", 10).error().text == "/data/nothing: No such file or directory");
  CHECK(bench.read_file("/data/nothing", 10).error().code == ENOENT);
  CHECK(bench.read_file("data/small", 10).error().text.find("absolute") != std::string::npos);
  for (const auto& event : bench.events()) CHECK(event.value("event", "") != "activity");
  bench.close();
  CHECK_FALSE(bench.read_file("/data/small", 5));
}

TEST_CASE("writing reaches the pod when it is allowed") {
  Config config;
  config.files.write = {"/data/**"};
  PodRelay bench(config);
  const auto client = bench.client();
  const auto made =
      client.call({.op = Op::open, .a = O_RDWR | O_CREAT | O_APPEND, .b = 0644, .text = "/data/out"});
  REQUIRE(made.reply.error == 0);
  CHECK(client.call({.op = Op::write, .a = made.reply.c, .d = 1, .data = "one\n"}).reply.a == 4);
  CHECK(client.call({.op = Op::write, .a = made.reply.c, .d = 1, .data = "two\n"}).reply.a == 4);
  CHECK(bench.pod().shell("cat /data/out") == "one\ntwo\n");
  CHECK(client.call({.op = Op::seek, .a = made.reply.c, .b = 0, .c = SEEK_CUR}).reply.a == 8);
  CHECK(client.call({.op = Op::truncate, .a = made.reply.c, .b = 3}).reply.error == 0);
  CHECK(client.call({.op = Op::change_path, .a = 3, .text = std::string("/data/out\0/data/moved", 21)})
            .reply.error == 0);
  CHECK(bench.pod().shell("cat /data/moved") == "one");
}
