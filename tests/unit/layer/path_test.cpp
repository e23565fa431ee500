// Paths: lexical normalising, bounds, and the remembered working directory.
#include "core/path.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "catch.hpp"
#include "core/core.hpp"

using namespace inpod;

namespace {

std::string normal(const std::string& base, const std::string& path) {
  Path result;
  REQUIRE(result.assign(base, path) == 0);
  return std::string(result.view());
}

}  // namespace

TEST_CASE("paths are made absolute and plain") {
  CHECK(normal("/home/u", "a") == "/home/u/a");
  CHECK(normal("/home/u", "./a//b/.") == "/home/u/a/b");
  CHECK(normal("/home/u", "../x") == "/home/x");
  CHECK(normal("/home/u", "../../../x") == "/x");
  CHECK(normal("/home/u", "/etc/../tmp") == "/tmp");
  CHECK(normal("/home/u", "..") == "/home");
  CHECK(normal("/", "a") == "/a");
  CHECK(normal("/", "..") == "/");
  CHECK(normal("/x", "/") == "/");
  CHECK(normal("/x", "///") == "/");
  CHECK(normal("/x", "...") == "/x/...");
  CHECK(normal("/x", "..a") == "/x/..a");
}

TEST_CASE("a base may lie in the memory already") {
  ShortPath path;
  memcpy(path.memory(), "/home/u", 7);
  REQUIRE(path.add(7, "../x/./y/") == 0);
  CHECK(path.view() == "/home/x/y");
  memcpy(path.memory(), "/", 1);
  REQUIRE(path.add(1, "x") == 0);
  CHECK(path.view() == "/x");
  memcpy(path.memory(), "/home/u", 7);
  REQUIRE(path.add(7, "/etc") == 0);
  CHECK(path.view() == "/etc");
  CHECK(path.add(0, std::string(1100, 'a')) == -ENAMETOOLONG);
}

TEST_CASE("plain paths are told from those that need work") {
  for (const char* plain : {"/", "/a", "/a/", "/etc/app.conf", "/.a/..b/...", "/a./b.."})
    CHECK(plain_length(plain) == strlen(plain));
  for (const char* other : {"", "a", "./a", "//", "/a//b", "/a//", "/.", "/..", "/./a", "/../a", "/a/.",
                            "/a/..", "/a/./b", "/a/../b"})
    CHECK(plain_length(other) == 0);
  CHECK(plain_length(("/" + std::string(4094, 'a')).c_str()) == 4095);
  CHECK(plain_length(("/" + std::string(4095, 'a')).c_str()) == 0);
}

TEST_CASE("a final slash is remembered") {
  Path path;
  REQUIRE(path.assign("/x", "file/") == 0);
  CHECK(path.view() == "/x/file");
  path.restore_slash();
  CHECK(path.view() == "/x/file/");
  REQUIRE(path.assign("/x", "/") == 0);
  path.restore_slash();
  CHECK(path.view() == "/");
}

TEST_CASE("long paths are refused, never cut") {
  Path path;
  CHECK(path.assign("/", std::string(5000, 'a')) == -ENAMETOOLONG);
  CHECK(path.assign("/" + std::string(3000, 'a'), std::string(2000, 'b')) == -ENAMETOOLONG);
  CHECK(path.assign("/", std::string(4090, 'a')) == 0);
  CHECK(path.replace("/" + std::string(100, 'p'), path.view()) == -ENAMETOOLONG);
}

TEST_CASE("a prefix is replaced in place") {
  Path path;
  REQUIRE(path.assign("/", "/srv/app/x") == 0);
  std::string_view rest = path.view();
  rest.remove_prefix(8);
  REQUIRE(path.replace("/a/much/longer/prefix", rest) == 0);
  CHECK(path.view() == "/a/much/longer/prefix/x");
  rest = path.view();
  rest.remove_prefix(path.size());
  REQUIRE(path.replace("/", rest) == 0);
  CHECK(path.view() == "/");
}

TEST_CASE("the working directory is remembered until it may have changed") {
  char start[4096];
  REQUIRE(getcwd(start, sizeof start));
  WorkingDirectory directory;
  char text[4096];
  std::size_t length = 0;
  REQUIRE(directory.get(text, sizeof text, length, true) == 0);
  CHECK(std::string(text, length) == start);
  REQUIRE(chdir("/") == 0);
  REQUIRE(directory.get(text, sizeof text, length, true) == 0);
  CHECK(std::string(text, length) == start);  // nobody has said that it changed
  directory.forget();
  REQUIRE(directory.get(text, sizeof text, length, true) == 0);
  CHECK(std::string(text, length) == "/");
  directory.forget();
  REQUIRE(chdir("/tmp") == 0);
  REQUIRE(directory.get(text, sizeof text, length, false) == 0);  // not to be remembered
  REQUIRE(chdir("/") == 0);
  REQUIRE(directory.get(text, sizeof text, length, true) == 0);
  CHECK(std::string(text, length) == "/");
  REQUIRE(chdir(start) == 0);
}

TEST_CASE("threads that read while one forgets never see a torn directory") {
  char start[4096];
  REQUIRE(getcwd(start, sizeof start));
  const auto directory = std::make_unique<WorkingDirectory>();
  std::atomic<bool> stop = false;
  std::atomic<int> torn = 0;
  std::thread reader([&] {
    char text[4096];
    std::size_t length = 0;
    while (!stop) {
      directory->get(text, sizeof text, length, true);
      const std::string seen(text, length);
      if (seen != "/usr/share" && seen != "/tmp") ++torn;
    }
  });
  REQUIRE(chdir("/tmp") == 0);
  directory->forget();
  for (int i = 0; i < 20000; ++i) {
    directory->forget();
    REQUIRE(chdir(i % 2 ? "/tmp" : "/usr/share") == 0);
    directory->forget();
  }
  torn = 0;
  for (int i = 0; i < 20000; ++i) {
    directory->forget();
    REQUIRE(chdir(i % 2 ? "/tmp" : "/usr/share") == 0);
    directory->forget();
    char text[4096];
    std::size_t length = 0;
    directory->get(text, sizeof text, length, true);
    REQUIRE(std::string(text, length) == (i % 2 ? "/tmp" : "/usr/share"));
  }
  stop = true;
  reader.join();
  CHECK(torn == 0);
  REQUIRE(chdir(start) == 0);
}

TEST_CASE("the names of the relay's memfds say what they are") {
  const FdEntry snapshot = parse_memfd_name("/memfd:inpod:123:45 (deleted)");
  CHECK(snapshot.kind() == FdKind::snapshot);
  CHECK(snapshot.handle() == 123);
  CHECK(snapshot.slot() == 45);
  const FdEntry reader = parse_memfd_name("/memfd:inpod-h:7 (deleted)"),
                writer = parse_memfd_name("/memfd:inpod-w:7 (deleted)");
  CHECK(reader.kind() == FdKind::handle);
  CHECK(reader.access() == O_RDONLY);
  CHECK_FALSE(reader.changeable());
  CHECK(writer.kind() == FdKind::handle);
  CHECK(writer.access() == O_RDWR);
  CHECK(writer.changeable());
  CHECK(parse_memfd_name("/memfd:inpod-d:7 (deleted)").kind() == FdKind::directory);
  for (const char* other :
       {"/memfd:inpod", "/memfd:inpod-x:7", "/memfd:inpodder:1:2", "/memfd:inpod:x:1", "/memfd:inpod:1",
        "/memfd:other:1:2", "socket:[1]", "/home/memfd:inpod:1:2", "/memfd:inpod:99999999999999999999:1"})
    CHECK_FALSE(static_cast<bool>(parse_memfd_name(other)));
}

TEST_CASE("entries of descriptors keep their parts") {
  const auto file = FdEntry::file(FdKind::handle, FdEntry::largest_handle, FdEntry::no_slot, 2, true, true);
  CHECK(file.kind() == FdKind::handle);
  CHECK(file.handle() == FdEntry::largest_handle);
  CHECK(file.slot() == FdEntry::no_slot);
  CHECK(file.access() == 2);
  CHECK(file.append());
  const auto listener = FdEntry::listener(80, 43210);
  CHECK(listener.wanted_port() == 80);
  CHECK(listener.local_port() == 43210);
  CHECK_FALSE(listener.is_file());
  const auto table = std::make_unique<FdTable>();
  CHECK_FALSE(table->set(FdTable::capacity, file));
  CHECK_FALSE(table->set(-1, file));
  REQUIRE(table->set(9, file));
  CHECK(table->top() == 10);
  CHECK(table->holds(file.handle()));
  CHECK_FALSE(table->holds(file.handle(), 9));
  table->replace(9, file, file.with_append(false));
  CHECK(table->get(9) == file.with_append(false));
  table->replace(9, file, listener);
  CHECK(table->take(9) == file.with_append(false));
  table->replace(9, file.with_append(false), file);
  CHECK_FALSE(static_cast<bool>(table->get(9)));
}
