// Connections among the pod's packets, and their copies. See mirror.hpp.
#include "incoming/mirror.hpp"

#include <algorithm>
#include <string_view>

namespace inpod::agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_flows = 4096;
constexpr std::size_t most_behind_hole = 256 << 10;
constexpr auto half_open_time = std::chrono::seconds(3);  // a SYN without its ACK may be forgotten after this
constexpr auto silent_time = std::chrono::minutes(2);     // so may a silent connection, when room is needed
constexpr auto doubt_time = std::chrono::seconds(5);
constexpr auto note_interval = std::chrono::seconds(1);  // at most one note to a subscriber in this time

std::string name_of(const Endpoint& peer, const Endpoint& local) {
  return "the copy of the connection from " + to_text(peer) + " to port " + std::to_string(local.port);
}

}  // namespace

Mirror::Tracked::Tracked(std::uint32_t first_byte)
    : first(first_byte), inbound(first_byte, most_behind_hole), seen(Clock::now()) {}

/// Bytes of the pod that the peer has got; at least 1 where the pod closed first.
std::uint64_t Mirror::Tracked::answered() const {
  if (!pod_end) return acknowledged;
  const bool with_fin = acknowledgement == *pod_end + 1;
  return std::max<std::uint64_t>(acknowledged - (with_fin ? 1 : 0), 1);
}

std::size_t Mirror::FlowHash::operator()(const Flow& flow) const {
  const auto text = [](const IpAddress& ip) {
    return std::string_view(reinterpret_cast<const char*>(ip.data()), ip.size());
  };
  const std::hash<std::string_view> hash;
  return hash(text(flow.peer.ip)) * 31 + hash(text(flow.local.ip)) * 17 +
         (std::size_t(flow.peer.port) << 16 | flow.local.port) * 0x9e3779b97f4a7c15u;
}

Mirror::~Mirror() {
  sniffer_.reset();
  for (auto& [flow, tracked] : flows_)
    for (const auto& copy : tracked.copies) copy->reset(ECONNRESET);
}

Result<void> Mirror::watch_ports() {
  if (!sniffer_) {
    Sniffer::Handlers handlers;
    handlers.on_segment = [this](const Segment& segment, bool to_pod) { on_segment(segment, to_pod); };
    handlers.on_fragment = [this] {
      tell_all("mirror: fragmented IP packets came; a connection that needs them loses its copy");
    };
    handlers.on_drops = [this](std::uint32_t packets) { on_drops(packets); };
    handlers.pause = [this] { return should_pause(); };
    TRY_ASSIGN(socket, network_->open_packet_socket());
    TRY_ASSIGN(sniffer, Sniffer::create(executor_, std::move(socket), std::move(handlers), note_));
    sniffer_ = std::move(sniffer);
  }
  std::vector<std::uint16_t> ports;
  for (const auto& [subscription, subscriber] : subscribers_) ports.push_back(subscriber.port);
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  return sniffer_->watch(ports);
}

Result<void> Mirror::add(std::uint64_t subscription, std::uint16_t port,
                         std::shared_ptr<Incoming::Client> client) {
  subscribers_[subscription] = Subscriber{port, std::move(client)};
  auto watched = watch_ports();
  if (!watched) {
    subscribers_.erase(subscription);
    if (subscribers_.empty()) sniffer_.reset();
  }
  return watched;
}

void Mirror::remove(std::uint64_t subscription) {
  if (subscribers_.erase(subscription) == 0) return;
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    auto& copies = flow->second.copies;
    std::erase_if(copies, [&](const auto& copy) {
      if (copy->subscription() != subscription) return false;
      copy->reset(ECONNRESET);
      return true;
    });
    flow = copies.empty() && flow->second.established ? flows_.erase(flow) : std::next(flow);
  }
  if (!subscribers_.empty()) {
    (void)watch_ports();  // fewer ports than before: it can't be refused
  } else {
    sniffer_.reset();
    flows_.clear();
  }
}

/// A connection that lost packets shows it at its next one. One that stays silent can't be told from one
/// whose last packets were lost: after a while it counts as that.
void Mirror::on_drops(std::uint32_t packets) {
  tell_all("mirror: the pod's traffic was faster than its copy; the kernel dropped copies of " +
           std::to_string(packets) + " packets, and the connections they belong to lose their copy");
  const bool running = dropped_ != Clock::time_point{};
  dropped_ = Clock::now();
  if (!running) end_doubtful();
}

void Mirror::end_doubtful() {
  doubt_.expires_at(dropped_ + doubt_time);
  doubt_.async_wait([this, until = dropped_, alive = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (error || alive.expired()) return;
    if (dropped_ != until) return end_doubtful();  // more were dropped meanwhile
    dropped_ = {};
    for (auto flow = flows_.begin(); flow != flows_.end();) {
      const auto doubtful = flow++;
      if (doubtful->second.seen < until) end(doubtful, ECONNRESET, "its last packets may have been missed");
    }
  });
}

void Mirror::on_segment(const Segment& segment, bool to_pod) {
  if (to_pod)
    from_peer({segment.source, segment.destination}, segment);
  else
    from_pod({segment.destination, segment.source}, segment);
}

void Mirror::from_peer(const Flow& flow, const Segment& segment) {
  if (segment.syn) {
    if (!segment.ack) begin(flow, segment);
    return;
  }
  const auto found = flows_.find(flow);
  if (found == flows_.end()) return;
  auto& tracked = found->second;
  tracked.seen = Clock::now();
  if (segment.rst) {
    if (tracked.inbound.plausible(segment.sequence)) close(found, tracked.answered(), ECONNRESET);
    return;
  }
  if (!segment.ack) return;
  if (!tracked.established) {
    tracked.acknowledgement = segment.acknowledgement;
    establish(flow, tracked);
  }
  if (const auto more = std::int32_t(segment.acknowledgement - tracked.acknowledgement); more > 0) {
    tracked.acknowledgement = segment.acknowledgement;
    tracked.acknowledged += std::uint32_t(more);
  }
  protocol::Bytes data;
  const auto state = tracked.inbound.add(segment.sequence, segment.payload, segment.fin, data);
  deliver(flow, tracked, std::move(data));
  settle(found, state);
}

void Mirror::from_pod(const Flow& flow, const Segment& segment) {
  const auto found = flows_.find(flow);
  if (found == flows_.end()) return;
  auto& tracked = found->second;
  tracked.seen = Clock::now();
  if (segment.rst) return close(found, std::max<std::uint64_t>(tracked.answered(), 1), ECONNRESET);
  if (segment.fin) tracked.pod_end = segment.sequence + std::uint32_t(segment.payload.size());
  if (segment.ack) settle(found, tracked.inbound.acknowledged(segment.acknowledgement));
}

void Mirror::begin(const Flow& flow, const Segment& syn) {
  const std::uint32_t first = syn.sequence + 1;
  if (const auto old = flows_.find(flow); old != flows_.end()) {
    if (old->second.first == first) return;  // sent again
    end(old, ECONNRESET, {});                // the same ports used anew
  }
  // On a host's network, packets to other pods pass here too: those are not ours to show.
  if (!local_.contains(flow.local.ip)) return;
  if (flows_.size() >= most_flows && !make_room()) {
    tell_all("mirror: more than " + std::to_string(most_flows) +
             " connections are open; some new ones are not copied");
    return;
  }
  auto& tracked = flows_.try_emplace(flow, first).first->second;
  (void)tracked.inbound.add(first, syn.payload, false, tracked.early);
}

bool Mirror::make_room() {
  const auto now = Clock::now();
  auto oldest = flows_.end();
  for (auto flow = flows_.begin(); flow != flows_.end(); ++flow) {
    const auto silent = now - flow->second.seen;
    if (!flow->second.established && silent > half_open_time) {
      flows_.erase(flow);
      return true;
    }
    if (silent > silent_time && (oldest == flows_.end() || flow->second.seen < oldest->second.seen))
      oldest = flow;
  }
  if (oldest == flows_.end()) return false;
  end(oldest, ECONNRESET, "it was silent, and there are too many connections");
  return true;
}

void Mirror::establish(const Flow& flow, Tracked& tracked) {
  tracked.established = true;
  for (const auto& [subscription, subscriber] : subscribers_) {
    if (subscriber.port != flow.local.port || subscriber.client->away()) continue;
    auto copy = MirrorCopy::start(executor_, *subscriber.client, subscription, flow.peer, flow.local, note_);
    if (copy)
      tracked.copies.push_back(std::move(*copy));
    else
      tell(subscription, "mirror: no " + name_of(flow.peer, flow.local) + ": " + copy.error().text);
  }
  deliver(flow, tracked, std::move(tracked.early));
}

void Mirror::deliver(const Flow& flow, Tracked& tracked, protocol::Bytes data) {
  if (data.empty()) return;
  const auto shared = std::make_shared<const protocol::Bytes>(std::move(data));
  const auto now = Clock::now();
  for (const auto& copy : tracked.copies) {
    if (!copy->push(shared)) {
      copy->reset(ECONNRESET);
      tell(copy->subscription(),
           "mirror: " + name_of(flow.peer, flow.local) + " ended: it arrives faster than this side takes it");
    } else if (copy->congested(now)) {
      congested_.insert(copy);
    }
  }
}

void Mirror::settle(Flows::iterator flow, Reassembler::State state) {
  auto& copies = flow->second.copies;
  if (state == Reassembler::State::gap)
    return end(flow, ECONNRESET, "packets of it were missed, and a copy with a hole is none");
  if (state == Reassembler::State::finished) return close(flow, flow->second.answered(), 0);
  // With all its copies gone a connection needs no further work.
  std::erase_if(copies, [](const auto& copy) { return copy->over(); });
  if (copies.empty() && flow->second.established) flows_.erase(flow);
}

void Mirror::end(Flows::iterator flow, int code, const std::string& why) {
  for (const auto& copy : flow->second.copies) {
    if (copy->over()) continue;
    copy->reset(code);
    if (!why.empty())
      tell(copy->subscription(),
           "mirror: " + name_of(flow->first.peer, flow->first.local) + " ended: " + why);
  }
  flows_.erase(flow);
}

/// The connection has ended. A reset that came before any answer is the copy's at once, as it is the pod's.
void Mirror::close(Flows::iterator flow, std::uint64_t answered, int code) {
  if (code != 0 && answered == 0) return end(flow, code, {});
  for (const auto& copy : flow->second.copies) copy->finish(answered, code);
  flows_.erase(flow);
}

void Mirror::tell(std::uint64_t subscription, const std::string& text) {
  const auto found = subscribers_.find(subscription);
  if (found == subscribers_.end()) return;
  auto& subscriber = found->second;
  const auto link = subscriber.client->link();
  const auto now = Clock::now();
  if (!link || now - subscriber.noted < note_interval) {
    ++subscriber.unnoted;
    return;
  }
  protocol::Note note{protocol::Severity::warning, text};
  if (subscriber.unnoted > 0)
    note.text += " (and " + std::to_string(subscriber.unnoted) + " more notes before this)";
  subscriber.noted = now;
  subscriber.unnoted = 0;
  link->notify(std::move(note));
}

void Mirror::tell_all(const std::string& text) {
  for (const auto& [subscription, subscriber] : subscribers_) tell(subscription, text);
}

bool Mirror::should_pause() {
  const auto now = Clock::now();
  std::erase_if(congested_, [&](const auto& weak) {
    const auto copy = weak.lock();
    return !copy || !copy->congested(now);
  });
  return !congested_.empty();
}

}  // namespace inpod::agent
