// The loader's ConfigMap: made once, shared, and never taken for ours by its name alone.
#include "kube/loader.hpp"

#include "await.hpp"
#include "canned_server.hpp"

using namespace inpod;
using namespace inpod::kube;
using inpod::kube::test::await;
using inpod::kube::test::CannedServer;

namespace {

/// As the server stores it.
json stored(const std::string& uid = "u1") {
  auto object = loader_manifest("shop");
  object["metadata"]["uid"] = uid;
  return object;
}

json with_other_program() {
  auto object = stored();
  object["binaryData"][loader_file] = "ZXZpbA==";
  return object;
}

std::string refusal(int status, const std::string& reason, const std::string& verb = "get") {
  const auto message = "User \"dev\" cannot " + verb + " resource \"configmaps\"";
  return CannedServer::reply(status, json{{"message", message}, {"reason", reason}}.dump());
}

/// Gives one answer after the other.
CannedServer::Answer in_turn(std::vector<std::string> answers) {
  return [answers = std::move(answers), next = std::size_t{0}](const std::string&) mutable {
    return next < answers.size() ? answers[next++] : CannedServer::reply(500, "one request too many");
  };
}

struct Server {
  explicit Server(std::vector<std::string> answers) : canned(in_turn(std::move(answers))) {
    Kubeconfig config;
    config.server = canned.url();
    client = *Client::create(context.get_executor(), config);
  }
  Result<std::string> place() { return await(context, place_loader(client, "shop")); }
  Result<void> check(const std::string& uid) { return await(context, check_loader(client, "shop", uid)); }

  CannedServer canned;
  boost::asio::io_context context;
  std::shared_ptr<Client> client;
};

std::string found(const json& object) {
  return CannedServer::reply(200, object.dump());
}

}  // namespace

TEST_CASE("the loader's ConfigMap is immutable, ours by its label, and named by what is in it") {
  const auto made = loader_manifest("shop");
  CHECK(made["immutable"] == true);
  CHECK(made["metadata"]["name"] == loader_name());
  CHECK(made["metadata"]["namespace"] == "shop");
  CHECK(made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "inpod");
  CHECK(loader_name().size() == std::string("inpod-loader-").size() + 16);
  CHECK(made["binaryData"][loader_file].get<std::string>().rfind("f0VMR", 0) == 0);  // "\x7fELF"
  CHECK(made.dump().size() < 64 << 10);
}

TEST_CASE("a ConfigMap that is there is used when it is ours, made when it is not there") {
  {
    Server server({found(stored())});
    CHECK(*server.place() == "u1");
    CHECK(server.canned.requests().size() == 1);
  }
  {
    Server server({refusal(404, "NotFound"), found(stored("u2"))});
    CHECK(*server.place() == "u2");
    CHECK(server.canned.requests().at(1).rfind("POST /api/v1/namespaces/shop/configmaps ", 0) == 0);
  }
  {
    INFO("another launch was faster");
    Server server({refusal(404, "NotFound"), refusal(409, "AlreadyExists"), found(stored("u3"))});
    CHECK(*server.place() == "u3");
  }
  {
    INFO("it comes and goes");
    Server server({refusal(404, "NotFound"), refusal(409, "AlreadyExists"), refusal(404, "NotFound"),
                   refusal(409, "AlreadyExists"), refusal(404, "NotFound"), refusal(409, "AlreadyExists")});
    CHECK_THAT(server.place().error().text, Catch::Contains("again and again"));
  }
}

TEST_CASE("a ConfigMap of the loader's name that somebody else planted is refused") {
  {
    Server server({found(with_other_program())});
    const auto error = server.place().error();
    CHECK(error.code == EEXIST);
    CHECK_THAT(error.text, Catch::Contains(loader_name()) && Catch::Contains("another program"));
    CHECK_THAT(error.remedy, Catch::Contains("kubectl delete configmap " + loader_name() + " -n shop"));
  }
  {
    INFO("planted between two requests");
    Server server({refusal(404, "NotFound"), refusal(409, "AlreadyExists"), found(with_other_program())});
    CHECK(server.place().error().code == EEXIST);
  }
  {
    INFO("its program could be changed once we have looked");
    auto object = stored();
    object["immutable"] = false;
    Server server({found(object)});
    const auto error = server.place().error();
    CHECK(error.code == EEXIST);
    CHECK_THAT(error.text, Catch::Contains("can be changed"));
  }
}

TEST_CASE("where ConfigMaps are refused, the error says by which rule") {
  {
    Server server({refusal(403, "Forbidden")});
    const auto error = server.place().error();
    CHECK(error.code == EACCES);
    CHECK_THAT(error.remedy,
               Catch::Contains(R"({apiGroups: [""], resources: ["configmaps"], verbs: ["get"]})"));
  }
  {
    Server server({refusal(404, "NotFound"), refusal(403, "Forbidden", "create")});
    const auto error = server.place().error();
    CHECK(error.code == EACCES);
    CHECK_THAT(error.remedy,
               Catch::Contains(R"({apiGroups: [""], resources: ["configmaps"], verbs: ["create"]})"));
  }
  {
    INFO("a server's trouble is no refusal");
    Server server({CannedServer::reply(500, "broken")});
    CHECK(server.place().error().code == EIO);
  }
}

TEST_CASE("a ConfigMap that was replaced while the agent started is noticed") {
  CHECK(Server({found(stored())}).check("u1"));
  CHECK(Server({found(stored("u2"))}).check("u1").error().code == ESTALE);
  CHECK(Server({refusal(404, "NotFound")}).check("u1").error().code == ESTALE);
  CHECK(Server({found(with_other_program())}).check("u1").error().code == ESTALE);
  const auto unknown = Server({CannedServer::reply(500, "broken")}).check("u1");  // fails closed
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == EIO);
}

TEST_CASE("what the loader is fed: length, SHA-256, program") {
  const auto input = loader_input("abc");
  REQUIRE(input.size() == 8 + 32 + 3);
  CHECK(input.substr(0, 8) == std::string("\3\0\0\0\0\0\0\0", 8));
  CHECK(input.substr(8, 8) == "\xba\x78\x16\xbf\x8f\x01\xcf\xea");  // FIPS 180-4's example
  CHECK(input.substr(40) == "abc");
}
