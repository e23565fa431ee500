// See privileged_network.hpp.
#include "incoming/privileged_network.hpp"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include "incoming/mark.hpp"
#include "incoming/redirect.hpp"

namespace inpod::agent {
namespace {

constexpr int packet_buffer = 32 << 20;  // bytes of copies that may wait in the kernel

class OwnPrivilegedNetwork : public PrivilegedNetwork {
 public:
  Result<void> redirect(const std::vector<StolenPort>& ports) override {
    if (!redirect_) {
      TRY_ASSIGN(made, Redirect::create({}));
      redirect_ = std::move(made);
    }
    return redirect_->set(ports);
  }

  void end_redirect() override { redirect_.reset(); }

  Result<UniqueFd> open_packet_socket() override {
    // protocol 0: nothing yet
    UniqueFd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
      const int code = errno;
      return Failed(Error{
          code, std::string("cannot open a packet socket to mirror traffic: ") + strerror(code),
          code == EPERM ? "The agent needs the capability NET_RAW in the pod's network namespace." : ""});
    }
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &packet_buffer, sizeof packet_buffer) != 0)
      (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &packet_buffer, sizeof packet_buffer);
    return fd;
  }

  Result<UniqueFd> open_marked_socket(bool ipv4) override {
    UniqueFd fd(::socket(ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return fail_errno("cannot make a socket to the pod");
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &own_mark, sizeof own_mark) != 0)
      return fail_errno("cannot mark a socket to the pod");
    return fd;
  }

 private:
  std::unique_ptr<Redirect> redirect_;
};

}  // namespace

std::shared_ptr<PrivilegedNetwork> own_privileged_network() {
  return std::make_shared<OwnPrivilegedNetwork>();
}

}  // namespace inpod::agent
