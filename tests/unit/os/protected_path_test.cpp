// Which files others could have changed, and which they could not.
#include "os/protected_path.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "catch.hpp"
#include "os/directories.hpp"
#include "support/process.hpp"

using namespace inpod;
using test::TemporaryDirectory;

namespace {

constexpr uid_t other = 65534;

/// A variable for the length of a scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_ ? before_->c_str() : nullptr); }

 private:
  void set(const char* value) const {
    if (value == nullptr)
      unsetenv(name_);
    else
      setenv(name_, value, 1);
  }
  const char* name_;
  std::optional<std::string> before_;
};

int code_of(const std::string& path) {
  const auto file = open_protected(path);
  return file ? 0 : file.error().code;
}

void give_to(uid_t uid, const std::string& path) {
  REQUIRE(lchown(path.c_str(), uid, uid) == 0);
}

}  // namespace

TEST_CASE("a file of ours in a directory of ours is opened, with its path without links") {
  const TemporaryDirectory folder;
  const auto path = folder.write("a/b", "text");
  const auto file = open_protected(folder.path() + "/a/../a/./b");
  REQUIRE(file);
  CHECK(file->path == path);
  char text[5] = {};
  CHECK(read(file->fd.get(), text, 4) == 4);
  CHECK(std::string(text) == "text");
  CHECK(check_protected(folder.path()));
}

TEST_CASE("writable by others: the file, its directory, or one above it") {
  if (getuid() != 0) return;
  const TemporaryDirectory folder;
  const auto path = folder.write("a/b/c", "");
  for (const std::string changed : {"/a/b/c", "/a/b", "/a", ""}) {
    for (const mode_t mode : {0777, 0770, 0722}) {
      INFO(changed << " " << std::oct << mode);
      const auto at = folder.path() + changed;
      REQUIRE(chown(at.c_str(), getuid(), 12345) == 0);
      REQUIRE(chmod(at.c_str(), mode) == 0);
      CHECK(code_of(path) == not_protected);
      REQUIRE(chmod(at.c_str(), 0755) == 0);
      CHECK(code_of(path) == 0);
    }
  }
}

TEST_CASE("a sticky directory may be everybody's, as /tmp") {
  const TemporaryDirectory folder;
  const auto path = folder.write("a/b", "");
  REQUIRE(chmod((folder.path() + "/a").c_str(), 01777) == 0);
  CHECK(code_of(path) == 0);
}

TEST_CASE("of another user: the file, its directory, or one above it") {
  if (getuid() != 0) return;
  const TemporaryDirectory folder;
  const auto path = folder.write("a/b/c", "");
  for (const std::string changed : {"/a/b/c", "/a/b", "/a", ""}) {
    INFO(changed);
    give_to(other, folder.path() + changed);
    CHECK(code_of(path) == not_protected);
    give_to(0, folder.path() + changed);
  }
  CHECK(code_of(path) == 0);
}

TEST_CASE("a link is judged, and so is all that it leads through") {
  if (getuid() != 0) return;
  const TemporaryDirectory folder;
  const auto target = folder.write("safe/file", "");
  folder.write("theirs/x", "");
  namespace fs = std::filesystem;
  fs::create_symlink("safe/file", folder.path() + "/link");
  CHECK(open_protected(folder.path() + "/link")->path == target);
  fs::create_directory_symlink(folder.path() + "/safe", folder.path() + "/folder");
  CHECK(open_protected(folder.path() + "/folder/file")->path == target);

  // One of another user's, as in /tmp; and one that passes through a directory of another user's.
  give_to(other, folder.path() + "/link");
  CHECK(code_of(folder.path() + "/link") == not_protected);
  fs::create_symlink("../safe/file", folder.path() + "/theirs/hop");
  fs::create_symlink("theirs/hop", folder.path() + "/two");
  CHECK(code_of(folder.path() + "/two") == 0);
  give_to(other, folder.path() + "/theirs");
  CHECK(code_of(folder.path() + "/two") == not_protected);

  fs::create_symlink("loop", folder.path() + "/loop");
  CHECK(code_of(folder.path() + "/loop") == ELOOP);
}

TEST_CASE("no regular file: refused without being opened") {
  const TemporaryDirectory folder;
  const auto fifo = folder.path() + "/fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(code_of(fifo) == EINVAL);  // opening it would wait for a writer
  CHECK(code_of(folder.path()) == EINVAL);
  CHECK(code_of("/dev/null") != 0);
  CHECK(code_of(folder.path() + "/none") == ENOENT);
  CHECK(code_of(folder.write("file", "") + "/below") == ENOTDIR);
}

TEST_CASE("a POSIX ACL shows in the mode's group bits, and makes no group private") {
  if (getuid() != 0) return;
  const TemporaryDirectory folder;
  const auto path = folder.write("file", "");
  REQUIRE(chown(path.c_str(), 0, 0) == 0);
  REQUIRE(chmod(path.c_str(), 0660) == 0);
  CHECK(code_of(path) == 0);  // root's private group
  // user::rw- user:65534:rw- group::--- mask::rw- other::---, as <linux/posix_acl_xattr.h> lays it out
  const unsigned char acl[] = {2, 0,   0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  6,
                               0, 254, 255, 0,   0,   4,   0,  0, 0,   255, 255, 255, 255, 16, 0,
                               6, 0,   255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255};
  if (setxattr(path.c_str(), "system.posix_acl_access", acl, sizeof acl, 0) != 0) {
    WARN("this file system has no POSIX ACLs");
    return;
  }
  CHECK(code_of(path) == not_protected);
}

TEST_CASE("root under sudo takes the files of the user who called it, and nobody else's") {
  if (getuid() != 0) return;
  const TemporaryDirectory folder;
  const auto path = folder.write("file", "");
  give_to(other, path);
  for (const char* uid : {"", "65533", "65534x", "x", "-1", "4294967295"}) {
    INFO(uid);
    const Variable sudo("SUDO_UID", uid);
    CHECK(code_of(path) == not_protected);
  }
  const Variable sudo("SUDO_UID", "65534");
  CHECK(code_of(path) == 0);
}

TEST_CASE("the home is $HOME only where that is an absolute path") {
  {
    const Variable home("HOME", "/somewhere");
    CHECK(home_directory() == "/somewhere");
  }
  for (const char* value : {static_cast<const char*>(nullptr), "", "relative"}) {
    const Variable home("HOME", value);
    CHECK(home_directory().substr(0, 1) == "/");
    CHECK(home_directory() != "/somewhere");
  }
}

TEST_CASE("a state directory of somebody else's is refused") {
  if (getuid() != 0) return;
  const TemporaryDirectory folder;
  const Variable state("XDG_STATE_HOME", folder.path().c_str());
  REQUIRE(state_directory("part"));
  give_to(other, folder.path() + "/inpod/part");
  CHECK_FALSE(state_directory("part"));
  give_to(0, folder.path() + "/inpod/part");
  REQUIRE(chmod((folder.path() + "/inpod/part").c_str(), 0750) == 0);
  CHECK_FALSE(state_directory("part"));
}
