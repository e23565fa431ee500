// Fuzz: a debuggee that says anything at all to the relay. Input: a byte that chooses the descriptor that
// comes along and whether magic and version are put right, a byte of the pieces' size, then the request as it
// is sent. The agent is out of reach, so operations end soon. Whatever comes: the sender gets one whole reply
// or none, and the connection ends.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstring>
#include <string>

#include "core/relay_protocol.hpp"
#include "protocol/unique_fd.hpp"
#include "relay/relay.hpp"
#include "require.hpp"

using namespace inpod;
namespace asio = boost::asio;

namespace {

/// A relay in a folder of its own, made anew now and then: attempts to connect pile up in it.
class Bench {
 public:
  Bench() {
    char name[] = "/tmp/inpod-fuzz-XXXXXX";
    fuzz_require(::mkdtemp(name) != nullptr);
    directory_ = name;
    auto link = protocol::Link::create(loop_.get_executor(), {}, {});
    link->close();
    Relay::Options options;
    options.directory = directory_;
    auto made = Relay::create(loop_.get_executor(), link, std::move(options));
    fuzz_require(made);
    relay_ = *made;
  }
  ~Bench() {
    relay_->close();
    loop_.run_for(std::chrono::milliseconds(100));
    relay_.reset();
    ::rmdir(directory_.c_str());
  }

  UniqueFd connect() const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (directory_ + "/relay").c_str(), sizeof(address.sun_path) - 1);
    fuzz_require(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    return fd;
  }

  /// What comes back until the relay closes.
  std::string answer(int fd) {
    std::string all;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (;;) {
      fuzz_require(std::chrono::steady_clock::now() < end);
      loop_.restart();
      if (loop_.poll() == 0) loop_.run_one_for(std::chrono::milliseconds(1));
      char buffer[65536];
      const auto got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN)) return all;
      if (got > 0) all.append(buffer, static_cast<std::size_t>(got));
    }
  }
  void poll() {
    loop_.restart();
    loop_.poll();
  }

 private:
  std::string directory_;
  asio::io_context loop_;
  std::shared_ptr<Relay> relay_;
};

UniqueFd descriptor(unsigned kind) {
  switch (kind % 7) {
    case 1:
      return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    case 2:
      return UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    case 3:
      return UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    case 4:
      return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    case 5:
      return UniqueFd(::memfd_create("fuzz", MFD_CLOEXEC));
    case 6:
      return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    default:
      return {};
  }
}

void send_piece(int socket, const std::uint8_t* data, std::size_t size, int fd) {
  iovec part{const_cast<std::uint8_t*>(data), size};
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
  (void)::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<Bench> bench;
  static int uses = 0;
  if (!bench || ++uses % 64 == 0) {
    bench.reset();
    bench = std::make_unique<Bench>();
  }
  if (size < 2) return 0;
  const unsigned choice = data[0], piece = 1 + data[1] * 64u;
  std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (choice & 8 && bytes.size() >= sizeof(relay::Request)) {
    relay::Request right;
    std::memcpy(bytes.data(), &right.magic_number, sizeof right.magic_number);
    std::memcpy(bytes.data() + offsetof(relay::Request, version_number), &right.version_number,
                sizeof right.version_number);
  }
  const auto socket = bench->connect();
  auto fd = descriptor(choice & 7);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    send_piece(socket.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()) + at,
               std::min<std::size_t>(piece, bytes.size() - at), fd.get());
    fd.reset();
    if (at / piece < 8) bench->poll();
  }
  ::shutdown(socket.get(), SHUT_WR);
  const auto answer = bench->answer(socket.get());
  if (answer.empty()) return 0;
  relay::Reply reply;
  fuzz_require(answer.size() >= sizeof reply);
  std::memcpy(&reply, answer.data(), sizeof reply);
  fuzz_require(reply.data_length <= relay::max_data);
  fuzz_require(answer.size() == sizeof reply + reply.data_length);
  fuzz_require(reply.address_length <= sizeof reply.address &&
               reply.address2_length <= sizeof reply.address2);
  return 0;
}
