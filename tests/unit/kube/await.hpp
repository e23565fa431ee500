// Runs one coroutine to its end.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>

#include "catch.hpp"
#include "protocol/task.hpp"

namespace inpod::kube::test {

/// Its result; at most 20 s may pass without anything happening.
template <class T>
T await(boost::asio::io_context& context, protocol::Task<T> task) {
  std::optional<T> result;
  boost::asio::co_spawn(context, std::move(task), [&](std::exception_ptr thrown, T value) {
    if (thrown) std::rethrow_exception(thrown);
    result = std::move(value);
  });
  context.restart();
  while (!result && context.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  REQUIRE(result);
  return std::move(*result);
}

}  // namespace inpod::kube::test
