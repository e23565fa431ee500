// Form of the file: "NAME=value" for a variable to set, "NAME" for one to remove, each with a zero byte
// behind.
#include "session/environment_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "kube/exec_pointers.hpp"
#include "session/environment.hpp"
#include "session/paths.hpp"

namespace inpod {
namespace {

constexpr const char* command_name = "exec-environment";

Result<void> write_all(int file, const std::string& content) {
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t count =
        pwrite(file, content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (count < 0 && errno != EINTR) return fail_errno("cannot hold the program's environment");
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  return {};
}

Result<std::string> read_all(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno("cannot open the program's environment, " + path);
  std::string content;
  char buffer[4096];
  while (true) {
    const ssize_t count = read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("cannot read the program's environment, " + path);
    if (count == 0) return content;
    content.append(buffer, static_cast<std::size_t>(count));
  }
}

/// Returns on failure.
Error exec_program(const std::string& content, const std::vector<std::string>& program) {
  std::map<std::string, std::string> set;
  std::vector<std::string> unset;
  for (std::size_t at = 0; at < content.size();) {
    const std::string entry(content.c_str() + at);
    at += entry.size() + 1;
    if (const auto equals = entry.find('='); equals == std::string::npos)
      unset.push_back(entry);
    else
      set[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  const auto environment = merged_environment(set, unset);
  execvpe(program[0].c_str(), kube::exec_pointers(program).data(), kube::exec_pointers(environment).data());
  return fail_errno("cannot run " + program[0]).value();
}

}  // namespace

Result<EnvironmentFile> EnvironmentFile::create() {
  UniqueFd file(memfd_create("inpod-environment", MFD_CLOEXEC));
  if (!file) return fail_errno("cannot hold the program's environment (memfd_create)");
  return EnvironmentFile(std::move(file));
}

Result<void> EnvironmentFile::write(const std::map<std::string, std::string>& set,
                                    const std::vector<std::string>& unset) {
  std::string content;
  for (const auto& name : unset) content.append(name).push_back('\0');
  // Up to a NUL, as execve(2) takes them: what is behind must not become a variable of its own.
  const auto up_to_nul = [](const std::string& text) { return text.substr(0, text.find('\0')); };
  for (const auto& [name, value] : set)
    content.append(up_to_nul(name)).append("=").append(up_to_nul(value)).push_back('\0');
  if (ftruncate(file_.get(), 0) != 0) return fail_errno("cannot hold the program's environment");
  return write_all(file_.get(), content);
}

std::vector<std::string> EnvironmentFile::command() const {
  return {self_path(), command_name,
          "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(file_.get()), "--"};
}

std::optional<int> exec_with_environment(const std::vector<std::string>& arguments) {
  if (arguments.size() < 4 || arguments[0] != command_name || arguments[2] != "--") return std::nullopt;
  const auto content = read_all(arguments[1]);
  const Error error =
      content ? exec_program(*content, {arguments.begin() + 3, arguments.end()}) : content.error();
  fprintf(stderr, "inpod: %s\n", error.to_string().c_str());
  if (!content) return 125;
  return error.code == ENOENT ? 127 : error.code == EACCES || error.code == ENOEXEC ? 126 : 125;
}

}  // namespace inpod
