// The directories of sessions: made, listed, stopped, and removed when their process is gone.
#include "session/registry.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "catch.hpp"
#include "session/paths.hpp"

using namespace inpod;
namespace fs = std::filesystem;

namespace {

/// A runtime directory of the test's own.
class Runtime {
 public:
  Runtime() {
    char name[] = "/tmp/inpod-run-XXXXXX";
    path_ = mkdtemp(name);
    setenv("XDG_RUNTIME_DIR", path_.c_str(), 1);
  }
  ~Runtime() {
    unsetenv("XDG_RUNTIME_DIR");
    fs::remove_all(path_);
  }
  std::string root() const { return path_ + "/inpod-" + std::to_string(geteuid()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A process that waits to be killed.
int start_sleeper() {
  const int pid = fork();
  if (pid == 0) {
    signal(SIGTERM, SIG_DFL);  // not the test's own handler
    pause();
    _exit(0);
  }
  return pid;
}

void publish_for(const std::string& root, const std::string& id, int pid, std::uint64_t start_time) {
  fs::create_directories(root + "/" + id);
  std::ofstream(root + "/" + id + "/session.json")
      << nlohmann::json{{"id", id}, {"pid", pid}, {"start_time", start_time}};
}

}  // namespace

TEST_CASE("a session's directory is private, published, and gone in the end") {
  const Runtime runtime;
  std::string path;
  {
    auto directory = SessionDirectory::create();
    REQUIRE(directory);
    path = directory->path();
    struct stat info {};
    REQUIRE(stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
    CHECK(list_sessions()->empty());  // nothing published yet, and too young to be cleared away
    REQUIRE(directory->publish({{"target", "local:1"}, {"program", "/bin/\xff"}}));
    const auto sessions = list_sessions();
    REQUIRE(sessions->size() == 1);
    CHECK(sessions->front().at("id") == directory->id());
    CHECK(sessions->front().at("pid") == getpid());
    CHECK(sessions->front().at("target") == "local:1");
    SessionDirectory moved = std::move(*directory);
    CHECK(fs::exists(path));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("what a dead process left is cleared away, other things are not") {
  const Runtime runtime;
  REQUIRE(runtime_root());
  const int gone = start_sleeper();
  const auto start_time = process_start_time(gone);
  kill(gone, SIGKILL);
  waitpid(gone, nullptr, 0);
  publish_for(runtime.root(), "00000001", gone, start_time);
  publish_for(runtime.root(), "00000002", getpid(), 1);  // the pid lives, but is another process
  fs::create_directories(runtime.root() + "/demo");
  fs::create_directories(runtime.root() + "/00000003");
  std::ofstream(runtime.root() + "/00000003/session.json") << "{broken";
  CHECK(list_sessions()->empty());
  CHECK_FALSE(fs::exists(runtime.root() + "/00000001"));
  CHECK_FALSE(fs::exists(runtime.root() + "/00000002"));
  CHECK(fs::exists(runtime.root() + "/demo"));
}

TEST_CASE("a new session clears away what killed ones left") {
  const Runtime runtime;
  REQUIRE(runtime_root());
  publish_for(runtime.root(), "00000001", getpid(), 1);
  const auto directory = SessionDirectory::create();
  REQUIRE(directory);
  CHECK_FALSE(fs::exists(runtime.root() + "/00000001"));
  CHECK(fs::exists(directory->path()));
}

TEST_CASE("a session that takes long to start keeps its directory") {
  const Runtime runtime;
  const auto slow = SessionDirectory::create();
  REQUIRE(slow);
  const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
  REQUIRE(utimensat(AT_FDCWD, slow->path().c_str(), long_ago, 0) == 0);
  const auto other = SessionDirectory::create();
  REQUIRE(other);
  CHECK(list_sessions()->empty());
  CHECK(fs::exists(slow->path()));
  fs::create_directories(runtime.root() + "/00000004");
  std::ofstream(runtime.root() + "/00000004/owner.json")
      << nlohmann::json{{"pid", getpid()}, {"start_time", 1u}};
  CHECK(list_sessions()->empty());
  CHECK_FALSE(fs::exists(runtime.root() + "/00000004"));  // its process is gone
}

TEST_CASE("stop ends the process of a session, and nobody else's") {
  const Runtime runtime;
  REQUIRE(runtime_root());
  const int pid = start_sleeper();
  publish_for(runtime.root(), "0000000a", pid, process_start_time(pid));
  CHECK(stop_session("0000000b").error().text.find("0000000b") != std::string::npos);
  CHECK_FALSE(stop_session("../demo"));
  REQUIRE(stop_session("0000000a"));
  int status = 0;
  REQUIRE(waitpid(pid, &status, WNOHANG) == pid);
  CHECK(WTERMSIG(status) == SIGTERM);
  CHECK_FALSE(fs::exists(runtime.root() + "/0000000a"));
  publish_for(runtime.root(), "0000000c", getpid(), 1);
  CHECK_FALSE(stop_session("0000000c"));  // would have been this test
}

TEST_CASE("a session that can end alone is asked to; its process and the other sessions there go on") {
  const Runtime runtime;
  auto alone = SessionDirectory::create(), other = SessionDirectory::create();
  REQUIRE(alone);
  REQUIRE(other);
  const auto requests = alone->stop_requests();
  REQUIRE(requests);
  REQUIRE(alone->publish({{"target", "local:1"}}));
  REQUIRE(other->publish({{"target", "local:2"}}));
  const std::string id = alone->id();
  bool asked = false;
  std::thread owner([&] {
    pollfd request{requests->get(), POLLIN, 0};
    asked = poll(&request, 1, 5000) == 1;
    // The other one has no fifo, and a signal would end this test.
    const auto refused = stop_session(other->id());
    asked = asked && !refused && refused.error().text.find("other sessions") != std::string::npos;
    alone->remove();
  });
  const auto stopped = stop_session(id);
  owner.join();
  CHECK(asked);
  CHECK(stopped);
  REQUIRE(list_sessions()->size() == 1);
  CHECK(list_sessions()->front().at("target") == "local:2");
}

TEST_CASE("a runtime directory that others may enter is refused") {
  const Runtime runtime;
  REQUIRE(runtime_root());
  chmod(runtime.root().c_str(), 0755);
  const auto root = runtime_root();
  REQUIRE_FALSE(root);
  CHECK(root.error().text.find(runtime.root()) != std::string::npos);
  fs::remove_all(runtime.root());
  fs::create_symlink("/tmp", runtime.root());
  CHECK_FALSE(runtime_root());
}

TEST_CASE("a runtime directory too long for a socket falls back to /tmp") {
  const Runtime runtime;
  const std::string deep = runtime.path() + "/" + std::string(90, 'x');
  fs::create_directories(deep);
  setenv("XDG_RUNTIME_DIR", deep.c_str(), 1);
  CHECK(runtime_root().value() == "/tmp/inpod-" + std::to_string(geteuid()));
}

TEST_CASE("a directory of somebody else's in /tmp does not keep sessions from running") {
  // In a /tmp of the test's own, which needs a mount namespace.
  const int pid = fork();
  if (pid == 0) {
    const auto uid = geteuid();
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) _exit(77);
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", "/tmp", "tmpfs", 0, nullptr) != 0)
      _exit(77);
    const auto name = "/tmp/inpod-" + std::to_string(geteuid());
    if (uid != geteuid()) _exit(77);
    unsetenv("XDG_RUNTIME_DIR");
    setenv("XDG_STATE_HOME", "/tmp/state", 1);
    mkdir(name.c_str(), 0777), chmod(name.c_str(), 0777);  // as good as another user's
    if (runtime_root() != "/tmp/state/inpod/run") _exit(1);
    setenv("XDG_STATE_HOME", "/proc/nowhere", 1);
    if (runtime_root() != name + "-1" || runtime_root() != name + "-1") _exit(2);
    const auto made = SessionDirectory::create();
    _exit(made && list_sessions() ? 0 : 3);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    WARN("skipped: no mount namespace here");
    return;
  }
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("start times tell processes apart, whatever their names") {
  CHECK(process_start_time(getpid()) > 0);
  CHECK(process_start_time(0x7ffffff0) == 0);
  const auto before = process_start_time(getpid());
  std::ofstream("/proc/self/comm") << "a) b (c";
  CHECK(process_start_time(getpid()) == before);
}
