// Loading a Config: each language, each kind of value, each error with its place and its suggestion.
#include "config/load.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"

using namespace inpod;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/inpod-config-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, const std::string& text) const {
    const auto path = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Result<Config> load(const std::string& text, const std::string& name = "config.yaml") {
  const Folder folder;
  Config config;
  const auto loaded = config::load_file(folder.write(name, text), config);
  if (!loaded) return Failed(loaded.error());
  return config;
}

/// The error of a file, without the folder in front.
std::string error_of(const std::string& text, const std::string& name = "config.yaml") {
  const auto config = load(text, name);
  if (config) return "no error";
  const auto full = config.error().to_string();
  const auto at = full.find(name);
  return at == std::string::npos ? full : full.substr(at);
}

}  // namespace

TEST_CASE("an empty file changes nothing") {
  for (const char* text : {"", "# nothing\n", "---\n", "{}"}) {
    const auto config = load(text);
    REQUIRE(config);
    CHECK(config->target.empty());
    CHECK(config->agent.lease_seconds == 300);
  }
  CHECK(load("", "config.json"));
}

TEST_CASE("every kind of value, in YAML") {
  const auto config = load(
      "target: deployment/web\n"
      "hostname: off\n"
      "agent:\n  lease_seconds: 60\n  labels: {team: shop, tier: 2, on: true}\n"
      "files:\n  read:\n    - /etc/**\n    - '**/*.conf'\n  map: {/home/me/app: /app}\n"
      "environment:\n  set:\n    EMPTY: ''\n    WORDS: grüß dich\n"
      "outgoing:\n  local: [10.0.0.0/8, '192.168.1.1:8000-9000', '::1', '[fd00::/8]:53']\n"
      "incoming:\n  mode: steal\n  ports: [80, 8080]\n  map: {3000: 80}\n");
  REQUIRE(config);
  CHECK(config->target == "deployment/web");
  CHECK_FALSE(config->hostname);
  CHECK(config->agent.lease_seconds == 60);
  CHECK(config->agent.labels ==
        std::map<std::string, std::string>{{"team", "shop"}, {"tier", "2"}, {"on", "true"}});
  CHECK(config->files.read == std::vector<std::string>{"/etc/**", "**/*.conf"});
  CHECK(config->files.map.at("/home/me/app") == "/app");
  CHECK(config->environment.set == std::map<std::string, std::string>{{"EMPTY", ""}, {"WORDS", "grüß dich"}});
  CHECK(config->outgoing.local.size() == 4);
  CHECK(config->incoming.mode == protocol::IncomingMode::steal);
  CHECK(config->incoming.ports == std::vector<std::uint16_t>{80, 8080});
  CHECK(config->incoming.map.at(3000) == 80);
}

TEST_CASE("the same in JSON, with comments") {
  const auto config = load(
      "{ // a comment\n  \"target\": \"pod/\\u00fc\\ud83d\\ude00\",\n  \"incoming\": {\"ports\": [80], "
      "\"map\": {\"3000\": 80}}\n}",
      "config.json");
  REQUIRE(config);
  CHECK(config->target == "pod/ü😀");
  CHECK(config->incoming.map.at(3000) == 80);
}

TEST_CASE("unknown keys are errors with their line and the key that was meant") {
  CHECK(error_of("target: pod/a\nincomming:\n  mode: steal\n") ==
        "config.yaml:2: unknown key \"incomming\"\n  did you mean \"incoming\"?");
  CHECK(error_of("agent:\n  lease_second: 5\n") ==
        "config.yaml:2: unknown key \"agent.lease_second\"\n  did you mean \"agent.lease_seconds\"?");
  CHECK(error_of("lease_seconds: 5\n") ==
        "config.yaml:1: unknown key \"lease_seconds\"\n  did you mean \"agent.lease_seconds\"?");
  CHECK(error_of("agent:\n  target: pod/a\n") ==
        "config.yaml:2: unknown key \"agent.target\"\n  did you mean \"target\"?");
  CHECK(error_of("zzzzzzzzzz: 1\n") ==
        "config.yaml:1: unknown key \"zzzzzzzzzz\"\n  `inpod schema --markdown` lists all keys");
  CHECK(error_of("{\n\n \"tarket\": \"pod/a\"}", "config.json") ==
        "config.json:3: unknown key \"tarket\"\n  did you mean \"target\"?");
}

TEST_CASE("wrong types name the key, what was expected and what stands there") {
  CHECK(error_of("target: 5\n") ==
        "config.yaml:1: target: expected text, got number 5\n  put it in quotes: \"5\"");
  CHECK(error_of("hostname: maybe\n") ==
        "config.yaml:1: hostname: expected true or false, got text \"maybe\"");
  CHECK(error_of("hostname: 'true'\n") ==
        "config.yaml:1: hostname: expected true or false, got text \"true\"");
  CHECK(error_of("agent:\n  lease_seconds: soon\n") ==
        "config.yaml:2: agent.lease_seconds: expected a whole number from 0 to 86400, got text \"soon\"");
  CHECK(error_of("agent:\n  lease_seconds: -1\n") ==
        "config.yaml:2: agent.lease_seconds: expected a whole number from 0 to 86400, got number -1");
  CHECK(error_of("agent:\n  lease_seconds: 99999999999999999999\n") ==
        "config.yaml:2: agent.lease_seconds: expected a whole number from 0 to 86400, got number "
        "99999999999999999999");
  CHECK(error_of("agent: 5\n") == "config.yaml:1: agent: expected keys below it, got number 5");
  CHECK(error_of("files:\n  read: /etc\n") ==
        "config.yaml:2: files.read: expected a list of text, got text \"/etc\"");
  CHECK(error_of("files:\n  read: [[/etc]]\n") == "config.yaml:2: files.read: expected text, got a list");
  CHECK(error_of("environment:\n  set: [A]\n") ==
        "config.yaml:2: environment.set: expected a map of text to text, got a list");
  CHECK(error_of("environment:\n  set:\n    A: [1]\n") ==
        "config.yaml:3: environment.set.A: expected text, got a list");
  CHECK(error_of("environment:\n  set:\n    A:\n") ==
        "config.yaml:3: environment.set.A: expected text, got nothing");
  CHECK(error_of("incoming:\n  ports: [0]\n") ==
        "config.yaml:2: incoming.ports: expected a port (1 to 65535), got number 0");
  CHECK(error_of("incoming:\n  ports: [70000]\n") ==
        "config.yaml:2: incoming.ports: expected a port (1 to 65535), got number 70000");
  CHECK(error_of("incoming:\n  map: {a: 1}\n") ==
        "config.yaml:2: incoming.map: expected a port of the program (1 to 65535), got \"a\"\n"
        "  write the program's port: the pod's port, such as incoming.map: {3000: 80}");
  CHECK(error_of("incoming:\n  map: {3000: web}\n") ==
        "config.yaml:2: incoming.map.3000: expected a port of the pod (1 to 65535), got text \"web\"\n"
        "  write the program's port: the pod's port, such as incoming.map: {3000: 80}");
  CHECK(error_of("target:\n") == "config.yaml:1: target: expected text, got nothing");
  CHECK(error_of("- a\n") == "config.yaml:1: expected keys and values, got a list");
  CHECK(error_of("[1]", "config.json") == "config.json:1: expected keys and values, got a list");
}

TEST_CASE("wrong choices come with the right ones") {
  CHECK(error_of("incoming:\n  mode: stael\n") ==
        "config.yaml:2: incoming.mode: expected mirror or steal, got text \"stael\"\n  did you mean "
        "\"steal\"?");
  CHECK(error_of("interception: ptrace\n") ==
        "config.yaml:1: interception: expected auto or preload or syscalls or none, got text \"ptrace\"");
  CHECK(error_of("files:\n  mode: true\n") ==
        "config.yaml:2: files.mode: expected read or write or local, got true");
}

TEST_CASE("globs, networks, prefixes and names are checked") {
  CHECK(error_of("files:\n  local:\n    - /a\n    - etc/app\n") ==
        "config.yaml:4: files.local: text \"etc/app\": it matches whole paths, so it must start with \"/\", "
        "\"~/\" or \"**\"");
  CHECK(error_of("files:\n  local: ['/a[b']\n") ==
        "config.yaml:2: files.local: text \"/a[b\": a \"[\" is never closed");
  CHECK(error_of("files:\n  local: ['']\n") == "config.yaml:2: files.local: text \"\": it is empty");
  CHECK(error_of("files:\n  local: ['/a\\']\n") ==
        "config.yaml:2: files.local: text \"/a\\\": it ends in a lone backslash");
  CHECK(load("files:\n  local: ['/a[]]b', '/[!a-z]*', '**/x', '/ü/世界']\n"));
  CHECK(load("outgoing:\n  remote_unix: ['/run/*.sock', '~/x', '@bus*']\n"));
  CHECK(error_of("outgoing:\n  remote_unix: ['@[b']\n") ==
        "config.yaml:2: outgoing.remote_unix: text \"@[b\": a \"[\" is never closed");
  CHECK(error_of("files:\n  local: ['@bus']\n").find("must start with") != std::string::npos);
  CHECK(load("files:\n  local: ['~/x/*', '~']\n  map: {'~/config': /etc/app}\n"));
  CHECK(error_of("files:\n  map: {/a: '~/b'}\n")
            .rfind("config.yaml:2: files.map./a: text \"~/b\": it must be an absolute path", 0) == 0);
  CHECK(error_of("files:\n  map: {a: /b}\n") ==
        "config.yaml:2: files.map.a: text \"/b\": \"a\": it must be an absolute path");
  for (const char* bad : {"10.0.0.0/33", "10.0.0", "10.0.0.1:0", "10.0.0.1:9-8", "10.0.0.1:", "10.0.0.1/",
                          "example.com", "::1/129", "[::1]:x", "[::1"}) {
    INFO(bad);
    CHECK(error_of(std::string("outgoing:\n  local: ['") + bad + "']\n")
              .rfind("config.yaml:2: outgoing.local: text", 0) == 0);
  }
  for (const char* good :
       {"10.0.0.0/8", "0.0.0.0/0:53", "::/0", "[::1]:80", "[fd00::/8]:1-65535", "fe80::1"}) {
    INFO(good);
    CHECK(load(std::string("outgoing:\n  local: ['") + good + "']\n"));
  }
  for (const char* key : {"namespace: ", "agent: {namespace: "}) {
    const std::string end = key[0] == 'a' ? "}\n" : "\n";
    CHECK(error_of(key + std::string("'..'") + end).find("Kubernetes takes no such name") !=
          std::string::npos);
    CHECK(load(key + std::string("shop-2") + end));
  }
  CHECK(error_of("environment:\n  unset: ['A=B']\n") ==
        "config.yaml:2: environment.unset: text \"A=B\": it holds a \"=\" or a NUL");
  CHECK(error_of("environment:\n  set: {'A=B': c}\n").find("its name") != std::string::npos);
  CHECK(error_of("environment:\n  set: {A: \"b\\0c\"}\n").find("it holds a NUL") != std::string::npos);
}

TEST_CASE("broken syntax names the line") {
  CHECK(error_of("target: pod/a\n  nested: x\n").rfind("config.yaml:2: ", 0) == 0);
  CHECK(error_of("a: [1\n").rfind("config.yaml:", 0) == 0);
  CHECK(error_of("{\n \"target\": \n}", "config.json").rfind("config.json:3: ", 0) == 0);
  CHECK(error_of("{\"target\": \"a\"} x", "config.json").rfind("config.json:1: ", 0) == 0);
  CHECK(error_of("{\"target\": \"\xff\"}", "config.json").rfind("config.json:1: ", 0) == 0);
  CHECK(error_of("target: a\ntarget: b\n") == "config.yaml:2: key \"target\" stands here twice");
  CHECK(error_of("target: a\n---\ntarget: b\n") == "config.yaml: more than one YAML document (\"---\")");
  CHECK(error_of("a: &x 1\nb: *x\n") == "config.yaml:2: YAML aliases (*name) are not supported here");
}

TEST_CASE("a key that is null hides no other one") {
  for (const char* text : {"~: kubeconfig\n/x: namespace\n", "? ~\n: kubeconfig\n", "null: x\n"})
    CHECK(error_of(text).find("config.yaml:1: unknown key \"null\"") == 0);
  CHECK(error_of("incoming:\n  ~: ports\n").find("config.yaml:2: unknown key \"incoming.null\"") == 0);
}

TEST_CASE("a long plain text is read as any other") {
  const std::string digits(600000, '1');
  CHECK(error_of("hostname: " + digits + "\n").find("config.yaml:1: hostname: expected true or false") == 0);
  CHECK(error_of("target: " + digits + "\n").find("config.yaml:1: target: expected text, got number") == 0);
  const auto words = load("target: " + std::string(600000, 't') + "\n");
  REQUIRE(words);
  CHECK(words->target.size() == 600000);
}

TEST_CASE("YAML's numbers and booleans are told from text") {
  for (const char* number : {"1", "-1", "+1", "1.", "1.5", "1e3", "-1.5E+10"})
    CHECK(error_of(std::string("target: ") + number + "\n").find("got number") != std::string::npos);
  for (const char* text : {"-x", "1e", "1e+", ".5", "1.5.5", "1x", "0x1f", "trues", "y"})
    CHECK(load(std::string("target: ") + text + "\n")->target == text);
  for (const char* boolean : {"true", "True", "YES", "on"})
    CHECK(load(std::string("hostname: ") + boolean + "\n")->hostname);
  for (const char* boolean : {"false", "No", "OFF"})
    CHECK_FALSE(load(std::string("hostname: ") + boolean + "\n")->hostname);
}

TEST_CASE("hostile files are bounded") {
  CHECK(error_of(std::string(50, '[') + std::string(50, ']')).find("nested deeper") != std::string::npos);
  CHECK(error_of(std::string(100000, '['), "config.json").find("nested deeper") != std::string::npos);
  CHECK(error_of("files: {local: [" + std::string(40000, ',') + "]}").rfind("config.yaml", 0) == 0);
  std::string many = "{\"files\": {\"local\": [\"/a\"";
  for (int i = 0; i < 10001; ++i) many += ",\"/a\"";
  CHECK(error_of(many + "]}}", "config.json").find("more than 10000 values") != std::string::npos);
  CHECK(error_of("#" + std::string(1 << 20, 'x')).find("larger than 1 MiB") != std::string::npos);
}

TEST_CASE("a file with an error changes nothing") {
  const Folder folder;
  Config config;
  config.target = "before";
  CHECK_FALSE(config::load_file(folder.write("c.yaml", "target: after\nwrong: 1\n"), config));
  CHECK(config.target == "before");
  const auto missing = config::load_file(folder.path() + "/nothing.yaml", config);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ENOENT);
  CHECK(missing.error().text.find("nothing.yaml") != std::string::npos);
  CHECK_FALSE(config::load_file(folder.path(), config));
}

TEST_CASE("later sources win: lists replace, maps merge") {
  Config config;
  REQUIRE(config::apply_json(
      {{"files", {{"read", {"/a"}}}}, {"environment", {{"set", {{"A", "1"}, {"B", "1"}}}}}},
      "launch.json: cluster", config));
  REQUIRE(config::apply_flag("files.read", {"/b", "/c"}, "--files-read", config));
  REQUIRE(config::apply_flag("environment.set", {"B=2", "C=x=y", "D="}, "-e", config));
  CHECK(config.files.read == std::vector<std::string>{"/b", "/c"});
  CHECK(config.environment.set ==
        std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}, {"C", "x=y"}, {"D", ""}});
}

TEST_CASE("flags of every type, and their errors") {
  Config config;
  CHECK(config::apply_flag("hostname", {"false"}, "--hostname", config));
  CHECK_FALSE(config.hostname);
  CHECK(config::apply_flag("agent.lease_seconds", {"7"}, "--agent-lease-seconds", config));
  CHECK(config.agent.lease_seconds == 7);
  CHECK(config::apply_flag("incoming.map", {"3000=80"}, "--incoming-map", config));
  CHECK(config.incoming.map.at(3000) == 80);
  CHECK(config::apply_flag("namespace", {"123"}, "-n", config));
  CHECK(config.namespace_ == "123");
  const auto number = config::apply_flag("agent.lease_seconds", {"x"}, "--agent-lease-seconds", config);
  REQUIRE_FALSE(number);
  CHECK(
      number.error().text ==
      "--agent-lease-seconds: agent.lease_seconds: expected a whole number from 0 to 86400, got text \"x\"");
  CHECK_FALSE(config::apply_flag("environment.set", {"A"}, "-e", config));
  CHECK_FALSE(config::apply_flag("incoming.ports", {"http"}, "--incoming-ports", config));
  CHECK_FALSE(config::apply_flag("no.such", {"1"}, "--no-such", config));
}

TEST_CASE("an empty list is an empty section, as Lua spells it") {
  Config config;
  const auto none = nlohmann::json::array();
  CHECK(config::apply_json(
      {{"target", "t"}, {"files", none}, {"incoming", {{"ports", none}}}, {"environment", {{"set", none}}}},
      "launch.json: cluster", config));
  CHECK(config.target == "t");
  CHECK_FALSE(config::apply_json({{"files", {"/a"}}}, "launch.json: cluster", config));
}

TEST_CASE("launch.json's errors name their place") {
  Config config;
  const auto unknown = config::apply_json({{"agent", {{"imge", "x"}}}}, "launch.json: cluster", config);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().to_string() ==
        "launch.json: cluster: unknown key \"agent.imge\"\n  did you mean \"agent.image\"?");
  CHECK_FALSE(config::apply_json(nlohmann::json::array(), "launch.json: cluster", config));
  CHECK_FALSE(config::apply_json("text", "launch.json: cluster", config));
  CHECK(config::apply_json(nullptr, "launch.json: cluster", config));
}
