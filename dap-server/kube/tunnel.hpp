// A connected socket to the API server for a WebSocket: libcurl finds the address and goes through the proxy
// (http, https, socks5; with its credentials), as for every request. Only for files of kube/.
#pragma once

#include "kube/client.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::kube {

/// TCP_NODELAY and keep-alive are set. Behind an https proxy it is one end of a socket pair whose other end
/// is served by a coroutine until either side closes. Bounded: 10 s.
Task<Result<UniqueFd>> open_tunnel(std::shared_ptr<Client> client);

}  // namespace inpod::kube
