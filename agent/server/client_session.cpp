// See client_session.hpp.
#include "server/client_session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "incoming/listeners.hpp"
#include "net/interfaces.hpp"
#include "protocol/task.hpp"

namespace inpod::agent {
using protocol::Message;
using protocol::Task;

namespace {
constexpr std::size_t max_subscriptions = 256;
constexpr auto goodbye_bound = std::chrono::milliseconds(1000);
// A client that lives and whose transport was closed is back sooner.
constexpr auto return_bound = std::chrono::milliseconds(700);
constexpr auto word_bound = std::chrono::milliseconds(2000);  // for one whose line may be cut

}  // namespace

ClientSession::ClientSession(PodServices& services, std::string name, std::function<void()> on_end)
    : services_(services), name_(std::move(name)), on_end_(std::move(on_end)), return_timer_(services.io) {}

std::shared_ptr<ClientSession> ClientSession::create(PodServices& services, protocol::LinkOptions options,
                                                     std::string name, std::function<void()> on_end) {
  std::shared_ptr<ClientSession> self(new ClientSession(services, std::move(name), std::move(on_end)));
  std::weak_ptr<ClientSession> weak = self;
  protocol::Link::Handlers handlers;
  handlers.on_request = [weak](std::uint32_t id, Message request) {
    if (auto alive = weak.lock()) alive->on_request(id, std::move(request));
  };
  handlers.on_transport_lost = [weak](const Error& why) {
    if (auto alive = weak.lock()) alive->on_transport_lost(why);
  };
  handlers.on_closed = [weak, io = services.io](std::optional<Error>) {
    boost::asio::post(io, [weak] {
      if (auto alive = weak.lock()) alive->on_closed();
    });
  };
  self->link_ = protocol::Link::create(services.io, options, std::move(handlers));
  std::weak_ptr<protocol::Link> link = self->link_;
  self->files_ = std::make_shared<ClientFiles>(services.io, services.pod_workers, services.root, link);
  self->connections_ = std::make_shared<ClientConnections>(services.io, services.pod_workers, services.root,
                                                           self->files_->group(), link);
  self->incoming_client_ = std::make_shared<Incoming::Client>();
  self->incoming_client_->name = self->name_;
  self->incoming_client_->link = [link] { return link.lock(); };
  self->incoming_client_->away = [link] {
    auto alive = link.lock();
    return !alive || !alive->answers();
  };
  self->incoming_client_->heard_since = [link](std::chrono::steady_clock::time_point moment) -> Task<bool> {
    auto alive = link.lock();
    co_return alive&& co_await alive->heard_since(moment, word_bound);
  };
  return self;
}

ClientSession::~ClientSession() {
  drop();
}

void ClientSession::drop() {
  if (services_.incoming && incoming_client_) services_.incoming->drop_client(incoming_client_.get());
  incoming_client_.reset();
  subscriptions_.clear();
  connections_.reset();
  files_.reset();
}

/// A transport that was closed, not cut: the client's process has most likely ended. Who waits for its
/// answers hears so now, not when it may no longer come back.
void ClientSession::on_transport_lost(const Error& why) {
  if (why.code == ETIMEDOUT || !services_.incoming) return;
  return_timer_.expires_after(return_bound);
  return_timer_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self || !self->incoming_client_ || self->link_->has_transport()) return;
    self->services_.incoming->give_up_connections(self->incoming_client_.get());
  });
}

void ClientSession::on_closed() {
  drop();
  if (auto callback = std::exchange(on_end_, nullptr)) callback();
}

void ClientSession::on_request(std::uint32_t id, Message request) {
  if (!files_) return respond(id, failure(EIO, "the session has ended"));
  std::visit(
      [&](auto& message) {
        if constexpr (requires { files_->on_request(id, std::move(message)); })
          files_->on_request(id, std::move(message));
        else if constexpr (requires { connections_->on_request(id, std::move(message)); })
          connections_->on_request(id, std::move(message));
        else if constexpr (requires { serve(id, std::move(message)); })
          serve(id, std::move(message));
        else
          respond(id, failure(EPROTO, "not a request"));
      },
      request);
}

template <class Answer>
Task<void> ClientSession::answer_later(std::weak_ptr<ClientSession> weak, std::uint32_t id,
                                       Task<Answer> answer) {
  Answer result = co_await std::move(answer);
  if (auto self = weak.lock(); self && self->files_) self->respond(id, std::move(result));
}

Task<Message> ClientSession::describe() {
  struct Described {
    Result<TargetState> state;
    protocol::Pod pod;
  };
  PodServices& services = services_;  // they outlive this session
  auto agent_group = services.agent_workers.make_group();
  auto pod_group = files_->group();
  auto outside = [&services] {
    auto described =
        std::make_shared<Described>(Described{services.read_target(), {}});  // braces for clang 14
    if (described->state) described->pod = describe_pod(services.target, described->state->environment);
    return described;
  };
  auto found = co_await services.agent_workers.run(agent_group, std::move(outside));
  if (!found) co_return failure(EAGAIN, "too much work at once");
  std::shared_ptr<Described> described = *found;
  if (!described->state) co_return to_failure(described->state.error());
  auto inside = [&services, described] {
    add_names(described->pod);
    described->pod.working_directory = services.root.path_of(described->state->working_directory.get());
    return true;
  };
  const auto ran = co_await services.pod_workers.run(pod_group, std::move(inside));
  if (!ran) co_return failure(EAGAIN, "too much work at once");
  co_return std::move(described->pod);
}

void ClientSession::serve(std::uint32_t id, const protocol::GetPod&) {
  boost::asio::co_spawn(services_.io, answer_later(weak_from_this(), id, describe()), rethrow);
}

void ClientSession::serve(std::uint32_t id, protocol::Resolve request) {
  boost::asio::co_spawn(services_.io,
                        answer_later(weak_from_this(), id, services_.resolver.resolve(std::move(request))),
                        rethrow);
}

void ClientSession::serve(std::uint32_t id, protocol::ResolveBack request) {
  boost::asio::co_spawn(
      services_.io, answer_later(weak_from_this(), id, services_.resolver.resolve_back(std::move(request))),
      rethrow);
}

/// All clients of this agent know its token, which one user's machine has: a port that another of them steals
/// is that user's own. One that was not heard since this client came is what a killed or cut session left,
/// and gives way.
Task<Message> ClientSession::subscribe(std::shared_ptr<ClientSession> self, protocol::Subscribe request) {
  if (!self->incoming_client_) co_return failure(EIO, "the session has ended");
  if (!self->services_.incoming) co_return to_failure(self->services_.incoming_error);
  auto& incoming = *self->services_.incoming;
  if (self->subscriptions_.size() >= max_subscriptions) co_return failure(ENOBUFS, "too many subscriptions");
  auto subscription = incoming.subscribe(self->incoming_client_, request);
  const auto thief = subscription ? Incoming::Thief() : incoming.thief_of(request.port);
  if (thief.client && subscription.error().code == EADDRINUSE && thief.client != self->incoming_client_) {
    const bool lives = co_await thief.client->heard_since(self->began_);
    if (!self->incoming_client_) co_return failure(EIO, "the session has ended");
    const auto now = incoming.thief_of(request.port);
    if (!lives && now.subscription == thief.subscription) {
      if (const auto link = thief.client->link()) {
        protocol::Note note;
        note.severity = protocol::Severity::error;
        note.text = "port " + std::to_string(request.port) +
                    " of the pod went to a newer session of yours while this one was out of reach: nothing "
                    "more of it comes here";
        link->notify(std::move(note));
      }
      incoming.unsubscribe(thief.subscription);
    }
    subscription = incoming.subscribe(self->incoming_client_, request);
    if (!subscription && lives) subscription.error().text += ", in another session of yours";
  }
  if (!subscription) co_return to_failure(subscription.error());
  self->subscriptions_.insert(*subscription);
  protocol::Subscribed answer;
  answer.subscription = *subscription;
  co_return answer;
}

void ClientSession::serve(std::uint32_t id, protocol::Subscribe request) {
  boost::asio::co_spawn(services_.io,
                        answer_later(weak_from_this(), id, subscribe(shared_from_this(), std::move(request))),
                        rethrow);
}

void ClientSession::serve(std::uint32_t id, const protocol::Unsubscribe& request) {
  if (!subscriptions_.erase(request.subscription))
    return respond(id, failure(ENOENT, "no such subscription"));
  services_.incoming->unsubscribe(request.subscription, Incoming::Connections::keep);
  respond(id, protocol::Done{});
}

template <class Found>
Task<Message> ClientSession::find(Found (*function)()) {
  auto& workers = services_.agent_workers;
  auto found = co_await workers.run(workers.make_group(), function);
  if (!found) co_return failure(EAGAIN, "too much work at once");
  co_return std::move(*found);
}

void ClientSession::serve(std::uint32_t id, const protocol::GetListeners&) {
  boost::asio::co_spawn(services_.io, answer_later(weak_from_this(), id, find(listeners)), rethrow);
}

void ClientSession::serve(std::uint32_t id, const protocol::GetInterfaces&) {
  boost::asio::co_spawn(services_.io, answer_later(weak_from_this(), id, find(interfaces)), rethrow);
}

void ClientSession::serve(std::uint32_t id, const protocol::Bye&) {
  drop();
  respond(id, protocol::Done{});
  auto close = [](std::shared_ptr<ClientSession> self) -> Task<void> {
    co_await self->link_->flush_and_close(goodbye_bound);
  };
  boost::asio::co_spawn(services_.io, close(shared_from_this()), rethrow);
}

Task<void> ClientSession::say_goodbye(std::shared_ptr<ClientSession> self, std::string reason,
                                      std::chrono::milliseconds bound) {
  protocol::Leaving leaving;
  leaving.reason = std::move(reason);
  self->drop();
  self->link_->notify(std::move(leaving));
  co_await self->link_->flush_and_close(bound);
}

}  // namespace inpod::agent
