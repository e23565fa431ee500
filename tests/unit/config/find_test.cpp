// Which config file is found: where the search ends, and whose file is read.
#include "config/find.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "catch.hpp"
#include "support/process.hpp"

using namespace inpod;
using test::TemporaryDirectory;

namespace {

/// "" without a file; its warning where it has one.
std::string found(const std::string& directory, const std::string& trusted_folder = {}) {
  const auto result = config::find_file(directory, trusted_folder);
  REQUIRE(result);
  return result->file ? result->file->path : result->warning;
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the nearest config above the directory is found") {
  const TemporaryDirectory folder;
  const auto outer = folder.write(".inpod/config.json", "{}");
  std::filesystem::create_directories(folder.path() + "/a/b");
  CHECK(found(folder.path() + "/a/b") == outer);
  const auto inner = folder.write("a/.inpod/config.yaml", "text: 1\n");
  CHECK(found(folder.path() + "/a/b") == inner);
  CHECK(found(folder.path()) == outer);
  CHECK(found(folder.path() + "/a/./b/.") == inner);
  CHECK(found(folder.path() + "/a/no/such/folder") == inner);
  const auto file = config::find_file(folder.path() + "/a/b")->file;
  CHECK(file->content == "text: 1\n");
  CHECK(file->folder == folder.path() + "/a");
  CHECK(found("").empty());
}

TEST_CASE("the directory counts as it is, not as it is written") {
  const TemporaryDirectory folder;
  const auto path = folder.write("real/.inpod/config.yaml", "");
  folder.write("here/.inpod/config.yaml", "");
  std::filesystem::create_directories(folder.path() + "/real/deep");
  std::filesystem::create_directory_symlink("../real/deep", folder.path() + "/here/link");
  CHECK(found(folder.path() + "/here/link") == path);
}

TEST_CASE("of two files in one directory the second is named as not read") {
  const TemporaryDirectory folder;
  const auto yaml = folder.write(".inpod/config.yaml", "");
  const auto json = folder.write(".inpod/config.json", "{}");
  const auto both = config::find_file(folder.path());
  REQUIRE(both);
  REQUIRE(both->file);
  CHECK(both->file->path == yaml);
  CHECK(both->warning == json + " is not read: config.yaml beside it is");
}

TEST_CASE("the search ends with a repository's root") {
  for (const char* mark : {".git/HEAD", ".git", ".hg/x", ".svn/x", ".jj/x"}) {
    INFO(mark);
    const TemporaryDirectory folder;
    folder.write(".inpod/config.yaml", "");
    folder.write("repository/source/x", "");
    folder.write(std::string("repository/") + mark, "gitdir: ../x");
    CHECK(found(folder.path() + "/repository/source").empty());
    const auto own = folder.write("repository/.inpod/config.yaml", "");
    CHECK(found(folder.path() + "/repository/source") == own);
  }
}

TEST_CASE("the search ends with the home") {
  const TemporaryDirectory folder;
  folder.write(".inpod/config.yaml", "");
  folder.write("home/project/x", "");
  const char* before = getenv("HOME");
  const std::string home = before == nullptr ? "/" : before;
  setenv("HOME", (folder.path() + "/home").c_str(), 1);
  CHECK(found(folder.path() + "/home/project").empty());
  const auto own = folder.write("home/.inpod/config.yaml", "");
  CHECK(found(folder.path() + "/home/project") == own);
  setenv("HOME", home.c_str(), 1);
}

TEST_CASE("the search ends with a mount's root, also of a bind mount") {
  const TemporaryDirectory folder;
  folder.write(".inpod/config.yaml", "");
  folder.write("elsewhere/deep/x", "");
  folder.write("mount/x", "");
  const auto mount_point = folder.path() + "/mount";
  if (mount((folder.path() + "/elsewhere").c_str(), mount_point.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    WARN("this user may not mount");
    return;
  }
  CHECK(found(mount_point + "/deep").empty());
  const auto own = folder.write("elsewhere/.inpod/config.yaml", "");
  CHECK(found(mount_point + "/deep") == mount_point + "/.inpod/config.yaml");
  CHECK(umount2(mount_point.c_str(), MNT_DETACH) == 0);
}

TEST_CASE("nothing is looked for above the trusted folder") {
  const TemporaryDirectory folder;
  const auto above = folder.write(".inpod/config.yaml", "");
  folder.write("trusted/deep/x", "");
  folder.write("beside/x", "");
  const auto trusted = folder.path() + "/trusted";
  CHECK(found(trusted + "/deep") == above);
  CHECK(found(trusted + "/deep", trusted).empty());
  CHECK(found(folder.path(), trusted).empty());
  CHECK(found(folder.path() + "/beside", trusted).empty());
  const auto beside = folder.write("beside/.inpod/config.yaml", "");
  CHECK(found(folder.path() + "/beside", trusted) == beside);
  const auto own = folder.write("trusted/.inpod/config.yaml", "");
  CHECK(found(trusted + "/deep", trusted + "/") == own);
}

TEST_CASE("a file that others can change is not read, nor is one above it") {
  const TemporaryDirectory folder;
  const auto above = folder.write(".inpod/config.yaml", "target: above\n");
  const auto path = folder.write("a/.inpod/config.yaml", "target: near\n");
  const auto directory = folder.path() + "/a";
  for (const std::string changed : {"/.inpod/config.yaml", "/.inpod", ""}) {
    INFO(changed);
    REQUIRE(chmod((directory + changed).c_str(), 0777) == 0);
    CHECK(found(directory).rfind(path + " is not read: everybody may write to " + directory + changed, 0) ==
          0);
    CHECK(contains(found(directory), "chmod go-w"));
    REQUIRE(chmod((directory + changed).c_str(), 0755) == 0);
    CHECK(found(directory) == path);
  }
}

TEST_CASE("a file of another user's is not read: one planted in /tmp") {
  if (getuid() != 0) return;
  const TemporaryDirectory folder;  // stands for /tmp
  REQUIRE(chmod(folder.path().c_str(), 01777) == 0);
  const auto path = folder.write(".inpod/config.yaml", "target: theirs\n");
  folder.write("project/x", "");
  CHECK(found(folder.path() + "/project") == path);
  for (const std::string changed : {"/.inpod/config.yaml", "/.inpod"}) {
    REQUIRE(chown((folder.path() + changed).c_str(), 65534, 65534) == 0);
    CHECK(contains(found(folder.path() + "/project"), "'s, not yours"));
    REQUIRE(chown((folder.path() + changed).c_str(), 0, 0) == 0);
  }
}

TEST_CASE("what is no regular file is named, and neither read nor waited for") {
  const TemporaryDirectory folder;
  std::filesystem::create_directories(folder.path() + "/.inpod/config.json");
  CHECK(contains(found(folder.path()), "is not a regular file"));
  REQUIRE(mkfifo((folder.path() + "/.inpod/config.yaml").c_str(), 0600) == 0);
  CHECK(contains(found(folder.path()), "config.yaml is not read"));
  std::filesystem::remove(folder.path() + "/.inpod/config.yaml");
  std::filesystem::create_symlink("config.yaml", folder.path() + "/.inpod/config.yaml");
  CHECK(contains(found(folder.path()), "symbolic links"));
  std::filesystem::remove(folder.path() + "/.inpod/config.yaml");
  std::filesystem::create_symlink("/dev/zero", folder.path() + "/.inpod/config.yaml");
  CHECK(contains(found(folder.path()), "is not read"));
}
