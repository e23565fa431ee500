// The search for a config file, and reading one.
#include "config/find.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "config/node_builder.hpp"
#include "os/directories.hpp"
#include "os/protected_path.hpp"

namespace inpod::config {
namespace {

namespace fs = std::filesystem;

constexpr std::array file_names{"config.yaml", "config.yml", "config.json"};
constexpr std::array repositories{".git", ".hg", ".jj", ".svn"};

/// Whether the name is there: whatever it is, and also where that may not be seen.
bool is_there(const fs::path& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

bool is_repository(const fs::path& directory) {
  return std::any_of(repositories.begin(), repositories.end(),
                     [&](const char* name) { return is_there(directory / name); });
}

/// A bind mount has its parent's device, so the device alone does not tell.
bool is_mount(const fs::path& directory) {
  struct statx info {};
  if (statx(AT_FDCWD, directory.c_str(), AT_NO_AUTOMOUNT, STATX_TYPE, &info) != 0)
    return errno != ENOENT && errno != ENOTDIR;  // not there (yet): its parents are looked at
  if ((info.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
    return (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  struct statx parent {};  // before Linux 5.8
  return statx(AT_FDCWD, directory.parent_path().c_str(), AT_NO_AUTOMOUNT, STATX_TYPE, &parent) != 0 ||
         info.stx_dev_major != parent.stx_dev_major || info.stx_dev_minor != parent.stx_dev_minor;
}

Result<std::string> read_all(int fd, const std::string& path) {
  std::string content(NodeBuilder::max_bytes + 1, '\0');
  std::size_t length = 0;
  while (length < content.size()) {
    const ssize_t count = read(fd, content.data() + length, content.size() - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("cannot read config file " + path);
    if (count == 0) break;
    length += static_cast<std::size_t>(count);
  }
  content.resize(length);
  return content;
}

/// The file's verdict as a warning: it is not read.
std::string not_read(const fs::path& path, const Error& error) {
  return path.string() + " is not read: " + error.text +
         (error.remedy.empty() ? "" : " (if it is as you want it: " + error.remedy + ")");
}

/// What stands in `directory` itself.
Found look_in(const fs::path& directory) {
  Found found;
  fs::path first;
  for (const char* name : file_names) {
    const auto path = directory / ".inpod" / name;
    if (!is_there(path)) continue;
    if (!first.empty()) {
      found.warning = path.string() + " is not read: " + first.filename().string() + " beside it is";
      continue;
    }
    first = path;
    auto file = read_found(path.string());
    if (!file) return {std::nullopt, not_read(path, file.error())};
    found.file = std::move(*file);
  }
  return found;
}

}  // namespace

bool is_within(const std::string& path, const std::string& folder) {
  return folder == "/" || path == folder || path.rfind(folder + "/", 0) == 0;
}

Result<Found> find_file(const std::string& directory, const std::string& trusted_folder) {
  if (directory.empty()) return Found{};
  std::error_code error;
  const auto canonical = [&](const std::string& path) {
    return path.empty() ? fs::path() : fs::weakly_canonical(fs::absolute(path, error), error);
  };
  auto at = canonical(directory);
  if (error || !at.is_absolute())
    return fail("cannot look for .inpod/config.yaml from " + directory + ": " + error.message(),
                "name the config file: -f FILE");
  const auto trusted = canonical(trusted_folder).string();
  const auto home = canonical(home_directory());
  while (trusted.empty() || at == trusted || !is_within(trusted, at.string())) {
    auto found = look_in(at);
    if (found.file || !found.warning.empty()) return found;
    if (at == trusted || at == home || at == at.root_path() || is_repository(at) || is_mount(at)) break;
    at = at.parent_path();
  }
  return Found{};
}

Result<std::string> read_file(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return fail_errno("cannot read config file " + path);
  return read_all(file.get(), path);
}

Result<FoundFile> read_found(const std::string& path) {
  TRY_ASSIGN(file, open_protected(path));
  TRY_ASSIGN(content, read_all(file.fd.get(), file.path));
  const auto folder = fs::path(file.path).parent_path();
  return FoundFile{file.path, (folder.filename() == ".inpod" ? folder.parent_path() : folder).string(),
                   std::move(content)};
}

}  // namespace inpod::config
