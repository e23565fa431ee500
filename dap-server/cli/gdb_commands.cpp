// gdb's settings `exec-wrapper` and `startup-with-shell` decide whether a program gets to the pod, and users
// have reasons to set them: in a .gdbinit, by a command, through MI. Hooks put ours back, with the user's
// wrapper behind it.
#include "cli/gdb_commands.hpp"

#include <nlohmann/json.hpp>

namespace inpod::cli {
namespace {

/// `with exec-wrapper … -- run` goes past the hooks of `set`, so the commands that start a program have some
/// too; there a hook of the user's own stays.
constexpr const char* keep_wrapper = R"python(
def inpod_keep_wrapper():
  text = gdb.parameter('exec-wrapper') or ''
  if not text.startswith(inpod_wrapper):
    gdb.execute('set exec-wrapper ' + ' '.join(filter(None, (inpod_wrapper, text, '--'))))

for command in ('set hookpost-exec-wrapper', 'unset hookpost-exec-wrapper'):
  gdb.execute('define %s\npython inpod_keep_wrapper()\nend' % command)
gdb.execute('define set hookpost-startup-with-shell\nset startup-with-shell on\nend')
for command in ('hook-run', 'hook-start', 'hook-starti'):
  try:
    gdb.execute('show user ' + command, to_string=True)
  except gdb.error:
    gdb.execute('define %s\nset startup-with-shell on\npython inpod_keep_wrapper()\nend' % command)
inpod_keep_wrapper()
)python";

/// A string of Python's, on one line.
std::string python_string(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::vector<std::string> gdb_arguments(const std::string& wrapper) {
  const std::string code = "inpod_wrapper = " + python_string(wrapper) + keep_wrapper;
  // The first before any .gdbinit, whose wrapper the code then finds; it is all there is in a gdb without
  // Python.
  return {"-iex", "set exec-wrapper " + wrapper + " --",     "-ex", "set startup-with-shell on",
          "-ex",  "python exec(" + python_string(code) + ")"};
}

}  // namespace inpod::cli
