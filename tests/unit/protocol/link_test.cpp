// Links over socket pairs: requests, streams, back-pressure, heartbeat and the end.
#include <sys/socket.h>

#include "unit/protocol/link_fixture.hpp"

using namespace inpod;
using namespace inpod::protocol;
using namespace std::chrono_literals;

TEST_CASE("answers come in any order") {
  LinkPair pair;
  std::vector<std::uint32_t> ids;
  pair.on_request = [&](std::uint32_t id, Message) {
    ids.push_back(id);
    if (ids.size() < 3) return;
    for (auto i = ids.rbegin(); i != ids.rend(); ++i) pair.agent->respond(*i, Text{std::to_string(*i)});
  };
  std::vector<std::string> answers;
  for (int i = 0; i < 3; ++i) {
    pair.run([&]() -> Task<void> {
      auto answer = co_await pair.client->request_as<Text>(ReadLink{"/x"});
      REQUIRE(answer);
      answers.push_back(answer->text);
    });
  }
  pair.finish();
  REQUIRE(answers == std::vector<std::string>{"3", "2", "1"});
}
