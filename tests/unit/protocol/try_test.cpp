// The macros of result.hpp, in plain functions and in coroutines (a compile test as much as a run).
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "catch.hpp"
#include "protocol/link.hpp"

using namespace inpod;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Failed(Error{EINVAL, "odd", "take an even one"});
  return number / 2;
}

Result<std::string> quarter(int number) {
  TRY_ASSIGN(once, half(number));
  TRY_ASSIGN(twice, half(once));
  TRY_VOID(half(4));
  return std::to_string(twice);
}

protocol::Task<Result<int>> half_later(int number) {
  co_return half(number);
}

protocol::Task<Result<std::string>> quarter_later(int number) {
  CO_TRY(once, co_await half_later(number));
  CO_TRY(twice, half(once));
  CO_TRY_VOID(co_await half_later(4));
  co_return std::to_string(twice);
}

Result<std::string> run(protocol::Task<Result<std::string>> task) {
  boost::asio::io_context context;
  Result<std::string> outcome = fail("did not end");
  boost::asio::co_spawn(context, std::move(task), [&](std::exception_ptr e, Result<std::string> result) {
    if (!e) outcome = std::move(result);
  });
  context.run();
  return outcome;
}

}  // namespace

TEST_CASE("TRY passes values on and errors up") {
  CHECK(quarter(12) == "3");
  CHECK(quarter(7).error().text == "odd");
  CHECK(quarter(6).error().code == EINVAL);
}

TEST_CASE("CO_TRY does the same in coroutines") {
  CHECK(run(quarter_later(12)) == "3");
  CHECK(run(quarter_later(7)).error().text == "odd");
  CHECK(run(quarter_later(6)).error().to_string() == "odd\n  take an even one");
}
