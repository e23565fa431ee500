// The server's own way to derive a rule from a URL, done backwards; Status objects read with suspicion.
#include "kube/api_error.hpp"

#include <algorithm>
#include <vector>

#include "kube/fields.hpp"

namespace inpod::kube {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(separator, at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string verb_of(const std::string& method, bool named, bool watch) {
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return named ? "delete" : "deletecollection";
  if (watch) return "watch";
  return named ? "get" : "list";
}

int code_of(long status, const std::string& reason) {
  switch (status) {
    case 400:
    case 422:
      return EINVAL;
    case 401:
      return EPERM;
    case 403:
      return EACCES;
    case 404:
      return ENOENT;
    case 409:
      return reason == "AlreadyExists" ? EEXIST : EBUSY;
    case 410:
      return ESTALE;
    case 405:
    case 415:
    case 501:
      return ENOTSUP;
    case 429:
      return EAGAIN;
    default:
      return EIO;
  }
}

/// The verb that the user lacks, in the server's own words ("User \"x\" cannot VERB resource …"); empty if it
/// says none. Not always that of the request: a WebSocket is a GET, and from Kubernetes 1.35 on it takes
/// `create` as well as `get`.
std::string refused_verb(const std::string& message) {
  constexpr std::string_view mark = "\" cannot ";
  const auto at = message.find(mark);
  if (at == std::string::npos) return {};
  const auto start = at + mark.size();
  const auto end = std::min(message.find(' ', start), message.size());
  const auto verb = message.substr(start, end - start);
  const bool word = std::all_of(verb.begin(), verb.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return word ? verb : std::string();
}

/// Text of a body that isn't a Status: its first line, cut, without control characters.
std::string first_line(const std::string& body) {
  std::string line = body.substr(0, std::min<std::size_t>(body.find_first_of("\r\n"), 200));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return line;
}

}  // namespace

AccessRule rule_of(const std::string& method, const std::string& path) {
  const auto query_at = path.find('?');
  const auto query = query_at == std::string::npos ? std::string() : "&" + path.substr(query_at + 1) + "&";
  const bool watch =
      query.find("&watch=1&") != std::string::npos || query.find("&watch=true&") != std::string::npos;
  const auto parts = split(path.substr(0, query_at), '/');

  AccessRule rule;
  std::size_t at = 0;
  if (parts.size() >= 3 && parts[0] == "api") {
    at = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    rule.api_group = parts[1];
    at = 3;
  } else {
    rule.verb = "get";
    return rule;
  }
  if (parts[at] == "namespaces" && parts.size() > at + 2) {
    rule.namespace_ = parts[at + 1];
    at += 2;
  }
  const bool named = parts.size() > at + 1;
  rule.resource = parts[at];
  if (parts.size() > at + 2) rule.resource += "/" + parts[at + 2];
  rule.verb = verb_of(method, named, watch);
  return rule;
}

std::string rule_yaml(const AccessRule& rule) {
  return "- {apiGroups: [\"" + rule.api_group + "\"], resources: [\"" + rule.resource + "\"], verbs: [\"" +
         rule.verb + "\"]}";
}

std::string rule_remedy(const AccessRule& rule) {
  return "ask for this rule in a " +
         (rule.namespace_.empty() ? std::string("ClusterRole")
                                  : "Role of namespace \"" + rule.namespace_ + "\"") +
         ":\n    " + rule_yaml(rule);
}

Error api_error(const std::string& method, const std::string& path, long status, const std::string& body) {
  const auto object = nlohmann::json::parse(body, nullptr, false);
  std::string message, reason;
  if (object.is_object()) {
    message = words(object, {"message"}), reason = text(object, {"reason"});
  } else {
    message = first_line(body);
  }
  Error error;
  error.code = code_of(status, reason);
  error.text = "the API server answered " + std::to_string(status) + (message.empty() ? "" : ": " + message);
  auto rule = rule_of(method, path);
  if (const auto verb = refused_verb(message); status == 403 && !rule.resource.empty() && !verb.empty()) {
    rule.verb = verb;
    error.remedy = rule_remedy(rule);
  }
  if (status == 401)
    error.remedy =
        "log in to the cluster again (whatever you do before kubectl works), or get a new kubeconfig";
  return error;
}

bool lacks_right(const Error& error) {
  return error.code == EACCES && !refused_verb(error.text).empty();
}

std::string escape(const std::string& text) {
  std::string out;
  for (const unsigned char c : text) {
    if (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += static_cast<char>(c);
    } else {
      constexpr char digits[] = "0123456789ABCDEF";
      out += '%', out += digits[c >> 4], out += digits[c & 15];
    }
  }
  return out;
}

}  // namespace inpod::kube
