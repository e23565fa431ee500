// Coroutines, as all parts of inpod that use Asio write them.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

namespace inpod {
namespace protocol {

template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace protocol

/// For asynchronous operations that a coroutine awaits: an expected failure comes back as an error_code, not
/// as an exception.
constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);

/// For co_spawn: what escapes a task that must not fail ends whatever runs its executor.
inline void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace inpod
