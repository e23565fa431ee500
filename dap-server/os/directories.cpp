// Home and state directories.
#include "os/directories.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace inpod {
namespace {

/// An environment variable that is an absolute path, or "".
std::string absolute_variable(const char* name) {
  const char* value = getenv(name);
  return value != nullptr && value[0] == '/' ? value : "";
}

}  // namespace

std::string home_directory() {
  if (auto home = absolute_variable("HOME"); !home.empty()) return home;
  const passwd* entry = getpwuid(geteuid());
  return entry == nullptr || entry->pw_dir[0] != '/' ? "" : entry->pw_dir;
}

Result<void> make_private_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("cannot make " + path);
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return fail_errno("cannot read " + path);
  if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
    return fail(path + " exists, but is not a directory of yours with mode 0700",
                "remove it, or set XDG_RUNTIME_DIR and XDG_STATE_HOME to directories of yours");
  }
  return {};
}

Result<std::string> state_directory(const std::string& name) {
  std::string base = absolute_variable("XDG_STATE_HOME");
  if (base.empty()) {
    const auto home = home_directory();
    if (home.empty())
      return fail("neither XDG_STATE_HOME nor a home directory is known", "set XDG_STATE_HOME");
    base = home + "/.local/state";
  }
  std::error_code error;
  std::filesystem::create_directories(base + "/inpod", error);
  if (error)
    return fail("cannot make " + base + "/inpod: " + error.message(),
                "set XDG_STATE_HOME to a directory of yours");
  const std::string path = base + "/inpod/" + name;
  TRY_VOID(make_private_directory(path));
  return path;
}

}  // namespace inpod
