// Whether the loader takes the layer into a program, asked of the loader itself before the program runs: one that started
// without the layer would act on this machine before anybody could stop it.
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace inpod {

/// Blocking, some milliseconds. program: an executable that inspect_program has judged; nothing of it runs.
Result<void> check_layer_loads(const std::string& layer, const std::string& program);

}  // namespace inpod
