// PodRelay: see pod_relay.hpp.
#include "pod_relay.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include "catch.hpp"
#include "protocol/handshake.hpp"

namespace inpod::test {

namespace asio = boost::asio;

PodRelay::PodRelay(Config config) : agent_(pod_.pid()), guard_(loop_.get_executor()) {
  const asio::any_io_executor executor = loop_.get_executor();
  protocol::Link::Handlers handlers;
  handlers.on_event = [this](protocol::Message event) { relay_->on_agent_event(std::move(event)); };
  link_ = protocol::Link::create(executor, {}, std::move(handlers));
  Relay::Options options;
  options.config = std::move(config);
  options.directory = directory_.path();
  options.pod.addresses = {{protocol::AddressFamily::ipv4, {10, 77, 0, 2}, 0, 0, {}}};
  options.on_event = [this](const nlohmann::json& event) {
    std::lock_guard lock(mutex_);
    events_.push_back(event);
  };
  auto relay = Relay::create(executor, link_, std::move(options));
  REQUIRE(relay);
  relay_ = *relay;
  thread_ = std::thread([this] { loop_.run(); });
  auto connected = asio::co_spawn(executor, connect(), asio::use_future);
  REQUIRE(connected.wait_for(seconds(30)) == std::future_status::ready);
  auto result = connected.get();
  INFO((result ? std::string() : result.error().text));
  REQUIRE(result);
}

PodRelay::~PodRelay() {
  asio::post(loop_, [this] {
    relay_->close();
    link_->close();
    guard_.reset();
  });
  for (int i = 0; i < 200 && !loop_.stopped(); ++i) std::this_thread::sleep_for(milliseconds(20));
  loop_.stop();
  thread_.join();
}

protocol::Task<Result<void>> PodRelay::connect() {
  asio::generic::stream_protocol::socket socket(loop_);
  boost::system::error_code failed;
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(agent_.port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0)
    co_return fail_errno("connect to the agent");
  socket.assign(asio::generic::stream_protocol(AF_INET, IPPROTO_TCP), fd.release(), failed);
  auto transport = protocol::make_socket_transport(std::move(socket));
  protocol::Hello hello;
  ::getrandom(hello.session.data(), hello.session.size(), 0);
  hello.window = 1 << 20;
  hello.client = "test@here";
  CO_TRY(welcome, co_await protocol::shake_hands(*transport, agent_.token(), hello, seconds(10)));
  co_return link_->attach(std::move(transport), welcome.received, welcome.window);
}

UniqueFd PodRelay::socket_of(pid_t process, int domain, int type) {
  UniqueFd result;
  std::thread maker([&] {  // setns(2) changes the calling thread alone
    UniqueFd network(::open(("/proc/" + std::to_string(process) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
    if (::setns(network.get(), CLONE_NEWNET) == 0)
      result = UniqueFd(::socket(domain, type | SOCK_CLOEXEC, 0));
  });
  maker.join();
  if (!result) throw std::runtime_error("no socket in another network namespace");
  const timeval limit{10, 0};
  ::setsockopt(result.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  const int on = 1;
  ::setsockopt(result.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  return result;
}

std::vector<nlohmann::json> PodRelay::events() const {
  std::lock_guard lock(mutex_);
  return events_;
}

void PodRelay::close() {
  std::promise<void> done;
  asio::post(loop_, [&] {
    relay_->close();
    done.set_value();
  });
  if (done.get_future().wait_for(seconds(10)) != std::future_status::ready) std::abort();
}

}  // namespace inpod::test
