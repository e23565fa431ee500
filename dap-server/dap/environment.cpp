// See environment.hpp.
#include "dap/environment.hpp"

#include <algorithm>

#include "protocol/utf8.hpp"
#include "session/environment.hpp"

namespace inpod::dap {
namespace {

std::optional<std::string> value_text(const nlohmann::json& value) {
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return value.get<std::string>();
  return value.dump();
}

void add_pair(Variables& variables, const std::string& pair) {
  const auto equals = pair.find('=');
  if (equals == 0) return;
  variables[pair.substr(0, equals)] = equals == std::string::npos ? "" : pair.substr(equals + 1);
}

}  // namespace

Variables variables_from_json(const nlohmann::json& shape) {
  Variables variables;
  if (shape.is_object()) {
    for (const auto& [name, value] : shape.items())
      if (!name.empty()) variables[name] = value_text(value);
  } else if (shape.is_array()) {
    for (const auto& item : shape) {
      if (item.is_string())
        add_pair(variables, item.get<std::string>());
      else if (item.is_object() && item.contains("name") && item["name"].is_string())
        variables[item["name"].get<std::string>()] = value_text(item.value("value", nlohmann::json("")));
    }
  }
  return variables;
}

DebuggeeEnvironment debuggee_environment(const LaunchEnvironment& pod, const Variables& request) {
  DebuggeeEnvironment out;
  const auto put = [&](const std::string& name, const std::string& value) {
    if (!is_utf8(name) || !is_utf8(value))
      out.left_out.push_back(name);
    else
      (is_of_layer(name) ? out.injection : out.set)[name] = value;
  };
  for (const auto& [name, value] : pod.set) put(name, value);
  out.unset = pod.unset;
  for (const auto& [name, value] : request) {
    if (name.starts_with("INPOD_")) continue;
    if (name == "LD_PRELOAD") {
      if (value && !value->empty())
        put(name, pod.layer.empty() ? *value : preload_with_layer(pod, out.injection[name] + ":" + *value));
      continue;
    }
    std::erase(out.left_out, name);
    std::erase(out.unset, name);
    out.set.erase(name);
    if (value)
      put(name, *value);
    else
      out.unset.push_back(name);
  }
  return out;
}

Result<void> check_injection(const std::vector<std::string>& left_out) {
  for (const auto& name : left_out)
    if (is_of_layer(name))
      return fail(
          name +
              ", which brings the layer into the program, can't be passed on: its value is not "
              "UTF-8, or has a line break",
          "give inpod, the program and the runtime directory (XDG_RUNTIME_DIR) paths in UTF-8, on one "
          "line");
  return {};
}

std::map<std::string, std::string> whole_environment(const std::vector<std::string>& host,
                                                     const DebuggeeEnvironment& debuggee) {
  std::map<std::string, std::string> whole;
  for (const auto& pair : host) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || !is_utf8(pair)) continue;
    whole.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  for (const auto& name : debuggee.unset) whole.erase(name);
  for (const auto& [name, value] : debuggee.set) whole[name] = value;
  return whole;
}

}  // namespace inpod::dap
