// The debuggee's environment: the container's own variables, less those that belong to a machine, changed as
// the config says, and what the layer needs. Pure functions; any thread.
#pragma once

#include <string>

#include "config/config.hpp"
#include "session/session.hpp"

namespace inpod {

/// Whether a variable describes the machine or login it is on (PATH, HOME, LC_*, …) and so never comes from
/// the pod.
bool is_machine_bound(const std::string& name);

/// Shell glob match (fnmatch(3)) of a variable's name.
bool matches_any(const std::string& name, const std::vector<std::string>& globs);

/// pod_environment: "NAME=value" as GetPod gives it; entries without "=" or with an empty name are dropped.
/// layer: empty where calls are not intercepted. own_preload: LD_PRELOAD of this process, which goes behind
/// the layer.
LaunchEnvironment build_environment(const EnvironmentConfig& config,
                                    const std::vector<std::string>& pod_environment, const std::string& layer,
                                    const std::string& socket, const std::string& program,
                                    const std::string& own_preload);

}  // namespace inpod
