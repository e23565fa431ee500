// Signals by signalfd(2).
#include "cli/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>

#include "protocol/task.hpp"

namespace inpod::cli {
namespace {

sigset_t set_of(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}

sigset_t handled() {
  return set_of({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD});
}

}  // namespace

void block_signals() {
  const sigset_t set = handled();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void restore_signals() {
  const sigset_t set = handled();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_DFL);
}

void let_signals_end_us() {
  const sigset_t set = set_of({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

Result<Signals> Signals::create(boost::asio::any_io_executor executor) {
  const sigset_t set = handled();
  const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return fail_errno("signalfd");
  return Signals(boost::asio::posix::stream_descriptor(std::move(executor), fd));
}

protocol::Task<Signal> Signals::next() {
  signalfd_siginfo info{};
  auto [error, count] = co_await source_.async_read_some(boost::asio::buffer(&info, sizeof info), as_result);
  Signal signal;
  if (!error && count == sizeof info) {
    signal.number = static_cast<int>(info.ssi_signo);
    signal.from_terminal = info.ssi_code == SI_KERNEL;
  }
  co_return signal;
}

protocol::Task<Signal> Signals::next_end() {
  while (true) {
    const Signal signal = co_await next();
    const bool end = signal.number == SIGINT || signal.number == SIGTERM || signal.number == SIGHUP ||
                     signal.number == SIGQUIT;
    if (end || signal.number == 0) co_return signal;
  }
}

}  // namespace inpod::cli
