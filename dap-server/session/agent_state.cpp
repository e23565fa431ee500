// Reading and writing the files of leased agents.
#include "session/agent_state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "session/paths.hpp"
#include "session/registry.hpp"

namespace inpod {
namespace {

/// FNV-1a, 64 bits: a file's name. That two keys share one is harmless, the file says which it is for.
std::string file_name(const std::string& key) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char text[17];
  snprintf(text, sizeof text, "%016lx", static_cast<unsigned long>(hash));
  return text;
}

std::string to_hex(const Token& token) {
  std::string text;
  for (const std::uint8_t byte : token) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::optional<Token> from_hex(const std::string& text) {
  Token token;
  if (text.size() != 2 * token.size() || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    return std::nullopt;
  for (std::size_t i = 0; i < token.size(); ++i) {
    token[i] = static_cast<std::uint8_t>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  }
  return token;
}

constexpr const char* lock_suffix = ".lock";
constexpr const char* fresh_suffix = ".new";
/// Beyond the lease: from a launch until its session stands, and for clocks that differ.
constexpr std::time_t grace = 120;

std::time_t written_at(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mtime : 0;
}

nlohmann::json read_object(const std::string& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file, nullptr, false);
}

/// "NAMESPACE/POD" of the agents that this user's sessions have now. Nothing: that can't be known.
std::optional<std::set<std::string>> agents_in_use() {
  const auto sessions = list_sessions();
  if (!sessions) return std::nullopt;
  std::set<std::string> agents;
  for (const auto& session : *sessions)
    if (const auto agent = session.find("agent"); agent != session.end() && agent->is_string())
      agents.insert(agent->get<std::string>());
  return agents;
}

/// The agent of this file has left: its lease is over, counted from its last launch or session, and no
/// session has it. So does a lock without a file say nothing.
bool is_outdated(const std::string& path, const std::set<std::string>& in_use) {
  const auto value = read_object(path);
  if (!value.is_object()) return true;
  try {
    const auto agent = value.at("namespace").get<std::string>() + "/" + value.at("pod").get<std::string>();
    const auto lease = value.at("lease").get<std::uint32_t>();
    const auto used = std::max(written_at(path), written_at(path + lock_suffix));
    return !in_use.contains(agent) && std::time(nullptr) - used > lease + grace;
  } catch (const nlohmann::json::exception&) {
    return true;
  }
}

/// Whether the file that `fd` is open on still has this name.
bool has_name(int fd, const std::string& path) {
  struct stat own {
  }, named{};
  return fstat(fd, &own) == 0 && stat(path.c_str(), &named) == 0 && own.st_dev == named.st_dev &&
         own.st_ino == named.st_ino;
}

/// The names of a directory's files, each without what stands behind it.
std::set<std::string> leased_files(const std::string& directory) {
  std::set<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string path = entry.path().string();
    for (const std::string_view suffix : {lock_suffix, fresh_suffix})
      if (path.ends_with(suffix)) path.resize(path.size() - suffix.size());
    if (path.ends_with(".json")) found.insert(std::move(path));
  }
  return found;
}

/// Removes what agents that have left leave behind. Not what a launch has locked: whoever waits for the lock
/// looks at its name again.
void sweep(const std::string& directory) {
  const auto in_use = agents_in_use();
  if (!in_use) return;
  for (const auto& path : leased_files(directory)) {
    if (!is_outdated(path, *in_use)) continue;
    const std::string lock = path + lock_suffix;
    const UniqueFd file(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file || flock(file.get(), LOCK_EX | LOCK_NB) != 0 || !has_name(file.get(), lock) ||
        !is_outdated(path, *in_use))
      continue;
    unlink(path.c_str());
    unlink((path + fresh_suffix).c_str());
    unlink(lock.c_str());
  }
}

}  // namespace

Result<AgentState> AgentState::open(const std::string& key) {
  TRY_ASSIGN(directory, agent_state_directory());
  sweep(directory);
  return AgentState(key, directory + "/" + file_name(key) + ".json");
}

Task<Result<void>> AgentState::lock(boost::asio::any_io_executor executor, std::chrono::milliseconds bound,
                                    std::function<void()> on_wait) {
  const std::string path = path_ + lock_suffix;
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) co_return fail_errno("cannot open " + path);
  const auto end = std::chrono::steady_clock::now() + bound;
  boost::asio::steady_timer timer(executor);
  while (true) {
    if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      if (has_name(file.get(), path)) break;
      file.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));  // the one we had was swept away
      if (!file) co_return fail_errno("cannot open " + path);
      continue;
    }
    if (errno != EWOULDBLOCK) co_return fail_errno("cannot lock " + path);
    if (std::chrono::steady_clock::now() > end) {
      co_return fail("another launch on this target takes too long",
                     "wait for it, or stop it (`inpod session list`)");
    }
    if (const auto tell = std::exchange(on_wait, nullptr)) tell();
    timer.expires_after(std::chrono::milliseconds(50));
    co_await timer.async_wait(boost::asio::use_awaitable);
  }
  futimens(file.get(), nullptr);  // used now
  lock_ = std::move(file);
  co_return Result<void>();
}

std::optional<LeasedAgent> AgentState::load() const {
  const auto value = read_object(path_);
  if (!value.is_object()) return std::nullopt;
  try {
    const auto token = from_hex(value.at("token").get<std::string>());
    if (value.at("key") != key_ || !token) return std::nullopt;
    LeasedAgent agent;
    agent.token = *token;
    agent.pod.namespace_ = value.at("namespace").get<std::string>();
    agent.pod.pod = value.at("pod").get<std::string>();
    agent.pod.container = value.at("container").get<std::string>();
    agent.pod.job = value.at("job").get<std::string>();
    agent.pod.port = value.at("port").get<std::uint16_t>();
    agent.lease_seconds = value.at("lease").get<std::uint32_t>();
    return agent;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Result<void> AgentState::save(const LeasedAgent& agent) const {
  const nlohmann::json value = {{"key", key_},
                                {"token", to_hex(agent.token)},
                                {"namespace", agent.pod.namespace_},
                                {"pod", agent.pod.pod},
                                {"container", agent.pod.container},
                                {"job", agent.pod.job},
                                {"port", agent.pod.port},
                                {"lease", agent.lease_seconds}};
  const std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const std::string fresh = path_ + fresh_suffix;
  {
    unlink(fresh.c_str());
    const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      return fail_errno("cannot write " + fresh);
  }
  if (rename(fresh.c_str(), path_.c_str()) != 0) return fail_errno("cannot write " + path_);
  return {};
}

void AgentState::touch() const {
  utimensat(AT_FDCWD, path_.c_str(), nullptr, 0);
}

void AgentState::forget() const {
  unlink(path_.c_str());
}

}  // namespace inpod
