// Reads a regular file of the pod into memory, for people who look at a session. Debuggees' files are in
// files.hpp.
#pragma once

#include "relay/context.hpp"
#include "relay/relay.hpp"

namespace inpod::relay {

/// Up to `limit` bytes of it. Anything but a regular file is refused: a pipe would be emptied, a device may
/// act.
Task<Result<FileContent>> read_whole(Context& context, std::string path, std::uint64_t limit);

}  // namespace inpod::relay
