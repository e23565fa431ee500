// See pod_datagrams.hpp.
#include "net/pod_datagrams.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <cstring>
#include <optional>
#include <utility>

#include "protocol/task.hpp"

namespace inpod::agent {

using boost::asio::posix::stream_descriptor;
using protocol::AddressFamily;
using protocol::DatagramKind;
using protocol::SocketAddress;
using protocol::Task;

namespace {

constexpr std::size_t longest_datagram = 64 * 1024;
constexpr int most_pending_errors = 4;  // that one sendto(2) after another reports of earlier datagrams

void set_flag(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

bool is_ipv6(const SocketAddress& address) {
  return address.family == AddressFamily::ipv6;
}

/// What came from the socket, or from its error queue.
struct ReceivedDatagram {
  SocketAddress peer;  ///< of an error: whom the datagram was for
  int code = 0;        ///< errno of an error
  std::size_t length = 0;
};

/// errno of an entry of the error queue; 0: none of the network's. Those of this host sendto(2) tells.
int network_error_in(msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    const bool error = (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
                       (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR);
    if (!error || header->cmsg_len < CMSG_LEN(sizeof(sock_extended_err))) continue;
    sock_extended_err found;
    memcpy(&found, CMSG_DATA(header), sizeof found);
    const bool remote = found.ee_origin == SO_EE_ORIGIN_ICMP || found.ee_origin == SO_EE_ORIGIN_ICMP6;
    return remote ? static_cast<int>(found.ee_errno) : 0;
  }
  return 0;
}

/// recvmsg(2) without waiting; fails with its errno.
Result<ReceivedDatagram> receive_now(int fd, std::span<std::uint8_t> into, int flags) {
  sockaddr_storage from{};
  iovec piece{into.data(), into.size()};
  alignas(cmsghdr) std::array<char, 512> control;
  msghdr message{};
  message.msg_name = &from, message.msg_namelen = sizeof from;
  message.msg_iov = &piece, message.msg_iovlen = 1;
  message.msg_control = control.data(), message.msg_controllen = control.size();
  const ssize_t length = ::recvmsg(fd, &message, flags | MSG_DONTWAIT);
  if (length < 0) return fail_errno("receive");
  ReceivedDatagram received;
  received.peer = from_sockaddr(reinterpret_cast<const sockaddr*>(&from), message.msg_namelen);
  received.length = static_cast<std::size_t>(length);
  if ((flags & MSG_ERRQUEUE) != 0) received.code = network_error_in(message);
  return received;
}

/// connect(2) of another socket tells which address the pod uses towards `peer`.
Result<SocketAddress> source_towards(const SocketAddress& peer, SocketAddress own) {
  TRY_ASSIGN(to, to_sockaddr(peer));
  const UniqueFd probe(::socket(is_ipv6(peer) ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe) return fail_errno("socket");
  set_flag(probe.get(), SOL_SOCKET, SO_BROADCAST, 1);
  if (::connect(probe.get(), to.get(), to.length) != 0) return fail_errno("connect");
  if (own.ip == SocketAddress{}.ip) own.ip = local_address(probe.get()).ip;
  return own;
}

}  // namespace

Result<UniqueFd> PodDatagrams::open(const SocketAddress& bind) {
  if (bind.family != AddressFamily::ipv4 && !is_ipv6(bind)) return fail_errno("datagrams", EAFNOSUPPORT);
  TRY_ASSIGN(at, to_sockaddr(bind));
  UniqueFd fd(::socket(is_ipv6(bind) ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("socket");
  if (is_ipv6(bind)) {
    set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_flag(fd.get(), IPPROTO_IPV6, IPV6_RECVERR, 1);
  } else {
    set_flag(fd.get(), IPPROTO_IP, IP_RECVERR, 1);
  }
  if (::bind(fd.get(), at.get(), at.length) != 0) return fail_errno("bind");
  return fd;
}

void PodDatagrams::carry(boost::asio::any_io_executor io, UniqueFd socket,
                         std::unique_ptr<protocol::Stream> stream) {
  std::shared_ptr<PodDatagrams> self(new PodDatagrams(io, std::move(socket), std::move(stream)));
  boost::asio::co_spawn(io, to_client(self), rethrow);
  boost::asio::co_spawn(io, to_pod(self), rethrow);
}

PodDatagrams::PodDatagrams(const boost::asio::any_io_executor& io, UniqueFd socket,
                           std::unique_ptr<protocol::Stream> stream)
    : descriptor_(io, socket.release()), stream_(std::move(stream)), written_(io) {}

Task<void> PodDatagrams::to_client(std::shared_ptr<PodDatagrams> self) {
  protocol::Bytes buffer(longest_datagram);
  while (self->descriptor_.is_open()) {
    if (!co_await self->tell_errors(buffer)) break;
    const auto received = receive_now(self->descriptor_.native_handle(), buffer, 0);
    if (received) {
      const std::span<const std::uint8_t> data(buffer.data(), received->length);
      if (!co_await self->write(DatagramKind::data, received->peer, 0, data)) break;
    } else if (received.error().code == EAGAIN) {
      auto [failed] = co_await self->descriptor_.async_wait(stream_descriptor::wait_read, as_result);
      if (failed) break;
    }  // another error is one of an earlier datagram, which the error queue tells
  }
  self->close();
}

/// False: the stream has ended.
Task<bool> PodDatagrams::tell_errors(std::span<std::uint8_t> buffer) {
  while (descriptor_.is_open()) {
    const auto failed = receive_now(descriptor_.native_handle(), buffer, MSG_ERRQUEUE);
    if (!failed) co_return true;
    if (failed->code == 0 || failed->peer.family == AddressFamily::none) continue;
    const auto data = buffer.first(failed->length);
    if (!co_await write(DatagramKind::failed, failed->peer, failed->code, data)) break;
  }
  co_return false;
}

Task<bool> PodDatagrams::write(DatagramKind kind, const SocketAddress& peer, int code,
                               std::span<const std::uint8_t> data) {
  const auto self = shared_from_this();
  while (writing_)
    if (!co_await written_.wait()) co_return false;
  writing_ = true;
  const auto frame = protocol::encode(kind, peer, code, data);
  const auto done = co_await stream_->write_datagram(frame);
  writing_ = false;
  written_.notify();
  co_return done || done.error().code == EMSGSIZE;  // one of IPv6 may be larger than a frame: it is lost
}

Task<void> PodDatagrams::to_pod(std::shared_ptr<PodDatagrams> self) {
  for (;;) {
    const auto data = co_await self->stream_->read();
    if (!data || self->stream_->ended() || !self->descriptor_.is_open()) break;
    const auto frame = protocol::decode_datagram(*data);
    if (!frame) break;
    if (frame->kind == DatagramKind::source) {
      if (!co_await self->tell_source(frame->peer)) break;
    } else if (const int code = co_await self->send(*frame); code != 0) {
      if (!co_await self->write(DatagramKind::unsent, frame->peer, code, frame->data)) break;
    }
  }
  self->close();
}

/// sendto(2)'s errno, or 0.
Task<int> PodDatagrams::send(const protocol::DatagramFrame& frame) {
  const auto to = to_sockaddr(frame.peer);
  if (!to) co_return to.error().code;
  allow_broadcast(frame.code == 1);
  for (int errors = 0; descriptor_.is_open();) {
    if (::sendto(descriptor_.native_handle(), frame.data.data(), frame.data.size(), MSG_NOSIGNAL, to->get(),
                 to->length) >= 0)
      co_return 0;
    const int code = errno;
    if (code == EINTR) continue;
    // With IP_RECVERR the error of an earlier datagram comes first: then this one has not been sent.
    if (code != EAGAIN && ++errors > most_pending_errors) co_return code;
    if (code != EAGAIN) continue;
    auto [failed] = co_await descriptor_.async_wait(stream_descriptor::wait_write, as_result);
    if (failed) co_return 0;
  }
  co_return 0;
}

Task<bool> PodDatagrams::tell_source(const SocketAddress& peer) {
  const auto own = source_towards(peer, local_address(descriptor_.native_handle()));
  if (!own) co_return co_await write(DatagramKind::source, peer, own.error().code, {});
  const auto inner = protocol::encode(DatagramKind::source, *own, 0, {});
  co_return co_await write(DatagramKind::source, peer, 0, inner);
}

void PodDatagrams::allow_broadcast(bool on) {
  if (std::exchange(broadcast_, on) != on)
    set_flag(descriptor_.native_handle(), SOL_SOCKET, SO_BROADCAST, on ? 1 : 0);
}

void PodDatagrams::close() {
  if (!descriptor_.is_open()) return;
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  stream_->reset(ECONNRESET);
}

}  // namespace inpod::agent
