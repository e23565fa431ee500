// How programs are started: environment, arguments, standard streams, exit codes; and what is refused,
// closed.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "demo_fixture.hpp"

using namespace inpod::test;

TEST_CASE("the environment is the pod's where it should be, and the user's else") {
  auto& demo = Demo::shared();
  const auto environment = demo.run({"env"}, {"-e", "EXTRA=ünï cödé", "--environment-unset", "WEB_COLOR"});
  CHECK(environment.out.find("WEB_GREETING=grüß dich, 世界\n") != std::string::npos);
  CHECK(environment.out.find("HOSTNAME=web-0\n") != std::string::npos);
  CHECK(environment.out.find("EXTRA=ünï cödé\n") != std::string::npos);
  CHECK(environment.out.find("HOME=" + demo.home().path() + "\n") != std::string::npos);
  CHECK(environment.out.find("WEB_COLOR=") == std::string::npos);
}

TEST_CASE("arguments, standard input and working directory are the user's") {
  auto& demo = Demo::shared();
  CHECK(demo.run({"printf", "%s|", "a b", "", "-v", "--", "ü"}).out == "a b||-v|--|ü|");
  auto options = demo.options();
  options.input = std::string(300000, 'x') + "\n";
  CHECK(demo.start(demo.run_command({"wc", "-c"}), options)->wait(seconds(60)).out == "300001\n");
  CHECK(demo.run({"pwd"}).out == demo.home().path() + "\n");
}

TEST_CASE("the config file of the directory is used, flags win") {
  auto& demo = Demo::shared();
  const auto path =
      demo.home().write("project/.inpod/config.yaml",
                        "target: " + demo.target() + "\nenvironment: {set: {A: file, B: file}}\n");
  demo.home().write("project/deep/er/x", "");
  auto options = demo.options();
  options.directory = demo.home().path() + "/project/deep/er";
  REQUIRE(demo.start({"trust", "--yes"}, options)->wait(seconds(60)).status == 0);  // for environment.set
  const auto outcome =
      demo.start({"run", "-e", "B=flag", "--", "sh", "-c", "echo $A $B; cat /etc/web/config.yaml"}, options)
          ->wait(seconds(60));
  CHECK(outcome.out == "file flag\ngreeting: hello from the pod\ncolor: teal\nlimit: 42\n");
  demo.home().write("project/.inpod/config.yaml", "target: x\nincomming: {}\n");
  const auto bad = demo.start({"run", "--", "true"}, options)->wait(seconds(60));
  CHECK(bad.status == 125);
  CHECK(bad.err.find("config.yaml:2: unknown key \"incomming\"") != std::string::npos);
  CHECK(bad.err.find("did you mean \"incoming\"?") != std::string::npos);
}

TEST_CASE("exit codes: the program's, 128 + signal, 126, 127") {
  auto& demo = Demo::shared();
  CHECK(demo.run({"sh", "-c", "exit 7"}).status == 7);
  CHECK(demo.run({"true"}).status == 0);
  CHECK(demo.run({"python3", "-c", "import os; os.kill(os.getpid(), 9)"}).status == 137);
  CHECK(demo.run({"python3", "-c", "import os; os.kill(os.getpid(), 11)"}).status == 139);
  const auto missing = demo.run({"no-such-program"});
  CHECK(missing.status == 127);
  CHECK(missing.err.find("no-such-program: not found in PATH") != std::string::npos);
  const auto plain = demo.home().write("plain.txt", "text", 0644);
  CHECK(demo.run({plain}).status == 126);
  CHECK(demo.run({demo.home().write("text", "just text", 0755)}).status == 126);
}

TEST_CASE("scripts run in the pod's context, also by env and with a Unicode name") {
  auto& demo = Demo::shared();
  const auto script =
      demo.home().write("skripte/größe 世界", "#!/bin/sh\ncat /etc/web/config.yaml \"$@\"\n", 0755);
  CHECK(demo.run({script, "/etc/hostname"}).out ==
        "greeting: hello from the pod\ncolor: teal\nlimit: 42\nweb-0\n");
  const auto python = demo.home().write(
      "skripte/p", "#!/usr/bin/env python3\nprint(open('/etc/hostname').read().strip())\n", 0755);
  CHECK(demo.run({python}).out == "web-0\n");
  // Outside the home, where paths are the pod's.
  const std::string folder = "/srv/inpod-test-" + std::to_string(getpid());
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/part.sh") << "cat /etc/hostname\n";
  for (const char* line : {"#!/bin/sh", "#!/bin/sh -e", "#!/usr/bin/env bash"}) {
    const auto outside = folder + "/start.sh";
    std::ofstream(outside) << line << "\n. " << folder << "/part.sh\n";
    std::filesystem::permissions(outside, std::filesystem::perms(0755));
    const auto ran = demo.run({outside});
    INFO(ran.err);
    CHECK(ran.out == "web-0\n");
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("children of the program are in the pod too") {
  auto& demo = Demo::shared();
  CHECK(demo.run({"sh", "-c", "cat /etc/hostname; (cat /etc/hostname); sh -c 'cat /etc/hostname'"}).out ==
        "web-0\nweb-0\nweb-0\n");
  CHECK(demo.run({"python3", "-c",
                  "import subprocess; print(subprocess.check_output(['cat','/etc/hostname']))"})
            .out == "b'web-0\\n'\n");
}

TEST_CASE("a project in a folder of the root that the pod lacks works, as in a dev container's /workspaces") {
  auto& demo = Demo::shared();
  struct Workspaces {
    std::string path = "/inpod-test-workspaces-" + std::to_string(getpid());
    Workspaces() { std::filesystem::create_directories(path + "/app"); }
    Workspaces(const Workspaces&) = delete;
    ~Workspaces() { std::filesystem::remove_all(path); }
  } workspaces;
  const auto folder = workspaces.path + "/app";
  std::ofstream(folder + "/b.js") << "module.exports = require('fs').readFileSync('/etc/hostname', 'utf8')";
  std::ofstream(folder + "/a.js") << "process.stdout.write(require('./b.js') + __dirname)";
  auto options = demo.options();
  options.directory = folder;
  const auto run = [&](std::vector<std::string> command) {
    return demo.start(demo.run_command(std::move(command)), options)->wait(seconds(60));
  };
  CHECK(run({"node", "a.js"}).out == "web-0\n" + folder);
  const auto made = run({"sh", "-c",
                         "mkdir -p " + folder +
                             "/x/y && git init -q . && install -D a.js x/y/z/a.js && "
                             "realpath x/y/../y/z/a.js"});
  CHECK(made.out == folder + "/x/y/z/a.js\n");
  CHECK(made.err == "");
  CHECK(std::filesystem::exists(folder + "/.git/HEAD"));
}

TEST_CASE("files that the user hands over arrive") {
  auto& demo = Demo::shared();
  const auto path = demo.home().write("given.txt", "given\n");
  const std::vector<std::string> with_file{"sh", "-c", "exec \"$@\" 7<" + path, "sh"};
  std::vector<std::string> program{"sh", "-c", "cat <&7; ls /proc/self/fd"}, bare = with_file,
                                                                             in_pod = with_file;
  bare.insert(bare.end(), program.begin(), program.end());
  for (const auto& word :
       {std::string(INPOD), std::string("run"), std::string("-t"), demo.target(), std::string("--")})
    in_pod.push_back(word);
  in_pod.insert(in_pod.end(), program.begin(), program.end());
  CHECK(run(in_pod, demo.options()).out == run(bare, demo.options()).out);
}

TEST_CASE("a listener of a service manager is the program's, whose process has another number") {
  auto& demo = Demo::shared();
  const std::string look =
      "import os, socket\n"
      "named = [os.environ[name] == str(os.getpid()) for name in ('LISTEN_PID', 'WATCHDOG_PID')]\n"
      "print(named, socket.socket(fileno=3).getsockname() != ('', 0))";
  const std::string manager =
      "import os, socket, sys\nserver = socket.create_server(('127.0.0.1', 0))\n"
      "os.dup2(server.fileno(), 3)\nos.set_inheritable(3, True)\n"
      "os.environ.update(LISTEN_FDS='1', LISTEN_PID=sys.argv[1] or str(os.getpid()), "
      "WATCHDOG_PID=str(os.getpid()))\nos.execv(sys.argv[2], sys.argv[2:])";
  for (const std::string other : {"", "1"}) {  // 1: not inpod was named
    std::vector<std::string> command{"env", "python3", "-c", manager, other, INPOD};
    for (auto& word : demo.run_command({"python3", "-c", look})) command.push_back(word);
    const auto outcome = run(command, demo.options(), seconds(60));
    INFO(outcome.err);
    CHECK(outcome.out == (other.empty() ? "[True, True] True\n" : "[False, True] True\n"));
  }
}

TEST_CASE("programs that the layer can't be loaded into are refused before they run") {
  auto& demo = Demo::shared();
  const auto& home = demo.home().path();
  const auto c =
      demo.home().write("other.c", "#include <unistd.h>\nint main() { return write(1, \"ran\", 3) != 3; }\n");
  // net and os/user bring cgo in, as in any service: dynamic with glibc, and still none of glibc's business.
  const auto go = demo.home().write("other.go",
                                    "package main\nimport (\"fmt\"; \"net\")\nfunc main() { "
                                    "fmt.Print(\"ran\"); net.LookupHost(\"localhost\") }\n");
  auto options = demo.options();
  options.environment.insert({{"GOTOOLCHAIN", "local"},
                              {"GOFLAGS", "-mod=mod"},
                              {"GOPROXY", "off"},
                              {"CGO_ENABLED", "1"},
                              {"OUT", home + "/other"}});
  const auto refused = [&](const std::string& build, const std::string& kind, const std::string& remedy) {
    const auto built = run({"sh", "-c", build}, options, seconds(120));
    INFO(build << "\n" << built.err);
    REQUIRE(built.status == 0);
    const auto outcome = demo.run({home + "/other"});
    INFO(outcome.err);
    CHECK(outcome.status == 125);
    CHECK(outcome.out == "");
    CHECK(outcome.err.find(kind) != std::string::npos);
    CHECK(outcome.err.find(remedy) != std::string::npos);
  };
  refused("cc -static -o $OUT " + c, "a static program", "link it without -static");
  refused("cc -static-pie -o $OUT " + c, "a static program", "link it without -static");
  refused("musl-gcc -o $OUT " + c, "a musl program", "build it with a glibc toolchain");
  refused("musl-gcc -static -o $OUT " + c, "a static program", "link it without -static");
  const std::string go_build = "go build -o $OUT ", go_remedy = "inpod can't carry them";
  refused(go_build + go + " && readelf -l $OUT | grep -q ld-linux", "a Go program", go_remedy);
  refused(go_build + "-ldflags '-s -w' " + go + " && strip $OUT", "a Go program", go_remedy);
  refused(go_build + "-ldflags '-linkmode external -buildid=' " + go + " && ! readelf -n $OUT | grep -qi go",
          "a Go program", go_remedy);
  refused("CGO_ENABLED=0 " + go_build + go, "a Go program", go_remedy);
  CHECK(demo.sessions_left().empty());
}

TEST_CASE("interception: none gives any program the pod's environment, and says what it does not give") {
  auto& demo = Demo::shared();
  const auto& home = demo.home().path();
  const auto c = demo.home().write("alone.c",
                                   "#include <stdio.h>\n#include <stdlib.h>\nint main() {\n"
                                   "  printf(\"%s %d %d\", getenv(\"WEB_COLOR\"), getenv(\"LD_PRELOAD\") != "
                                   "0, fopen(\"/etc/web/config.yaml\", \"r\") != 0);\n"
                                   "  return 7;\n}\n");
  REQUIRE(run({"cc", "-static", "-o", home + "/alone", c}, demo.options(), seconds(120)).status == 0);
  for (const std::string& program :
       {home + "/alone", demo.home().write("alone.sh", "#!" + home + "/alone\n", 0755)}) {
    const auto outcome = demo.run({program}, {"--interception", "none"});
    INFO(program << outcome.err);
    CHECK(outcome.status == 7);
    CHECK(outcome.out == "teal 0 0");
    CHECK(outcome.err.find("files, names and connections are this machine's") != std::string::npos);
  }
  CHECK(demo.run({home + "/missing"}, {"--interception", "none"}).status == 127);
  CHECK(demo.sessions_left().empty());
}

TEST_CASE("a layer that doesn't load ends the program") {
  auto& demo = Demo::shared();
  auto options = demo.options();
  options.environment["INPOD_LAYER"] = demo.home().write("libinpod.so", "this is no library\n");
  const auto outcome = demo.start(demo.run_command({"sleep", "30"}), options)->wait(seconds(40));
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.status == 125);
  CHECK(outcome.err.find("can't be loaded into") != std::string::npos);
  CHECK(demo.sessions_left().empty());
}

TEST_CASE("targets that aren't there are named") {
  auto& demo = Demo::shared();
  const auto gone = demo.inpod({"run", "-t", "local:999999999", "--", "true"});
  CHECK(gone.status == 125);
  CHECK(gone.err.find("no process 999999999") != std::string::npos);
  for (const char* bad : {"local:", "local:x", "local:0", "local:-1", "local:1x"}) {
    const auto outcome = demo.inpod({"run", "-t", bad, "--", "true"});
    CHECK(outcome.status == 125);
    CHECK(outcome.err.find("local:PID") != std::string::npos);
  }
  const auto none = demo.inpod({"run", "--", "true"});
  CHECK(none.status == 125);
  CHECK(none.err.find("no target given") != std::string::npos);
  CHECK(demo.inpod({"run", "-t", demo.target()}).status == 125);
}

TEST_CASE("an ordinary user can't enter another user's namespaces, and is told") {
  if (geteuid() != 0) return;  // needs two users
  auto& demo = Demo::shared();
  const TemporaryDirectory home;
  REQUIRE(chown(home.path().c_str(), 23456, 23456) == 0);
  ProcessOptions options;
  options.uid = 23456;
  options.directory = home.path();
  options.environment = {{"HOME", home.path()}, {"XDG_RUNTIME_DIR", home.path()}};
  const auto outcome = run({INPOD, "run", "-t", demo.target(), "--", "true"}, options);
  CHECK(outcome.status == 125);
  CHECK(outcome.err.find("cannot enter the namespaces of process") != std::string::npos);
  CHECK(outcome.err.find("Run inpod as root (sudo)") != std::string::npos);
}
