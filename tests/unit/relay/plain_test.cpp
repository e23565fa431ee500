// Op::plain: what code without hooks reads and writes by system calls in the place of a file of the pod.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catch.hpp"
#include "unit/relay/bench.hpp"
#include "unit/relay/reader.hpp"

using namespace inpod;
using namespace inpod::test;
using relay::PlainKind;

namespace {

Config writing() {
  Config config;
  config.files.mode = "write";
  return config;
}

std::string text_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26 + i / 4096 % 3);
  return text;
}

Received plain(const Reader& file, bool writes, std::uint64_t position = 0) {
  return file.client_.call({.op = Op::plain, .a = file.handle(), .b = writes, .c = position});
}

bool writes(const UniqueFd& fd, const std::string& text) {
  return ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// All that comes until the end; `error`: the errno that ended it.
std::string read_all(int fd, int& error) {
  std::string all;
  char piece[64 << 10];
  for (;;) {
    pollfd readable{fd, POLLIN, 0};
    if (::poll(&readable, 1, 10'000) != 1) return error = ETIMEDOUT, all;
    const auto got = ::read(fd, piece, sizeof piece);
    error = got < 0 ? errno : 0;
    if (got <= 0) return all;
    all.append(piece, static_cast<std::size_t>(got));
  }
}

std::string content(Bench& bench, const std::string& path) {
  return bench.on_loop([&] { return bench.agent.files[path].content; });
}

}  // namespace

TEST_CASE("the placeholder of a file that is written fails what passes by the hooks") {
  Bench bench(writing());
  bench.agent.files["/log"] = {"old"};
  for (const int flags : {O_WRONLY, O_RDWR}) {
    Reader file(bench.client(), "/log", flags);
    char byte;
    CHECK(::write(file.opened.fd.get(), "x", 1) == -1);
    CHECK(errno == EPERM);
    CHECK(::read(file.opened.fd.get(), &byte, 1) == -1);
    CHECK(errno == EBADF);
  }
}

TEST_CASE(
    "what is written by a pipe stands in order with what is written by hooks, and before any question") {
  Bench bench(writing());
  bench.agent.files["/log"] = {""};
  Reader file(bench.client(), "/log", O_WRONLY);
  const auto given = plain(file, true);
  REQUIRE(given.reply.error == 0);
  REQUIRE(given.reply.a == static_cast<std::uint64_t>(PlainKind::writer));
  REQUIRE(writes(given.fd, "one "));
  CHECK(file.client_.call({.op = Op::write, .a = file.handle(), .d = 1, .data = "two "}).reply.a == 4);
  REQUIRE(writes(given.fd, "three "));
  CHECK(file.client_.call({.op = Op::stat, .text = "/log"}).reply.stat.size == 14);
  CHECK(content(bench, "/log") == "one two three ");
  const auto again = plain(file, true);  // 2>&1
  struct stat first {
  }, second{};
  ::fstat(given.fd.get(), &first), ::fstat(again.fd.get(), &second);
  CHECK((S_ISFIFO(first.st_mode) && first.st_ino == second.st_ino));
  REQUIRE((writes(given.fd, "four ") && writes(again.fd, "five ") && writes(given.fd, "six")));
  CHECK(file.client_.call({.op = Op::seek, .a = file.handle(), .b = 0, .c = SEEK_CUR}).reply.a == 27);
  CHECK(content(bench, "/log") == "one two three four five six");
  CHECK(file.client_.call({.op = Op::seek, .a = file.handle(), .b = 4, .c = SEEK_SET}).reply.a == 4);
  REQUIRE(writes(again.fd, "TWO"));
  CHECK(file.client_.call({.op = Op::written, .a = file.handle()}).reply.error == 0);
  CHECK(content(bench, "/log") == "one TWO three four five six");
}

TEST_CASE("a program after exec finds the file behind a pipe by its inode") {
  Bench bench(writing());
  bench.agent.files["/log"] = {""};
  Reader file(bench.client(), "/log", O_WRONLY | O_APPEND);
  const auto given = plain(file, true);
  struct stat info {};
  ::fstat(given.fd.get(), &info);
  const auto found = file.client_.call({.op = Op::file_stat, .b = info.st_ino, .c = 1});
  CHECK(found.reply.error == 0);
  CHECK(found.reply.c == file.handle());
  CHECK((found.reply.b & (O_ACCMODE | O_APPEND)) == (O_WRONLY | O_APPEND));
  CHECK(found.data == "/log");
  CHECK(file.client_.call({.op = Op::file_stat, .b = info.st_ino + 1, .c = 1}).reply.error == EBADF);
}

TEST_CASE("more than a pipe holds is written, by its own back-pressure") {
  Bench bench(writing());
  bench.agent.files["/log"] = {""};
  Reader file(bench.client(), "/log", O_WRONLY);
  const auto text = text_of(3 << 20);
  auto given = plain(file, true);
  for (std::size_t at = 0; at < text.size(); at += 4096) REQUIRE(writes(given.fd, text.substr(at, 4096)));
  given.fd.reset();
  CHECK(file.client_.call({.op = Op::written, .a = file.handle()}).reply.error == 0);
  CHECK(content(bench, "/log") == text);
}

TEST_CASE("what a program without the layer goes on writing arrives though nobody holds the handle") {
  Bench bench(writing());
  bench.agent.files["/log"] = {""};
  Reader file(bench.client(), "/log", O_WRONLY);
  auto given = plain(file, true);
  file.client_.tell({.op = Op::release, .a = file.handle()});
  bench.on_loop([&] { bench.agent.files["/other"] = {""}; });
  const Reader other(bench.client(), "/other");
  other.client_.tell({.op = Op::release, .a = other.handle()});
  REQUIRE(bench.eventually([&] { return bench.agent.asked["close"] == 1; }));
  CHECK(bench.on_loop([&] { return bench.agent.open.begin()->second; }) == "/log");
  REQUIRE(writes(given.fd, "late"));
  given.fd.reset();
  CHECK(bench.eventually([&] { return bench.agent.asked["close"] == 2; }));
  CHECK(content(bench, "/log") == "late");
}

TEST_CASE("a write that fails in the pod breaks the pipe, is told, and is the error of closing") {
  ::signal(SIGPIPE, SIG_IGN);
  Bench bench(writing());
  bench.agent.files["/log"] = {""};
  Reader file(bench.client(), "/log", O_WRONLY);
  bench.on_loop([&] {
    bench.agent.hostile = [&](std::uint32_t id, const Message& request) {
      if (!std::holds_alternative<protocol::WriteFile>(request)) return false;
      bench.agent.link->respond(id, protocol::Failure{ENOSPC, "scripted"});
      return true;
    };
  });
  const auto given = plain(file, true);
  REQUIRE(writes(given.fd, "lost"));
  CHECK(file.client_.call({.op = Op::written, .a = file.handle()}).reply.error == ENOSPC);
  CHECK(::write(given.fd.get(), "x", 1) == -1);
  CHECK(errno == EPIPE);
  CHECK(file.client_.call({.op = Op::control, .a = file.handle()}).reply.error == ENOSPC);  // fsync
  CHECK(bench.eventually([&] {
    return std::any_of(bench.events.begin(), bench.events.end(), [](const nlohmann::json& event) {
      return event["event"] == "note" && event["severity"] == "error" &&
             event["text"].get<std::string>().find("/log") != std::string::npos;
    });
  }));
}

TEST_CASE("settle waits for what is in pipes") {
  Bench bench(writing());
  bench.agent.files["/log"] = {""};
  Reader file(bench.client(), "/log", O_WRONLY);
  const auto given = plain(file, true);
  std::promise<std::string> settled;
  bool wrote = false;
  bench.on_loop([&] {
    wrote = writes(given.fd, "last words");
    asio::co_spawn(
        bench.agent.executor,
        [&]() -> Task<void> {
          co_await bench.relay->settle(std::chrono::seconds(5));
          settled.set_value(bench.agent.files["/log"].content);
        },
        [](std::exception_ptr) {});
  });
  auto result = settled.get_future();
  REQUIRE(result.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  CHECK(wrote);
  CHECK(result.get() == "last words");
}

TEST_CASE("input is filled completely, and stays") {
  Bench bench;
  const auto text = text_of(20 << 20);
  bench.agent.files["/big"] = {text};
  Reader file(bench.client(), "/big");
  const auto given = plain(file, false);
  REQUIRE(given.reply.error == 0);
  CHECK(given.reply.a == static_cast<std::uint64_t>(PlainKind::same));
  CHECK_FALSE(given.fd);
  int error = 0;
  CHECK(read_all(file.opened.fd.get(), error) == text);
}

TEST_CASE("input that grows shows no hole to who reads it without hooks") {
  Bench bench;
  bench.agent.files["/log"] = {"one\n"};
  Reader file(bench.client(), "/log");
  REQUIRE(plain(file, false).reply.error == 0);
  bench.on_loop([&] { bench.agent.files["/log"] = {"one\ntwo\n", 0100644, 2}; });
  const auto refreshed = [&] { return file.client_.call({.op = Op::refresh, .a = file.handle()}).reply.a; };
  CHECK(eventually_here([&] { return refreshed() == 8; }));
  REQUIRE(refreshed() == 8);
  int error = 0;
  CHECK(read_all(file.opened.fd.get(), error) == "one\n");
  CHECK(file.read(4, 100) == "two\n");
}

TEST_CASE("input that is too large to be kept comes by a socket from its position") {
  Bench bench;
  const auto text = text_of(70 << 20);
  bench.agent.files["/huge"] = {text};
  Reader file(bench.client(), "/huge");
  const auto given = plain(file, false, 10 << 20);
  REQUIRE(given.reply.error == 0);
  REQUIRE(given.reply.a == static_cast<std::uint64_t>(PlainKind::reader));
  file.client_.tell({.op = Op::release, .a = file.handle()});
  int error = 0;
  CHECK(read_all(given.fd.get(), error) == text.substr(10 << 20));
  CHECK(error == 0);
  CHECK(bench.eventually([&] { return bench.agent.asked["close"] == 1; }));
}

TEST_CASE("an error while input comes never looks like its end") {
  Bench bench;
  bench.agent.files["/huge"] = {text_of(70 << 20)};
  Reader file(bench.client(), "/huge");
  bench.on_loop([&] {
    bench.agent.hostile = [&](std::uint32_t id, const Message& request) {
      const auto* read = std::get_if<protocol::ReadFile>(&request);
      if (!read || read->offset == 0) return false;
      bench.agent.link->respond(id, protocol::Failure{EIO, "scripted"});
      return true;
    };
  });
  const auto given = plain(file, false);
  REQUIRE(given.fd);
  int error = 0;
  CHECK(read_all(given.fd.get(), error).size() == protocol::largest_piece);
  CHECK(error == ECONNRESET);
}
