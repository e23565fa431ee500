// One connection per operation. See relay_client.hpp.
#include "core/relay_client.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "core/own_table.hpp"
#include "core/raw.hpp"
#include "core/text.hpp"

namespace inpod {
namespace {

union Control {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr align;
};

/// Drops `count` bytes from the front of a list of buffers.
void advance(iovec*& parts, std::size_t& left, std::size_t count) {
  while (left != 0 && count >= parts->iov_len) {
    count -= parts->iov_len;
    ++parts, --left;
  }
  if (left == 0) return;
  parts->iov_base = static_cast<char*>(parts->iov_base) + count;
  parts->iov_len -= count;
}

iovec part(const void* data, std::size_t size) {
  return {const_cast<void*>(data), size};
}

/// The descriptor in a received control message, or -1.
int descriptor_of(msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    if (header->cmsg_len != CMSG_LEN(sizeof(int))) continue;
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
  }
  return -1;
}

}  // namespace

void RelayCall::set_address(const sockaddr* address, socklen_t length) {
  if (length > sizeof request.address) length = sizeof request.address;
  memcpy(&request.address, address, length);
  request.address_length = length;
}

long move_above_standard(long fd) {
  if (fd < 0 || fd > 2) return fd;
  const long moved = raw::fcntl(static_cast<int>(fd), F_DUPFD_CLOEXEC, 3);
  raw::close(static_cast<int>(fd));
  return moved;
}

bool RelayClient::set_path(std::string_view path) {
  if (path.empty() || path.size() >= sizeof address_.sun_path) return false;
  address_ = {};
  address_.sun_family = AF_UNIX;
  memcpy(address_.sun_path, path.data(), path.size());
  return true;
}

namespace {

/// A socket that is connected to the address, or -errno.
long connected_socket(const sockaddr_un& address, socklen_t length) {
  const long fd = raw::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  for (;;) {
    const long result =
        raw::connect(static_cast<int>(fd), reinterpret_cast<const sockaddr*>(&address), length);
    if (result == 0 || result == -EISCONN) return fd;
    if (result == -EINTR) continue;
    raw::close(static_cast<int>(fd));
    return result;
  }
}

}  // namespace

long RelayClient::dial() const {
  long fd = connected_socket(address_, sizeof address_);
  if (fd == -EACCES || fd == -ENOENT) fd = dial_abstract();
  return fd == -ECONNREFUSED || fd == -ENOENT ? -EIO : fd;
}

/// Whoever listens there must be root: after inpod's end the name is anybody's.
long RelayClient::dial_abstract() const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t size = path().size();
  memcpy(address.sun_path + 1, address_.sun_path, size);
  const long fd =
      connected_socket(address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + size));
  if (fd < 0) return fd;
  ucred peer{};
  socklen_t length = sizeof peer;
  if (raw::get_option(static_cast<int>(fd), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == 0)
    return fd;
  raw::close(static_cast<int>(fd));
  return -EIO;
}

long RelayClient::send(int fd, RelayCall& call) {
  relay::Request& request = call.request;
  const bool two = !call.more_text.empty();
  request.text_length = static_cast<std::uint32_t>(call.text.size() + (two ? 1 + call.more_text.size() : 0));
  request.data_length = static_cast<std::uint32_t>(call.data_size);
  request.has_fd = call.send_fd >= 0;
  iovec all[5] = {part(&request, sizeof request), part(call.text.data(), call.text.size()),
                  part("", two ? 1 : 0), part(call.more_text.data(), call.more_text.size()),
                  part(call.data, call.data_size)};
  iovec* parts = all;
  std::size_t left = 5;
  Control control{};
  msghdr message{};
  if (call.send_fd >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &call.send_fd, sizeof(int));
  }
  advance(parts, left, 0);
  while (left != 0) {
    message.msg_iov = parts;
    message.msg_iovlen = left;
    const long sent = raw::send_message(fd, &message, MSG_NOSIGNAL);
    if (sent == -EINTR) continue;
    if (sent <= 0) return sent == -EBADF ? -EBADF : -EIO;
    message.msg_control = nullptr;
    message.msg_controllen = 0;
    advance(parts, left, static_cast<std::size_t>(sent));
  }
  return 0;
}

long RelayClient::receive(int fd, RelayCall& call) {
  std::size_t head = 0;
  std::size_t wanted = call.capacity;
  while (head < sizeof call.reply || call.received < wanted) {
    iovec parts[2] = {part(reinterpret_cast<char*>(&call.reply) + head, sizeof call.reply - head),
                      part(static_cast<char*>(call.into) + call.received, wanted - call.received)};
    Control control;
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    const long got = raw::receive_message(fd, &message, MSG_CMSG_CLOEXEC);
    if (got == -EINTR && (!call.interruptible || head != 0)) continue;
    if (got == -EINTR) return -EINTR;
    if (got > 0) {
      if (const int passed = descriptor_of(message); passed >= 0) {
        if (call.fd >= 0) raw::close(call.fd);
        call.fd = passed;
      }
      const std::size_t to_head =
          static_cast<std::size_t>(got) < parts[0].iov_len ? static_cast<std::size_t>(got) : parts[0].iov_len;
      head += to_head;
      call.received += static_cast<std::size_t>(got) - to_head;
      if (head == sizeof call.reply && call.reply.data_length < wanted) wanted = call.reply.data_length;
    } else {
      return -EIO;
    }
  }
  return 0;
}

/// Sends, receives, and closes the socket.
long RelayClient::converse(int socket, RelayCall& call) const {
  call.received = 0;
  call.fd = -1;
  long result = send(socket, call);
  if (result == 0) result = receive(socket, call);
  raw::close(socket);
  if (result == 0 && call.reply.error != 0)
    result = call.reply.error > 0 && call.reply.error < 4096 ? -call.reply.error : -EIO;
  if (result != 0 && call.fd >= 0) {
    raw::close(call.fd);
    call.fd = -1;
  }
  return result;
}

namespace {

/// Whether the process may have one more descriptor than it has now, of which `fd` is one.
bool has_room(int fd) {
  const long other = raw::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (other >= 0) raw::close(static_cast<int>(other));
  return other >= 0;
}

/// A hello after fork needs nothing from its answer.
bool brings_descriptor(const relay::Request& request) {
  return request.op == relay::Op::open || request.op == relay::Op::list ||
         (request.op == relay::Op::hello && request.a == 0);
}

}  // namespace

/// By a thread with a table of its own; a descriptor that comes is opened here anew.
long RelayClient::ask_aside(RelayCall& call) const {
  struct Both {
    const RelayClient& client;
    RelayCall& call;
    long fd = -1;
  } both{*this, call};
  const auto work = [](void* context) -> long {
    const auto& [client, asked, fd] = *static_cast<Both*>(context);
    const long socket = client.dial();
    return socket < 0 ? socket : client.converse(static_cast<int>(socket), asked);
  };
  const auto take = [](void* context, long thread) {
    auto& [client, asked, fd] = *static_cast<Both*>(context);
    if (asked.fd < 0) return;
    FixedText<64> name;
    name << "/proc/self/task/" << static_cast<std::uint64_t>(thread) << "/fd/"
         << static_cast<std::uint64_t>(asked.fd);
    fd = raw::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  };
  const long result = with_own_table(call.send_fd, work, &both, take);
  call.fd = both.fd < 0 ? -1 : static_cast<int>(both.fd);
  return result;
}

long RelayClient::ask(RelayCall& call) const {
  const bool brings = brings_descriptor(call.request);
  const long socket = move_above_standard(dial());
  long result;
  if (socket == -EMFILE && !brings) {
    result = ask_aside(call);
  } else if (socket < 0) {
    return call.received = 0, call.fd = -1, socket;
  } else if (brings && !has_room(static_cast<int>(socket))) {
    raw::close(static_cast<int>(socket));
    result = ask_aside(call);
  } else {
    result = converse(static_cast<int>(socket), call);
  }
  if (result != 0 || !brings || call.fd >= 0 || call.reply.has_fd == 0) return result;
  if (call.request.op == relay::Op::open) {  // another thread has taken the last number
    RelayCall release(relay::Op::release);
    release.request.a = call.reply.c;
    tell(release);
  }
  return -EMFILE;
}

void RelayClient::tell(RelayCall& call) const {
  const long socket = move_above_standard(dial());
  if (socket >= 0) {
    send(static_cast<int>(socket), call);
    raw::close(static_cast<int>(socket));
  } else if (socket == -EMFILE) {
    std::pair<const RelayClient*, RelayCall*> both{this, &call};
    const auto work = [](void* context) -> long {
      const auto& [client, told] = *static_cast<decltype(both)*>(context);
      const long own = client->dial();
      return own < 0 ? own : send(static_cast<int>(own), *told);
    };
    with_own_table(-1, work, &both);
  }
}

}  // namespace inpod
