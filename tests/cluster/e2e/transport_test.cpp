// The line to the API server is cut for ten seconds in the middle of transfers and with a file open. Two
// kinds of cut: every connection is reset (a load balancer that restarts), and silence (a laptop that changes
// its network). Not a byte is lost.
#include "catch.hpp"
#include "cluster.hpp"
#include "line.hpp"

using namespace inpod::test;

namespace {

constexpr std::size_t size = 100 << 20, small = 20 << 20;

// Downloads 100 MB and, at the same time, uploads 20 MB and reads an open file of 20 MB. Says "half" for
// each, and leaves the last tenth until stdin says "go"; then it opens another file as well. Prints a
// checksum for each.
const char* const mover = R"py(
import hashlib, http.client, sys, threading
size, small = int(sys.argv[1]), int(sys.argv[2])
go = threading.Event()
def say(*words):
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()
def digest(name, read, size):
    sha, done, told = hashlib.sha256(), 0, False
    while True:
        part = read(65536)
        if not part:
            break
        sha.update(part)
        done += len(part)
        if not told and done >= size // 2:
            told = True
            say("half", name)
        if done >= size // 10 * 9:
            go.wait()
    say(name, done, sha.hexdigest())
def download():
    connection = http.client.HTTPConnection("web", 80, timeout=60)
    connection.request("GET", "/data/big")
    digest("download", connection.getresponse().read, size)
def open_file():
    with open("/data/small", "rb", buffering=0) as file:
        digest("file", file.read, small)
def upload():
    connection = http.client.HTTPConnection("web", 80, timeout=60)
    connection.putrequest("POST", "/upload")
    connection.putheader("Content-Length", str(small))
    connection.endheaders()
    sha, part = hashlib.sha256(), bytes(range(256)) * 256
    for number in range(small // len(part)):
        piece = number.to_bytes(8, "big") + part[8:]
        sha.update(piece)
        connection.send(piece)
        if number == small // len(part) // 2:
            say("half", "upload")
        if number >= small // len(part) // 10 * 9:
            go.wait()
    body = connection.getresponse().read().decode()
    say("upload", small if '"got": %d' % small in body else body, "same" if sha.hexdigest() in body else body)
threads = [threading.Thread(target=work) for work in (download, open_file, upload)]
for thread in threads:
    thread.start()
sys.stdin.readline()
go.set()
say("late", open("/etc/web/config.yaml").readline().strip())
for thread in threads:
    thread.join()
say("done")
)py";

// A file of random bytes in the service's pod; its SHA-256.
std::string make_file(const std::string& path, std::size_t bytes) {
  const auto made = Shop::instance().in_pod({"python3", "-c",
                                             "import hashlib, os, sys\n"
                                             "sha = hashlib.sha256()\n"
                                             "with open(sys.argv[1], 'wb') as file:\n"
                                             "  for _ in range(int(sys.argv[2]) >> 20):\n"
                                             "    part = os.urandom(1 << 20)\n"
                                             "    sha.update(part)\n"
                                             "    file.write(part)\n"
                                             "print(sha.hexdigest())",
                                             path, std::to_string(bytes)});
  INFO(made.err);
  REQUIRE(made.status == 0);
  return made.out.substr(0, made.out.find('\n'));
}

ProcessOptions behind(const Line& line, const Developer& developer) {
  auto options = developer.options();
  options.environment["KUBECONFIG"] = line.kubeconfig(developer);
  options.keep_stdin = true;
  return options;
}

void survives(Line::State cut) {
  const auto big_digest = make_file("/data/big", size), small_digest = make_file("/data/small", small);
  Developer developer;
  Line line;
  const auto script = developer.write("mover.py", mover);
  auto moving = developer.inpod({"run", "-t", "deployment/web", "-n", Shop::instance().name_space(), "--",
                                 "python3", script, std::to_string(size), std::to_string(small)},
                                behind(line, developer));
  for (const char* name : {"half download", "half file", "half upload"}) {
    const bool half = moving->wait_for_output(name, seconds(240));
    INFO(name << "\n" << moving->out() << moving->err());
    REQUIRE(half);
  }
  line.become(cut);
  const auto carried = line.carried();
  moving->write_stdin("go\n");
  // The cut itself: ten seconds in which nothing can end.
  const bool ended = moving->wait_for_output("done", seconds(10));
  CHECK_FALSE(ended);
  CHECK(line.carried() == carried);
  line.become(Line::State::whole);
  const auto outcome = moving->wait(seconds(240));
  INFO(outcome.out << outcome.err << line.carried() - carried << " bytes have passed since the cut");
  CHECK(outcome.status == 0);
  CHECK(outcome.out.find("download " + std::to_string(size) + " " + big_digest + "\n") != std::string::npos);
  CHECK(outcome.out.find("file " + std::to_string(small) + " " + small_digest + "\n") != std::string::npos);
  CHECK(outcome.out.find("upload " + std::to_string(small) + " same\n") != std::string::npos);
  CHECK(outcome.out.find("late greeting: grüß dich from the pod\n") != std::string::npos);
  if (cut != Line::State::broken) return;
  CHECK(outcome.err.find("Connection to the agent lost") != std::string::npos);
  CHECK(outcome.err.find("Connection to the agent resumed") != std::string::npos);
}

}  // namespace

TEST_CASE("connections that are reset for 10 s lose not a byte") {
  survives(Line::State::broken);
}

TEST_CASE("10 s of silence lose not a byte") {
  survives(Line::State::silent);
}

TEST_CASE("requests go to the pod while the thief is out of reach, and come back to it") {
  Developer developer;
  auto& shop = Shop::instance();
  Line line;
  const auto script = developer.write("server.py", read_file(sources + "/tests/debuggees/servers/server.py"));
  auto server = developer.inpod(
      {"run", "-t", "deployment/web", "-n", shop.name_space(), "--steal", "--", "python3", script, "8080"},
      behind(line, developer));
  const bool stolen = shop.answered_by("by python", seconds(60));
  INFO(server->err());
  REQUIRE(stolen);
  line.become(Line::State::broken);
  CHECK(shop.answered_by_pod(seconds(10)));
  line.become(Line::State::whole);
  CHECK(shop.answered_by("by python", seconds(30)));
  CHECK(shop.restarts() == 0);
  server->signal(SIGINT);
  CHECK_FALSE(server->wait(seconds(20)).timed_out);
  CHECK(shop.answered_by_pod(seconds(5)));
}
