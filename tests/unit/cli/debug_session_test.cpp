// The process that holds a wrapped debugger's session, and who asks it.
#include "cli/debug_session.hpp"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <future>

#include "catch.hpp"

using namespace inpod;

TEST_CASE("a program that stands in the debugger before it has asked holds up no other") {
  unsetenv("INPOD_TARGET");
  auto socket = cli::make_debug_socket();
  REQUIRE(socket);
  cli::Debugger debugger{getpid(), UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)))};
  REQUIRE(debugger.process);
  const pid_t holder = fork();
  if (holder == 0) _exit(cli::serve_debug_session(std::move(socket->listener), std::move(debugger), {}));
  REQUIRE(holder > 0);
  socket->listener.reset();
  UniqueFd mute(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path + 1, socket->name.data(), socket->name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + socket->name.size());
  CHECK(connect(mute.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
  auto answer = std::async(std::launch::async, [&] {
    return cli::ask_debug_session(socket->name, "/no/such/program", {}, [](const std::string&) {});
  });
  const bool in_time = answer.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  mute.reset();  // a holder that waits for it goes on
  const auto answered = answer.get();
  CHECK(in_time);
  REQUIRE(answered);
  CHECK_FALSE(answered->on);  // no target is named
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
}
