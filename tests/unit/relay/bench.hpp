// Bench: a real Relay, two real Links over a socketpair, and a small scripted agent at the other end, on a
// thread of its own. Tests talk to the relay as a debuggee does (RelayClient) and look at what the agent was
// asked.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <set>
#include <thread>

#include "protocol/datagram_frame.hpp"
#include "relay/relay.hpp"
#include "unit/relay/relay_client.hpp"

namespace inpod::test {

namespace asio = boost::asio;
using protocol::Bytes;
using protocol::Message;
using protocol::Task;

/// The pod: files by path, and what to do with connections. Used on the bench's thread alone.
class ScriptedAgent {
 public:
  struct Node {
    std::string content;
    std::uint32_t mode = 0100644;
    std::int64_t modified_ns = 1;
    std::uint64_t said_size = ~std::uint64_t{0};  ///< what stat says, when it is not the content's size
  };
  std::map<std::string, Node> files;
  std::map<std::uint64_t, std::string> open;  // handle → path
  std::map<std::string, int> asked;           // name of the request → count
  std::function<void(std::uint32_t id, const protocol::Connect&)> on_connect;
  /// The frames that answer a datagram; without it, the datagram itself.
  std::function<std::vector<Bytes>(const protocol::DatagramFrame&)> on_datagram;
  std::vector<protocol::OpenDatagrams> datagram_sockets;  // that were asked for
  int open_datagram_sockets = 0;
  bool end_datagrams = false;  ///< the socket in the pod ends with the next datagram
  std::function<int(const protocol::OpenDatagrams&)> refuse_datagrams;  // errno, or 0
  std::vector<protocol::Subscribe> subscribed;
  std::vector<std::uint64_t> unsubscribed;
  protocol::Listeners listeners;  // in the pod
  std::shared_ptr<protocol::Link> link;
  asio::any_io_executor executor;

  /// Asked first; true: it has answered.
  std::function<bool(std::uint32_t id, const Message& request)> hostile;
  void handle(std::uint32_t id, Message request) {
    if (hostile && hostile(id, request)) return;
    std::visit([&](auto& message) { this->on(id, message); }, request);
  }
  std::unique_ptr<protocol::Stream> connected(std::uint32_t id, protocol::SocketAddress local,
                                              protocol::SocketAddress remote) {
    auto stream = link->open_stream();
    link->respond(id, protocol::Connected{(*stream)->id(), local, remote});
    return std::move(*stream);
  }
  /// Another agent: it counts from the start again.
  void start_anew() {
    open.clear(), asked.clear(), subscribed.clear(), unsubscribed.clear();
    next_handle_ = first_handle;
  }
  /// Sends back what comes, until the end.
  Task<void> echo(std::shared_ptr<protocol::Stream> stream) {
    for (;;) {
      auto data = co_await stream->read();
      if (!data) co_return;
      if (data->empty()) {
        stream->finish();
        co_return;
      }
      co_await stream->write(*data);
    }
  }
  Task<void> serve_datagrams(std::shared_ptr<protocol::Stream> stream, protocol::SocketAddress own) {
    ++open_datagram_sockets;
    for (;;) {
      const auto data = co_await stream->read();
      const auto frame = data ? protocol::decode_datagram(*data) : std::nullopt;
      if (!frame) break;
      std::vector<Bytes> answers;
      if (frame->kind == protocol::DatagramKind::source) {
        own.ip = frame->peer.ip, own.ip[15] = 9, own.ip[3] = 9;  // 10.0.0.9 of 10.0.0.10
        const auto inner = protocol::encode(protocol::DatagramKind::source, own, 0, {});
        answers = {protocol::encode(protocol::DatagramKind::source, frame->peer, 0, inner)};
      } else {
        answers = on_datagram
                      ? on_datagram(*frame)
                      : std::vector<Bytes>{protocol::encode(frame->kind, frame->peer, 0, frame->data)};
      }
      for (const auto& answer : answers) co_await stream->write_datagram(answer);
      if (end_datagrams && frame->kind == protocol::DatagramKind::data) break;
    }
    --open_datagram_sockets;
  }
  void spawn(Task<void> task) {
    asio::co_spawn(executor, std::move(task), [](std::exception_ptr) {});
  }

 private:
  protocol::FileStat stat_of(const std::string& path) const {
    protocol::FileStat stat;
    const auto at = files.find(path);
    stat.device = 7, stat.inode = std::hash<std::string>()(path) | 1, stat.links = 1;
    stat.mode = 040755;
    if (at == files.end()) return stat;
    stat.mode = at->second.mode;
    stat.size = at->second.said_size != ~std::uint64_t{0} ? at->second.said_size : at->second.content.size();
    stat.modified_ns = at->second.modified_ns;
    return stat;
  }
  bool is_directory(const std::string& path) const {
    const auto below = files.lower_bound(path + "/");
    return below != files.end() && below->first.rfind(path + "/", 0) == 0;
  }
  static Bytes piece(const std::string& content, std::uint64_t offset, std::uint64_t length) {
    const auto begin = std::min<std::uint64_t>(offset, content.size());
    const auto end = std::min<std::uint64_t>(begin + length, content.size());
    return Bytes(content.begin() + static_cast<long>(begin), content.begin() + static_cast<long>(end));
  }
  void fail(std::uint32_t id, int code) { link->respond(id, protocol::Failure{code, "scripted"}); }

  Task<void> send(std::shared_ptr<protocol::Stream> stream, Bytes data) {
    auto written = co_await stream->write(data);
    if (written) stream->finish();
  }

  void on(std::uint32_t id, protocol::OpenFile& request) {
    ++asked["open"];
    const auto at = files.find(request.path);
    if (at == files.end() && !is_directory(request.path)) return fail(id, ENOENT);
    protocol::OpenedFile opened;
    opened.handle = next_handle_++;
    opened.stat = stat_of(request.path);
    opened.real_path = request.path;
    open[opened.handle] = request.path;
    if (at != files.end() && at->second.content.size() <= request.prefetch_limit &&
        at->second.mode == 0100644) {
      const auto& content = at->second.content;
      opened.content = piece(content, 0, request.inline_limit);
      if (opened.content.size() < content.size()) {
        auto stream = link->open_stream();
        opened.stream = (*stream)->id();
        auto rest = piece(content, opened.content.size(), content.size());
        link->respond(id, std::move(opened));
        return spawn(send(std::move(*stream), std::move(rest)));
      }
    }
    link->respond(id, std::move(opened));
  }
  void on(std::uint32_t id, protocol::ReadFile& request) {
    ++asked["read"];
    const auto& path = open[request.handle];
    link->respond(
        id, protocol::FileData{piece(files[path].content, request.offset, request.length), stat_of(path)});
  }
  void on(std::uint32_t id, protocol::StreamFile& request) {
    ++asked["stream"];
    const auto& path = open[request.handle];
    auto stream = link->open_stream();
    link->respond(id, protocol::FileStream{(*stream)->id(), stat_of(path)});
    spawn(send(std::move(*stream), piece(files[path].content, request.offset, request.length)));
  }
  void on(std::uint32_t id, protocol::WriteFile& request) {
    ++asked["write"];
    auto& content = files[open[request.handle]].content;
    const auto at = request.at_position ? content.size() : request.offset;
    if (content.size() < at + request.data.size()) content.resize(at + request.data.size());
    std::copy(request.data.begin(), request.data.end(), content.begin() + static_cast<long>(at));
    link->respond(id, protocol::Written{request.data.size(), stat_of(open[request.handle])});
  }
  void on(std::uint32_t id, protocol::StatFile& request) {
    ++asked["stat"];
    const auto path = request.handle != 0 ? open[request.handle] : request.path;
    if (!files.contains(path) && !is_directory(path)) return fail(id, ENOENT);
    link->respond(id, stat_of(path));
  }
  void on(std::uint32_t id, protocol::ReadDirectory& request) {
    ++asked["list"];
    if (!is_directory(request.path)) return fail(id, ENOTDIR);
    protocol::Directory directory;
    directory.stat = stat_of(request.path);
    // Two pages: the second holds all but the first entry.
    std::set<std::string> names{"."};
    for (auto& [path, node] : files)
      if (path.rfind(request.path + "/", 0) == 0) names.insert(path.substr(request.path.size() + 1));
    std::size_t index = 0;
    for (auto& name : names) {
      const bool first = index++ == 0;
      if (first != (request.cursor == 0)) continue;
      directory.entries.push_back({name, 5, 8, true, stat_of(request.path + "/" + name)});
    }
    directory.cursor = request.cursor == 0 ? 1 : 0;
    link->respond(id, std::move(directory));
  }
  /// Does truncate alone.
  void on(std::uint32_t id, protocol::ChangePath& request) {
    ++asked["change"];
    const auto at = files.find(request.path);
    if (at == files.end()) return fail(id, ENOENT);
    if (request.change != protocol::PathChange::truncate) return fail(id, EPERM);
    at->second.content.resize(request.number);
    link->respond(id, protocol::Done{});
  }
  void on(std::uint32_t id, protocol::CloseFile& request) {
    ++asked["close"];
    open.erase(request.handle);
    link->respond(id, protocol::Done{});
  }
  void on(std::uint32_t id, protocol::Resolve& request) {
    ++asked["resolve"];
    protocol::Resolved resolved;
    if (request.host == "nowhere") resolved.status = -2;
    if (request.host == "db")
      resolved.addresses = {{1, 6, {protocol::AddressFamily::ipv4, {10, 1, 2, 3}, 5432, 0, {}}}};
    resolved.canonical_name = request.host;
    auto delayed = [](asio::any_io_executor on, std::shared_ptr<protocol::Link> to, std::uint32_t request_id,
                      protocol::Resolved answer) -> Task<void> {
      asio::steady_timer timer(on, std::chrono::milliseconds(50));
      co_await timer.async_wait(asio::use_awaitable);
      to->respond(request_id, std::move(answer));
    };
    spawn(delayed(executor, link, id, std::move(resolved)));
  }
  void on(std::uint32_t id, protocol::Connect& request) {
    ++asked["connect"];
    on_connect ? on_connect(id, request) : fail(id, ECONNREFUSED);
  }
  void on(std::uint32_t id, protocol::OpenDatagrams& request) {
    datagram_sockets.push_back(request);
    if (const int code = refuse_datagrams ? refuse_datagrams(request) : 0; code != 0) return fail(id, code);
    if (request.bind.port == 0) request.bind.port = 40001;
    auto stream = link->open_stream();
    link->respond(id, protocol::Connected{(*stream)->id(), request.bind, {}});
    spawn(serve_datagrams(std::move(*stream), request.bind));
  }
  void on(std::uint32_t id, protocol::Subscribe& request) {
    subscribed.push_back(request);
    link->respond(id, protocol::Subscribed{subscribed.size()});
  }
  void on(std::uint32_t id, protocol::GetListeners&) { link->respond(id, protocol::Listeners(listeners)); }
  void on(std::uint32_t id, protocol::Unsubscribe& request) {
    unsubscribed.push_back(request.subscription);
    link->respond(id, protocol::Done{});
  }
  template <class T>
  void on(std::uint32_t id, T&) {
    fail(id, ENOTSUP);
  }

  static constexpr std::uint64_t first_handle = 100;
  std::uint64_t next_handle_ = first_handle;
};

/// True once `condition` holds, within 5 s, as the calling thread asks it.
inline bool eventually_here(const std::function<bool()>& condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class Bench {
 public:
  explicit Bench(Config config = {}) {
    char name[] = "/tmp/inpod-relay-XXXXXX";
    directory_ = ::mkdtemp(name);
    const auto executor = asio::any_io_executor(loop_.get_executor());
    agent.executor = executor;
    make_links();
    Relay::Options options;
    options.config = std::move(config);
    options.directory = directory_;
    options.pod.hostname = "checkout-7d9";
    options.pod.addresses = {{protocol::AddressFamily::ipv4, {10, 0, 0, 9}, 0, 0, {}}};
    options.on_event = [this](const nlohmann::json& event) { events.push_back(event); };
    auto made = Relay::create(executor, client_link_, std::move(options));
    if (!made) throw std::runtime_error(made.error().to_string());
    relay = *made;
    thread_ = std::thread([this] { loop_.run(); });
    on_loop([&] { attach_links(); });
  }
  ~Bench() {
    on_loop([this] {
      relay->close();
      client_link_->close();
      agent.link->close();
      agent.on_connect = nullptr;
      agent.on_datagram = nullptr;
    });
    guard_.reset();
    for (int i = 0; i < 300 && !loop_.stopped(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ended_by_itself = loop_.stopped();
    loop_.stop();
    thread_.join();
    relay.reset();  // before the loop whose timers it holds
    client_link_.reset();
    agent.link.reset();
    std::filesystem::remove_all(directory_);
  }

  /// Runs `work` on the relay's thread and waits for it.
  template <class Work>
  auto on_loop(Work work) -> decltype(work()) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    asio::post(loop_, [&task] { task(); });
    if (result.wait_for(std::chrono::seconds(10)) != std::future_status::ready) std::abort();
    return result.get();
  }
  /// True once `condition` holds on the relay's thread, within 5 s.
  bool eventually(std::function<bool()> condition) {
    return eventually_here([&] { return on_loop(condition); });
  }
  const std::string& directory() const { return directory_; }
  /// The agent is gone, and the relay has not been told yet.
  void lose_link() {
    on_loop([this] { client_link_->close(); });
  }
  /// The pod has gone, and what is asked waits for its successor.
  void lose_pod() {
    on_loop([this] {
      client_link_->close();
      agent.link->close();
      agent.start_anew();
      make_links();
      relay->replace_link(client_link_);
    });
  }
  void come_to_successor(protocol::Pod pod) {
    on_loop([&] {
      attach_links();
      relay->enter_pod(std::move(pod), {});
    });
  }
  RelayClient client() const { return RelayClient(directory_ + "/relay"); }
  int asked(const std::string& what) {
    return on_loop([&] { return agent.asked[what]; });
  }

  /// How many numbered frames of the agent's the relay has taken.
  std::uint64_t received() {
    return on_loop([this] { return client_link_->received(); });
  }

  ScriptedAgent agent;
  std::shared_ptr<Relay> relay;
  std::vector<nlohmann::json> events;
  bool ended_by_itself = false;

 private:
  void make_links() {
    protocol::Link::Handlers for_agent, for_client;
    for_agent.on_request = [this](std::uint32_t id, Message request) {
      agent.handle(id, std::move(request));
    };
    for_client.on_event = [this](Message event) { relay->on_agent_event(std::move(event)); };
    agent.link = protocol::Link::create(agent.executor, {}, std::move(for_agent));
    client_link_ = protocol::Link::create(agent.executor, {}, std::move(for_client));
  }
  void attach_links() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
      throw std::runtime_error("socketpair");
    attach(*agent.link, pair[0]);
    attach(*client_link_, pair[1]);
  }
  void attach(protocol::Link& link, int fd) {
    asio::generic::stream_protocol::socket socket(loop_, asio::generic::stream_protocol(AF_UNIX, 0), fd);
    if (auto done = link.attach(protocol::make_socket_transport(std::move(socket)), 0, 1 << 20); !done)
      throw std::runtime_error(done.error().to_string());
  }

  std::string directory_;
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(loop_);
  std::shared_ptr<protocol::Link> client_link_;
  std::thread thread_;
};

}  // namespace inpod::test
