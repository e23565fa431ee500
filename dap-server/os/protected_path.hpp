// Protected paths: files and directories that nobody but this user, and root, can change or put another one
// in the place of. As sshd's StrictModes, but every directory and symbolic link on the way is judged, each on
// the descriptor by which the next one is opened, so nothing can be exchanged between check and use.
//
// Judged are owner and mode. A POSIX ACL that lets others write shows in the mode's group bits (acl(5)), so
// it is seen as well. Not seen: what a network file system's server allows beyond the mode.
//
// Root's own and this user's are accepted; when root runs for sudo(8), also those of the user who called it.
// Others may write to a directory if it is sticky (as /tmp), and a group may write if it is the user's
// private group: its name, primary group and only member are this user's, as systems with umask 002 have it.
#pragma once

#include <string>

#include "protocol/result.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod {

struct ProtectedFile {
  UniqueFd fd;       ///< O_RDONLY
  std::string path;  ///< without symbolic links
};

/// Error code of a path that others can change.
constexpr int not_protected = EPERM;

/// Opens a regular file by its absolute path. Errors: `not_protected`, with who can change what; EINVAL: it
/// is no regular file; else the errno of open(2).
Result<ProtectedFile> open_protected(const std::string& path);

/// The same verdict on a file or directory of any type, without opening it.
Result<void> check_protected(const std::string& path);

}  // namespace inpod
