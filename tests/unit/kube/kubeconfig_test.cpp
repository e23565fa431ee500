#include "kube/kubeconfig.hpp"

#include "files.hpp"
#include "protocol/base64.hpp"

using namespace inpod;
using namespace inpod::kube;
using inpod::kube::test::Folder;
using inpod::kube::test::Variable;

namespace {

std::string config_text(const std::string& name, const std::string& user,
                        const std::string& cluster_more = "") {
  return "apiVersion: v1\nkind: Config\ncurrent-context: " + name + "\ncontexts:\n- name: " + name +
         "\n  context: {cluster: " + name + ", user: " + name + ", namespace: ns-" + name +
         "}\nclusters:\n- name: " + name + "\n  cluster: {server: 'https://" + name + ".example:6443/'" +
         cluster_more + "}\nusers:\n- name: " + name + "\n  user: " + user + "\n";
}

Kubeconfig load(const KubeconfigOptions& options) {
  auto config = load_kubeconfig(options);
  if (!config) FAIL(config.error().to_string());
  return *config;
}

Error error_of(const KubeconfigOptions& options) {
  auto config = load_kubeconfig(options);
  REQUIRE_FALSE(config);
  return config.error();
}

}  // namespace

TEST_CASE("one file: context, cluster and user") {
  Folder folder;
  const auto path = folder.write("config", config_text("one", "{token: secret}"));
  const auto config = load({path, "", ""});
  CHECK(config.context == "one");
  CHECK(config.server == "https://one.example:6443");
  CHECK(config.namespace_ == "ns-one");
  CHECK(config.token == "secret");
  CHECK(config.source == path);
  CHECK(load({path, "one", "other"}).namespace_ == "other");
}

TEST_CASE("KUBECONFIG with several files: the first wins, missing ones are passed over") {
  Folder folder;
  const auto first =
      folder.write("a/config", "current-context: two\nusers:\n- {name: two, user: {token: from-a}}\n");
  const auto second = folder.write("b/config", config_text("two", "{token: from-b}"));
  const auto third = folder.write("c/config", config_text("three", "{token: from-c}"));
  Variable variable("KUBECONFIG", folder.path("none") + ":" + first + "::" + second + ":" + third);
  const auto config = load({});
  CHECK(config.context == "two");
  CHECK(config.token == "from-a");
  CHECK(config.server == "https://two.example:6443");
  CHECK(load({"", "three", ""}).token == "from-c");

  SECTION("none of them exists") {
    Variable gone("KUBECONFIG", folder.path("x") + ":" + folder.path("y"));
    const auto error = error_of({});
    CHECK_THAT(error.text, Catch::Contains("no file of KUBECONFIG="));
    CHECK(error.code == ENOENT);
  }
}

TEST_CASE("certificates: relative to their own file, or inline") {
  Folder folder;
  folder.write("b/ca.pem", "the authority\n");
  folder.write("b/client.pem", "the certificate");
  const auto path = folder.write(
      "b/config",
      config_text("x", "{client-certificate: client.pem, client-key-data: " + encode_base64("the key") + "}",
                  ", certificate-authority: ca.pem, tls-server-name: api.internal"));
  const auto config = load({path, "", ""});
  CHECK(config.authority == "the authority");
  CHECK(config.client_certificate == "the certificate");
  CHECK(config.client_key == "the key");
  CHECK(config.tls_server_name == "api.internal");

  const auto broken = folder.write("broken", config_text("x", "{client-certificate: none.pem}"));
  CHECK_THAT(error_of({broken, "", ""}).text, Catch::Contains("users.x.client-certificate") &&
                                                  Catch::Contains("none.pem") &&
                                                  Catch::Contains("No such file"));
  const auto half = folder.write("half", config_text("x", "{client-key-data: aGk=}"));
  CHECK_THAT(error_of({half, "", ""}).text, Catch::Contains("key without its certificate"));
  const auto bad = folder.write("bad", config_text("x", "{client-key-data: '***'}"));
  CHECK_THAT(error_of({bad, "", ""}).text, Catch::Contains("users.x.client-key-data is not base64"));
}

TEST_CASE("tokens, passwords, impersonation, proxies") {
  Folder folder;
  const auto path = folder.write(
      "config", config_text("x",
                            "{tokenFile: tok, username: u, password: p, as: boss, as-uid: '7', as-groups: "
                            "[a, b], as-user-extra: {reason: [x, y]}}",
                            ", proxy-url: 'socks5://proxy:1080', insecure-skip-tls-verify: true"));
  const auto config = load({path, "", ""});
  CHECK(config.token_file == folder.path("tok"));
  CHECK(config.username == "u");
  CHECK(config.password == "p");
  CHECK(config.impersonate_user == "boss");
  CHECK(config.impersonate_uid == "7");
  CHECK(config.impersonate_groups == std::vector<std::string>{"a", "b"});
  CHECK(config.impersonate_extra == std::map<std::string, std::vector<std::string>>{{"reason", {"x", "y"}}});
  CHECK(config.proxy == "socks5://proxy:1080");
  CHECK(config.insecure);
  const auto ftp = folder.write("ftp", config_text("x", "{}", ", proxy-url: 'ftp://proxy'"));
  CHECK_THAT(error_of({ftp, "", ""}).text, Catch::Contains("clusters.x.proxy-url"));
}

TEST_CASE("exec plugins") {
  Folder folder;
  const auto path = folder.write(
      "config",
      config_text(
          "x",
          R"({exec: {apiVersion: client.authentication.k8s.io/v1, command: ./bin/login, args: [--region, "1"], env: [{name: A, value: b}],
      installHint: get it, interactiveMode: Never, provideClusterInfo: true}})",
          ", extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: x, n: 3, s: "
          "'3'}}]"));
  const auto config = load({path, "", ""});
  REQUIRE(config.exec);
  CHECK(config.exec->command == folder.path("bin/login"));
  CHECK(config.exec->arguments == std::vector<std::string>{"--region", "1"});
  CHECK(config.exec->environment.at("A") == "b");
  CHECK(config.exec->install_hint == "get it");
  CHECK(config.exec->interactive_mode == "Never");
  CHECK(config.exec->provide_cluster_info);
  CHECK(config.exec_cluster_config == R"({"audience":"x","n":3,"s":"3"})");
  const auto alpha = folder.write(
      "alpha",
      config_text("x", "{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: login}}"));
  CHECK_THAT(error_of({alpha, "", ""}).text,
             Catch::Contains("v1alpha1") && Catch::Contains("users.x.exec.apiVersion"));
}

TEST_CASE("an auth-provider is refused with the way out") {
  Folder folder;
  const auto path = folder.write("config", config_text("x", "{auth-provider: {name: gcp, config: {}}}"));
  const auto error = error_of({path, "", ""});
  CHECK_THAT(error.text, Catch::Contains("auth-provider \"gcp\""));
  CHECK_THAT(error.remedy, Catch::Contains("gke-gcloud-auth-plugin"));
}

TEST_CASE("errors of files name file, line and place") {
  Folder folder;
  const auto missing = error_of({folder.path("none"), "", ""});
  CHECK(missing.code == ENOENT);
  CHECK_THAT(missing.text, Catch::Contains(folder.path("none")));

  const auto broken = folder.write("broken", "apiVersion: v1\nclusters: [\nusers: }\n");
  CHECK_THAT(error_of({broken, "", ""}).text, Catch::StartsWith(broken + ":3: not valid YAML"));
  CHECK_THAT(error_of({folder.write("text", "just words"), "", ""}).text,
             Catch::Contains("must be a kubeconfig"));
  const auto list = folder.write("list", "current-context: x\ncontexts:\n- name: x\n  context: [1]\n");
  CHECK_THAT(error_of({list, "", ""}).text, Catch::Contains(list + ":4: contexts.x must be a map"));
  CHECK_THAT(error_of({folder.write("server",
                                    "current-context: x\ncontexts: [{name: x, context: {cluster: "
                                    "x}}]\nclusters: [{name: x, cluster: {server: 'ftp://x'}}]\n"),
                       "", ""})
                 .text,
             Catch::Contains("not an http or https URL"));
  CHECK_THAT(error_of({folder.write("empty", ""), "", ""}).text, Catch::Contains("names no cluster"));
}

TEST_CASE("a namespace that Kubernetes would not take is refused, wherever it stands") {
  Folder folder;
  const auto good = folder.write("good", config_text("production", "{}"));
  for (const char* name : {"..", ".", "a/b", "a.b", "A", "-a", "a-", "a%2e", "a b"}) {
    INFO(name);
    CHECK_THAT(error_of({good, "", name}).text,
               Catch::Contains("namespace \"" + std::string(name) + "\": Kubernetes takes no such name"));
    const auto path = folder.write(
        "bad", "current-context: x\ncontexts: [{name: x, context: {cluster: c, namespace: '" +
                   std::string(name) + "'}}]\nclusters: [{name: c, cluster: {server: 'https://x'}}]\n");
    CHECK_THAT(error_of({path, "", ""}).text, Catch::Contains("of context \"x\" in " + path));
    CHECK(load_kubeconfig({path, "", "shop"}));
  }
}

TEST_CASE("errors of contexts list what there is") {
  Folder folder;
  const auto path = folder.write("config", config_text("production", "{}"));
  const auto error = error_of({path, "prodution", ""});
  CHECK_THAT(error.text, Catch::Contains("no context \"prodution\""));
  CHECK_THAT(error.remedy, Catch::Contains("did you mean \"production\"?"));
  const auto cluster = folder.write("cluster",
                                    "current-context: x\ncontexts: [{name: x, context: {cluster: gone, user: "
                                    "u}}]\nclusters: [{name: here, cluster: {server: 'https://x'}}]\n");
  CHECK_THAT(error_of({cluster, "", ""}).text, Catch::Contains("names cluster \"gone\""));
  const auto none = folder.write("none", "contexts: [{name: x, context: {cluster: gone}}]\n");
  CHECK_THAT(error_of({none, "", ""}).remedy, Catch::Contains("use-context"));
}

TEST_CASE("no configuration at all") {
  Folder folder;
  Variable config("KUBECONFIG", ""), home("HOME", folder.path()), host("KUBERNETES_SERVICE_HOST", "");
  const auto error = error_of({});
  CHECK_THAT(error.text, Catch::Contains("no Kubernetes configuration"));
  CHECK_THAT(error.remedy, Catch::Contains("local:PID"));
  folder.write(".kube/config", config_text("home", "{}"));
  CHECK(load({}).context == "home");
}
