// `inpod run` of real programs against the real cluster: the pod's files, environment, names and connections;
// mirrored and stolen requests.
#include <functional>

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

// One developer for all that is about programs: from the second start on, the agent is there already.
const Developer& somebody() {
  static const Developer developer;
  return developer;
}

// Runs a server under inpod, waits until the service is answered by it, and lets `check` look.
void stolen_server(
    const std::string& marker, std::vector<std::string> command, const Developer& developer,
    const std::function<void()>& check = [] {}) {
  auto& shop = Shop::instance();
  auto server = developer.inpod(in_web({"--steal"}, std::move(command)));
  const bool answered = shop.answered_by(marker, seconds(60));
  INFO(server->out() << server->err());
  REQUIRE(answered);
  CHECK(shop.ready());
  check();
  server->signal(SIGINT);
  const auto end = server->wait(seconds(20));
  CHECK_FALSE(end.timed_out);
  CHECK(shop.answered_by_pod(seconds(5)));
  CHECK(shop.restarts() == 0);
}

// Runs a server under inpod; each request is answered by the pod, and `seen` tells that the program got its
// copy.
void mirrored_server(std::vector<std::string> command, const std::function<bool(Process&)>& seen) {
  auto& shop = Shop::instance();
  auto server = somebody().inpod(in_web({"--mirror"}, std::move(command)));
  // The subscription follows listen(2) by a round trip, so a request may come before it.
  const bool came = eventually(seconds(60), [&] {
    CHECK(shop.curl("http://web/mirrored", {"-d", "hello"}).out.find("\"by\": \"pod\"") != std::string::npos);
    return seen(*server);
  });
  INFO(server->out() << server->err());
  CHECK(came);
  server->signal(SIGINT);
  CHECK_FALSE(server->wait(seconds(20)).timed_out);
  CHECK(shop.restarts() == 0);
}

std::string debuggee(const std::string& name) {
  return somebody().write(name, read_file(sources + "/tests/debuggees/servers/" + name));
}

// An nginx that serves the pod's folder /etc/web, and /other/ from the service `other`, which it knows by
// name.
std::vector<std::string> nginx() {
  const auto config =
      somebody().write("nginx/nginx.conf", R"(daemon off; worker_processes 2; pid nginx.pid; error_log stderr;
events {}
http {
  access_log access.log;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server {
    listen 8080;
    location = /config.yaml { root /etc/web; }
    location /other/ { proxy_pass http://other/; }
    location / { return 200 'by nginx\n'; }
  }
}
)");
  return {"nginx", "-p", somebody().home() + "/nginx", "-c", config, "-e", "stderr"};
}

}  // namespace

TEST_CASE("a program reads the pod's files") {
  const Developer& developer = somebody();
  const auto config = developer.run(in_web({}, {"cat", "/etc/web/config.yaml"}));
  CHECK(config.err == "");
  CHECK(config.out == "greeting: grüß dich from the pod\ncolor: teal\n");
  CHECK(config.status == 0);
  const auto secret =
      developer.run(in_web({}, {"python3", "-c", "print(open('/run/secrets/web/password').read())"}));
  CHECK(secret.out == "s3cret-of-the-pod\n");
  const auto listing = developer.run(in_web({}, {"ls", "/app", "/data"}));
  CHECK(listing.out == Shop::instance().in_pod({"ls", "/app", "/data"}).out);
  const auto missing = developer.run(in_web({}, {"cat", "/etc/web/nothing"}));
  CHECK(missing.status == 1);
  CHECK(missing.err.find("No such file or directory") != std::string::npos);
}

TEST_CASE("a program has the pod's environment, host name and DNS") {
  const Developer& developer = somebody();
  auto& shop = Shop::instance();
  const auto environment = developer.run(in_web({}, {"env"}));
  CHECK(environment.out.find("APP_COLOR=teal\n") != std::string::npos);
  CHECK(environment.out.find("APP_WORDS=two words, ünïcode\n") != std::string::npos);
  CHECK(environment.out.find("KUBERNETES_SERVICE_HOST=") != std::string::npos);
  CHECK(environment.out.find("HOME=" + developer.home()) != std::string::npos);
  const auto host =
      developer.run(in_web({}, {"python3", "-c", "import socket; print(socket.gethostname())"}));
  CHECK(host.out == shop.pod() + "\n");
  const std::string lookup = "import socket\nfor n in ['web', 'web." + shop.name_space() +
                             ".svc.cluster.local']:\n  print(socket.gethostbyname(n))";
  CHECK(developer.run(in_web({}, {"python3", "-c", lookup})).out ==
        shop.in_pod({"python3", "-c", lookup}).out);
}

TEST_CASE("connections leave from the pod") {
  const Developer& developer = somebody();
  auto& shop = Shop::instance();
  const auto page = developer.run(in_web({}, {"curl", "-sS", "-m", "20", "http://web/from-curl"}));
  INFO(page.err);
  CHECK(page.out.find("\"path\": \"/from-curl\"") != std::string::npos);
  const auto refused =
      developer.run(in_web({}, {"curl", "-sS", "-m", "20", "http://" + shop.pod_ip() + ":1/"}));
  CHECK(refused.status == 7);  // curl(1): failed to connect
  const auto name = developer.run(in_web({}, {"curl", "-sS", "-m", "20", "http://no-such-service/"}));
  CHECK(name.status == 6);  // curl(1): could not resolve host
}

TEST_CASE("curl: a file and a service of the pod") {
  const auto outcome =
      somebody().run(in_web({}, {"curl", "-sS", "-m", "20", "file:///etc/web/config.yaml", "http://other/"}));
  INFO(outcome.err);
  CHECK(outcome.out == "greeting: grüß dich from the pod\ncolor: teal\nhello from the pod\n");
}

TEST_CASE("Node: files, environment, names and services of the pod") {
  const std::string look = R"js(
    const fs = require('fs'), dns = require('dns'), http = require('http');
    console.log(fs.readFileSync('/etc/web/config.yaml', 'utf8').split('\n')[0]);
    console.log(fs.readFileSync('/run/secrets/web/password', 'utf8'), process.env.APP_COLOR, require('os').hostname());
    console.log(fs.readdirSync('/app').filter((name) => name[0] != '.').join());
    fs.readFile('/etc/web/nothing', (error) => console.log(error.code));
    dns.lookup('web', (error, address) => {
      console.log(error ? error.code : address);
      http.get('http://other/', (answer) => answer.on('data', (text) => console.log(answer.statusCode, String(text).trim())));
    });)js";
  const auto outcome = somebody().run(in_web({}, {"node", "-e", look}));
  INFO(outcome.err);
  const auto address =
      Shop::instance().in_pod({"python3", "-c", "import socket; print(socket.gethostbyname('web'))"}).out;
  CHECK(outcome.status == 0);
  for (const std::string& line :
       {std::string("greeting: grüß dich from the pod\n"),
        "s3cret-of-the-pod teal " + Shop::instance().pod() + "\n", std::string("server.py\n"),
        std::string("ENOENT\n"), address, std::string("200 hello from the pod\n")}) {
    INFO("expected " << line << "in " << outcome.out);
    CHECK(outcome.out.find(line) != std::string::npos);
  }
}

TEST_CASE("a mirrored request reaches a Python server while the pod answers") {
  mirrored_server({"python3", debuggee("server.py"), "8080"}, [](Process& server) {
    return server.wait_for_output("POST /mirrored 5", milliseconds(300));
  });
}

TEST_CASE("a mirrored request reaches a Node server while the pod answers") {
  mirrored_server({"node", debuggee("server.js"), "8080"}, [](Process& server) {
    return server.wait_for_output("POST /mirrored", milliseconds(300));
  });
}

TEST_CASE("a mirrored request reaches nginx while the pod answers") {
  mirrored_server(nginx(), [](Process&) {
    return eventually(milliseconds(300), [] {
      return read_file(somebody().home() + "/nginx/access.log").find("\"POST /mirrored HTTP/1.1\" 200") !=
             std::string::npos;
    });
  });
}

TEST_CASE("a mirrored request reaches a C++ service while the pod answers") {
  mirrored_server({binaries + "/inpod-test-service", "8080"},
                  [](Process& server) { return server.wait_for_output("request from", milliseconds(300)); });
}

TEST_CASE("a stolen request is answered by a Python server") {
  stolen_server("by python", {"python3", debuggee("server.py"), "8080"}, somebody());
}

TEST_CASE("a stolen request is answered by a Node server") {
  stolen_server("by node", {"node", debuggee("server.js"), "8080"}, somebody());
}

TEST_CASE(
    "a stolen request is answered by nginx, with the pod's file and from a service that it knows by name") {
  stolen_server("by nginx", nginx(), somebody(), [] {
    CHECK(Shop::instance().curl("http://web/config.yaml").out ==
          "greeting: grüß dich from the pod\ncolor: teal\n");
    CHECK(Shop::instance().curl("http://web/other/").out == "hello from the pod\n");
  });
}

TEST_CASE("a stolen request is answered by a C++ service, with the pod's file and environment") {
  stolen_server("by c++", {binaries + "/inpod-test-service", "8080"}, somebody(), [] {
    CHECK(Shop::instance().curl("http://web/cart").out ==
          "by c++ /cart teal greeting: grüß dich from the pod\n");
  });
}

// The pod has no redis: the service leads to a port on which only the developer's program listens.
TEST_CASE("redis reads its config in the pod and serves the cluster by a service's name") {
  auto& shop = Shop::instance();
  auto server = somebody().inpod(
      in_web({"--steal"}, {"redis-server", "/etc/web/redis.conf", "--dir", somebody().home()}));
  const std::string client =
      "import socket; s=socket.create_connection(('redis',6379),5); "
      "s.sendall(b'SET k from-the-cluster\\r\\nGET k\\r\\n'); print(s.makefile().readlines(3))";
  Outcome answer;
  const bool answered = eventually(seconds(60), [&] {
    answer = shop.in_client({"python3", "-c", client});
    return answer.out.find("+OK") != std::string::npos;
  });
  INFO(answer.out << answer.err << server->out() << server->err());
  CHECK(answered);
  const auto got = somebody().run(
      {"run", "-t", "pod/client", "-n", shop.name_space(), "--", "redis-cli", "-h", "redis", "GET", "k"});
  INFO(got.err);
  CHECK(got.out == "from-the-cluster\n");
  server->signal(SIGINT);
  CHECK_FALSE(server->wait(seconds(20)).timed_out);
}

TEST_CASE("the program's exit code is inpod's") {
  const Developer& developer = somebody();
  CHECK(developer.run(in_web({}, {"sh", "-c", "exit 7"})).status == 7);
  CHECK(developer.run(in_web({}, {"python3", "-c", "import os; os.kill(os.getpid(), 9)"})).status == 137);
  CHECK(developer.run(in_web({}, {"no-such-program"})).status == 127);
}
