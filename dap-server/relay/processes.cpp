// Processes: see processes.hpp.
#include "relay/processes.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <fstream>

#include "relay/activity.hpp"

namespace inpod::relay {

namespace asio = boost::asio;

struct Processes::Process {
  explicit Process(const asio::any_io_executor& executor) : exit(executor) {}
  int pid = 0;
  std::string executable;
  bool shook_hands = false;
  asio::posix::stream_descriptor exit;  // a pidfd, where there is one
  std::unordered_set<std::uint64_t> handles;
};

namespace {

constexpr int most_ancestors = 64;

struct ProcessStatus {
  int parent = 0;
  uid_t user = 0;  ///< the effective one
};

/// From /proc/<pid>/status; nothing once the process is gone.
std::optional<ProcessStatus> status_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  ProcessStatus status;
  bool has_user = false;
  for (std::string key; !has_user && file >> key; file.ignore(1 << 16, '\n')) {
    if (key == "PPid:") file >> status.parent;
    if (key == "Uid:") has_user = static_cast<bool>(file >> status.user >> status.user);
  }
  return has_user ? std::optional(status) : std::nullopt;
}

bool is_own_or_root(uid_t user) {
  return user == ::geteuid() || user == 0;
}

}  // namespace

/// Its pid is no other process's: the pidfd says that it lives.
bool Processes::holds(int pid) const {
  const auto at = processes_.find(pid);
  if (at == processes_.end() || !at->second->shook_hands || !at->second->exit.is_open()) return false;
  pollfd ended{at->second->exit.native_handle(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 0;
}

bool Processes::admits(int socket, int& pid) const {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  pid = peer.pid;
  if (is_own_or_root(peer.uid)) return true;
  auto status = status_of(pid);
  // By its user: the pid may be another process's since the peer connected.
  if (!status || status->user != peer.uid) return false;
  int ancestor = pid;
  for (int depth = 0; status && ancestor > 1 && depth < most_ancestors; ++depth) {
    if (holds(ancestor)) return true;
    ancestor = status->parent;
    status = status_of(ancestor);
  }
  return false;
}

bool Processes::is_other_user(int pid) {
  const auto status = status_of(pid);
  return status && !is_own_or_root(status->user);
}

Processes::Process& Processes::get(int pid) {
  auto& process = processes_[pid];
  if (!process) {
    process = std::make_shared<Process>(context_.executor);
    process->pid = pid;
    if (pid > 0) watch(process);
  }
  return *process;
}

void Processes::watch(const std::shared_ptr<Process>& process) {
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, process->pid, 0));
  if (fd >= 0) {
    process->exit.assign(fd);
    auto self = context_.owner.lock();
    process->exit.async_wait(asio::posix::stream_descriptor::wait_read,
                             [this, self, pid = process->pid](boost::system::error_code failed) {
                               if (!failed) exited(pid);
                             });
    return;
  }
  if (!std::exchange(polling_, true)) context_.spawn(poll_unwatched());
}

Task<void> Processes::poll_unwatched() {
  while (!closed_) {
    poll_.expires_after(std::chrono::seconds(1));
    co_await poll_.async_wait(as_result);
    std::vector<int> gone;
    for (auto& [pid, process] : processes_)
      if (pid > 0 && !process->exit.is_open() && ::kill(pid, 0) != 0 && errno == ESRCH) gone.push_back(pid);
    for (const int pid : gone) exited(pid);
  }
}

void Processes::hello(int pid, const std::string& executable, bool forked,
                      const std::vector<std::uint64_t>& inherited) {
  auto& process = get(pid);
  ++handshakes_;
  const bool known = std::exchange(process.shook_hands, true);
  process.executable = executable;
  for (const auto handle : inherited) add_reference(pid, handle);
  const std::unordered_set<std::uint64_t> kept(inherited.begin(), inherited.end());
  const auto before = process.handles;
  for (const auto handle : before)
    if (!kept.contains(handle)) drop_reference(pid, handle);
  context_.activity->process(known ? "exec" : forked ? "fork" : "start", pid, executable);
}

void Processes::add_reference(int pid, std::uint64_t handle) {
  if (get(pid).handles.insert(handle).second) ++users_[handle];
}

void Processes::drop_reference(int pid, std::uint64_t handle) {
  const auto at = processes_.find(pid);
  if (at != processes_.end() && at->second->handles.erase(handle) > 0) unreference(handle);
}

void Processes::unreference(std::uint64_t handle) {
  const auto at = users_.find(handle);
  if (at == users_.end() || --at->second > 0) return;
  users_.erase(at);
  if (handlers_.on_unused) handlers_.on_unused(handle);
}

void Processes::exited(int pid) {
  const auto at = processes_.find(pid);
  if (at == processes_.end()) return;
  const auto process = at->second;
  processes_.erase(at);
  for (const auto handle : process->handles) unreference(handle);
  if (process->shook_hands) context_.activity->process("exit", pid, process->executable);
  if (handlers_.on_exit) handlers_.on_exit(pid);
}

std::size_t Processes::living() const {
  std::size_t count = 0;
  for (auto& [pid, process] : processes_) count += process->shook_hands;
  return count;
}

void Processes::close() {
  closed_ = true;
  boost::system::error_code ignored;
  for (auto& [pid, process] : processes_) process->exit.close(ignored);
  processes_.clear();
  users_.clear();
  poll_.cancel();
}

}  // namespace inpod::relay
