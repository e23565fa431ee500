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
  options.namespace_ = config.agent.namespace_.empty() ? config.namespace_ : config.agent.namespace_;
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
  if (!json && !agents->empty()) printf("%-16s  %-16s  %-32s  %-12s  %s\n", "AGENT", "NAMESPACE", "TARGET", "STATE", "CREATED");
  for (const auto& agent : *agents) {
    if (json) {
      print_json({{"agent", agent.session}, {"namespace", agent.agent.namespace_}, {"pod", agent.agent.pod}, {"target", agent.target},
                  {"state", agent.state}, {"created", agent.created}});
    } else {
      printf("%-16s  %-16s  %-32s  %-12s  %s\n", agent.session.c_str(), agent.agent.namespace_.c_str(), agent.target.c_str(),
             agent.state.c_str(), agent.created.c_str());
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
    const auto deleted = co_await kube::delete_agent(*client, agent.agent);
    co_return deleted ? 0 : report(deleted.error());
  }
  co_return report(Error{0, "no agent \"" + id + "\" of yours in namespace " + name_space, "`inpod session list --cluster -A` shows them all"});
}

}  // namespace inpod::cli
