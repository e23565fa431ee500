// The test's agent and clients. See agent.hpp.
#include "agent.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>

#include "catch.hpp"

namespace inpod::test {
namespace {

namespace asio = boost::asio;
using protocol::Task;

std::unique_ptr<protocol::ByteTransport> transport(asio::io_context& context, int fd) {
  return protocol::make_socket_transport(asio::generic::stream_protocol::socket(context, {AF_UNIX, 0}, fd));
}

Task<void> read_all(TestClient& client, protocol::Stream& stream, std::size_t index) {
  for (;;) {
    auto data = co_await stream.read();
    client.record(index, [&](Received& received) {
      if (!data)
        received.reset = data.error().code;
      else if (data->empty())
        received.ended = true;
      else
        received.bytes.append(data->begin(), data->end());
    });
    if (!data || data->empty()) co_return;
  }
}

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Task<void> collect_program(TestClient& client, std::unique_ptr<protocol::Stream> stream, std::size_t index) {
  co_await read_all(client, *stream, index);
  stream->finish();
}

Task<void> http_program(TestClient& client, std::unique_ptr<protocol::Stream> stream, std::size_t index,
                        std::string text) {
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) {
    auto data = co_await stream->read();
    if (!data || data->empty()) {
      client.record(index, [&](Received& received) {
        received.ended = bool(data);
        if (!data) received.reset = data.error().code;
      });
      co_return;
    }
    head.append(data->begin(), data->end());
    client.record(index, [&](Received& received) { received.bytes.append(data->begin(), data->end()); });
  }
  const std::string answer =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" +
      text;
  (void)co_await stream->write(as_bytes(answer));
  stream->finish();
  co_await read_all(client, *stream, index);
}

Task<void> refuse_program(TestClient& client, std::unique_ptr<protocol::Stream> stream, std::size_t index) {
  stream->reset(ECONNREFUSED);
  client.record(index, [](Received& received) { received.reset = ECONNREFUSED; });
  co_return;
}

Task<void> echo_program(TestClient& client, std::unique_ptr<protocol::Stream> stream, std::size_t index) {
  for (;;) {
    auto data = co_await stream->read();
    if (!data) {
      client.record(index, [&](Received& received) { received.reset = data.error().code; });
      co_return;
    }
    if (data->empty()) break;
    client.record(index, [&](Received& received) { received.bytes.append(data->begin(), data->end()); });
    (void)co_await stream->write(*data);
  }
  stream->finish();
  client.record(index, [](Received& received) { received.ended = true; });
}

Task<void> stuck_program(TestClient& client, std::unique_ptr<protocol::Stream> stream, std::size_t index) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::seconds(3));
  co_await timer.async_wait(asio::use_awaitable);
  co_await read_all(client, *stream, index);  // what came before the copy ended, and how it ended
}

}  // namespace

TestClient::Program collector() {
  return collect_program;
}
TestClient::Program refuser() {
  return refuse_program;
}
TestClient::Program echo() {
  return echo_program;
}
TestClient::Program stuck() {
  return stuck_program;
}
TestClient::Program http_answer(std::string text) {
  return [text](TestClient& client, std::unique_ptr<protocol::Stream> stream, std::size_t index) {
    return http_program(client, std::move(stream), index, text);
  };
}

TestAgent::TestAgent(const PodNetwork& network, agent::Incoming::OpenedByTarget opened_by_target) {
  std::promise<std::string> started;
  thread_ = std::thread([&] {
    network.enter_pod();
    auto made = agent::Incoming::create(
        context_.get_executor(),
        [this](protocol::Severity, std::string text) {
          const std::lock_guard lock(mutex_);
          notes_.push_back(std::move(text));
        },
        agent::own_privileged_network(), std::move(opened_by_target));
    if (made) incoming_ = std::move(*made);
    started.set_value(made ? "" : made.error().to_string());
    const auto work = asio::make_work_guard(context_);
    context_.run();
  });
  if (const auto error = started.get_future().get(); !error.empty()) FAIL(error);
}

TestAgent::~TestAgent() {
  end_incoming();
  context_.stop();
  thread_.join();
}

void TestAgent::end_incoming() {
  call([this] { incoming_.reset(); });
}

void TestAgent::call(const std::function<void()>& work) {
  auto done = std::make_shared<std::promise<void>>();
  auto waiting = done->get_future();
  asio::post(context_, [work, done] {
    work();
    done->set_value();
  });
  if (waiting.wait_for(seconds(30)) != std::future_status::ready) {
    context_.stop();
    FAIL("the agent's io thread hangs");
  }
}

std::vector<std::string> TestAgent::notes() const {
  const std::lock_guard lock(mutex_);
  return notes_;
}

TestClient::TestClient(TestAgent& agent, std::string name, Program program, protocol::LinkOptions options)
    : agent_(agent), program_(std::move(program)) {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  agent_.call([&] {
    const auto executor = agent_.context().get_executor();
    protocol::Link::Handlers agent_side, client_side;
    agent_side.on_request = [](std::uint32_t, protocol::Message) {};
    client_side.on_event = [this](protocol::Message event) { on_event(std::move(event)); };
    agent_link_ = protocol::Link::create(executor, options, std::move(agent_side));
    client_link_ = protocol::Link::create(executor, options, std::move(client_side));
    (void)agent_link_->attach(transport(agent_.context(), fds[0]), 0, options.stream_window);
    (void)client_link_->attach(transport(agent_.context(), fds[1]), 0, options.stream_window);
    client_ = std::make_shared<agent::Incoming::Client>();
    client_->name = std::move(name);
    client_->link = [weak = std::weak_ptr(agent_link_)] { return weak.lock(); };
    client_->away = [this] { return away_.load(); };
  });
}

TestClient::~TestClient() {
  drop();
  agent_.call([&] {
    client_link_->close();
    agent_link_->close();
  });
  const bool over = eventually(seconds(30), [&] { return running_ == 0; });
  agent_.call([&] {
    client_link_.reset();
    agent_link_.reset();
  });
  CHECK(over);
}

Result<std::uint64_t> TestClient::subscribe(const protocol::Subscribe& what) {
  Result<std::uint64_t> result = 0;
  agent_.call([&] { result = agent_.incoming()->subscribe(client_, what); });
  return result;
}

Result<std::uint64_t> TestClient::subscribe(std::uint16_t port, protocol::IncomingMode mode,
                                            std::vector<protocol::Probe> probes) {
  protocol::Subscribe what;
  what.port = port;
  what.mode = mode;
  what.probes = std::move(probes);
  return subscribe(what);
}

void TestClient::unsubscribe(std::uint64_t subscription) {
  agent_.call([&] { agent_.incoming()->unsubscribe(subscription); });
}

void TestClient::drop() {
  agent_.call([&] {
    if (agent_.incoming() != nullptr) agent_.incoming()->drop_client(client_.get());
  });
}

void TestClient::give_up_connections() {
  agent_.call([&] { agent_.incoming()->give_up_connections(client_.get()); });
}

bool TestClient::holds(const std::string& text) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(received_.begin(), received_.end(), [&](const Received& received) {
    return received.bytes.find(text) != std::string::npos;
  });
}

void TestClient::on_event(protocol::Message event) {
  if (const auto* note = std::get_if<protocol::Note>(&event)) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(note->text);
  }
  if (const auto* closed = std::get_if<protocol::PeerClosed>(&event)) {
    const std::lock_guard lock(mutex_);
    for (auto& received : received_)
      if (received.event.stream == closed->stream) received.answered = closed->answered;
  }
  const auto* incoming = std::get_if<protocol::Incoming>(&event);
  if (incoming == nullptr) return;
  std::size_t index;
  {
    const std::lock_guard lock(mutex_);
    index = received_.size();
    received_.push_back({*incoming, {}});
  }
  changed_.notify_all();
  auto stream = client_link_->take_stream(incoming->stream);
  if (!stream) return record(index, [&](Received& received) { received.reset = stream.error().code; });
  ++running_;
  asio::co_spawn(agent_.context(), program_(*this, std::move(*stream), index),
                 [this](std::exception_ptr failed) {
                   --running_;
                   if (failed) std::rethrow_exception(failed);
                 });
}

void TestClient::record(std::size_t index, const std::function<void(Received&)>& change) {
  {
    const std::lock_guard lock(mutex_);
    change(received_[index]);
  }
  changed_.notify_all();
}

std::vector<Received> TestClient::wait_for(std::size_t connections, milliseconds bound) {
  std::unique_lock lock(mutex_);
  const bool came = changed_.wait_for(lock, bound, [&] {
    std::size_t over = 0;
    for (const auto& received : received_) over += received.ended || received.reset != 0;
    return received_.size() >= connections && over == received_.size();
  });
  INFO("connections that came: " << received_.size() << " of " << connections);
  CHECK(came);
  return {received_.begin(), received_.end()};
}

std::size_t TestClient::count() const {
  const std::lock_guard lock(mutex_);
  return received_.size();
}

std::vector<std::string> TestClient::notes() const {
  const std::lock_guard lock(mutex_);
  return notes_;
}

}  // namespace inpod::test
