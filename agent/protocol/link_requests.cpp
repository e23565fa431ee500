// Requests: the client's, which wait for their answers in any order, and the agent's duty to answer each
// once.
//
// What requests in progress may hold in memory on both sides (their own bytes and those of the answer to be
// expected) is bounded by request_budget: past it the client's further requests wait in line, and a client
// that does not keep to it is cut off. Small requests never wait.
#include <algorithm>
#include <boost/mp11.hpp>

#include "protocol/codec.hpp"
#include "protocol/link_core.hpp"

namespace inpod::protocol {
namespace {

namespace mp11 = boost::mp11;

constexpr std::size_t request_budget = 16 << 20;  // bytes
constexpr std::size_t small_request = 4 << 10;    // bytes

using Requests = mp11::mp_list<OpenFile, ReadFile, StreamFile, WriteFile, TruncateFile, CloseFile, StatFile,
                               AccessFile, ReadLink, RealPath, ReadDirectory, ChangePath, GetPod, Resolve,
                               ResolveBack, Connect, Subscribe, Unsubscribe, Bye, ChangeAttributes,
                               ControlFile, GetListeners, OpenDatagrams, GetInterfaces>;
using Events = mp11::mp_list<Incoming, Note, Leaving, PeerClosed>;
using Answers =
    mp11::mp_list<Failure, Done, Text, OpenedFile, FileData, FileStream, Written, FileStat, Directory, Pod,
                  Resolved, ResolvedName, Connected, Subscribed, Controlled, Listeners, Interfaces>;
static_assert(mp11::mp_size<Requests>() + mp11::mp_size<Events>() + mp11::mp_size<Answers>() ==
                  std::variant_size_v<Message>,
              "each message stands in one of the three lists");

template <class Types>
bool is_one_of(const Message& message) {
  return std::visit(
      [](const auto& fields) { return mp11::mp_contains<Types, std::decay_t<decltype(fields)>>::value; },
      message);
}

/// Bytes of the request and of the answer that may be expected.
std::size_t cost_of(const Message& request, std::size_t size) {
  std::size_t answer = 0;
  if (auto* read = std::get_if<ReadFile>(&request)) answer = read->length;
  if (auto* open = std::get_if<OpenFile>(&request)) answer = open->inline_limit;
  if (std::holds_alternative<ReadDirectory>(request)) answer = max_message_size / 4;
  return size + std::min(answer, max_message_size);
}

Bytes message_frame(std::uint32_t id, const Message& message) {
  auto payload = encode(message);
  if (!payload) payload = encode(Message(Failure{EMSGSIZE, payload.error().text}));
  return make_frame(FrameType::message, id, *payload);
}

}  // namespace

bool LinkCore::peer_knows(std::string_view feature) const {
  return std::find(peer_features_.begin(), peer_features_.end(), feature) != peer_features_.end();
}

bool LinkCore::may_send(std::size_t cost) const {
  if (requests_.size() >= options_.max_requests) return false;
  return cost <= small_request || requests_cost_ == 0 ||
         requests_cost_ + cost <= std::min(request_budget, options_.replay_limit / 2);
}

Task<Result<void>> LinkCore::wait_in_line(Self self, std::size_t cost) {
  if (self->may_send(cost) && (self->line_.empty() || cost <= small_request)) co_return Result<void>{};
  std::uint64_t place = ++self->last_place_;
  self->line_.push_back(place);
  bool go_on = true;
  while (go_on && !self->closed_ && (self->line_.front() != place || !self->may_send(cost))) {
    go_on = co_await self->request_finished_.wait();
  }
  std::erase(self->line_, place);
  self->request_finished_.notify();  // the next in line looks too
  if (self->closed_) co_return Failed(self->closed_error());
  if (!go_on) co_return fail_errno("waiting to send a request", ECANCELED);
  co_return Result<void>{};
}

Task<Result<Message>> LinkCore::request(Self self, Message message) {
  if (self->closed_) co_return Failed(self->closed_error());
  if (self->agent_) co_return fail_errno("an agent sends no requests", EINVAL);
  if (auto feature = feature_of(message); !feature.empty() && !self->peer_knows(feature)) {
    co_return Failed(Error{
        EOPNOTSUPP, "the agent does not know " + std::string(feature) + ": it is older than this inpod", {}});
  }
  CO_TRY(payload, encode(message));
  std::size_t cost = cost_of(message, payload.size());
  CO_TRY_VOID(co_await wait_in_line(self, cost));

  auto waiter = self->send_request(payload, cost);
  bool go_on = true;
  while (go_on && !waiter->answer) go_on = co_await waiter->event.wait();
  if (!go_on) {
    self->give_up(waiter);
    co_return fail_errno("waiting for an answer", ECANCELED);
  }
  co_return std::move(*waiter->answer);
}

std::shared_ptr<LinkCore::Waiter> LinkCore::send_request(std::span<const std::uint8_t> payload,
                                                         std::size_t cost) {
  do {
    ++last_request_;
  } while (last_request_ == 0 || requests_.count(last_request_) != 0);
  auto waiter = std::make_shared<Waiter>(executor_, last_request_, cost);
  requests_.emplace(waiter->id, waiter);
  requests_cost_ += cost;
  enqueue(make_frame(FrameType::message, waiter->id, payload), waiter->id);
  return waiter;
}

void LinkCore::give_up(const std::shared_ptr<Waiter>& waiter) {
  if (waiter->answer) {  // it came, but nobody will look at it
    if (*waiter->answer) discard_answer(**waiter->answer);
    return;
  }
  auto queued =
      std::find_if(queue_.begin(), queue_.end(), [&](const Queued& q) { return q.request == waiter->id; });
  if (queued == queue_.end()) {
    waiter->abandoned = true;
    return;
  }
  queue_bytes_ -= queued->frame.size();
  queue_.erase(queued);
  finish_request(waiter->id);
}

void LinkCore::finish_request(std::uint32_t id) {
  auto found = requests_.find(id);
  requests_cost_ -= found->second->cost;
  requests_.erase(found);
  request_finished_.notify();
}

Result<void> LinkCore::take_answer(std::uint32_t id, Message answer) {
  if (id == 0) {
    if (!is_one_of<Events>(answer)) return protocol_error("a message that is no event has no request");
    auto handlers = handlers_;
    if (handlers && handlers->on_event) handlers->on_event(std::move(answer));
    return {};
  }
  if (!is_one_of<Answers>(answer)) return protocol_error("a message that is no answer has an id");
  auto found = requests_.find(id);
  if (found == requests_.end()) return protocol_error("an answer that nobody asked for");
  auto waiter = found->second;
  finish_request(id);
  if (waiter->abandoned) {
    discard_answer(answer);
  } else if (auto* failure = std::get_if<Failure>(&answer)) {
    waiter->answer = Failed(Error{failure->code, std::move(failure->text), {}});
  } else {
    waiter->answer = std::move(answer);
  }
  waiter->event.notify();
  return {};
}

/// Gives back what an answer that came too late holds in the agent.
void LinkCore::discard_answer(const Message& answer) {
  std::uint32_t stream = 0;
  Message undo = Bye{};
  if (auto* connected = std::get_if<Connected>(&answer)) stream = connected->stream;
  if (auto* file = std::get_if<FileStream>(&answer)) stream = file->stream;
  if (auto* opened = std::get_if<OpenedFile>(&answer)) {
    stream = opened->stream;
    if (opened->handle != 0) undo = CloseFile{opened->handle};
  }
  if (auto* subscribed = std::get_if<Subscribed>(&answer)) undo = Unsubscribe{subscribed->subscription};
  if (stream != 0) take_stream(stream);  // and drop it: that resets it
  if (std::holds_alternative<Bye>(undo) || closed_) return;
  auto payload = encode(undo);
  send_request(*payload, payload->size())->abandoned = true;
}

void LinkCore::fail_requests() {
  auto requests = std::exchange(requests_, {});
  requests_cost_ = 0;
  for (auto& [id, waiter] : requests) {
    waiter->answer = Failed(closed_error());
    waiter->event.notify();
  }
  to_answer_.clear();
  request_finished_.notify();
}

Result<void> LinkCore::take_request(std::uint32_t id, Message request, std::size_t size) {
  if (id == 0 || !is_one_of<Requests>(request)) return protocol_error("a message that is no request");
  if (to_answer_.size() >= options_.max_requests) return protocol_error("too many requests at once");
  std::size_t cost = cost_of(request, size);
  if (requests_cost_ != 0 && requests_cost_ + cost > request_budget + options_.max_requests * small_request) {
    return protocol_error("requests for too much at once");
  }
  if (!to_answer_.emplace(id, cost).second) return protocol_error("a request's id is in use");
  requests_cost_ += cost;
  auto handlers = handlers_;
  if (handlers) handlers->on_request(id, std::move(request));
  return {};
}

void LinkCore::respond(std::uint32_t id, Message response) {
  auto found = to_answer_.find(id);
  if (found == to_answer_.end()) return;
  requests_cost_ -= found->second;
  to_answer_.erase(found);
  enqueue(message_frame(id, response));
}

void LinkCore::notify(Message event) {
  auto payload = encode(event);
  if (!payload)
    payload = encode(Message(Note{Severity::warning, "an event was lost: " + payload.error().text}));
  enqueue(make_frame(FrameType::message, 0, *payload));
}

}  // namespace inpod::protocol
