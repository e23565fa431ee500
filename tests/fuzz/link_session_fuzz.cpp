// A hostile peer against a Link in memory, after the handshake. Whatever the peer does: nothing the link
// sends is malformed, nothing that waits is left waiting when the link has ended, and on_closed is called
// once.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "protocol/link.hpp"
#include "require.hpp"
#include "session_script.hpp"

using namespace inpod;
using namespace inpod::protocol;
namespace asio = boost::asio;

namespace {

constexpr std::uint32_t window = 64 << 10;

/// Gives the link the prepared bytes, then the end; looks at what the link writes.
class MemoryTransport final : public ByteTransport {
 public:
  MemoryTransport(asio::any_io_executor executor, Bytes input)
      : executor_(std::move(executor)), input_(std::move(input)) {}

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
    co_await asio::post(executor_, asio::use_awaitable);
    if (closed_) co_return fail_errno("read", ECANCELED);
    std::size_t size = std::min({into.size(), input_.size() - taken_, std::size_t{1000}});
    std::copy_n(input_.begin() + static_cast<std::ptrdiff_t>(taken_), size, into.begin());
    taken_ += size;
    co_return size;
  }
  Task<Result<void>> write(std::span<const std::uint8_t> data) override {
    for (;;) {
      auto frame = parser_.next(data);
      fuzz_require(frame);
      if (!*frame) break;
    }
    co_await asio::post(executor_, asio::use_awaitable);
    if (closed_) co_return fail_errno("write", ECANCELED);
    co_return Result<void>{};
  }
  void close() override { closed_ = true; }

 private:
  asio::any_io_executor executor_;
  Bytes input_;
  std::size_t taken_ = 0;
  bool closed_ = false;
  FrameParser parser_;
};

class Session {
 public:
  Session(bool agent, std::vector<Bytes> transports) : transports_(std::move(transports)) {
    Link::Handlers handlers;
    if (agent) handlers.on_request = [this](std::uint32_t id, Message request) { answer(id, request); };
    handlers.on_event = [this](Message event) {
      if (auto* incoming = std::get_if<Incoming>(&event)) take(incoming->stream);
    };
    handlers.on_transport_lost = [this](Error) { next_transport(); };
    handlers.on_closed = [this](std::optional<Error>) { ++closed_; };
    LinkOptions options;
    options.stream_window = window;
    options.replay_limit = 1 << 20;
    options.max_streams = options.max_requests = 32;
    link_ = Link::create(context_.get_executor(), options, std::move(handlers));
    if (!agent) {
      for (int i = 0; i < 4; ++i) start(ask());
      take(1);
    }
  }

  void run() {
    next_transport();
    context_.run();
    fuzz_require(closed_ == 1);
    fuzz_require(waiting_ == 0);
  }

 private:
  void next_transport() {
    if (next_ == transports_.size()) return link_->close();
    auto transport =
        std::make_unique<MemoryTransport>(context_.get_executor(), std::move(transports_[next_++]));
    if (!link_->attach(std::move(transport), 0, window)) link_->close();
  }

  void start(Task<void> task) {
    ++waiting_;
    asio::co_spawn(context_, std::move(task), [this](std::exception_ptr e) {
      fuzz_require(!e);
      --waiting_;
    });
  }

  void answer(std::uint32_t id, const Message& request) {
    if (!std::holds_alternative<Connect>(request)) return link_->respond(id, Done{});
    auto stream = link_->open_stream();
    if (!stream) return link_->respond(id, Failure{stream.error().code, stream.error().text});
    Connected connected;
    connected.stream = (*stream)->id();
    link_->respond(id, connected);
    use(std::move(*stream));
  }

  Task<void> ask() {
    Message message = Connect{};
    auto connected = co_await link_->request_as<Connected>(std::move(message));
    if (connected) take(connected->stream);
  }

  void take(std::uint32_t id) {
    if (auto stream = link_->take_stream(id)) use(std::move(*stream));
  }

  void use(std::unique_ptr<Stream> stream) {
    std::shared_ptr<Stream> shared = std::move(stream);
    start(read(shared));
    start(write(shared));
  }
  static Task<void> read(std::shared_ptr<Stream> stream) {
    for (;;) {
      auto data = co_await stream->read();
      if (!data || (data->empty() && stream->ended())) co_return;
    }
  }
  static Task<void> write(std::shared_ptr<Stream> stream) {
    Bytes data(3 * window);
    auto written = co_await stream->write(data);
    if (written) stream->finish();
  }

  std::vector<Bytes> transports_;
  std::size_t next_ = 0;
  asio::io_context context_;
  std::shared_ptr<Link> link_;
  int closed_ = 0, waiting_ = 0;
};

/// What the peer sends on one transport after another.
std::vector<Bytes> play(std::span<const std::uint8_t> script) {
  std::vector<Bytes> transports(1);
  std::uint64_t number = 0;
  while (auto step = next_step(script)) {
    Bytes& out = transports.back();
    if (step->what == cut_step) {
      if (transports.size() < 4) transports.emplace_back();
    } else if (step->what == raw_step) {
      out.insert(out.end(), step->payload.begin(), step->payload.end());
    } else {
      auto type = static_cast<FrameType>(step->what);
      Bytes frame = make_frame(type, step->id, step->payload);
      if (is_numbered(type)) set_frame_number(frame, ++number);
      out.insert(out.end(), frame.begin(), frame.end());
    }
  }
  return transports;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Session session(data[0] % 2 == 1, play({data + 1, size - 1}));
  session.run();
  return 0;
}
