// What other hooks of sockets ask about the pod's network interfaces.
#pragma once

#include <sys/socket.h>

namespace inpod::layer {

/// setsockopt(2) of SO_BINDTODEVICE or SO_BINDTOIFINDEX on a socket that the pod's network would carry: the
/// real one goes by loopback, where it would wait for ever. 0 or -errno; not_ours: for the kernel.
long bind_to_device(int fd, int name, const void* value, socklen_t length);

}  // namespace inpod::layer
