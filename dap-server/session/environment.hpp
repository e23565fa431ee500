// The debuggee's environment: the container's own variables, less those that belong to a machine or make
// programs run or read something (variable_policy.hpp), changed as the config says, and what the layer needs.
// Pure functions but for merged_environment, which reads environ(7); any thread.
#pragma once

#include <optional>
#include <string>

#include "config/config.hpp"
#include "session/session.hpp"

namespace inpod {

/// Shell glob match (fnmatch(3)) of a variable's name.
bool matches_any(const std::string& name, const std::vector<std::string>& globs);

/// pod_environment: "NAME=value" as GetPod gives it; of two with one name the first counts, as for getenv(3).
/// layer: empty where calls are not intercepted. own_preload: LD_PRELOAD of this process, which goes behind
/// the layer (preload_with_layer).
LaunchEnvironment build_environment(const EnvironmentConfig& config,
                                    const std::vector<std::string>& pod_environment, const std::string& layer,
                                    const std::string& socket, const std::string& program,
                                    const std::string& own_preload);

/// Whether the layer needs it in the program, rather than the pod having it.
bool is_of_layer(const std::string& variable);

/// Another program is to be started: INPOD_PROGRAM, and what must be preloaded before the layer for it.
void set_program(LaunchEnvironment& environment, const std::string& program);

/// LD_PRELOAD's value: `given` with the layer in it, and a sanitizer's runtime before that: the program's
/// own, or one that `given` names.
std::string preload_with_layer(const LaunchEnvironment& environment, const std::string& given);

/// What to tell the user of left_out and unusable; nothing if there is nothing. One line, printable.
std::optional<std::string> left_out_note(const LaunchEnvironment& environment,
                                         const EnvironmentConfig& config);

/// This process's environment with changes, as "NAME=value".
std::vector<std::string> merged_environment(const std::map<std::string, std::string>& set,
                                            const std::vector<std::string>& unset);

}  // namespace inpod
