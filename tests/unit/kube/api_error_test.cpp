#include "kube/api_error.hpp"

#include "catch.hpp"
#include "kube/address.hpp"
#include "protocol/base64.hpp"

using namespace inpod;
using namespace inpod::kube;

TEST_CASE("the rule that a request needs") {
  struct Row {
    const char *method, *path;
    AccessRule rule;
  };
  const Row rows[] = {
      {"GET", "/api/v1/namespaces/shop/pods", {"list", "", "pods", "shop"}},
      {"GET", "/api/v1/namespaces/shop/pods/web-1", {"get", "", "pods", "shop"}},
      {"GET", "/api/v1/namespaces/shop/pods?labelSelector=a%3Db&watch=1", {"watch", "", "pods", "shop"}},
      {"GET", "/api/v1/pods?limit=500", {"list", "", "pods", ""}},
      {"GET", "/api/v1/namespaces/shop/pods/web-1/attach?stdin=true", {"get", "", "pods/attach", "shop"}},
      {"PATCH",
       "/api/v1/namespaces/shop/pods/web-1/ephemeralcontainers",
       {"patch", "", "pods/ephemeralcontainers", "shop"}},
      {"POST", "/apis/batch/v1/namespaces/shop/jobs", {"create", "batch", "jobs", "shop"}},
      {"DELETE", "/apis/batch/v1/namespaces/shop/jobs/x", {"delete", "batch", "jobs", "shop"}},
      {"DELETE", "/apis/batch/v1/namespaces/shop/jobs", {"deletecollection", "batch", "jobs", "shop"}},
      {"PUT", "/apis/apps/v1/namespaces/shop/deployments/web", {"update", "apps", "deployments", "shop"}},
      {"GET", "/api/v1/namespaces", {"list", "", "namespaces", ""}},
      {"GET", "/api/v1/namespaces/shop", {"get", "", "namespaces", ""}},
      {"GET", "/version", {"get", "", "", ""}},
  };
  for (const auto& row : rows) {
    INFO(row.method << " " << row.path);
    CHECK((rule_of(row.method, row.path) == row.rule));
  }
}

TEST_CASE("a 403 names the missing rule as a line for a Role") {
  const auto error = api_error(
      "GET", "/api/v1/namespaces/shop/pods/web-1/attach", 403,
      R"({"kind":"Status","message":"pods \"web-1\" is forbidden: User \"dev\" cannot get resource \"pods/attach\"","reason":"Forbidden"})");
  CHECK(error.code == EACCES);
  CHECK_THAT(error.text, Catch::Contains("403") && Catch::Contains("User \"dev\" cannot get"));
  CHECK(error.remedy ==
        "ask for this rule in a Role of namespace \"shop\":\n    - {apiGroups: [\"\"], resources: "
        "[\"pods/attach\"], verbs: [\"get\"]}");
  // From Kubernetes 1.35 on a WebSocket takes `create` too: the server's word counts.
  const auto create = api_error(
      "GET", "/api/v1/namespaces/shop/pods/web-1/portforward?ports=1", 403,
      R"({"kind":"Status","message":"pods \"web-1\" is forbidden: User \"dev\" cannot create resource \"pods/portforward\" in API group \"\""})");
  CHECK_THAT(create.remedy, Catch::Contains("[\"pods/portforward\"], verbs: [\"create\"]"));
  CHECK_THAT(api_error("GET", "/api/v1/namespaces", 403,
                       R"({"message":"namespaces is forbidden: User \"x\" cannot list resource"})")
                 .remedy,
             Catch::Contains("in a ClusterRole"));
  CHECK(lacks_right(error));
  // Admission and quotas refuse with 403 too, but no rule would help.
  for (const char* message : {R"({"message":"jobs \"x\" is forbidden: exceeded quota"})",
                              R"({"message":"admission webhook \"p\" denied: hostPID cannot be true"})"}) {
    const auto refused = api_error("POST", "/apis/batch/v1/namespaces/shop/jobs", 403, message);
    CHECK(refused.code == EACCES);
    CHECK(refused.remedy.empty());
    CHECK_FALSE(lacks_right(refused));
  }
}

TEST_CASE("statuses become errno values, bodies become text") {
  const auto code = [](long status, const char* body = "{}") {
    return api_error("GET", "/api/v1/pods", status, body).code;
  };
  CHECK(code(401) == EPERM);
  CHECK(code(404) == ENOENT);
  CHECK(code(409, R"({"reason":"AlreadyExists"})") == EEXIST);
  CHECK(code(409, R"({"reason":"Conflict"})") == EBUSY);
  CHECK(code(410) == ESTALE);
  CHECK(code(422) == EINVAL);
  CHECK(code(429) == EAGAIN);
  CHECK(code(500) == EIO);
  CHECK(api_error("GET", "/x", 502, "<html>\nmore").text == "the API server answered 502: <html>");
  CHECK(api_error("GET", "/x", 500, R"({"message":"a\n  run: this\u001b[2J\u202e"})").text ==
        "the API server answered 500: a\\n  run: this\\x1b[2J\\u202e");  // in one line: no remedy of ours
  CHECK(api_error("GET", "/x", 503, "").text == "the API server answered 503");
  CHECK(api_error("GET", "/x", 500, R"({"message":["not text"]})").text == "the API server answered 500");
}

TEST_CASE("server addresses") {
  CHECK(parse_server("https://host")->port == "443");
  CHECK(parse_server("https://host")->host_header() == "host");
  const auto v6 = parse_server("https://[fd00::1]:6443/k8s/clusters/c-1/");
  CHECK(v6->host == "fd00::1");
  CHECK(v6->host_header() == "[fd00::1]:6443");
  CHECK(v6->prefix == "/k8s/clusters/c-1");
  CHECK_FALSE(parse_server("http://127.0.0.1:8001")->tls);
  for (const char* bad : {"", "host", "ftp://x", "https://", "https://:443", "https://x:port", "https://x:0",
                          "https://[::1", "https://x:99999"}) {
    INFO(bad);
    CHECK_FALSE(parse_server(bad));
  }
}

TEST_CASE("escapes and base64") {
  CHECK(escape("a b/ü=~._-1") == "a%20b%2F%C3%BC%3D~._-1");
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"})
    CHECK(decode_base64(encode_base64(text)) == text);
  CHECK(encode_base64("foobar!") == "Zm9vYmFyIQ==");
  CHECK(decode_base64("Zm9v\nYmFy IQ") == "foobar!");
  CHECK_FALSE(decode_base64("Zm9v*"));
  CHECK_FALSE(decode_base64("Z"));
  CHECK_FALSE(decode_base64("Zg==Zg=="));
}
