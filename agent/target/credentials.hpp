// Credentials: who a process is to the kernel when it opens files. A worker thread takes on the target's, so
// that file work in the pod meets exactly the permission errors that the pod's own program would meet.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::agent {

struct Credentials {
  std::array<uid_t, 3> uids{};  ///< real, effective, saved
  std::array<gid_t, 3> gids{};
  std::vector<gid_t> groups;
  std::uint64_t permitted = 0, effective = 0;  ///< capability sets, capabilities(7)
};

/// Parses /proc/<pid>/status (proc(5)).
Result<Credentials> parse_credentials(std::string_view status);
/// Makes the calling thread, and it alone, have these, as far as its own capabilities let it: what it may not
/// change stays. Capabilities end as the intersection of its own and the given ones. The thread must have its
/// own fs attributes (CLONE_FS unshared), since the umask becomes 0: a new file's mode is the client's to
/// say, whose program has a umask of its own. An error where ids are not the given ones although the thread
/// has the capabilities to change them: it must not go on then.
Result<void> take_on(const Credentials& credentials);
/// True if the calling thread has this capability in its effective set.
bool has_capability(int capability);

}  // namespace inpod::agent
