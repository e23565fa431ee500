// PortForward: bytes to one TCP port of a pod, through the API server; what `kubectl port-forward` does,
// without a local port. The pod sees the connection come from its own loopback interface.
#pragma once

#include "kube/websocket.hpp"

namespace inpod::kube {

/// Opens a connection to the port. That the port refuses it is told by the first read (an Error with the
/// kubelet's text). Reads give whole TLS records at best; give them 64 KiB and more. Cancelling an operation
/// breaks the transport.
Task<Result<std::unique_ptr<protocol::ByteTransport>>> port_forward(std::shared_ptr<Client> client,
                                                                    std::string namespace_, std::string pod,
                                                                    std::uint16_t port);

}  // namespace inpod::kube
