// `inpod targets`: what a session can be in, in the cluster and (the demo) on this machine.
#include <ctime>

#include "cli/command.hpp"
#include "cli/config_options.hpp"
#include "cli/console.hpp"
#include "cli/demo_state.hpp"
#include "kube/list.hpp"

namespace inpod::cli {
namespace {

using protocol::Task;

/// "3d", "5h", "12m", "40s" since an RFC 3339 time; empty where it is none.
std::string age(const std::string& created) {
  tm parts{};
  if (created.empty() || strptime(created.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return {};
  const long seconds = static_cast<long>(difftime(time(nullptr), timegm(&parts)));
  if (seconds >= 2 * 86400) return std::to_string(seconds / 86400) + "d";
  if (seconds >= 2 * 3600) return std::to_string(seconds / 3600) + "h";
  if (seconds >= 2 * 60) return std::to_string(seconds / 60) + "m";
  return std::to_string(std::max(seconds, 0L)) + "s";
}

/// The containers of a target: those of its first pod, the default one first.
std::vector<std::string> containers(const kube::ListedTarget& target) {
  if (target.pods.empty()) return {};
  std::vector<std::string> names{target.pods[0].default_container};
  for (const auto& name : target.pods[0].containers) {
    if (name != names[0]) names.push_back(name);
  }
  return names;
}

nlohmann::json to_json(const kube::ListedTarget& target) {
  nlohmann::json pods = nlohmann::json::array();
  for (const auto& pod : target.pods) {
    pods.push_back(
        {{"name", pod.name}, {"state", pod.state}, {"ready", pod.ready}, {"created", pod.created}});
  }
  return {{"target", target.target}, {"namespace", target.namespace_}, {"created", target.created},
          {"ready", target.ready},   {"wanted", target.wanted},        {"containers", containers(target)},
          {"pods", std::move(pods)}};
}

void print_target(const std::string& name_space, const std::string& target, const std::string& ready,
                  const std::string& old, const std::string& inside) {
  print_row({{name_space, 16}, {target, 44}, {ready, 7}, {old, 5}, {inside}});
}

void print_targets(const std::vector<kube::ListedTarget>& targets) {
  if (!targets.empty()) print_target("NAMESPACE", "TARGET", "READY", "AGE", "CONTAINERS");
  for (const auto& target : targets) {
    std::string names;
    for (const auto& name : containers(target)) names += (names.empty() ? "" : ", ") + name;
    print_target(target.namespace_, target.target,
                 std::to_string(target.ready) + "/" + std::to_string(target.wanted), age(target.created),
                 names);
  }
}

/// The demo's pod, if it runs. True if there was one.
bool print_demo(bool json) {
  const auto directory = demo_directory();
  const auto state = directory ? running_demo(*directory) : nlohmann::json();
  if (state.is_null()) return false;
  if (json) {
    print_json({{"target", state["target"]}, {"namespace", ""}, {"ready", 1}, {"wanted", 1}, {"demo", true}});
  } else {
    print_target("(this machine)", state.value("target", ""), "1/1", "", "the demo's pod (inpod demo)");
  }
  return true;
}

Task<Result<kube::TargetList>> fetch(boost::asio::any_io_executor executor, Config config, bool all) {
  kube::KubeconfigOptions options;
  options.path = config.kubeconfig;
  options.context = config.context;
  options.namespace_ = config.namespace_;
  CO_TRY(kubeconfig, kube::load_kubeconfig(options));
  const std::string name_space = all ? "" : kubeconfig.namespace_;
  CO_TRY(client, kube::Client::create(executor, std::move(kubeconfig)));
  co_return co_await kube::list_targets(client, name_space);
}

Task<int> list(boost::asio::any_io_executor executor, Config config, bool all, bool json) {
  const auto found = co_await fetch(executor, std::move(config), all);
  if (!found) {
    const bool demo = print_demo(json);
    const int code = report(found.error());
    co_return demo ? 0 : code;
  }
  if (json) {
    for (const auto& target : found->targets) print_json(to_json(target));
  } else {
    print_targets(found->targets);
  }
  const bool demo = print_demo(json);
  for (const auto& problem : found->problems) report(problem);
  if (!json && !demo && found->targets.empty())
    say(all ? "there is nothing to target"
            : "there is nothing to target in this namespace; -A looks into all");
  co_return 0;
}

}  // namespace

void add_targets(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("targets", "What can be targeted");
  auto options = std::make_shared<ConfigOptions>();
  auto format = std::make_shared<std::string>("text");
  auto all = std::make_shared<bool>(false);
  options->add_cluster(*command);
  command->add_flag("-A,--all-namespaces", *all, "In all namespaces");
  command->add_option("-o,--output", *format, "json: one object per line")
      ->check(CLI::IsMember({"text", "json"}));
  command->footer("Examples:\n  inpod targets -n shop\n  inpod targets -A -o json");
  command->callback([=, &globals] {
    globals.action = [=] {
      auto config = options->load(say_warning);
      if (!config) return report(config.error());
      return run_to_end([&](boost::asio::any_io_executor executor) {
        return list(executor, *config, *all, *format == "json");
      });
    };
  });
}

}  // namespace inpod::cli
