// LD_TRACE_LOADED_OBJECTS, as ldd(1) uses it: the loader maps everything, prints what it mapped and ends.
#include "session/layer_check.hpp"

#include <elf.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "kube/program.hpp"

namespace inpod {
namespace {

using namespace std::chrono_literals;

constexpr auto bound = 10s;
constexpr const char* remedy =
    "It must be readable, not on a file system mounted noexec, and built for this machine; inpod needs glibc "
    "2.28 or newer. "
    "`inpod check` tests it with a trivial program";

Result<void> check_loader(const std::string& process) {
  std::ifstream file(process + "/auxv", std::ios::binary);
  Elf64_auxv_t entry{};
  bool has_loader = false, secure = false, read_any = false;
  while (file.read(reinterpret_cast<char*>(&entry), sizeof entry) && entry.a_type != AT_NULL) {
    read_any = true;
    if (entry.a_type == AT_BASE) has_loader = entry.a_un.a_val != 0;
    if (entry.a_type == AT_SECURE) secure = entry.a_un.a_val != 0;
  }
  if (!read_any) return {};
  if (secure)
    return fail("the program gained rights when it started, so the loader ignores LD_PRELOAD",
                "run a copy without these rights");
  if (!has_loader) return fail("the program is static, so the layer can't be loaded into it");
  return {};
}

}  // namespace

protocol::Task<Result<void>> check_layer_loads(std::string layer, std::string program) {
  kube::Program loader;
  loader.command.push_back(program);
  loader.environment.push_back("LD_TRACE_LOADED_OBJECTS=1");
  loader.environment.push_back("LD_PRELOAD=" + layer);
  loader.whole_environment = true;
  loader.timeout = bound;
  const auto run = co_await kube::run_program(std::move(loader));
  if (!run) co_return Failed(run.error().context("cannot ask the loader about " + program));
  // "\t/path/of/libinpod.so (0x00007f…)" where it was taken.
  if (run->output.find(layer + " (0x") != std::string::npos) co_return Result<void>();
  std::string said = run->errors.substr(0, run->errors.find('\n'));
  if (said.empty()) said = "exit code " + std::to_string(run->exit_code);
  co_return fail("the layer " + layer + " can't be loaded into " + program + ": " + said, remedy);
}

Result<LayerSeen> check_layer_in(int pid, const std::string& executable, const std::string& layer) {
  if (layer.empty()) return LayerSeen::loaded;
  const std::string process = "/proc/" + std::to_string(pid);
  std::error_code error;
  if (!std::filesystem::equivalent(process + "/exe", executable, error) || error)
    return LayerSeen::other_program;
  TRY_VOID(check_loader(process));
  std::ifstream file(process + "/maps");
  const std::string maps((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (maps.find(layer) != std::string::npos) return LayerSeen::loaded;
  if (maps.find("/libc.so.6") == std::string::npos) return LayerSeen::loading;
  return fail(
      "the program was started, but the loader did not load the layer, " + layer,
      "The loader's own message may stand above. `inpod check` tests the layer with a trivial program");
}

}  // namespace inpod
