// Interfaces: the pod's network interfaces for programs that ask which addresses are theirs.
#pragma once

#include "relay/context.hpp"

namespace inpod::relay {

class Interfaces {
 public:
  explicit Interfaces(Context& context) : context_(context) {}

  /// op interfaces. An answer serves for a second: programs ask for each interface in turn.
  Task<Answer> list();

 private:
  Context& context_;
  Bytes records_;
  Clock::time_point asked_;
};

}  // namespace inpod::relay
