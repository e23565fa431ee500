// See credentials.hpp. The raw system calls are used: glibc's wrappers would change every thread of the process.
#include "target/credentials.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>

namespace inpod::agent {
namespace {

/// The text after "Name:" up to the line's end, without blanks at the front; empty where there is no such line.
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
  void write(std::uint64_t new_permitted, std::uint64_t new_effective) {
    for (int half = 0; half < 2; ++half) {
      data[half].permitted = static_cast<std::uint32_t>(new_permitted >> (32 * half));
      data[half].effective = static_cast<std::uint32_t>(new_effective >> (32 * half));
      data[half].inheritable = 0;
    }
    ::syscall(SYS_capset, &header, data);
  }
};

}  // namespace

Result<Credentials> parse_credentials(std::string_view status) {
  Credentials result;
  std::string_view uids = field(status, "Uid"), gids = field(status, "Gid"), groups = field(status, "Groups");
  std::string_view permitted = field(status, "CapPrm"), effective = field(status, "CapEff"), mask = field(status, "Umask");
  for (int i = 0; i < 3; ++i) {
    if (!next_number(uids, result.uids[i], 10) || !next_number(gids, result.gids[i], 10))
      return fail("the process's status has no Uid or Gid");
  }
  for (gid_t group; next_number(groups, group, 10);) result.groups.push_back(group);
  if (!next_number(permitted, result.permitted, 16) || !next_number(effective, result.effective, 16))
    return fail("the process's status has no capabilities");
  next_number(mask, result.umask, 8);  // from Linux 4.7 on
  return result;
}

void take_on(const Credentials& credentials) {
  Capabilities own;
  bool known = own.read();
  std::uint64_t permitted = known ? own.permitted() & credentials.permitted : 0;
  ::umask(credentials.umask);
  ::syscall(SYS_setgroups, credentials.groups.size(), credentials.groups.data());
  ::syscall(SYS_setresgid, credentials.gids[0], credentials.gids[1], credentials.gids[2]);
  ::prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L);
  ::syscall(SYS_setresuid, credentials.uids[0], credentials.uids[1], credentials.uids[2]);
  if (known) own.write(permitted, permitted & credentials.effective);
}

bool has_capability(int capability) {
  Capabilities own;
  return own.read() && (own.effective() >> capability & 1);
}

}  // namespace inpod::agent
