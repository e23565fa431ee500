// See monitors.hpp.
#include "privileges/monitors.hpp"

#include <linux/capability.h>

namespace inpod::agent {
namespace {

Monitor::Reply reply_of(Result<void> result) {
  return {result ? MonitorAnswer(Completed{}) : MonitorAnswer(refusal(result.error())), {}};
}
Monitor::Reply reply_of(Result<UniqueFd> file) {
  if (!file) return {refusal(file.error()), {}};
  return {Completed{}, std::move(*file)};
}

Monitor::Reply serve_network(PrivilegedNetwork& network, const MonitorRequest& request) {
  if (const auto* set = std::get_if<SetRedirect>(&request)) return reply_of(network.redirect(set->ports));
  if (std::holds_alternative<EndRedirect>(request)) return network.end_redirect(), reply_of(Result<void>());
  if (std::holds_alternative<OpenPacketSocket>(request)) return reply_of(network.open_packet_socket());
  if (const auto* marked = std::get_if<OpenMarkedSocket>(&request))
    return reply_of(network.open_marked_socket(marked->ipv4));
  return reply_of(Result<void>(Failed(Error{EPROTO, "not a request to the network's monitor", {}})));
}

Monitor::Reply serve_target(int directory, const MonitorRequest& request) {
  if (const auto* find = std::get_if<FindOpeners>(&request))
    return {Openers{opened_inside(directory, find->connections)}, {}};
  if (!std::holds_alternative<ReadTarget>(request))
    return reply_of(Result<void>(Failed(Error{EPROTO, "not a request to the target's monitor", {}})));
  auto state = read_target_state(directory);
  if (!state) return {refusal(state.error()), {}};
  return {TargetText{std::move(state->environment)}, std::move(state->working_directory)};
}

Result<std::shared_ptr<Monitor>> start_monitor(const Monitor::Options& options) {
  TRY_ASSIGN(monitor, Monitor::start(options));
  return std::shared_ptr<Monitor>(std::move(monitor));
}

class MonitoredNetwork : public PrivilegedNetwork {
 public:
  explicit MonitoredNetwork(std::shared_ptr<Monitor> monitor) : monitor_(std::move(monitor)) {}

  Result<void> redirect(const std::vector<StolenPort>& ports) override {
    TRY_ASSIGN(reply, monitor_->ask(SetRedirect{ports}));
    return {};
  }
  void end_redirect() override { (void)monitor_->ask(EndRedirect{}); }
  Result<UniqueFd> open_packet_socket() override { return open(OpenPacketSocket{}); }
  Result<UniqueFd> open_marked_socket(bool ipv4) override { return open(OpenMarkedSocket{ipv4}); }

 private:
  Result<UniqueFd> open(const MonitorRequest& request) {
    TRY_ASSIGN(reply, monitor_->ask(request));
    if (!reply.file) return fail("the agent's privileged process gave no socket");
    return std::move(reply.file);
  }

  std::shared_ptr<Monitor> monitor_;
};

}  // namespace

Result<std::shared_ptr<Monitor>> start_network_monitor(const std::function<void()>& in_child) {
  Monitor::Options options;
  options.name = "inpod-network";
  options.capabilities = capability_bit(CAP_NET_ADMIN) | capability_bit(CAP_NET_RAW);
  options.forking = Forking::allowed;  // the guardian of redirects
  options.serve = [&in_child](int) {
    in_child();
    return [network = own_privileged_network()](const MonitorRequest& request) {
      return serve_network(*network, request);
    };
  };
  return start_monitor(options);
}

Result<std::shared_ptr<Monitor>> start_target_monitor(const Target& target,
                                                      const std::function<void()>& in_child) {
  Monitor::Options options;
  options.name = "inpod-target";
  // Whose process it is doesn't matter to CAP_SYS_PTRACE; whose file /proc/<pid>/environ is, to the other.
  // Without them (an ephemeral container of an old server) the target's own capabilities open its /proc.
  options.capabilities = has_capability(CAP_SYS_PTRACE)
                             ? capability_bit(CAP_SYS_PTRACE) | capability_bit(CAP_DAC_READ_SEARCH)
                             : target.credentials.permitted;
  options.file = target.directory.get();
  options.serve = [&in_child](int directory) {
    in_child();
    return [directory](const MonitorRequest& request) { return serve_target(directory, request); };
  };
  return start_monitor(options);
}

std::shared_ptr<PrivilegedNetwork> privileged_network(std::shared_ptr<Monitor> monitor) {
  return std::make_shared<MonitoredNetwork>(std::move(monitor));
}

Result<TargetState> read_target_state(Monitor& monitor) {
  TRY_ASSIGN(reply, monitor.ask(ReadTarget{}));
  auto* text = std::get_if<TargetText>(&reply.answer);
  if (!text) return fail("the agent's privileged process gave another answer");
  return TargetState{std::move(text->environment), std::move(reply.file)};
}

std::vector<std::uint8_t> find_openers(Monitor& monitor, const std::vector<TcpEnds>& connections) {
  const auto reply = monitor.ask(FindOpeners{connections});
  const auto* openers = reply ? std::get_if<Openers>(&reply->answer) : nullptr;
  return openers ? openers->inside : std::vector<std::uint8_t>();
}

}  // namespace inpod::agent
