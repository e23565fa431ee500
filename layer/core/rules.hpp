// Rules: what is the pod's and what is this machine's, as the relay said it in its answer to `hello`
// (relay_protocol.hpp, "Rules text").
//
// Parsed once into fixed memory, read-only afterwards: questions take no lock and allocate nothing, from any
// thread or signal handler. A path is first compared by the literal start of each glob, eight bytes at once,
// so a path that no rule names costs about a nanosecond per rule.
//
// What no rule matches is local. Loopback and unspecified addresses match only a rule that names them (a
// range of at least /8, or /128 in IPv6): `*` and 0.0.0.0/0 don't.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string_view>

namespace inpod {

enum class FileMode : std::uint8_t { local, read, write, absent };
enum class Side : std::uint8_t { local, remote };
enum class Network : std::uint8_t { tcp, udp, unix_socket };

class Rules {
 public:
  /// Replaces everything. Null when all was understood, else what was wrong with the line returned in
  /// `bad_line`.
  const char* parse(std::string_view text, std::string_view& bad_line);

  /// path: absolute and normalised.
  FileMode file(std::string_view path) const;
  /// A directory or file that a rule leaves to this machine and that lies below the directory `path`, without
  /// a glob's wildcards. Empty: there is none from rule number `next` on; else `next` is where to go on.
  std::string_view local_below(std::string_view path, std::uint32_t& next) const;
  /// The name in the pod of a path that is remote: the longest mapped prefix replaced. Empty: no mapping;
  /// else the new prefix, and `rest` is what follows it.
  std::string_view mapped(std::string_view path, std::string_view& rest) const;
  /// Where a connection to this address goes. AF_INET, AF_INET6 (IPv4-mapped counts as IPv4), AF_UNIX; others
  /// are local.
  Side outgoing(Network network, const sockaddr* address, socklen_t length) const;
  /// Whether a listener on this port is the pod's.
  Side incoming(std::uint16_t port) const;
  Side dns(std::string_view name) const;
  bool remote_hostname() const { return remote_hostname_; }

 private:
  struct FileRule {
    std::uint64_t head, mask;  ///< first eight bytes of the literal start
    std::uint32_t at;          ///< of the glob in text_
    std::uint16_t length, literal;
    FileMode mode;
    bool exact;  ///< no wildcard at all
  };
  struct MapRule {
    std::uint32_t from, to;
    std::uint16_t from_length, to_length;
  };
  struct AddressRule {
    std::uint8_t ip[16];
    std::uint8_t bits;    ///< of `ip`; 0 with family 0: any address
    std::uint8_t family;  ///< 4, 6, or 0
    Network network;
    Side side;
    std::uint16_t first_port, last_port;
    std::uint32_t glob;  ///< for unix sockets
    std::uint16_t glob_length;
  };
  struct PortRule {
    std::uint16_t first, last;
    Side side;
  };
  struct NameRule {
    std::uint32_t at;
    std::uint16_t length;
    Side side;
  };

  const char* parse_line(std::string_view line);
  const char* parse_file(std::string_view rest);
  const char* parse_map(std::string_view rest);
  const char* parse_outgoing(std::string_view rest);
  const char* parse_incoming(std::string_view rest);
  const char* parse_dns(std::string_view rest);
  bool keep(std::string_view text, std::uint32_t& at);
  std::string_view text(std::uint32_t at, std::size_t length) const { return {text_ + at, length}; }

  static constexpr std::size_t max_files = 1024, max_others = 256, max_characters = 64 << 10;
  FileRule files_[max_files] = {};
  MapRule maps_[max_others] = {};
  AddressRule addresses_[max_others] = {};
  PortRule ports_[max_others] = {};
  NameRule names_[max_others] = {};
  char text_[max_characters] = {};
  std::uint32_t file_count_ = 0, map_count_ = 0, address_count_ = 0, port_count_ = 0, name_count_ = 0,
                used_ = 0;
  bool remote_hostname_ = false;
};

/// True for 127/8, ::1, the IPv4-mapped form, and the unspecified addresses (which mean this host to
/// connect(2)).
bool is_loopback(const sockaddr* address, socklen_t length);

}  // namespace inpod
