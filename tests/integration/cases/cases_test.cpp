// Runs each file of tests/cases inside a pod and, by `inpod run`, outside it, and compares what it prints and
// how it ends.
#include <unistd.h>

#include <filesystem>
#include <regex>

#include "case_file.hpp"
#include "catch.hpp"
#include "layer/layer_pod.hpp"

using namespace inpod::test;

namespace {

namespace fs = std::filesystem;

constexpr auto longest_run = seconds(90);

LayerPod& pod_of(const CaseFile& file) {
  static LayerPod of_root(0);
  return file.root ? of_root : LayerPod::shared();
}

/// A folder of the case's own in the user's home, with its source and what is built from it.
class Workshop {
 public:
  Workshop(const LayerPod& pod, const CaseFile& file)
      : pod_(pod), file_(file), folder_(pod.home() + "/" + file.name) {
    auto options = pod.options("/");
    options.environment.insert(
        {{"SRC", folder_ + "/" + file.name}, {"OUT", folder_ + "/program"}, {"DIR", folder_}});
    shell("mkdir -p $DIR; cp " + file.source + " $SRC", options);
    if (!file.build.empty())
      for (const auto& line : file.build) shell("cd $DIR; " + line, options);
    else if (file.kind() == "c" || file.kind() == "cpp")
      shell("cd $DIR; " + std::string(file.kind() == "c" ? "gcc" : "g++ -std=c++20") +
                " -w -g -O1 -pthread -o $OUT $SRC",
            options);
    copy_into_pod();
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop() { fs::remove_all(folder_); }

  const std::string& folder() const { return folder_; }
  std::vector<std::string> command(const std::string& folder) const {
    std::vector<std::string> words;
    if (file_.kind() == "py") words = {"python3", folder + "/" + file_.name};
    if (file_.kind() == "sh") words = {"bash", folder + "/" + file_.name};
    if (words.empty()) words = {folder + "/program"};
    words.insert(words.end(), file_.arguments.begin(), file_.arguments.end());
    return words;
  }
  std::string folder_in_pod() const { return "/cases/" + file_.name; }

 private:
  static void shell(const std::string& script, const ProcessOptions& options) {
    const auto outcome = run({"sh", "-ec", script}, options, longest_run);
    INFO(script << "\n" << outcome.err);
    REQUIRE(outcome.status == 0);
  }
  void copy_into_pod() const {
    std::string enter;
    for (const auto& word : pod_.in_pod(
             {"sh", "-c",
              "'mkdir -p " + folder_in_pod() + " && tar xf - --no-same-owner -C " + folder_in_pod() + "'"}))
      enter += word + " ";
    shell("tar cf - -C " + folder_ + " . | " + enter, pod_.options("/"));
  }

  const LayerPod& pod_;
  const CaseFile& file_;
  std::string folder_;
};

struct Said {
  std::string out, err, driven;
  int status;
};

std::unique_ptr<Process> start_world(const LayerPod& pod, const CaseFile& file, const Workshop& workshop) {
  if (file.world.empty()) return nullptr;
  auto world =
      std::make_unique<Process>(pod.in_world({"sh", "-ec", file.world}), pod.options(workshop.folder()));
  const bool ready = world->wait_for_output("ready", seconds(20));
  INFO("@world said: " << world->out() << world->err());
  REQUIRE(ready);
  return world;
}

Said carry_out(const LayerPod& pod, const CaseFile& file, const Workshop& workshop,
               const std::vector<std::string>& command, const ProcessOptions& options) {
  if (!file.pod.empty()) pod.shell(file.pod);
  const auto world = start_world(pod, file, workshop);
  Process program(command, options);
  Said said;
  if (!file.drive.empty()) {
    const bool ready = program.wait_for_output("ready", seconds(40));
    INFO("the program said: " << program.out() << program.err());
    CHECK(ready);
    said.driven =
        run(pod.in_world({"sh", "-ec", file.drive}), pod.options(workshop.folder()), longest_run).out;
  }
  const auto outcome = program.wait(longest_run);
  CHECK_FALSE(outcome.timed_out);
  said.out = outcome.out, said.err = outcome.err, said.status = outcome.status;
  return said;
}

void check_case(const CaseFile& file) {
  LayerPod& pod = pod_of(file);
  const Workshop workshop(pod, file);
  const auto outside =
      carry_out(pod, file, workshop, pod.by_inpod(workshop.command(workshop.folder()), file.flags),
                pod.options(workshop.folder()));
  INFO("outside, on stderr: " << outside.err);
  if (!file.only_outside) {
    const auto inside_command = workshop.command(workshop.folder_in_pod());
    std::vector<std::string> in_folder{"env", "-C", workshop.folder_in_pod()};
    in_folder.insert(in_folder.end(), inside_command.begin(), inside_command.end());
    const auto inside = carry_out(pod, file, workshop, pod.in_pod(in_folder), pod.options("/"));
    INFO("in the pod, on stderr: " << inside.err);
    CHECK(outside.out == inside.out);
    CHECK(outside.driven == inside.driven);
    CHECK(outside.status == inside.status);
    if (!file.right.empty()) CHECK(inside.out + inside.driven == file.right);
  }
  if (!file.right.empty()) CHECK(outside.out + outside.driven == file.right);
  if (file.allowed_stderr.empty())
    CHECK(outside.err == "");
  else
    CHECK(std::regex_search(outside.err, std::regex(file.allowed_stderr)));
}

}  // namespace

TEST_CASE("each case says outside the pod what it says inside") {
  const auto cases = read_cases(CASES);
  REQUIRE(cases.size() > 0);
  for (const auto& file : cases) DYNAMIC_SECTION(file.name) {
      check_case(file);
    }
}
