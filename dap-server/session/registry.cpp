// The registry of running sessions.
#include "session/registry.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "session/paths.hpp"

namespace inpod {
namespace {

namespace fs = std::filesystem;

Result<std::string> random_id() {
  unsigned char bytes[4];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return fail_errno("getrandom");
  char text[9];
  snprintf(text, sizeof text, "%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3]);
  return std::string(text);
}

bool is_id(const std::string& name) {
  return name.size() == 8 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

constexpr const char* published = "session.json";
constexpr const char* stop_fifo = "stop";  // of a session that can end without its process
constexpr const char* owned =
    "owner.json";  // from the first moment on: a start takes as long as the cluster does

/// What stands in one of these files, or null where there is none or it can't be read.
nlohmann::json read_description(const fs::path& directory, const char* name = published) {
  std::ifstream file(directory / name);
  auto description = nlohmann::json::parse(file, nullptr, false);
  const bool usable = description.is_object() &&
                      description.value("pid", nlohmann::json()).is_number_integer() &&
                      description.value("start_time", nlohmann::json()).is_number_unsigned();
  return usable ? description : nlohmann::json();
}

bool alive(const nlohmann::json& description) {
  return process_start_time(description["pid"].get<int>()) == description["start_time"].get<std::uint64_t>();
}

/// A directory without a description is one of a session that starts, or one that is being made right now.
bool starting(const fs::path& directory) {
  const auto owner = read_description(directory, owned);
  if (!owner.is_null()) return alive(owner);
  struct stat info {};
  return stat(directory.c_str(), &info) == 0 && time(nullptr) - info.st_mtime < 60;
}

Result<void> write_description(const std::string& path, nlohmann::json description) {
  description["pid"] = getpid();
  description["start_time"] = process_start_time(getpid());
  {
    std::ofstream file(path + ".new");
    file << description.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    if (!file.flush()) return fail_errno("cannot write " + path);
  }
  if (rename((path + ".new").c_str(), path.c_str()) != 0) return fail_errno("cannot write " + path);
  return {};
}

void remove_tree(const fs::path& directory) {
  std::error_code ignored;
  fs::remove_all(directory, ignored);
}

/// Asks the session itself to end, where it has a fifo for that. True once its directory has gone.
bool ended_by_itself(const fs::path& directory, const nlohmann::json& description) {
  // Opened for reading too, so that the kernel neither refuses nor signals when the session has just ended.
  const UniqueFd fifo(open((directory / stop_fifo).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fifo || write(fifo.get(), "\n", 1) != 1) return false;
  for (int tries = 0; tries < 500 && alive(description); ++tries) {
    if (access(directory.c_str(), F_OK) != 0) return true;
    usleep(20000);
  }
  return false;
}

/// Whether its process has other sessions, which would end with it.
bool has_others(const fs::path& directory, const nlohmann::json& description) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory.parent_path(), error)) {
    if (!is_id(entry.path().filename().string()) || entry.path() == directory) continue;
    auto other = read_description(entry.path());
    if (other.is_null()) other = read_description(entry.path(), owned);
    if (!other.is_null() && other["pid"] == description["pid"] &&
        other["start_time"] == description["start_time"])
      return true;
  }
  return false;
}

/// Waits until the process behind `pidfd` has ended.
bool ended(int pidfd, int milliseconds) {
  pollfd wait{pidfd, POLLIN, 0};
  return poll(&wait, 1, milliseconds) == 1;
}

}  // namespace

std::uint64_t process_start_time(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string content;
  if (!std::getline(file, content, '\0')) return 0;
  // The name in parentheses may hold anything; fields are counted after the last ')'.
  const auto name_end = content.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(content.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  return strtoull(field.c_str(), nullptr, 10);
}

Result<SessionDirectory> SessionDirectory::create() {
  TRY_ASSIGN(root, runtime_root());
  TRY_VOID(list_sessions());  // for what it clears away: nobody else need ever look
  for (int attempt = 0; attempt < 16; ++attempt) {
    TRY_ASSIGN(id, random_id());
    const std::string path = root + "/" + id;
    if (mkdir(path.c_str(), 0700) == 0) {
      SessionDirectory directory(std::move(id), path);
      TRY_VOID(write_description(path + "/" + owned, nlohmann::json::object()));
      return directory;
    }
    if (errno != EEXIST) return fail_errno("cannot make " + path);
  }
  return fail("no free session id in " + root);
}

SessionDirectory::SessionDirectory(SessionDirectory&& other) noexcept
    : id_(std::move(other.id_)), path_(std::exchange(other.path_, {})) {}

SessionDirectory& SessionDirectory::operator=(SessionDirectory&& other) noexcept {
  if (this != &other) {
    remove();
    id_ = std::move(other.id_);
    path_ = std::exchange(other.path_, {});
  }
  return *this;
}

SessionDirectory::~SessionDirectory() {
  remove();
}

void SessionDirectory::remove() {
  if (!path_.empty()) remove_tree(path_);
  path_.clear();
}

Result<void> SessionDirectory::publish(nlohmann::json description) const {
  description["id"] = id_;
  return write_description(path_ + "/" + published, std::move(description));
}

Result<UniqueFd> SessionDirectory::stop_requests() const {
  const std::string path = path_ + "/" + stop_fifo;
  if (mkfifo(path.c_str(), 0600) != 0) return fail_errno("cannot make " + path);
  UniqueFd fifo(
      open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));  // a writer of its own: it never reads as ended
  if (!fifo) return fail_errno("cannot open " + path);
  return fifo;
}

Result<std::vector<nlohmann::json>> list_sessions() {
  TRY_ASSIGN(root, runtime_root());
  std::vector<nlohmann::json> sessions;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    if (!is_id(entry.path().filename().string())) continue;
    auto description = read_description(entry.path());
    if (description.is_null() ? starting(entry.path()) : alive(description)) {
      if (!description.is_null()) sessions.push_back(std::move(description));
    } else {
      remove_tree(entry.path());
    }
  }
  std::sort(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) {
    return a.value("started", std::string()) < b.value("started", std::string());
  });
  return sessions;
}

Result<nlohmann::json> stop_session(const std::string& id) {
  TRY_ASSIGN(root, runtime_root());
  const fs::path directory = fs::path(root) / id;
  const auto description = is_id(id) ? read_description(directory) : nlohmann::json();
  if (description.is_null() || !alive(description)) {
    if (is_id(id) && !description.is_null()) remove_tree(directory);
    return fail("no session with id \"" + id + "\"", "`inpod session list` shows those that run");
  }
  if (ended_by_itself(directory, description)) return description;
  const int pid = description["pid"].get<int>();
  if (alive(description) && has_others(directory, description))
    return fail(
        "session " + id + " does not end, and its process, " + std::to_string(pid) + ", has other sessions",
        "end it in its editor");
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  // Looked at again: between `alive` and pidfd_open the pid might have gone to another process.
  if (!process || !alive(description)) return fail("session " + id + " has just ended");
  syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0);
  if (!ended(process.get(), 10000)) {
    syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
    if (!ended(process.get(), 2000))
      return fail("process " + std::to_string(pid) + " of session " + id + " does not end");
  }
  remove_tree(directory);
  return description;
}

}  // namespace inpod
