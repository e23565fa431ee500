// See credentials.hpp. The raw system calls are used: glibc's wrappers would change every thread of the
// process.
#include "target/credentials.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace inpod::agent {
namespace {

/// The text after "Name:" up to the line's end, without blanks at the front; empty where there is no such
/// line.
std::string_view field(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    std::size_t end = status.find('\n');
    std::string_view line = status.substr(0, end);
    if (line.substr(0, name.size()) == name && line.substr(name.size(), 1) == ":") {
      line.remove_prefix(name.size() + 1);
      std::size_t start = line.find_first_not_of("\t ");
      return start == line.npos ? std::string_view() : line.substr(start);
    }
    if (end == status.npos) break;
    status.remove_prefix(end + 1);
  }
  return {};
}

template <class Number>
bool next_number(std::string_view& text, Number& number, int base) {
  std::size_t start = text.find_first_not_of("\t ");
  if (start == text.npos) return false;
  text.remove_prefix(start);
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (failure != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

struct Capabilities {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  bool read() { return ::syscall(SYS_capget, &header, data) == 0; }
  std::uint64_t permitted() const { return data[0].permitted | std::uint64_t{data[1].permitted} << 32; }
  std::uint64_t effective() const { return data[0].effective | std::uint64_t{data[1].effective} << 32; }
  bool write(std::uint64_t new_permitted, std::uint64_t new_effective) {
    for (int half = 0; half < 2; ++half) {
      data[half].permitted = static_cast<std::uint32_t>(new_permitted >> (32 * half));
      data[half].effective = static_cast<std::uint32_t>(new_effective >> (32 * half));
      data[half].inheritable = 0;
    }
    return ::syscall(SYS_capset, &header, data) == 0;
  }
};

Failed not_taken(const std::string& what, int code) {
  return Failed(Error{
      code,
      "cannot take on the target's " + what + (code ? std::string(": ") + strerror(code) : std::string()),
      "its ids must be mapped in its user namespace, and no seccomp profile may keep the agent from "
      "setresuid(2), "
      "setresgid(2) and setgroups(2)"});
}

std::string in_words(const std::array<uid_t, 3>& ids) {
  return std::to_string(ids[0]) + ", " + std::to_string(ids[1]) + ", " + std::to_string(ids[2]);
}

/// Whether the calling thread's supplementary groups are these, in any order.
bool has_groups(std::vector<gid_t> wanted) {
  int count = ::getgroups(0, nullptr);
  std::vector<gid_t> own(static_cast<std::size_t>(std::max(count, 0)));
  if (count > 0) count = ::getgroups(count, own.data());
  if (count < 0) return false;
  own.resize(static_cast<std::size_t>(count));
  std::sort(own.begin(), own.end());
  std::sort(wanted.begin(), wanted.end());
  return own == wanted;
}

/// The kernel lets no one change groups in some user namespaces (EPERM, user_namespaces(7)), and a group that
/// is not mapped there can't be had: then the agent's own stay.
Result<void> take_on_groups(const std::vector<gid_t>& groups, bool able) {
  constexpr gid_t unmapped = 65534;
  const int code = ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0 ? 0 : errno;
  const bool impossible = code == EPERM || std::find(groups.begin(), groups.end(), unmapped) != groups.end();
  if (able && !impossible && !has_groups(groups)) return not_taken("groups", code);
  return {};
}

Result<void> take_on_gids(const std::array<gid_t, 3>& wanted, bool able) {
  const int code = ::syscall(SYS_setresgid, wanted[0], wanted[1], wanted[2]) == 0 ? 0 : errno;
  std::array<gid_t, 3> own{};
  ::getresgid(&own[0], &own[1], &own[2]);
  if (able && own != wanted) return not_taken("group ids (" + in_words(wanted) + ")", code);
  return {};
}

Result<void> take_on_uids(const std::array<uid_t, 3>& wanted, bool able) {
  const int code = ::syscall(SYS_setresuid, wanted[0], wanted[1], wanted[2]) == 0 ? 0 : errno;
  std::array<uid_t, 3> own{};
  ::getresuid(&own[0], &own[1], &own[2]);
  if (able && own != wanted) return not_taken("user ids (" + in_words(wanted) + ")", code);
  return {};
}

}  // namespace

Result<Credentials> parse_credentials(std::string_view status) {
  Credentials result;
  std::string_view uids = field(status, "Uid"), gids = field(status, "Gid"), groups = field(status, "Groups");
  std::string_view permitted = field(status, "CapPrm"), effective = field(status, "CapEff");
  for (int i = 0; i < 3; ++i) {
    if (!next_number(uids, result.uids[i], 10) || !next_number(gids, result.gids[i], 10))
      return fail("the process's status has no Uid or Gid");
  }
  for (gid_t group; next_number(groups, group, 10);) result.groups.push_back(group);
  if (!next_number(permitted, result.permitted, 16) || !next_number(effective, result.effective, 16))
    return fail("the process's status has no capabilities");
  return result;
}

Result<void> take_on(const Credentials& credentials) {
  Capabilities own;
  if (!own.read()) return not_taken("capabilities", errno);
  const std::uint64_t permitted = own.permitted() & credentials.permitted;
  bool sets_groups = has_capability(CAP_SETGID), sets_users = has_capability(CAP_SETUID);
  ::umask(0);
  TRY_VOID(take_on_groups(credentials.groups, sets_groups));
  TRY_VOID(take_on_gids(credentials.gids, sets_groups));
  ::prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L);
  TRY_VOID(take_on_uids(credentials.uids, sets_users));
  if (!own.write(permitted, permitted & credentials.effective)) return not_taken("capabilities", errno);
  return {};
}

bool has_capability(int capability) {
  Capabilities own;
  return own.read() && (own.effective() >> capability & 1);
}

}  // namespace inpod::agent
