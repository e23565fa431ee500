// Relay: puts the parts together and sends each operation of a debuggee to the part that answers it.
#include "relay/relay.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "protocol/printable.hpp"
#include "relay/activity.hpp"
#include "relay/datagrams.hpp"
#include "relay/files.hpp"
#include "relay/incoming.hpp"
#include "relay/interfaces.hpp"
#include "relay/names.hpp"
#include "relay/outgoing.hpp"
#include "relay/pump.hpp"
#include "relay/rules.hpp"
#include "relay/server.hpp"
#include "relay/whole_file.hpp"

namespace inpod {
namespace relay {

void Context::spawn(Task<void> task) {
  auto keep = owner.lock();
  if (!keep) return;  // the relay is being destroyed
  boost::asio::co_spawn(executor, std::move(task), [this, keep](std::exception_ptr failed) {
    if (!failed || closed) return;
    try {
      std::rethrow_exception(failed);
    } catch (const std::exception& error) {
      activity->note("error", std::string("inpod's relay: ") + error.what());
    }
  });
}

Error refuse_answer(Context& context, const Asked& asked, const char* fault) {
  const std::string about = asked.subject.empty() ? "" : " about " + protocol::shown_line(asked.subject);
  Error error{EIO, "the agent's answer" + about + " was refused (EIO): it has " + fault,
              "whoever controls the pod or the agent may be trying to reach this machine: look at the pod"};
  if (!context.closed) context.activity->note("error", error.to_string());
  return error;
}

namespace {

class RelayImpl final : public Relay, public std::enable_shared_from_this<RelayImpl> {
 public:
  RelayImpl(boost::asio::any_io_executor executor, std::shared_ptr<protocol::Link> link, Options options,
            std::unique_ptr<SlotTable> slots)
      : context_{std::move(executor),    std::move(link),           std::move(options.config),
                 std::move(options.pod), std::move(options.probes), options.directory},
        activity_(context_, std::move(options.on_event)),
        slots_(std::move(slots)),
        processes_(context_),
        paths_(context_),
        files_(context_, *slots_, processes_, paths_),
        name_lookups_(context_),
        interfaces_(context_),
        incoming_(context_, names_),
        outgoing_(context_, names_, errors_, incoming_, processes_),
        datagrams_(context_, errors_) {
    context_.activity = &activity_;
  }

  Result<void> start(const std::string& path) {
    context_.owner = weak_from_this();
    processes_.set_handlers({[this](std::uint64_t handle) { files_.unused(handle); },
                             [this](int pid) {
                               incoming_.look_for_closed();
                               datagrams_.process_gone(pid);
                             }});
    TRY_ASSIGN(server, Server::create(context_, processes_, path,
                                      [this](Call call) { return answer(std::move(call)); }));
    server_ = std::move(server);
    server_->start();
    return {};
  }

  std::string socket_path() const override { return server_->path(); }
  std::size_t processes() const override { return processes_.living(); }
  std::uint64_t handshakes() const override { return processes_.handshakes(); }

  void on_agent_event(protocol::Message event) override {
    if (context_.closed) return;
    if (auto* incoming = std::get_if<protocol::Incoming>(&event)) incoming_.on_incoming(std::move(*incoming));
    if (auto* closed = std::get_if<protocol::PeerClosed>(&event)) incoming_.on_peer_closed(*closed);
    if (auto* note = std::get_if<protocol::Note>(&event)) agent_tells(note->severity, note->text);
    if (auto* leaving = std::get_if<protocol::Leaving>(&event))
      agent_tells(protocol::Severity::warning, "the agent in the pod is leaving: " + leaving->reason);
  }

  Task<Result<FileContent>> read_file(std::string path, std::uint64_t limit) override {
    const auto self = shared_from_this();
    co_return co_await read_whole(context_, std::move(path), limit);
  }

  Task<Result<void>> set_incoming_mode(std::uint16_t port, protocol::IncomingMode mode) override {
    const auto self = shared_from_this();
    if (context_.closed) co_return fail("the session has ended");
    co_return co_await incoming_.set_mode(port, mode);
  }

  Task<void> settle(std::chrono::milliseconds limit) override {
    const auto self = shared_from_this();
    co_await settle_output(limit);
    if (context_.closed || context_.pumps.empty() || !context_.link->has_transport()) co_return;
    const auto done = std::make_shared<Signal>(context_.executor);
    context_.spawn(settle_connections(done, Clock::now() + limit));
    co_await done->wait_for(limit);
  }

  bool lost_output() const override { return files_.lost_output() || !settled_; }

  void replace_link(std::shared_ptr<protocol::Link> link) override {
    context_.link = std::move(link);
    ++context_.generation;
    files_.lose();
    paths_.forget();
    name_lookups_.forget();
    incoming_.lose();
  }

  void enter_pod(protocol::Pod pod, std::vector<protocol::Probe> probes) override {
    context_.pod = std::move(pod);
    context_.probes = std::move(probes);
    incoming_.subscribe_again();
  }

  void close() override {
    if (context_.closed) return;
    activity_.close();
    context_.closed = true;
    server_->close();
    outgoing_.close();
    datagrams_.close();
    incoming_.close();
    for (const auto pumps = context_.pumps; auto* pump : pumps) pump->abort();
    files_.close();
    paths_.close();
    processes_.close();
  }

 private:
  Task<void> settle_output(std::chrono::milliseconds limit) {
    if (context_.closed || !files_.has_waiting(Files::Pipes::all)) co_return;
    const auto done = std::make_shared<Signal>(context_.executor);
    context_.spawn(settle_files(done));
    settled_ = co_await done->wait_for(limit);
    if (!settled_)
      activity_.note("error",
                     "what the program wrote last to its redirected output may not have reached the pod");
  }

  /// Until no socket of a program's holds anything, and the agent has got what came last.
  Task<void> settle_connections(std::shared_ptr<Signal> done, Clock::time_point until) {
    boost::asio::steady_timer pause(context_.executor);
    auto waiting = [this] {
      return std::any_of(context_.pumps.begin(), context_.pumps.end(),
                         [](auto* pump) { return pump->has_waiting(); });
    };
    while (!context_.closed && waiting() && Clock::now() < until) {
      pause.expires_after(std::chrono::milliseconds(2));
      co_await pause.async_wait(as_result);
    }
    protocol::GetListeners request;  // whatever has an answer
    co_await ask<protocol::Listeners>(context_, std::move(request));
    done->notify();
  }

  Task<void> settle_files(std::shared_ptr<Signal> done) {
    co_await files_.settle(Files::Pipes::all);
    done->notify();
  }

  void tell(protocol::Severity severity, const std::string& text) {
    constexpr const char* names[] = {"info", "warning", "error"};
    activity_.note(names[static_cast<std::size_t>(severity)], protocol::shown_line(text));
  }

  /// Bounded in number, so that the agent's words bury nobody else's.
  void agent_tells(protocol::Severity severity, const std::string& text) {
    constexpr std::size_t most = 100;
    if (agent_notes_ > most) return;
    if (agent_notes_++ < most) return tell(severity, text);
    tell(protocol::Severity::warning, "the agent in the pod tells too much: its further notes are left out");
  }

  void note(const Call& call) {
    const auto cut = call.text.find('\0');
    const auto text = cut == std::string::npos
                          ? call.text
                          : (cut == 0 ? "" : call.text.substr(0, cut) + ": ") + call.text.substr(cut + 1);
    tell(call.request.a > 2 ? protocol::Severity::info : protocol::Severity(call.request.a), text);
  }

  /// What a program wrote without hooks comes before what any asks next: `date > f; cat f`.
  Task<Answer> answer(Call call) {
    return files_.has_waiting(Files::Pipes::to_files) ? answer_later(std::move(call))
                                                      : answer_now(std::move(call));
  }

  Task<Answer> answer_later(Call call) {
    co_await files_.settle(Files::Pipes::to_files);
    co_return co_await answer_now(std::move(call));
  }

  /// Debian's JDKs trust what stands there, and nobody where it is missing: every TLS connection fails then,
  /// with words that lead elsewhere.
  Task<Answer> answer_of_trust_store(Call call) {
    const std::string path = call.text;
    auto given = co_await answer_of(std::move(call));
    if (given.reply.error == ENOENT && !std::exchange(told_of_trust_store_, true))
      tell(protocol::Severity::warning,
           "Java trusts no certificate: the pod has no " + path +
               ", where this machine's JDK looks for them; files.local with that path takes this machine's, "
               "-Djavax.net.ssl.trustStore=FILE names another");
    co_return given;
  }

  Task<Answer> answer_now(Call call) {
    const auto op = call.request.op;
    const bool by_path = op == Op::open || op == Op::stat || op == Op::access;
    if (by_path && call.text.ends_with("/java/cacerts")) return answer_of_trust_store(std::move(call));
    return answer_of(std::move(call));
  }

  Task<Answer> answer_of(Call call) {
    switch (call.request.op) {
      case Op::hello:
        return now(hello(call));
      case Op::open:
        return files_.open(std::move(call));
      case Op::ensure:
        return files_.ensure(std::move(call));
      case Op::refresh:
        return files_.refresh(std::move(call));
      case Op::read:
        return files_.read(std::move(call));
      case Op::write:
        return files_.write(std::move(call));
      case Op::seek:
        return files_.seek(std::move(call));
      case Op::truncate:
        return files_.truncate(std::move(call));
      case Op::release:
        processes_.drop_reference(call.pid, call.request.a);
        return now(silence());
      case Op::file_stat:
        return files_.file_stat(std::move(call));
      case Op::stat:
        return paths_.stat(std::move(call));
      case Op::access:
        return paths_.access(std::move(call));
      case Op::read_link:
        return paths_.read_link(std::move(call));
      case Op::real_path:
        return paths_.real_path(std::move(call));
      case Op::list:
        return paths_.list(std::move(call));
      case Op::change_path:
        return files_.change_path(std::move(call));
      case Op::host:
        return now(name_lookups_.host());
      case Op::resolve:
        return name_lookups_.resolve(std::move(call));
      case Op::resolve_back:
        return name_lookups_.resolve_back(std::move(call));
      case Op::connect:
        return connect(std::move(call));
      case Op::socket_error:
        return now(socket_error(call));
      case Op::names:
        return socket_names(std::move(call));
      case Op::bound:
        return bound(std::move(call));
      case Op::listening:
        return incoming_.listening(std::move(call));
      case Op::listener_gone:
        incoming_.listener_gone(static_cast<std::uint16_t>(call.request.a));
        return now(silence());
      case Op::note:
        note(call);
        return now(silence());
      case Op::control:
        return files_.control(std::move(call));
      case Op::attributes:
        return files_.change_attributes(std::move(call));
      case Op::plain:
        return files_.plain(std::move(call));
      case Op::written:
        return files_.written(std::move(call));
      case Op::interfaces:
        return interfaces_.list();
    }
    return now(refuse(ENOSYS));
  }

  static Task<Answer> now(Answer answer) { co_return answer; }
  static Answer silence() {
    Answer answer;
    answer.silent = true;
    return answer;
  }

  Answer hello(const Call& call) {
    std::vector<std::uint64_t> inherited(call.data.size() / sizeof(std::uint64_t));
    if (!inherited.empty())
      std::memcpy(inherited.data(), call.data.data(), inherited.size() * sizeof(std::uint64_t));
    std::erase_if(inherited, [this](auto handle) { return !files_.has(handle); });
    processes_.hello(call.pid, call.text, call.request.a == 1, inherited);
    const auto rules = rules_text(context_.config, rules_context_of(call.pid, call.text));
    Answer answer;
    answer.data.assign(rules.begin(), rules.end());
    answer.shared_fd = slots_->readable_fd();
    return answer;
  }

  static bool is_udp(const Call& call) {
    return domain_of(call.fd.get()) != AF_UNIX && type_of(call.fd.get()) == SOCK_DGRAM;
  }

  Task<Answer> connect(Call call) {
    const auto remote = from_endpoint(call.request.address, call.request.address_length);
    if (!call.fd) co_return refuse(EBADF);
    if (!remote) co_return refuse(EAFNOSUPPORT);
    if (is_udp(call)) co_return co_await datagrams_.connect(std::move(call), *remote);
    co_return co_await outgoing_.connect(std::move(call), *remote);
  }

  Answer socket_error(const Call& call) {
    Answer answer;
    answer.reply.a = static_cast<std::uint64_t>(errors_.take(call.request.a));
    return answer;
  }

  Task<Answer> socket_names(Call call) {
    if (!call.fd) co_return refuse(EBADF);
    const auto address = from_endpoint(call.request.address, call.request.address_length);
    if (address && call.request.address_length > 0) co_return datagrams_.source(call, *address);
    if (is_udp(call)) co_return co_await datagrams_.names(std::move(call));
    co_return names_.answer(call.fd.get());
  }

  Task<Answer> bound(Call call) {
    const auto requested = from_endpoint(call.request.address, call.request.address_length);
    if (!call.fd || !requested) co_return refuse(EINVAL);
    if (is_udp(call)) co_return co_await datagrams_.bound(std::move(call), *requested);
    co_return incoming_.bound(call, *requested);
  }

  Context context_;
  Activity activity_;
  std::unique_ptr<SlotTable> slots_;
  Processes processes_;
  Paths paths_;
  Files files_;
  Names name_lookups_;
  Interfaces interfaces_;
  SocketNames names_;
  SocketErrors errors_;
  Incoming incoming_;
  Outgoing outgoing_;
  Datagrams datagrams_;
  std::unique_ptr<Server> server_;
  std::size_t agent_notes_ = 0;
  bool settled_ = true;  // as far as has been asked
  bool told_of_trust_store_ = false;
};

}  // namespace
}  // namespace relay

Result<std::shared_ptr<Relay>> Relay::create(boost::asio::any_io_executor executor,
                                             std::shared_ptr<protocol::Link> link, Options options) {
  TRY_ASSIGN(slots, relay::SlotTable::create());
  const auto path = options.directory + "/relay";
  auto relay = std::make_shared<relay::RelayImpl>(std::move(executor), std::move(link), std::move(options),
                                                  std::move(slots));
  TRY_VOID(relay->start(path));
  return std::shared_ptr<Relay>(std::move(relay));
}

}  // namespace inpod
