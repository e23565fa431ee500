// Building the debuggee's environment.
#include "session/environment.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "policy/preload.hpp"
#include "protocol/printable.hpp"
#include "session/program.hpp"
#include "session/variable_policy.hpp"

extern char** environ;

namespace inpod {
namespace {

/// execve(2) takes no longer string (MAX_ARG_STRLEN), its zero byte included.
constexpr std::size_t longest_entry = 128 * 1024 - 1;
constexpr std::size_t names_shown = 8, name_shown = 64;  ///< a hostile pod may have thousands

enum class Fate { taken, not_wanted, left_out };

/// A name that the user lists in full is wanted whatever its kind; a glob brings ordinary variables alone.
Fate fate_of(const std::string& name, VariableKind kind, const EnvironmentConfig& config) {
  const auto& include = config.include;
  if (kind == VariableKind::reserved || matches_any(name, config.exclude)) return Fate::not_wanted;
  if (std::find(include.begin(), include.end(), name) != include.end()) return Fate::taken;
  if (!include.empty() && !matches_any(name, include)) return Fate::not_wanted;
  return kind == VariableKind::ordinary   ? Fate::taken
         : kind == VariableKind::steering ? Fate::left_out
                                          : Fate::not_wanted;
}

/// "3 variables … (A, B, …)"
std::string counted(const std::vector<std::string>& names, const char* what) {
  std::string text =
      std::to_string(names.size()) + (names.size() == 1 ? " variable " : " variables ") + what + " (";
  for (std::size_t at = 0; at < std::min(names.size(), names_shown); ++at)
    text += (at == 0 ? "" : ", ") + protocol::printable(names[at].substr(0, name_shown));
  return text + (names.size() > names_shown ? ", …)" : ")");
}

}  // namespace

bool matches_any(const std::string& name, const std::vector<std::string>& globs) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return fnmatch(glob.c_str(), name.c_str(), 0) == 0; });
}

LaunchEnvironment build_environment(const EnvironmentConfig& config,
                                    const std::vector<std::string>& pod_environment, const std::string& layer,
                                    const std::string& socket, const std::string& program,
                                    const std::string& own_preload) {
  LaunchEnvironment result;
  std::set<std::string> seen;
  for (const std::string& entry : pod_environment) {
    const auto equals = entry.find('=');
    const std::string name = entry.substr(0, equals);
    if (!seen.insert(name).second) continue;
    const auto value = equals == std::string::npos ? "" : entry.substr(equals + 1);
    const auto kind = kind_of_variable(name, value);
    if (equals == std::string::npos || kind == VariableKind::unusable || entry.size() > longest_entry ||
        entry.find('\0') != std::string::npos) {
      result.unusable.push_back(name);
      continue;
    }
    switch (fate_of(name, kind, config)) {
      case Fate::taken:
        result.set[name] = value;
        break;
      case Fate::left_out:
        result.left_out.push_back(name);
        break;
      case Fate::not_wanted:
        break;
    }
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
  result.set["LD_PRELOAD"] = preload;
  result.set["INPOD_SOCKET"] = socket;
  // man's formatters run behind a filter of system calls that the relay can't be reached through.
  result.set["MAN_DISABLE_SECCOMP"] = "1";
  set_program(result, program);
  return result;
}

bool is_of_layer(const std::string& variable) {
  return variable == "LD_PRELOAD" || variable == "MAN_DISABLE_SECCOMP" || variable.starts_with("INPOD_");
}

namespace {
std::string sanitizer_in(const LaunchEnvironment& environment) {
  const auto program = environment.set.find("INPOD_PROGRAM");
  return program == environment.set.end() ? "" : sanitizer_of(program->second);
}
}  // namespace

void set_program(LaunchEnvironment& environment, const std::string& program) {
  if (environment.layer.empty()) return;
  const std::string former = sanitizer_in(environment), given = environment.set["LD_PRELOAD"];
  const std::string others(policy::without_sanitizer({environment.layer, former, given}));
  environment.set["INPOD_PROGRAM"] = program;
  environment.set["LD_PRELOAD"] = preload_with_layer(environment, others);
}

std::string preload_with_layer(const LaunchEnvironment& environment, const std::string& given) {
  const std::string sanitizer = sanitizer_in(environment);
  const policy::Preload preload{environment.layer, sanitizer, given};
  std::string text(policy::room_for(preload), '\0');
  text.resize(policy::write_preload(preload, text.data()));
  return text;
}

std::optional<std::string> left_out_note(const LaunchEnvironment& environment,
                                         const EnvironmentConfig& config) {
  std::string text;
  if (!environment.left_out.empty()) {
    text = counted(environment.left_out, environment.left_out.size() == 1
                                             ? "that makes programs run or read something was left out"
                                             : "that make programs run or read something were left out") +
           "; to have one, name it in full in environment.include" +
           (config.include.empty() ? ": [\"*\", " + environment.left_out.front().substr(0, name_shown) + "]"
                                   : "");
  }
  if (!environment.unusable.empty())
    text += (text.empty() ? "" : "; ") +
            counted(environment.unusable, "with an unusable name or length left out");
  if (text.empty()) return std::nullopt;
  return "the pod's environment: " + text;
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& set,
                                            const std::vector<std::string>& unset) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (std::find(unset.begin(), unset.end(), name) == unset.end() && set.count(name) == 0)
      result.push_back(text);
  }
  for (const auto& [name, value] : set) result.push_back(name + "=" + value);
  return result;
}

}  // namespace inpod
