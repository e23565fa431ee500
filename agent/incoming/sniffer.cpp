// The AF_PACKET socket. See sniffer.hpp.
#include "incoming/sniffer.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sock_diag.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "incoming/filter.hpp"
#include "protocol/task.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::agent {
namespace {

namespace asio = boost::asio;
constexpr std::size_t largest_packet = 1 << 16;  // a super-packet; a larger one is cut, which shows as a gap
constexpr std::size_t packets_per_batch = 256, bytes_per_batch = 256 << 10;
constexpr auto pause_step = std::chrono::milliseconds(2);

struct Capture {
  std::span<const std::uint8_t> packet;
  bool outgoing = false, loopback = false;
  bool ours = false;  ///< not for another host (a promiscuous interface), and no broadcast
  bool verify_checksum = false;
  std::uint32_t interface = 0;
};

/// The next packet that waits, or nothing.
std::optional<Capture> next_packet(int fd, std::vector<std::uint8_t>& buffer) {
  sockaddr_ll from{};
  iovec io{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(sizeof(tpacket_auxdata))];
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = ::recvmsg(fd, &message, MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got < 0) return std::nullopt;
  Capture capture;
  capture.packet = {buffer.data(), std::size_t(got)};
  capture.outgoing = from.sll_pkttype == PACKET_OUTGOING;
  capture.ours = capture.outgoing || from.sll_pkttype == PACKET_HOST;
  capture.loopback = from.sll_hatype == ARPHRD_LOOPBACK;
  capture.interface = std::uint32_t(from.sll_ifindex);
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata status;
    memcpy(&status, CMSG_DATA(c), sizeof status);
    capture.verify_checksum = !(status.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID));
  }
  return capture;
}

std::uint32_t dropped_packets(int fd) {
  tpacket_stats stats{};
  socklen_t length = sizeof stats;
  return ::getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0 ? stats.tp_drops : 0;
}

/// True while the kernel's buffer has more than half of its room.
bool has_room(int fd) {
  std::uint32_t info[SK_MEMINFO_VARS] = {};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &length) != 0) return false;
  return info[SK_MEMINFO_RMEM_ALLOC] < info[SK_MEMINFO_RCVBUF] / 2;
}

}  // namespace

struct Sniffer::Impl {
  Impl(asio::any_io_executor executor, UniqueFd fd, Handlers given)
      : socket(executor, fd.release()),
        timer(executor),
        handlers(std::move(given)),
        buffer(largest_packet + 512) {}

  Result<void> watch(const std::vector<std::uint16_t>& wanted) {
    if (wanted.size() > most_ports) return Failed(Error{ENOSPC, "too many ports are mirrored at once", {}});
    auto program = port_filter(wanted);
    const sock_fprog filter{std::uint16_t(program.size()), program.data()};
    if (::setsockopt(socket.native_handle(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0)
      return fail_errno("cannot set the packet filter");
    ports = wanted;
    return {};
  }

  Result<void> bind() {
    sockaddr_ll all{};
    all.sll_family = AF_PACKET;
    all.sll_protocol = htons(ETH_P_ALL);
    if (::bind(socket.native_handle(), reinterpret_cast<sockaddr*>(&all), sizeof all) != 0)
      return fail_errno("cannot read the pod's packets");
    return {};
  }

  static asio::awaitable<void> run(std::shared_ptr<Impl> self) {
    while (self->open) {
      const auto [error] =
          co_await self->socket.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
      if (error) break;
      while (self->open && self->handlers.pause() && has_room(self->socket.native_handle())) {
        self->timer.expires_after(pause_step);
        co_await self->timer.async_wait(as_result);
      }
      if (self->open) self->read_batch();
      co_await asio::post(self->timer.get_executor(), asio::use_awaitable);  // the others' turn
    }
  }

  void read_batch() {
    std::size_t bytes = 0;
    for (std::size_t packets = 0; open && packets < packets_per_batch && bytes < bytes_per_batch; ++packets) {
      const auto capture = next_packet(socket.native_handle(), buffer);
      if (!capture) break;
      bytes += capture->packet.size();
      if (capture->ours) take(*capture);
    }
    if (!open) return;
    if (const auto lost = dropped_packets(socket.native_handle()); lost > 0) handlers.on_drops(lost);
  }

  bool watched(std::uint16_t port) const {
    return std::find(ports.begin(), ports.end(), port) != ports.end();
  }

  void take(const Capture& capture) {
    if (capture.loopback && capture.outgoing) return;  // it comes again as incoming
    auto segment = parse_packet(capture.packet, capture.verify_checksum);
    if (!segment) {
      if (segment.error() == PacketFault::fragment && !capture.outgoing) handlers.on_fragment();
      return;
    }
    for (auto* end : {&segment->source, &segment->destination})
      if (is_link_local_ipv6(end->ip)) end->scope = capture.interface;
    // The pod's own connection to port P of another host leaves through an interface: that is not traffic to
    // the pod.
    if (watched(segment->destination.port) && !capture.outgoing) handlers.on_segment(*segment, true);
    if (open && watched(segment->source.port) && (capture.outgoing || capture.loopback))
      handlers.on_segment(*segment, false);
  }

  asio::posix::stream_descriptor socket;
  asio::steady_timer timer;
  Handlers handlers;
  std::vector<std::uint8_t> buffer;
  std::vector<std::uint16_t> ports;
  bool open = true;
};

Sniffer::Sniffer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Sniffer::~Sniffer() {
  impl_->open = false;
  boost::system::error_code ignored;
  impl_->socket.close(ignored);
  impl_->timer.cancel();
}

Result<void> Sniffer::watch(const std::vector<std::uint16_t>& ports) {
  return impl_->watch(ports);
}

Result<std::unique_ptr<Sniffer>> Sniffer::create(asio::any_io_executor executor, UniqueFd fd,
                                                 Handlers handlers, Note note) {
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0)
    return fail_errno("cannot ask for the status of packets");
  auto impl = std::make_shared<Impl>(executor, std::move(fd), std::move(handlers));
  TRY_VOID(impl->watch({}));  // nothing passes until ports are watched
  TRY_VOID(impl->bind());
  asio::co_spawn(executor, Impl::run(impl), Report{std::move(note), "reading the pod's packets"});
  return std::unique_ptr<Sniffer>(new Sniffer(std::move(impl)));
}

}  // namespace inpod::agent
