// Directories of this user. Blocking look-ups in the local file system; any thread (they read the
// environment).
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod {

/// $HOME if it is an absolute path, else what passwd(5) says; empty: there is none.
std::string home_directory();

/// Makes the directory with mode 0700; one that exists must be a real directory of ours that nobody else can
/// enter. Its parent must exist.
Result<void> make_private_directory(const std::string& path);

/// ${XDG_STATE_HOME:-~/.local/state}/inpod/NAME, made with mode 0700.
Result<std::string> state_directory(const std::string& name);

}  // namespace inpod
