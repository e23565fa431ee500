// Look-ups of inpod's own files and directories.
#include "session/paths.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace inpod {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::string> first_existing(const std::string& what, const std::vector<fs::path>& candidates,
                                   const std::string& remedy) {
  std::string tried;
  for (const auto& candidate : candidates) {
    std::error_code ignored;
    if (fs::is_regular_file(candidate, ignored)) return fs::weakly_canonical(candidate, ignored).string();
    tried += (tried.empty() ? "" : ", ") + candidate.lexically_normal().string();
  }
  return fail(what + " was not found; tried " + tried, remedy);
}

/// LD_PRELOAD is a list, and knows no way to quote what divides it (ld.so(8)).
Result<std::string> loadable(Result<std::string> layer) {
  if (!layer || layer->find_first_of(" :") == std::string::npos) return layer;
  return fail("the layer's path, " + *layer + ", holds a space or a colon, which LD_PRELOAD can't carry",
              "install inpod below a path without them, or set INPOD_LAYER to a copy of the file that lies "
              "elsewhere");
}

/// Makes the directory with mode 0700; one that exists must be a real directory of ours that nobody else can
/// enter.
Result<void> private_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("cannot make " + path);
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return fail_errno("cannot read " + path);
  if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
    return fail(path + " exists, but is not a directory of yours with mode 0700",
                "remove it, or set XDG_RUNTIME_DIR");
  }
  return {};
}

std::string home_directory() {
  if (auto home = environment("HOME"); !home.empty()) return home;
  const passwd* entry = getpwuid(geteuid());
  return entry == nullptr ? "" : entry->pw_dir;
}

}  // namespace

std::string self_path() {
  std::error_code error;
  const auto path = fs::read_symlink("/proc/self/exe", error);
  return error ? std::string{} : path.string();
}

Result<std::string> find_layer() {
  if (const auto given = environment("INPOD_LAYER"); !given.empty()) {
    return loadable(first_existing("INPOD_LAYER", {given}, "unset INPOD_LAYER, or point it at libinpod.so"));
  }
  const auto bin = fs::path(self_path()).parent_path();
  return loadable(
      first_existing("libinpod.so, the layer,",
                     {bin / "libinpod.so", bin / "../lib/inpod/libinpod.so", bin / "../lib/libinpod.so"},
                     "install inpod as a whole, or set INPOD_LAYER to the file"));
}

Result<std::string> find_agent(const std::string& configured) {
  if (!configured.empty())
    return first_existing("agent.path", {configured}, "correct agent.path in the config");
  if (const auto given = environment("INPOD_AGENT"); !given.empty()) {
    return first_existing("INPOD_AGENT", {given}, "unset INPOD_AGENT, or point it at inpod-agent");
  }
  const auto bin = fs::path(self_path()).parent_path();
  return first_existing("inpod-agent", {bin / "inpod-agent", bin / "../lib/inpod/inpod-agent"},
                        "install inpod as a whole, or set agent.path to the file");
}

Result<std::string> runtime_root() {
  const std::string name = "/inpod-" + std::to_string(geteuid());
  std::string base = environment("XDG_RUNTIME_DIR");
  // "/<session id>/relay" must still fit into sun_path.
  constexpr std::size_t longest = 80;
  std::error_code ignored;
  if (base.empty() || base[0] != '/' || base.size() + name.size() > longest ||
      access(base.c_str(), W_OK | X_OK) != 0)
    base = "/tmp";
  const std::string path = base + name;
  TRY_VOID(private_directory(path));
  return path;
}

Result<std::string> agent_state_directory() {
  std::string base = environment("XDG_STATE_HOME");
  if (base.empty() || base[0] != '/') {
    const auto home = home_directory();
    if (home.empty())
      return fail("neither XDG_STATE_HOME nor a home directory is known", "set XDG_STATE_HOME");
    base = home + "/.local/state";
  }
  std::error_code error;
  fs::create_directories(base + "/inpod", error);
  if (error)
    return fail("cannot make " + base + "/inpod: " + error.message(),
                "set XDG_STATE_HOME to a directory of yours");
  const std::string path = base + "/inpod/agents";
  TRY_VOID(private_directory(path));
  return path;
}

}  // namespace inpod
