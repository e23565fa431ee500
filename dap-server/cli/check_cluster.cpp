// The checks of the cluster, and of the agent by a session of its own.
#include "cli/check.hpp"
#include "kube/access.hpp"
#include "kube/client.hpp"
#include "kube/resolve.hpp"
#include "session/paths.hpp"
#include "session/session.hpp"

namespace inpod::cli {
namespace {

using protocol::Task;

void failed(const Tell& tell, const std::string& check, const Error& error) {
  tell({check, Verdict::failed, error.text, error.remedy});
}

Task<bool> check_server(std::shared_ptr<kube::Client> client, Tell tell) {
  const auto version = co_await client->get("/version");
  if (!version) {
    failed(tell, "API server", version.error());
    co_return false;
  }
  tell({"API server",
        Verdict::ok,
        client->config().server + " (Kubernetes " + version->value("gitVersion", "?") + ")",
        {}});
  co_return true;
}

Task<void> check_rights(std::shared_ptr<kube::Client> client, std::string target_namespace, AgentConfig agent,
                        Tell tell) {
  const bool in_target = agent.namespace_.empty() || agent.mode == "ephemeral";
  const std::string agent_namespace = in_target ? target_namespace : agent.namespace_;
  auto needed = kube::needed_access(target_namespace, agent_namespace, agent.mode);
  const auto checked = co_await kube::check_access(client, std::move(needed));
  if (!checked) {
    failed(tell, "RBAC", checked.error());
    co_return;
  }
  std::size_t allowed = 0;
  for (const auto& check : *checked) {
    if (check.allowed) {
      ++allowed;
      continue;
    }
    const auto& rule = check.rule;
    const std::string text = "you may not " + rule.verb + " " + rule.resource +
                             (rule.api_group.empty() ? "" : "." + rule.api_group) + " in namespace " +
                             rule.namespace_ + " (" + check.why + ")";
    tell({"RBAC", check.optional ? Verdict::warning : Verdict::failed, text, check.remedy()});
  }
  tell({"RBAC",
        Verdict::ok,
        std::to_string(allowed) + " of " + std::to_string(checked->size()) + " rules are there",
        {}});
}

Task<bool> check_target(std::shared_ptr<kube::Client> client, std::string text, std::string name_space,
                        Tell tell) {
  const auto name = kube::parse_target(text);
  if (!name) {
    failed(tell, "target", name.error());
    co_return false;
  }
  if (name->kind == kube::TargetKind::targetless) {
    tell({"target", Verdict::ok, "targetless", {}});
    co_return true;
  }
  const auto target = co_await kube::resolve_target(client, *name, name_space);
  if (!target) {
    failed(tell, "target", target.error());
    co_return false;
  }
  tell({"target",
        Verdict::ok,
        text + " is container " + target->container + " of pod " + target->pod + " on node " + target->node +
            " (" + target->runtime + ")",
        {}});
  co_return true;
}

}  // namespace

Task<void> check_cluster(boost::asio::any_io_executor executor, Config config, Tell tell) {
  kube::KubeconfigOptions options;
  options.path = config.kubeconfig;
  options.context = config.context;
  options.namespace_ = config.namespace_;
  auto kubeconfig = kube::load_kubeconfig(options);
  if (!kubeconfig) {
    // Without a target nobody has asked for the cluster.
    const bool wanted = !config.target.empty() || !config.context.empty() || !config.kubeconfig.empty();
    tell({"kubeconfig", wanted ? Verdict::failed : Verdict::warning, kubeconfig.error().text,
          kubeconfig.error().remedy});
    co_return;
  }
  tell({"kubeconfig",
        Verdict::ok,
        kubeconfig->source + ", context " + kubeconfig->context + ", namespace " + kubeconfig->namespace_,
        {}});
  const std::string name_space = kubeconfig->namespace_;
  const auto client = kube::Client::create(executor, std::move(*kubeconfig));
  if (!client) {
    failed(tell, "API server", client.error());
    co_return;
  }
  const bool answers = co_await check_server(*client, tell);
  if (!answers) co_return;
  co_await check_rights(*client, name_space, config.agent, tell);
  if (config.target.empty()) co_return;
  const bool found = co_await check_target(*client, config.target, name_space, tell);
  if (found) co_await check_agent(executor, config, tell);
}

Task<void> check_agent(boost::asio::any_io_executor executor, Config config, Tell tell) {
  Session::Options options;
  options.config = config;
  options.program = self_path();
  auto session = co_await Session::start(executor, std::move(options));
  if (!session) {
    failed(tell, "agent", session.error());
    co_return;
  }
  const std::string hostname = (*session)->describe().value("hostname", "");
  co_await (*session)->stop();
  tell({"agent",
        Verdict::ok,
        config.target + ": an agent is there and a session starts (host name " + hostname + ")",
        {}});
}

}  // namespace inpod::cli
