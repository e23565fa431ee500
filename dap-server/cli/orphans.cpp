// See orphans.hpp; /proc/PID/stat: proc(5).
#include "cli/orphans.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "session/descendants.hpp"

namespace inpod::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto owners_patience = 1s;

std::set<int> children() {
  const auto all = child_processes(getpid());
  return {all.begin(), all.end()};
}

bool has_ended(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  return name_end == std::string::npos || line.compare(name_end, 3, ") Z") == 0;
}

}  // namespace

Orphans::Orphans() : own_(children()) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Orphans::~Orphans() {
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

void Orphans::reap() {
  const auto now = std::chrono::steady_clock::now();
  decltype(ended_) still;
  for (const int pid : children()) {
    if (own_.contains(pid) || !has_ended(pid)) continue;
    const auto since = ended_.contains(pid) ? ended_[pid] : now;
    if (now - since < owners_patience)
      still[pid] = since;
    else
      waitpid(pid, nullptr, WNOHANG);
  }
  ended_ = std::move(still);
}

Orphans::Living Orphans::living() const {
  Living living;
  const int own_session = getsid(0);
  for (const int pid : children()) {
    if (own_.contains(pid) || has_ended(pid)) continue;
    (getsid(pid) == own_session ? living.others : living.daemons).push_back(pid);
  }
  return living;
}

}  // namespace inpod::cli
