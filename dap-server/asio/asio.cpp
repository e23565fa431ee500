// The one translation unit that holds Asio's non-template code (BOOST_ASIO_SEPARATE_COMPILATION), so that
// every other file compiles faster. What TLS and WebSockets need is in dap-server/kube/websocket.cpp.
#include <boost/asio/impl/src.hpp>
