// What the debugger wrappers read from command lines and file systems.
#include "cli/debugger_arguments.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "catch.hpp"

using namespace inpod::cli;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/inpod-wrapper-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void script(const std::string& name, const std::string& text) const {
    std::ofstream(path + "/" + name) << text;
    chmod((path + "/" + name).c_str(), 0755);
  }
  std::string path;
};

}  // namespace

TEST_CASE("a question about the debugger starts no session") {
  CHECK(only_asks({"--version"}));
  CHECK(only_asks({"-q", "--configuration"}));
  CHECK(only_asks({"-nx", "-v"}));
  CHECK_FALSE(only_asks({}));
  CHECK_FALSE(only_asks({"--interpreter=mi2", "-q", "./app"}));
  CHECK_FALSE(only_asks({"--args", "./app", "--version"}));
  CHECK_FALSE(only_asks({"--", "./app", "-h"}));
}

TEST_CASE("the program on an lldb command line") {
  CHECK(lldb_program({"./app"}) == "./app");
  CHECK(lldb_program({"-b", "-o", "run", "./app", "x"}) == "./app");
  CHECK(lldb_program({"-f", "./app"}) == "./app");
  CHECK(lldb_program({"--file=./app"}) == "./app");
  CHECK(lldb_program({"-S", "init", "--", "./app", "-p", "1"}) == "./app");
  CHECK_FALSE(lldb_program({}));
  CHECK_FALSE(lldb_program({"-o"}));
  CHECK_FALSE(lldb_program({"--"}));
  CHECK_FALSE(lldb_program({"-p", "12"}));
  CHECK_FALSE(lldb_program({"--core=core", "./app"}));
}

TEST_CASE("the real debugger is found behind wrapper scripts") {
  const Folder first, second;
  first.script("gdb", "#!/bin/sh\nexec inpod gdb-wrapper \"$@\"\n");
  second.script("gdb", "#!/bin/sh\necho real\n");
  CHECK(find_debugger("gdb", first.path + ":" + second.path).value() == second.path + "/gdb");
  CHECK_FALSE(find_debugger("gdb", first.path));
  CHECK(find_debugger("gdb", first.path).error().remedy.find("INPOD_GDB") != std::string::npos);
}

TEST_CASE("the newest numbered debugger where there is no plain one") {
  const Folder folder;
  folder.script("lldb-14", "#!/bin/sh\n");
  folder.script("lldb-19", "#!/bin/sh\n");
  folder.script("lldb-server-20", "#!/bin/sh\n");
  folder.script("lldb-x", "#!/bin/sh\n");
  CHECK(find_debugger("lldb", folder.path).value() == folder.path + "/lldb-19");
}
