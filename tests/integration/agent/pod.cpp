// See pod.hpp.
#include "pod.hpp"

#include <sstream>

#include "catch.hpp"

namespace inpod::test {
namespace {
const std::string scripts = POD_SCRIPTS;
std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}
}  // namespace

TestPod::TestPod(std::vector<std::string> arguments) {
  auto made = run(joined({scripts + "/up", directory_.path() + "/pod"}, arguments));
  INFO(made.err);
  REQUIRE(made.status == 0);
  pid_ = std::stoi(made.out);
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    const std::string &name = arguments[i], &value = arguments[i + 1];
    auto colon = value.find(':');
    if (name == "--user")
      as_main_process_ = joined(as_main_process_, {"--reuid", value.substr(0, colon), "--regid",
                                                   value.substr(colon + 1), "--clear-groups"});
    if (name == "--caps")
      as_main_process_ =
          joined(as_main_process_, {"--bounding-set", value, "--inh-caps", value, "--ambient-caps", value});
  }
  if (!as_main_process_.empty()) as_main_process_.insert(as_main_process_.begin(), "setpriv");
  auto copied =
      run({"sh", "-c", "nsenter -a -t \"$1\" sh -c 'cat >/usr/../probe && chmod 755 /probe' <\"$2\"", "sh",
           std::to_string(pid_), AGENT_PROBE});
  INFO(copied.err);
  REQUIRE(copied.status == 0);
}

TestPod::~TestPod() {
  run({scripts + "/down", directory_.path() + "/pod"});
}

pid_t TestPod::world() const {
  return std::stoi(read_file(directory_.path() + "/pod/world.pid"));
}

std::vector<std::string> TestPod::inside(std::vector<std::string> command) const {
  return joined({"nsenter", "-a", "-t", std::to_string(pid_)}, command);
}
std::vector<std::string> TestPod::in_world(std::vector<std::string> command) const {
  return joined({"nsenter", "--net=/proc/" + std::to_string(world()) + "/ns/net"}, command);
}

std::string TestPod::shell(const std::string& script) const {
  auto outcome = run(inside({"sh", "-ec", script}));
  INFO(script << "\n" << outcome.err);
  REQUIRE(outcome.status == 0);
  return outcome.out;
}

std::vector<std::string> TestPod::probe(const std::vector<std::string>& operations) const {
  ProcessOptions options;
  for (const auto& operation : operations) options.input += operation + "\n";
  auto outcome = run(inside(joined(as_main_process_, {"/probe"})), options);
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  std::vector<std::string> lines;
  std::istringstream text(outcome.out);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  REQUIRE(lines.size() == operations.size());
  return lines;
}

}  // namespace inpod::test
