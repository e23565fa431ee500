// TestPod: a pod made by tests/support/pod/up for the time of a test, and the agent's counterpart inside it.
#pragma once

#include <string>
#include <vector>

#include "support/process.hpp"

namespace inpod::test {

class TestPod {
 public:
  /// arguments: of `up`, after the directory.
  explicit TestPod(std::vector<std::string> arguments = {});
  ~TestPod();
  TestPod(const TestPod&) = delete;

  pid_t pid() const { return pid_; }
  pid_t world() const;
  /// A command inside the pod, as its root user with all rights.
  std::vector<std::string> inside(std::vector<std::string> command) const;
  /// The same in the world's network.
  std::vector<std::string> in_world(std::vector<std::string> command) const;
  /// Runs a shell script inside; REQUIREs that it succeeds. Its stdout.
  std::string shell(const std::string& script) const;
  /// What the probe answers to these operations (probe.cpp), made with the credentials of the pod's main
  /// process.
  std::vector<std::string> probe(const std::vector<std::string>& operations) const;

 private:
  TemporaryDirectory directory_;
  pid_t pid_ = 0;
  std::vector<std::string> as_main_process_;
};

}  // namespace inpod::test
