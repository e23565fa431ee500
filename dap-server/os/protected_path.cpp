// A walk from the root to a file, one openat(2) with O_NOFOLLOW for each name.
#include "os/protected_path.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <deque>
#include <vector>

namespace inpod {
namespace {

constexpr int most_links = 40;  // as the kernel has it: path_resolution(7)

/// Whose files are accepted.
std::vector<uid_t> accepted_owners() {
  std::vector<uid_t> owners{0, geteuid()};
  const char* caller = geteuid() == 0 ? getenv("SUDO_UID") : nullptr;
  if (caller == nullptr || *caller == '\0') return owners;
  char* end = nullptr;
  const unsigned long uid = strtoul(caller, &end, 10);
  if (*end == '\0' && uid < static_cast<uid_t>(-1)) owners.push_back(static_cast<uid_t>(uid));
  return owners;
}

bool accepted(uid_t owner) {
  const auto owners = accepted_owners();
  return std::find(owners.begin(), owners.end(), owner) != owners.end();
}

std::string user_name(uid_t uid) {
  const passwd* user = getpwuid(uid);
  return user == nullptr ? "user " + std::to_string(uid) : user->pw_name;
}

/// Whether nobody but `uid` is in the group, as far as the user database tells.
bool is_private_group(gid_t gid, uid_t uid) {
  const passwd* user = getpwuid(uid);
  if (user == nullptr || user->pw_gid != gid) return false;
  const std::string name = user->pw_name;
  const group* entry = getgrgid(gid);
  if (entry == nullptr || name != entry->gr_name) return false;
  for (char** member = entry->gr_mem; *member != nullptr; ++member)
    if (name != *member) return false;
  bool shared = false;
  setpwent();
  while (const passwd* other = getpwent()) shared = shared || (other->pw_gid == gid && other->pw_uid != uid);
  endpwent();
  return !shared;
}

bool has_acl(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) > 0;
}

bool group_is_private(int fd, gid_t gid) {
  if (has_acl(fd)) return false;
  const auto owners = accepted_owners();
  return std::any_of(owners.begin(), owners.end(), [&](uid_t uid) { return is_private_group(gid, uid); });
}

Failed changeable(const std::string& text, const std::string& remedy) {
  return Failed(Error{not_protected, text, remedy});
}

/// The verdict on one file, directory or symbolic link.
Result<void> judge(int fd, const struct stat& info, const std::string& path) {
  if (!accepted(info.st_uid)) return changeable(path + " is " + user_name(info.st_uid) + "'s, not yours", "");
  const bool sticky = S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
  if (S_ISLNK(info.st_mode) || sticky) return {};
  if ((info.st_mode & S_IWOTH) != 0)
    return changeable("everybody may write to " + path, "chmod go-w " + path);
  if ((info.st_mode & S_IWGRP) != 0 && !group_is_private(fd, info.st_gid))
    return changeable("others, by their group or an ACL, may write to " + path, "chmod g-w " + path);
  return {};
}

std::string joined(const std::vector<std::string>& names) {
  std::string path;
  for (const auto& name : names) path += "/" + name;
  return path.empty() ? "/" : path;
}

/// In front of what is left of a path, the names of another one.
void prepend(std::deque<std::string>& rest, const std::string& path) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto name = path.substr(begin, end - begin);
    if (!name.empty() && name != ".") names.push_back(name);
    begin = end + 1;
  }
  rest.insert(rest.begin(), names.begin(), names.end());
}

struct Reached {
  UniqueFd fd;  ///< O_PATH
  struct stat info {};
  std::string path;
};

Result<Reached> reach_root() {
  Reached root{UniqueFd(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)), {}, "/"};
  if (!root.fd || fstat(root.fd.get(), &root.info) != 0) return fail_errno("cannot open /");
  TRY_VOID(judge(root.fd.get(), root.info, "/"));
  return root;
}

Result<Reached> reach(const std::string& path) {
  std::deque<std::string> rest;
  std::vector<std::string> names;
  prepend(rest, path);
  TRY_ASSIGN(at, reach_root());
  for (int links = 0; !rest.empty();) {
    const std::string name = rest.front();
    rest.pop_front();
    auto tried = names;
    if (name != "..")
      tried.push_back(name);
    else if (!tried.empty())
      tried.pop_back();
    const std::string place = joined(tried);
    Reached next{UniqueFd(openat(at.fd.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)), {}, place};
    if (!next.fd || fstat(next.fd.get(), &next.info) != 0) return fail_errno("cannot open " + place);
    TRY_VOID(judge(next.fd.get(), next.info, place));
    if (!S_ISLNK(next.info.st_mode)) {
      names = std::move(tried);
      at = std::move(next);
      continue;
    }
    if (++links > most_links) return fail_errno("cannot open " + path, ELOOP);
    char text[PATH_MAX];
    const ssize_t length = readlinkat(next.fd.get(), "", text, sizeof text);
    if (length <= 0 || length == sizeof text) return fail_errno("cannot read the link " + place);
    if (text[0] == '/') {
      names.clear();
      TRY_ASSIGN(root, reach_root());
      at = std::move(root);
    }
    prepend(rest, std::string(text, static_cast<std::size_t>(length)));
  }
  return at;
}

}  // namespace

Result<ProtectedFile> open_protected(const std::string& path) {
  TRY_ASSIGN(at, reach(path));
  if (!S_ISREG(at.info.st_mode)) return Failed(Error{EINVAL, at.path + " is not a regular file", {}});
  // The very file that was judged, whatever has its name by now.
  const std::string same = "/proc/self/fd/" + std::to_string(at.fd.get());
  ProtectedFile file{UniqueFd(open(same.c_str(), O_RDONLY | O_CLOEXEC)), at.path};
  if (!file.fd) return fail_errno("cannot open " + at.path);
  return file;
}

Result<void> check_protected(const std::string& path) {
  TRY_VOID(reach(path));
  return {};
}

}  // namespace inpod
