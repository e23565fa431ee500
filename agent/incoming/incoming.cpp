// Subscriptions: who wants which port, and how. See incoming.hpp; the work is done by Mirror and Steal.
#include "incoming/incoming.hpp"

#include <map>

#include "incoming/mirror.hpp"
#include "incoming/steal.hpp"
#include "protocol/filter.hpp"

namespace inpod::agent {
namespace {

constexpr std::size_t most_subscriptions = 1024;

class IncomingImpl : public Incoming {
 public:
  IncomingImpl(const boost::asio::any_io_executor& executor, const Note& note,
               const std::shared_ptr<PrivilegedNetwork>& network, OpenedByTarget opened_by_target)
      : mirror_(executor, note, network),
        steal_(std::make_shared<Steal>(executor, note, network, std::move(opened_by_target))) {}
  ~IncomingImpl() override { steal_->close(); }

  Result<std::uint64_t> subscribe(std::shared_ptr<Client> client, const protocol::Subscribe& what) override {
    if (auto refused = refuse(what)) return Failed(*refused);
    if (subscriptions_.size() >= most_subscriptions)
      return Failed(
          Error{ENOSPC, "this agent holds too many subscriptions", "End sessions that are no longer used."});
    const std::uint64_t number = next_++;
    TRY_VOID(what.mode == protocol::IncomingMode::mirror ? mirror_.add(number, what.port, client)
                                                         : steal_->add(number, what, client));
    subscriptions_[number] = {std::move(client), what.mode};
    return number;
  }

  void unsubscribe(std::uint64_t subscription, Connections connections) override {
    const auto found = subscriptions_.find(subscription);
    if (found == subscriptions_.end()) return;
    if (found->second.mode == protocol::IncomingMode::mirror)
      mirror_.remove(subscription);
    else
      steal_->remove(subscription, connections);
    subscriptions_.erase(found);
  }

  Thief thief_of(std::uint16_t port) const override { return steal_->thief_of(port); }
  void give_up_connections(const Client* client) override { steal_->give_up_connections(client); }

  void drop_client(const Client* client) override {
    std::vector<std::uint64_t> theirs;
    for (const auto& [number, subscription] : subscriptions_)
      if (subscription.client.get() == client) theirs.push_back(number);
    for (const auto number : theirs) unsubscribe(number, Connections::reset);
  }

 private:
  struct Subscription {
    std::shared_ptr<Client> client;
    protocol::IncomingMode mode = protocol::IncomingMode::mirror;
  };

  static std::optional<Error> refuse(const protocol::Subscribe& what) {
    if (what.port == 0) return Error{EINVAL, "port 0 can't be subscribed to", {}};
    if (what.transport == protocol::Transport::datagram)
      return Error{ENOTSUP, "incoming UDP can't be mirrored or stolen by this agent",
                   "Only TCP ports of the pod can be; leave UDP ports out of the incoming configuration."};
    if (!what.filter.empty() && what.filter != protocol::filter_with_own)
      return Error{ENOTSUP, "this agent can't filter stolen requests", "Steal the whole port, or mirror it."};
    return std::nullopt;
  }

  Mirror mirror_;
  std::shared_ptr<Steal> steal_;
  std::map<std::uint64_t, Subscription> subscriptions_;
  std::uint64_t next_ = 1;
};

}  // namespace

Result<std::unique_ptr<Incoming>> Incoming::create(boost::asio::any_io_executor executor,
                                                   std::function<void(protocol::Severity, std::string)> note,
                                                   std::shared_ptr<PrivilegedNetwork> network,
                                                   OpenedByTarget opened_by_target) {
  return std::unique_ptr<Incoming>(new IncomingImpl(executor, note, network, std::move(opened_by_target)));
}

}  // namespace inpod::agent
