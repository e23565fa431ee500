// Finds a container's id in the texts of /proc: cgroup files of v1 and v2 as docker, containerd, CRI-O and
// podman write them, with either cgroup driver, and mountinfo where cgroup paths are hidden by a cgroup
// namespace. Pure functions.
#pragma once

#include <string_view>

namespace inpod::agent {

/// True if a process with this /proc/<pid>/cgroup (or cpuset) text belongs to the container. Helpers of the
/// runtime that live beside it (CRI-O's and podman's conmon) do not.
bool cgroup_names_container(std::string_view cgroup, std::string_view container_id);
/// True if a mount's source or root path in /proc/<pid>/mountinfo names the container (docker's and CRI-O's
/// resolv.conf, hostname, …).
bool mounts_name_container(std::string_view mountinfo, std::string_view container_id);

}  // namespace inpod::agent
