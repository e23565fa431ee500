// Two developers on one target: mirrors live side by side, a port can be stolen once, and the second one
// learns by whom.
#include "catch.hpp"
#include "cluster.hpp"

using namespace inpod::test;

namespace {

std::unique_ptr<Process> serve(const Developer& developer, const std::string& flag) {
  const auto script = developer.write("server.py", read_file(sources + "/tests/debuggees/servers/server.py"));
  return developer.inpod({"run", "-t", "deployment/web", "-n", Shop::instance().name_space(), flag, "--",
                          "python3", script, "8080"});
}

void end(Process& server) {
  server.signal(SIGINT);
  CHECK_FALSE(server.wait(seconds(20)).timed_out);
}

}  // namespace

TEST_CASE("two developers mirror one target at once") {
  Developer anna(23456), bert(23457);
  auto& shop = Shop::instance();
  auto first = serve(anna, "--mirror"), second = serve(bert, "--mirror");
  const bool up =
      first->wait_for_error("listening", seconds(60)) && second->wait_for_error("listening", seconds(60));
  INFO(first->err() << second->err());
  REQUIRE(up);
  // The subscription follows listen(2) by a round trip, so a request may come before it.
  CHECK(eventually(seconds(30), [&] {
    CHECK(shop.curl("http://web/both").out.find("\"by\": \"pod\"") != std::string::npos);
    return first->wait_for_output("GET /both", milliseconds(300)) &&
           second->wait_for_output("GET /both", milliseconds(300));
  }));
  // One that leaves takes nothing from the other.
  end(*first);
  CHECK(eventually(seconds(10), [&] {
    CHECK(shop.curl("http://web/alone").out.find("\"by\": \"pod\"") != std::string::npos);
    return second->wait_for_output("GET /alone", milliseconds(300));
  }));
  end(*second);
}

TEST_CASE("a stolen port is named with its thief, who keeps it") {
  Developer anna(23456), bert(23457);
  auto& shop = Shop::instance();
  auto first = serve(anna, "--steal");
  const bool stolen = shop.answered_by("by python", seconds(60));
  INFO(first->err());
  REQUIRE(stolen);
  auto second = serve(bert, "--steal");
  const bool told = second->wait_for_error("port 8080 of this pod is already stolen by 23456@", seconds(60));
  INFO(second->err());
  CHECK(told);
  CHECK(shop.curl("http://web/whose").out == "by python\n");
  CHECK(first->wait_for_output("GET /whose", seconds(10)));
  CHECK(second->out().find("/whose") == std::string::npos);
  end(*second);
  CHECK(shop.curl("http://web/still").out == "by python\n");
  end(*first);
  CHECK(shop.answered_by_pod(seconds(5)));
  CHECK(shop.restarts() == 0);
  // Free again, it is whose who comes next.
  auto third = serve(bert, "--steal");
  CHECK(shop.answered_by("by python", seconds(60)));
  end(*third);
}

TEST_CASE("one steals while another mirrors") {
  Developer anna(23456), bert(23457);
  auto& shop = Shop::instance();
  auto mirror = serve(bert, "--mirror");
  const bool up = mirror->wait_for_error("listening", seconds(60));
  INFO(mirror->err());
  REQUIRE(up);
  auto thief = serve(anna, "--steal");
  CHECK(shop.answered_by("by python", seconds(60)));
  CHECK(thief->wait_for_output("GET /who", seconds(10)));
  end(*thief);
  CHECK(shop.answered_by_pod(seconds(5)));
  CHECK(eventually(seconds(10), [&] {
    CHECK(shop.curl("http://web/copy").out.find("\"by\": \"pod\"") != std::string::npos);
    return mirror->wait_for_output("GET /copy", milliseconds(300));
  }));
  end(*mirror);
}
