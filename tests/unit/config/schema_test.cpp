// The schema and the docs page come from the same table as the parser: what the schema shows as an example of
// each key, the parser must take, and docs/config.md must be what the table says.
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "catch.hpp"
#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/node.hpp"

using namespace inpod;

namespace {

/// "agent.mode" of the schema.
nlohmann::json property(const nlohmann::json& schema, const std::string& key) {
  const auto dot = key.find('.');
  const auto& first = schema.at("properties").at(key.substr(0, dot));
  return dot == std::string::npos ? first : property(first, key.substr(dot + 1));
}

std::string nested(const std::string& key, const std::string& value) {
  const auto dot = key.find('.');
  if (dot == std::string::npos) return key + ": " + value;
  return key.substr(0, dot) + ": {" + nested(key.substr(dot + 1), value) + "}";
}

}  // namespace

TEST_CASE("the schema is draft-07 and has every key, typed, with default and description") {
  const nlohmann::json schema = config::schema();
  CHECK(schema.at("$schema") == "http://json-schema.org/draft-07/schema#");
  CHECK(schema.at("additionalProperties") == false);
  for (const auto& key : config::keys()) {
    INFO(key.name);
    const auto found = property(schema, key.name);
    CHECK(found.contains("type"));
    CHECK(found.contains("default"));
    CHECK(found.at("description") == key.help);
  }
  CHECK(property(schema, "incoming.mode").at("enum") == nlohmann::json({"mirror", "steal"}));
  CHECK(property(schema, "agent.lease_seconds").at("maximum") == 86400);
}

TEST_CASE("launch.json's schema holds the same keys under cluster") {
  const nlohmann::json schema = config::launch_schema();
  CHECK(schema.at("properties").at("cluster").at("properties") ==
        nlohmann::json(config::schema()).at("properties"));
}

TEST_CASE("the example of every key is valid") {
  for (const auto& key : config::keys()) {
    INFO(key.name);
    const auto path = std::string("/tmp/inpod-schema-test.yaml");
    std::ofstream(path) << nested(key.name, key.example);
    Config config;
    const auto loaded = config::load_file(path, config);
    INFO((loaded ? "" : loaded.error().to_string()));
    CHECK(loaded);
    std::remove(path.c_str());
  }
}

TEST_CASE("docs/config.md is what the key table says") {
  std::ifstream file(std::string(INPOD_SOURCE_DIR) + "/docs/config.md");
  std::stringstream content;
  content << file.rdbuf();
  INFO("write it anew: inpod schema --markdown > docs/config.md");
  CHECK(content.str() == config::markdown());
}
