// What CLion's macros leave behind in launch parameters.
#include "dap/editor_macros.hpp"

#include "catch.hpp"

using namespace inpod::dap;
using nlohmann::json;

namespace {
json tidied(const json& given) {
  auto arguments = *RawObject::parse(given.dump());
  REQUIRE(tidy_macros(arguments));
  return json::parse(arguments.text());
}
}  // namespace

TEST_CASE("values stay as they are") {
  const json given{
      {"program", "/b/app"}, {"args", {"a b", ""}}, {"cwd", "/w"}, {"env", {{"A", "1"}}}, {"x", "$Y$"}};
  CHECK(tidied(given) == given);
  CHECK(tidied({{"env", {"A=1"}}}) == json{{"env", {"A=1"}}});
  CHECK(tidied(json::object()) == json::object());
}

TEST_CASE("arguments as text become words") {
  CHECK(tidied({{"args", "--port 8080"}})["args"] == json{"--port", "8080"});
  CHECK(tidied({{"args", R"(a  'b c' "d \" e" f\ g '')"}})["args"] == json{"a", "b c", "d \" e", "f g", ""});
  CHECK(tidied({{"args", ""}})["args"] == json::array());
  CHECK(tidied({{"args", R"(["a b"])"}})["args"] == json{"a b"});
}

TEST_CASE("an environment as text becomes variables") {
  CHECK(tidied({{"env", "A=1;B=x=y;"}})["env"] == json{"A=1", "B=x=y"});
  CHECK(tidied({{"environment", R"({"A": "1"})"}})["environment"] == json{{"A", "1"}});
  CHECK(tidied({{"env", ""}})["env"] == json::array());
}

TEST_CASE("an empty directory goes") {
  CHECK_FALSE(tidied({{"cwd", ""}}).contains("cwd"));
}

TEST_CASE("a macro that was left standing is an error that names it") {
  for (const char* key : {"program", "args", "cwd", "env", "environment"}) {
    auto arguments = *RawObject::parse(json{{key, "$Environment$"}}.dump());
    const auto result = tidy_macros(arguments);
    REQUIRE_FALSE(result);
    CHECK(result.error().text.find("$Environment$") != std::string::npos);
    CHECK(result.error().text.find(key) != std::string::npos);
  }
  CHECK(tidied({{"program", "$"}})["program"] == "$");
  CHECK(tidied({{"program", "/a/$b$"}})["program"] == "/a/$b$");
}
