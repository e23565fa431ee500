// The reverse request runInTerminal, by which an adapter (lldb-dap) has its client start the program in a
// terminal. Clients type its `env` into a shell as a command line: values would be in ps(1) and in the
// shell's history, and one with a control character in it would end the line and be a command of its own.
//
// Plain data, any thread.
#pragma once

#include <string>
#include <vector>

#include "dap/environment.hpp"
#include "dap/json_text.hpp"

namespace inpod::dap {

/// Takes the debuggee's variables out of the request's `env`, and lets `starter` bring them (what it names is
/// in EnvironmentFile). A variable to be unset, null in `env`, is unset by env(1): of the clients one takes
/// null for text, one fails and one goes past it. False where nothing of this is in the request, which stays
/// as it is: CodeLLDB's, for example, only wants the terminal itself.
bool keep_out_of_terminal(RawObject& arguments, const DebuggeeEnvironment& debuggee,
                          const std::vector<std::string>& starter);

}  // namespace inpod::dap
