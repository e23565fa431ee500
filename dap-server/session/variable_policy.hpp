// The policy for names of environment variables that come from the pod. The pod is not trusted: whoever can
// set a variable there (a Deployment's author, its image) must not thereby run code on this machine.
//
// A list of single names would never be complete, so the policy names whole prefixes of a tool wherever it
// can (PYTHON*, GIT_*): of these only what is known to be harmless comes through. Shapes (*_OPTS) cover what
// launch scripts evaluate by convention. docs/config.md tells the user. Pure functions; any thread.
#pragma once

#include <string_view>

namespace inpod {

enum class VariableKind {
  ordinary,  ///< the application's own: comes through
  machine,   ///< describes the machine or login that it is on (PATH, HOME, LC_*, …)
  steering,  ///< makes a shell, loader, interpreter, TLS library or tool run or read something
  reserved,  ///< the loader's (LD_*) and inpod's own: never the pod's, whatever the configuration says
  unusable,  ///< not of the form [A-Za-z_][A-Za-z0-9_.-]*, for example bash's functions (BASH_FUNC_ls%%)
};

/// `value` counts for ENV alone, which names a shell's start-up file, but says "production" to many services.
VariableKind kind_of_variable(std::string_view name, std::string_view value = {});

}  // namespace inpod
