// Rights of a found file, and the user's yes to them.
#include "config/trust.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "catch.hpp"
#include "config/keys.hpp"
#include "config/load.hpp"
#include "support/process.hpp"

using namespace inpod;
using test::TemporaryDirectory;

namespace {

/// A project, and a store of the test's own.
struct Project {
  TemporaryDirectory folder;
  std::string state_before = getenv("XDG_STATE_HOME") == nullptr ? "" : getenv("XDG_STATE_HOME");
  Project() { setenv("XDG_STATE_HOME", (folder.path() + "/state").c_str(), 1); }
  ~Project() { setenv("XDG_STATE_HOME", state_before.c_str(), 1); }

  std::string write(const std::string& text, const std::string& name = "config.yaml") const {
    return folder.write(".inpod/" + name, text);
  }
  Result<config::FileReport> load(Config& config, const std::string& trusted_folder = {}) const {
    return config::load_found(folder.path(), trusted_folder, config);
  }
  bool loads(const std::string& text, const std::string& name = "config.yaml") const {
    const auto path = write(text, name);
    Config config;
    const bool loaded = load(config).has_value();
    std::filesystem::remove(path);
    return loaded;
  }
  void trust(const std::string& path) const {
    const auto rights = config::rights_of(*config::read_found(path));
    REQUIRE(rights);
    REQUIRE(config::give_trust(rights->file, rights->digest));
  }
};

std::string nested(const std::string& key, const std::string& value) {
  const auto dot = key.find('.');
  if (dot == std::string::npos) return key + ": " + value;
  return key.substr(0, dot) + ": {" + nested(key.substr(dot + 1), value) + "}";
}

}  // namespace

TEST_CASE("every key says whether a found file may set it, and is held to it") {
  const Project project;
  const std::set<std::string> free{"target",
                                   "namespace",
                                   "hostname",
                                   "files.absent",
                                   "files.local",
                                   "files.read",
                                   "files.map",
                                   "dns.local",
                                   "dns.enabled",
                                   "environment.exclude",
                                   "environment.unset",
                                   "outgoing.loopback_ports",
                                   "incoming.enabled",
                                   "incoming.ports",
                                   "incoming.ignore_ports",
                                   "incoming.map",
                                   "incoming.own"};
  for (const auto& key : config::keys()) {
    INFO(key.name);
    CHECK(key.field.rights.empty() == (free.count(key.name) == 1));
    if (key.field.rights.empty()) CHECK(project.loads(nested(key.name, key.example)));
    for (const auto& value : key.field.rights)
      CHECK_FALSE(project.loads(nested(key.name, value == config::any_value ? key.example : value)));
  }
  for (const char* harmless :
       {"incoming: {mode: mirror}\n", "files: {mode: read}\n", "outgoing: {tcp: true}\n",
        "outgoing: {unix_sockets: false}\n", "interception: preload\n"})
    CHECK(project.loads(harmless));
  CHECK_FALSE(project.loads(R"({"agent": {"path": "/tmp/x"}})", "config.json"));
}

TEST_CASE("without a yes nothing is set, and the error says what is asked for and how to say yes") {
  const Project project;
  const auto path = project.write(
      "target: pod/x\nkubeconfig: evil.conf\nincoming: {mode: steal}\n"
      "environment: {set: {A: \"\\e[2J\"}}\n");
  Config config;
  config.target = "before";
  const auto loaded = project.load(config);
  REQUIRE_FALSE(loaded);
  CHECK(config.target == "before");
  CHECK(config.kubeconfig.empty());
  CHECK(loaded.error().text == path + " sets keys that need your yes first: kubeconfig: \"evil.conf\", " +
                                   "incoming.mode: \"steal\", environment.set: {\"A\":\"\\u001b[2J\"}");
  CHECK(loaded.error().remedy ==
        "read the file; to say yes: inpod trust " + path + " (or name the file: -f FILE)");
}

TEST_CASE("a yes holds for these contents at this path; it can be taken back") {
  const Project project;
  const auto path = project.write("target: pod/x\nincoming: {mode: steal}\n");
  project.trust(path);
  Config config;
  const auto loaded = project.load(config);
  REQUIRE(loaded);
  CHECK(config.incoming.mode == protocol::IncomingMode::steal);
  CHECK(loaded->line() == "config file " + path + " sets target, incoming.mode");
  REQUIRE(config::trusted_files());
  REQUIRE(config::trusted_files()->size() == 1);
  CHECK(config::trusted_files()->front().path == path);

  project.write("target: pod/y\nincoming: {mode: steal}\n");
  const auto changed = project.load(config);
  REQUIRE_FALSE(changed);
  CHECK(changed.error().text.find(path + " has changed since you trusted it and sets keys") == 0);
  project.write("target: pod/y\n");
  CHECK(project.load(config));  // nothing is asked for any more

  project.write("target: pod/x\nincoming: {mode: steal}\n");
  CHECK(project.load(config));
  const auto moved = project.folder.path() + "/elsewhere";
  std::filesystem::create_directories(moved);
  std::filesystem::copy(project.folder.path() + "/.inpod", moved + "/.inpod",
                        std::filesystem::copy_options::recursive);
  CHECK_FALSE(config::load_found(moved, {}, config));

  CHECK(config::revoke_trust(path).value());
  CHECK_FALSE(config::revoke_trust(path).value());
  CHECK_FALSE(project.load(config));
  CHECK(config::trusted_files()->empty());
}

TEST_CASE("a kubeconfig or an agent in the project counts with its contents") {
  const Project project;
  const auto kubeconfig = project.folder.write("kube.conf", "harmless");
  const auto path = project.write("kubeconfig: kube.conf\nagent: {path: ./bin/agent}\n");
  project.trust(path);
  Config config;
  REQUIRE(project.load(config));
  CHECK(config.kubeconfig == kubeconfig);  // from the project's folder, wherever one stands
  CHECK(config.agent.path == project.folder.path() + "/bin/agent");
  project.folder.write("kube.conf", "with an exec plug-in");
  CHECK_FALSE(project.load(config));
  project.folder.write("kube.conf", "harmless");
  CHECK(project.load(config));
  project.folder.write("bin/agent", "a program, where there was none");
  CHECK_FALSE(project.load(config));
  // Bytes that wander from one file into the next are a change, too.
  const auto agent = project.folder.write("bin/agent", "last");
  const auto between = "\n" + std::to_string(agent.size()) + " " + agent + " ";
  project.folder.write("kube.conf", "first" + between + "middle");
  project.trust(path);
  REQUIRE(project.load(config));
  project.folder.write("kube.conf", "first");
  project.folder.write("bin/agent", "middle" + between + "last");
  CHECK_FALSE(project.load(config));
  // One elsewhere, such as the user's own, changes with each login and is not the repository's.
  const TemporaryDirectory elsewhere;
  const auto own = elsewhere.write("config", "1");
  project.trust(project.write("kubeconfig: " + own + "\n"));
  elsewhere.write("config", "2");
  CHECK(project.load(config));
}

TEST_CASE("a file of the project counts with its contents by whatever path it is named") {
  const Project project;
  const TemporaryDirectory elsewhere;
  const auto link = elsewhere.path() + "/home";
  std::filesystem::create_directory_symlink(project.folder.path(), link);
  project.folder.write("kube.conf", "harmless");
  project.trust(project.write("kubeconfig: " + link + "/kube.conf\n"));
  Config config;
  REQUIRE(project.load(config));
  project.folder.write("kube.conf", "with an exec plug-in");
  CHECK_FALSE(project.load(config));
}

TEST_CASE("the trusted folder is a yes for what really lies in it") {
  const Project project;
  project.write("incoming: {mode: steal}\n");
  Config config;
  CHECK(project.load(config, project.folder.path()));
  const TemporaryDirectory other;
  CHECK_FALSE(project.load(config, other.path()));
  CHECK_FALSE(project.load(config, "/no/such/folder"));
  const TemporaryDirectory link;
  std::filesystem::create_directory_symlink(project.folder.path() + "/.inpod", link.path() + "/.inpod");
  CHECK_FALSE(config::load_found(link.path(), link.path(), config));
}

TEST_CASE(
    "a file that the user names is read without a question, with a warning where others can change it") {
  const Project project;
  const auto path = project.write("incoming: {mode: steal}\n");
  Config config;
  const auto loaded = config::load_file(path, config);
  REQUIRE(loaded);
  CHECK(loaded->warning.empty());
  REQUIRE(chmod(path.c_str(), 0666) == 0);
  CHECK(config::load_file(path, config)->warning.find("others can change " + path) == 0);
}

TEST_CASE("the store is private, and one that others can change is not believed") {
  const Project project;
  const auto path = project.write("incoming: {mode: steal}\n");
  project.trust(path);
  const auto store = project.folder.path() + "/state/inpod/trust";
  struct stat info {};
  REQUIRE(stat(store.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  for (const auto& entry : std::filesystem::directory_iterator(store)) {
    REQUIRE(stat(entry.path().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
  Config config;
  CHECK(project.load(config));
  REQUIRE(chmod((project.folder.path() + "/state").c_str(), 0777) == 0);
  const auto loaded = project.load(config);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().text.find("everybody may write to") != std::string::npos);
  CHECK_FALSE(config::give_trust(path, "x"));
}

TEST_CASE("a damaged entry of the store is no yes") {
  const Project project;
  const auto path = project.write("incoming: {mode: steal}\n");
  project.trust(path);
  for (const auto& entry : std::filesystem::directory_iterator(project.folder.path() + "/state/inpod/trust"))
    for (const char* text : {"", "{", "[]", "{\"path\": 1, \"sha256\": []}"}) {
      project.folder.write(std::filesystem::relative(entry.path(), project.folder.path()).string(), text);
      Config config;
      CHECK_FALSE(project.load(config));
    }
}

TEST_CASE("a path in a command that is shown can be pasted, whatever a repository called its folders") {
  CHECK(config::shell_word("/home/me/shop-1.2/.inpod/config.yaml") == "/home/me/shop-1.2/.inpod/config.yaml");
  CHECK(config::shell_word("/r/$(reboot)/.inpod/config.yaml") == "'/r/$(reboot)/.inpod/config.yaml'");
  CHECK(config::shell_word("/r/it's; id") == "'/r/it'\\''s; id'");
  CHECK(config::shell_word("") == "''");
}
