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

#include "session/paths.hpp"

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
/// Files of another age are no agent's: leases last minutes. Of a session that lasted that long nothing is
/// lost but that the next launch is warm.
constexpr std::time_t outdated = 30 * 24 * 3600;

std::time_t written_at(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mtime : 0;
}

bool is_outdated(const std::string& path) {
  return std::time(nullptr) - std::max(written_at(path), written_at(path + lock_suffix)) > outdated;
}

/// Whether the file that `fd` is open on still has this name.
bool has_name(int fd, const std::string& path) {
  struct stat own {
  }, named{};
  return fstat(fd, &own) == 0 && stat(path.c_str(), &named) == 0 && own.st_dev == named.st_dev &&
         own.st_ino == named.st_ino;
}

/// Removes what targets of long ago left. Not what a launch has locked: whoever waits for the lock looks at
/// its name again.
void sweep(const std::string& directory) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string path = entry.path().string();
    if (!path.ends_with(lock_suffix)) continue;
    path.resize(path.size() - strlen(lock_suffix));
    if (is_outdated(path)) found.push_back(std::move(path));
  }
  for (const auto& path : found) {
    const std::string lock = path + lock_suffix;
    const UniqueFd file(::open(lock.c_str(), O_RDWR | O_CLOEXEC));
    if (!file || flock(file.get(), LOCK_EX | LOCK_NB) != 0 || !has_name(file.get(), lock) ||
        !is_outdated(path))
      continue;
    unlink(path.c_str());
    unlink((path + ".new").c_str());
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
  std::ifstream file(path_);
  const auto value = nlohmann::json::parse(file, nullptr, false);
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
    return agent;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Result<void> AgentState::save(const LeasedAgent& agent) const {
  const nlohmann::json value = {
      {"key", key_},           {"token", to_hex(agent.token)},     {"namespace", agent.pod.namespace_},
      {"pod", agent.pod.pod},  {"container", agent.pod.container}, {"job", agent.pod.job},
      {"port", agent.pod.port}};
  const std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const std::string fresh = path_ + ".new";
  {
    unlink(fresh.c_str());
    const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      return fail_errno("cannot write " + fresh);
  }
  if (rename(fresh.c_str(), path_.c_str()) != 0) return fail_errno("cannot write " + path_);
  return {};
}

void AgentState::forget() const {
  unlink(path_.c_str());
}

}  // namespace inpod
