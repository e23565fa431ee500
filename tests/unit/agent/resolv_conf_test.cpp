// resolv.conf and the search list.
#include "names/resolv_conf.hpp"

#include "catch.hpp"
#include "names/literal.hpp"

using namespace inpod::agent;
using inpod::agent::literal_of;

TEST_CASE("A pod's resolv.conf", "[names]") {
  auto parsed = parse_resolv_conf(
      "nameserver 10.96.0.10\nnameserver fd00::10\nsearch shop.svc.cluster.local svc.cluster.local "
      "cluster.local\n"
      "options ndots:5 timeout:3 attempts:4 rotate use-vc\n",
      "web-1");
  REQUIRE(parsed.servers.size() == 2);
  CHECK(literal_of(parsed.servers[0]) == "10.96.0.10");
  CHECK(literal_of(parsed.servers[1]) == "fd00::10");
  CHECK(parsed.servers[0].port == 53);
  CHECK(parsed.search ==
        std::vector<std::string>{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local"});
  CHECK(parsed.dots == 5);
  CHECK(parsed.timeout.count() == 3);
  CHECK(parsed.attempts == 4);
  CHECK(parsed.rotate);
  CHECK(parsed.use_tcp);
}

TEST_CASE("resolv.conf's rules", "[names]") {
  CHECK(literal_of(parse_resolv_conf("", "web").servers.at(0)) == "127.0.0.1");
  CHECK(parse_resolv_conf("", "web.a.b").search == std::vector<std::string>{"a.b"});
  CHECK(parse_resolv_conf("", "web").search.empty());
  CHECK(parse_resolv_conf("domain x.y z\n", "web.a.b").search == std::vector<std::string>{"x.y"});
  CHECK(parse_resolv_conf("search a\ndomain b\n", "").search == std::vector<std::string>{"b"});
  CHECK(parse_resolv_conf("domain b\nsearch a c\n", "").search == std::vector<std::string>{"a", "c"});
  CHECK(parse_resolv_conf("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n",
                          "")
            .servers.size() == 3);
  CHECK(parse_resolv_conf("# nameserver 1.1.1.1\n; nameserver 2.2.2.2\nnameserver nonsense\n", "")
            .servers.size() == 1);
  auto bounded = parse_resolv_conf("options ndots:99 timeout:999 attempts:99\n", "");
  CHECK(bounded.dots == 15);
  CHECK(bounded.timeout.count() == 30);
  CHECK(bounded.attempts == 5);
  CHECK(parse_resolv_conf("options ndots:x timeout:0 attempts:0\n", "").timeout.count() == 1);
  CHECK(parse_resolv_conf("nameserver\t 1.2.3.4 \r\n", "").servers.size() == 1);
}

TEST_CASE("Names to try, by dots and search list", "[names]") {
  ResolvConf configuration;
  configuration.search = {"a.local", "local"};
  configuration.dots = 2;
  using Names = std::vector<std::string>;
  CHECK(names_to_try(configuration, "web") == Names{"web.a.local", "web.local", "web"});
  CHECK(names_to_try(configuration, "web.shop") == Names{"web.shop.a.local", "web.shop.local", "web.shop"});
  CHECK(names_to_try(configuration, "web.shop.svc") ==
        Names{"web.shop.svc", "web.shop.svc.a.local", "web.shop.svc.local"});
  CHECK(names_to_try(configuration, "web.") == Names{"web."});
  configuration.search.clear();
  CHECK(names_to_try(configuration, "web") == Names{"web"});
}
