// The one translation unit that holds Asio's and Beast's non-template code (BOOST_*_SEPARATE_COMPILATION),
// so that every other file compiles faster. No TLS here: Asio's SSL part is header-only where dap-server/kube uses it.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
