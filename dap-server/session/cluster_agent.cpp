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

std::string text_of(const std::map<std::string, std::string>& values) {
  std::string text;
  for (const auto& [name, value] : values) text += name + "=" + value + ",";
  return text;
}

/// "NAMESPACE/POD", as sessions are listed with it.
std::string listed_name(const kube::AgentPod& agent) {
  return agent.namespace_ + "/" + agent.pod;
}

/// How many sessions of this user's that are listed have the agent; nothing where that can't be known.
std::optional<std::ptrdiff_t> users_of(const kube::AgentPod& agent) {
  const auto sessions = list_sessions();
  if (!sessions) return std::nullopt;
  return std::count_if(sessions->begin(), sessions->end(), [&](const nlohmann::json& session) {
    return session.value("agent", nlohmann::json()) == listed_name(agent);
  });
}

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
        std::to_string(config.agent.lease_seconds), text_of(config.agent.requests),
        text_of(config.agent.limits), std::to_string(file.st_size), std::to_string(file.st_mtim.tv_sec),
        std::to_string(file.st_mtim.tv_nsec)}) {
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
    auto why = co_await has_gone();
    if (why) why = co_await explain(std::move(*why));
    co_return why;
  }

  void keep() override {
    auto& state = target_->state_;
    if (!state) return;
    if (const auto saved = state->save(agent_); saved)
      fresh_ = false;
    else
      state->forget();
    state->unlock();
  }

  Task<void> release(bool take_back) override {
    if (std::exchange(fresh_, false)) {
      co_await kube::delete_agent(client_, agent_.pod);
      target_.reset();  // and with it the lock
    } else if (take_back && made_ && !agent_.pod.job.empty()) {
      co_await take_back_kept();
    } else if (target_->state_) {
      target_->state_->touch();
    }
  }

  bool has_successor() const override { return true; }

  Task<Result<std::shared_ptr<ClusterTarget>>> successor(Error why, Progress progress) override {
    const auto keep_target = target_;
    const bool had_pod = !resolved_.pod.empty();
    ClusterTarget::Predecessor predecessor{name_, resolved_, client_->config().context};
    auto next = co_await ClusterTarget::resolve(target_->executor_, target_->config_, std::move(progress),
                                                std::move(predecessor));
    if (!next) co_return Failed(next.error());
    const auto& now = (*next)->target_;
    if (now.leaving)
      co_return Failed(
          Error{EAGAIN, "the target's pod " + now.pod + " is being deleted, and no other is there", {}});
    const bool same =
        !had_pod || (now.pod_uid == resolved_.pod_uid && now.container_id == resolved_.container_id);
    const bool was_away = why.code == ETIMEDOUT || why.code == ESTALE;
    if (same && !was_away) CO_TRY_VOID(co_await not_stopped());
    // Its Job would make the pod anew, or wait for the target of before.
    if (!same || co_await has_gone()) (void)co_await kube::delete_agent(client_, agent_.pod);
    co_return next;
  }

  const Token& token() const override { return agent_.token; }
  nlohmann::json describe() const override {
    return {{"target", resolved_.target},
            {"namespace", resolved_.namespace_},
            {"pod", resolved_.pod},
            {"container", resolved_.container},
            {"context", client_->config().context},
            {"agent", listed_name(agent_.pod)}};
  }
  const std::vector<protocol::Probe>& probes() const override { return resolved_.probes; }

 private:
  Task<std::optional<Error>> has_gone() {
    const auto there = co_await kube::check_agent(client_, agent_.pod);
    // ENOENT: no such pod. 0: judged from the pod itself. All else is the API server's or the network's
    // trouble.
    const bool gone = !there && (there.error().code == ENOENT || there.error().code == 0);
    co_return gone ? std::optional(there.error()) : std::nullopt;
  }

  /// The session stood, so another launch may have found the agent meanwhile: then it stays. No launch can
  /// find it now, the lock is ours.
  Task<void> take_back_kept() {
    const auto locked = co_await target_->state_->lock(target_->executor_, std::chrono::seconds(2));
    if (!locked) co_return;
    if (const auto users = users_of(agent_.pod); users && *users <= 1) {
      target_->state_->forget();
      co_await kube::delete_agent(client_, agent_.pod);
    }
    target_->state_->unlock();
  }

  /// Who stops an agent deletes its Job (`inpod session stop --cluster`); accidents leave that.
  Task<Result<void>> not_stopped() {
    if (agent_.pod.job.empty()) co_return Result<void>();
    const auto job =
        co_await client_->get(kube::resource_path("batch/v1", agent_.pod.namespace_, "jobs", agent_.pod.job));
    if (job || job.error().code != ENOENT) co_return Result<void>();
    co_return Failed(Error{ECANCELED, "the agent was stopped: its Job was deleted", "launch again"});
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

namespace {

/// The predecessor's target as it is now. A pod that has gone for good is followed to its workload.
Task<Result<kube::ResolvedTarget>> resolve_successor(std::shared_ptr<kube::Client> client,
                                                     ClusterTarget::Predecessor before) {
  auto name = before.name;
  name.container = before.target.container;
  auto now = co_await kube::resolve_target(client, name, before.target.namespace_);
  const bool gone = now ? now->leaving : now.error().code == ENOENT;
  if (gone && name.kind == kube::TargetKind::pod) {
    const auto workload = co_await kube::workload_of(client, before.target);
    if (workload) now = co_await kube::resolve_target(client, *workload, before.target.namespace_);
  }
  if (now) now->target = before.target.target;  // as the user knows it, and as the next launch asks for it
  co_return now;
}

Task<Result<kube::ResolvedTarget>> resolve_now(std::shared_ptr<kube::Client> client, kube::Target name,
                                               std::string namespace_,
                                               std::optional<ClusterTarget::Predecessor> before) {
  if (name.kind == kube::TargetKind::targetless) {
    kube::ResolvedTarget targetless;
    targetless.target = "targetless", targetless.namespace_ = std::move(namespace_);
    co_return targetless;
  }
  if (before) co_return co_await resolve_successor(std::move(client), std::move(*before));
  co_return co_await kube::resolve_target(std::move(client), std::move(name), std::move(namespace_));
}

}  // namespace

Task<Result<std::shared_ptr<ClusterTarget>>> ClusterTarget::resolve(asio::any_io_executor executor,
                                                                    Config config, Progress progress,
                                                                    std::optional<Predecessor> predecessor) {
  CO_TRY(name, kube::parse_target(config.target));
  kube::KubeconfigOptions options;
  options.path = config.kubeconfig;
  options.context = predecessor ? predecessor->context : config.context;
  options.namespace_ = predecessor ? predecessor->target.namespace_ : config.namespace_;
  CO_TRY(kubeconfig, kube::load_kubeconfig(options));
  progress(Stage::cluster, "Looking for " + config.target + " in namespace " + kubeconfig.namespace_);
  const std::string name_space = kubeconfig.namespace_;
  CO_TRY(client, kube::Client::create(executor, std::move(kubeconfig)));
  std::shared_ptr<ClusterTarget> target(new ClusterTarget);
  target->executor_ = executor;
  target->client_ = client;
  target->name_ = name;
  CO_TRY(resolved, co_await resolve_now(client, name, name_space, std::move(predecessor)));
  target->target_ = std::move(resolved);
  if (config.agent.image.empty()) {
    CO_TRY(executable, find_agent(config.agent.path));
    target->executable_ = std::move(executable);
  }
  target->config_ = std::move(config);
  CO_TRY_VOID(co_await target->open_state(progress));
  co_return target;
}

/// Error: another launch holds the lock for too long.
Task<Result<void>> ClusterTarget::open_state(const Progress& progress) {
  auto opened = AgentState::open(state_key(*client_, target_, config_, executable_));
  if (!opened) {
    no_lease_ = opened.error().text;
    co_return Result<void>();
  }
  state_ = std::move(*opened);
  const auto patience = std::chrono::seconds(config_.agent.startup_seconds);
  const std::function<void()> on_wait = [&progress] {
    progress(Stage::agent, "Waiting: another launch on this target is under way");
  };
  auto locked = co_await state_->lock(executor_, patience, on_wait);
  if (locked || locked.error().code == 0) co_return locked;
  no_lease_ = locked.error().text;
  state_.reset();
  co_return Result<void>();
}

std::shared_ptr<AgentAccess> ClusterTarget::leased() {
  auto agent = state_ ? state_->load() : std::nullopt;
  if (!agent) return nullptr;
  return std::make_shared<ClusterAgent>(shared_from_this(), std::move(*agent), false);
}

Task<void> ClusterTarget::forget() {
  const auto self = shared_from_this();
  const auto agent = state_ ? state_->load() : std::nullopt;
  if (!agent) co_return;
  state_->forget();
  if (const auto users = users_of(agent->pod); users && *users == 0)
    (void)co_await kube::delete_agent(client_, agent->pod);
}

Task<Result<std::shared_ptr<AgentAccess>>> ClusterTarget::start(
    Progress progress, std::function<void(const std::string&)> warn) {
  const auto self = shared_from_this();
  CO_TRY(token, random_token());
  CO_TRY(name, random_token());
  agent::StartRecord record;
  record.token = token;
  record.container_id = target_.container_id;
  record.lease_seconds = state_ ? config_.agent.lease_seconds : 0;
  if (!state_ && warn)
    warn("no lease can be kept, so the agent ends with this session and the next start is not warm: " +
         no_lease_);
  record.first_client_seconds = 30;  // we come as soon as it is ready, or never
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
  agent.lease_seconds = record.lease_seconds;
  std::shared_ptr<AgentAccess> access = std::make_shared<ClusterAgent>(self, std::move(agent), true);
  co_return access;
}

}  // namespace inpod
