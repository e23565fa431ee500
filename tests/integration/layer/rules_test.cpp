// The rules of the layer (layer/layer.hpp), as far as same_test.cpp does not show them.
#include "catch.hpp"
#include "layer_pod.hpp"

using namespace inpod::test;

namespace {

const std::string tree = LayerPod::tree;

/// The layer preloaded by hand, for a program of its own and a relay that isn't there.
Outcome preloaded(const std::string& program, std::vector<std::string> command) {
  ProcessOptions options;
  options.environment = {
      {"LD_PRELOAD", INPOD_LAYER}, {"INPOD_PROGRAM", program}, {"INPOD_SOCKET", "/nonexistent/relay"}};
  options.unset = {"INPOD_ACTIVE"};
  return run(std::move(command), options);
}

}  // namespace

TEST_CASE("errno stays what it was when a call succeeds") {
  check_same({"rules", "errno", tree});
}
TEST_CASE("signal handlers on a small stack may open, read, stat and close") {
  check_same({"rules", "signals", tree});
}
TEST_CASE("descriptors 0, 1 and 2 stay the program's") {
  check_same({"rules", "standard", tree});
}
TEST_CASE("threads and forks at once") {
  check_same({"rules", "threads", tree});
}
TEST_CASE("a vfork child's directory is not its parent's") {
  check_same({"rules", "vfork", tree});
}

TEST_CASE("passive in everything but the program: shells and debuggers that run before it") {
  const auto shell =
      preloaded("/bin/cat",
                {"sh", "-c", "grep -c libinpod /proc/$$/maps >/dev/null && head -c 3 /proc/version; exit 3"});
  CHECK(shell.out == "Lin");
  CHECK(shell.err == "");
  CHECK(shell.status == 3);
}

TEST_CASE("a program whose relay can't be reached is not started") {
  const auto closed = preloaded("/bin/cat", {"cat", "/etc/hostname"});
  CHECK(closed.out == "");
  CHECK(closed.err == "inpod: the program was not started: no answer from inpod at /nonexistent/relay\n");
  CHECK(closed.status == 125);
}

TEST_CASE("system calls that can't be carried are refused, so that programs fall back") {
  const auto here = LayerPod::shared().outside({"numbered", tree, "refused"});
  CHECK(here.out ==
        "openat2 = ENOSYS\nopenat2 of what is local = 0\nsetxattr = EOPNOTSUPP\nremovexattr = EOPNOTSUPP\n"
        "setxattr by a descriptor = EOPNOTSUPP\ninotify by a descriptor = ENOSPC\nO_TMPFILE = EROFS\nmknodat "
        "= EROFS\n"
        "fchmodat2 = EROFS\nio_uring_setup = ENOSYS\n");
  CHECK(here.err.find("io_uring") != std::string::npos);
}

TEST_CASE("a remote file has no duplicate past the table of descriptors: it would read as empty") {
  const auto here = LayerPod::shared().run(
      {"python3", "-c",
       "import errno, fcntl, os, resource\nhard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
       "resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))\nfd = os.open('" +
           tree +
           "/small.txt', os.O_RDONLY)\n"
           "for copy in (lambda: os.dup2(fd, 70000), lambda: fcntl.fcntl(fd, fcntl.F_DUPFD, 70000)):\n"
           "  try: copy(); print('copied')\n"
           "  except OSError as error: print('EMFILE' if hard < 70002 else "
           "errno.errorcode[error.errno])\nprint(os.read(fd, 5))"});
  CHECK(here.out == "EMFILE\nEMFILE\nb'first'\n");
  CHECK(here.err == "");
}

TEST_CASE("a child that the layer can't act in is named, once") {
  auto& pod = LayerPod::shared();
  const std::string program = std::string(LAYER_DEBUGGEES) + "/static";
  const auto here = pod.run({"python3", "-c",
                             "import subprocess,os\nfor i in range(2): subprocess.run(['" + program +
                                 "', '/etc/hostname'])\n"
                                 "os.system('" +
                                 program + " /nothing')"});
  CHECK(here.status == 0);
  const auto first = here.err.find(program + ": a static program");
  CHECK(first != std::string::npos);
  CHECK(here.err.find("this machine") != std::string::npos);
}
