#include "kube/target.hpp"

#include "catch.hpp"
#include "kube/resolve.hpp"

using namespace inpod;
using namespace inpod::kube;

TEST_CASE("targets are read and written back in full form") {
  const std::pair<const char*, const char*> rows[] = {
      {"pod/web-1", "pod/web-1"},
      {"po/web-1", "pod/web-1"},
      {"deploy/web", "deployment/web"},
      {"deployments/web/container/app", "deployment/web/container/app"},
      {"sts/db", "statefulset/db"},
      {"ds/node", "daemonset/node"},
      {"rs/x", "replicaset/x"},
      {"job/once", "job/once"},
      {"cj/nightly", "cronjob/nightly"},
      {"rollout/web", "rollout/web"},
      {"svc/front.end", "service/front.end"},
      {"label:app.kubernetes.io/name=web,tier!=x", "label:app.kubernetes.io/name=web,tier!=x"},
      {"label:app.kubernetes.io/name=web/container/app", "label:app.kubernetes.io/name=web/container/app"},
      {"targetless", "targetless"},
      {"local:4711", "local:4711"},
  };
  for (const auto& [text, full] : rows) {
    INFO(text);
    const auto target = parse_target(text);
    REQUIRE(target);
    CHECK(target->to_string() == full);
    CHECK((*parse_target(target->to_string()) == *target));
  }
  CHECK(parse_target("deploy/web/container/app")->container == "app");
  CHECK(parse_target("local:4711")->pid == 4711);
}

TEST_CASE("what is no target says what would be") {
  const auto remedy = [](const char* text) {
    const auto target = parse_target(text);
    INFO(text);
    REQUIRE_FALSE(target);
    return target.error().text + " | " + target.error().remedy;
  };
  CHECK_THAT(remedy("web"),
             Catch::Contains("unknown target \"web\"") && Catch::Contains("pod/web or deployment/web"));
  CHECK_THAT(remedy("deploymet/web"), Catch::Contains("did you mean deployment/web?"));
  CHECK_THAT(remedy(""), Catch::Contains("no target"));
  CHECK_THAT(remedy("pod/"), Catch::Contains("no object's name"));
  CHECK_THAT(remedy("pod/UPPER"), Catch::Contains("no object's name"));
  for (const char* name : {"..", ".", ".a", "a.", "a..b", "-a", "a-", "a.-b"})
    CHECK_THAT(remedy((std::string("pod/") + name).c_str()), Catch::Contains("no object's name"));
  for (const char* name : {"..", "a.b", "-a", "UPPER"})
    CHECK_THAT(remedy((std::string("pod/a/container/") + name).c_str()),
               Catch::Contains("no container's name"));
  CHECK(parse_target("pod/a.b-c.1"));
  CHECK_THAT(remedy("pod/a/b"), Catch::Contains("pod/a/container/NAME"));
  CHECK_THAT(remedy("pod/a/container/"), Catch::Contains("no container's name"));
  CHECK_THAT(remedy("label:app"), Catch::Contains("label:KEY=VALUE"));
  CHECK_THAT(remedy("local:x"), Catch::Contains("local:PID"));
  CHECK_THAT(remedy("local:0"), Catch::Contains("local:PID"));
  CHECK_THAT(remedy("local:99999999999999999999"), Catch::Contains("local:PID"));
}

TEST_CASE("selectors as text") {
  CHECK(
      selector_text(json::parse(
          R"({"matchLabels":{"a":"1","b":"2"},"matchExpressions":[{"key":"c","operator":"In","values":["x","y"]},
    {"key":"d","operator":"NotIn","values":["z"]},{"key":"e","operator":"Exists"},{"key":"f","operator":"DoesNotExist"}]})")) ==
      "a=1,b=2,c in (x,y),d notin (z),e,!f");
  CHECK(selector_text(json::parse("{}")).empty());
  CHECK(selector_text(json::parse(R"({"matchLabels":[1],"matchExpressions":[3]})")).empty());
}
