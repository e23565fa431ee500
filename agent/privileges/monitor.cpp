// See monitor.hpp.
#include "privileges/monitor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "protocol/described_codec.hpp"
#include "protocol/little_endian.hpp"
#include "server/log.hpp"

namespace inpod::agent {
namespace {

using protocol::Bytes;
constexpr timeval answer_time{10, 0};

struct Received {
  Bytes bytes;
  UniqueFd file;
};

Result<void> write_fully(int channel, std::span<const std::uint8_t> data) {
  while (!data.empty()) {
    const ssize_t count = ::send(channel, data.data(), data.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("cannot write to the channel");
    data = data.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

/// The file goes with the length in front.
Result<void> send_message(int channel, const Bytes& body, int file = -1) {
  std::uint8_t head[sizeof(std::uint32_t)];
  protocol::store_little_endian(head, static_cast<std::uint32_t>(body.size()));
  iovec io{head, sizeof head};
  alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  if (file >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(rights), &file, sizeof file);
  }
  ssize_t count;
  do count = ::sendmsg(channel, &message, MSG_NOSIGNAL);
  while (count < 0 && errno == EINTR);
  if (count < 0) return fail_errno("cannot write to the channel");
  TRY_VOID(write_fully(channel, std::span(head).subspan(static_cast<std::size_t>(count))));
  return write_fully(channel, body);
}

Result<void> read_fully(int channel, std::span<std::uint8_t> into, UniqueFd& file) {
  while (!into.empty()) {
    iovec io{into.data(), into.size()};
    alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t count = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("cannot read from the channel");
    if (count == 0) return fail_errno("cannot read from the channel", ECONNRESET);
    const cmsghdr* rights = CMSG_FIRSTHDR(&message);
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
      int received = -1;
      memcpy(&received, CMSG_DATA(rights), sizeof received);
      file.reset(received);
    }
    into = into.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<Received> receive_message(int channel) {
  Received received;
  std::uint8_t head[sizeof(std::uint32_t)];
  TRY_VOID(read_fully(channel, head, received.file));
  const auto length = protocol::load_little_endian<std::uint32_t>(head);
  if (length > protocol::max_message_size) return fail("a message on the channel is too long");
  received.bytes.resize(length);
  TRY_VOID(read_fully(channel, received.bytes, received.file));
  return received;
}

void close_from(unsigned first) {
#ifdef SYS_close_range
  if (::syscall(SYS_close_range, first, ~0u, 0u) == 0) return;
#endif
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > (1u << 20)) limit.rlim_cur = 1u << 20;
  for (unsigned fd = first; fd < limit.rlim_cur; ++fd) ::close(static_cast<int>(fd));
}

/// In the child: leaves it the channel as fd 0, stderr as fd 2, and `file` as fd 3, or none.
bool keep_files(int channel, int file) {
  constexpr int highest = 3;
  const int moved = file < 0 ? -1 : ::fcntl(file, F_DUPFD_CLOEXEC, highest + 1);
  const bool good = ::dup2(channel, STDIN_FILENO) == STDIN_FILENO && (file < 0 || moved >= 0) &&
                    (moved < 0 || ::dup2(moved, highest) == highest);
  ::close(STDOUT_FILENO);
  close_from(moved < 0 ? highest : highest + 1);
  return good;
}

Result<void> send_answer(const MonitorAnswer& answer, int file = -1) {
  TRY_ASSIGN(bytes, protocol::Writer().take(answer));
  return send_message(STDIN_FILENO, bytes, file);
}

Result<void> harden(const Monitor::Options& options) {
  TRY_VOID(limit_capabilities(options.capabilities));
  stay_undumpable();
  TRY_ASSIGN(filtered, filter_system_calls(options.forking));
  if (!filtered) log(std::string(options.name) + ": this kernel can't filter system calls");
  return {};
}

Result<void> serve_requests(const std::function<Monitor::Reply(MonitorRequest)>& answer) {
  while (true) {
    auto received = receive_message(STDIN_FILENO);
    if (!received) return {};  // the agent has ended
    TRY_ASSIGN(request, protocol::Reader(received->bytes).take<MonitorRequest>());
    auto reply = answer(std::move(request));
    TRY_VOID(send_answer(reply.answer, reply.file.get()));
  }
}

/// The first answer, before any request, tells whether it is ready.
[[noreturn]] void run_child(const Monitor::Options& options, int channel, pid_t parent) {
  ::prctl(PR_SET_NAME, options.name);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // should it hang in the target when the agent ends
  if (::getppid() != parent || !keep_files(channel, options.file)) ::_exit(1);
  if (auto hardened = harden(options); !hardened) {
    (void)send_answer(refusal(hardened.error()));
    ::_exit(1);
  }
  const auto answer = options.serve(options.file < 0 ? -1 : 3);
  if (!send_answer(Completed{})) ::_exit(1);
  auto served = serve_requests(answer);
  if (!served) log(std::string(options.name) + ": " + served.error().text);
  ::_exit(served ? 0 : 1);
}

Result<Monitor::Reply> receive_reply(int channel) {
  TRY_ASSIGN(received, receive_message(channel));
  TRY_ASSIGN(answer, protocol::Reader(received.bytes).take<MonitorAnswer>());
  return Monitor::Reply{std::move(answer), std::move(received.file)};
}

/// A Refused as its Error.
Result<Monitor::Reply> accepted(Monitor::Reply reply) {
  auto* refused = std::get_if<Refused>(&reply.answer);
  if (!refused) return reply;
  return Failed(Error{refused->code, std::move(refused->text), std::move(refused->remedy)});
}

}  // namespace

Result<std::unique_ptr<Monitor>> Monitor::start(const Options& options) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno("socketpair");
  UniqueFd own(ends[0]), theirs(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail_errno("cannot start the process " + std::string(options.name));
  if (child == 0) run_child(options, theirs.get(), parent);
  theirs.reset();  // or its end would not be seen
  ::setsockopt(own.get(), SOL_SOCKET, SO_RCVTIMEO, &answer_time, sizeof answer_time);
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  std::unique_ptr<Monitor> monitor(new Monitor(std::move(own), std::move(process)));
  auto first = receive_reply(monitor->channel_.get());
  if (first) first = accepted(std::move(*first));
  if (!first) return Failed(first.error().context("cannot start the process " + std::string(options.name)));
  return monitor;
}

Result<Monitor::Reply> Monitor::ask(const MonitorRequest& request) {
  std::lock_guard lock(mutex_);
  if (!channel_) return fail("the agent's privileged process no longer answers", "start a new session");
  auto reply = exchange(request);
  if (reply) return accepted(std::move(*reply));
  channel_.reset();  // an answer that comes late would be taken for the next one's
  return Failed(reply.error().context("the agent's privileged process"));
}

Result<Monitor::Reply> Monitor::exchange(const MonitorRequest& request) {
  TRY_ASSIGN(bytes, protocol::Writer().take(request));
  TRY_VOID(send_message(channel_.get(), bytes));
  return receive_reply(channel_.get());
}

}  // namespace inpod::agent
