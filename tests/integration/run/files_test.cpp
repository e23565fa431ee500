// The pod's files, names and host name, byte for byte what the same program says inside the pod.
#include "catch.hpp"
#include "demo_fixture.hpp"

using namespace inpod::test;

namespace {

void same(const std::vector<std::string>& command) {
  auto& demo = Demo::shared();
  const auto here = demo.run(command);
  const auto there = demo.inside(command);
  INFO(command[0] << " " << command.back());
  INFO(here.err);
  CHECK(there.out != "");
  CHECK(here.out == there.out);
  CHECK(here.status == there.status);
}

}  // namespace

TEST_CASE("cat prints the pod's files and nothing of inpod's") {
  auto& demo = Demo::shared();
  const auto config = demo.run({"cat", "/etc/web/config.yaml"});
  CHECK(config.err == "");
  CHECK(config.out == "greeting: hello from the pod\ncolor: teal\nlimit: 42\n");
  CHECK(config.status == 0);
  same({"cat", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/run/secrets/web/password"});
  same({"cat", "/etc/web/übersicht 世界.txt"});
}

TEST_CASE("missing files are missing, with the program's own words and code") {
  auto& demo = Demo::shared();
  const auto missing = demo.run({"cat", "/etc/web/nothing"});
  CHECK(missing.status == 1);
  CHECK(missing.err.find("/etc/web/nothing: No such file or directory") != std::string::npos);
  CHECK(missing.out == "");
}

TEST_CASE("python reads files, lists directories and asks stat as in the pod") {
  same({"python3", "-c", "print(open('/run/secrets/web/password').read())"});
  same({"python3", "-c",
        "import os; print(sorted(os.listdir('/etc/web')), os.stat('/etc/web/config.yaml').st_size, "
        "oct(os.stat('/run/secrets/web/password').st_mode), os.path.exists('/etc/web/no'))"});
  same({"python3", "-c",
        "import mmap; f=open('/etc/web/config.yaml','rb'); m=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ); "
        "print(m[:8], len(m))"});
  same({"python3", "-c", "import glob; print(sorted(glob.glob('/etc/web/*')))"});
}

TEST_CASE("the host name and names of the pod's hosts file") {
  same({"python3", "-c", "import socket; print(socket.gethostname())"});
  same({"python3", "-c",
        "import socket\nfor n in ['web', 'client.demo.svc.cluster.local']: print(socket.gethostbyname(n))"});
}

TEST_CASE("writing to the pod needs leave") {
  auto& demo = Demo::shared();
  const std::string script = "open('/var/lib/web/visits.txt','w').write('7\\n')";
  const auto refused = demo.run({"python3", "-c", script});
  CHECK(refused.status == 1);
  CHECK(refused.err.find("Read-only file system") != std::string::npos);
  CHECK(demo.inside({"cat", "/var/lib/web/visits.txt"}).out == "0\n");
  const auto allowed = demo.run({"python3", "-c", script}, {"--files-write", "/var/lib/web/**"});
  CHECK(allowed.err == "");
  CHECK(demo.inside({"cat", "/var/lib/web/visits.txt"}).out == "7\n");
  demo.inside({"sh", "-c", "echo 0 > /var/lib/web/visits.txt"});
}

TEST_CASE(
    "what a program prints into a file of the pod is there when inpod has ended, or its exit code says so") {
  auto& demo = Demo::shared();
  const auto printed =
      demo.run({"awk", "BEGIN { for (i = 0; i < 9000; ++i) print \"line\", i > \"/dev/stdout\" }"},
               {"--files-write", "/var/lib/web"});
  CHECK(printed.status == 0);
  const std::string loop =
      "awk 'BEGIN { for (i = 0; i < 9000; ++i) print \"line\", i }' > /var/lib/web/printed";
  const auto redirected = demo.run({"sh", "-c", loop}, {"--files-write", "/var/lib/web"});
  CHECK(redirected.status == 0);
  CHECK(redirected.err == "");
  CHECK(demo.inside({"cat", "/var/lib/web/printed"}).out == printed.out);
  demo.inside({"rm", "/var/lib/web/printed"});
  const auto lost = demo.run({"bash", "-c", "printf lost > /dev/full; :"}, {"--files-write", "/dev/full"});
  CHECK(lost.status == 125);
  CHECK(lost.err.find("/dev/full: ") != std::string::npos);
  CHECK(lost.err.find("No space left on device") != std::string::npos);
}

TEST_CASE("paths of this machine stay local") {
  auto& demo = Demo::shared();
  const auto path = demo.home().write("notes/größe.txt", "local\n");
  CHECK(demo.run({"cat", path}).out == "local\n");
  CHECK(demo.run({"cat", "notes/größe.txt"}).out == "local\n");
  CHECK(demo.run({"cat", "/etc/web/config.yaml"}, {"--files-local", "/etc/web/**"}).status == 1);
}
