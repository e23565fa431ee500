// A namespace of its own in the real cluster, a client, and kubectl to set things up with.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>

#include "catch.hpp"
#include "kube/agent_pod.hpp"
#include "kube/client.hpp"

namespace inpod::kube::test {

/// Runs a command; its output. Fails the test when it fails.
std::string run(const std::string& command);
/// The same, but returns the exit code.
int try_run(const std::string& command);

class Cluster {
 public:
  Cluster();
  ~Cluster();  // deletes the namespace, in the background

  const std::string& space() const { return space_; }
  const std::shared_ptr<Client>& client() const { return client_; }
  boost::asio::io_context& context() { return context_; }
  /// kubectl -n SPACE …
  std::string kubectl(const std::string& arguments) { return run("kubectl -n " + space_ + " " + arguments); }
  /// Applies YAML to the namespace.
  void apply(const std::string& yaml);
  /// A pod "NAME" of the image that runs the shell command, ready.
  void pod(const std::string& name, const std::string& command, const std::string& image = "local/busybox:1");

  /// Runs a coroutine to its end, at most a minute and a half.
  template <class T>
  T await(Task<T> task) {
    std::optional<T> result;
    std::exception_ptr thrown;
    boost::asio::co_spawn(context_, std::move(task), [&](std::exception_ptr error, T value) {
      thrown = error;
      result = std::move(value);
    });
    context_.restart();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(90);
    while (!result && context_.run_one_until(deadline) > 0) {
    }
    if (thrown) std::rethrow_exception(thrown);
    REQUIRE(result);
    return std::move(*result);
  }
  template <class T>
  T must(Task<Result<T>> task) {
    auto result = await(std::move(task));
    if (!result) FAIL(result.error().to_string());
    return std::move(*result);
  }
  template <class T>
  Error error_of(Task<Result<T>> task) {
    auto result = await(std::move(task));
    if (result) FAIL("it should have failed");
    return result.error();
  }

 private:
  boost::asio::io_context context_;
  std::string space_;
  std::shared_ptr<Client> client_;
};

/// A client with the context's server but these credentials.
std::shared_ptr<Client> client_with_token(Cluster& cluster, const std::string& token);

/// What starts the stand-in for the agent (stand_in_agent.c) beside the target, or beside none; in a session
/// of its own each time.
AgentRequest request_for(Cluster& cluster, const std::string& target);
AgentRequest request_for(const ResolvedTarget& target);

}  // namespace inpod::kube::test
