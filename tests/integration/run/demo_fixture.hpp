// A demo pod of the test's own, and `inpod` commands against it.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace inpod::test {

/// `inpod demo up --foreground` with its own runtime directory, home and working directory; ended by the
/// destructor.
class Demo {
 public:
  /// uid 0: as the test itself.
  explicit Demo(uid_t uid = 0);
  ~Demo();
  /// One for all tests that leave it as it was.
  static Demo& shared();

  int pid() const { return state_.value("pid", 0); }
  int keeper() const { return state_.value("keeper", 0); }
  const nlohmann::json& state() const { return state_; }
  std::string target() const { return "local:" + std::to_string(pid()); }
  /// The client's answers so far, one a line.
  std::string answers() const { return keeper_->err(); }
  Process& keeper_process() { return *keeper_; }
  const TemporaryDirectory& home() const { return home_; }
  /// <runtime root>: sessions and the demo's directory.
  std::string runtime_root() const;
  /// Names below runtime_root() that are not the demo's.
  std::vector<std::string> sessions_left() const;

  ProcessOptions options() const;
  /// `inpod ARGUMENTS…`
  std::unique_ptr<Process> start(std::vector<std::string> arguments, ProcessOptions options) const;
  std::unique_ptr<Process> start(std::vector<std::string> arguments) const {
    return start(std::move(arguments), options());
  }
  Outcome inpod(std::vector<std::string> arguments) const;
  /// `inpod run -t local:PID FLAGS… -- COMMAND…`
  std::vector<std::string> run_command(std::vector<std::string> command,
                                       std::vector<std::string> flags = {}) const;
  Outcome run(std::vector<std::string> command, std::vector<std::string> flags = {}) const;
  /// The same command inside the pod, by nsenter(1).
  Outcome inside(std::vector<std::string> command) const;

 private:
  uid_t uid_;
  TemporaryDirectory home_;
  std::unique_ptr<Process> keeper_;
  nlohmann::json state_;
};

/// Children of a process that live, by pid.
std::vector<int> children_of(int pid);
bool process_lives(int pid);

}  // namespace inpod::test
