// Agents in the cluster, for people.
#include "cli/session_agents.hpp"

#include "cli/console.hpp"
#include "kube/agent_pod.hpp"
#include "kube/kubeconfig.hpp"
#include "session/client_name.hpp"

namespace inpod::cli {
namespace {

using protocol::Task;

Result<kube::Kubeconfig> kubeconfig_of(const Config& config) {
  kube::KubeconfigOptions options;
  options.path = config.kubeconfig;
  options.context = config.context;
  const bool own_namespace = config.agent.mode != "ephemeral" && !config.agent.namespace_.empty();
  options.namespace_ = own_namespace ? config.agent.namespace_ : config.namespace_;
  return kube::load_kubeconfig(options);
}

}  // namespace

Task<int> list_agents(boost::asio::any_io_executor executor, Config config, bool all, bool json) {
  auto kubeconfig = kubeconfig_of(config);
  if (!kubeconfig) co_return report(kubeconfig.error());
  const std::string name_space = all ? "" : kubeconfig->namespace_;
  const auto client = kube::Client::create(executor, std::move(*kubeconfig));
  if (!client) co_return report(client.error());
  const auto agents = co_await kube::list_agents(*client, name_space, client_name());
  if (!agents) co_return report(agents.error());
  if (!json && agents->empty()) say("no agent of yours is in the cluster");
  if (!json && !agents->empty())
    print_row({{"AGENT", 16}, {"NAMESPACE", 16}, {"TARGET", 32}, {"STATE", 12}, {"CREATED"}});
  for (const auto& agent : *agents) {
    if (json) {
      print_json({{"agent", agent.session},
                  {"namespace", agent.agent.namespace_},
                  {"pod", agent.agent.pod},
                  {"target", agent.target},
                  {"state", agent.state},
                  {"created", agent.created},
                  {"ephemeral", agent.agent.job.empty()}});
    } else {
      print_row({{agent.session, 16},
                 {agent.agent.namespace_, 16},
                 {agent.target, 32},
                 {agent.state, 12},
                 {agent.created}});
    }
  }
  co_return 0;
}

Task<int> stop_agent(boost::asio::any_io_executor executor, Config config, std::string id) {
  auto kubeconfig = kubeconfig_of(config);
  if (!kubeconfig) co_return report(kubeconfig.error());
  const std::string name_space = kubeconfig->namespace_;
  const auto client = kube::Client::create(executor, std::move(*kubeconfig));
  if (!client) co_return report(client.error());
  const auto agents = co_await kube::list_agents(*client, name_space, client_name());
  if (!agents) co_return report(agents.error());
  for (const auto& agent : *agents) {
    if (agent.session != id) continue;
    if (agent.agent.job.empty()) {
      co_return report(Error{0,
                             "agent " + id + " is an ephemeral container of pod " + agent.agent.namespace_ +
                                 "/" + agent.agent.pod + ", which Kubernetes can't delete",
                             "End the sessions that use it (`inpod session list`, `inpod session stop`): "
                             "then the pod has its traffic back, "
                             "and the agent ends after its lease. Deleting the pod ends it at once"});
    }
    const auto deleted = co_await kube::delete_agent(*client, agent.agent);
    co_return deleted ? 0 : report(deleted.error());
  }
  co_return report(Error{0, "no agent \"" + id + "\" of yours in namespace " + name_space,
                         "`inpod session list --cluster -A` shows them all"});
}

}  // namespace inpod::cli
