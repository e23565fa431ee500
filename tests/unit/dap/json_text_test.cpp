// Members found and replaced in raw text, whatever stands around them.
#include "dap/json_text.hpp"

#include "catch.hpp"

using namespace inpod::dap;

TEST_CASE("members are found by shape, whatever the values hold") {
  const std::string text = R"( { "a" : [1,{"b":"]}"}] ,"s\u0065q":"\"}" ,"n":-1.5e3,"e":{}} )";
  const auto members = members_of(text);
  REQUIRE(members);
  REQUIRE(members->size() == 4);
  CHECK((*members)[0].key == "a");
  CHECK((*members)[0].value.of(text) == R"([1,{"b":"]}"}])");
  CHECK((*members)[1].key == "seq");
  CHECK((*members)[1].value.of(text) == R"("\"}")");
  CHECK((*members)[2].value.of(text) == "-1.5e3");
  CHECK((*members)[3].value.of(text) == "{}");
  CHECK(members_of("{}")->empty());
  CHECK(members_of("{ }\n")->empty());
}

TEST_CASE("text that is no object by shape is refused") {
  const std::string text =
      GENERATE("", "[]", "null", "{", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
               "{\"a\":1}x", "{\"a\" 1}", "{a:1}", "{\"a\":\"}", "{\"a\":[}", "{\"a\":\"\\");
  INFO(text);
  CHECK_FALSE(members_of(text));
}

TEST_CASE("deep nesting costs no stack") {
  const std::string deep(2'000'000, '[');
  CHECK_FALSE(members_of("{\"a\":" + deep + "}"));
  const std::string text = "{\"a\":" + deep + std::string(deep.size(), ']') + "}";
  CHECK(members_of(text)->size() == 1);
}

TEST_CASE("splicing replaces only the spans, in any order") {
  CHECK(splice("0123456789", {{{8, 9}, "eight"}, {{1, 3}, ""}, {{4, 4}, "+"}}) == "03+4567eight9");
  CHECK(splice("abc", {}) == "abc");
}

TEST_CASE("a raw object keeps what is not touched") {
  auto object = RawObject::parse(R"({"z":1.0,"bad":")"
                                 "\xff"
                                 R"(","a":[ 1 ],"z":2e0})");
  REQUIRE(object);
  CHECK(object->get("z") == 2);
  CHECK(object->raw("a") == "[ 1 ]");
  CHECK(object->get("bad").is_null());
  CHECK(object->get("none").is_null());
  CHECK_FALSE(object->raw("none"));
  object->set("a", "new");
  object->set("add\"ed", true);
  CHECK(object->text() == R"({"z":1.0,"bad":")"
                          "\xff"
                          R"(","a":"new","z":2e0,"add\"ed":true})");
  object->erase("z");
  object->prepend("list", {1, 2});
  object->prepend("list", {0});
  CHECK(object->text() == R"({"bad":")"
                          "\xff"
                          R"(","a":"new","add\"ed":true,"list":[0,1,2]})");
}
