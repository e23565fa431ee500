// Whether the loader takes the layer into a program: asked of the loader itself before the program runs,
// since one that started without the layer would act on this machine before anybody could stop it; and then
// seen in the running process.
#pragma once

#include <string>

#include "protocol/link.hpp"

namespace inpod {

/// Takes some milliseconds, at most 10 s. program: an executable that inspect_program has judged; nothing of
/// it runs.
protocol::Task<Result<void>> check_layer_loads(std::string layer, std::string program);

/// How far a process has come with its libraries.
enum class LayerSeen {
  other_program,  ///< it runs something else, or has ended
  loading,        ///< it runs the program, none of whose code can have done anything yet
  loaded,         ///< the layer is there, or none is wanted
};

/// What the kernel says about a process: an error once it is clear that it runs `executable` without `layer`.
/// That is when the loader does not heed LD_PRELOAD (static: no AT_BASE; AT_SECURE; getauxval(3)), or when
/// libc is mapped and the layer isn't: the loader maps preloaded libraries first (ld.so(8)). Time plays no
/// part: a program may stand in a debugger.
Result<LayerSeen> check_layer_in(int pid, const std::string& executable, const std::string& layer);

}  // namespace inpod
