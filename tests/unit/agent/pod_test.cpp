// The target's environment, as the agent tells it.
#include <string>

#include "catch.hpp"
#include "protocol/codec.hpp"
#include "target/target.hpp"

using namespace inpod;
using namespace inpod::agent;

namespace {

constexpr std::size_t most_environment = 512 * 1024;

std::vector<std::string> told(const std::string& environment) {
  return describe_pod(Target{}, environment).environment;
}

std::string many(const std::string& entry) {
  std::string text;
  while (text.size() + entry.size() < most_environment) text += entry;
  return text;
}

}  // namespace

TEST_CASE("Variables come as they are, the last without its NUL too", "[environment]") {
  CHECK(told(std::string("A=1\0B=\0\0C=3", 11)) == std::vector<std::string>{"A=1", "B=", "C=3"});
  CHECK(told("").empty());
}

TEST_CASE("A value that was cut is no value, and what is missing is said", "[environment]") {
  auto text = std::string("NAME=value\0", 11) + "DATABASE_URL=";
  text.resize(most_environment, 'x');
  const auto variables = told(text);
  CHECK(variables == std::vector<std::string>{"NAME=value", "DATABASE_URL", "all-behind-the-first-512-KiB"});
}

TEST_CASE("However many variables there are, the answer fits into a message", "[environment]") {
  for (const auto& entry : {std::string("A\0", 2), std::string("A=\0", 3)}) {
    protocol::Pod pod = describe_pod(Target{}, many(entry));
    CHECK(protocol::encode(protocol::Message(pod)));
    CHECK(pod.environment.back() == "all-behind-the-first-512-KiB");
  }
}
