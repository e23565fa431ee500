// See answer_checks.hpp.
#include "relay/answer_checks.hpp"

#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>

#include "protocol/printable.hpp"

namespace inpod::relay {
namespace {

using namespace std::string_view_literals;
using protocol::AddressFamily;

constexpr std::size_t most_resolved = 1024;  // a reply of a name server over TCP holds fewer (64 KiB)
constexpr std::size_t longest_host = NI_MAXHOST - 1;
constexpr std::size_t longest_own_name = 64;  // HOST_NAME_MAX, __NEW_UTS_LEN
constexpr std::size_t longest_unix_path = 107;
constexpr std::size_t most_interfaces = 4096;      // with their addresses
constexpr std::uint64_t largest_block = 1u << 30;  // st_blksize: stdio allocates as much

bool is_inet(const protocol::SocketAddress& address) {
  return address.family == AddressFamily::ipv4 || address.family == AddressFamily::ipv6;
}

/// Letters of host names (glibc's res_hnok), of services, of addresses in numbers, and of other languages:
/// what shells, terminals and paths take as plain text.
bool is_host_text(std::string_view text) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c >= 0x80 ||
           std::string_view(".-_:%+").find(static_cast<char>(c)) != std::string_view::npos;
  };
  return text.size() <= longest_host && std::all_of(text.begin(), text.end(), allowed) &&
         protocol::shown_line(text) == text;
}

bool is_own_name(std::string_view text) {
  return text == "(none)" || (text.size() <= longest_own_name && is_host_text(text));
}

/// As the kernel's dev_valid_name, and in plain text; a label may have a colon.
bool is_interface_name(std::string_view text) {
  return !text.empty() && text.size() < IF_NAMESIZE && text != "." && text != ".." &&
         text.find_first_of(" /\0\n"sv) == text.npos && protocol::shown_line(text) == text;
}

}  // namespace

const char* fault_in_name(std::string_view name) {
  if (name.empty()) return "a name that is empty";
  if (name.size() > NAME_MAX) return "a name longer than 255 bytes";
  if (name.find('/') != name.npos) return "a name with a slash in it";
  return name.find('\0') != name.npos ? "a name with a NUL in it" : nullptr;
}

const char* fault_in_link(std::string_view target) {
  if (target.empty()) return "a link to nowhere";
  if (target.size() >= PATH_MAX) return "a link longer than a path can be";
  return target.find('\0') != target.npos ? "a link with a NUL in it" : nullptr;
}

const char* fault_in_real_path(std::string_view path) {
  if (path.empty() || path[0] != '/') return "a real path that is not absolute";
  if (path.size() >= PATH_MAX) return "a real path longer than a path can be";
  if (path.find('\0') != path.npos) return "a real path with a NUL in it";
  if (path == "/") return nullptr;
  for (std::size_t at = 1; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    const auto part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return "a real path that is not canonical";
    at = end + 1;
  }
  return nullptr;
}

Asked asked_of(const protocol::OpenFile& request) {
  Asked asked;
  asked.length = request.inline_limit;
  asked.subject = request.path;
  return asked;
}

Asked asked_of(const protocol::ReadFile& request) {
  Asked asked;
  asked.length = request.length;
  return asked;
}

Asked asked_of(const protocol::WriteFile& request) {
  Asked asked;
  asked.length = request.data.size();
  return asked;
}

Asked asked_of(const protocol::Resolve& request) {
  Asked asked;
  asked.family = request.family;
  asked.subject = request.host;
  return asked;
}

Asked asked_of(const protocol::Connect& request) {
  Asked asked;
  asked.of_unix = !is_inet(request.remote);
  return asked;
}

Asked asked_of(const protocol::ReadLink& request) {
  Asked asked;
  asked.text = Asked::Text::link;
  asked.subject = request.path;
  return asked;
}

Asked asked_of(const protocol::RealPath& request) {
  Asked asked;
  asked.text = Asked::Text::real_path;
  asked.subject = request.path;
  return asked;
}

const char* fault_in(const Asked&, const protocol::FileStat& stat) {
  if (stat.size > INT64_MAX || stat.blocks > INT64_MAX) return "a size that no file has";
  if (stat.block_size > largest_block) return "a block size that no file has";
  switch (stat.mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFLNK:
    case S_IFIFO:
    case S_IFSOCK:
    case 0:  // what has no kind, such as an eventfd(2) in /proc/PID/fd
      return stat.special_device == 0 ? nullptr : "a device number of what is no device";
    case S_IFBLK:
    case S_IFCHR:
      return nullptr;
  }
  return "a kind of file that does not exist";
}

const char* fault_in(const Asked& asked, const protocol::OpenedFile& opened) {
  if (opened.content.size() > asked.length) return "more bytes than were asked for";
  // The agent says nothing of what has no path, such as a pipe.
  if (!opened.real_path.empty())
    if (const char* fault = fault_in_real_path(opened.real_path)) return fault;
  return fault_in(asked, opened.stat);
}

const char* fault_in(const Asked& asked, const protocol::FileData& answer) {
  if (answer.data.size() > asked.length) return "more bytes than were asked for";
  return fault_in(asked, answer.stat);
}

const char* fault_in(const Asked& asked, const protocol::FileStream& answer) {
  return fault_in(asked, answer.stat);
}

const char* fault_in(const Asked& asked, const protocol::Written& answer) {
  if (answer.length > asked.length) return "more bytes than were written";
  return fault_in(asked, answer.stat);
}

const char* fault_in(const Asked& asked, const protocol::Directory& page) {
  if (page.entries.empty() && page.cursor != 0) return "a list that does not end";
  for (const auto& entry : page.entries) {
    if (const char* fault = fault_in_name(entry.name)) return fault;
    if (entry.has_stat)
      if (const char* fault = fault_in(asked, entry.stat)) return fault;
  }
  return fault_in(asked, page.stat);
}

const char* fault_in(const Asked& asked, const protocol::Text& answer) {
  if (asked.text == Asked::Text::link) return fault_in_link(answer.text);
  return asked.text == Asked::Text::real_path ? fault_in_real_path(answer.text) : nullptr;
}

const char* fault_in(const Asked& asked, const protocol::Resolved& answer) {
  if (answer.addresses.size() > most_resolved || answer.aliases.size() > most_resolved)
    return "more addresses than a name can have";
  for (const auto& entry : answer.addresses) {
    const auto family = entry.address.family;
    if (!is_inet(entry.address)) return "an address that is none";
    // An IPv6 address where IPv4 is expected would not fit the program's memory.
    if (asked.family == AF_INET && family != AddressFamily::ipv4) return "an address of another kind";
  }
  const auto& name = answer.canonical_name;
  const bool plain = (name == asked.subject || is_host_text(name)) &&
                     std::all_of(answer.aliases.begin(), answer.aliases.end(), is_host_text);
  return plain ? nullptr : "a host name with characters that no host name has";
}

const char* fault_in(const Asked&, const protocol::ResolvedName& answer) {
  const bool plain = is_host_text(answer.host) && is_host_text(answer.service);
  return plain ? nullptr : "a host name with characters that no host name has";
}

const char* fault_in(const Asked& asked, const protocol::Connected& answer) {
  for (const auto* address : {&answer.local, &answer.remote}) {
    if (!asked.of_unix && address->family != AddressFamily::none && !is_inet(*address))
      return "an address of another kind";
    if (address->path.size() > longest_unix_path) return "an address longer than one can be";
  }
  return nullptr;
}

const char* fault_in(const Asked&, const protocol::Interfaces& answer) {
  std::size_t records = 0;
  for (const auto& interface : answer.interfaces) {
    if (!is_interface_name(interface.name)) return "an interface name that no interface has";
    if (interface.index == 0 || interface.index > INT32_MAX) return "an interface number that is none";
    records += 1 + interface.addresses.size();
    for (const auto& one : interface.addresses) {
      const bool ipv4 = one.address.family == AddressFamily::ipv4;
      const bool has_other = one.other.family != AddressFamily::none;
      if (!is_inet(one.address) || (has_other && one.other.family != one.address.family))
        return "an address that is none";
      if (one.prefix > (ipv4 ? 32 : 128)) return "a network mask that is none";
      if (!is_interface_name(one.label)) return "an interface name that no interface has";
    }
  }
  return records > most_interfaces ? "more interfaces than a pod can have" : nullptr;
}

const char* fault_in(const protocol::Pod& pod) {
  if (!is_own_name(pod.hostname) || !is_own_name(pod.domainname))
    return "a host name with characters that no host name has";
  return std::all_of(pod.addresses.begin(), pod.addresses.end(), is_inet) ? nullptr
                                                                          : "an address that is none";
}

const char* fault_in(const protocol::Incoming& event) {
  return is_inet(event.remote) && is_inet(event.local) ? nullptr : "an address that is none";
}

}  // namespace inpod::relay
