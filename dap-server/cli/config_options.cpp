// Flags → Config.
#include "cli/config_options.hpp"

#include <algorithm>

#include "config/keys.hpp"

namespace inpod::cli {
namespace {

/// "agent.lease_seconds" → "--agent-lease-seconds".
std::string flag_name(const std::string& key) {
  std::string flag = "--" + key;
  std::replace_if(
      flag.begin() + 2, flag.end(), [](char c) { return c == '.' || c == '_'; }, '-');
  return flag;
}

/// What errors call the flag of a key: all names that a user may have typed.
std::string typed_names(const std::string& key) {
  if (key == "environment.set") return "-e, --env, " + flag_name(key);
  if (key == "target") return "-t, --target";
  if (key == "namespace") return "-n, --namespace";
  return flag_name(key);
}

/// How one item of the flag is written, for the help.
std::string shape_of(const config::Field& field, bool one) {
  if (std::holds_alternative<std::map<std::string, std::string>*>(field)) return "NAME=VALUE…";
  if (std::holds_alternative<std::map<std::uint16_t, std::uint16_t>*>(field)) return "PROGRAM_PORT=POD_PORT…";
  return one ? "VALUE" : "VALUE…";
}

constexpr const char* key_group =
    "Every key of the config (docs/config.md); lists and maps: give the flag once for each item";

}  // namespace

void ConfigOptions::add_key(CLI::App& command, const std::string& key, const std::string& flags,
                            const std::string& help) {
  command.add_option(flags, values_[key], help)
      ->type_size(1)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void add_trusted_folder(CLI::App& command, std::string& folder) {
  command
      .add_option(
          "--trusted-folder", folder,
          "For editors: a config file found in this folder needs no `inpod trust`, and none is looked "
          "for above it")
      ->type_name("FOLDER");
}

void ConfigOptions::add_cluster(CLI::App& command) {
  command.add_option("-f,--config", file_, "Config file (default: .inpod/config.yaml here or above)")
      ->type_name("FILE");
  add_trusted_folder(command, trusted_folder_);
  add_key(command, "namespace", "-n,--namespace", "Kubernetes namespace");
  add_key(command, "context", "--context", "Context of the kubeconfig");
  add_key(command, "kubeconfig", "--kubeconfig", "Path of the kubeconfig");
}

void ConfigOptions::add_session(CLI::App& command) {
  add_cluster(command);
  add_key(command, "target", "-t,--target",
          "What to run in: deployment/NAME, pod/NAME, …, local:PID, targetless");
  auto* steal = command.add_flag("--steal", steal_, "The program answers the pod's requests");
  command.add_flag("--mirror", mirror_, "The program gets a copy of the pod's requests (default)")
      ->excludes(steal);
  for (const config::Key& key : config::keys()) {
    if (values_.count(key.name) != 0) continue;
    Config unused;
    const auto field = key.field(unused);
    std::string flags = flag_name(key.name);
    if (std::holds_alternative<bool*>(field)) {
      command.add_flag(flags + ",!--no-" + flags.substr(2), switches_[key.name], key.help)->group(key_group);
      continue;
    }
    if (key.name == "environment.set") flags = "-e,--env," + flags;
    const bool one = std::holds_alternative<std::string*>(field) ||
                     std::holds_alternative<std::uint32_t*>(field) ||
                     std::holds_alternative<protocol::IncomingMode*>(field);
    command.add_option(flags, values_[key.name], key.help)
        ->type_size(1)
        ->expected(1)
        ->multi_option_policy(one ? CLI::MultiOptionPolicy::TakeLast : CLI::MultiOptionPolicy::TakeAll)
        ->type_name(shape_of(field, one))
        ->group(key.name == "environment.set" ? "Options" : key_group);
  }
}

Result<Config> ConfigOptions::load(const OnFile& on_file) const {
  Config config;
  TRY_ASSIGN(file, file_.empty() ? config::load_found(".", trusted_folder_, config)
                                 : config::load_file(file_, config));
  if (on_file) on_file(file);
  for (const auto& [key, values] : values_) {
    if (!values.empty()) TRY_VOID(config::apply_flag(key, values, typed_names(key), config));
  }
  for (const auto& [key, value] : switches_) {
    if (!value.empty()) TRY_VOID(config::apply_flag(key, {value}, flag_name(key), config));
  }
  if (steal_) config.incoming.mode = protocol::IncomingMode::steal;
  if (mirror_) config.incoming.mode = protocol::IncomingMode::mirror;
  return config;
}

Result<Config> ConfigOptions::load_with_target(const OnFile& on_file) const {
  TRY_ASSIGN(config, load(on_file));
  if (config.target.empty()) {
    return fail(
        "no target given",
        "Say -t deployment/NAME (`inpod targets` lists what there is), or set target in .inpod/config.yaml");
  }
  return config;
}

}  // namespace inpod::cli
