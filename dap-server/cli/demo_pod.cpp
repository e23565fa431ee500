// Making the demo's processes and namespaces: clone(2), user_namespaces(7).
#include "cli/demo_pod.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "cli/demo_client.hpp"
#include "cli/demo_network.hpp"
#include "cli/signals.hpp"
#include "kube/file_limit.hpp"
#include "protocol/unique_fd.hpp"
#include "session/pipe.hpp"

namespace inpod::cli {
namespace {

bool write_file(const char* path, const std::string& text) {
  const UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
  return file && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

void die_with_parent() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/// An ordinary user becomes root of a user namespace of its own.
Result<void> enter_user_namespace() {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (uid == 0) return {};
  const bool mapped = unshare(CLONE_NEWUSER) == 0 && write_file("/proc/self/setgroups", "deny") &&
                      write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") &&
                      write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
  die_with_parent();  // again: a change of credentials may clear it (prctl(2))
  if (mapped) return {};
  auto error = fail_errno("this user may not make namespaces");
  error.value().remedy =
      "Run it as root (sudo), or allow user namespaces: sysctl user.max_user_namespaces, and on Ubuntu "
      "kernel.apparmor_restrict_unprivileged_userns=0";
  return error;
}

/// fork(2) into new namespaces; like fork, it returns twice.
int fork_into(unsigned long namespaces) {
  return static_cast<int>(syscall(SYS_clone, namespaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

/// The first line is "ok" or an error; the parent reads it from the pipe.
void send_outcome(int fd, const Result<void>& outcome) {
  const std::string text = outcome ? "ok" : outcome.error().to_string();
  if (write(fd, text.data(), text.size()) < 0) _exit(1);
}
Result<void> receive_outcome(int fd) {
  std::string text;
  char buffer[1024];
  ssize_t got = 0;
  while ((got = read(fd, buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<std::size_t>(got));
  if (text == "ok") return {};
  const auto end = text.find("\n  ");
  if (text.empty()) return fail("the demo's pod ended while it was made");
  return fail(text.substr(0, end), end == std::string::npos ? "" : text.substr(end + 3));
}

Result<void> set_up_pod(const std::string& web, const std::string& mount_point) {
  if (sethostname(demo_hostname, strlen(demo_hostname)) != 0) return fail_errno("sethostname");
  TRY_VOID(set_up_link("lo"));
  TRY_VOID(set_up_link("eth0", std::string(demo_pod_address) + "/24", "fd77::2/64"));
  TRY_VOID(add_default_route(demo_client_address));
  return enter_demo_root(web, mount_point);
}

[[noreturn]] void be_pod(const std::string& web, const std::string& mount_point, Pipe link_ready,
                         Pipe outcome, int log) {
  die_with_parent();
  link_ready.write.reset();
  outcome.read.reset();
  char go = 0;
  if (read(link_ready.read.get(), &go, 1) != 1) _exit(1);  // the parent has gone
  const auto done = set_up_pod(web, mount_point);
  if (!done) {
    send_outcome(outcome.write.get(), done);
    _exit(1);
  }
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  const std::string port = std::to_string(demo_port);
  const char* const arguments[] = {"/app/inpod-demo-web", port.c_str(), nullptr};
  const char* const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                     "HOME=/root",
                                     "HOSTNAME=web-0",
                                     "WEB_COLOR=teal",
                                     "WEB_GREETING=grüß dich, 世界",
                                     "KUBERNETES_SERVICE_HOST=10.96.0.1",
                                     "KUBERNETES_SERVICE_PORT=443",
                                     nullptr};
  send_outcome(outcome.write.get(), {});
  outcome.write.reset();
  kube::restore_file_limit();
  execve(arguments[0], const_cast<char* const*>(arguments), const_cast<char* const*>(environment));
  _exit(127);
}

Result<int> make_pod(const std::string& web, const std::string& mount_point, int log) {
  TRY_VOID(enter_user_namespace());
  if (unshare(CLONE_NEWNET) != 0) return fail_errno("cannot make a network namespace");
  TRY_ASSIGN(link_ready, make_pipe());
  TRY_ASSIGN(outcome, make_pipe());
  const int pod = fork_into(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC);
  if (pod < 0) return fail_errno("cannot make the pod's namespaces");
  if (pod == 0) be_pod(web, mount_point, std::move(link_ready), std::move(outcome), log);
  outcome.write.reset();
  TRY_VOID(make_veth("pod0", "eth0", pod));
  TRY_VOID(set_up_link("lo"));
  TRY_VOID(set_up_link("pod0", std::string(demo_client_address) + "/24", "fd77::1/64"));
  if (write(link_ready.write.get(), "1", 1) != 1) return fail_errno("the demo's pod has gone");
  TRY_VOID(receive_outcome(outcome.read.get()));
  return pod;
}

/// Lets go of everything the keeper has open (its starter waits for the end of a pipe), but what is listed.
void close_all_but(std::vector<int> files) {
  std::sort(files.begin(), files.end());
  for (int fd = 3; fd < 1024; ++fd) {
    if (!std::binary_search(files.begin(), files.end(), fd)) close(fd);
  }
}

[[noreturn]] void be_client(const std::string& web, const std::string& mount_point, int output,
                            int service_log, int report) {
  die_with_parent();
  restore_signals();
  close_all_but({output, service_log, report});
  auto pod = make_pod(web, mount_point, service_log);
  Result<void> ready;
  if (pod) ready = wait_for_service(demo_pod_address, demo_port, std::chrono::seconds(10));
  if (!pod || !ready) {
    send_outcome(report, Failed(pod ? ready.error() : pod.error()));
    _exit(1);
  }
  const std::string text = "pid " + std::to_string(*pod);
  if (write(report, text.data(), text.size()) < 0) _exit(1);
  close(report);
  ask_forever(demo_pod_address, demo_port, {output, service_log}, *pod);
}

}  // namespace

Result<DemoPod> start_demo_pod(const std::string& web, const std::string& mount_point, int output,
                               int service_log) {
  prctl(PR_SET_CHILD_SUBREAPER,
        1);  // the pod comes to us when its client is killed, so that its end can be waited for
  TRY_ASSIGN(report, make_pipe());
  DemoPod pod;
  pod.client = fork();
  if (pod.client < 0) return fail_errno("fork");
  if (pod.client == 0) {
    report.read.reset();
    be_client(web, mount_point, output, service_log, report.write.get());
  }
  report.write.reset();
  std::string text(4096, '\0');
  const ssize_t got = read(report.read.get(), text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (text.rfind("pid ", 0) == 0) {
    pod.pod = std::stoi(text.substr(4));
    return pod;
  }
  end_demo_pod(pod);
  const auto end = text.find("\n  ");
  return fail(text.empty() ? "the demo ended while it was made" : text.substr(0, end),
              end == std::string::npos ? "" : text.substr(end + 3));
}

void end_demo_pod(const DemoPod& pod) {
  if (pod.client > 0) kill(pod.client, SIGKILL);
  // All children of ours are the demo's: the client, and then the pod, which its client's death kills.
  while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
}

}  // namespace inpod::cli
