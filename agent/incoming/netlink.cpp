// Builder, reader and socket for nf_tables over netlink. See netlink.hpp.
#include "incoming/netlink.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>

namespace inpod::agent {
namespace {

constexpr std::size_t header_size = NLMSG_HDRLEN + sizeof(nfgenmsg);
constexpr int longest_answer = 4096;  // datagrams

using Body = std::span<const std::uint8_t>;

template <class T>
T read_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  T value;
  memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

int error_in(const nlmsghdr& header, Body body) {
  return header.nlmsg_type == NLMSG_ERROR && body.size() >= sizeof(int) ? -read_at<int>(body, 0) : 0;
}

}  // namespace

void NetlinkMessages::message(std::uint16_t type, std::uint16_t flags, std::uint8_t family,
                              std::uint16_t resource) {
  message_at_ = data_.size();
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = std::uint16_t(flags | NLM_F_REQUEST);
  header.nlmsg_seq = ++count_;
  nfgenmsg general{};
  general.nfgen_family = family;
  general.version = NFNETLINK_V0;
  general.res_id = htons(resource);
  data_.resize(message_at_ + header_size);
  memcpy(data_.data() + message_at_, &header, sizeof header);
  memcpy(data_.data() + message_at_ + NLMSG_HDRLEN, &general, sizeof general);
}

void NetlinkMessages::begin(std::uint16_t type, std::uint16_t flags, std::uint8_t family) {
  message(std::uint16_t(NFNL_SUBSYS_NFTABLES << 8 | type), flags, family, 0);
}

void NetlinkMessages::end() {
  const auto length = std::uint32_t(data_.size() - message_at_);
  memcpy(data_.data() + message_at_, &length, sizeof length);
}

void NetlinkMessages::begin_batch(std::uint32_t generation) {
  message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  if (generation != 0) number(NFNL_BATCH_GENID, generation);
  end();
}

void NetlinkMessages::end_batch() {
  message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  end();
}

void NetlinkMessages::pad() {
  data_.resize(NLA_ALIGN(data_.size()));
}

void NetlinkMessages::bytes(std::uint16_t type, std::span<const std::uint8_t> value) {
  const nlattr attribute{std::uint16_t(NLA_HDRLEN + value.size()), type};
  const auto* raw = reinterpret_cast<const std::uint8_t*>(&attribute);
  data_.insert(data_.end(), raw, raw + sizeof attribute);
  data_.insert(data_.end(), value.begin(), value.end());
  pad();
}

void NetlinkMessages::text(std::uint16_t type, std::string_view value) {
  protocol::Bytes terminated(value.begin(), value.end());
  terminated.push_back(0);
  bytes(type, terminated);
}

void NetlinkMessages::number(std::uint16_t type, std::uint32_t value) {
  const std::uint32_t network = htonl(value);
  bytes(type, {reinterpret_cast<const std::uint8_t*>(&network), sizeof network});
}

void NetlinkMessages::open(std::uint16_t type) {
  nested_.push_back(data_.size());
  bytes(std::uint16_t(type | NLA_F_NESTED), {});
}

void NetlinkMessages::close() {
  const std::size_t at = nested_.back();
  nested_.pop_back();
  const auto length = std::uint16_t(data_.size() - at);
  memcpy(data_.data() + at, &length, sizeof length);
}

NetlinkAttributes::NetlinkAttributes(std::span<const std::uint8_t> payload) {
  std::size_t at = 0;
  while (payload.size() - at >= NLA_HDRLEN) {
    const auto attribute = read_at<nlattr>(payload, at);
    if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > payload.size() - at) return;
    const std::size_t type = attribute.nla_type & NLA_TYPE_MASK;
    if (type < most) found_[type] = payload.subspan(at + NLA_HDRLEN, attribute.nla_len - NLA_HDRLEN);
    at += NLA_ALIGN(attribute.nla_len);
    if (at > payload.size()) return;
  }
}

std::span<const std::uint8_t> NetlinkAttributes::find(std::uint16_t type) const {
  return type < most ? found_[type] : std::span<const std::uint8_t>{};
}

std::string_view NetlinkAttributes::text(std::uint16_t type) const {
  const auto value = find(type);
  const std::string_view all(reinterpret_cast<const char*>(value.data()), value.size());
  return all.substr(0, all.find('\0'));
}

std::uint32_t NetlinkAttributes::number(std::uint16_t type) const {
  const auto value = find(type);
  return value.size() == sizeof(std::uint32_t) ? ntohl(read_at<std::uint32_t>(value, 0)) : 0;
}

Result<NetfilterSocket> NetfilterSocket::open() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd) return fail_errno("cannot open a netfilter socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot bind a netfilter socket");
  const int room = 4 << 20;  // a batch is one datagram
  for (const int option : {SO_SNDBUFFORCE, SO_RCVBUFFORCE})
    (void)::setsockopt(fd.get(), SOL_SOCKET, option, &room, sizeof room);
  return NetfilterSocket(std::move(fd));
}

Result<void> NetfilterSocket::send(const NetlinkMessages& messages) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const auto& data = messages.data();
  if (::sendto(fd_.get(), data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) <
      0)
    return fail_errno("cannot send to netfilter");
  return {};
}

Result<void> NetfilterSocket::receive(const std::function<void(const nlmsghdr&, Body)>& each) {
  alignas(nlmsghdr) std::array<std::uint8_t, 32768> buffer;
  // Dumps go on as they are read; each recv brings a datagram, or EAGAIN when all has come.
  for (int datagrams = 0; datagrams < longest_answer; ++datagrams) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return {};
    if (got < 0) return fail_errno("cannot read from netfilter");
    Body rest(buffer.data(), std::size_t(got));
    while (rest.size() >= NLMSG_HDRLEN) {
      const auto header = read_at<nlmsghdr>(rest, 0);
      if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > rest.size()) break;
      each(header, rest.subspan(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN));
      rest = rest.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), rest.size()));
    }
  }
  return fail("netfilter's answer has no end");
}

Result<void> NetfilterSocket::transact(const NetlinkMessages& batch, std::uint32_t* failed) {
  TRY_VOID(send(batch));
  std::optional<Error> failure;
  bool answered = false;
  TRY_VOID(receive([&](const nlmsghdr& header, Body body) {
    answered = true;
    const int code = error_in(header, body);
    if (code == 0 || failure) return;
    failure = Error{code, strerror(code), {}};
    if (failed != nullptr) *failed = header.nlmsg_seq;
  }));
  if (failure) return Failed(*failure);
  if (!answered) return fail("netfilter gave no answer");
  return {};
}

Result<void> NetfilterSocket::query(const NetlinkMessages& request, const Answer& each) {
  TRY_VOID(send(request));
  std::optional<Error> failure;
  TRY_VOID(receive([&](const nlmsghdr& header, Body body) {
    if (header.nlmsg_flags & NLM_F_DUMP_INTR)
      failure = Error{EINTR, "the rule set changed while it was read", {}};
    if (const int code = error_in(header, body); code != 0 && !failure)
      failure = Error{code, strerror(code), {}};
    if (header.nlmsg_type >= NLMSG_MIN_TYPE && body.size() >= sizeof(nfgenmsg))
      each(read_at<nfgenmsg>(body, 0).nfgen_family, header.nlmsg_type & 0xff, body.subspan(sizeof(nfgenmsg)));
  }));
  if (failure) return Failed(*failure);
  return {};
}

}  // namespace inpod::agent
