// LayerPod: a pod that belongs to an ordinary user (or to root), with the debuggees of tests/debuggees/layer
// and a tree of files in it; the same program can be run inside it and, by `inpod run`, outside.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace inpod::test {

class LayerPod {
 public:
  static constexpr uid_t ordinary_user = 23456;

  /// uid: who the pod belongs to, and who runs inpod.
  explicit LayerPod(uid_t uid = ordinary_user);
  ~LayerPod();
  LayerPod(const LayerPod&) = delete;
  LayerPod& operator=(const LayerPod&) = delete;
  /// One for all tests that leave it as it was.
  static LayerPod& shared();

  static constexpr const char* tree = "/data/tree";

  /// Runs a debuggee: arguments[0] is its name.
  Outcome outside(std::vector<std::string> arguments, std::vector<std::string> flags = {}) const;
  Outcome inside(std::vector<std::string> arguments) const;
  std::unique_ptr<Process> start_outside(std::vector<std::string> arguments,
                                         std::vector<std::string> flags = {}) const;
  std::unique_ptr<Process> start_inside(std::vector<std::string> arguments) const;
  /// Any command under `inpod run`.
  Outcome run(std::vector<std::string> command, std::vector<std::string> flags = {}) const;
  /// Runs a shell script in the pod; REQUIREs that it succeeds. Its stdout.
  std::string shell(const std::string& script) const;
  /// The command lines that run a command inside the pod, in the network beside it, and by `inpod run`
  /// outside.
  std::vector<std::string> in_pod(std::vector<std::string> command) const;
  std::vector<std::string> in_world(std::vector<std::string> command) const;
  std::vector<std::string> by_inpod(std::vector<std::string> command,
                                    const std::vector<std::string>& flags = {}) const;
  /// Environment, user and working directory for the command lines above.
  ProcessOptions options(const std::string& directory) const;
  /// The user's working directory outside; holds a file `here`.
  const std::string& home() const { return home_; }

 private:
  std::vector<std::string> enter(const std::string& pid, const std::vector<std::string>& namespaces,
                                 const std::vector<std::string>& command) const;
  void install_debuggees() const;
  void make_tree() const;

  uid_t uid_;
  TemporaryDirectory directory_;
  std::string home_, pid_, world_;
};

/// Outside says what inside says, byte for byte, with the same code and not a word on stderr.
void check_same(const std::vector<std::string>& arguments, const std::vector<std::string>& flags = {});

}  // namespace inpod::test
