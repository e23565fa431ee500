// Adapters found on PATH, and programs that can or can't take the layer.
#include "dap/adapter_choice.hpp"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "dap/adapter_process.hpp"
#include "dap/program_check.hpp"

using namespace inpod::dap;
namespace fs = std::filesystem;

namespace {

/// A directory that is all of PATH meanwhile.
struct OwnPath {
  OwnPath() {
    std::string pattern = fs::temp_directory_path() / "inpod-unit-XXXXXX";
    directory = mkdtemp(pattern.data());
    setenv("PATH", (directory + ":/usr/bin:/bin").c_str(), 1);
    setenv("HOME", directory.c_str(), 1);
  }
  ~OwnPath() {
    setenv("PATH", path.c_str(), 1);
    setenv("HOME", home.c_str(), 1);
    fs::remove_all(directory);
  }
  std::string add(const std::string& name, const std::string& script = "#!/bin/sh\n") const {
    fs::create_directories(fs::path(directory + "/" + name).parent_path());
    std::ofstream(directory + "/" + name) << script;
    fs::permissions(directory + "/" + name, fs::perms::owner_all);
    return directory + "/" + name;
  }
  std::string path = getenv("PATH"), home = getenv("HOME") ? getenv("HOME") : "/", directory;
};

}  // namespace

TEST_CASE("the newest lldb-dap is taken, and a plain one before it") {
  const OwnPath own;
  own.add("lldb-dap-9991");
  const auto newest = own.add("lldb-dap-9992");
  own.add("lldb-dap-x");
  CHECK(installed_adapter()->argv == std::vector<std::string>{newest});
  const auto plain = own.add("lldb-dap");
  CHECK(adapter_from_name("lldb-dap")->argv == std::vector<std::string>{plain});
}

TEST_CASE("gdb must be 14 or newer") {
  const OwnPath own;
  own.add("gdb", "#!/bin/sh\necho 'GNU gdb (Debian 13.1-3) 13.1'\n");
  CHECK(adapter_from_name("gdb").error().text.find("version 13") != std::string::npos);
  const auto good = own.add("gdb", "#!/bin/sh\necho 'GNU gdb (GDB) 16.3'\n");
  CHECK(adapter_from_name("gdb")->argv == std::vector<std::string>{good, "-q", "-i", "dap"});
}

TEST_CASE("editors' own adapters are found among their extensions") {
  const OwnPath own;
  CHECK_FALSE(adapter_from_name("codelldb"));
  own.add(".vscode/extensions/vadimcn.vscode-lldb-1.10.0/adapter/codelldb");
  const auto newer = own.add(".vscode/extensions/vadimcn.vscode-lldb-1.11.4/adapter/codelldb");
  CHECK(adapter_from_name("lldb")->argv == std::vector<std::string>{newer, "--port", "${port}"});
  const auto cpptools =
      own.add(".vscode-server/extensions/ms-vscode.cpptools-1.2/debugAdapters/bin/OpenDebugAD7");
  CHECK(adapter_from_name("cppdbg")->argv == std::vector<std::string>{cpptools});
}

TEST_CASE("launch.json's debugger: a name or a command") {
  const OwnPath own;
  const auto mine = own.add("mine");
  const AdapterCommand want{{mine, "-x"}, "lldb-dap"};
  CHECK(*adapter_from_json({{"command", "mine"}, {"args", {"-x"}}, {"type", "lldb-dap"}}) == want);
  CHECK(adapter_from_json("mine")->argv == std::vector<std::string>{mine});
  CHECK_FALSE(adapter_from_json(7));
  CHECK_FALSE(adapter_from_json(nlohmann::json::object()));
  CHECK_FALSE(adapter_from_json({{"command", "mine"}, {"args", {1}}}));
  CHECK_FALSE(adapter_from_json("absent"));
  CHECK(adapter_from_command_line(" mine  a b ")->argv == std::vector<std::string>{mine, "a", "b"});
  CHECK(adapter_from_command_line(R"(["mine","a b"])")->argv == std::vector<std::string>{mine, "a b"});
  CHECK_FALSE(adapter_from_command_line(" "));
}

TEST_CASE("the adapter's own environment has nothing of the layer") {
  const char* from[] = {"A=1", "INPOD_SOCKET=/s", "LD_PRELOAD=/l/libinpod.so:/user.so /x/libinpod.so",
                        "LD_PRELOADX=1", nullptr};
  CHECK(environment_without_layer(from) ==
        std::vector<std::string>{"A=1", "LD_PRELOAD=/user.so", "LD_PRELOADX=1"});
  const char* only[] = {"LD_PRELOAD=libinpod.so", nullptr};
  CHECK(environment_without_layer(only).empty());
}

TEST_CASE("programs: found as debuggers find them, and scripts are refused") {
  const OwnPath own;
  CHECK(*locate_program("/bin/sh", "") == fs::canonical("/bin/sh").string());
  CHECK(*locate_program("sh", "/bin") == fs::canonical("/bin/sh").string());
  CHECK(locate_program("", "").error().text.find("no program") != std::string::npos);
  CHECK(locate_program("/absent", "").error().text.find("can't be found") != std::string::npos);
  CHECK(locate_program("/tmp", "").error().text.find("not a file") != std::string::npos);
  CHECK(check_program(own.add("script"), true).error().text.find("script") != std::string::npos);
}
