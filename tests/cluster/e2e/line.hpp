// The line between a developer and the API server, which a test can cut: a TCP proxy on 127.0.0.1, in a
// thread of its own. It knows nothing of what it carries. Connections of one test: tens, not thousands.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cluster.hpp"

namespace inpod::test {

class Line {
 public:
  enum class State {
    whole,
    broken,  ///< what is open is reset, and so is every new connection
    silent,  ///< nothing passes, in either direction, and nobody is told
  };

  /// To the API server of $KUBECONFIG.
  Line();
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  /// Returns once no byte passes any more, or bytes pass again.
  void become(State state);
  /// The developer's kubeconfig with the server reached by this line.
  std::string kubeconfig(const Developer& developer) const;
  /// Bytes that have passed so far, both ways together.
  std::uint64_t carried() const { return carried_; }

 private:
  struct Flow;  // one direction of a connection
  struct Connection;

  void work();
  void step();
  void accept_one();
  unsigned short listen_here();

  std::string host_, port_;
  int listener_ = -1, wake_ = -1;
  unsigned short own_port_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;  // the thread's alone
  std::atomic<State> wanted_ = State::whole, is_ = State::whole;
  std::atomic<std::uint64_t> carried_ = 0;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace inpod::test
