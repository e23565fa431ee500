// Look-ups of inpod's own files and directories.
#include "session/paths.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "os/directories.hpp"

namespace inpod {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::string> first_existing(const std::string& what, const std::vector<fs::path>& candidates,
                                   const std::string& remedy) {
  std::string tried;
  for (const auto& candidate : candidates) {
    std::error_code ignored;
    if (fs::is_regular_file(candidate, ignored)) return fs::weakly_canonical(candidate, ignored).string();
    tried += (tried.empty() ? "" : ", ") + candidate.lexically_normal().string();
  }
  return fail(what + " was not found; tried " + tried, remedy);
}

/// LD_PRELOAD is a list, and knows no way to quote what divides it (ld.so(8)).
Result<std::string> loadable(Result<std::string> layer) {
  if (!layer || layer->find_first_of(" :") == std::string::npos) return layer;
  return fail("the layer's path, " + *layer + ", holds a space or a colon, which LD_PRELOAD can't carry",
              "install inpod below a path without them, or set INPOD_LAYER to a copy of the file that lies "
              "elsewhere");
}

}  // namespace

std::string self_path() {
  std::error_code error;
  const auto path = fs::read_symlink("/proc/self/exe", error);
  return error ? std::string{} : path.string();
}

Result<std::string> find_layer() {
  if (const auto given = environment("INPOD_LAYER"); !given.empty()) {
    return loadable(first_existing("INPOD_LAYER", {given}, "unset INPOD_LAYER, or point it at libinpod.so"));
  }
  const auto bin = fs::path(self_path()).parent_path();
  return loadable(
      first_existing("libinpod.so, the layer,",
                     {bin / "libinpod.so", bin / "../lib/inpod/libinpod.so", bin / "../lib/libinpod.so"},
                     "install inpod as a whole, or set INPOD_LAYER to the file"));
}

Result<std::string> find_agent(const std::string& configured) {
  if (!configured.empty())
    return first_existing("agent.path", {configured}, "correct agent.path in the config");
  if (const auto given = environment("INPOD_AGENT"); !given.empty()) {
    return first_existing("INPOD_AGENT", {given}, "unset INPOD_AGENT, or point it at inpod-agent");
  }
  const auto bin = fs::path(self_path()).parent_path();
  return first_existing("inpod-agent", {bin / "inpod-agent", bin / "../lib/inpod/inpod-agent"},
                        "install inpod as a whole, or set agent.path to the file");
}

namespace {

/// In /tmp another user may have the name. Then others are tried, in an order that is always the same: all of
/// this user's commands must find one another.
Result<std::string> runtime_root_in_tmp(const std::string& name, std::size_t longest) {
  const std::string path = "/tmp" + name;
  auto made = make_private_directory(path);
  if (made) return path;
  auto own = state_directory("run");
  if (own && own->size() <= longest) return own;
  for (int number = 1; number <= 9; ++number) {
    const std::string other = path + "-" + std::to_string(number);
    if (make_private_directory(other)) return other;
  }
  return Failed(made.error());
}

}  // namespace

Result<std::string> runtime_root() {
  const std::string name = "/inpod-" + std::to_string(geteuid());
  const std::string base = environment("XDG_RUNTIME_DIR");
  // "/<session id>/relay" must still fit into sun_path.
  constexpr std::size_t longest = 80;
  if (base.empty() || base[0] != '/' || base.size() + name.size() > longest ||
      access(base.c_str(), W_OK | X_OK) != 0)
    return runtime_root_in_tmp(name, longest);
  const std::string path = base + name;
  TRY_VOID(make_private_directory(path));
  return path;
}

Result<std::string> agent_state_directory() {
  return state_directory("agents");
}

}  // namespace inpod
