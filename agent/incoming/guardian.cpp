// The guardian process. See guardian.hpp.
#include "incoming/guardian.hpp"

#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace inpod::agent {
namespace {

/// Everything but `kept`: an open client connection or netlink socket in the child would outlive the agent.
void close_all_but(int kept) {
#ifdef SYS_close_range
  if ((kept == 0 || ::syscall(SYS_close_range, 0u, unsigned(kept - 1), 0u) == 0) &&
      ::syscall(SYS_close_range, unsigned(kept + 1), ~0u, 0u) == 0)
    return;
#endif
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > (1u << 20)) limit.rlim_cur = 1u << 20;
  for (int fd = 0; fd < int(limit.rlim_cur); ++fd)
    if (fd != kept) ::close(fd);
}

[[noreturn]] void keep_watch(int pipe, const protocol::Bytes& last_words) {
  ::prctl(PR_SET_NAME, "inpod-guardian");
  ::setsid();
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  close_all_but(pipe);
  char byte;
  while (::read(pipe, &byte, 1) < 0 && errno == EINTR) {
  }
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = ::sendto(fd, last_words.data(), last_words.size(), 0,
                                reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  ::_exit(sent < 0 ? 1 : 0);
}

}  // namespace

Result<std::unique_ptr<Guardian>> Guardian::start(const protocol::Bytes& last_words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("cannot make the guardian's pipe");
  UniqueFd watch(ends[0]), alive(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail_errno("cannot start the guardian of the redirects");
  if (child == 0) keep_watch(watch.get(), last_words);
  return std::unique_ptr<Guardian>(new Guardian(child, std::move(alive)));
}

Guardian::~Guardian() {
  alive_.reset();
  const timespec pause{0, 5'000'000};
  for (int tries = 0; tries < 200; ++tries) {
    if (::waitpid(child_, nullptr, WNOHANG) != 0) return;  // it ended, or someone else reaped it
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace inpod::agent
