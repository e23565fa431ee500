// What a program forbids itself by seccomp(2).
#pragma once

#include <linux/filter.h>

namespace inpod::layer {

/// Notes, once, that `filter`, which the program is about to install, keeps it from inpod. null: nothing. Any
/// thread.
void note_filter(const sock_fprog* filter);

}  // namespace inpod::layer
