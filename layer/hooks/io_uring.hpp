// What becomes of io_uring, by whichever way it is asked for.
#pragma once

namespace inpod::layer {

/// Tells the user once that the program has no io_uring, and gives -ENOSYS.
long io_uring_refusal();

}  // namespace inpod::layer
