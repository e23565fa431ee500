// Asio's non-template code for the agent: without Beast, which would bring the standard library's locales along.
#include <boost/asio/impl/src.hpp>
