// Leased agents: saved privately, found again for the same key only, one launch at a time.
#include "session/agent_state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "catch.hpp"
#include "session/registry.hpp"

using namespace inpod;
namespace fs = std::filesystem;

namespace {

class State {
 public:
  State() {
    char name[] = "/tmp/inpod-state-XXXXXX";
    path_ = mkdtemp(name);
    setenv("XDG_STATE_HOME", path_.c_str(), 1);
    setenv("XDG_RUNTIME_DIR", path_.c_str(), 1);
  }
  ~State() {
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    fs::remove_all(path_);
  }
  std::string folder() const { return path_ + "/inpod/agents"; }
  long files() const { return std::distance(fs::directory_iterator(folder()), fs::directory_iterator()); }
  /// As though nobody had used them for so many seconds.
  void age(std::time_t seconds) const {
    const timespec then{std::time(nullptr) - seconds, 0};
    const timespec long_ago[2] = {then, then};
    for (const auto& entry : fs::directory_iterator(folder()))
      utimensat(AT_FDCWD, entry.path().c_str(), long_ago, 0);
  }
  std::string only_file() const {
    for (const auto& entry : fs::directory_iterator(path_ + "/inpod/agents")) {
      if (entry.path().extension() == ".json") return entry.path();
    }
    return {};
  }

 private:
  std::string path_;
};

LeasedAgent sample() {
  LeasedAgent agent;
  for (std::size_t i = 0; i < agent.token.size(); ++i) agent.token[i] = static_cast<std::uint8_t>(i * 9);
  agent.pod.namespace_ = "shop";
  agent.pod.pod = "inpod-agent-x";
  agent.pod.container = "agent";
  agent.pod.job = "inpod-agent-x";
  agent.pod.port = 40123;
  agent.lease_seconds = 300;
  return agent;
}

Result<void> lock(AgentState& state, std::chrono::milliseconds bound, std::function<void()> on_wait = {}) {
  boost::asio::io_context context;
  Result<void> outcome = fail("not run");
  auto task = [&]() -> Task<void> { outcome = co_await state.lock(context.get_executor(), bound, on_wait); };
  boost::asio::co_spawn(context, task(), boost::asio::detached);
  context.run();
  return outcome;
}

}  // namespace

TEST_CASE("an agent is found again, by the same key only") {
  const State home;
  const auto state = AgentState::open("server\nuser\ndeployment/web\n");
  REQUIRE(state);
  CHECK_FALSE(state->load());
  REQUIRE(state->save(sample()));
  const auto loaded = state->load();
  REQUIRE(loaded);
  CHECK(loaded->token == sample().token);
  CHECK(loaded->pod.pod == "inpod-agent-x");
  CHECK(loaded->pod.port == 40123);
  struct stat info {};
  REQUIRE(stat(home.only_file().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK_FALSE(AgentState::open("server\nuser\ndeployment/api\n")->load());
  state->forget();
  CHECK_FALSE(state->load());
  state->forget();
}

TEST_CASE("a damaged file is no agent") {
  const State home;
  const auto state = AgentState::open("key");
  REQUIRE(state->save(sample()));
  const auto path = home.only_file();
  for (const char* text : {"", "{", "[]", "{\"key\":\"key\"}", "{\"key\":\"key\",\"token\":\"00\"}",
                           "{\"key\":\"key\",\"token\":5,\"namespace\":1}"}) {
    INFO(text);
    std::ofstream(path) << text;
    CHECK_FALSE(state->load());
  }
}

TEST_CASE("what agents leave behind is swept away once their lease is over, but for what a launch holds") {
  const State home;
  const auto bound = std::chrono::milliseconds(100);
  for (const char* key : {"one", "two"}) {
    auto state = AgentState::open(key);
    REQUIRE(lock(*state, bound));
    REQUIRE(state->save(sample()));
  }
  CHECK(home.files() == 4);
  REQUIRE(AgentState::open("other"));
  CHECK(home.files() == 4);
  home.age(300 + 60);  // the lease is over, but only just
  REQUIRE(AgentState::open("other"));
  CHECK(home.files() == 4);
  auto held = AgentState::open("one");
  REQUIRE(lock(*held, bound));
  home.age(300 + 600);
  REQUIRE(AgentState::open("other"));
  CHECK(home.files() == 2);
  CHECK(held->load());
  held->unlock();
  home.age(300 + 600);
  REQUIRE(lock(*held, bound));  // a lock that is taken is one that is used
  held->unlock();
  REQUIRE(AgentState::open("other"));
  CHECK(home.files() == 2);
  home.age(300 + 600);
  held->touch();  // a session that had the agent has just ended
  REQUIRE(AgentState::open("other"));
  CHECK(home.files() == 2);
  home.age(300 + 600);
  REQUIRE(AgentState::open("other"));
  CHECK(home.files() == 0);
  CHECK(lock(*held, bound));
}

TEST_CASE("a launch that came to nothing leaves no lock, and the agent of a running session stays known") {
  const State home;
  const auto bound = std::chrono::milliseconds(100);
  {
    auto failed = AgentState::open("failed");
    REQUIRE(lock(*failed, bound));
  }
  REQUIRE(home.files() == 1);
  auto state = AgentState::open("one");
  CHECK(home.files() == 0);
  REQUIRE(lock(*state, bound));
  REQUIRE(state->save(sample()));
  state->unlock();
  home.age(300 + 600);
  auto session = SessionDirectory::create();
  REQUIRE(session);
  REQUIRE(session->publish({{"agent", "shop/inpod-agent-x"}}));
  REQUIRE(AgentState::open("other"));
  CHECK(state->load());
  session->remove();
  REQUIRE(AgentState::open("other"));
  CHECK_FALSE(state->load());
}

TEST_CASE("a state directory that can't be written to is an error with its errno") {
  const State home;
  auto state = AgentState::open("key");
  REQUIRE(state);
  fs::remove_all(home.folder());
  const auto refused = lock(*state, std::chrono::milliseconds(100));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ENOENT);
}

TEST_CASE("only one launch at a time, and the lock goes with its holder") {
  const State home;
  auto first = AgentState::open("key"), second = AgentState::open("key"), other = AgentState::open("other");
  REQUIRE(lock(*first, std::chrono::milliseconds(100)));
  int told = 0;
  const auto tell = [&] { ++told; };
  CHECK_FALSE(lock(*second, std::chrono::milliseconds(120), tell));
  CHECK(told == 1);
  CHECK(lock(*other, std::chrono::milliseconds(100)));
  first->unlock();
  CHECK(lock(*second, std::chrono::milliseconds(100), tell));
  CHECK(told == 1);
  second->unlock();
  const int pid = fork();
  if (pid == 0) _exit(lock(*first, std::chrono::milliseconds(100)) ? 0 : 1);
  int status = 0;
  waitpid(pid, &status, 0);
  CHECK(status == 0);
  CHECK(lock(*second, std::chrono::milliseconds(500)));
}
