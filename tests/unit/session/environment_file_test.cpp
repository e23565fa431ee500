// An environment on its way past a debugger or a shell.
#include "session/environment_file.hpp"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "catch.hpp"
#include "session/pipe.hpp"

using namespace inpod;

namespace {

struct Ended {
  int code = -1;
  std::string out;
};

/// Becomes `program` in a child, as behind a debugger.
Ended exec_behind(const EnvironmentFile& file, const std::vector<std::string>& program) {
  auto command = file.command();
  command.erase(command.begin());  // this executable, which is no inpod
  command.insert(command.end(), program.begin(), program.end());
  auto output = make_pipe();
  REQUIRE(output);
  const pid_t child = fork();
  if (child == 0) {
    dup2(output->write.get(), 1);
    _exit(exec_with_environment(command).value_or(1));
  }
  output->write.reset();
  Ended ended;
  char buffer[4096];
  for (ssize_t count; (count = read(output->read.get(), buffer, sizeof buffer)) > 0;)
    ended.out.append(buffer, static_cast<std::size_t>(count));
  int status = 0;
  waitpid(child, &status, 0);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

bool has_entry(const std::string& zero_separated, const std::string& entry) {
  return ("\0" + zero_separated).find(std::string("\0", 1) + entry + std::string("\0", 1)) !=
             std::string::npos ||
         zero_separated.starts_with(entry + std::string("\0", 1));
}

}  // namespace

TEST_CASE("the program gets its variables byte for byte, and what was removed is gone") {
  setenv("INPOD_TEST_GONE", "1", 1);
  setenv("INPOD_TEST_STAYS", "1", 1);
  auto file = EnvironmentFile::create();
  REQUIRE(file);
  REQUIRE(file->write({{"ODD", "a\n'\"\\ $(x) `y` \x03 \xff ü=b"}, {"EMPTY", ""}}, {"INPOD_TEST_GONE"}));
  const auto ended = exec_behind(*file, {"env", "-0"});
  CHECK(ended.code == 0);
  CHECK(has_entry(ended.out, "ODD=a\n'\"\\ $(x) `y` \x03 \xff ü=b"));
  CHECK(has_entry(ended.out, "EMPTY="));
  CHECK(has_entry(ended.out, "INPOD_TEST_STAYS=1"));
  CHECK(ended.out.find("INPOD_TEST_GONE") == std::string::npos);
  for (const auto& word : file->command()) CHECK(word.find("ODD") == std::string::npos);
}

TEST_CASE("a value ends at its NUL: what is behind becomes no variable, and removes none") {
  using namespace std::string_literals;
  auto file = EnvironmentFile::create();
  REQUIRE(file);
  REQUIRE(file->write({{"ONE", "1\0SMUGGLED=2"s}, {"TWO", "2\0PATH"s}}, {}));
  const auto ended = exec_behind(*file, {"env", "-0"});
  CHECK(ended.code == 0);
  CHECK(has_entry(ended.out, "ONE=1"));
  CHECK(has_entry(ended.out, "TWO=2"));
  CHECK(ended.out.find("SMUGGLED") == std::string::npos);
  CHECK(ended.out.find("PATH=") != std::string::npos);
}

TEST_CASE("a second write takes the first one's place, under the same name") {
  auto file = EnvironmentFile::create();
  REQUIRE(file);
  const auto command = file->command();
  REQUIRE(file->write({{"FIRST", std::string(100000, 'x')}}, {}));
  REQUIRE(file->write({{"SECOND", "2"}}, {}));
  CHECK(file->command() == command);
  const auto ended = exec_behind(*file, {"env", "-0"});
  CHECK(has_entry(ended.out, "SECOND=2"));
  CHECK(ended.out.find("FIRST") == std::string::npos);
}

TEST_CASE("without the file nothing runs, and a program that is not there has env's exit code") {
  auto file = EnvironmentFile::create();
  REQUIRE(file);
  CHECK(exec_behind(*file, {"/no/such/program"}).code == 127);
  CHECK(exec_behind(*file, {"/etc/passwd"}).code == 126);
  CHECK(exec_with_environment({"exec-environment", "/proc/self/fd/4096", "--", "/bin/true"}) == 125);
  CHECK_FALSE(exec_with_environment({"run", "x", "--", "y"}));
  CHECK_FALSE(exec_with_environment({"exec-environment"}));
}
