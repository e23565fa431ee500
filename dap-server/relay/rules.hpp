// The rules text that a debuggee's layer gets (relay_protocol.hpp, bottom): the user's configuration first,
// then defaults that let a local program run as though in the pod. docs/files.md says what is whose by
// default, and why.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"

namespace inpod::relay {

/// What the defaults depend on, of this machine and this program.
struct RulesContext {
  std::string home;                    ///< empty: none
  std::string working_directory;       ///< of the program
  std::string executable;              ///< of the program
  std::vector<std::string> local_opt;  ///< names in this machine's /opt
  std::string script;  ///< absolute, when the executable is the `#!` interpreter of one; else empty
  /// Where local software looks for certificate authorities (OpenSSL's default, Java's cacerts), where that
  /// is a link out of its own installation; and the link's target.
  std::vector<std::pair<std::string, std::string>> trust_links;
};

/// Reads home, working directory and /opt as they are for process `pid`.
RulesContext rules_context_of(int pid, const std::string& executable);

std::string rules_text(const Config& config, const RulesContext& context);

}  // namespace inpod::relay
