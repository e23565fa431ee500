// See listener.hpp.
#include "dap/listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/ip/tcp.hpp>
#include <filesystem>

#include "os/protected_path.hpp"
#include "relay/socket_diag.hpp"

namespace inpod::dap {
namespace {

using boost::asio::ip::tcp;

Result<tcp::endpoint> parse_address(const std::string& text, bool allow_remote) {
  const auto colon = text.rfind(':');
  const std::string how = "write --listen HOST:PORT, such as 127.0.0.1:4711, or --listen unix:PATH";
  if (colon == std::string::npos) return fail("--listen " + text + " has no port", how);
  std::string host = text.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty() || host == "localhost") host = "127.0.0.1";
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error) return fail("--listen: " + host + " is not an IP address", how);
  const std::string digits = text.substr(colon + 1);
  if (digits.empty() || digits.size() > 5 || digits.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(digits) > 65535)
    return fail("--listen: \"" + digits + "\" is not a port", how);
  if (!address.is_loopback() && !allow_remote)
    return fail("--listen " + text + " would let other machines run programs here",
                "listen on 127.0.0.1, or add --allow-remote");
  return tcp::endpoint(address, static_cast<unsigned short>(std::stoi(digits)));
}

std::string to_string(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

Result<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail("--listen unix:" + path + ": a socket's path has 1 to " +
                std::to_string(sizeof address.sun_path - 1) + " bytes");
  path.copy(address.sun_path, path.size());
  return address;
}

const sockaddr* plain(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// Whether a server takes clients at `address`. One whose queue is full does.
bool is_served(const sockaddr_un& address) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return !socket || ::connect(socket.get(), plain(address), sizeof address) == 0 || errno == EAGAIN;
}

Result<void> check_unix_peer(int client) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return fail("a client was refused: the kernel does not tell whose it is");
  if (peer.uid != ::geteuid())
    return fail("a client of another user (uid " + std::to_string(peer.uid) + ") was refused");
  return {};
}

Result<void> check_tcp_peer(int client) {
  const auto user = relay::peer_user(client);
  if (user && *user != ::geteuid())
    return fail("a client of another user (uid " + std::to_string(*user) + ") was refused");
  if (user) return {};
  // Only of another machine's client can't the user be known.
  tcp::endpoint peer;
  socklen_t length = static_cast<socklen_t>(peer.capacity());
  if (::getpeername(client, peer.data(), &length) != 0) return fail("a client was gone at once");
  auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
  if (address.is_loopback())
    return fail("a client was refused: the kernel does not tell whose it is",
                "it has closed its connection already; if every client is refused, use --listen unix:PATH");
  return {};
}

}  // namespace

Result<Listener> Listener::create(const std::string& where, bool allow_remote) {
  Listener listener;
  if (where.starts_with("unix:"))
    TRY_VOID(listener.listen_at_path(where.substr(5)));
  else
    TRY_VOID(listener.listen_at_address(where, allow_remote));
  return listener;
}

Listener::~Listener() {
  if (socket_ && directory_) ::unlinkat(directory_.get(), name_.c_str(), 0);
}

Result<void> Listener::listen_at_address(const std::string& where, bool allow_remote) {
  TRY_ASSIGN(endpoint, parse_address(where, allow_remote));
  socket_.reset(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!socket_ || ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket_.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(socket_.get(), SOMAXCONN) != 0) {
    return Failed(Error{errno, "cannot listen on " + where + ": " + strerror(errno),
                        "take another port, or 0 for any"});
  }
  socklen_t length = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(socket_.get(), endpoint.data(), &length) != 0)
    return fail_errno("cannot listen on " + where);
  address_ = to_string(endpoint);
  return {};
}

Result<void> Listener::listen_at_path(const std::string& path) {
  TRY_VOID(socket_address(path));  // clients connect by it
  const std::filesystem::path whole(path);
  const std::string directory = whole.has_parent_path() ? whole.parent_path().string() : ".";
  name_ = whole.filename().string();
  if (name_.empty()) return fail("--listen unix:" + path + " names a directory, not a socket");
  UniqueFd folder(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!folder || ::fstat(folder.get(), &status) != 0) return fail_errno("--listen unix: " + directory);
  if (status.st_uid != ::geteuid() || (status.st_mode & 022) != 0)
    return fail("--listen unix: other users may write to the directory " + directory + ", or own it",
                "take a directory of your own, such as $XDG_RUNTIME_DIR");
  // Clients come by the path, so it must lead here for them, too.
  std::error_code unknown;
  if (const auto whose = check_protected(std::filesystem::absolute(directory, unknown).string()); !whose)
    return fail(
        "--listen unix: another directory may take the place of " + directory + ": " + whose.error().text,
        "take a directory of your own, such as $XDG_RUNTIME_DIR");
  directory_ = std::move(folder);
  TRY_VOID(make_room_for_name());
  // By the descriptor: the directory that was checked, whatever its path means by now.
  TRY_ASSIGN(address, socket_address("/proc/self/fd/" + std::to_string(directory_.get()) + "/" + name_));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // bind(2) takes the mode from the descriptor, so the name never stands open.
  if (!socket || ::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), plain(address), sizeof address) != 0)
    return fail_errno("cannot listen on unix:" + path);
  socket_ = std::move(socket);
  if (::listen(socket_.get(), SOMAXCONN) != 0) return fail_errno("cannot listen on unix:" + path);
  address_ = "unix:" + path;
  return {};
}

/// Removes a socket that a server left when it was killed.
Result<void> Listener::make_room_for_name() const {
  struct stat status {};
  if (::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return fail("--listen unix: " + name_ + " is there already and is not a socket", "take another name");
  TRY_ASSIGN(address, socket_address("/proc/self/fd/" + std::to_string(directory_.get()) + "/" + name_));
  if (is_served(address))
    return fail("--listen unix: another server listens on " + name_, "end it, or take another name");
  if (::unlinkat(directory_.get(), name_.c_str(), 0) != 0) return fail_errno("cannot remove " + name_);
  return {};
}

Result<std::optional<UniqueFd>> Listener::accept() const {
  UniqueFd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)) return std::nullopt;
  if (!client) return fail_errno("cannot take a client");
  TRY_VOID(directory_ ? check_unix_peer(client.get()) : check_tcp_peer(client.get()));
  const int on = 1;
  if (!directory_) ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // only a wish
  return client;
}

}  // namespace inpod::dap
