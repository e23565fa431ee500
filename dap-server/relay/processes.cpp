// Processes: see processes.hpp.
#include "relay/processes.hpp"

#include <signal.h>
#include <sys/syscall.h>

#include <boost/asio/posix/stream_descriptor.hpp>

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
