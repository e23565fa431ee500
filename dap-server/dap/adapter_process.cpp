// See adapter_process.hpp.
#include "dap/adapter_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>

#include "dap/guardian.hpp"
#include "kube/exec_pointers.hpp"
#include "kube/file_limit.hpp"
#include "protocol/task.hpp"
#include "relay/socket_diag.hpp"
#include "session/pipe.hpp"

namespace inpod::dap {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view port_mark = "${port}";

/// LD_PRELOAD's value without our library; what else the user preloads everywhere stays.
std::string preload_without_layer(std::string_view value) {
  std::string kept;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find_first_of(": "), value.size());
    const std::string_view library = value.substr(0, end);
    if (!library.empty() && !library.ends_with("/libinpod.so") && library != "libinpod.so")
      kept.append(kept.empty() ? "" : ":").append(library);
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return kept;
}

/// posix_spawnp(3) in a process group of its own, default signals, no fd of ours but the three.
Result<pid_t> spawn(std::vector<std::string> argv, int in, int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  auto environment = environment_without_layer(environ);
  pid_t pid = -1;
  const kube::UsersFileLimit limit;
  const int error = posix_spawnp(&pid, argv[0].c_str(), &actions, &attributes,
                                 kube::exec_pointers(argv).data(), kube::exec_pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error)
    return Failed(Error{error, "cannot start the debug adapter " + argv[0] + ": " + strerror(error), {}});
  return pid;
}

/// What an adapter writes to its stderr: passed on to ours as it comes, and the end of it kept.
class Errors {
 public:
  Errors(const asio::any_io_executor& executor, UniqueFd from) : from_(executor) {
    from_.assign(from.release());
    from_.non_blocking(true);
  }
  static Task<void> pass_on(std::shared_ptr<Errors> self) {
    char bytes[4096];
    while (true) {
      auto [error, count] = co_await self->from_.async_read_some(asio::buffer(bytes), as_result);
      if (error) co_return;
      self->keep({bytes, count});
    }
  }
  /// All that has been written up to now.
  const std::string& text() {
    char bytes[4096];
    ssize_t count = 0;
    while (from_.is_open() && (count = ::read(from_.native_handle(), bytes, sizeof bytes)) > 0)
      keep({bytes, static_cast<std::size_t>(count)});
    return kept_;
  }
  void silence() { silent_ = true; }
  void close() {
    boost::system::error_code ignored;
    from_.close(ignored);
  }

 private:
  void keep(std::string_view text) {
    // At most PIPE_BUF bytes, which a writable pipe takes without a wait: an editor that does not read holds
    // up no program.
    pollfd room{STDERR_FILENO, POLLOUT, 0};
    if (!silent_ && poll(&room, 1, 0) == 1 && ::write(STDERR_FILENO, text.data(), text.size()) < 0) {
      // nobody there; what was said is kept all the same
    }
    kept_.append(text);
    if (kept_.size() > most_kept) kept_.erase(0, kept_.size() - most_kept);
  }
  static constexpr std::size_t most_kept = 2048;
  asio::posix::stream_descriptor from_;
  std::string kept_;
  bool silent_ = false;
};

/// A loopback port that is free now.
Result<unsigned short> free_port(const asio::any_io_executor& executor) {
  try {
    asio::ip::tcp::acceptor probe(executor, {asio::ip::address_v4::loopback(), 0});
    return probe.local_endpoint().port();
  } catch (const boost::system::system_error& error) {
    return fail(std::string("cannot find a free port for the debug adapter: ") + error.what());
  }
}

bool fill_in_port(std::vector<std::string>& argv, unsigned short port) {
  bool found = false;
  for (auto& argument : argv) {
    for (std::size_t at; (at = argument.find(port_mark)) != std::string::npos; found = true)
      argument.replace(at, port_mark.size(), std::to_string(port));
  }
  return found;
}

}  // namespace

std::vector<std::string> environment_without_layer(const char* const* from) {
  std::vector<std::string> kept;
  for (; from && *from; ++from) {
    const std::string_view variable = *from;
    if (variable.starts_with("INPOD_")) continue;
    if (variable.starts_with("LD_PRELOAD=")) {
      if (auto rest = preload_without_layer(variable.substr(11)); !rest.empty())
        kept.push_back("LD_PRELOAD=" + rest);
      continue;
    }
    kept.emplace_back(variable);
  }
  return kept;
}

struct AdapterProcess::State {
  explicit State(const asio::any_io_executor& executor) : pidfd(executor) {}
  pid_t pid = -1;
  std::optional<int> status;
  std::shared_ptr<Errors> errors;
  Guardian guardian;
  asio::posix::stream_descriptor pidfd;  ///< readable once the process has ended, for as many as wait

  /// Takes the process off the kernel's list, after the rest of its group, whose id is ours only until then.
  void reap() {
    if (status || pid < 0) return;
    kill(-pid, SIGKILL);
    int value = 0;
    while (waitpid(pid, &value, 0) < 0 && errno == EINTR) {
    }
    status = value;
  }
};

AdapterProcess::AdapterProcess(std::string name, std::unique_ptr<State> state)
    : name_(std::move(name)), state_(std::move(state)) {}

AdapterProcess::~AdapterProcess() {
  if (endpoint_) endpoint_->close();
  state_->reap();
  if (state_->errors) state_->errors->close();
}

namespace {

/// Connects to an adapter that listens on `port`, which it does some time after its start; not if it ends
/// before (pidfd). Another user may have taken the port first, and would get the program's environment.
Task<Result<UniqueFd>> connect_to(asio::any_io_executor executor, unsigned short port, std::string name,
                                  int pidfd) {
  const bool kernel_tells = relay::existing_sockets(relay::SocketKind::tcp_listener).has_value();
  asio::ip::tcp::socket socket(executor);
  asio::steady_timer pause(executor);
  const asio::ip::tcp::endpoint peer(asio::ip::address_v4::loopback(), port);
  bool connected = false;
  for (int tries = 0; tries < 200; ++tries) {
    if (!connected) {
      const auto [error] = co_await socket.async_connect(peer, as_result);
      connected = !error;
      if (error) socket.close();
    }
    // Nobody is its user before the adapter has accepted it.
    const auto user = connected ? relay::peer_user(socket.native_handle()) : std::nullopt;
    if (user && *user != geteuid() && *user != 0)
      co_return fail("port " + std::to_string(port) + ", which the debug adapter " + name +
                         " was to listen on, is another user's (uid " + std::to_string(*user) + ")",
                     "try again");
    if (user || (connected && !kernel_tells)) co_return UniqueFd(socket.release());
    pollfd ended{pidfd, POLLIN, 0};
    if (poll(&ended, 1, 0) == 1)
      co_return fail(
          "the debug adapter " + name + " ended before it listened on port " + std::to_string(port),
          "look at its own messages");
    pause.expires_after(connected ? 5ms : 50ms);
    co_await pause.async_wait(as_result);
  }
  co_return fail("the debug adapter " + name + " does not listen on port " + std::to_string(port),
                 "look at its own messages");
}

}  // namespace

Task<Result<std::shared_ptr<AdapterProcess>>> AdapterProcess::start(asio::any_io_executor executor,
                                                                    std::vector<std::string> argv) {
  CO_TRY(port, free_port(executor));
  const bool over_tcp = fill_in_port(argv, port);
  CO_TRY(to_adapter, make_pipe());
  CO_TRY(from_adapter, make_pipe());
  CO_TRY(errors, make_pipe());
  CO_TRY(guardian, Guardian::start());
  const int err = errors.write.get();
  CO_TRY(pid, spawn(argv, to_adapter.read.get(), over_tcp ? err : from_adapter.write.get(), err));
  auto state = std::make_unique<State>(executor);
  state->pid = pid;
  errors.write.reset();
  state->errors = std::make_shared<Errors>(executor, std::move(errors.read));
  asio::co_spawn(executor, Errors::pass_on(state->errors), asio::detached);
  guardian.watch_group(pid);
  state->guardian = std::move(guardian);
  std::shared_ptr<AdapterProcess> process(
      new AdapterProcess(argv[0].substr(argv[0].rfind('/') + 1), std::move(state)));
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) co_return fail_errno("cannot watch the debug adapter (pidfd_open)");
  process->state_->pidfd.assign(pidfd);
  UniqueFd in = std::move(from_adapter.read), out = std::move(to_adapter.write);
  if (over_tcp) {
    CO_TRY(socket, co_await connect_to(executor, port, process->name_, pidfd));
    out.reset(fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));
    in = std::move(socket);
  }
  CO_TRY(endpoint, Endpoint::create(executor, std::move(in), std::move(out)));
  process->endpoint_ = std::move(endpoint);
  co_return process;
}

Task<int> AdapterProcess::wait() {
  const auto self = shared_from_this();
  if (!state_->status)
    co_await state_->pidfd.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
  state_->reap();
  co_return *state_->status;
}

Task<void> AdapterProcess::end() {
  endpoint_->finish();
  asio::steady_timer limit(state_->pidfd.get_executor(), 2s);
  const auto self = shared_from_this();
  limit.async_wait([self](const boost::system::error_code& error) {
    if (!error && !self->ended()) kill(-self->state_->pid, SIGKILL);
  });
  co_await wait();
  endpoint_->close();
}

void AdapterProcess::guard(pid_t debuggee) const {
  state_->guardian.watch(debuggee);
}
void AdapterProcess::guard_no_more(pid_t debuggee) const {
  state_->guardian.forget(debuggee);
}

std::string AdapterProcess::last_words() {
  constexpr std::size_t most = 400;
  std::string_view text = state_->errors->text();
  while (!text.empty() && isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  if (text.size() > most) {
    text.remove_prefix(text.size() - most);
    text.remove_prefix(
        std::min(text.find('\n') + 1, text.size()));  // from the start of a line, or (npos + 1) as it is
  }
  return std::string(text);
}

bool AdapterProcess::ended() const {
  return state_->status.has_value();
}

pid_t AdapterProcess::pid() const {
  return state_->pid;
}
void AdapterProcess::silence() const {
  state_->errors->silence();
}

std::string describe_status(int status) {
  if (WIFEXITED(status)) return "exit code " + std::to_string(WEXITSTATUS(status));
  return "signal " + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")";
}

}  // namespace inpod::dap
