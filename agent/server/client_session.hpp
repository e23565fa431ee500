// ClientSession: one client of the agent, from its first Hello to Bye, the end of its resume window, or the
// agent's end. Routes its requests to the parts that do them. Io thread only. Everything the client has in
// the pod goes with `drop`.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <set>
#include <string>

#include "files/client_files.hpp"
#include "net/client_connections.hpp"
#include "server/pod_services.hpp"

namespace inpod::agent {

class ClientSession : public std::enable_shared_from_this<ClientSession> {
 public:
  /// on_end: the session is over and has dropped everything; called once, never from inside create.
  static std::shared_ptr<ClientSession> create(PodServices& services, protocol::LinkOptions options,
                                               std::string name, std::function<void()> on_end);
  ~ClientSession();

  const std::shared_ptr<protocol::Link>& link() const { return link_; }
  const std::string& name() const { return name_; }
  /// Frees everything of this client in the pod. The link stays open. Idempotent.
  void drop();
  /// Tells the client why the agent leaves, and closes the link, within `bound`.
  static protocol::Task<void> say_goodbye(std::shared_ptr<ClientSession> self, std::string reason,
                                          std::chrono::milliseconds bound);

 private:
  ClientSession(PodServices& services, std::string name, std::function<void()> on_end);
  void on_request(std::uint32_t id, protocol::Message request);
  void on_transport_lost(const Error& why);
  void on_closed();
  void respond(std::uint32_t id, protocol::Message answer) { link_->respond(id, std::move(answer)); }

  void serve(std::uint32_t id, const protocol::GetPod&);
  void serve(std::uint32_t id, protocol::Resolve request);
  void serve(std::uint32_t id, protocol::ResolveBack request);
  void serve(std::uint32_t id, protocol::Subscribe request);
  static protocol::Task<protocol::Message> subscribe(std::shared_ptr<ClientSession> self,
                                                     protocol::Subscribe request);
  void serve(std::uint32_t id, const protocol::Unsubscribe& request);
  void serve(std::uint32_t id, const protocol::GetListeners&);
  void serve(std::uint32_t id, const protocol::GetInterfaces&);
  void serve(std::uint32_t id, const protocol::Bye&);
  template <class Answer>
  static protocol::Task<void> answer_later(std::weak_ptr<ClientSession> weak, std::uint32_t id,
                                           protocol::Task<Answer> answer);
  protocol::Task<protocol::Message> describe();
  /// What a worker of the agent's own finds out.
  template <class Found>
  protocol::Task<protocol::Message> find(Found (*function)());

  PodServices& services_;
  std::string name_;
  std::function<void()> on_end_;
  std::shared_ptr<protocol::Link> link_;
  std::shared_ptr<ClientFiles> files_;              // null once dropped
  std::shared_ptr<ClientConnections> connections_;  // null once dropped
  std::shared_ptr<Incoming::Client> incoming_client_;
  std::set<std::uint64_t> subscriptions_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  boost::asio::steady_timer return_timer_;
};

}  // namespace inpod::agent
