// The local protocol between a debuggee (layer, later the syscall supervisor) and the relay inside `inpod`.
//
// Why not the wire protocol: this one is spoken inside other people's processes, in signal handlers and
// between fork and exec. So it is plain structs of fixed size on a unix stream socket, same machine, same
// build (a version mismatch is refused): no allocation, no codec, no state.
//
// ONE CONNECTION PER OPERATION: connect, send Request + text + data (+ one fd by SCM_RIGHTS), read Reply +
// data
// (+ one fd), close. Nothing is shared between threads or across fork, no lock is held across I/O, no fd
// stays open in the program, and a slow answer blocks only its own caller. It costs about 20 µs, below any
// network round trip.
//
// ALL SOCKET AND FILE STATE LIVES IN THE RELAY, keyed by what the kernel itself keeps with the object: a
// socket's SO_COOKIE, a memfd's inode. So dup, fork, exec and SCM_RIGHTS need no bookkeeping in the program.
//
// How an outgoing TCP connection keeps the program's own fd, and a non-blocking connect behaves as from a
// kernel (tried on Linux 6.18, IPv4 and IPv6: established 0.1 ms after the relay's connect, no event before
// it):
//   the relay has a "black hole" per address family: a loopback listener (SO_REUSEPORT) with a full accept
//   queue, for which the kernel drops every SYN. 1. The layer sends op connect (wait = 0) with the fd; the
//   answer comes at once: the black hole's address.
//   2. The layer connect(2)s the fd to it and returns what that returns, EINPROGRESS: the socket is in
//   SYN_SENT, unready, as with a far peer. 3. When the agent has connected from the pod, the relay connects,
//   from a socket bound to the black hole's own address and port, to the program's socket: a TCP simultaneous
//   open (RFC 9293, 3.5) makes it established at once. On failure the relay dissolves the attempt (connect
//   AF_UNSPEC on its copy of the fd, which wakes pollers with EPOLLERR|EPOLLHUP, SO_ERROR = ECONNRESET) and
//   op socket_error tells the layer the true errno. A blocking connect asks first (wait = 1): the answer
//   comes with the outcome, and its address is a plain loopback listener, so that connect(2) succeeds at
//   once. Interrupted by a signal, it goes on as a kernel's does: the layer asks once more (wait = 2), puts
//   the fd into SYN_SENT at the address that it gets, and returns EINTR. UDP and unix sockets: the same call,
//   whatever `wait` says. A second connect on a fd that is under way gets EALREADY; after a failure it gets
//   that errno, once.
// An incoming connection is a plain loopback connection from the relay to the program's own listener.
//
// Reading a snapshot file: a range inside the slot's [begin, end) may be read straight from the memfd. Files
// past 8 MiB are windows: the relay may drop bytes behind the window, so CHECK THE SLOT AGAIN AFTER THE READ
// (begin is raised before the bytes go); if the range is no longer inside, `ensure` and read again, and after
// three such rounds use op `read`. For mmap and everything else that looks at the memfd later, `ensure` with
// d = 1: that range then stays for good.
#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace inpod::relay {

constexpr std::uint32_t magic = 0x696e7064;  // "inpd"
constexpr std::uint16_t version = 1;
constexpr std::uint32_t max_text = 2 * 4096 + 2;  // two paths
constexpr std::uint32_t max_data = 1 << 20;

enum class Op : std::uint16_t {
  // -- process
  hello,  ///< text: path of the executable. a: 1 after fork, 0 after exec. data: u64 handles that it
          ///< inherited.
          ///< Reply: data = Rules text (below), fd = the slot table's memfd.
  // -- files: handles are the relay's. A `snapshot` file is a memfd that the relay fills; see Slot.
  open,     ///< text: path. a: O_* flags, b: mode. Reply: fd, a: FileKind, b: slot, c: handle, stat
  ensure,   ///< a: handle, b: offset, c: length. Waits until that range of the memfd is filled (as far as the
            ///< file goes).
            ///< d: 1 = keep it until the file is closed (mmap), 2 = keep it for a while (aio_read). Reply a:
            ///< size
  refresh,  ///< a: handle. Asks the pod for growth (a read came to the end). Reply a: size
  read,     ///< a: handle, b: length (at most max_data), c: offset, d: 1 = at the handle's position. Reply:
            ///< data.
            ///< A snapshot file answers it too (d = 0)
  write,    ///< a: handle, c: offset, d: 1 = at the handle's position; data. Reply a: bytes written
  seek,     ///< a: handle, b: offset (i64), c: whence. Reply a: new position
  truncate,   ///< a: handle, b: size
  release,    ///< a: handle. This process has closed its last fd of it. No reply.
  file_stat,  ///< a: handle; or, a = 0: b: inode of the memfd (fd came from elsewhere), or, c = 1, of the
              ///< pipe that `plain` gave. Reply: stat, a: FileKind, b: O_* flags, c: handle, data = real path
  // -- paths
  stat,       ///< text: path. a: 1 = follow links. Reply: stat
  access,     ///< text: path. a: mode, b: AT_* flags
  read_link,  ///< text: path. Reply: data
  real_path,  ///< text: path. Reply: data
  list,       ///< text: path. Reply: fd = memfd of struct linux_dirent64 records, a: bytes, stat. All records
              ///< are as long as the longest, so that whoever shares the position reads whole ones
  change_path,  ///< a: protocol::PathChange, b: number, text: path [NUL other]
  // -- names
  host,     ///< Reply: data = hostname NUL domainname
  resolve,  ///< text: host NUL service. a: family b: socktype c: protocol d: flags (as i64).
  ///< Reply: a: status (EAI_*), b: errno, c: number of ResolvedEntry; data: entries, then canonical name NUL,
  ///< aliases NUL…
  resolve_back,  ///< address. a: NI_* flags. Reply: a: status, data = host NUL service
  // -- sockets: fd is the program's own socket (SCM_RIGHTS); the relay reads SO_COOKIE, SO_TYPE, SO_DOMAIN
  // from it
  connect,  ///< address: the peer wanted, fd. a: 1 = wait for the outcome; 2 = take over, without waiting,
            ///< what an
  ///< interrupted call with 1 began (or begin anew, if it has just failed); 3 = a datagram will go there,
  ///< by sendto(2), on a socket that is not connected; b: time-out in ms (0: the
  ///< kernel's own).
  ///< Reply: error; address: where connect(2) must go now (black hole or listener for TCP, a relay socket
  ///< for UDP and unix)
  socket_error,  ///< a: cookie. Reply a: errno that SO_ERROR should say instead of ECONNRESET (0: none of
                 ///< ours); once
  names,  ///< fd. Reply: a: 1 if ours; address: the local one in the pod, address2: the peer's (length 0: not
  ///< connected). With an address in the request (where a datagram came from): the peer behind that one, and
  ///< the pod's address that it came to
  bound,  ///< fd, address: what the program asked bind(2) for. a: 1 = it has set SO_REUSEADDR, which is
          ///< taken back until it listens; b: BoundFamily; c: 1 = the address must be one of the pod's,
          ///< and the relay binds the socket to loopback, at port d (else it is bound already).
          ///< UDP: b: 0 = it is bound as the program said, 1 = at another port, and the answer must be the
          ///< pod's; 2 = not yet: is the address the pod's?
  listening,  ///< fd. listen(2) has succeeded on it. Subscribes its port. Reply a: what `bound` said, maybe
              ///< of another process
  listener_gone,  ///< a: port that was bound locally. Perhaps closed: the relay looks, and unsubscribes if
                  ///< so. No reply.
  note,  ///< text: [what it is about NUL] something the user should read, once. a: protocol::Severity. No
         ///< reply.
  // -- files, continued
  control,  ///< a: handle, b: protocol::FileControl, c: number, d: start; data: u64 length. Reply a: number,
            ///< b: start, c: length
  attributes,  ///< a: protocol::Attribute, b: mode, or uid << 32 | gid, c: handle (0: text: path), d: 1 =
               ///< follow links;
               ///< data: i64 times of access and change, as protocol::ChangeAttributes has them
  plain,    ///< a: handle, b: 1 = for writing, 0 = for reading, c: a snapshot's position. The descriptor is
            ///< going to be used without hooks. Reply a: PlainKind, fd
  written,  ///< a: handle. Waits until what its pipe was given is in the pod. Error: why a write failed
  // -- the pod's network interfaces
  interfaces,  ///< Reply: data = InterfaceRecords
};

/// What code without hooks can use in the place of a file's descriptor.
enum class PlainKind : std::uint64_t {
  same = 0,    ///< the file's own: the memfd has been filled, to stay
  writer = 1,  ///< fd is a pipe; the relay writes what comes through it at the handle's position
  reader = 2,  ///< fd is a socket that the file's bytes come through; it stands for no file any more
};

/// Which connections a listener takes, whatever its address. Bits.
enum BoundFamily : std::uint64_t { bound_ipv4 = 1, bound_ipv6 = 2 };

struct Request {
  std::uint32_t magic_number = magic;
  std::uint16_t version_number = version;
  Op op{};
  std::uint64_t a = 0, b = 0, c = 0, d = 0;
  sockaddr_storage address{};
  std::uint32_t address_length = 0;
  std::uint32_t text_length = 0;  ///< bytes of text that follow
  std::uint32_t data_length = 0;  ///< bytes of data that follow the text
  std::uint32_t has_fd = 0;
  std::uint32_t process =
      0;  ///< pid on whose behalf, from the supervisor alone (it runs inside inpod); else 0
  std::uint32_t reserved = 0;
};

/// stat(2) in numbers, filled into struct stat/stat64/statx by the front end.
struct Stat {
  std::uint64_t device, inode;
  std::uint32_t mode, links, uid, gid;
  std::uint64_t special_device, size, block_size, blocks;
  std::int64_t accessed_ns, modified_ns, changed_ns, born_ns;
};

struct Reply {
  std::int32_t error = 0;  ///< 0 or an errno
  std::uint32_t data_length = 0;
  std::uint64_t a = 0, b = 0, c = 0;
  Stat stat{};
  sockaddr_storage address{}, address2{};
  std::uint32_t address_length = 0, address2_length = 0;
  std::uint32_t has_fd = 0, unused = 0;
};

struct ResolvedEntry {
  std::int32_t socktype, protocol;
  std::uint32_t address_length, unused;
  sockaddr_storage address;
};

/// A network interface (family 0), or an address of it (AF_INET, AF_INET6): first all interfaces, then all
/// addresses, as getifaddrs(3) lists them.
struct InterfaceRecord {
  char name[16];  ///< of an IPv4 address: its label; NUL-terminated
  std::uint32_t index, flags, mtu;
  std::uint16_t type;            ///< ARPHRD_*
  std::uint8_t hardware_length;  ///< of an interface; at most 8
  std::uint8_t prefix, family;   ///< of an address
  std::uint8_t other_family;     ///< 0: it has none
  std::uint8_t has_statistics;
  std::uint8_t unused;
  std::uint8_t hardware[8], hardware_broadcast[8];
  std::uint8_t address[16], other[16];  ///< other: broadcast address or far end
  std::uint32_t scope_id;
  std::uint32_t statistics[24];  ///< struct rtnl_link_stats
};

enum class FileKind : std::uint64_t {
  snapshot =
      1,  ///< fd is a memfd "inpod:<handle>:<slot>" of the file's size; contents valid where the slot says so
  handle = 2,  ///< fd is a placeholder memfd "inpod-h:<handle>", or "inpod-w:…" if opened for writing; every
               ///< read, write, seek goes to the relay
  directory = 3,  ///< fd is a memfd "inpod-d:<handle>" of linux_dirent64 records
};

/// One entry of the slot table, a memfd that the relay writes and every debuggee maps read-only. The memfd of
/// a snapshot file holds the pod's bytes in [begin, end); a read outside asks `ensure` first. size: the
/// file's size as last heard. complete = begin 0 and end ≥ size: reads touch no relay until the end of file.
struct Slot {
  std::uint64_t handle;  ///< 0: free. Accessed with __atomic builtins, acquire/release.
  std::uint64_t size, begin, end;
};
constexpr std::uint32_t slot_count = 4096;

// Environment of a debuggee (set by the launcher):
//   LD_PRELOAD     …/libinpod.so (kept first; what the user had follows)
//   INPOD_SOCKET   path of the relay's socket (mode 0600, in a directory of mode 0700)
//   INPOD_PROGRAM  absolute path of the program to inject; the layer stays passive in every other executable
//   until it has
//                  been active in an ancestor (it then sets INPOD_ACTIVE=1 in the environment of what it
//                  starts)
//
// Rules text (reply to hello), one per line, first match wins; MODE is local | read | write | absent:
//   file MODE GLOB            paths: `*` within a segment, `**` across segments, `?`, `[…]`; the glob matches
//   whole paths map PREFIX NEWPREFIX      a path under PREFIX is NEWPREFIX… in the pod; the first " /" parts
//   them (a home may hold spaces) outgoing tcp|udp|unix remote|local CIDR[:PORT[-PORT]]|*|GLOB incoming
//   remote|local PORT[-PORT]|* dns remote|local GLOB hostname remote|local listen_reject 0|1         reserved
// Unknown words: the layer refuses to start (fail closed).
}  // namespace inpod::relay
