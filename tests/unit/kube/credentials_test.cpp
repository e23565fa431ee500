// Credential plugins are real scripts here.
#include "kube/credentials.hpp"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "files.hpp"
#include "kube/file_limit.hpp"
#include "kube/gather.hpp"
#include "kube/program.hpp"

using namespace inpod;
using namespace inpod::kube;
using inpod::kube::test::Folder;

namespace {

template <class T>
T await(protocol::Task<T> task) {
  boost::asio::io_context context;
  std::optional<T> result;
  boost::asio::co_spawn(context, std::move(task), [&](std::exception_ptr thrown, T value) {
    if (thrown) std::rethrow_exception(thrown);
    result = std::move(value);
  });
  context.run_for(std::chrono::seconds(20));
  REQUIRE(result);
  return std::move(*result);
}

template <class T>
T await_on(boost::asio::io_context& context, protocol::Task<T> task) {
  std::optional<T> result;
  boost::asio::co_spawn(context, std::move(task), [&](std::exception_ptr thrown, T value) {
    if (thrown) std::rethrow_exception(thrown);
    result = std::move(value);
  });
  context.restart();
  context.run_for(std::chrono::seconds(20));
  REQUIRE(result);
  return std::move(*result);
}

constexpr auto v1 = "client.authentication.k8s.io/v1";

Kubeconfig with_plugin(const std::string& command) {
  Kubeconfig config;
  config.server = "https://x.example", config.user = "dev", config.source = "/the/config";
  config.exec.emplace();
  config.exec->api_version = v1, config.exec->command = command, config.exec->interactive_mode = "Never";
  return config;
}

std::string answer(const std::string& status) {
  return R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":)" + status +
         "}";
}

Error get_error(const Kubeconfig& config) {
  boost::asio::io_context context;
  Credentials credentials(context.get_executor(), config);
  auto identity = await_on(context, credentials.get());
  REQUIRE_FALSE(identity);
  return identity.error();
}

protocol::Task<Result<Identity>> get(Credentials& credentials) {
  co_return co_await credentials.get();
}

}  // namespace

TEST_CASE("a plugin's token is used until it expires, then the plugin runs again") {
  Folder folder;
  // Each run counts itself and gives a token of that number; the first expires at once, the second never.
  const auto script = folder.write("login",
                                   "#!/bin/sh\ncd " + folder.path() +
                                       "\necho x >> runs\nn=$(wc -l < runs)\nexpires=2001-01-01T00:00:00Z\n[ "
                                       "$n = 1 ] || expires=2101-01-01T00:00:00+01:00\n" +
                                       "printf '{\"apiVersion\":\"" + v1 +
                                       "\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t%s\","
                                       "\"expirationTimestamp\":\"%s\"}}' $n $expires\n",
                                   true);
  boost::asio::io_context context;
  Credentials credentials(context.get_executor(), with_plugin(script));
  CHECK(await_on(context, credentials.get())->authorization == "Bearer t1");
  const auto second = await_on(context, credentials.get());
  CHECK(second->authorization == "Bearer t2");
  CHECK(await_on(context, credentials.get())->authorization == "Bearer t2");

  SECTION("and when the server refuses it") {
    CHECK(credentials.renew(*second));
    CHECK(await_on(context, credentials.get())->authorization == "Bearer t3");
    CHECK(credentials.renew(*second));  // an old refusal doesn't throw the new token away
    CHECK(await_on(context, credentials.get())->authorization == "Bearer t3");
  }
}

TEST_CASE("callers at the same time share one run of the plugin") {
  Folder folder;
  const auto script = folder.write("login",
                                   "#!/bin/sh\necho x >> " + folder.path("runs") + "\nsleep 0.3\necho '" +
                                       answer(R"({"token":"t"})") + "'\n",
                                   true);
  boost::asio::io_context context;
  Credentials credentials(context.get_executor(), with_plugin(script));
  std::vector<protocol::Task<Result<Identity>>> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(get(credentials));
  const auto all = await_on(context, gather(std::move(tasks)));
  REQUIRE(all.size() == 4);
  for (const auto& identity : all) CHECK(identity->authorization == "Bearer t");
  CHECK(folder.read("runs") == "x\n");
}

TEST_CASE("a plugin gets its arguments, its environment and the cluster") {
  Folder folder;
  const auto script = folder.write(
      "login",
      "#!/bin/sh\nprintf '%s\\n' \"$1\" \"$MORE\" \"$KUBERNETES_EXEC_INFO\" > " + folder.path("seen") +
          "\necho '" + answer(R"({"clientCertificateData":"cert","clientKeyData":"key"})") + "'\n",
      true);
  auto config = with_plugin(script);
  config.exec->arguments = {"an argument"};
  config.exec->environment["MORE"] = "a value";
  config.exec->provide_cluster_info = true;
  config.authority = "ca", config.exec_cluster_config = R"({"audience":"x"})";
  boost::asio::io_context context;
  Credentials credentials(context.get_executor(), config);
  const auto identity = await_on(context, credentials.get());
  CHECK(identity->certificate == "cert");
  CHECK(identity->key == "key");
  CHECK(identity->authorization.empty());
  const auto seen = folder.read("seen");
  CHECK_THAT(seen, Catch::StartsWith("an argument\na value\n{"));
  const auto info = nlohmann::json::parse(seen.substr(seen.find('{')));
  CHECK(info["kind"] == "ExecCredential");
  CHECK(info["spec"]["interactive"] == false);
  CHECK(info["spec"]["cluster"]["server"] == "https://x.example");
  CHECK(info["spec"]["cluster"]["certificate-authority-data"] == "Y2E=");
  CHECK(info["spec"]["cluster"]["config"]["audience"] == "x");
}

TEST_CASE("what is wrong with a plugin is said") {
  Folder folder;
  auto missing = with_plugin("inpod-no-such-plugin");
  missing.exec->install_hint = "install it from there";
  CHECK_THAT(get_error(missing).text, Catch::Contains("credential plugin \"inpod-no-such-plugin\"") &&
                                          Catch::Contains("No such file"));
  CHECK(get_error(missing).remedy == "install it from there");
  CHECK_THAT(get_error(with_plugin(folder.write(
                           "fails", "#!/bin/sh\necho noise >&2\necho 'please log in' >&2\nexit 7\n", true)))
                 .text,
             Catch::Contains("exit code 7: please log in"));
  CHECK_THAT(get_error(with_plugin(folder.write("text", "#!/bin/sh\necho hello\n", true))).text,
             Catch::Contains("it printed no JSON object"));
  auto terminal = with_plugin("true");
  terminal.exec->interactive_mode = "Always";
  if (!isatty(0)) CHECK_THAT(get_error(terminal).text, Catch::Contains("needs a terminal"));
}

TEST_CASE("a plugin's answer is checked") {
  CHECK(parse_exec_credential(answer(R"({"token":"t"})"), v1)->token == "t");
  const auto error = [](const std::string& text) { return parse_exec_credential(text, v1).error().text; };
  CHECK_THAT(error("[]"), Catch::Contains("no JSON object"));
  CHECK_THAT(error(R"({"kind":"Pod"})"), Catch::Contains("a \"Pod\""));
  CHECK_THAT(error(R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"})"),
             Catch::Contains("v1beta1"));
  CHECK_THAT(error(R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"})"),
             Catch::Contains("no status"));
  CHECK_THAT(error(answer("{}")), Catch::Contains("neither a token nor"));
  CHECK_THAT(error(answer(R"({"clientKeyData":"k","token":"t"})")), Catch::Contains("only one of"));
  CHECK_THAT(error(answer(R"({"token":"t","expirationTimestamp":"tomorrow"})")), Catch::Contains("no time"));
}

TEST_CASE("tokens of files are read anew; passwords") {
  Folder folder;
  Kubeconfig config;
  config.server = "https://x.example";
  config.token_file = folder.write("token", "first\n");
  boost::asio::io_context context;
  Credentials credentials(context.get_executor(), config);
  const auto first = await_on(context, credentials.get());
  CHECK(first->authorization == "Bearer first");
  CHECK_FALSE(credentials.renew(*first));
  folder.write("token", "second");
  CHECK(credentials.renew(*first));
  CHECK(await_on(context, credentials.get())->authorization == "Bearer second");
  config.token_file = folder.path("gone");
  CHECK_THAT(get_error(config).text, Catch::Contains("gone"));

  Kubeconfig basic;
  basic.server = "https://x.example";
  basic.username = "user", basic.password = "pass";
  Credentials passwords(context.get_executor(), basic);
  CHECK(await_on(context, passwords.get())->authorization == "Basic dXNlcjpwYXNz");
}

TEST_CASE("a user who logs in anew in mid-session is known from then on") {
  Folder folder;
  const auto write = [&](const std::string& user, const std::string& server = "https://x.example") {
    return folder.write("config", "current-context: other\nclusters: [{name: c, cluster: {server: '" +
                                      server +
                                      "'}}]\ncontexts: [{name: one, context: {cluster: c, user: dev}}]\n"
                                      "users: [{name: dev, user: " +
                                      user + "}]\n");
  };
  const auto config = load_kubeconfig({write("{token: first}"), "one", ""});
  REQUIRE(config);
  boost::asio::io_context context;
  Credentials credentials(context.get_executor(), *config);
  const auto first = await_on(context, credentials.get());
  REQUIRE(first->authorization == "Bearer first");
  CHECK_FALSE(credentials.renew(*first));  // nothing has changed
  SECTION("another token") {
    write("{token: second}");
    CHECK(credentials.renew(*first));
    CHECK(await_on(context, credentials.get())->authorization == "Bearer second");
  }
  SECTION("a file") {
    write("{tokenFile: '" + folder.write("token", "third\n") + "'}");
    CHECK(credentials.renew(*first));
    CHECK(await_on(context, credentials.get())->authorization == "Bearer third");
  }
  SECTION("a plugin") {
    const auto script =
        folder.write("login", "#!/bin/sh\necho '" + answer(R"({"token":"fourth"})") + "'\n", true);
    write("{exec: {apiVersion: client.authentication.k8s.io/v1, command: '" + script +
          "', interactiveMode: Never}}");
    CHECK(credentials.renew(*first));
    CHECK(await_on(context, credentials.get())->authorization == "Bearer fourth");
  }
  SECTION("no token goes to another server") {
    write("{token: second}", "https://y.example");
    CHECK_FALSE(credentials.renew(*first));
    CHECK(await_on(context, credentials.get())->authorization == "Bearer first");
  }
  SECTION("a file that is being written is no reason to stop") {
    folder.write("config", "users: [");
    CHECK_FALSE(credentials.renew(*first));
    CHECK(await_on(context, credentials.get())->authorization == "Bearer first");
  }
  CHECK_THAT(credentials.explain_refusal(Error{EPERM, "401", {}}, 401).text,
             Catch::Contains("user \"dev\" of " + folder.path("config") + ", which was read again"));
}

TEST_CASE("what proves who we are is not for a server without TLS, and no plugin is run for it") {
  Folder folder;
  auto config = with_plugin(
      folder.write("login",
                   "#!/bin/sh\ntouch " + folder.path("ran") + "\necho '" +
                       answer(R"({"token":"t","clientCertificateData":"c","clientKeyData":"k"})") + "'\n",
                   true));
  config.server = GENERATE("http://x.example", "http://127.0.0.1:8001", "http://[::1]:8001/prefix", "");
  SECTION("a plugin") {}
  SECTION("a token") {
    config.token = "t";
  }
  SECTION("a token's file") {
    config.token_file = folder.write("token", "t\n");
  }
  SECTION("a password") {
    config.username = "user", config.password = "pass";
  }
  boost::asio::io_context context;
  Credentials credentials(context.get_executor(), config);
  const auto identity = await_on(context, credentials.get());
  REQUIRE(identity);
  CHECK(*identity == Identity{});
  CHECK_FALSE(credentials.renew(*identity));
  CHECK_FALSE(std::filesystem::exists(folder.path("ran")));
  CHECK_THAT(credentials.explain_refusal(Error{EPERM, "401", {}}, 401).text,
             Catch::Contains("is http://") && Catch::Contains("user \"dev\" is not sent"));
  CHECK(credentials.explain_refusal(Error{ENOENT, "404", {}}, 404).text == "404");
}

TEST_CASE("programs: output, exit codes, signals, deadlines, bounded output") {
  const auto run = [](const std::string& script, int milliseconds = 10000) {
    Program program;
    program.command = {"sh", "-c", script};
    program.timeout = std::chrono::milliseconds(milliseconds);
    return await(run_program(program));
  };
  const auto both = run("echo out; echo err >&2; exit 3");
  CHECK(both->output == "out\n");
  CHECK(both->errors == "err\n");
  CHECK(both->exit_code == 3);
  CHECK(run("kill -9 $$")->exit_code == 137);
  CHECK(run("cat")->output.empty());  // stdin is /dev/null
  const auto begun = std::chrono::steady_clock::now();
  CHECK(run("sleep 30", 200).error().code == ETIMEDOUT);
  CHECK((std::chrono::steady_clock::now() - begun < std::chrono::seconds(5)));
  CHECK(run("head -c 3000000 /dev/zero")->output.size() == 1 << 20);
  const int open_here[2] = {dup2(0, 77), dup2(0, 5000)};
  CHECK(run("ls /proc/self/fd")->output == "0\n1\n2\n3\n");  // 3: ls's own
  for (const int fd : open_here) close(fd);
}

TEST_CASE("programs have the user's limit of open files") {
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = 512;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  raise_file_limit();
  Program program;
  program.command = {"sh", "-c", "ulimit -Sn"};
  program.timeout = std::chrono::seconds(10);
  CHECK(await(run_program(program))->output == "512\n");
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(limit.rlim_cur > 512);
}
