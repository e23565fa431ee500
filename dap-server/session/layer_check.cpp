// LD_TRACE_LOADED_OBJECTS, as ldd(1) uses it: the loader maps everything, prints what it mapped and ends.
#include "session/layer_check.hpp"

#include "session/brief_run.hpp"

namespace inpod {
namespace {

using namespace std::chrono_literals;

constexpr auto bound = 10s;
constexpr const char* remedy =
    "It must be readable, not on a file system mounted noexec, and built for this machine; inpod needs glibc 2.28 or newer. "
    "`inpod check` tests it with a trivial program";

}  // namespace

Result<void> check_layer_loads(const std::string& layer, const std::string& program) {
  const auto run = run_briefly({program}, {"LD_TRACE_LOADED_OBJECTS=1", "LD_PRELOAD=" + layer}, bound);
  if (!run) return Failed(run.error().context("cannot ask the loader about " + program));
  // "\t/path/of/libinpod.so (0x00007f…)" where it was taken.
  if (run->out.find(layer + " (0x") != std::string::npos) return {};
  const std::string said = run->err.substr(0, run->err.find('\n'));
  return fail("the layer " + layer + " can't be loaded into " + program + ": " + (said.empty() ? run->status : said), remedy);
}

}  // namespace inpod
