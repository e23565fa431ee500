// Every message of the wire protocol between `inpod` (the client) and `inpod-agent`, described once.
//
// A message is a plain struct with a BOOST_DESCRIBE_STRUCT line; codec.hpp turns that description into the
// binary form on the wire and the JSON form in logs. Its number on the wire is its place in `Message` below:
// append only, a test freezes the order. Decoders ignore nothing and guess nothing: a message that does not
// parse ends the connection.
//
// Kinds:
//   request   client → agent, carries an id ≠ 0, is answered exactly once, in any order, by the response
//   named beside
//             it or by Failure
//   response  agent → client, with the request's id
//   event     agent → client, id 0
// Byte streams (Connected, Incoming, OpenedFile.stream, FileStream) have ids of their own, given by the
// agent, and travel as Data/Credit/End frames (frame.hpp). Datagram streams keep boundaries: one Data frame
// is one datagram.
//
// Paths are bytes, absolute, as seen from the target container's root. errno values are Linux's.
//
// | request       | response       | may block in the agent on      | side effects in the pod          |
// |---------------|----------------|--------------------------------|----------------------------------|
// | OpenFile      | OpenedFile     | the file system (worker)       | as open(2)                       |
// | ReadFile      | FileData       | the file system (worker)       | none                             |
// | StreamFile    | FileStream     | the file system (worker)       | none                             |
// | WriteFile     | Written        | the file system (worker)       | as pwrite(2)                     |
// | TruncateFile  | Done           | the file system (worker)       | as ftruncate(2)                  |
// | ControlFile   | Controlled     | the file system (worker)       | fsync, O_APPEND, locks           |
// | CloseFile     | Done           | nothing                        | none                             |
// | StatFile      | FileStat       | the file system (worker)       | none                             |
// | AccessFile    | Done           | the file system (worker)       | none                             |
// | ReadLink      | Text           | the file system (worker)       | none                             |
// | RealPath      | Text           | the file system (worker)       | none                             |
// | ReadDirectory | Directory      | the file system (worker)       | none                             |
// | ChangePath    | Done           | the file system (worker)       | mkdir, unlink, rename, …         |
// | ChangeAttributes | Done        | the file system (worker)       | chmod, chown, utimensat          |
// | GetPod        | Pod            | nothing                        | none                             |
// | Resolve       | Resolved       | the pod's name servers         | none                             |
// | ResolveBack   | ResolvedName   | the pod's name servers         | none                             |
// | Connect       | Connected      | the peer, up to timeout_ms     | a connection from the pod        |
// | OpenDatagrams | Connected      | nothing                        | a UDP socket of the pod          |
// | Subscribe     | Subscribed     | nothing                        | mirror: none; steal: a redirect  |
// | Unsubscribe   | Done           | nothing                        | the redirect goes                |
// | GetListeners  | Listeners      | nothing                        | none                             |
// | GetInterfaces | Interfaces     | nothing                        | none                             |
// | Bye           | Done           | nothing                        | this client's state goes at once |
#pragma once

#include <array>
#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace inpod::protocol {

/// Bytes that are not text. JSON form: base64.
using Bytes = std::vector<std::uint8_t>;

// ---- addresses
// -------------------------------------------------------------------------------------------------

enum class AddressFamily : std::uint8_t { none, ipv4, ipv6, unix_path, unix_abstract };
BOOST_DESCRIBE_ENUM(AddressFamily, none, ipv4, ipv6, unix_path, unix_abstract)

/// A socket address. ip: 4 or 16 bytes used, network order. path: for unix (without the leading NUL when
/// abstract).
struct SocketAddress {
  AddressFamily family = AddressFamily::none;
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;
  std::uint32_t scope_id = 0;
  std::string path;
  bool operator==(const SocketAddress&) const = default;
};
BOOST_DESCRIBE_STRUCT(SocketAddress, (), (family, ip, port, scope_id, path))

enum class Transport : std::uint8_t { stream, datagram };  // SOCK_STREAM, SOCK_DGRAM
BOOST_DESCRIBE_ENUM(Transport, stream, datagram)

// ---- files
// -----------------------------------------------------------------------------------------------------

/// stat(2) as numbers; times in nanoseconds since the epoch.
struct FileStat {
  std::uint64_t device = 0, inode = 0;
  std::uint32_t mode = 0, links = 0, uid = 0, gid = 0;
  std::uint64_t special_device = 0, size = 0, block_size = 0, blocks = 0;
  std::int64_t accessed_ns = 0, modified_ns = 0, changed_ns = 0, born_ns = 0;
  bool operator==(const FileStat&) const = default;
};
BOOST_DESCRIBE_STRUCT(FileStat, (),
                      (device, inode, mode, links, uid, gid, special_device, size, block_size, blocks,
                       accessed_ns, modified_ns, changed_ns, born_ns))

/// Bytes of a file's content in one message.
constexpr std::uint32_t largest_piece = 512 << 10;

/// open(2). flags: O_* of Linux x86-64/asm-generic. When the file is regular, opened for reading only, and no
/// larger than prefetch_limit, its whole content follows: up to inline_limit bytes in the answer, the rest as
/// stream.
struct OpenFile {
  std::string path;
  std::uint32_t flags = 0, mode = 0;
  std::uint64_t prefetch_limit = 0;  // bytes
  std::uint32_t inline_limit = 0;    // bytes, at most largest_piece
};
BOOST_DESCRIBE_STRUCT(OpenFile, (), (path, flags, mode, prefetch_limit, inline_limit))

/// handle stays valid until CloseFile or the end of the client's session. stream ≠ 0: content from
/// content.size() on follows there, ended by End. real_path: realpath(3) of what was opened, inside the pod.
struct OpenedFile {
  std::uint64_t handle = 0;
  FileStat stat;
  std::string real_path;
  Bytes content;
  std::uint32_t stream = 0;
};
BOOST_DESCRIBE_STRUCT(OpenedFile, (), (handle, stat, real_path, content, stream))

/// pread(2). length at most largest_piece.
struct ReadFile {
  std::uint64_t handle = 0, offset = 0;
  std::uint32_t length = 0;
  bool at_position = false;  ///< read(2) at the handle's own position (pipes, devices): offset is ignored
};
BOOST_DESCRIBE_STRUCT(ReadFile, (), (handle, offset, length, at_position))
/// stat: fstat of the file just after the read, so that growth is seen without another round trip.
struct FileData {
  Bytes data;
  FileStat stat;
};
BOOST_DESCRIBE_STRUCT(FileData, (), (data, stat))

/// Sends [offset, offset+length) as a stream (read-ahead); it ends early at end of file.
struct StreamFile {
  std::uint64_t handle = 0, offset = 0, length = 0;
};
BOOST_DESCRIBE_STRUCT(StreamFile, (), (handle, offset, length))
struct FileStream {
  std::uint32_t stream = 0;
  FileStat stat;
};
BOOST_DESCRIBE_STRUCT(FileStream, (), (stream, stat))

/// pwrite(2), or write(2) at the end (append) or at the handle's own position (at_position).
struct WriteFile {
  std::uint64_t handle = 0, offset = 0;
  bool at_position = false;
  Bytes data;
};
BOOST_DESCRIBE_STRUCT(WriteFile, (), (handle, offset, at_position, data))
struct Written {
  std::uint64_t length = 0;
  FileStat stat;
};
BOOST_DESCRIBE_STRUCT(Written, (), (length, stat))
struct TruncateFile {
  std::uint64_t handle = 0, size = 0;
};
BOOST_DESCRIBE_STRUCT(TruncateFile, (), (handle, size))
struct CloseFile {
  std::uint64_t handle = 0;
};
BOOST_DESCRIBE_STRUCT(CloseFile, (), (handle))

/// stat(2) or, with follow = false, lstat(2); by handle when handle ≠ 0: fstat(2).
struct StatFile {
  std::string path;
  std::uint64_t handle = 0;
  bool follow = true;
};
BOOST_DESCRIBE_STRUCT(StatFile, (), (path, handle, follow))
/// faccessat(2): mode R_OK|W_OK|X_OK or F_OK; flags AT_EACCESS, AT_SYMLINK_NOFOLLOW.
struct AccessFile {
  std::string path;
  std::uint32_t mode = 0, flags = 0;
};
BOOST_DESCRIBE_STRUCT(AccessFile, (), (path, mode, flags))
struct ReadLink {
  std::string path;
};
BOOST_DESCRIBE_STRUCT(ReadLink, (), (path))
struct RealPath {
  std::string path;
};
BOOST_DESCRIBE_STRUCT(RealPath, (), (path))

/// Lists a directory, each entry with its lstat. Answers come in pages: ask again with the cursor of the last
/// answer until it is 0. First call: cursor 0.
struct ReadDirectory {
  std::string path;
  std::uint64_t cursor = 0;
};
BOOST_DESCRIBE_STRUCT(ReadDirectory, (), (path, cursor))
struct DirectoryEntry {
  std::string name;
  std::uint64_t inode = 0;
  std::uint8_t type = 0;  // DT_* of readdir(3)
  bool has_stat = false;
  FileStat stat;
};
BOOST_DESCRIBE_STRUCT(DirectoryEntry, (), (name, inode, type, has_stat, stat))
/// stat: of the directory itself. Entries as getdents64 gives them, "." and ".." included, order kept.
struct Directory {
  std::uint64_t cursor = 0;
  FileStat stat;
  std::vector<DirectoryEntry> entries;
};
BOOST_DESCRIBE_STRUCT(Directory, (), (cursor, stat, entries))

enum class PathChange : std::uint8_t {
  make_directory,
  unlink,
  remove_directory,
  rename,
  symlink,
  link,
  chmod,
  truncate
};
BOOST_DESCRIBE_ENUM(PathChange, make_directory, unlink, remove_directory, rename, symlink, link, chmod,
                    truncate)
/// mkdir, unlink, rmdir, rename(path→other; number: renameat2's flags), symlink(other is the target),
/// link(number: 0 or AT_SYMLINK_FOLLOW), chmod(number), truncate(number).
struct ChangePath {
  PathChange change = PathChange::unlink;
  std::string path, other;
  std::uint64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(ChangePath, (), (change, path, other, number))

enum class Attribute : std::uint8_t { mode, owner, times };
BOOST_DESCRIBE_ENUM(Attribute, mode, owner, times)
/// chmod(2), chown(2) or utimensat(2); by handle when handle ≠ 0. Times are nanoseconds since the epoch, or
/// one of the two below.
struct ChangeAttributes {
  Attribute attribute = Attribute::mode;
  std::string path;
  std::uint64_t handle = 0;
  bool follow = true;
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::int64_t accessed_ns = 0, modified_ns = 0;
};
BOOST_DESCRIBE_STRUCT(ChangeAttributes, (),
                      (attribute, path, handle, follow, mode, uid, gid, accessed_ns, modified_ns))
constexpr std::int64_t time_stays = INT64_MIN, time_is_now = INT64_MIN + 1;

/// sync, sync_data: fsync(2), fdatasync(2). append: O_APPEND on (number 1) or off (0). whole_lock: flock(2),
/// number is its LOCK_*. range_lock, range_test: F_OFD_SETLK and F_OFD_GETLK, number is F_RDLCK, F_WRLCK or
/// F_UNLCK; length 0: to the end. Locks never wait: EWOULDBLOCK. They belong to the handle.
enum class FileControl : std::uint8_t { sync, sync_data, append, whole_lock, range_lock, range_test };
BOOST_DESCRIBE_ENUM(FileControl, sync, sync_data, append, whole_lock, range_lock, range_test)
struct ControlFile {
  std::uint64_t handle = 0;
  FileControl control = FileControl::sync;
  std::uint64_t number = 0, start = 0, length = 0;
};
BOOST_DESCRIBE_STRUCT(ControlFile, (), (handle, control, number, start, length))
/// range_test: the lock that is in the way; number F_UNLCK: none.
struct Controlled {
  std::uint64_t number = 0, start = 0, length = 0;
};
BOOST_DESCRIBE_STRUCT(Controlled, (), (number, start, length))

// ---- the pod
// ---------------------------------------------------------------------------------------------------

struct GetPod {};
BOOST_DESCRIBE_STRUCT(GetPod, (), ())
/// What uname(2), /proc/<pid>/environ and the interfaces say in the target. environment: "NAME=value", as is.
struct Pod {
  std::string hostname, domainname, kernel, machine;
  std::uint32_t pid = 0;  ///< of the target's main process, in the agent's pid namespace
  std::uint32_t uid = 0, gid = 0;
  std::string working_directory;
  std::vector<std::string> environment;
  std::vector<SocketAddress> addresses;
};
BOOST_DESCRIBE_STRUCT(Pod, (),
                      (hostname, domainname, kernel, machine, pid, uid, gid, working_directory, environment,
                       addresses))

// ---- names
// -----------------------------------------------------------------------------------------------------

/// getaddrinfo(3) in the pod. family, socktype, protocol, flags: the hints' own numbers (glibc's).
struct Resolve {
  std::string host, service;
  std::int32_t family = 0, socktype = 0, protocol = 0, flags = 0;
};
BOOST_DESCRIBE_STRUCT(Resolve, (), (host, service, family, socktype, protocol, flags))
struct ResolvedAddress {
  std::int32_t socktype = 0, protocol = 0;
  SocketAddress address;
};
BOOST_DESCRIBE_STRUCT(ResolvedAddress, (), (socktype, protocol, address))
/// status: 0 or a glibc EAI_* number; system_errno when it is EAI_SYSTEM.
struct Resolved {
  std::int32_t status = 0, system_errno = 0;
  std::string canonical_name;
  std::vector<ResolvedAddress> addresses;
  std::vector<std::string> aliases;  ///< for gethostbyname(3)
};
BOOST_DESCRIBE_STRUCT(Resolved, (), (status, system_errno, canonical_name, addresses, aliases))
/// getnameinfo(3) in the pod; flags NI_*.
struct ResolveBack {
  SocketAddress address;
  std::int32_t flags = 0;
};
BOOST_DESCRIBE_STRUCT(ResolveBack, (), (address, flags))
struct ResolvedName {
  std::int32_t status = 0;
  std::string host, service;
};
BOOST_DESCRIBE_STRUCT(ResolvedName, (), (status, host, service))

// ---- outgoing
// --------------------------------------------------------------------------------------------------

/// connect(2) from the pod. bind: a source address the program asked for (family none: any).
struct Connect {
  Transport transport = Transport::stream;
  SocketAddress remote, bind;
  std::uint32_t timeout_ms = 0;  ///< 0: the kernel's own
};
BOOST_DESCRIBE_STRUCT(Connect, (), (transport, remote, bind, timeout_ms))
struct Connected {
  std::uint32_t stream = 0;
  SocketAddress local, remote;
};
BOOST_DESCRIBE_STRUCT(Connected, (), (stream, local, remote))

// ---- incoming
// --------------------------------------------------------------------------------------------------

enum class IncomingMode : std::uint8_t { mirror, steal };
BOOST_DESCRIBE_ENUM(IncomingMode, mirror, steal)

/// A probe of the pod's spec, so that the agent lets it through to the pod. kind: "http", "tcp", "grpc".
struct Probe {
  std::string kind, path;
  std::uint16_t port = 0;
};
BOOST_DESCRIBE_STRUCT(Probe, (), (kind, path, port))

/// Wants the traffic that comes to `port` of the pod. filter: per-request conditions; empty = all (a later
/// version gives it meaning; an agent that does not know the feature "filter" answers ENOTSUP to one).
struct Subscribe {
  std::uint16_t port = 0;
  IncomingMode mode = IncomingMode::mirror;
  Transport transport = Transport::stream;
  std::string filter;
  std::vector<Probe> probes;
};
BOOST_DESCRIBE_STRUCT(Subscribe, (), (port, mode, transport, filter, probes))
struct Subscribed {
  std::uint64_t subscription = 0;
};
BOOST_DESCRIBE_STRUCT(Subscribed, (), (subscription))
struct Unsubscribe {
  std::uint64_t subscription = 0;
};
BOOST_DESCRIBE_STRUCT(Unsubscribe, (), (subscription))
/// Event: a connection came. mirror: the client's data may be discarded; steal: the client answers on the
/// stream. A stolen connection that the client can't take (no listener) is answered End{reset, ECONNREFUSED}
/// before any Data: the agent then hands it to the pod.
struct Incoming {
  std::uint64_t subscription = 0;
  std::uint32_t stream = 0;
  IncomingMode mode = IncomingMode::mirror;
  SocketAddress remote, local;
};
BOOST_DESCRIBE_STRUCT(Incoming, (), (subscription, stream, mode, remote, local))

struct GetListeners {};
BOOST_DESCRIBE_STRUCT(GetListeners, (), ())
/// TCP ports on which something listens in the pod, ascending. loopback: those that only the pod itself
/// reaches.
struct Listeners {
  std::vector<std::uint16_t> ports, loopback;
};
BOOST_DESCRIBE_STRUCT(Listeners, (), (ports, loopback))

struct GetInterfaces {};
BOOST_DESCRIBE_STRUCT(GetInterfaces, (), ())
/// One address of an interface. other: the broadcast address, or the far end of a point-to-point interface;
/// family none: neither. prefix in bits. label: the interface's name, of IPv4 perhaps with an alias
/// ("eth0:1"). Ports are 0.
struct InterfaceAddress {
  SocketAddress address, other;
  std::uint8_t prefix = 0;
  std::string label;
  bool operator==(const InterfaceAddress&) const = default;
};
BOOST_DESCRIBE_STRUCT(InterfaceAddress, (), (address, other, prefix, label))
/// flags: IFF_* of netdevice(7); type: ARPHRD_*; mtu in bytes. statistics: the kernel's struct
/// rtnl_link_stats, or nothing.
struct Interface {
  std::string name;
  std::uint32_t index = 0, flags = 0, mtu = 0;
  std::uint16_t type = 0;
  Bytes hardware, hardware_broadcast, statistics;
  std::vector<InterfaceAddress> addresses;
};
BOOST_DESCRIBE_STRUCT(Interface, (),
                      (name, index, flags, mtu, type, hardware, hardware_broadcast, statistics, addresses))
/// The network interfaces of the pod, in the kernel's order.
struct Interfaces {
  std::vector<Interface> interfaces;
};
BOOST_DESCRIBE_STRUCT(Interfaces, (), (interfaces))

/// Event: the peer of a mirrored connection has closed it, or the pod has, after the pod had sent it
/// `answered` bytes (at least 1 where the pod has closed first). The stream's end follows. `answered` 0: the
/// peer did not wait for an answer. Feature "peer-closed".
struct PeerClosed {
  std::uint32_t stream = 0;
  std::uint64_t answered = 0;
};
BOOST_DESCRIBE_STRUCT(PeerClosed, (), (stream, answered))

// ---- datagrams
// -------------------------------------------------------------------------------------------------

/// A UDP socket of the pod that is not connected: one for each of the program's sockets and family. bind: its
/// family, and the address and port wanted (any address; 0: any port). The answer's `remote` is empty; its
/// stream carries datagrams with their peers (datagram_frame.hpp). Errors: socket(2)'s and bind(2)'s. Feature
/// "datagrams".
struct OpenDatagrams {
  SocketAddress bind;
};
BOOST_DESCRIBE_STRUCT(OpenDatagrams, (), (bind))

// ---- general
// ---------------------------------------------------------------------------------------------------

struct Done {};
BOOST_DESCRIBE_STRUCT(Done, (), ())
struct Text {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Text, (), (text))
/// The answer to any request that failed: code is the errno that the same call would have given in the pod.
struct Failure {
  std::int32_t code = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Failure, (), (code, text))
/// Orderly end: the agent drops this client's streams, redirects and handles before it answers.
struct Bye {};
BOOST_DESCRIBE_STRUCT(Bye, (), ())

enum class Severity : std::uint8_t { info, warning, error };
BOOST_DESCRIBE_ENUM(Severity, info, warning, error)
/// Event: something the user should read (a gap in a mirrored connection, a fallback taken, …).
struct Note {
  Severity severity = Severity::info;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Note, (), (severity, text))
/// Event: the agent is about to leave (the target is gone, it was told to stop).
struct Leaving {
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(Leaving, (), (reason))

/// The wire number of a message is its index here. Append only.
using Message =
    std::variant<Failure, Done, Text, OpenFile, OpenedFile, ReadFile, FileData, StreamFile, FileStream,
                 WriteFile, Written, TruncateFile, CloseFile, StatFile, FileStat, AccessFile, ReadLink,
                 RealPath, ReadDirectory, Directory, ChangePath, GetPod, Pod, Resolve, Resolved, ResolveBack,
                 ResolvedName, Connect, Connected, Subscribe, Subscribed, Unsubscribe, Incoming, Bye, Note,
                 Leaving, ChangeAttributes, ControlFile, Controlled, GetListeners, Listeners, PeerClosed,
                 OpenDatagrams, GetInterfaces, Interfaces>;

// ---- handshake (not numbered, sent once per transport, before all else)
// -----------------------------------------

constexpr std::uint32_t protocol_version = 2;

/// What a peer of this version may lack: each side names what it knows in Hello and Welcome, and nothing of a
/// feature that the other side did not name is sent to it. To add messages: a name here, and theirs in
/// feature_of().
inline constexpr std::string_view feature_file_control = "file-control";
inline constexpr std::string_view feature_listeners = "listeners";
inline constexpr std::string_view feature_peer_closed = "peer-closed";
inline constexpr std::string_view feature_datagrams = "datagrams";
inline constexpr std::string_view feature_interfaces = "interfaces";
inline std::vector<std::string> own_features() {
  return {std::string(feature_file_control), std::string(feature_listeners), std::string(feature_peer_closed),
          std::string(feature_datagrams), std::string(feature_interfaces)};
}
/// The feature that a request belongs to; empty: every agent knows it.
inline std::string_view feature_of(const Message& request) {
  const bool control =
      std::holds_alternative<ChangeAttributes>(request) || std::holds_alternative<ControlFile>(request);
  if (control) return feature_file_control;
  if (std::holds_alternative<OpenDatagrams>(request)) return feature_datagrams;
  if (std::holds_alternative<GetInterfaces>(request)) return feature_interfaces;
  return std::holds_alternative<GetListeners>(request) ? feature_listeners : std::string_view{};
}

// ---- handshake (handshake.hpp says who sends what, and what the proofs are made of)

using Nonce = std::array<std::uint8_t, 32>;  ///< random, of one handshake
using Proof = std::array<std::uint8_t, 32>;  ///< that its sender knows the token

/// First frame of the client, after the agent's Greeting. session: chosen by the client; the same after a
/// lost transport. received: the number of the last numbered frame it has seen (0: none, a new session).
struct Hello {
  std::uint32_t version = protocol_version;
  std::vector<std::string> features = own_features();
  Nonce nonce{};
  Proof proof{};
  std::array<std::uint8_t, 16> session{};
  std::uint64_t received = 0;
  std::uint32_t window = 0;  ///< bytes of credit that each new stream starts with, client's side
  std::string client;        ///< "user@host", shown to other developers on a clash
};
BOOST_DESCRIBE_STRUCT(Hello, (), (version, features, nonce, proof, session, received, window, client))
/// Agent's answer when it accepts.
struct Welcome {
  std::uint32_t version = protocol_version;
  std::vector<std::string> features = own_features();
  Proof proof{};
  bool resumed = false;
  std::uint64_t received = 0;
  std::uint32_t window = 0;
  std::uint32_t lease_seconds = 0;
};
BOOST_DESCRIBE_STRUCT(Welcome, (), (version, features, proof, resumed, received, window, lease_seconds))
/// Agent's answer when it refuses; it then closes. code: EACCES (token), EPROTO (version), ESTALE (can't
/// resume).
struct Rejected {
  std::int32_t code = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Rejected, (), (code, text))
/// The agent's first frame, sent as soon as a transport is there.
struct Greeting {
  std::uint32_t version = protocol_version;
  Nonce nonce{};
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (version, nonce))

using Handshake = std::variant<Hello, Welcome, Rejected, Greeting>;

}  // namespace inpod::protocol
