// Launch parameters that an editor has filled in from macros (CLion: $Executable$, $Arguments$, $WorkingDir$,
// $Environment$, $EnvironmentArray$). Where the macro stood alone in a string, the result may be the value
// itself, or text inside that string; both are understood. Only for launches with a session: without one
// nothing is touched.
#pragma once

#include "dap/json_text.hpp"
#include "protocol/result.hpp"

namespace inpod::dap {

/// `args` as text becomes an array (its words, as a shell splits them), `env` and `environment` as text an
/// object ("A=1;B=2" or JSON), an empty `cwd` goes. A macro that the editor left standing is an error.
Result<void> tidy_macros(RawObject& arguments);

}  // namespace inpod::dap
