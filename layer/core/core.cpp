// Start-up, fork, and the life of descriptors. See core.hpp.
#include "core/core.hpp"

#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "core/own_table.hpp"
#include "core/raw.hpp"
#include "core/text.hpp"

namespace inpod {
namespace {

constexpr std::size_t rules_capacity = 128 << 10;
constexpr int fork_wait_ms = 1000;

constinit FixedText<512> problem_text;

/// A listener on loopback that came through exec: it may have to be given back when it is closed.
FdEntry inherited_listener(int fd) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (raw::get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return {};
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  auto* name = reinterpret_cast<sockaddr*>(&address);
  if (raw::socket_name(fd, name, &length) != 0 || !is_loopback(name, length)) return {};
  const std::uint16_t port =
      ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);  // same place in sockaddr_in6
  return FdEntry::listener(port, port);
}

}  // namespace

FdEntry parse_memfd_name(std::string_view link) {
  constexpr std::string_view start = "/memfd:inpod";
  if (!starts_with(link, start)) return {};
  link.remove_prefix(start.size());
  FdKind kind = FdKind::snapshot;
  const bool writes = starts_with(link, "-w:");
  if (writes || starts_with(link, "-h:"))
    kind = FdKind::handle, link.remove_prefix(3);
  else if (starts_with(link, "-d:"))
    kind = FdKind::directory, link.remove_prefix(3);
  else if (starts_with(link, ":"))
    link.remove_prefix(1);
  else
    return {};
  std::uint64_t handle = 0, slot = FdEntry::no_slot;
  if (!take_number(link, FdEntry::largest_handle, handle)) return {};
  if (kind == FdKind::snapshot) {
    if (!starts_with(link, ":")) return {};
    link.remove_prefix(1);
    if (!take_number(link, FdEntry::no_slot, slot)) return {};
  }
  return FdEntry::file(kind, handle, static_cast<std::uint32_t>(slot), writes ? O_RDWR : O_RDONLY, false,
                       writes);
}

bool parse_mask(std::string_view status, unsigned& mask) {
  constexpr std::string_view key = "Umask:\t";
  while (!status.empty()) {
    std::string_view line = take_until(status, '\n');
    if (!starts_with(line, key) || line.size() == key.size()) continue;
    mask = 0;
    for (const char digit : line.substr(key.size())) {
      if (digit < '0' || digit > '7') return false;
      mask = (mask << 3 | static_cast<unsigned>(digit - '0')) & 0777;
    }
    return true;
  }
  return false;
}

const char* Core::complain(std::string_view start, std::string_view detail) {
  problem_text.clear();
  problem_text << start << detail;
  return problem_text.c_str();
}

const char* Core::start(std::string_view socket_path, std::string_view executable) {
  if (!relay.set_path(socket_path)) return "INPOD_SOCKET is missing or longer than a socket path may be";
  const long page = raw::map(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page < 0) return "out of memory";
  mark_ = reinterpret_cast<Mark*>(page);
  raw::call(SYS_madvise, page, 4096, MADV_WIPEONFORK);
  mark_->pid = raw::process_id();
  scan_descriptors();
  read_mask();
  const char* problem = nullptr;
  return hello(false, executable, &problem) ? nullptr : problem;
}

bool Core::hello(bool forked, std::string_view executable, const char** problem) {
  // Not on the stack: a child forked by a thread has that thread's, which may be small.
  const int top = fds.top();
  const std::size_t room = static_cast<std::size_t>(top) * sizeof(std::uint64_t);
  const long memory =
      room == 0 ? 0 : raw::map(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory < 0 && memory > -4096) {
    if (problem) *problem = "out of memory";
    return false;
  }
  auto* const handles = reinterpret_cast<std::uint64_t*>(memory);
  std::size_t count = 0;
  for (int fd = 0; fd < top; ++fd) {
    const FdEntry entry = fds.get(fd);
    if (entry.is_file()) handles[count++] = entry.handle();
  }
  RelayCall call(relay::Op::hello, executable);
  call.request.a = forked;
  call.data = handles;
  call.data_size = count * sizeof handles[0];
  static char rules_text[rules_capacity];
  if (!forked) {
    call.into = rules_text;
    call.capacity = sizeof rules_text;
  }
  const long result = relay.ask(call);
  if (room != 0) raw::unmap(handles, room);
  if (forked) {
    if (call.fd >= 0) raw::close(call.fd);
    return result == 0;
  }
  if (result != 0) {
    if (result == -EPROTO)
      *problem = "this layer and inpod are of different versions; install both from one build";
    else if (result == -EPERM || result == -EACCES || result == -ENOSYS)
      *problem =
          "a filter of system calls (seccomp(2)) that it is started with forbids sockets, and so keeps it "
          "from inpod; start it without that filter";
    else if (result == -EMFILE)
      *problem = "the program has used up its file descriptors before it starts (ulimit -n)";
    else
      *problem = complain("no answer from inpod at ", relay.path());
    return false;
  }
  if (call.reply.data_length > call.received) {
    *problem = "more rules than the layer can hold";
    if (call.fd >= 0) raw::close(call.fd);
    return false;
  }
  std::string_view bad_line;
  if (const char* wrong = rules.parse({rules_text, call.received}, bad_line)) {
    FixedText<384> text;
    text << wrong << ": " << bad_line;
    *problem = complain("rule not understood: ", text.view());
    if (call.fd >= 0) raw::close(call.fd);
    return false;
  }
  long table = -EBADF;
  if (call.fd >= 0) {
    table = raw::map(nullptr, relay::slot_count * sizeof(relay::Slot), PROT_READ, MAP_SHARED, call.fd, 0);
    raw::close(call.fd);
  }
  if (table < 0 && table > -4096) {
    *problem = "inpod sent no slot table";
    return false;
  }
  slots = reinterpret_cast<const relay::Slot*>(table);
  return true;
}

void Core::scan_descriptors() {
  const auto aside = [](void* core) { return static_cast<Core*>(core)->scan_descriptors(true); };
  if (scan_descriptors(false) == -EMFILE) with_own_table(-1, aside, this);
}

/// aside: by a thread with a table of its own. /proc/self names the process's.
long Core::scan_descriptors(bool aside) {
  const long directory_fd = raw::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_fd < 0) return directory_fd;
  alignas(8) char entries[2048];
  for (;;) {
    const long got = raw::get_entries(static_cast<int>(directory_fd), entries, sizeof entries);
    if (got <= 0) break;
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
      at += entry->d_reclen;
      std::string_view name(entry->d_name);
      std::uint64_t fd = 0;
      if (take_number(name, FdTable::capacity - 1, fd) && (aside || static_cast<long>(fd) != directory_fd))
        adopt(static_cast<int>(fd));
    }
  }
  return raw::close(static_cast<int>(directory_fd));
}

/// The mask that came through exec. From /proc, since asking umask(2) changes it for a moment, for other
/// threads too.
void Core::read_mask() {
  char text[256];  // the second line
  const long fd = raw::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  const long size = fd < 0 ? -1 : raw::read(static_cast<int>(fd), text, sizeof text);
  if (fd >= 0) raw::close(static_cast<int>(fd));
  unsigned mask = 0;
  if (!parse_mask({text, static_cast<std::size_t>(size < 0 ? 0 : size)}, mask)) {  // before Linux 4.7
    mask = static_cast<unsigned>(raw::call(SYS_umask, 077));
    raw::call(SYS_umask, mask);
  }
  set_mask(mask);
}

/// The file that a pipe of the relay's stands for (Op::plain); a false entry for any other pipe.
FdEntry Core::file_behind_pipe(std::string_view link) const {
  RelayCall call(relay::Op::file_stat);
  link.remove_prefix(link.find('[') + 1);
  call.request.c = 1;
  if (!take_number(link, ~std::uint64_t{0}, call.request.b) || relay.ask(call) != 0) return {};
  return FdEntry::file(FdKind::handle, call.reply.c, FdEntry::no_slot,
                       static_cast<unsigned>(call.reply.b & O_ACCMODE), (call.reply.b & O_APPEND) != 0, true);
}

FdEntry Core::adopt(int fd) {
  FixedText<32> name;
  name << "/proc/self/fd/" << static_cast<std::uint64_t>(fd);
  char link[128];
  const long size = raw::read_link(AT_FDCWD, name.c_str(), link, sizeof link);
  if (size <= 0) return {};
  const std::string_view target(link, static_cast<std::size_t>(size));
  FdEntry entry = parse_memfd_name(target);
  if (!entry && starts_with(target, "pipe:[")) entry = file_behind_pipe(target);
  if (!entry && starts_with(target, "socket:")) entry = inherited_listener(fd);
  if (entry && owner() == Owner::us) fds.set(fd, entry);
  return entry;
}

Owner Core::owner() {
  if (mark_->pid == 0) child_after_fork();
  return mark_->pid == raw::process_id() ? Owner::us : Owner::vfork;
}

void Core::child_after_fork(long event) {
  mark_->pid = raw::process_id();
  directory.after_fork();
  hello(true, {}, nullptr);
  if (event < 0) return;
  const std::uint64_t one = 1;
  raw::write(static_cast<int>(event), &one, sizeof one);
  raw::close(static_cast<int>(event));
}

long Core::before_fork() {
  for (int fd = 0, end = fds.top(); fd < end; ++fd)
    if (fds.get(fd).is_file()) return move_above_standard(raw::call(SYS_eventfd2, 0, O_CLOEXEC));
  return -1;
}

void Core::parent_after_fork(long event) {
  if (event < 0) return;
  pollfd claimed{static_cast<int>(event), POLLIN, 0};
  while (raw::poll(&claimed, 1, fork_wait_ms) == -EINTR) {
  }
  raw::close(static_cast<int>(event));
}

long Core::remember(long fd, FdEntry entry) {
  if (fd < 0) return fd;
  if (owner() == Owner::vfork) return fd;
  if (fds.set(static_cast<int>(fd), entry)) return fd;
  raw::close(static_cast<int>(fd));
  forgot(-1, entry);
  return -EMFILE;
}

void Core::forgot(int fd, FdEntry entry) {
  if (entry.is_file()) {
    if (fds.holds(entry.handle(), fd)) return;
    RelayCall call(relay::Op::release);
    call.request.a = entry.handle();
    relay.tell(call);
  } else if (entry.kind() == FdKind::listener) {
    RelayCall call(relay::Op::listener_gone);
    call.request.a = entry.local_port();
    relay.tell(call);
  }
}

long Core::duplicated(int fd, FdEntry entry) {
  const FdEntry before = fds.get(fd);
  if (!before && !entry) return fd;
  if (owner() == Owner::vfork) return fd;
  if (!fds.set(fd, entry) && entry.is_file()) {
    raw::close(fd);
    return -EMFILE;
  }
  if (before && before != entry) forgot(fd, before);
  return fd;
}

void Core::note_once(std::string_view subject, std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::string_view part : {subject, text})
    for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  if (hash == 0) hash = 1;
  for (auto& place : noted_) {
    std::uint64_t expected = 0;
    if (place.compare_exchange_strong(expected, hash)) break;
    if (expected == hash) return;
    if (&place == &noted_[63]) return;
  }
  RelayCall call(relay::Op::note, subject);
  call.more_text = text;
  call.request.a = 1;  // protocol::Severity::warning
  relay.tell(call);
}

}  // namespace inpod
