// inpod-agent: acts inside a pod's namespaces for the developers who are connected to it. See
// start_record.hpp for how it is started and what it prints, server.hpp for when it ends.
//
// One thread runs everything that does not block, in the target's network namespace; threads inside the
// target's root do what may (worker_pool.hpp). All of them have the target's ids and capabilities, and no
// more: what needs more is done by two small processes (monitors.hpp). The executable is static and calls
// nothing that needs NSS.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "files/pod_threads.hpp"
#include "privileges/monitors.hpp"
#include "protocol/printable.hpp"
#include "server/connection_openers.hpp"
#include "server/log.hpp"
#include "server/server.hpp"

namespace inpod::agent {
namespace {

constexpr const char* usage =
    "usage: inpod-agent [--local]\n"
    "Acts inside a pod for inpod, which starts it and writes a start record to its stdin.\n"
    "  --local    end with the process that started it (stdin's end of file)\n"
    "  --version  print the version of the program and of the protocol\n";

void say(const std::string& line) {
  std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) log("nobody reads stdout");
}

int failed(const Error& error) {
  std::string text = error.text + (error.remedy.empty() ? "" : "; " + error.remedy);
  std::replace(text.begin(), text.end(), '\n', ' ');  // one line
  say("inpod-agent failed: " + text);
  return 1;
}

void raise_fd_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Where clients will come in. Made before the target's namespaces are entered: it is the agent's own
/// network's.
struct Entrance {
  UniqueFd listener, connected;
  std::uint16_t port = 0;
};

Result<Entrance> open_entrance(const StartRecord& record) {
  Entrance entrance;
  if (record.socket < 0) {
    entrance.port = record.port;
    TRY_ASSIGN(listener, listen_on_loopback(entrance.port));
    entrance.listener = std::move(listener);
    return entrance;
  }
  int listening = 0;
  socklen_t length = sizeof listening;
  if (::getsockopt(record.socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0)
    return fail_errno("the inherited socket " + std::to_string(record.socket));
  ::fcntl(record.socket, F_SETFD, FD_CLOEXEC);
  (listening ? entrance.listener : entrance.connected).reset(record.socket);
  return entrance;
}

/// Calls `callback` once the fd is readable (a pidfd: the process has ended; stdin: end of file, as nothing
/// more is sent).
void watch(boost::asio::posix::stream_descriptor& descriptor, int fd, std::function<void()> callback) {
  boost::system::error_code failure;
  descriptor.assign(fd, failure);
  if (failure) return;  // a plain file or /dev/null as stdin: no end to wait for
  descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [callback = std::move(callback)](const boost::system::error_code& cancelled) {
                          if (!cancelled) callback();
                        });
}

/// The processes that keep capabilities. `target` is null if there is none.
struct Monitors {
  std::shared_ptr<Monitor> network, target;
};

Result<Monitors> start_monitors(StartRecord& record, const Target& target) {
  // Neither child needs the token, of which each has a copy of its own.
  const auto forget = [&record] { ::explicit_bzero(record.token.data(), record.token.size()); };
  Monitors monitors;
  TRY_ASSIGN(network, start_network_monitor(forget));
  monitors.network = std::move(network);
  if (!target.pid) return monitors;
  TRY_ASSIGN(reader, start_target_monitor(target, forget));
  monitors.target = std::move(reader);
  return monitors;
}

/// A targetless agent works on its own files, as root of its container, and needs no more for that.
constexpr std::uint64_t file_capabilities = capability_bit(CAP_CHOWN) | capability_bit(CAP_DAC_OVERRIDE) |
                                            capability_bit(CAP_DAC_READ_SEARCH) | capability_bit(CAP_FOWNER) |
                                            capability_bit(CAP_FSETID);

/// The threads that work in the pod are made first: this thread then has not the rights to make another.
Result<std::unique_ptr<PodThreads>> give_up_rights(const Target& target, const PodRoot& root) {
  if (!target.pid) TRY_VOID(limit_capabilities(file_capabilities));
  TRY_ASSIGN(threads, PodThreads::create(root));
  if (target.pid) TRY_VOID(take_on(target.credentials));
  stay_undumpable();
  TRY_ASSIGN(filtered, filter_system_calls(Forking::refused));
  if (!filtered) log("this kernel can't filter system calls");
  return threads;
}

int serve(const StartRecord& record, Entrance entrance, const Target& target, const Monitors& monitors,
          bool local) {
  boost::asio::io_context io(1);
  PodRoot root(target);
  auto threads = give_up_rights(target, root);
  if (!threads) return failed(threads.error());
  if (local) ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // after setns and changed ids, which clear it
  WorkerPool::Options inside;
  inside.start_thread = [&pod = **threads](std::function<void()> body) { return pod.start(std::move(body)); };
  WorkerPool pod_workers(io.get_executor(), inside);
  WorkerPool::Options names = inside;
  names.kept = names.most = 1;
  WorkerPool name_workers(io.get_executor(), names);
  WorkerPool::Options own;
  own.kept = 0;
  own.most = 4;
  WorkerPool agent_workers(io.get_executor(), own);
  Resolver resolver(io.get_executor(), name_workers, root);

  Server* server_to_note = nullptr;
  auto note = [&server_to_note](protocol::Severity severity, std::string text) {
    log(text);
    if (server_to_note) server_to_note->note(severity, text);
  };
  ConnectionOpeners openers(io.get_executor(), agent_workers, [&monitors](const auto& connections) {
    return find_openers(*monitors.target, connections);
  });
  Incoming::OpenedByTarget opened_by_target;
  if (monitors.target)
    opened_by_target = [&openers](protocol::SocketAddress from, protocol::SocketAddress to) {
      return openers.is_targets({from, to});
    };
  auto incoming =
      Incoming::create(io.get_executor(), note, privileged_network(monitors.network), opened_by_target);
  auto read_target = [&monitors]() -> Result<TargetState> {
    if (!monitors.target) return own_state();
    return read_target_state(*monitors.target);
  };
  PodServices services{io.get_executor(),
                       target,
                       read_target,
                       root,
                       pod_workers,
                       agent_workers,
                       resolver,
                       incoming ? incoming->get() : nullptr,
                       incoming ? Error() : incoming.error()};
  Server server(services, record, std::move(entrance.listener), std::move(entrance.connected),
                [&io] { io.stop(); });
  server_to_note = &server;

  boost::asio::signal_set signals(io, SIGTERM, SIGINT, SIGHUP);
  signals.async_wait([&server](const boost::system::error_code& cancelled, int) {
    if (!cancelled) server.leave("it was told to stop");
  });
  boost::asio::posix::stream_descriptor target_end(io), parent_end(io), network_end(io), reader_end(io);
  if (target.pid_fd)
    watch(target_end, ::dup(target.pid_fd.get()),
          [&server] { server.leave("the target's process has ended"); });
  const auto monitor_ended = [&server] { server.leave("one of its privileged processes has ended"); };
  watch(network_end, ::dup(monitors.network->process()), monitor_ended);
  if (monitors.target) watch(reader_end, ::dup(monitors.target->process()), monitor_ended);
  if (local)
    watch(parent_end, STDIN_FILENO, [&server] { server.leave("the process that started it has ended"); });

  server.start();
  say("inpod-agent ready port=" + std::to_string(entrance.port) +
      " version=" + std::to_string(protocol::protocol_version));
  io.run();
  ::_exit(0);  // a thread that hangs in the pod's file system must not hold us
}

int run(bool local) {
  if (auto safe = become_untouchable(); !safe) return failed(safe.error());
  ::signal(SIGPIPE, SIG_IGN);
  raise_fd_limit();
  auto record = read_start_record(STDIN_FILENO);
  if (!record) return failed(record.error());
  auto entrance = open_entrance(*record);
  if (!entrance) return failed(entrance.error());
  auto target = find_target(*record);
  if (!target) return failed(target.error());
  if (auto entered = enter_target(*target); !entered) return failed(entered.error());
  stay_undumpable();
  limit_bounding_set();
  auto monitors = start_monitors(*record, *target);
  if (!monitors) return failed(monitors.error());
  log("started for " + protocol::printable(record->client) + ", target process " +
      std::to_string(target->pid));
  return serve(*record, std::move(*entrance), *target, *monitors, local);
}

}  // namespace
}  // namespace inpod::agent

int main(int argc, char** argv) {
  bool local = false;
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (argument == "--local") {
      local = true;
    } else if (argument == "--version") {
      printf("inpod-agent %s, protocol %u\n", INPOD_VERSION, inpod::protocol::protocol_version);
      return 0;
    } else if (argument == "--help" || argument == "-h") {
      fputs(inpod::agent::usage, stdout);
      return 0;
    } else {
      fprintf(stderr, "inpod-agent: unknown argument %s\n%s", argv[i], inpod::agent::usage);
      return 2;
    }
  }
  return inpod::agent::run(local);
}
