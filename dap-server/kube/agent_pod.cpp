// Starting an agent. Time matters here, a developer waits: the watch is opened before the Job is created, and
// the attach is tried while the container starts, since the kubelet reports a running container up to a
// second late.
#include "kube/agent_pod.hpp"

#include <array>
#include <fstream>
#include <optional>

#include "kube/agent_state.hpp"
#include "kube/agent_stream.hpp"
#include "kube/api_error.hpp"
#include "kube/container_log.hpp"
#include "kube/fields.hpp"
#include "kube/gather.hpp"
#include "kube/loader.hpp"
#include "kube/manifest.hpp"
#include "protocol/task.hpp"

namespace inpod::kube {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto attach_interval = milliseconds(150);
constexpr auto event_interval = milliseconds(1000);

/// One start: what was asked, what has been made so far.
struct Start {
  std::shared_ptr<Client> client;
  AgentPlan plan;
  std::string executable, record;
  std::shared_ptr<const AgentInput> input;
  std::function<void(const std::string&)> on_progress, on_warning;
  Clock::time_point deadline;
  AgentPod agent;
  std::unique_ptr<Watch> watch;
  std::string watch_path;
  std::string loader_uid;  // of the ConfigMap, where one is used
  bool created = false;    // there may be a Job to delete
  json pod;                // as last seen

  void progress(const std::string& text) const {
    if (on_progress) on_progress(text);
  }
  void warn(const std::string& text) const {
    if (on_warning) on_warning(text);
  }
  bool is_ephemeral() const { return plan.config.mode == "ephemeral"; }
  milliseconds left() const { return std::chrono::duration_cast<milliseconds>(deadline - Clock::now()); }
};

Result<std::string> read_executable(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file)
    return Failed(Error{errno, "cannot read inpod-agent at " + path + ": " + strerror(errno),
                        "set agent.path to it, or agent.image to an image that has it"});
  std::string content(static_cast<std::size_t>(file.tellg()), '\0');
  file.seekg(0);
  if (!file.read(content.data(), static_cast<std::streamsize>(content.size())))
    return fail("cannot read inpod-agent at " + path);
  return content;
}

std::string length_prefixed(const std::string& record) {
  const auto size = static_cast<std::uint32_t>(record.size());
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(size >> shift & 0xff);
  return bytes + record;
}

Result<std::shared_ptr<Start>> prepare(std::shared_ptr<Client> client, AgentRequest request) {
  auto start = std::make_shared<Start>();
  start->client = std::move(client);
  start->on_progress = std::move(request.on_progress), start->on_warning = std::move(request.on_warning);
  start->deadline = Clock::now() + std::chrono::seconds(request.config.startup_seconds);
  start->record = length_prefixed(request.start_record);
  if (request.config.image.empty()) {
    TRY_ASSIGN(content, read_executable(request.executable));
    start->executable = std::move(content);
  }
  auto& plan = start->plan;
  plan.executable_size = start->executable.size(), plan.record_size = start->record.size();
  for (const auto& choice : {request.config.namespace_, request.target.namespace_, request.namespace_,
                             start->client->config().namespace_}) {
    if (plan.namespace_.empty()) plan.namespace_ = choice;
  }
  plan.session = request.session, plan.client = request.client;
  plan.target = std::move(request.target), plan.config = std::move(request.config);
  if (start->is_ephemeral()) plan.namespace_ = plan.target.namespace_;
  start->agent.namespace_ = plan.namespace_;
  return start;
}

Task<std::vector<json>> events_of(std::shared_ptr<Start> start, std::string name) {
  const auto path = resource_path("v1", start->plan.namespace_, "events") +
                    "?fieldSelector=" + escape("involvedObject.name=" + name);
  auto events = co_await start->client->list(path);
  co_return events ? std::move(*events) : std::vector<json>();  // not allowed: then without
}

Task<Result<void>> create_job(std::shared_ptr<Start> start) {
  CO_TRY(manifest, job_manifest(start->plan));
  start->created = true;  // from here on, whatever happens to the answer
  auto made = co_await start->client->post(resource_path("batch/v1", start->plan.namespace_, "jobs"),
                                           std::move(manifest));
  if (!made) {
    const int code = made.error().code;
    if (code == EACCES || code == EPERM || code == EINVAL || code == EEXIST || code == ENOENT)
      start->created = false;
    auto error = made.error().context("cannot create the agent's Job");
    const bool refused = code == EACCES || error.text.find("denied the request") != std::string::npos;
    if (refused && error.remedy.empty()) error.remedy = admission_remedy(error.text, "job");
    co_return Failed(std::move(error));
  }
  start->agent.job = agent_name(start->plan.session), start->agent.container = "inpod-agent";
  co_return Result<void>();
}

constexpr auto ephemeral_remedy = "ephemeral containers are stable from Kubernetes 1.25; set agent.mode: job";

/// Servers before 1.22 have a kind of its own for this, and take the whole list of containers.
Task<Result<void>> create_ephemeral_alpha(std::shared_ptr<Start> start, json containers, json spec) {
  const auto path =
      resource_path("v1", start->plan.namespace_, "pods", start->plan.target.pod, "ephemeralcontainers");
  spec.erase("securityContext");  // not allowed in that form
  auto list = items(containers, {"ephemeralContainers"});
  list.push_back(std::move(spec));
  containers["ephemeralContainers"] = std::move(list);
  auto made = co_await start->client->put(path, std::move(containers));
  if (!made)
    co_return Failed(
        made.error().context("cannot add an ephemeral container to pod " + start->plan.target.pod));
  co_return Result<void>();
}

Task<Result<void>> create_ephemeral(std::shared_ptr<Start> start) {
  CO_TRY(spec, ephemeral_container(start->plan));
  const auto path =
      resource_path("v1", start->plan.namespace_, "pods", start->plan.target.pod, "ephemeralcontainers");
  start->agent.pod = start->plan.target.pod, start->agent.container = text(spec, {"name"});
  json list = json::array();
  list.push_back(spec);
  json patch{{"spec", {{"ephemeralContainers", std::move(list)}}}};
  auto made = co_await start->client->patch(path, std::move(patch), strategic_merge_patch);
  if (!made) {
    auto error = made.error().context("cannot add an ephemeral container to pod " + start->plan.target.pod);
    if (error.code == ENOENT || error.code == ENOTSUP) error.remedy = ephemeral_remedy;
    if (error.code == EACCES && error.remedy.empty())
      error.remedy = admission_remedy(error.text, "ephemeral");
    co_return Failed(std::move(error));
  }
  if (text(*made, {"kind"}) == "EphemeralContainers")
    co_return co_await create_ephemeral_alpha(start, *made, spec);
  co_return Result<void>();
}

/// Attach now, if the container can be attached to; nothing when it can't yet.
Task<Result<std::shared_ptr<RemoteCommand>>> try_attach(std::shared_ptr<Start> start, bool must) {
  const auto& agent = start->agent;
  auto attached = co_await RemoteCommand::attach(start->client, agent.namespace_, agent.pod, agent.container);
  if (attached) co_return std::shared_ptr<RemoteCommand>(std::move(*attached));
  const bool refused = attached.error().code == EACCES || attached.error().code == EPERM;
  if (must || refused) co_return Failed(attached.error());
  co_return std::shared_ptr<RemoteCommand>();
}

Task<Error> too_late(std::shared_ptr<Start> start) {
  const auto name = start->agent.pod.empty() ? start->agent.job : start->agent.pod;
  const auto events = co_await events_of(start, name);
  Error error{ETIMEDOUT,
              "the agent did not start within " + std::to_string(start->plan.config.startup_seconds) + " s",
              {}};
  error.text += start->pod.is_object() ? " (pod " + start->agent.pod + ": " + pod_state(start->pod) + ")"
                                       : " (its Job has made no pod)";
  for (const auto& container : items(start->pod, {"spec", "containers"}))
    error.text += ", image " + text(container, {"image"});
  error.text += quote_events(events);
  error.remedy =
      no_node_yet(start->pod).empty()
          ? "raise agent.startup_seconds if the cluster is only slow"
          : "see agent.node_selector, or give the cluster room; raise agent.startup_seconds if a node is "
            "on its way";
  co_return error;
}

/// Takes what the watch says; an error is the end of this start.
Result<AgentState> take_event(Start& start, const Watch::Event& event) {
  const auto name = text(event.object, {"metadata", "name"});
  if (event.type == "BOOKMARK") return AgentState::coming;
  if (event.type == "DELETED")
    return fail("the agent's pod " + name + " was deleted while it started",
                "is something in the cluster removing it?");
  const auto missing = no_node_yet(event.object);
  if (!missing.empty() && missing != no_node_yet(start.pod))
    start.progress("the agent's pod waits for a node: " + missing);
  start.pod = event.object;
  start.agent.pod = name;
  return judge_agent(event.object, start.agent.container);
}

Task<void> pause(milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(as_result);
}

/// The server will say the same again. All else passes, or may: a load balancer, a restarted API server, a
/// laptop's network.
bool is_final(const Error& error) {
  return error.code == EACCES || error.code == EPERM || error.code == EINVAL || error.code == ENOENT ||
         error.code == ENOTSUP;
}

/// Another watch in place of one that ended or broke. It begins with the pod as it is.
Task<Result<void>> watch_anew(std::shared_ptr<Start> start) {
  for (;;) {
    auto again = co_await start->client->watch(start->watch_path);
    if (again) {
      start->watch = std::move(*again);
      co_return Result<void>();
    }
    if (is_final(again.error()) || start->left() <= event_interval)
      co_return Failed(again.error().context("cannot watch the agent's pod"));
    co_await pause(event_interval);
  }
}

/// From creation to an attached, running container.
Task<Result<std::shared_ptr<RemoteCommand>>> wait_and_attach(std::shared_ptr<Start> start) {
  auto next_events = Clock::now() + event_interval;
  std::optional<Error> broke;  // the watch, and nothing has come since
  while (start->left() > milliseconds(0)) {
    auto event = co_await start->watch->next(std::min(attach_interval, start->left()));
    const bool broken = !event && event.error().code != ETIMEDOUT;
    if (broken) broke = event.error().context("cannot watch the agent's pod");
    if (broken && is_final(event.error())) break;
    if (broken) co_await pause(attach_interval);
    if (broken || (event && !*event)) {  // or the server ended the watch in order
      CO_TRY_VOID(co_await watch_anew(start));
      continue;
    }
    broke.reset();
    AgentState state = AgentState::coming;
    if (event) {
      CO_TRY(judged, take_event(*start, **event));
      state = judged;
    }
    const bool assigned = !text(start->pod, {"spec", "nodeName"}).empty();
    if (state == AgentState::running || (!event && assigned)) {
      auto attached = co_await try_attach(start, state == AgentState::running);
      if (!attached || *attached) co_return attached;
    }
    if (!event && start->pod.is_null() && Clock::now() > next_events) {
      const auto job_events = co_await events_of(start, start->agent.job);
      const auto refused = judge_job_events(job_events);
      if (!refused.text.empty()) co_return Failed(refused);
      next_events = Clock::now() + event_interval;
    }
  }
  if (broke) co_return Failed(*broke);
  co_return Failed(co_await too_late(start));
}

std::string watch_path_of(const Start& start) {
  const auto pods = resource_path("v1", start.plan.namespace_, "pods");
  if (start.is_ephemeral())
    return pods + "?fieldSelector=" + escape("metadata.name=" + start.plan.target.pod);
  return pods + "?labelSelector=" + escape(session_label + std::string("=") + start.plan.session);
}

/// Whether the container, which runs, may have the session's token.
Task<Result<void>> check_started(std::shared_ptr<Start> start) {
  if (start->loader_uid.empty()) co_return Result<void>();
  for (;;) {
    auto checked = co_await check_loader(start->client, start->plan.namespace_, start->loader_uid);
    const bool decided = checked || checked.error().code == ESTALE || is_final(checked.error());
    if (decided || start->left() <= event_interval) co_return checked;
    co_await pause(event_interval);
  }
}

/// Attaches and feeds. An attach may slip in just before the container runs: it then ends without a word, and
/// is tried again while the watch sees no failure.
Task<Result<std::uint16_t>> attach_and_feed(std::shared_ptr<Start> start) {
  for (;;) {
    CO_TRY(command, co_await wait_and_attach(start));
    start->progress(start->plan.executable_size > 0
                        ? "sending the agent (" + std::to_string((start->executable.size() >> 20) + 1) +
                              " MB)"
                        : "starting the agent");
    std::function<Task<Result<void>>()> check = [start] { return check_started(start); };
    auto port = co_await feed_agent(command, start->input, std::move(check), start->deadline);
    if (port || port.error().code != EAGAIN || text(start->pod, {"status", "phase"}) == "Running")
      co_return port;
  }
}

Task<Result<void>> open_watch(std::shared_ptr<Start> start) {
  CO_TRY(watch, co_await start->client->watch(start->watch_path));
  start->watch = std::move(watch);
  co_return Result<void>();
}

/// Has inpod-loader start the agent, where that can be. Says it where the image's shell does.
Task<Result<void>> choose_loader(std::shared_ptr<Start> start) {
  auto& plan = start->plan;
  if (start->executable.empty()) co_return Result<void>();
  CO_TRY(image, agent_image(plan));
  const auto warning =
      "image " + image + ": its own shell starts the agent, and so runs with the agent's rights. ";
  if (start->is_ephemeral()) {
    start->warn(warning +
                "In agent.mode: ephemeral there is no other way: use it only for images that you trust");
    co_return Result<void>();
  }
  auto placed = co_await place_loader(start->client, plan.namespace_);
  if (placed) {
    plan.loader = loader_name(), start->loader_uid = std::move(*placed);
  } else if (lacks_right(placed.error())) {
    start->warn(warning + "With the right to make a ConfigMap, nothing of the image would run: " +
                placed.error().to_string());
  } else {
    co_return Failed(placed.error());
  }
  co_return Result<void>();
}

Task<Result<void>> get_ready(std::shared_ptr<Start> start) {
  start->watch_path = watch_path_of(*start);
  std::vector<Task<Result<void>>> tasks;
  tasks.push_back(open_watch(start));
  tasks.push_back(choose_loader(start));
  for (auto& result : co_await gather(std::move(tasks))) {
    if (!result) co_return result;
  }
  auto program = start->plan.loader.empty() ? start->executable : loader_input(start->executable);
  start->input = std::make_shared<const AgentInput>(AgentInput{std::move(program), start->record});
  co_return Result<void>();
}

Task<Result<AgentPod>> start_steps(std::shared_ptr<Start> start) {
  CO_TRY_VOID(co_await get_ready(start));
  start->progress("creating the agent in namespace " + start->plan.namespace_);
  if (start->is_ephemeral()) {
    CO_TRY_VOID(co_await create_ephemeral(start));
  } else {
    CO_TRY_VOID(co_await create_job(start));
  }
  start->progress("waiting for the agent's container to start");
  auto port = co_await attach_and_feed(start);
  if (!port && port.error().code == ETIMEDOUT && start->left() <= milliseconds(0))
    co_return Failed(co_await too_late(start));
  if (!port) co_return Failed(port.error());
  start->agent.port = *port;
  co_return start->agent;
}

/// The target's image is for the node's architecture; the loader and the agent may not be.
Task<Error> explain_format(std::shared_ptr<Start> start, Error error) {
  const auto assigned = text(start->pod, {"spec", "nodeName"});
  const std::string node = assigned.empty() ? start->plan.target.node : assigned;
  // The loader waits for the agent: where it ended without a word, it was not executed at all.
  const bool suspect = is_wrong_format(error) ||
                       (!start->plan.loader.empty() && error.text.find("it said") == std::string::npos);
  if (!suspect || node.empty()) co_return error;
  auto object = co_await start->client->get(resource_path("v1", "", "nodes", node));
  co_return judge_format(std::move(error), node, object ? *object : json());  // not allowed: then without
}

/// The node's own words about a container that ended are better than a broken attach.
Task<Error> explain(std::shared_ptr<Start> start, Error error) {
  const bool is_explained = error.code == ETIMEDOUT || error.code == EACCES || error.code == ESTALE;
  if (is_explained || start->agent.pod.empty()) co_return error;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const auto pod =
        co_await start->client->get(resource_path("v1", start->agent.namespace_, "pods", start->agent.pod));
    if (!pod) break;
    const auto judged = judge_agent(*pod, start->agent.container);
    if (!judged) {
      if (error.remedy.empty()) error.remedy = judged.error().remedy;
      if (error.text.find("it said") != std::string::npos) break;
      error.text = judged.error().text;
      const auto log = co_await container_log(start->client, start->agent.namespace_, start->agent.pod,
                                              start->agent.container, false);
      if (!log.empty()) error.text += "; it said:" + log;
      break;
    }
    co_await pause(milliseconds(200));
  }
  co_return co_await explain_format(start, std::move(error));
}

/// Deletes the Job. One whose creation was cut off may appear only after we looked: then look again.
Task<Result<void>> take_back(std::shared_ptr<Start> start) {
  const auto path =
      resource_path("batch/v1", start->plan.namespace_, "jobs", agent_name(start->plan.session));
  const int attempts = start->agent.job.empty() ? 4 : 1;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if (attempt > 0) co_await pause(milliseconds(250));
    json options{{"propagationPolicy", "Background"}};
    auto deleted = co_await start->client->remove(path, std::move(options));
    if (deleted) break;
    if (deleted.error().code != ENOENT) co_return Failed(deleted.error());
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<AgentPod>> start_agent(std::shared_ptr<Client> client, AgentRequest request) {
  CO_TRY(start, prepare(std::move(client), std::move(request)));
  Result<AgentPod> result = Failed(Error{ECANCELED, "the start of the agent was cancelled", {}});
  try {
    result = co_await start_steps(start);
  } catch (const boost::system::system_error& thrown) {
    if (thrown.code() != asio::error::operation_aborted) throw;
  }
  const bool cancelled =
      (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none;
  if (result && !cancelled) co_return result;
  // Cleaning up must not be cancelled itself.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  if (!result && !cancelled) {
    const auto explained = co_await explain(start, result.error());
    result = Failed(explained);
  }
  if (start->created) {
    const auto taken_back = co_await take_back(start);
    if (!taken_back && !result) {
      auto error = result.error();
      error.text += "; and its Job " + agent_name(start->plan.session) +
                    " can't be deleted: " + taken_back.error().text;
      result = Failed(std::move(error));
    }
  }
  if (cancelled) co_return Failed(Error{ECANCELED, "the start of the agent was cancelled", {}});
  co_return result;
}

}  // namespace inpod::kube
