// Where inpod's own files are: the layer and the agent that belong to this `inpod`, and its directories for
// running sessions and for state. Blocking look-ups in the local file system; any thread.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod {

/// This executable.
std::string self_path();

/// libinpod.so: $INPOD_LAYER; else beside inpod; else <bin>/../lib/inpod/ (installed) or <bin>/../lib/ (build
/// tree).
Result<std::string> find_layer();
/// inpod-agent: `configured` (key agent.path); else $INPOD_AGENT; else beside inpod; else
/// <bin>/../lib/inpod/.
Result<std::string> find_agent(const std::string& configured);

/// ${XDG_RUNTIME_DIR:-/tmp}/inpod-<uid>, made with mode 0700. Falls back to /tmp where the path would be too
/// long for a unix socket (unix(7): 108 bytes), and from /tmp, where others may have taken the name, to the
/// state directory and to /tmp/inpod-<uid>-1 to -9. One in $XDG_RUNTIME_DIR that is not ours alone is an
/// error.
Result<std::string> runtime_root();
/// ${XDG_STATE_HOME:-~/.local/state}/inpod/agents, made with mode 0700.
Result<std::string> agent_state_directory();

}  // namespace inpod
