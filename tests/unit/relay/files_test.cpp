// Files over a real relay and a scripted agent: snapshots, windows, positions, references.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "catch.hpp"
#include "unit/relay/bench.hpp"
#include "unit/relay/reader.hpp"

using namespace inpod;
using namespace inpod::test;
using relay::FileKind;

namespace {

/// Of what a client asks, which can't be done on the relay's thread (Bench::eventually).
bool within_5s(const std::function<bool()>& condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::string pattern(std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>((i * 2654435761u) >> 24);
  return content;
}

std::uint64_t resident(int fd) {
  struct stat info {};
  ::fstat(fd, &info);
  return static_cast<std::uint64_t>(info.st_blocks) * 512;
}

}  // namespace

TEST_CASE("a small file comes whole with the answer to open") {
  Bench bench;
  bench.agent.files["/etc/app.conf"] = {"port=80\n"};
  Reader file(bench.client(), "/etc/app.conf");
  REQUIRE(file.opened.reply.error == 0);
  CHECK(file.opened.reply.a == static_cast<std::uint64_t>(FileKind::snapshot));
  CHECK(file.opened.reply.stat.size == 8);
  CHECK(file.slot().handle == file.handle());
  CHECK(file.read(0, 100) == "port=80\n");
  CHECK(file.ensures == 0);
  CHECK(bench.asked("open") == 1);
  CHECK(bench.asked("read") + bench.asked("stream") + bench.asked("stat") == 0);
  char name[256] = {};
  CHECK(::readlink(("/proc/self/fd/" + std::to_string(file.opened.fd.get())).c_str(), name,
                   sizeof(name) - 1) > 0);
  CHECK(std::string(name) == "/memfd:inpod:" + std::to_string(file.handle()) + ":" +
                                 std::to_string(file.opened.reply.b) + " (deleted)");
  CHECK(::write(file.opened.fd.get(), "x", 1) == -1);  // the program can't change it
}

TEST_CASE("a larger file streams in behind; readers wait for what they need") {
  Bench bench;
  const auto content = pattern(5 << 20);
  bench.agent.files["/data"] = {content};
  Reader file(bench.client(), "/data");
  CHECK(file.read((5 << 20) - 100, 100) == content.substr(content.size() - 100));
  CHECK(file.read(0, 5 << 20) == content);
  CHECK(bench.asked("open") == 1);
  CHECK(bench.asked("read") <= 1);  // the far end, if the reader was there long before the stream
  CHECK(bench.asked("stream") == 0);
}

TEST_CASE("two opens have offsets of their own, and a missing file its errno") {
  Bench bench;
  bench.agent.files["/a"] = {"abcdef"};
  Reader one(bench.client(), "/a"), two(bench.client(), "/a");
  char byte;
  CHECK((::read(one.opened.fd.get(), &byte, 1) == 1 && byte == 'a'));
  CHECK((::read(two.opened.fd.get(), &byte, 1) == 1 && byte == 'a'));
  Reader none(bench.client(), "/none");
  CHECK(none.opened.reply.error == ENOENT);
  CHECK_FALSE(none.opened.fd);
}

TEST_CASE("a file past 8 MiB is a window: sequential reading streams, memory stays bounded") {
  Bench bench;
  const auto content = pattern(160 << 20);
  bench.agent.files["/big"] = {content};
  Reader file(bench.client(), "/big");
  CHECK(file.opened.reply.stat.size == content.size());
  bool equal = true;
  std::uint64_t most = 0;
  for (std::size_t at = 0; at < content.size(); at += 1 << 20) {
    const auto piece = file.read(at, 1 << 20);
    equal = equal && piece == content.substr(at, 1 << 20);
    most = std::max(most, resident(file.opened.fd.get()));
  }
  CHECK(equal);
  CHECK(bench.asked("stream") == 1);  // one long stream, not one a window
  CHECK(most <= (80u << 20));
  CHECK(file.read(0, 100) == content.substr(0, 100));  // what was dropped comes again
}

TEST_CASE("random reads of a large file fetch little, and remember it") {
  Bench bench;
  const auto content = pattern(64 << 20);
  bench.agent.files["/db"] = {content};
  Reader file(bench.client(), "/db");
  for (const std::size_t at : {40u << 20, 10u << 20, 60u << 20, 30u << 20})
    CHECK(file.read(at, 4096) == content.substr(at, 4096));
  CHECK(bench.asked("stream") == 0);
  CHECK(bench.asked("read") == 4);
  CHECK(file.read((40u << 20) + 8192, 4096) == content.substr((40u << 20) + 8192, 4096));
  CHECK(bench.asked("read") == 4);
  CHECK(resident(file.opened.fd.get()) <= (1u << 20));
}

TEST_CASE("readers of places far apart don't stop each other") {
  Bench bench;
  const auto content = pattern(64 << 20);
  bench.agent.files["/big"] = {content};
  Reader file(bench.client(), "/big");
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (std::size_t first = 0; first < 6; ++first)
    threads.emplace_back([&, first] {
      const std::uint64_t length = 3 << 20;
      for (auto at = first * length; at + length <= content.size(); at += 6 * length) {
        const auto client = bench.client();
        const auto ensured = client.call({.op = Op::ensure, .a = file.handle(), .b = at, .c = length});
        const auto read = client.call({.op = Op::read, .a = file.handle(), .b = 4096, .c = at + length / 2});
        right += ensured.reply.error == 0 && read.data == content.substr(at + length / 2, 4096);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == 21);
}

TEST_CASE("a range that is to be kept (mmap) is never dropped") {
  Bench bench;
  const auto content = pattern(150 << 20);
  bench.agent.files["/big"] = {content};
  Reader file(bench.client(), "/big");
  const std::uint64_t kept = 12 << 20;
  REQUIRE(file.client_.call({.op = Op::ensure, .a = file.handle(), .b = 0, .c = kept, .d = 1}).reply.error ==
          0);
  auto* map = static_cast<const char*>(::mmap(nullptr, kept, PROT_READ, MAP_SHARED, file.opened.fd.get(), 0));
  for (std::size_t at = 0; at < content.size(); at += 1 << 20) file.read(at, 1 << 20);
  CHECK(std::string_view(map, kept) == std::string_view(content).substr(0, kept));
  ::munmap(const_cast<char*>(map), kept);
}

TEST_CASE("what is kept stays so when more than may be kept is asked for later") {
  Bench bench;
  const auto content = pattern(150 << 20);
  bench.agent.files["/huge"] = {content, 0100644, 1, 6ull << 30};
  Reader file(bench.client(), "/huge");
  const auto ensure = [&](std::uint64_t length, std::uint64_t keep) {
    return file.client_.call({.op = Op::ensure, .a = file.handle(), .b = 0, .c = length, .d = keep})
        .reply.error;
  };
  const std::uint64_t kept = 12 << 20;
  const auto keep = GENERATE(1u, 2u);  // for good (mmap), for a while (aio_read)
  REQUIRE(ensure(kept, keep) == 0);
  auto* map = static_cast<const char*>(::mmap(nullptr, kept, PROT_READ, MAP_SHARED, file.opened.fd.get(), 0));
  CHECK(ensure(6ull << 30, 1) == ENOMEM);
  CHECK(ensure(1, 3) == EINVAL);
  for (std::size_t at = 0; at < content.size(); at += 1 << 20) file.read(at, 1 << 20);
  CHECK(std::string_view(map, kept) == std::string_view(content).substr(0, kept));
  CHECK(resident(file.opened.fd.get()) <= (100u << 20));
  ::munmap(const_cast<char*>(map), kept);
}

TEST_CASE("files that nobody holds make room for others") {
  Bench bench;
  bench.agent.files["/etc/app.conf"] = {"port=80\n"};
  const auto client = bench.client();
  std::size_t opened = 0;
  for (std::uint32_t i = 0; i < relay::slot_count + 300; ++i) {
    const auto file = client.call({.op = Op::open, .text = "/etc/app.conf"});
    opened += file.reply.error == 0 && file.fd;
    client.tell({.op = Op::release, .a = file.reply.c});
  }
  CHECK(opened == relay::slot_count + 300);
}

TEST_CASE("growth is seen by refresh, a rewritten file is read anew") {
  Bench bench;
  bench.agent.files["/log"] = {"one\n"};
  Reader file(bench.client(), "/log");
  CHECK(file.read(0, 100) == "one\n");
  const auto refresh = [&] { return file.client_.call({.op = Op::refresh, .a = file.handle()}).reply.a; };
  CHECK(refresh() == 4);
  CHECK(bench.asked("stat") == 0);  // just opened: nobody is asked
  bench.on_loop([&] { bench.agent.files["/log"] = {"one\ntwo\n", 0100644, 2}; });
  CHECK(within_5s([&] { return refresh() == 8; }));
  CHECK(file.read(4, 100) == "two\n");
  bench.on_loop([&] { bench.agent.files["/log"] = {"ONE\nTWO\n", 0100644, 3}; });
  CHECK(within_5s([&] { return refresh() == 8 && file.read(0, 100) == "ONE\nTWO\n"; }));
  bench.on_loop([&] { bench.agent.files["/log"] = {"cut", 0100644, 4}; });
  CHECK(within_5s(
      [&] { return file.client_.call({.op = Op::file_stat, .a = file.handle()}).reply.stat.size == 3; }));
  CHECK(file.read(0, 100) == "cut");
}

TEST_CASE("a file that is shorter than it says ends where its content ends") {
  Bench bench;
  bench.agent.files["/sys/kernel/x"] = {"42\n", 0100644, 1, 4096};
  Reader file(bench.client(), "/sys/kernel/x");
  CHECK(file.opened.reply.stat.size == 4096);
  CHECK(file.read(0, 100) == "42\n");
}

TEST_CASE(
    "kernel-made files, devices and files opened for writing are read by handle, the position in the relay") {
  Config config;
  config.files.mode = "write";
  Bench bench(config);
  bench.agent.files["/proc/1/status"] = {"Name: app\n", 0100644, 1, 0};
  bench.agent.files["/data/out"] = {"0123456789"};
  const auto client = bench.client();
  Reader proc(client, "/proc/1/status");
  CHECK(proc.opened.reply.a == static_cast<std::uint64_t>(FileKind::handle));
  CHECK(client.call({.op = Op::read, .a = proc.handle(), .b = 4, .d = 1}).data == "Name");
  CHECK(client.call({.op = Op::read, .a = proc.handle(), .b = 100, .d = 1}).data == ": app\n");
  CHECK(client.call({.op = Op::read, .a = proc.handle(), .b = 100, .d = 1}).data.empty());
  CHECK(client.call({.op = Op::read, .a = proc.handle(), .b = 3, .c = 6}).data == "app");

  Reader out(client, "/data/out", O_RDWR);
  CHECK(client.call({.op = Op::write, .a = out.handle(), .d = 1, .data = "ab"}).reply.a == 2);
  CHECK(client.call({.op = Op::read, .a = out.handle(), .b = 2, .d = 1}).data == "23");
  CHECK(client.call({.op = Op::seek, .a = out.handle(), .b = std::uint64_t(-1), .c = SEEK_END}).reply.a == 9);
  CHECK(
      client.call({.op = Op::seek, .a = out.handle(), .b = std::uint64_t(-20), .c = SEEK_CUR}).reply.error ==
      EINVAL);
  CHECK(client.call({.op = Op::read, .a = out.handle(), .b = 9, .d = 1}).data == "9");
  CHECK(client.call({.op = Op::write, .a = out.handle(), .c = 4, .data = "XY"}).reply.a == 2);
  CHECK(bench.on_loop([&] { return bench.agent.files["/data/out"].content; }) == "ab23XY6789");
}

TEST_CASE("a file that is cut by its path has its new size at once for who holds it open") {
  Config config;
  config.files.mode = "write";
  Bench bench(config);
  bench.agent.files["/data/out"] = {"0123456789"};
  const auto client = bench.client();
  Reader out(client, "/data/out", O_RDWR);
  const auto size = [&] { return client.call({.op = Op::file_stat, .a = out.handle()}).reply.stat.size; };
  CHECK(size() == 10);
  const auto cut = static_cast<std::uint64_t>(protocol::PathChange::truncate);
  CHECK(client.call({.op = Op::change_path, .a = cut, .b = 4, .text = "/data/out"}).reply.error == 0);
  CHECK(size() == 4);
}

TEST_CASE("nothing is written to a pod whose files are read-only") {
  Bench bench;
  bench.agent.files["/data"] = {"x"};
  for (const int flags : {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_RDONLY | O_CREAT}) {
    Reader file(bench.client(), "/data", flags);
    CHECK(file.opened.reply.error == EROFS);
  }
  CHECK(bench.client().call({.op = Op::change_path, .a = 1, .text = "/data"}).reply.error == EROFS);
  CHECK(bench.asked("open") == 0);
}

TEST_CASE("a directory comes as getdents64 records with its entries' stats remembered") {
  Bench bench;
  for (const char* name : {"a", "b", "with space"}) bench.agent.files[std::string("/app/") + name] = {name};
  const auto client = bench.client();
  const auto listed = client.call({.op = Op::list, .text = "/app/"});
  REQUIRE(listed.reply.error == 0);
  std::string records(listed.reply.a, '\0');
  REQUIRE(::pread(listed.fd.get(), records.data(), records.size(), 0) ==
          static_cast<ssize_t>(records.size()));
  std::vector<std::string> names;
  for (std::size_t at = 0; at < records.size();) {
    std::uint16_t length = 0;
    std::uint64_t next = 0;
    std::memcpy(&next, records.data() + at + 8, 8);
    std::memcpy(&length, records.data() + at + 16, 2);
    names.emplace_back(records.data() + at + 19);
    at += length;
    CHECK(next == at);
  }
  CHECK(names == std::vector<std::string>{".", "a", "b", "with space"});
  CHECK(client.call({.op = Op::stat, .a = 1, .text = "/app/b"}).reply.stat.size == 1);
  CHECK(client.call({.op = Op::stat, .text = "/app/with space"}).reply.stat.size == 10);
  CHECK(client.call({.op = Op::stat, .a = 1, .text = "/app/none"}).reply.error == ENOENT);
  CHECK(client.call({.op = Op::open, .text = "/app/none"}).reply.error == ENOENT);
  CHECK(bench.asked("stat") == 0);
  CHECK(bench.asked("open") == 0);
  CHECK(within_5s([&] {  // until what the listing told is too old
    return client.call({.op = Op::stat, .a = 1, .text = "/app/b"}).reply.stat.size == 1 &&
           bench.asked("stat") == 1;
  }));

  Reader directory(client, "/app", O_RDONLY | O_DIRECTORY);
  CHECK(directory.opened.reply.a == static_cast<std::uint64_t>(FileKind::directory));
  CHECK(client.call({.op = Op::read, .a = directory.handle(), .b = 10}).reply.error == EISDIR);
}

TEST_CASE("handles live as long as a process holds them, through fork, exec and exit") {
  Bench bench;
  bench.agent.files["/f"] = {"x"};
  const auto client = bench.client();
  const auto handles = [&] { return bench.on_loop([&] { return bench.agent.open.size(); }); };
  int to_child[2];
  REQUIRE(::pipe(to_child) == 0);
  const auto opened = client.call({.op = Op::open, .text = "/f"});
  std::string inherited(reinterpret_cast<const char*>(&opened.reply.c), 8);
  const pid_t child = ::fork();
  if (child == 0) {
    client.call({.op = Op::hello, .a = 1, .text = "/bin/child", .data = inherited});
    char byte;
    ::read(to_child[0], &byte, 1);
    ::_exit(0);
  }
  CHECK(bench.eventually([&] { return bench.relay->processes() == 1; }));
  client.tell({.op = Op::release, .a = opened.reply.c});
  std::this_thread::sleep_for(std::chrono::milliseconds(1300));
  CHECK(handles() == 1);  // the child has it
  struct stat info {};
  REQUIRE(::fstat(opened.fd.get(), &info) == 0);
  CHECK(client.call({.op = Op::file_stat, .b = info.st_ino}).reply.c == opened.reply.c);  // and now we again
  client.tell({.op = Op::release, .a = opened.reply.c});
  CHECK(::write(to_child[1], "x", 1) == 1);
  ::waitpid(child, nullptr, 0);
  CHECK(bench.eventually([&] { return bench.relay->processes() == 0; }));
  CHECK(bench.eventually([&] { return bench.agent.open.empty(); }));
  CHECK(client.call({.op = Op::ensure, .a = opened.reply.c, .c = 1}).reply.error == EBADF);
  CHECK(bench.relay->handshakes() == 1);
}

TEST_CASE("exec keeps only what was inherited") {
  Bench bench;
  bench.agent.files["/a"] = {"a"};
  bench.agent.files["/b"] = {"b"};
  const auto client = bench.client();
  client.call({.op = Op::hello, .text = "/bin/sh"});
  const auto a = client.call({.op = Op::open, .text = "/a"}), b = client.call({.op = Op::open, .text = "/b"});
  client.call({.op = Op::hello,
               .text = "/bin/cat",
               .data = std::string(reinterpret_cast<const char*>(&b.reply.c), 8)});
  CHECK(bench.eventually([&] { return bench.agent.open.size() == 1; }));
  CHECK(client.call({.op = Op::file_stat, .a = b.reply.c}).data == "/b");
  CHECK(client.call({.op = Op::file_stat, .a = a.reply.c}).reply.error == EBADF);
}

TEST_CASE("names: identical lookups share one request and are remembered; failures are not") {
  Bench bench;
  const auto client = bench.client();
  const Sending question{.op = Op::resolve,
                         .a = 2,
                         .b = 1,
                         .text = std::string("db\0"
                                             "5432",
                                             7)};
  std::vector<std::thread> askers;
  std::vector<Received> answers(4);
  for (auto& answer : answers) askers.emplace_back([&] { answer = client.call(question); });
  for (auto& asker : askers) asker.join();
  for (auto& answer : answers) {
    REQUIRE(answer.reply.c == 1);
    relay::ResolvedEntry entry;
    std::memcpy(&entry, answer.data.data(), sizeof(entry));
    CHECK(entry.address_length == 16);
    CHECK(answer.data.substr(sizeof(entry)) == std::string("db\0", 3));
  }
  CHECK(bench.asked("resolve") == 1);
  for (int i = 0; i < 2; ++i)
    CHECK(static_cast<int>(client.call({.op = Op::resolve, .text = std::string("nowhere\0", 8)}).reply.a) ==
          -2);
  CHECK(bench.asked("resolve") == 3);
}
