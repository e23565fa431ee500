// See descendants.hpp. /proc/PID/task/TID/children: proc(5).
#include "session/descendants.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace inpod {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_visited = 256;

std::string file_of(int pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

}  // namespace

std::vector<int> child_processes(int pid) {
  std::vector<int> children;
  std::error_code error;
  for (fs::directory_iterator task(file_of(pid, "task"), error), end; !error && task != end;
       task.increment(error)) {
    std::ifstream file(task->path() / "children");
    for (int child = 0; file >> child;) children.push_back(child);
  }
  return children;
}

int tracer_of(int pid) {
  std::ifstream file(file_of(pid, "status"));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("TracerPid:")) return std::atoi(line.c_str() + 10);
  return 0;
}

int find_debuggee(int ancestor, const std::string& executable) {
  std::vector<int> below = child_processes(ancestor);
  for (std::size_t i = 0; i < below.size() && i < most_visited; ++i) {
    const int pid = below[i];
    std::error_code error;
    if (fs::equivalent(file_of(pid, "exe"), executable, error) && !error && tracer_of(pid) != 0) return pid;
    const auto children = child_processes(pid);
    below.insert(below.end(), children.begin(), children.end());
  }
  return 0;
}

}  // namespace inpod
