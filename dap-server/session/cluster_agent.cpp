// Finding, starting and reaching the agent in the cluster.
#include "session/cluster_agent.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "kube/agent_pod.hpp"
#include "kube/kubeconfig.hpp"
#include "kube/port_forward.hpp"
#include "kube/resolve.hpp"
#include "session/client_name.hpp"
#include "session/paths.hpp"
#include "session/registry.hpp"
#include "start/start_record.hpp"

namespace inpod {

namespace asio = boost::asio;

namespace {

/// What tells one agent from another. A rebuilt agent, or other settings, make another one.
std::string state_key(const kube::Client& client, const kube::ResolvedTarget& target, const Config& config,
                      const std::string& executable) {
  struct stat file {};
  if (config.agent.image.empty()) stat(executable.c_str(), &file);
  std::string key;
  for (const auto& part :
       {client.config().server, client.config().context, client.config().user, target.target,
        target.namespace_, target.pod, target.pod_uid, target.container_id, config.agent.mode,
        config.agent.image, config.agent.namespace_, std::string(config.agent.privileged ? "privileged" : ""),
        std::to_string(config.agent.lease_seconds), std::to_string(file.st_size),
        std::to_string(file.st_mtim.tv_sec), std::to_string(file.st_mtim.tv_nsec)}) {
    key += part + "\n";
  }
  return key;
}

/// The record as kube's start_agent wants it: without the length in front.
Result<std::string> encode_record(const agent::StartRecord& record) {
  TRY_ASSIGN(bytes, agent::encode_start_record(record));
  return std::string(bytes.begin() + 4, bytes.end());
}

/// A session name for labels: 16 hexadecimal digits.
std::string session_name(const Token& random) {
  std::string name;
  for (std::size_t i = 0; i < 8; ++i) {
    name += "0123456789abcdef"[random[i] >> 4];
    name += "0123456789abcdef"[random[i] & 15];
  }
  return name;
}

}  // namespace

class ClusterAgent : public AgentAccess {
 public:
  ClusterAgent(std::shared_ptr<ClusterTarget> target, LeasedAgent agent, bool fresh)
      : target_(std::move(target)),
        client_(target_->client_),
        name_(target_->name_),
        resolved_(target_->target_),
        agent_(std::move(agent)),
        made_(fresh),
        fresh_(fresh) {}

  Task<Result<std::unique_ptr<protocol::ByteTransport>>> open() override {
    return kube::port_forward(client_, agent_.pod.namespace_, agent_.pod.pod, agent_.pod.port);
  }

  Task<std::optional<Error>> gone() override {
    const auto there = co_await kube::check_agent(client_, agent_.pod);
    if (there) co_return std::nullopt;
    // ENOENT: no such pod. 0: judged from the pod itself. All else is the API server's or the network's
    // trouble.
    if (there.error().code != ENOENT && there.error().code != 0) co_return std::nullopt;
    co_return co_await explain(there.error());
  }

  void keep() override {
    if (const auto saved = target_->state_->save(agent_); !saved) target_->state_->forget();
    target_->state_->unlock();
    fresh_ = false;
  }

  Task<void> release(bool take_back) override {
    if (std::exchange(fresh_, false)) {
      co_await kube::delete_agent(client_, agent_.pod);
      target_.reset();  // and with it the lock
    } else if (take_back && made_ && !agent_.pod.job.empty()) {
      co_await take_back_kept();
    }
  }

  const Token& token() const override { return agent_.token; }
  nlohmann::json describe() const override {
    return {{"target", resolved_.target},
            {"namespace", resolved_.namespace_},
            {"pod", resolved_.pod},
            {"container", resolved_.container},
            {"context", client_->config().context},
            {"agent", agent_.pod.namespace_ + "/" + agent_.pod.pod}};
  }
  const std::vector<protocol::Probe>& probes() const override { return resolved_.probes; }

 private:
  /// The session stood, so another launch may have found the agent meanwhile: then it stays. No launch can
  /// find it now, the lock is ours.
  Task<void> take_back_kept() {
    const auto locked = co_await target_->state_->lock(target_->executor_, std::chrono::seconds(2));
    if (!locked) co_return;
    if (!used_by_others()) {
      target_->state_->forget();
      co_await kube::delete_agent(client_, agent_.pod);
    }
    target_->state_->unlock();
  }

  /// By a session of this user's that is listed, beside ours.
  bool used_by_others() const {
    const auto sessions = list_sessions();
    if (!sessions) return true;
    const auto own = describe().at("agent");
    const auto users = std::count_if(sessions->begin(), sessions->end(), [&](const nlohmann::json& session) {
      return session.value("agent", nlohmann::json()) == own;
    });
    return users > 1;
  }

  /// Whether the agent went because its target did.
  Task<Error> explain(Error why) {
    if (resolved_.pod.empty()) co_return why;
    const auto now = co_await kube::resolve_target(client_, name_, resolved_.namespace_);
    Error error = why;
    if (!now) {
      error.text = "the target " + resolved_.target + " is gone: " + now.error().text;
      error.remedy = now.error().remedy;
    } else if (now->pod_uid != resolved_.pod_uid) {
      error.text = "the target's pod " + resolved_.pod + " was replaced by " + now->pod +
                   " (a rollout, or it was deleted)";
      error.remedy = "launch again: the next session goes to the new pod";
    } else if (now->container_id != resolved_.container_id) {
      error.text = "the target's container in pod " + resolved_.pod + " was restarted";
      error.remedy = "launch again";
    }
    co_return error;
  }

  std::shared_ptr<ClusterTarget> target_;  // holds the lock until the session stands
  std::shared_ptr<kube::Client> client_;
  kube::Target name_;
  kube::ResolvedTarget resolved_;
  LeasedAgent agent_;
  const bool made_;  // by this launch
  bool fresh_;       // and not yet anybody else's
};

Task<Result<std::shared_ptr<ClusterTarget>>> ClusterTarget::resolve(asio::any_io_executor executor,
                                                                    Config config, Progress progress) {
  CO_TRY(name, kube::parse_target(config.target));
  kube::KubeconfigOptions options;
  options.path = config.kubeconfig;
  options.context = config.context;
  options.namespace_ = config.namespace_;
  CO_TRY(kubeconfig, kube::load_kubeconfig(options));
  progress(Stage::cluster, "Looking for " + config.target + " in namespace " + kubeconfig.namespace_);
  const std::string name_space = kubeconfig.namespace_;
  CO_TRY(client, kube::Client::create(executor, std::move(kubeconfig)));
  std::shared_ptr<ClusterTarget> target(new ClusterTarget);
  target->executor_ = executor;
  target->client_ = client;
  target->name_ = name;
  if (name.kind == kube::TargetKind::targetless) {
    target->target_.target = "targetless";
    target->target_.namespace_ = name_space;
  } else {
    CO_TRY(resolved, co_await kube::resolve_target(client, name, name_space));
    target->target_ = std::move(resolved);
  }
  if (config.agent.image.empty()) {
    CO_TRY(executable, find_agent(config.agent.path));
    target->executable_ = std::move(executable);
  }
  target->config_ = std::move(config);
  CO_TRY(state, AgentState::open(state_key(*client, target->target_, target->config_, target->executable_)));
  target->state_ = std::move(state);
  const auto patience = std::chrono::seconds(target->config_.agent.startup_seconds);
  const std::function<void()> on_wait = [&progress] {
    progress(Stage::agent, "Waiting: another launch on this target is under way");
  };
  CO_TRY_VOID(co_await target->state_->lock(executor, patience, on_wait));
  co_return target;
}

std::shared_ptr<AgentAccess> ClusterTarget::leased() {
  auto agent = state_->load();
  if (!agent) return nullptr;
  return std::make_shared<ClusterAgent>(shared_from_this(), std::move(*agent), false);
}

Task<Result<std::shared_ptr<AgentAccess>>> ClusterTarget::start(
    Progress progress, std::function<void(const std::string&)> warn) {
  const auto self = shared_from_this();
  CO_TRY(token, random_token());
  CO_TRY(name, random_token());
  agent::StartRecord record;
  record.token = token;
  record.container_id = target_.container_id;
  record.lease_seconds = config_.agent.lease_seconds;
  record.client = client_name();
  record.probes = target_.probes;
  kube::AgentRequest request;
  request.session = session_name(name);
  request.client = record.client;
  request.target = target_;
  request.config = config_.agent;
  request.namespace_ = target_.namespace_;
  request.executable = executable_;
  CO_TRY(encoded, encode_record(record));
  request.start_record = std::move(encoded);
  request.on_progress = [progress](const std::string& text) { progress(Stage::agent, text); };
  request.on_warning = std::move(warn);
  // What a crash has left is tidied up beside the start; its outcome matters to nobody.
  const std::string agents_namespace =
      config_.agent.namespace_.empty() ? target_.namespace_ : config_.agent.namespace_;
  asio::co_spawn(executor_, kube::clean_up_agents(client_, agents_namespace, record.client),
                 [](const std::exception_ptr&, const Result<int>&) {});
  CO_TRY(pod, co_await kube::start_agent(client_, std::move(request)));
  LeasedAgent agent;
  agent.token = token;
  agent.pod = std::move(pod);
  std::shared_ptr<AgentAccess> access = std::make_shared<ClusterAgent>(self, std::move(agent), true);
  co_return access;
}

}  // namespace inpod
