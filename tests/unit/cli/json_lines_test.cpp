// JSON lines for a reader that does not keep up.
#include "cli/json_lines.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "catch.hpp"
#include "protocol/unique_fd.hpp"

using namespace inpod;
using inpod::cli::JsonLines;

TEST_CASE("JSON lines: none waits for the reader, none is lost or cut") {
  int fds[2];
  REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
  const UniqueFd read_end(fds[0]), write_end(fds[1]);
  fcntl(write_end.get(), F_SETPIPE_SZ, 4096);
  boost::asio::io_context context(1);
  const auto lines = std::make_shared<JsonLines>(context.get_executor(), write_end.get());
  std::string expected;
  for (int i = 0; i < 100; ++i) {  // a blocking write would wait here for ever
    const nlohmann::json value{{"number", i}, {"text", std::string(3000, 'x')}};
    lines->print(value);
    expected += value.dump() + "\n";
  }
  CHECK(lines->waiting());
  CHECK_FALSE(lines->full());
  CHECK((fcntl(write_end.get(), F_GETFL) & O_NONBLOCK) == 0);
  std::string got;
  std::thread reader([&] {
    pollfd more{read_end.get(), POLLIN, 0};
    while (got.size() < expected.size() && poll(&more, 1, 20000) == 1) {
      char piece[1000];
      const ssize_t count = read(read_end.get(), piece, sizeof piece);
      if (count <= 0) break;
      got.append(piece, static_cast<std::size_t>(count));
    }
  });
  boost::asio::co_spawn(context, lines->flush(std::chrono::seconds(20)), rethrow);
  context.run_for(std::chrono::seconds(20));
  reader.join();
  CHECK(got == expected);
  CHECK_FALSE(lines->waiting());
}

TEST_CASE(
    "JSON lines: the end of the reader ends the wait, and a reader that stays away is not waited for for "
    "ever") {
  int fds[2];
  REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
  UniqueFd read_end(fds[0]);
  const UniqueFd write_end(fds[1]);
  const auto before = signal(SIGPIPE, SIG_IGN);
  boost::asio::io_context context(1);
  const auto lines = std::make_shared<JsonLines>(context.get_executor(), write_end.get());
  lines->print(std::string(1 << 20, 'x'));
  bool late = false, ended = false;
  boost::asio::co_spawn(context, lines->flush(std::chrono::milliseconds(50)),
                        [&](std::exception_ptr) { late = lines->waiting(); });
  context.run_for(std::chrono::milliseconds(500));
  CHECK(late);
  read_end.reset();
  context.restart();
  boost::asio::co_spawn(context, lines->flush(std::chrono::seconds(20)),
                        [&](std::exception_ptr) { ended = true; });
  context.run_for(std::chrono::seconds(10));
  CHECK(ended);
  CHECK_FALSE(lines->waiting());
  lines->print("nobody reads");
  CHECK_FALSE(lines->waiting());
  signal(SIGPIPE, before);
}

TEST_CASE("JSON lines: a plain file takes all at once") {
  char path[] = "/tmp/inpod-lines-XXXXXX";
  const UniqueFd file(mkstemp(path));
  REQUIRE(file);
  unlink(path);
  boost::asio::io_context context(1);
  const auto lines = std::make_shared<JsonLines>(context.get_executor(), file.get());
  lines->print(std::string(100000, 'x'));
  CHECK_FALSE(lines->waiting());
  CHECK(lseek(file.get(), 0, SEEK_CUR) == 100003);
}
