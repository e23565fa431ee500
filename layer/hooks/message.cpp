// Messages: send, sendto, sendmsg, recv, recvfrom, recvmsg and their relatives.
//
// On the way out, a datagram for an address of the pod's goes to the relay's socket for it. On the way in,
// the sender's name is corrected, files of ours that arrive by SCM_RIGHTS are recognised, and so are errors.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "core/datagrams.hpp"
#include "hooks/descriptor.hpp"
#include "hooks/netlink.hpp"
#include "hooks/socket_error.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

void tell_of_kind() {
  core.note_once("outgoing.remote_unix",
                 "only stream sockets are carried to the pod: a datagram to a unix socket that it names is "
                 "refused (EPROTONOSUPPORT)");
}

/// Where to send. not_ours: as the program said; 0: `instead`; else -errno.
long target_of(int fd, const void* address, socklen_t length, int flags, sockets::Address& instead) {
  if (!address || length == 0 || !active()) return not_ours;
  const auto* to = static_cast<const sockaddr*>(address);
  if ((flags & MSG_FASTOPEN) != 0)  // connects and sends at once: programs fall back to connect(2)
    return core.rules.outgoing(Network::tcp, to, length) == Side::remote ? -EOPNOTSUPP : not_ours;
  const long value = sockets::datagram_target(core, fd, to, length, instead);
  if (value == -EPROTONOSUPPORT) tell_of_kind();
  return value;
}

/// Puts the true sender in place of the relay's address. `message`: whose control messages name addresses.
void true_sender(int fd, sockaddr* from, socklen_t* length, socklen_t capacity, msghdr* message = nullptr) {
  if (!from || !length || *length == 0 || *length > capacity || !active()) return;
  if (!sockets::may_be_relays(core, from, *length)) return;
  const int saved = errno;
  sockaddr_storage copy{};
  memcpy(&copy, from, *length < sizeof copy ? *length : sizeof copy);
  sockets::Address real, name, local;
  real.set(copy, *length);
  if (sockets::sender(core, fd, real, name, local) == 1) {
    if (message) sockets::correct_control(*message, local, name);
    memcpy(from, name.get(), capacity < name.length ? capacity : name.length);
    *length = name.length;
  }
  errno = saved;
}

/// Descriptors of ours that somebody has sent.
void adopt_received(const msghdr& message) {
  if (!message.msg_control || message.msg_controllen < sizeof(cmsghdr) || !active()) return;
  const int saved = errno;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header;
       header = CMSG_NXTHDR(const_cast<msghdr*>(&message), header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS || header->cmsg_len < CMSG_LEN(0))
      continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      reused(fd);
      core.adopt(fd);
    }
  }
  errno = saved;
}

/// What has come on a socket, where it is netlink's: the pod's in its place.
ssize_t true_answer(int fd, void* into, std::size_t size, int flags, ssize_t got) {
  bool cut;
  return got >= 0 && is_netlink(fd) ? received_netlink(fd, into, size, got, flags, cut) : got;
}
ssize_t true_answer(int fd, msghdr& message, int flags, ssize_t got) {
  if (got < 0 || message.msg_iovlen == 0 || !is_netlink(fd)) return got;
  bool cut;
  const iovec& first = message.msg_iov[0];
  got = received_netlink(fd, first.iov_base, first.iov_len, got, flags, cut);
  message.msg_flags = cut ? message.msg_flags | MSG_TRUNC : message.msg_flags & ~MSG_TRUNC;
  return got;
}

void received(int fd, msghdr& message, socklen_t capacity) {
  socklen_t length = message.msg_namelen;
  true_sender(fd, static_cast<sockaddr*>(message.msg_name), &length, capacity, &message);
  message.msg_namelen = length;
  adopt_received(message);
}

}  // namespace

HOOK(ssize_t, send, (int fd, const void* data, size_t size, int flags)) {
  if (is_netlink(fd))
    if (const long done = sending_netlink(fd, data, size); done != not_ours) return result<ssize_t>(done);
  return true_error(fd, original(send)(fd, data, size, flags));
}

HOOK(ssize_t, sendto,
     (int fd, const void* data, size_t size, int flags, const sockaddr* to, socklen_t length)) {
  if (is_netlink(fd))
    if (const long done = sending_netlink(fd, data, size); done != not_ours) return result<ssize_t>(done);
  sockets::Address instead;
  const long value = target_of(fd, to, length, flags, instead);
  if (value == not_ours) return true_error(fd, original(sendto)(fd, data, size, flags, to, length));
  if (value != 0) return result<ssize_t>(value);
  return original(sendto)(fd, data, size, flags, instead.get(), instead.length);
}

HOOK(ssize_t, sendmsg, (int fd, const msghdr* message, int flags)) {
  if (message && message->msg_iovlen != 0 && is_netlink(fd)) {
    const iovec& first = message->msg_iov[0];
    if (const long done = sending_netlink(fd, first.iov_base, first.iov_len); done != not_ours)
      return result<ssize_t>(done);
  }
  sockets::Address instead;
  const long value =
      message ? target_of(fd, message->msg_name, message->msg_namelen, flags, instead) : not_ours;
  if (!message || !active() || (value == not_ours && message->msg_namelen != 0))
    return true_error(fd, original(sendmsg)(fd, message, flags));
  if (value != not_ours && value != 0) return result<ssize_t>(value);
  msghdr changed = *message;
  if (value == 0) {
    changed.msg_name = instead.get();
    changed.msg_namelen = instead.length;
  }
  // Without a name, an address in the control messages may be the pod's that the connected socket has there.
  const bool connected = value == not_ours && core.fds.get(fd).kind() == FdKind::connecting;
  sockets::PodControl control;
  if (const long refused = value == 0 || connected ? control.apply(changed) : 0; refused != 0)
    return result<ssize_t>(refused);
  return true_error(fd, original(sendmsg)(fd, &changed, flags));
}

HOOK(int, sendmmsg, (int fd, mmsghdr* messages, unsigned count, int flags)) {
  bool any = false;
  for (unsigned i = 0; active() && i < count; ++i) any = any || messages[i].msg_hdr.msg_namelen != 0;
  if (!any) return static_cast<int>(true_error(fd, original(sendmmsg)(fd, messages, count, flags)));
  unsigned sent = 0;
  for (; sent < count; ++sent) {
    const ssize_t size = hook_sendmsg(fd, &messages[sent].msg_hdr, flags);
    if (size < 0) return sent != 0 ? static_cast<int>(sent) : -1;
    messages[sent].msg_len = static_cast<unsigned>(size);
  }
  return static_cast<int>(sent);
}

HOOK(ssize_t, recv, (int fd, void* into, size_t size, int flags)) {
  return true_answer(fd, into, size, flags, true_error(fd, original(recv)(fd, into, size, flags)));
}

HOOK(ssize_t, __recv_chk, (int fd, void* into, size_t size, size_t capacity, int flags)) {
  const ssize_t got = true_error(fd, original(__recv_chk)(fd, into, size, capacity, flags));
  return true_answer(fd, into, size, flags, got);
}

HOOK(ssize_t, recvfrom, (int fd, void* into, size_t size, int flags, sockaddr* from, socklen_t* length)) {
  const socklen_t capacity = length ? *length : 0;
  const ssize_t got = true_error(fd, original(recvfrom)(fd, into, size, flags, from, length));
  if (got >= 0) true_sender(fd, from, length, capacity);
  return true_answer(fd, into, size, flags, got);
}

HOOK(ssize_t, __recvfrom_chk,
     (int fd, void* into, size_t size, size_t room, int flags, sockaddr* from, socklen_t* length)) {
  const socklen_t capacity = length ? *length : 0;
  const ssize_t got = true_error(fd, original(__recvfrom_chk)(fd, into, size, room, flags, from, length));
  if (got >= 0) true_sender(fd, from, length, capacity);
  return true_answer(fd, into, size, flags, got);
}

HOOK(ssize_t, recvmsg, (int fd, msghdr* message, int flags)) {
  const socklen_t capacity = message ? message->msg_namelen : 0;
  const ssize_t got = true_error(fd, original(recvmsg)(fd, message, flags));
  if (got < 0) return got;
  received(fd, *message, capacity);
  return true_answer(fd, *message, flags, got);
}

HOOK(int, recvmmsg, (int fd, mmsghdr* messages, unsigned count, int flags, timespec* limit)) {
  // Each message's room for a name must be known afterwards; there is no place to keep more than one without
  // memory.
  socklen_t capacities[64];
  if (active() && count > 64) count = 64;
  for (unsigned i = 0; active() && i < count; ++i) capacities[i] = messages[i].msg_hdr.msg_namelen;
  const int got = static_cast<int>(true_error(fd, original(recvmmsg)(fd, messages, count, flags, limit)));
  for (int i = 0; active() && i < got; ++i) received(fd, messages[i].msg_hdr, capacities[i]);
  return got;
}
