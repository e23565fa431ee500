// See layer_pod.hpp.
#include "layer_pod.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "catch.hpp"

namespace inpod::test {
namespace {

const std::string scripts = POD_SCRIPTS;

std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

LayerPod::LayerPod(uid_t uid) : uid_(uid), home_(directory_.path() + "/home") {
  for (const std::string& folder : {home_, directory_.path() + "/run"}) {
    REQUIRE(mkdir(folder.c_str(), 0700) == 0);
    REQUIRE(chown(folder.c_str(), uid_, uid_) == 0);
  }
  directory_.write("home/here", "here\n");
  REQUIRE(chown(directory_.path().c_str(), uid_, uid_) == 0);
  std::vector<std::string> up{scripts + "/up", directory_.path() + "/pod"};
  if (uid_ != 0) up = joined({"unshare", "--user", "--map-root-user"}, up);
  auto made = test::run(up, options("/"));
  INFO(made.err);
  REQUIRE(made.status == 0);
  pid_ = made.out.substr(0, made.out.find('\n'));
  world_ = read_file(directory_.path() + "/pod/world.pid");
  world_ = world_.substr(0, world_.find('\n'));
  install_debuggees();
  make_tree();
}

LayerPod::~LayerPod() {
  test::run({scripts + "/down", directory_.path() + "/pod"});
}

LayerPod& LayerPod::shared() {
  static LayerPod pod;
  return pod;
}

ProcessOptions LayerPod::options(const std::string& directory) const {
  ProcessOptions options;
  options.environment = {
      {"XDG_RUNTIME_DIR", directory_.path() + "/run"}, {"HOME", home_}, {"XDG_STATE_HOME", home_ + "/state"}};
  options.unset = {"INPOD_LAYER", "INPOD_AGENT", "LD_PRELOAD"};
  options.directory = directory;
  options.uid = uid_;
  return options;
}

std::vector<std::string> LayerPod::enter(const std::string& pid, const std::vector<std::string>& namespaces,
                                         const std::vector<std::string>& command) const {
  std::vector<std::string> all{"nsenter", "-t", pid, "-n", "--preserve-credentials"};
  if (uid_ != 0) all.push_back("-U");
  all = joined(all, namespaces);
  all.push_back("--");
  return joined(all, command);
}

std::vector<std::string> LayerPod::in_pod(std::vector<std::string> command) const {
  return enter(pid_, {"-m", "-u", "-i", "-p", "-r"}, command);
}

std::vector<std::string> LayerPod::in_world(std::vector<std::string> command) const {
  return enter(world_, {}, command);
}

std::vector<std::string> LayerPod::by_inpod(std::vector<std::string> command,
                                            const std::vector<std::string>& flags) const {
  auto all = joined({INPOD, "run", "-t", "local:" + pid_}, flags);
  all.push_back("--");
  return joined(all, command);
}

std::string LayerPod::shell(const std::string& script) const {
  const auto outcome = test::run(in_pod({"sh", "-ec", "cd /tmp\n" + script}), options("/"));
  INFO(script << "\n" << outcome.err);
  REQUIRE(outcome.status == 0);
  return outcome.out;
}

void LayerPod::install_debuggees() const {
  shell("mkdir /debuggees; echo here >/tmp/here");
  const auto copied = test::run(
      {"sh", "-ec",
       "cd " LAYER_DEBUGGEES "; tar cf - . | " +
           [&] {
             std::string text;
             for (const auto& word : in_pod({"tar", "xf", "-", "-C", "/debuggees", "--no-same-owner"}))
               text += word + " ";
             return text;
           }()},
      options("/"));
  INFO(copied.err);
  REQUIRE(copied.status == 0);
}

void LayerPod::make_tree() const {
  shell(R"(mkdir -p /data/tree/sub /data/tree/many; cd /data/tree
printf 'first line\nsecond line\nthe third\n' >small.txt
: >empty
seq 1 100000 | head -c 300000 >middle.bin
seq 1 3000000 | head -c 20000000 >big.bin
echo deep >sub/deep.txt
ln -s small.txt link; ln -s nowhere dangling; ln -s loop loop
printf '#!/bin/sh\necho script\n' >script.sh; chmod 755 script.sh
echo secret >noone; chmod 000 noone
for i in $(seq 150); do echo $i >many/file$i.txt; done)");
}

std::unique_ptr<Process> LayerPod::start_outside(std::vector<std::string> arguments,
                                                 std::vector<std::string> flags) const {
  arguments[0] = std::string(LAYER_DEBUGGEES) + "/" + arguments[0];
  return std::make_unique<Process>(by_inpod(std::move(arguments), flags), options(home_));
}

std::unique_ptr<Process> LayerPod::start_inside(std::vector<std::string> arguments) const {
  arguments[0] = "/debuggees/" + arguments[0];
  return std::make_unique<Process>(in_pod(joined({"env", "-C", "/tmp"}, arguments)), options("/"));
}

Outcome LayerPod::outside(std::vector<std::string> arguments, std::vector<std::string> flags) const {
  return start_outside(std::move(arguments), std::move(flags))->wait(seconds(120));
}

Outcome LayerPod::inside(std::vector<std::string> arguments) const {
  return start_inside(std::move(arguments))->wait(seconds(60));
}

Outcome LayerPod::run(std::vector<std::string> command, std::vector<std::string> flags) const {
  return test::run(by_inpod(std::move(command), flags), options(home_));
}

void check_same(const std::vector<std::string>& arguments, const std::vector<std::string>& flags) {
  auto& pod = LayerPod::shared();
  const auto there = pod.inside(arguments);
  const auto here = pod.outside(arguments, flags);
  INFO(arguments[0]);
  CHECK(there.out != "");
  CHECK(there.status == 0);
  CHECK(here.out == there.out);
  CHECK(here.err == "");
  CHECK(here.status == there.status);
}

}  // namespace inpod::test
