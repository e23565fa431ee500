// The checks of this machine. ptrace_scope: Documentation/admin-guide/LSM/Yama.rst of the kernel.
#include <unistd.h>

#include <fstream>

#include "cli/check.hpp"
#include "session/brief_run.hpp"
#include "session/paths.hpp"
#include "session/program.hpp"

namespace inpod::cli {
namespace {

using namespace std::chrono_literals;

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string own_path() {
  const char* path = getenv("PATH");
  return path == nullptr ? "/usr/bin:/bin" : path;
}

void check_agent_file(const Config& config, const Tell& tell) {
  const auto path = find_agent(config.agent.path);
  if (!path) {
    const bool needed = config.agent.image.empty();
    tell({"agent file", needed ? Verdict::failed : Verdict::ok, path.error().text, path.error().remedy});
    return;
  }
  const auto version = run_briefly({*path, "--version"}, {}, 5s);
  if (!version) {
    tell({"agent file", Verdict::failed, *path + " does not run: " + version.error().text,
          "install inpod anew"});
  } else if (version->status != "exit code 0") {
    tell({"agent file", Verdict::failed, *path + " does not run: " + version->status, "install inpod anew"});
  } else {
    tell({"agent file", Verdict::ok, *path + " (" + first_line(version->out) + ")", {}});
  }
}

/// The map of a trivial program's memory shows whether the loader took the layer.
void check_layer(const Tell& tell) {
  const auto layer = find_layer();
  if (!layer) {
    tell({"layer", Verdict::failed, layer.error().text, layer.error().remedy});
    return;
  }
  const auto cat = find_program("cat", own_path());
  if (!cat) {
    tell({"layer", Verdict::warning, "no `cat` to try it with: " + cat.error().text, {}});
    return;
  }
  // Passive: the program to inject is another one.
  const auto run =
      run_briefly({*cat, "/proc/self/maps"}, {"LD_PRELOAD=" + *layer, "INPOD_PROGRAM=/nowhere"}, 5s);
  if (!run) {
    tell({"layer", Verdict::failed, run.error().text, {}});
  } else if (run->status != "exit code 0" || run->out.find(*layer) == std::string::npos) {
    const std::string why = run->err.empty() ? run->status : first_line(run->err);
    tell({"layer", Verdict::failed, *layer + " does not load into " + *cat + ": " + why,
          "It must be readable, not on a noexec file system, and built for this machine; inpod needs glibc "
          "2.28 or newer"});
  } else {
    tell({"layer", Verdict::ok, *layer + " loads", {}});
  }
}

void check_ptrace(const Tell& tell) {
  int scope = 0;
  std::ifstream("/proc/sys/kernel/yama/ptrace_scope") >> scope;
  const std::string text = "kernel.yama.ptrace_scope is " + std::to_string(scope);
  const char* remedy = "sudo sysctl kernel.yama.ptrace_scope=1";
  if (scope >= 2 && geteuid() != 0) {
    tell({"ptrace", Verdict::failed, text + ": debuggers may not trace programs of yours",
          scope == 3 ? "it is locked until the next boot" : remedy});
  } else {
    tell({"ptrace", Verdict::ok, text + ": debuggers may trace what they start", {}});
  }
}

void check_debuggers(const Tell& tell) {
  bool any = false;
  for (const char* name :
       {"lldb-dap", "lldb-dap-22", "lldb-dap-21", "lldb-dap-20", "lldb-dap-19", "lldb-dap-18", "lldb-vscode",
        "lldb-vscode-14", "gdb", "cdt-gdb-adapter", "OpenDebugAD7"}) {
    const auto path = find_program(name, own_path());
    if (!path) continue;
    const bool adapter_only = std::string(name) == "cdt-gdb-adapter" || std::string(name) == "OpenDebugAD7";
    std::string version;
    if (!adapter_only) {
      const auto run = run_briefly({*path, "--version"}, {"HOME=/nonexistent", "PATH=" + own_path()}, 10s);
      if (run) version = first_line(run->out.empty() ? run->err : run->out);
    }
    any = true;
    tell({"debugger", Verdict::ok, *path + (version.empty() ? "" : " (" + version + ")"), {}});
  }
  if (!any) {
    tell({"debugger", Verdict::warning, "no debugger found in PATH; `inpod run` works without one",
          "install lldb (its lldb-dap), or gdb 14 or newer"});
  }
}

}  // namespace

void check_machine(const Config& config, const Tell& tell) {
  check_agent_file(config, tell);
  check_layer(tell);
  check_ptrace(tell);
  check_debuggers(tell);
}

}  // namespace inpod::cli
