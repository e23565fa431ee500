// Token files, plugins and their answers. Secrets stay in memory and in the header of requests.
#include "kube/credentials.hpp"

#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <ctime>

#include "kube/address.hpp"
#include "kube/api_error.hpp"
#include "kube/fields.hpp"
#include "kube/kubeconfig_entries.hpp"
#include "kube/program.hpp"
#include "protocol/base64.hpp"
#include "protocol/task.hpp"

namespace inpod::kube {
namespace {

namespace asio = boost::asio;
using nlohmann::json;
using WallClock = std::chrono::system_clock;

/// RFC 3339, as the plugins write it: UTC or with an offset.
std::optional<WallClock::time_point> parse_time(const std::string& time_text) {
  std::tm time{};
  const char* rest = strptime(time_text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (!rest) return std::nullopt;
  while (*rest == '.' || (*rest >= '0' && *rest <= '9')) ++rest;
  long offset = 0;
  if (*rest == '+' || *rest == '-') {
    int hours = 0, minutes = 0;
    if (sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2) return std::nullopt;
    offset = (*rest == '+' ? 1 : -1) * (hours * 3600L + minutes * 60L);
  } else if (*rest != 'Z' && *rest != 'z') {
    return std::nullopt;
  }
  return WallClock::from_time_t(timegm(&time) - offset);
}

std::string last_line(std::string said) {
  while (!said.empty() && isspace(static_cast<unsigned char>(said.back()))) said.pop_back();
  said = said.substr(said.rfind('\n') + 1);
  return said.substr(0, 400);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> identity_headers(const Kubeconfig& config,
                                                                  const Identity& identity) {
  std::vector<std::pair<std::string, std::string>> headers;
  if (!identity.authorization.empty()) headers.emplace_back("Authorization", identity.authorization);
  if (!config.impersonate_user.empty()) headers.emplace_back("Impersonate-User", config.impersonate_user);
  if (!config.impersonate_uid.empty()) headers.emplace_back("Impersonate-Uid", config.impersonate_uid);
  for (const auto& group : config.impersonate_groups) headers.emplace_back("Impersonate-Group", group);
  for (const auto& [key, values] : config.impersonate_extra)
    for (const auto& value : values) headers.emplace_back("Impersonate-Extra-" + escape(key), value);
  return headers;
}

Result<PluginAnswer> parse_exec_credential(const std::string& output, const std::string& api_version) {
  const auto object = json::parse(output, nullptr, false);
  if (!object.is_object()) return fail("it printed no JSON object");
  if (text(object, {"kind"}) != "ExecCredential")
    return fail("it printed a \"" + text(object, {"kind"}) + "\", not an ExecCredential");
  if (text(object, {"apiVersion"}) != api_version) {
    return fail("it answered in version \"" + text(object, {"apiVersion"}) +
                "\", but the kubeconfig asks for \"" + api_version + "\"");
  }
  const auto& status = field(object, {"status"});
  if (!status.is_object()) return fail("its ExecCredential has no status");
  PluginAnswer answer;
  answer.token = text(status, {"token"});
  answer.certificate = text(status, {"clientCertificateData"});
  answer.key = text(status, {"clientKeyData"});
  if (answer.token.empty() && answer.certificate.empty())
    return fail("its ExecCredential has neither a token nor a client certificate");
  if (answer.certificate.empty() != answer.key.empty())
    return fail("its ExecCredential has only one of clientCertificateData and clientKeyData");
  const auto expires = text(status, {"expirationTimestamp"});
  if (!expires.empty()) {
    answer.expires = parse_time(expires);
    if (!answer.expires) return fail("its expirationTimestamp \"" + expires + "\" is no time");
  }
  return answer;
}

std::string exec_info(const Kubeconfig& config, bool interactive) {
  json spec{{"interactive", interactive}};
  if (config.exec->provide_cluster_info) {
    json cluster{{"server", config.server}};
    if (!config.tls_server_name.empty()) cluster["tls-server-name"] = config.tls_server_name;
    if (config.insecure) cluster["insecure-skip-tls-verify"] = true;
    if (!config.authority.empty()) cluster["certificate-authority-data"] = encode_base64(config.authority);
    if (!config.proxy.empty()) cluster["proxy-url"] = config.proxy;
    if (!config.exec_cluster_config.empty())
      cluster["config"] = json::parse(config.exec_cluster_config, nullptr, false);
    spec["cluster"] = std::move(cluster);
  }
  return json{{"kind", "ExecCredential"}, {"apiVersion", config.exec->api_version}, {"spec", std::move(spec)}}
      .dump();
}

Credentials::Credentials(asio::any_io_executor executor, const Kubeconfig& config)
    : config_(config), changed_(executor, asio::steady_timer::time_point::max()) {
  const auto address = parse_server(config_.server);
  over_tls_ = address && address->tls;
}

Result<Identity> Credentials::from_files() {
  Identity identity{{}, config_.client_certificate, config_.client_key};
  std::string token = config_.token;
  if (!config_.token_file.empty()) {
    auto content = read_small_file(config_.token_file);
    if (!content) return Failed(content.error().context("token file of user \"" + config_.user + "\""));
    token = *content;
    while (!token.empty() && isspace(static_cast<unsigned char>(token.back()))) token.pop_back();
  }
  if (!token.empty()) {
    identity.authorization = "Bearer " + token;
  } else if (!config_.username.empty()) {
    identity.authorization = "Basic " + encode_base64(config_.username + ":" + config_.password);
  }
  return identity;
}

asio::awaitable<Result<Identity>> Credentials::get() {
  auto identity = co_await find();
  // Whatever file or program was not there: to callers ENOENT is the server's "no such object".
  if (!identity) identity.error().code = EPERM;
  co_return identity;
}

asio::awaitable<Result<Identity>> Credentials::find() {
  if (!over_tls_) co_return Identity{};
  // As in kubectl, a token or password of the kubeconfig wins over the plugin.
  CO_TRY(identity, from_files());
  if (!config_.exec || !identity.authorization.empty()) co_return identity;
  while (running_) {
    const auto [error] = co_await changed_.async_wait(as_result);
    (void)error;  // woken by cancel(), or cancelled ourselves: then the next co_await throws
  }
  const auto margin = std::chrono::seconds(10);
  if (!answer_ || (answer_->expires && *answer_->expires - margin < WallClock::now())) {
    struct Running {
      Credentials* self;
      ~Running() { self->running_ = false, self->changed_.cancel(); }
    } running{this};
    running_ = true;
    CO_TRY(answer, co_await run_plugin());
    answer_ = std::move(answer);
  }
  if (!answer_->token.empty()) identity.authorization = "Bearer " + answer_->token;
  if (!answer_->certificate.empty()) identity.certificate = answer_->certificate, identity.key = answer_->key;
  co_return identity;
}

asio::awaitable<Result<PluginAnswer>> Credentials::run_plugin() {
  const auto plugin = *config_.exec;  // a copy: the kubeconfig may be read again meanwhile
  const std::string who = "credential plugin \"" + plugin.command + "\"";
  const bool terminal = plugin.interactive_mode != "Never" && isatty(0);
  if (plugin.interactive_mode == "Always" && !terminal) {
    co_return fail(who + " needs a terminal, and there is none here",
                   "log in in a terminal first (run any kubectl command), then try again");
  }
  Program program;
  program.command.push_back(plugin.command);
  program.command.insert(program.command.end(), plugin.arguments.begin(), plugin.arguments.end());
  for (const auto& [name, value] : plugin.environment) program.environment.push_back(name + "=" + value);
  program.environment.push_back("KUBERNETES_EXEC_INFO=" + exec_info(config_, terminal));
  program.terminal = terminal;
  if (terminal) program.timeout = std::chrono::minutes(5);  // somebody may have to log in by a browser
  auto ran = co_await run_program(std::move(program));
  if (!ran) {
    Error error = ran.error().context(who);
    error.remedy =
        error.code == ENOENT
            ? (plugin.install_hint.empty() ? "install it, or put its folder into PATH" : plugin.install_hint)
            : "try it in a terminal; it is the exec entry of user \"" + config_.user + "\" in " +
                  config_.source;
    co_return Failed(std::move(error));
  }
  if (ran->exit_code != 0) {
    const auto said = last_line(ran->errors);
    co_return fail(
        who + " ended with exit code " + std::to_string(ran->exit_code) + (said.empty() ? "" : ": " + said),
        "log in again; then try: kubectl get pods");
  }
  auto answer = parse_exec_credential(ran->output, plugin.api_version);
  if (!answer)
    co_return Failed(Error{0, who + ": " + answer.error().text,
                           "update the plugin, or correct the exec entry of user \"" + config_.user + "\""});
  co_return answer;
}

Error Credentials::explain_refusal(Error error, long status) const {
  if (status == 401)
    error.text += " (user \"" + config_.user + "\" of " + config_.source +
                  (config_.loaded_by ? ", which was read again)" : ")");
  const bool has_token = !config_.token.empty() || !config_.token_file.empty();
  const bool has_any = has_token || !config_.username.empty() || config_.exec;
  if (over_tls_ || !has_any || (status != 401 && status != 403)) return error;
  const std::string held_back = has_token                   ? "the token"
                                : !config_.username.empty() ? "the password"
                                                            : "the plugin's token";
  error.text += "; the server URL " + config_.server + " is http://, so " + held_back + " of user \"" +
                config_.user + "\" is not sent";
  error.remedy = "use https:// as the server of cluster \"" + config_.cluster + "\" in " + config_.source;
  return error;
}

/// The credentials alone, and only if the context still means the same server: no token goes elsewhere.
void Credentials::read_kubeconfig_again() {
  if (!config_.loaded_by) return;
  auto now = load_kubeconfig(*config_.loaded_by);
  if (!now || now->server != config_.server || now->authority != config_.authority) return;
  config_.user = now->user;
  config_.client_certificate = now->client_certificate, config_.client_key = now->client_key;
  config_.token = now->token, config_.token_file = now->token_file;
  config_.username = now->username, config_.password = now->password;
  config_.exec = now->exec, config_.exec_cluster_config = now->exec_cluster_config;
}

bool Credentials::renew(const Identity& used) {
  if (!over_tls_) return false;
  read_kubeconfig_again();
  const auto now = from_files();
  if (!config_.exec || (now && !now->authorization.empty())) return now && !(*now == used);
  // Only what the server refused is thrown away: another request may have renewed it in the meantime.
  const bool stale = answer_ && (answer_->token.empty() || used.authorization == "Bearer " + answer_->token);
  if (stale) answer_.reset();
  return true;
}

}  // namespace inpod::kube
