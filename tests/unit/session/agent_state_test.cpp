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
#include <filesystem>
#include <fstream>
#include <iterator>

#include "catch.hpp"

using namespace inpod;
namespace fs = std::filesystem;

namespace {

class State {
 public:
  State() {
    char name[] = "/tmp/inpod-state-XXXXXX";
    path_ = mkdtemp(name);
    setenv("XDG_STATE_HOME", path_.c_str(), 1);
  }
  ~State() {
    unsetenv("XDG_STATE_HOME");
    fs::remove_all(path_);
  }
  std::string folder() const { return path_ + "/inpod/agents"; }
  long files() const { return std::distance(fs::directory_iterator(folder()), fs::directory_iterator()); }
  /// As though nobody had used them for long.
  void age() const {
    const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
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

TEST_CASE("what targets of long ago left is swept away, but for what a launch holds") {
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
  auto held = AgentState::open("one");
  REQUIRE(lock(*held, bound));
  home.age();
  REQUIRE(AgentState::open("other"));
  CHECK(home.files() == 2);
  CHECK(held->load());
  held->unlock();
  home.age();
  REQUIRE(lock(*held, bound));  // a lock that is taken is one that is used
  held->unlock();
  REQUIRE(AgentState::open("other"));
  CHECK(home.files() == 2);
  home.age();
  REQUIRE(AgentState::open("other"));
  CHECK(home.files() == 0);
  CHECK(lock(*held, bound));
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
