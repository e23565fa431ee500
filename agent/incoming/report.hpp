// What every coroutine of this folder is spawned with: a completion handler that reports an escaped
// exception.
//
// Expected failures are Results and error codes; an exception is a lack of memory or a bug, and is told, not
// thrown on into the agent's loop.
#pragma once

#include <exception>
#include <functional>
#include <string>

#include "protocol/messages.hpp"

namespace inpod::agent {

using Note = std::function<void(protocol::Severity, std::string)>;

/// For co_spawn: `what` names the activity, as in "mirror: …".
struct Report {
  Note note;
  const char* what;
  void operator()(std::exception_ptr escaped) const {
    if (!escaped) return;
    try {
      std::rethrow_exception(escaped);
    } catch (const std::exception& error) {
      note(protocol::Severity::error, std::string(what) + ": " + error.what());
    }
  }
};

}  // namespace inpod::agent
