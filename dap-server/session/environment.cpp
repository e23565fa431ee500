// Building the debuggee's environment.
#include "session/environment.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace inpod {
namespace {

/// HOSTNAME is not here: it is the pod's, as gethostname(2) says.
const std::vector<std::string>& machine_bound() {
  static const std::vector<std::string> globs = {
      "PATH",      "HOME",           "SHELL",      "TERM",       "TERMINFO",
      "COLORTERM", "TERM_PROGRAM*",  "USER",       "LOGNAME",    "PWD",
      "OLDPWD",    "SHLVL",          "_",          "TMPDIR",     "TMP",
      "TEMP",      "TZDIR",          "LANG",       "LANGUAGE",   "LC_*",
      "LD_*",      "GLIBC_TUNABLES", "MALLOC_*",   "GCONV_PATH", "LOCPATH",
      "XDG_*",     "DISPLAY",        "XAUTHORITY", "WAYLAND_*",  "DBUS_*",
      "SSH_*",     "GPG_*",          "EDITOR",     "VISUAL",     "PAGER",
      "BROWSER",   "LESS*",          "LS_COLORS",  "MAIL",       "HISTFILE",
      "GDB*",      "LLDB*",          "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV",
      "VSCODE_*",  "INPOD_*",
  };
  return globs;
}

}  // namespace

bool matches_any(const std::string& name, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return fnmatch(glob.c_str(), name.c_str(), 0) == 0; });
}

bool is_machine_bound(const std::string& name) {
  return matches_any(name, machine_bound());
}

LaunchEnvironment build_environment(const EnvironmentConfig& config,
                                    const std::vector<std::string>& pod_environment, const std::string& layer,
                                    const std::string& socket, const std::string& program,
                                    const std::string& own_preload) {
  LaunchEnvironment result;
  for (const std::string& entry : pod_environment) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    const std::string name = entry.substr(0, equals);
    // A name that the user lists by hand is wanted even where it is bound to a machine, but never the
    // loader's.
    const bool listed = !config.include.empty() && matches_any(name, config.include);
    const bool taken = config.include.empty()
                           ? !is_machine_bound(name)
                           : listed && name.rfind("LD_", 0) != 0 && name.rfind("INPOD_", 0) != 0;
    if (taken && !matches_any(name, config.exclude)) result.set[name] = entry.substr(equals + 1);
  }
  std::string preload = own_preload;
  for (const auto& name : config.unset) {
    // What the layer needs stays: whoever unsets behind setting would start the program without it.
    if (name == "LD_PRELOAD") preload.clear();
    if (name == "LD_PRELOAD" || name.rfind("INPOD_", 0) == 0) continue;
    result.set.erase(name);
    result.unset.push_back(name);
  }
  for (const auto& [name, value] : config.set) {
    if (name == "LD_PRELOAD") {
      preload = value;
    } else if (name.rfind("INPOD_", 0) != 0) {
      result.set[name] = value;
      result.unset.erase(std::remove(result.unset.begin(), result.unset.end(), name), result.unset.end());
    }
  }
  // A session inside a session starts afresh.
  result.unset.push_back("INPOD_ACTIVE");
  result.layer = layer;
  result.socket = socket;
  if (layer.empty()) {
    if (!preload.empty()) result.set["LD_PRELOAD"] = preload;
    return result;
  }
  result.set["LD_PRELOAD"] = preload.empty() ? layer : layer + ":" + preload;
  result.set["INPOD_SOCKET"] = socket;
  result.set["INPOD_PROGRAM"] = program;
  return result;
}

}  // namespace inpod
