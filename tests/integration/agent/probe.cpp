// Runs inside a pod (nsenter): reads operations from stdin, one a line, fields separated by tabs, makes the
// system or library calls itself and prints what they gave, one line each. perform.cpp does the same through
// the agent.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <vector>

#include "answers.hpp"

using namespace inpod;
using namespace inpod::test;

namespace {

using Fields = std::vector<std::string>;

protocol::FileStat stat_at(int directory, const char* path, int flags, bool& good) {
  struct statx raw {};
  good = ::statx(directory, path, flags, STATX_BASIC_STATS | STATX_BTIME, &raw) == 0;
  auto nanoseconds = [](const statx_timestamp& t) { return t.tv_sec * 1'000'000'000LL + t.tv_nsec; };
  protocol::FileStat s;
  s.device = makedev(raw.stx_dev_major, raw.stx_dev_minor);
  s.inode = raw.stx_ino, s.mode = raw.stx_mode, s.links = raw.stx_nlink, s.uid = raw.stx_uid,
  s.gid = raw.stx_gid;
  s.special_device = makedev(raw.stx_rdev_major, raw.stx_rdev_minor);
  s.size = raw.stx_size, s.block_size = raw.stx_blksize, s.blocks = raw.stx_blocks;
  s.modified_ns = nanoseconds(raw.stx_mtime), s.changed_ns = nanoseconds(raw.stx_ctime),
  s.born_ns = nanoseconds(raw.stx_btime);
  return s;
}

std::string open_it(const std::string& path, int flags, mode_t mode) {
  int fd = ::open(path.c_str(), flags, mode);
  if (fd < 0) return failed(errno);
  bool good;
  auto stat = stat_at(fd, "", AT_EMPTY_PATH, good);
  char real[PATH_MAX] = "";
  ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), real, sizeof real - 1);
  std::string content;
  if (S_ISREG(stat.mode) && (flags & O_ACCMODE) != O_WRONLY) {
    char piece[65536];
    for (ssize_t count; (count = ::read(fd, piece, sizeof piece)) > 0;)
      content.append(piece, static_cast<std::size_t>(count));
  }
  ::close(fd);
  return text_of(stat) + " " + std::string(real, length > 0 ? static_cast<std::size_t>(length) : 0) + " " +
         text_of_content(content);
}

std::string list_it(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd < 0) return failed(errno);
  std::string text;
  alignas(8) char buffer[8192];
  for (long length; (length = ::syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; at < length;) {
      auto* entry = reinterpret_cast<dirent64*>(buffer + at);
      at += entry->d_reclen;
      bool good;
      auto stat = stat_at(fd, entry->d_name, AT_SYMLINK_NOFOLLOW, good);
      text += std::string(entry->d_name) + " " + std::to_string(entry->d_ino) + " " +
              std::to_string(entry->d_type) + " " + (good ? text_of(stat) : "-") + "; ";
    }
  }
  ::close(fd);
  return text;
}

std::string change_it(const std::string& kind, const std::string& path, const std::string& other,
                      unsigned long number) {
  int result = -1;
  if (kind == "make_directory") result = ::mkdir(path.c_str(), static_cast<mode_t>(number));
  if (kind == "unlink") result = ::unlink(path.c_str());
  if (kind == "remove_directory") result = ::rmdir(path.c_str());
  if (kind == "rename") result = ::rename(path.c_str(), other.c_str());
  if (kind == "symlink") result = ::symlink(other.c_str(), path.c_str());
  if (kind == "link") result = ::link(path.c_str(), other.c_str());
  if (kind == "chmod") result = ::chmod(path.c_str(), static_cast<mode_t>(number));
  if (kind == "truncate") result = ::truncate(path.c_str(), static_cast<off_t>(number));
  return result == 0 ? "ok" : failed(errno);
}

std::string numeric(const sockaddr* address, socklen_t length) {
  char host[NI_MAXHOST], service[NI_MAXSERV];
  ::getnameinfo(address, length, host, sizeof host, service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV);
  std::string text = host;
  const auto scope = text.find('%');  // by number: names of links differ outside the pod
  if (scope != std::string::npos)
    text.resize(scope),
        text += "%" + std::to_string(reinterpret_cast<const sockaddr_in6*>(address)->sin6_scope_id);
  return text + "#" + service;
}

std::string resolve_it(const Fields& f) {
  addrinfo hints{}, *first = nullptr;
  hints.ai_family = std::stoi(f[3]), hints.ai_socktype = std::stoi(f[4]), hints.ai_protocol = std::stoi(f[5]),
  hints.ai_flags = std::stoi(f[6]);
  int status = ::getaddrinfo(f[1].empty() ? nullptr : f[1].c_str(), f[2].empty() ? nullptr : f[2].c_str(),
                             &hints, &first);
  if (status) return "status " + std::to_string(status);
  std::string text = first && first->ai_canonname ? first->ai_canonname : "";
  for (addrinfo* one = first; one; one = one->ai_next)
    text += " " + std::to_string(one->ai_socktype) + "/" + std::to_string(one->ai_protocol) + "/" +
            numeric(one->ai_addr, one->ai_addrlen);
  ::freeaddrinfo(first);
  return text;
}

std::string resolve_back_it(const Fields& f) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_in);
  auto* four = reinterpret_cast<sockaddr_in*>(&storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&storage);
  if (::inet_pton(AF_INET, f[1].c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(static_cast<std::uint16_t>(std::stoi(f[2])));
  } else {
    ::inet_pton(AF_INET6, f[1].c_str(), &six->sin6_addr);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(static_cast<std::uint16_t>(std::stoi(f[2])));
    length = sizeof *six;
  }
  char host[NI_MAXHOST] = "", service[NI_MAXSERV] = "";
  int status = ::getnameinfo(reinterpret_cast<sockaddr*>(&storage), length, host, sizeof host, service,
                             sizeof service, std::stoi(f[3]));
  return status ? "status " + std::to_string(status) : std::string(host) + " " + service;
}

int address_of(const Fields& f, sockaddr_storage& storage, socklen_t& length) {
  auto* four = reinterpret_cast<sockaddr_in*>(&storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&storage);
  auto* un = reinterpret_cast<sockaddr_un*>(&storage);
  auto port = htons(static_cast<std::uint16_t>(std::stoi(f[3])));
  if (::inet_pton(AF_INET, f[2].c_str(), &four->sin_addr) == 1) {
    four->sin_port = port, length = sizeof *four;
    return four->sin_family = AF_INET;
  }
  storage = {};
  if (::inet_pton(AF_INET6, f[2].c_str(), &six->sin6_addr) == 1) {
    six->sin6_port = port, length = sizeof *six;
    return six->sin6_family = AF_INET6;
  }
  storage = {};
  bool abstract = f[2][0] == '@';
  f[2].copy(un->sun_path + (abstract ? 1 : 0), sizeof un->sun_path - 2, abstract ? 1 : 0);
  length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + f[2].size() + (abstract ? 0 : 1));
  return un->sun_family = AF_UNIX;
}

/// connect, send "ping\n" if it worked, read until the end or 5 bytes.
std::string connect_it(const Fields& f) {
  sockaddr_storage storage{};
  socklen_t length = 0;
  int family = address_of(f, storage, length);
  int fd = ::socket(family, (f[1] == "stream" ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&storage), length) != 0) {
    int code = errno;
    ::close(fd);
    return failed(code);
  }
  char answer[64];
  std::string got;
  (void)!::send(fd, "ping\n", 5, MSG_NOSIGNAL);
  ssize_t count = ::recv(fd, answer, sizeof answer, 0);
  got = count < 0 ? failed(errno) : std::string(answer, static_cast<std::size_t>(count));
  ::close(fd);
  while (!got.empty() && got.back() == '\n') got.pop_back();
  return "connected " + got;
}

std::string perform(const Fields& f) {
  const std::string& what = f[0];
  bool good;
  if (what == "open") return open_it(f[1], std::stoi(f[2]), static_cast<mode_t>(std::stoi(f[3])));
  if (what == "stat" || what == "lstat") {
    auto stat = stat_at(AT_FDCWD, f[1].c_str(), what == "lstat" ? AT_SYMLINK_NOFOLLOW : 0, good);
    return good ? text_of(stat) : failed(errno);
  }
  if (what == "access")
    return ::faccessat(AT_FDCWD, f[1].c_str(), std::stoi(f[2]), std::stoi(f[3])) == 0 ? "ok" : failed(errno);
  if (what == "readlink" || what == "realpath") {
    char path[PATH_MAX];
    if (what == "realpath") return ::realpath(f[1].c_str(), path) ? path : failed(errno);
    ssize_t length = ::readlink(f[1].c_str(), path, sizeof path);
    return length >= 0 ? std::string(path, static_cast<std::size_t>(length)) : failed(errno);
  }
  if (what == "list") return list_it(f[1]);
  if (what == "change") return change_it(f[1], f[2], f[3], std::stoul(f[4]));
  if (what == "resolve") return resolve_it(f);
  if (what == "back") return resolve_back_it(f);
  if (what == "connect") return connect_it(f);
  if (what == "uname") {
    utsname names{};
    ::uname(&names);
    return std::string(names.nodename) + " " + names.domainname + " " + names.release + " " + names.machine;
  }
  return "unknown operation";
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    Fields fields;
    std::istringstream parts(line);
    for (std::string field; std::getline(parts, field, '\t');) fields.push_back(field);
    fields.resize(8);
    std::cout << perform(fields) << "\n" << std::flush;
  }
}
