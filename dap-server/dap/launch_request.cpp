// See launch_request.hpp.
#include "dap/launch_request.hpp"

namespace inpod::dap {
namespace {

/// null and false switch the session off, so that a shared configuration can be overridden. true says: as the
/// config file has it; so does an empty object, which Lua spells as an empty array.
std::optional<nlohmann::json> wanted(nlohmann::json cluster) {
  if (cluster.is_null() || cluster == false) return std::nullopt;
  if (cluster == true || cluster == nlohmann::json::array()) return nlohmann::json::object();
  return cluster;
}

}  // namespace

std::optional<LaunchRequest> LaunchRequest::read(const Message& message) {
  return read(message.part(message.envelope.arguments));
}

std::optional<LaunchRequest> LaunchRequest::read(std::string_view arguments) {
  auto outer = RawObject::parse(arguments);
  if (!outer) return std::nullopt;
  LaunchRequest request;
  nlohmann::json cluster = outer->get("cluster");
  request.debugger = outer->get("debugger");
  if (const auto inner = outer->raw("configuration")) {
    if (auto configuration = RawObject::parse(*inner)) {
      request.nested = true;
      if (cluster.is_null()) cluster = configuration->get("cluster");
      if (request.debugger.is_null()) request.debugger = configuration->get("debugger");
      request.arguments = std::move(*configuration);
    }
  }
  if (!request.nested) request.arguments = std::move(*outer);
  request.cluster = wanted(std::move(cluster));
  request.arguments.erase("cluster");
  request.arguments.erase("debugger");
  return request;
}

std::string LaunchRequest::text(const char* key) const {
  const auto value = arguments.get(key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool LaunchRequest::no_debug() const {
  return arguments.get("noDebug") == true;
}

bool LaunchRequest::stops_on_entry() const {
  return arguments.get("stopOnEntry") == true || arguments.get("stopAtEntry") == true;
}

}  // namespace inpod::dap
