// Folders that only this machine has, on the way to a program's own: they exist for the program, too.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "catch.hpp"
#include "layer_pod.hpp"

using namespace inpod::test;

namespace {

/// /inpod-above-XXXXXX/projects/app, the user's; the pod has nothing of it.
class Projects {
 public:
  explicit Projects(uid_t uid) {
    REQUIRE(::mkdtemp(top_.data()) != nullptr);
    REQUIRE(::chmod(top_.c_str(), 0755) == 0);
    std::filesystem::create_directories(app());
    std::filesystem::create_directories(top_ + "/beside");
    REQUIRE(::chown(app().c_str(), uid, uid) == 0);
  }
  Projects(const Projects&) = delete;
  Projects& operator=(const Projects&) = delete;
  ~Projects() { std::filesystem::remove_all(top_); }

  const std::string& top() const { return top_; }
  std::string app() const { return top_ + "/projects/app"; }

 private:
  std::string top_ = "/inpod-above-XXXXXX";
};

Outcome in_folder(const std::string& folder, const std::string& script) {
  const auto& pod = LayerPod::shared();
  return run(pod.by_inpod({"bash", "-c", script}), pod.options(folder));
}

}  // namespace

TEST_CASE("a folder that the pod lacks exists where something local lies below it") {
  const Projects projects(LayerPod::ordinary_user);
  const auto here = in_folder(projects.app(), R"sh(
top=${PWD%/projects/app}
stat -c %F "$top" "$top/projects"
[ "$(realpath -e "$PWD/.")" = "$PWD" ] && echo realpath
mkdir -p "$PWD/a/b" && echo mkdir
install -D /dev/null "$PWD/c/d" && echo install
ls "$top/projects"
cd "$top" && pwd -P | grep -c "$top" && cd projects/app && echo cd
test -e "$top/beside" || echo "beside is not there"
git init -q "$PWD/e" && echo git
mkdir "$top" 2>&1 | grep -o 'File exists'
python3 -c '
import os, sys
fd = os.open(sys.argv[1], os.O_PATH | os.O_DIRECTORY)
print(os.listdir(os.open("projects", os.O_RDONLY, dir_fd=fd)))' "$top"
touch "$top/new" 2>&1 | grep -o 'Read-only file system'
)sh");
  CHECK(here.out ==
        "directory\ndirectory\nrealpath\nmkdir\ninstall\napp\n1\ncd\nbeside is not there\ngit\nFile exists\n"
        "['app']\nRead-only file system\n");
  CHECK_FALSE(std::filesystem::exists(projects.top() + "/new"));
}
