// See program_check.hpp. What the layer can be loaded into is judged by session/program.hpp, for all
// launchers alike.
#include "dap/program_check.hpp"

#include <unistd.h>

#include <filesystem>

#include "session/program.hpp"

namespace inpod::dap {

Result<std::string> locate_program(const std::string& program, const std::string& directory) {
  namespace fs = std::filesystem;
  if (program.empty())
    return fail("the launch request names no program", "set \"program\" to the executable's path");
  std::error_code error;
  fs::path path = program;
  if (!fs::exists(path, error) && path.is_relative() && !directory.empty()) path = fs::path(directory) / path;
  const fs::path real = fs::canonical(path, error);
  if (error)
    return fail("the program " + program + " can't be found: " + error.message(),
                "build it, or correct \"program\"");
  if (!fs::is_regular_file(real, error))
    return fail("the program " + real.string() + " is not a file",
                "set \"program\" to the executable's path");
  if (access(real.c_str(), X_OK) != 0)
    return fail("the program " + real.string() + " is not executable", "chmod +x it, or name the executable");
  return real.string();
}

Result<void> check_program(const std::string& program, bool intercepted) {
  TRY_ASSIGN(judged, inspect_program(program, "", intercepted));
  if (judged.executable == program) return {};
  return fail("the program " + program + " is a script, which a debugger can't start",
              "set \"program\" to " + judged.executable + " and \"args\" to the script");
}

}  // namespace inpod::dap
