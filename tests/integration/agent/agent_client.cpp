// See agent_client.hpp.
#include "agent_client.hpp"

#include <arpa/inet.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>

#include "catch.hpp"
#include "protocol/handshake.hpp"

namespace inpod::test {

agent::StartRecord record_for(pid_t target) {
  agent::StartRecord record;
  record.pid = static_cast<std::uint32_t>(target);
  record.client = "test@here";
  record.lease_seconds = 60, record.first_client_seconds = 60, record.resume_seconds = 5;
  return record;
}

AgentProcess::AgentProcess(pid_t target) : AgentProcess(record_for(target)) {}

AgentProcess::AgentProcess(agent::StartRecord record, std::vector<std::string> arguments, bool wait,
                           std::vector<std::string> through)
    : record_(std::move(record)) {
  REQUIRE(::getrandom(record_.token.data(), record_.token.size(), 0) == 32);
  std::vector<std::string> command = std::move(through);
  command.push_back(INPOD_AGENT);
  command.insert(command.end(), arguments.begin(), arguments.end());
  ProcessOptions options;
  options.keep_stdin = true;
  process_ = std::make_unique<Process>(command, options);
  auto bytes = agent::encode_start_record(record_);
  REQUIRE(bytes);
  process_->write_stdin(std::string(bytes->begin(), bytes->end()));
  if (!wait) return;
  bool said = process_->wait_for_output("\n", seconds(30));
  std::string line = process_->out();
  INFO(line << process_->err());
  REQUIRE(said);
  REQUIRE(line.rfind("inpod-agent ready port=", 0) == 0);
  port_ = static_cast<std::uint16_t>(std::stoi(line.substr(line.find('=') + 1)));
}

namespace {
std::size_t entries(const std::string& path) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path)) ++count;
  return count;
}
}  // namespace

std::size_t AgentProcess::threads() const {
  return entries("/proc/" + std::to_string(process_->pid()) + "/task");
}
std::size_t AgentProcess::fds() const {
  return entries("/proc/" + std::to_string(process_->pid()) + "/fd");
}

AgentClient::AgentClient(const AgentProcess& agent) : agent_(agent), work_(io_.get_executor()) {
  REQUIRE(::getrandom(session_.data(), session_.size(), 0) == 16);
  protocol::Link::Handlers handlers;
  handlers.on_event = [this](Message event) {
    std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  };
  handlers.on_closed = [this](std::optional<Error>) {
    std::lock_guard lock(mutex_);
    closed_ = true;
  };
  protocol::LinkOptions options;
  options.resume_window = seconds(10);
  link_ = protocol::Link::create(io_.get_executor(), options, std::move(handlers));
  thread_ = std::thread([this] { io_.run(); });
  if (agent.port()) {
    auto welcome = connect(agent.token());
    INFO((welcome ? std::string() : welcome.error().text));
    REQUIRE(welcome);
  }
}

AgentClient::~AgentClient() {
  boost::asio::post(io_, [this] {
    link_->close();
    work_.reset();
  });
  // What still waits on the link ends with it; a bound, should something hang.
  for (int i = 0; i < 100 && !io_.stopped(); ++i) std::this_thread::sleep_for(milliseconds(20));
  io_.stop();
  thread_.join();
  link_.reset();
}

Result<protocol::Welcome> AgentClient::connect(const std::array<std::uint8_t, 32>& token) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(agent_.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("connect");
  socket_.reset(::dup(socket.get()));
  auto greet = [](AgentClient* self, int fd,
                  std::array<std::uint8_t, 32> with) -> Task<Result<protocol::Welcome>> {
    boost::asio::generic::stream_protocol::socket stream(
        self->io_, boost::asio::generic::stream_protocol(AF_INET, 0), fd);
    auto transport = protocol::make_socket_transport(std::move(stream));
    protocol::Hello hello;
    hello.session = self->session_;
    hello.received = self->link_->received();
    hello.window = protocol::LinkOptions().stream_window;
    hello.client = "test@here";
    auto welcome = co_await protocol::shake_hands(*transport, with, hello, seconds(5));
    if (!welcome) co_return Failed(welcome.error());
    auto attached = self->link_->attach(std::move(transport), welcome->received, welcome->window);
    if (!attached) co_return Failed(attached.error());
    co_return *welcome;
  };
  return wait(greet(this, socket.release(), token));
}

void AgentClient::cut() {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

void AgentClient::on_link(std::function<void()> work) {
  std::promise<void> done;
  boost::asio::post(io_, [&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

std::shared_ptr<protocol::Stream> AgentClient::take(std::uint32_t stream) {
  std::shared_ptr<protocol::Stream> taken;
  on_link([&] {
    auto result = link_->take_stream(stream);
    // It must end on the link's thread, wherever the last pointer to it goes away.
    if (result)
      taken.reset(result->release(),
                  [this](protocol::Stream* ended) { boost::asio::post(io_, [ended] { delete ended; }); });
  });
  REQUIRE(taken);
  return taken;
}

Result<std::string> AgentClient::read(const std::shared_ptr<protocol::Stream>& stream) {
  auto bytes = wait(stream->read());
  if (!bytes) return Failed(bytes.error());
  return std::string(bytes->begin(), bytes->end());
}

Result<void> AgentClient::write(const std::shared_ptr<protocol::Stream>& stream, const std::string& data,
                                bool datagram) {
  std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
  return wait(datagram ? stream->write_datagram(bytes) : stream->write(bytes));
}

Result<std::string> AgentClient::drain(std::uint32_t id) {
  auto stream = take(id);
  std::string all;
  while (true) {
    auto piece = read(stream);
    if (!piece) return piece;
    if (piece->empty()) return all;
    all += *piece;
  }
}

bool AgentClient::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}
std::vector<Message> AgentClient::events() const {
  std::lock_guard lock(mutex_);
  return events_;
}

}  // namespace inpod::test
