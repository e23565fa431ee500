// RelayClient: a debuggee's side of the relay protocol, raw and blocking, for tests. Every wait is bounded
// (10 s), and a test that would hang fails instead.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/relay_protocol.hpp"
#include "protocol/unique_fd.hpp"

namespace inpod::test {

struct Received {
  relay::Reply reply;
  std::string data;
  UniqueFd fd;
};

struct Sending {
  relay::Op op{};
  std::uint64_t a = 0, b = 0, c = 0, d = 0;
  std::string text, data;
  int fd = -1;
  const sockaddr* address = nullptr;
  socklen_t address_length = 0;
};

class RelayClient {
 public:
  explicit RelayClient(std::string path) : path_(std::move(path)) {}

  UniqueFd connect() const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    const timeval limit{10, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
      throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
    return fd;
  }

  static relay::Request request_of(const Sending& sending) {
    relay::Request request;
    request.op = sending.op;
    request.a = sending.a, request.b = sending.b, request.c = sending.c, request.d = sending.d;
    request.text_length = static_cast<std::uint32_t>(sending.text.size());
    request.data_length = static_cast<std::uint32_t>(sending.data.size());
    request.has_fd = sending.fd >= 0;
    request.address_length = sending.address_length;
    if (sending.address != nullptr) std::memcpy(&request.address, sending.address, sending.address_length);
    return request;
  }

  static void send(int socket, const Sending& sending) {
    auto request = request_of(sending);
    std::string bytes(reinterpret_cast<const char*>(&request), sizeof(request));
    bytes += sending.text + sending.data;
    send_bytes(socket, bytes, sending.fd);
  }

  static void send_bytes(int socket, const std::string& bytes, int fd = -1) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof(control);
      auto* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(head), &fd, sizeof(int));
    }
    while (part.iov_len > 0) {
      const auto sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
      if (sent < 0) throw std::runtime_error(std::string("sendmsg: ") + std::strerror(errno));
      part.iov_base = static_cast<char*>(part.iov_base) + sent;
      part.iov_len -= static_cast<std::size_t>(sent);
      message.msg_controllen = 0;
    }
  }

  /// False when the relay closed instead of answering.
  static bool receive(int socket, Received& received) {
    std::size_t got = 0;
    while (got < sizeof(relay::Reply)) {
      iovec part{reinterpret_cast<char*>(&received.reply) + got, sizeof(relay::Reply) - got};
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
      msghdr message{};
      message.msg_iov = &part, message.msg_iovlen = 1;
      message.msg_control = control, message.msg_controllen = sizeof(control);
      const auto length = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
      if (length < 0 && errno == ECONNRESET) return false;
      if (length < 0) throw std::runtime_error(std::string("recvmsg: ") + std::strerror(errno));
      if (length == 0) return false;
      if (auto* head = CMSG_FIRSTHDR(&message); head != nullptr && head->cmsg_type == SCM_RIGHTS) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(head), sizeof(int));
        received.fd.reset(fd);
      }
      got += static_cast<std::size_t>(length);
    }
    received.data.resize(received.reply.data_length);
    for (std::size_t done = 0; done < received.data.size();) {
      const auto length = ::recv(socket, received.data.data() + done, received.data.size() - done, 0);
      if (length <= 0) throw std::runtime_error("the reply is cut short");
      done += static_cast<std::size_t>(length);
    }
    return true;
  }

  Received call(const Sending& sending) const {
    const auto socket = connect();
    send(socket.get(), sending);
    Received received;
    if (!receive(socket.get(), received)) throw std::runtime_error("the relay closed the connection");
    return received;
  }
  /// For operations without a reply.
  void tell(const Sending& sending) const { send(connect().get(), sending); }

 private:
  std::string path_;
};

}  // namespace inpod::test
