// The program inpod-loader (main.cpp), carried by inpod itself: whoever starts an agent puts it into the
// cluster.
#pragma once

#include <string_view>

namespace inpod::agent {

/// Its bytes: a static executable for the architecture that inpod was built for. Any thread.
std::string_view loader_program();

}  // namespace inpod::agent
