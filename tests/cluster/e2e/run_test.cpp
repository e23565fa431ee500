// `inpod run` of real programs against the real cluster: the pod's files, environment, names and connections; mirrored
// and stolen requests.
#include "catch.hpp"
#include "cluster.hpp"

using namespace inpod::test;

namespace {

std::vector<std::string> in_web(std::vector<std::string> flags, std::vector<std::string> command) {
  std::vector<std::string> all{"run", "-t", "deployment/web", "-n", Shop::instance().name_space()};
  all.insert(all.end(), flags.begin(), flags.end());
  all.push_back("--");
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

// Runs a server under inpod, waits until the service is answered by it, and lets `check` look.
void stolen_server(const std::string& marker, std::vector<std::string> command, const Developer& developer) {
  auto& shop = Shop::instance();
  auto server = developer.inpod(in_web({"--steal"}, std::move(command)));
  const bool answered = shop.answered_by(marker, seconds(60));
  INFO(server->out() << server->err());
  REQUIRE(answered);
  CHECK(shop.ready());
  server->signal(SIGINT);
  const auto end = server->wait(seconds(20));
  CHECK_FALSE(end.timed_out);
  CHECK(shop.answered_by_pod(seconds(5)));
  CHECK(shop.restarts() == 0);
}

}  // namespace

TEST_CASE("a program reads the pod's files") {
  Developer developer;
  const auto config = developer.run(in_web({}, {"cat", "/etc/web/config.yaml"}));
  CHECK(config.err == "");
  CHECK(config.out == "greeting: grüß dich from the pod\ncolor: teal\n");
  CHECK(config.status == 0);
  const auto secret = developer.run(in_web({}, {"python3", "-c", "print(open('/run/secrets/web/password').read())"}));
  CHECK(secret.out == "s3cret-of-the-pod\n");
  const auto listing = developer.run(in_web({}, {"ls", "/app", "/data"}));
  CHECK(listing.out == Shop::instance().in_pod({"ls", "/app", "/data"}).out);
  const auto missing = developer.run(in_web({}, {"cat", "/etc/web/nothing"}));
  CHECK(missing.status == 1);
  CHECK(missing.err.find("No such file or directory") != std::string::npos);
}

TEST_CASE("a program has the pod's environment, host name and DNS") {
  Developer developer;
  auto& shop = Shop::instance();
  const auto environment = developer.run(in_web({}, {"env"}));
  CHECK(environment.out.find("APP_COLOR=teal\n") != std::string::npos);
  CHECK(environment.out.find("APP_WORDS=two words, ünïcode\n") != std::string::npos);
  CHECK(environment.out.find("KUBERNETES_SERVICE_HOST=") != std::string::npos);
  CHECK(environment.out.find("HOME=" + developer.home()) != std::string::npos);
  const auto host = developer.run(in_web({}, {"python3", "-c", "import socket; print(socket.gethostname())"}));
  CHECK(host.out == shop.pod() + "\n");
  const std::string lookup =
      "import socket\nfor n in ['web', 'web." + shop.name_space() + ".svc.cluster.local']:\n  print(socket.gethostbyname(n))";
  CHECK(developer.run(in_web({}, {"python3", "-c", lookup})).out == shop.in_pod({"python3", "-c", lookup}).out);
}

TEST_CASE("connections leave from the pod") {
  Developer developer;
  auto& shop = Shop::instance();
  const auto page = developer.run(in_web({}, {"curl", "-sS", "-m", "20", "http://web/from-curl"}));
  INFO(page.err);
  CHECK(page.out.find("\"path\": \"/from-curl\"") != std::string::npos);
  const auto refused = developer.run(in_web({}, {"curl", "-sS", "-m", "20", "http://" + shop.pod_ip() + ":1/"}));
  CHECK(refused.status == 7);  // curl(1): failed to connect
  const auto name = developer.run(in_web({}, {"curl", "-sS", "-m", "20", "http://no-such-service/"}));
  CHECK(name.status == 6);  // curl(1): could not resolve host
}

TEST_CASE("a mirrored request reaches the program while the pod answers") {
  Developer developer;
  auto& shop = Shop::instance();
  const auto script = developer.write("mirror.py", read_file(sources + "/tests/debuggees/servers/server.py"));
  auto server = developer.inpod(in_web({"--mirror"}, {"python3", script, "8080"}));
  const bool up = server->wait_for_error("listening", seconds(60));
  INFO(server->out() << server->err());
  REQUIRE(up);
  bool seen = false;
  // The subscription follows listen(2) by a round trip, so a request may come before it.
  CHECK(eventually(seconds(30), [&] {
    CHECK(shop.curl("http://web/mirrored", {"-d", "hello"}).out.find("\"by\": \"pod\"") != std::string::npos);
    seen = server->wait_for_output("POST /mirrored 5", milliseconds(500));
    return seen;
  }));
  INFO(server->out() << server->err());
  CHECK(seen);
  server->signal(SIGINT);
  CHECK_FALSE(server->wait(seconds(20)).timed_out);
}

TEST_CASE("a stolen request is answered by a Python server") {
  Developer developer;
  const auto script = developer.write("steal.py", read_file(sources + "/tests/debuggees/servers/server.py"));
  stolen_server("by python", {"python3", script, "8080"}, developer);
}

TEST_CASE("a stolen request is answered by a Node server") {
  Developer developer;
  const auto script = developer.write("steal.js", read_file(sources + "/tests/debuggees/servers/server.js"));
  stolen_server("by node", {"node", script, "8080"}, developer);
}

TEST_CASE("a stolen request is answered by nginx") {
  Developer developer;
  const auto config = developer.write("nginx/nginx.conf",
                                      "daemon off; worker_processes 2; pid nginx.pid; error_log stderr;\n"
                                      "events {}\n"
                                      "http { access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;"
                                      " uwsgi_temp_path t4; scgi_temp_path t5;\n"
                                      " server { listen 8080; location / { return 200 'by nginx\\n'; } } }\n");
  stolen_server("by nginx", {"nginx", "-p", developer.home() + "/nginx", "-c", config, "-e", "stderr"}, developer);
}

TEST_CASE("a stolen request is answered by a C++ service") {
  Developer developer;
  auto server = binaries + "/inpod-test-service";
  stolen_server("by c++", {server, "8080"}, developer);
}

TEST_CASE("redis serves the cluster on a port that the pod does not have") {
  Developer developer;
  auto& shop = Shop::instance();
  auto server = developer.inpod(in_web({"--steal"}, {"redis-server", "--port", "6379", "--save", "", "--protected-mode", "no",
                                                     "--dir", developer.home()}));
  const std::string client = "import socket; s=socket.create_connection(('" + shop.pod_ip() +
                             "',6379),5); s.sendall(b'SET k v\\r\\nGET k\\r\\n'); print(s.recv(99)); print(s.recv(99))";
  Outcome answer;
  const bool answered = eventually(seconds(60), [&] {
    answer = shop.in_client({"python3", "-c", client});
    return answer.out.find("$1") != std::string::npos;
  });
  INFO(answer.out << answer.err << server->out() << server->err());
  CHECK(answered);
  server->signal(SIGINT);
  CHECK_FALSE(server->wait(seconds(20)).timed_out);
}

TEST_CASE("two developers mirror one target at once") {
  Developer anna(23456), bert(23457);
  auto& shop = Shop::instance();
  const auto text = read_file(sources + "/tests/debuggees/servers/server.py");
  auto first = anna.inpod(in_web({"--mirror"}, {"python3", anna.write("s.py", text), "8080"}));
  auto second = bert.inpod(in_web({"--mirror"}, {"python3", bert.write("s.py", text), "8080"}));
  const bool up = first->wait_for_error("listening", seconds(60)) && second->wait_for_error("listening", seconds(60));
  INFO(first->err() << second->err());
  REQUIRE(up);
  CHECK(eventually(seconds(30), [&] {
    shop.curl("http://web/both");
    return first->wait_for_output("GET /both", milliseconds(300)) && second->wait_for_output("GET /both", milliseconds(300));
  }));
  for (auto* server : {first.get(), second.get()}) server->signal(SIGINT);
  CHECK_FALSE(first->wait(seconds(20)).timed_out);
  CHECK_FALSE(second->wait(seconds(20)).timed_out);
}

TEST_CASE("the program's exit code is inpod's") {
  Developer developer;
  CHECK(developer.run(in_web({}, {"sh", "-c", "exit 7"})).status == 7);
  CHECK(developer.run(in_web({}, {"python3", "-c", "import os; os.kill(os.getpid(), 9)"})).status == 137);
  CHECK(developer.run(in_web({}, {"no-such-program"})).status == 127);
}
