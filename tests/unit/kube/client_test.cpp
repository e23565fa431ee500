// Errors, renewed credentials, pages and watches, against answers that a real server gives only on its worst
// days.
#include "kube/client.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "await.hpp"
#include "canned_server.hpp"
#include "files.hpp"
#include "kube/agent_pod.hpp"
#include "kube/port_forward.hpp"
#include "kube/resolve.hpp"

using namespace inpod;
using namespace inpod::kube;
using inpod::kube::test::await;
using inpod::kube::test::CannedServer;
using inpod::kube::test::Folder;
using inpod::kube::test::TlsIdentity;
using inpod::kube::test::Variable;
using std::chrono::milliseconds;

namespace {

Kubeconfig config_for(const std::string& server) {
  Kubeconfig config;
  config.server = server, config.context = "ctx", config.user = "dev", config.source = "/the/config",
  config.token = "secret-token";
  return config;
}

std::shared_ptr<Client> client_for(boost::asio::io_context& context, const std::string& server) {
  auto client = Client::create(context.get_executor(), config_for(server));
  REQUIRE(client);
  return *client;
}

std::string request_line(const std::string& request) {
  return request.substr(0, request.find("\r\n"));
}

}  // namespace

TEST_CASE("answers become JSON, refusals become errors") {
  CannedServer server([](const std::string& request) {
    if (request_line(request).find("/good") != std::string::npos)
      return CannedServer::reply(200, R"({"kind":"Thing"})");
    if (request_line(request).find("/html") != std::string::npos) return CannedServer::reply(200, "<html>");
    if (request_line(request).find("/pods") != std::string::npos)
      return CannedServer::reply(403,
                                 R"({"message":"User \"dev\" cannot list resource","reason":"Forbidden"})");
    return CannedServer::reply(500, "broken\n");
  });
  boost::asio::io_context context;
  auto config = config_for(server.url());
  config.token.clear();  // else a refusal says that it is not sent without TLS
  const auto client = *Client::create(context.get_executor(), config);
  CHECK((*await(context, client->get("/good")))["kind"] == "Thing");
  CHECK_THAT(server.requests()[0], Catch::Contains("Accept: application/json"));
  const auto forbidden = await(context, client->get("/api/v1/namespaces/shop/pods")).error();
  CHECK(forbidden.code == EACCES);
  CHECK_THAT(forbidden.remedy,
             Catch::Contains(R"(- {apiGroups: [""], resources: ["pods"], verbs: ["list"]})"));
  CHECK_THAT(await(context, client->get("/api/v1/bad")).error().text, Catch::Contains("500: broken"));
  CHECK_THAT(await(context, client->get("/html")).error().text, Catch::Contains("not JSON"));
}

TEST_CASE(
    "agents are Jobs and ephemeral containers; what has ended in a pod, and what is another's, is left out") {
  CannedServer server([](const std::string& request) {
    if (request_line(request).find("/jobs") != std::string::npos)
      return CannedServer::reply(
          200,
          R"({"items":[{"metadata":{"name":"inpod-agent-j","namespace":"shop","labels":{"inpod.dev/session":"j"}}}]})");
    return CannedServer::reply(200, R"({"items":[
      {"metadata":{"name":"inpod-agent-j-x","namespace":"shop","labels":{"inpod.dev/session":"j"}},"status":{"phase":"Running"}},
      {"metadata":{"name":"web-1","namespace":"shop"},"spec":{"ephemeralContainers":[
        {"name":"inpod-agent-e1","targetContainerName":"app","env":[{"name":"INPOD_CLIENT","value":"me@host"}]},
        {"name":"inpod-agent-e2","targetContainerName":"app","env":[{"name":"INPOD_CLIENT","value":"me@host"}]},
        {"name":"inpod-agent-e3","targetContainerName":"app","env":[{"name":"INPOD_CLIENT","value":"other@host"}]},
        {"name":"debugger-1"}]},
       "status":{"phase":"Running","ephemeralContainerStatuses":[
        {"name":"inpod-agent-e1","state":{"running":{"startedAt":"2024-01-01T00:00:00Z"}}},
        {"name":"inpod-agent-e2","state":{"terminated":{"exitCode":0}}},
        {"name":"inpod-agent-e3","state":{"running":{}}},
        {"name":"debugger-1","state":{"running":{}}}]}}]})");
  });
  boost::asio::io_context context;
  const auto client = client_for(context, server.url());
  const auto agents = await(context, list_agents(client, "shop", "me@host"));
  REQUIRE(agents);
  REQUIRE(agents->size() == 2);
  CHECK((*agents)[0].agent.pod == "inpod-agent-j-x");
  const auto& ephemeral = (*agents)[1];
  CHECK(ephemeral.session == "e1");
  CHECK(ephemeral.agent.job == "");
  CHECK(ephemeral.agent.pod == "web-1");
  CHECK(ephemeral.agent.container == "inpod-agent-e1");
  CHECK(ephemeral.target == "pod/web-1/container/app");
  CHECK(ephemeral.state == "Running");
  CHECK_FALSE(ephemeral.finished);
  CHECK(await(context, list_agents(client, "shop", ""))->size() == 3);
}

TEST_CASE("a 401 runs the credential plugin once more, and only once") {
  Folder folder;
  const auto script =
      folder.write("login",
                   "#!/bin/sh\necho x >> " + folder.path("runs") +
                       "\nprintf "
                       "'{\"apiVersion\":\"client.authentication.k8s.io/"
                       "v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t%s\"}}' $(wc -l < " +
                       folder.path("runs") + ")\n",
                   true);
  std::string good = "Bearer t2";
  CannedServer server(
      [&](const std::string& request) {
        return request.find(good) != std::string::npos
                   ? CannedServer::reply(200, "{}")
                   : CannedServer::reply(401, R"({"message":"Unauthorized"})");
      },
      std::make_unique<TlsIdentity>());
  boost::asio::io_context context;
  auto config = config_for(server.url());
  config.authority = server.certificate();
  config.token.clear();
  config.exec.emplace();
  config.exec->api_version = "client.authentication.k8s.io/v1", config.exec->command = script,
  config.exec->interactive_mode = "Never";
  const auto client = *Client::create(context.get_executor(), config);
  CHECK(await(context, client->get("/api/v1/pods")));
  CHECK(server.requests().size() == 2);
  good = "Bearer never";
  const auto error = await(context, client->get("/api/v1/pods")).error();
  CHECK(error.code == EPERM);
  CHECK_THAT(error.text,
             Catch::Contains("401: Unauthorized") && Catch::Contains("user \"dev\" of /the/config"));
  CHECK(server.requests().size() == 4);
}

TEST_CASE("a token goes over TLS alone") {
  const auto answer = [](const std::string& request) {
    return request.find("Authorization: Bearer secret-token") != std::string::npos
               ? CannedServer::reply(200, "{}")
               : CannedServer::reply(401, R"({"message":"Unauthorized"})");
  };
  boost::asio::io_context context;
  SECTION("with it, the server knows us") {
    CannedServer server(answer, std::make_unique<TlsIdentity>());
    auto config = config_for(server.url());
    config.authority = server.certificate();
    CHECK(await(context, (*Client::create(context.get_executor(), config))->get("/version")));
  }
  SECTION("without it, nothing is shown, and the refusal says why") {
    CannedServer server(answer);
    auto config = config_for(server.url());
    config.cluster = "dev-cluster";
    SECTION("a token") {}
    SECTION("a password") {
      config.token.clear(), config.username = "user", config.password = "pass";
    }
    // That name is for the certificate: it makes no TLS of http://.
    SECTION("the certificate's name") {
      config.tls_server_name = "kubernetes";
    }
    const auto client = *Client::create(context.get_executor(), config);
    const auto error = await(context, client->get("/version")).error();
    CHECK_THAT(error.text, Catch::Contains("is http://") && Catch::Contains("user \"dev\" is not sent"));
    CHECK_THAT(error.remedy, Catch::Contains("https://") && Catch::Contains("dev-cluster"));
    const auto stream = await(context, port_forward(client, "shop", "web", 80)).error();
    CHECK_THAT(stream.text, Catch::Contains("is http://"));
    REQUIRE(server.requests().size() == 2);
    for (const auto& request : server.requests()) CHECK_THAT(request, !Catch::Contains("Authorization"));
  }
}

TEST_CASE("a redirect is not followed, so that no token goes with it") {
  CannedServer elsewhere([](const std::string&) { return CannedServer::reply(200, "{}"); });
  const int status = GENERATE(301, 302, 307, 308);
  CannedServer server(
      [&](const std::string& request) {
        return CannedServer::reply(
            status, "{}", "Location: " + elsewhere.url() + request_line(request).substr(4, 8) + "\r\n");
      },
      std::make_unique<TlsIdentity>());
  boost::asio::io_context context;
  auto config = config_for(server.url());
  config.authority = server.certificate();
  const auto client = *Client::create(context.get_executor(), config);
  CHECK_THAT(await(context, client->get("/version")).error().text, Catch::Contains("redirects"));
  CHECK_FALSE(await(context, port_forward(client, "shop", "web", 80)));
  auto watch = await(context, client->watch("/version"));
  REQUIRE(watch);
  CHECK_FALSE(await(context, (*watch)->next(milliseconds(5000))));
  CHECK(elsewhere.requests().empty());
}

TEST_CASE("a proxy on the way to TLS gets no token") {
  CannedServer proxy([](const std::string&) { return CannedServer::reply(403, "{}"); });
  boost::asio::io_context context;
  auto config = config_for("https://api.example");
  config.proxy = proxy.url();
  const auto client = *Client::create(context.get_executor(), config);
  CHECK_FALSE(await(context, client->get("/version")));
  CHECK_FALSE(await(context, port_forward(client, "shop", "web", 80)));
  REQUIRE(proxy.requests().size() == 2);
  for (const auto& request : proxy.requests())
    CHECK_THAT(request, Catch::StartsWith("CONNECT api.example:443 ") && !Catch::Contains("secret-token"));
}

TEST_CASE("a password in the server's URL is refused, and not shown") {
  boost::asio::io_context context;
  const auto error =
      Client::create(context.get_executor(), config_for("http://user:word@127.0.0.1:1")).error().to_string();
  CHECK_THAT(error, Catch::Contains("holds a user name or a password") && !Catch::Contains("word@"));
}

TEST_CASE("a server that isn't there, or isn't one, is named") {
  boost::asio::io_context context;
  const auto refused = await(context, client_for(context, "http://127.0.0.1:1")->get("/version")).error();
  CHECK(refused.code == ECONNREFUSED);
  CHECK_THAT(refused.text, Catch::Contains("http://127.0.0.1:1"));
  CHECK_THAT(refused.remedy, Catch::Contains("context \"ctx\""));
  CHECK(await(context, client_for(context, "http://no-such-host.invalid:1")->get("/version")).error().code ==
        EHOSTUNREACH);
  CHECK(await(context, port_forward(client_for(context, "http://127.0.0.1:1"), "a", "b", 1)).error().code ==
        ECONNREFUSED);
  CHECK_THAT(Client::create(context.get_executor(), config_for("https://host:notaport")).error().text,
             Catch::Contains("is no URL"));
}

TEST_CASE("pages of a list are put together") {
  CannedServer server([](const std::string& request) {
    const auto line = request_line(request);
    if (line.find("continue=a%2Fb") != std::string::npos)
      return CannedServer::reply(200, R"({"items":[{"n":2}],"metadata":{}})");
    return CannedServer::reply(200, R"({"items":[{"n":0},{"n":1}],"metadata":{"continue":"a/b"}})");
  });
  boost::asio::io_context context;
  const auto items = await(context, client_for(context, server.url())->list("/api/v1/pods?labelSelector=x"));
  REQUIRE(items);
  REQUIRE(items->size() == 3);
  CHECK((*items)[2]["n"] == 2);
  CHECK_THAT(server.requests()[0], Catch::StartsWith("GET /api/v1/pods?labelSelector=x&limit=500 "));
}

TEST_CASE("watches: lines, their end, errors in the stream, silence") {
  boost::asio::io_context context;
  std::string answer;
  CannedServer server([&](const std::string&) { return answer; });
  const auto client = client_for(context, server.url());
  const auto open = [&] { return std::move(*await(context, client->watch("/api/v1/pods"))); };

  answer =
      "HTTP/1.1 200 OK\r\nConnection: "
      "close\r\n\r\n{\"type\":\"ADDED\",\"object\":{\"n\":1}}\n{\"type\":\"DELETED\",\"object\":{\"n\":2}}\n";
  auto watch = open();
  auto first = await(context, watch->next(milliseconds(5000)));
  REQUIRE(first);
  CHECK((*first)->type == "ADDED");
  CHECK((*first)->object["n"] == 1);
  CHECK((*await(context, watch->next(milliseconds(5000))))->type == "DELETED");
  const auto end = await(context, watch->next(milliseconds(5000)));
  REQUIRE(end);
  CHECK_FALSE(end->has_value());
  CHECK_THAT(server.requests()[0], Catch::StartsWith("GET /api/v1/pods?watch=1 "));

  answer =
      CannedServer::reply(200, "{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"too old\"}}\n");
  CHECK(await(context, open()->next(milliseconds(5000))).error().code == ESTALE);
  answer = CannedServer::reply(403, R"({"message":"User \"dev\" cannot watch resource \"pods\""})");
  CHECK_THAT(await(context, open()->next(milliseconds(5000))).error().remedy,
             Catch::Contains("verbs: [\"watch\"]"));
  answer = CannedServer::reply(200, "nonsense\n");
  CHECK_THAT(await(context, open()->next(milliseconds(5000))).error().text, Catch::Contains("not JSON"));
  answer.clear();
  watch = open();
  CHECK(await(context, watch->next(milliseconds(100))).error().code == ETIMEDOUT);
}

TEST_CASE("a cancelled request ends at once") {
  CannedServer server([](const std::string&) { return std::string(); });
  boost::asio::io_context context;
  const auto client = client_for(context, server.url());
  boost::asio::cancellation_signal signal;
  boost::asio::steady_timer timer(context, milliseconds(100));
  timer.async_wait([&](auto) { signal.emit(boost::asio::cancellation_type::terminal); });
  bool ended = false;
  const auto begun = std::chrono::steady_clock::now();
  boost::asio::co_spawn(
      context, client->get("/api/v1/pods"),
      boost::asio::bind_cancellation_slot(
          signal.slot(), [&](std::exception_ptr thrown, Result<json>) { ended = thrown != nullptr; }));
  context.run_for(std::chrono::seconds(10));
  CHECK(ended);
  CHECK((std::chrono::steady_clock::now() - begun < std::chrono::seconds(5)));
}

TEST_CASE("requests at the same time all end when the server closes each connection") {
  CannedServer server([](const std::string&) { return CannedServer::reply(200, "{}"); });
  boost::asio::io_context context;
  const auto client = client_for(context, server.url());
  int ended = 0;
  for (int i = 0; i < 12; ++i) {
    boost::asio::co_spawn(
        context, client->get("/api/v1/pods"),
        [&](std::exception_ptr thrown, Result<json> answer) { ended += !thrown && answer; });
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (ended < 12 && std::chrono::steady_clock::now() < end &&
         context.run_one_for(std::chrono::seconds(10)) > 0) {
  }
  CHECK(ended == 12);
}

TEST_CASE("an http proxy gets the whole request; loopback goes around the environment's proxy") {
  boost::asio::io_context context;
  CannedServer proxy([](const std::string&) { return CannedServer::reply(200, R"({"via":"proxy"})"); });
  auto config = config_for("http://api.example");
  config.proxy = proxy.url();
  const auto client = *Client::create(context.get_executor(), config);
  CHECK((*await(context, client->get("/version")))["via"] == "proxy");
  CHECK_THAT(proxy.requests()[0], Catch::StartsWith("GET http://api.example/version "));

  CannedServer direct([](const std::string&) { return CannedServer::reply(200, R"({"via":"direct"})"); });
  Variable environment("http_proxy", proxy.url());
  CHECK((*await(context, client_for(context, direct.url())->get("/version")))["via"] == "direct");
  auto other = config_for("http://api.example");
  CHECK((*await(context, (*Client::create(context.get_executor(), other))->get("/version")))["via"] ==
        "proxy");
}

TEST_CASE("a lost network, a login page and a failing plugin are no missing pod") {
  CannedServer page([](const std::string&) { return CannedServer::reply(200, "<html>log in"); });
  boost::asio::io_context context;
  auto plugin = config_for("https://127.0.0.1:1");
  plugin.token.clear();
  plugin.exec.emplace();
  plugin.exec->api_version = "client.authentication.k8s.io/v1", plugin.exec->command = "inpod-no-such-plugin";
  for (const auto& config : {config_for("http://no-such-host.invalid:1"), config_for("http://127.0.0.1:1"),
                             config_for(page.url()), plugin}) {
    INFO(config.server << " " << config.exec.has_value());
    const auto client = *Client::create(context.get_executor(), config);
    const auto agent = await(context, check_agent(client, AgentPod{"shop", "agent", "agent", "job", 1}));
    REQUIRE_FALSE(agent);
    CHECK(agent.error().code != ENOENT);
    CHECK(agent.error().code != 0);
    const auto target = await(context, resolve_target(client, *parse_target("deployment/web"), "shop"));
    REQUIRE_FALSE(target);
    CHECK(target.error().text.find("no deployment") == std::string::npos);
  }
}

TEST_CASE("an agent's start goes on with a new watch when the one it had breaks") {
  std::atomic<int> watches{0};
  CannedServer server([&](const std::string& request) {
    if (request.find("watch=1") == std::string::npos) return CannedServer::reply(201, "{}");
    if (++watches == 1)
      return std::string(
          "HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n");  // and no more
    return CannedServer::reply(200, R"({"type":"DELETED","object":{"metadata":{"name":"seen"}}})"
                                    "\n");
  });
  boost::asio::io_context context;
  AgentRequest request;
  request.session = "abcdefgh12", request.client = "dev@laptop", request.namespace_ = "shop",
  request.start_record = "record";
  request.config.image = "agent:1", request.config.startup_seconds = 15;
  const auto agent = await(context, start_agent(client_for(context, server.url()), request));
  REQUIRE_FALSE(agent);
  CHECK_THAT(agent.error().text, Catch::Contains("pod seen was deleted"));
  CHECK(watches >= 2);
}

TEST_CASE("impersonation") {
  CannedServer server([](const std::string&) { return CannedServer::reply(200, "{}"); });
  boost::asio::io_context context;
  auto config = config_for(server.url());
  config.impersonate_user = "boss", config.impersonate_uid = "7", config.impersonate_groups = {"a", "b"};
  config.impersonate_extra = {{"example.com/reason", {"x"}}};
  const auto client = *Client::create(context.get_executor(), config);
  REQUIRE(await(context, client->get("/version")));
  CHECK_THAT(server.requests()[0],
             Catch::Contains("Impersonate-User: boss") && Catch::Contains("Impersonate-Group: a") &&
                 Catch::Contains("Impersonate-Group: b") && Catch::Contains("Impersonate-Uid: 7") &&
                 Catch::Contains("Impersonate-Extra-example.com%2Freason: x"));
}
