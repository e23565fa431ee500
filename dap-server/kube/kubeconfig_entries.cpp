// Reads one cluster and one user of a kubeconfig. Unknown keys are ignored, as kubectl ignores them.
#include "kube/kubeconfig_entries.hpp"

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "protocol/base64.hpp"

namespace inpod::kube {
namespace {

/// KEY-data (base64) or the file that KEY names.
Result<std::string> inline_or_file(const Entry& entry, const std::string& key) {
  TRY_ASSIGN(data, entry.text(key + "-data"));
  if (!data.empty()) {
    auto decoded = decode_base64(data);
    if (!decoded)
      return fail(entry.file + ": " + entry.place + "." + key + "-data is not base64",
                  "get the kubeconfig anew");
    return *decoded;
  }
  TRY_ASSIGN(path, entry.text(key));
  if (path.empty()) return std::string();
  auto content = read_small_file(entry.resolve(path));
  if (!content) return Failed(content.error().context(entry.file + ": " + entry.place + "." + key));
  return content;
}

/// YAML → JSON, for the part of a cluster that is handed to a plugin as it is. Bounded by the depth.
nlohmann::json to_json(const YAML::Node& node, int depth = 0) {
  if (depth > 16) return nullptr;
  if (node.IsMap()) {
    auto object = nlohmann::json::object();
    for (const auto& member : node) object[member.first.Scalar()] = to_json(member.second, depth + 1);
    return object;
  }
  if (node.IsSequence()) {
    auto array = nlohmann::json::array();
    for (const auto& item : node) array.push_back(to_json(item, depth + 1));
    return array;
  }
  if (!node.IsScalar()) return nullptr;
  if (node.Tag() != "!") {  // "!" marks a quoted scalar, which is text
    auto value = nlohmann::json::parse(node.Scalar(), nullptr, false);
    if (value.is_number() || value.is_boolean()) return value;
  }
  return node.Scalar();
}

Result<std::string> exec_extension(const Entry& cluster) {
  TRY_ASSIGN(extensions, cluster.member("extensions"));
  if (!extensions.present() || !extensions.node.IsSequence()) return std::string();
  for (const auto& item : extensions.node) {
    const Entry extension{item, cluster.file, cluster.place + ".extensions"};
    if (!item.IsMap()) continue;
    TRY_ASSIGN(name, extension.text("name"));
    if (name != "client.authentication.k8s.io/exec") continue;
    TRY_ASSIGN(content, extension.member("extension"));
    return to_json(content.node).dump();
  }
  return std::string();
}

Result<ExecPlugin> read_exec(const Entry& exec) {
  if (!exec.node.IsMap()) return exec.wrong("a map with command");
  ExecPlugin plugin;
  TRY_ASSIGN(version, exec.text("apiVersion"));
  if (version != "client.authentication.k8s.io/v1" && version != "client.authentication.k8s.io/v1beta1") {
    return fail(exec.file + ": " + exec.place + ".apiVersion is \"" + version +
                    "\"; known are client.authentication.k8s.io/v1 and client.authentication.k8s.io/v1beta1",
                "update the credential plugin and get the kubeconfig anew");
  }
  TRY_ASSIGN(command, exec.text("command"));
  if (command.empty()) return fail(exec.file + ": " + exec.place + ".command is missing");
  TRY_ASSIGN(hint, exec.text("installHint"));
  TRY_ASSIGN(mode, exec.text("interactiveMode"));
  TRY_ASSIGN(info, exec.flag("provideClusterInfo"));
  plugin.api_version = version, plugin.install_hint = hint, plugin.provide_cluster_info = info;
  plugin.command = command.find('/') == std::string::npos ? command : exec.resolve(command);
  if (!mode.empty()) plugin.interactive_mode = mode;
  TRY_ASSIGN(arguments, exec.texts("args"));
  plugin.arguments = arguments;
  TRY_ASSIGN(environment, exec.member("env"));
  if (environment.present()) {
    if (!environment.node.IsSequence()) return environment.wrong("a list of {name, value}");
    for (const auto& item : environment.node) {
      const Entry pair{item, exec.file, exec.place + ".env"};
      if (!item.IsMap()) return pair.wrong("a list of {name, value}");
      TRY_ASSIGN(name, pair.text("name"));
      TRY_ASSIGN(value, pair.text("value"));
      plugin.environment[name] = value;
    }
  }
  return plugin;
}

}  // namespace

Failed Entry::wrong(const std::string& expected) const {
  const auto mark = node.IsDefined() ? node.Mark() : YAML::Mark::null_mark();
  const auto where = file + (mark.is_null() ? "" : ":" + std::to_string(mark.line + 1));
  return fail(where + ": " + (place.empty() ? "the file" : place) + " must be " + expected,
              "correct the kubeconfig, or name another one (--kubeconfig, $KUBECONFIG)");
}

Result<Entry> Entry::member(const std::string& key) const {
  Entry found{YAML::Node(), file, place.empty() ? key : place + "." + key};
  if (!present()) return found;
  if (!node.IsMap()) return wrong("a map");
  const YAML::Node value = node[key];  // node is const: no entry is made
  if (value.IsDefined()) found.node.reset(value);
  return found;
}

Result<std::string> Entry::text(const std::string& key) const {
  TRY_ASSIGN(found, member(key));
  if (!found.present()) return std::string();
  if (!found.node.IsScalar()) return found.wrong("text");
  return found.node.Scalar();
}

Result<std::vector<std::string>> Entry::texts(const std::string& key) const {
  TRY_ASSIGN(found, member(key));
  std::vector<std::string> all;
  if (!found.present()) return all;
  if (!found.node.IsSequence()) return found.wrong("a list of texts");
  for (const auto& item : found.node) {
    if (!item.IsScalar()) return found.wrong("a list of texts");
    all.push_back(item.Scalar());
  }
  return all;
}

Result<bool> Entry::flag(const std::string& key) const {
  TRY_ASSIGN(found, member(key));
  if (!found.present()) return false;
  bool value = false;
  if (!found.node.IsScalar() || !YAML::convert<bool>::decode(found.node, value))
    return found.wrong("true or false");
  return value;
}

std::string Entry::resolve(const std::string& path) const {
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

Result<void> read_cluster(const Entry& cluster, Kubeconfig& config) {
  TRY_ASSIGN(server, cluster.text("server"));
  if (server.empty())
    return fail(cluster.file + ": " + cluster.place + ".server is missing", "get the kubeconfig anew");
  if (server.find("://") == std::string::npos) server = "http://" + server;  // as kubectl takes it
  if (server.rfind("https://", 0) != 0 && server.rfind("http://", 0) != 0) {
    return fail(cluster.file + ": " + cluster.place + ".server is \"" + server +
                "\", not an http or https URL");
  }
  while (server.back() == '/') server.pop_back();
  config.server = server;
  TRY_ASSIGN(authority, inline_or_file(cluster, "certificate-authority"));
  TRY_ASSIGN(name, cluster.text("tls-server-name"));
  TRY_ASSIGN(insecure, cluster.flag("insecure-skip-tls-verify"));
  TRY_ASSIGN(proxy, cluster.text("proxy-url"));
  TRY_ASSIGN(extension, exec_extension(cluster));
  for (const char* scheme : {"http://", "https://", "socks5://"}) {
    if (proxy.rfind(scheme, 0) == 0) config.proxy = proxy;
  }
  if (!proxy.empty() && config.proxy.empty()) {
    return fail(cluster.file + ": " + cluster.place + ".proxy-url is not an http, https or socks5 URL");
  }
  config.authority = authority, config.tls_server_name = name, config.insecure = insecure;
  if (insecure && !authority.empty()) {
    return fail(cluster.file + ": " + cluster.place +
                    " has both a certificate-authority and insecure-skip-tls-verify",
                "remove insecure-skip-tls-verify: it switches the check off that the authority is for");
  }
  config.exec_cluster_config = extension;
  return {};
}

Result<void> read_user(const Entry& user, Kubeconfig& config) {
  TRY_ASSIGN(certificate, inline_or_file(user, "client-certificate"));
  TRY_ASSIGN(key, inline_or_file(user, "client-key"));
  if (certificate.empty() != key.empty()) {
    return fail(user.file + ": " + user.place + " has a client " +
                    (key.empty() ? "certificate without its key" : "key without its certificate"),
                "get the kubeconfig anew");
  }
  TRY_ASSIGN(token, user.text("token"));
  TRY_ASSIGN(token_file, user.text("tokenFile"));
  TRY_ASSIGN(username, user.text("username"));
  TRY_ASSIGN(password, user.text("password"));
  TRY_ASSIGN(impersonate, user.text("as"));
  TRY_ASSIGN(impersonate_uid, user.text("as-uid"));
  config.client_certificate = certificate, config.client_key = key, config.token = token;
  if (!token_file.empty()) config.token_file = user.resolve(token_file);
  config.username = username, config.password = password;
  config.impersonate_user = impersonate, config.impersonate_uid = impersonate_uid;
  TRY_ASSIGN(groups, user.texts("as-groups"));
  config.impersonate_groups = groups;
  TRY_ASSIGN(extra, user.member("as-user-extra"));
  if (extra.present() && !extra.node.IsMap()) return extra.wrong("a map of lists");
  if (extra.present()) {
    for (const auto& member : extra.node) {
      TRY_ASSIGN(values, extra.texts(member.first.Scalar()));
      config.impersonate_extra[member.first.Scalar()] = values;
    }
  }
  TRY_ASSIGN(exec, user.member("exec"));
  if (exec.present()) {
    TRY_ASSIGN(plugin, read_exec(exec));
    config.exec = std::move(plugin);
  }
  TRY_ASSIGN(provider, user.member("auth-provider"));
  if (provider.present() && !exec.present() && token.empty() && token_file.empty() && certificate.empty()) {
    TRY_ASSIGN(name, provider.text("name"));
    std::string remedy =
        "get the kubeconfig anew with a current version of your provider's tool, which writes an exec plugin "
        "instead";
    if (name == "gcp")
      remedy = "install gke-gcloud-auth-plugin, then: gcloud container clusters get-credentials CLUSTER";
    if (name == "azure") remedy = "install kubelogin, then: kubelogin convert-kubeconfig";
    if (name == "oidc")
      remedy = "install kubectl oidc-login (kubelogin) and set it as the user's exec plugin";
    return fail(user.file + ": " + user.place + " uses the auth-provider \"" + name +
                    "\", which Kubernetes removed in 1.26",
                remedy);
  }
  return {};
}

Result<std::string> read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Failed(Error{errno, "cannot read " + path + ": " + strerror(errno), {}});
  std::string content(4 << 20, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (file.bad() || (!file.eof() && file.fail())) return Failed(Error{EIO, "cannot read " + path, {}});
  content.resize(static_cast<std::size_t>(file.gcount()));
  if (file.peek() != std::char_traits<char>::eof()) return fail(path + " is larger than 4 MiB");
  if (!content.empty() && content.back() == '\n') content.pop_back();
  return content;
}

std::string join(const std::vector<std::string>& parts, const std::string& between) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

}  // namespace inpod::kube
