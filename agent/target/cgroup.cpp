// See cgroup.hpp. A container's cgroup path has a component such as `<id>`, `docker-<id>.scope`,
// `cri-containerd-<id>.scope` or (v1, systemd driver, cgroupfs notation)
// `kubepods-….slice:cri-containerd:<id>`, and may go on below it.
#include "target/cgroup.hpp"

#include <cstddef>

namespace inpod::agent {
namespace {

constexpr std::size_t shortest_id = 12;  // what docker prints; anything shorter could match by chance

bool starts_id(char before) {
  return before == '/' || before == '-' || before == ':';
}
bool ends_id(std::string_view rest) {
  return rest.empty() || rest[0] == '/' || rest[0] == ':' || rest == ".scope" ||
         rest.substr(0, 7) == ".scope/";
}

bool path_names_container(std::string_view path, std::string_view id) {
  for (std::size_t at = path.find(id); at != path.npos; at = path.find(id, at + 1)) {
    if (at == 0 || !starts_id(path[at - 1]) || !ends_id(path.substr(at + id.size()))) continue;
    std::size_t slash = path.rfind('/', at);
    if (path.substr(slash + 1, at - slash - 1).find("conmon") == std::string_view::npos) return true;
  }
  return false;
}

template <class Check>
bool any_line(std::string_view text, Check check) {
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    if (check(text.substr(0, end))) return true;
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

bool cgroup_names_container(std::string_view cgroup, std::string_view container_id) {
  if (container_id.size() < shortest_id) return false;
  return any_line(cgroup, [&](std::string_view line) {
    // "<number>:<controllers>:<path>", or, in cpuset, only the path.
    std::size_t path = line.find('/');
    return path != line.npos && path_names_container(line.substr(path), container_id);
  });
}

bool mounts_name_container(std::string_view mountinfo, std::string_view container_id) {
  if (container_id.size() < shortest_id) return false;
  return any_line(mountinfo, [&](std::string_view line) {
    // proc(5): id parent major:minor ROOT mount-point …: only ROOT (the source inside its file system) tells.
    for (int field = 0; field < 3; ++field) {
      std::size_t space = line.find(' ');
      if (space == line.npos) return false;
      line.remove_prefix(space + 1);
    }
    return path_names_container(line.substr(0, line.find(' ')), container_id);
  });
}

}  // namespace inpod::agent
