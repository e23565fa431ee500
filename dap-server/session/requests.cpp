// See requests.hpp.
#include "session/requests.hpp"

#include "protocol/base64.hpp"

namespace inpod {
namespace {

using nlohmann::json;

constexpr std::uint64_t largest_file = 8u << 20;  // base64 of it passes DAP as one message

Task<Result<json>> set_mode(std::shared_ptr<Relay> relay, json arguments) {
  const auto port = arguments.value("port", json());
  const auto mode = arguments.value("mode", json());
  const auto number = port.is_number_unsigned() ? port.get<std::uint64_t>() : 0;
  if (number == 0 || number > 65535)
    co_return fail("\"port\" is not a port", "name one of the pod's ports, 1 to 65535");
  if (mode != "mirror" && mode != "steal") co_return fail("\"mode\" is neither \"mirror\" nor \"steal\"");
  const auto wanted = mode == "steal" ? protocol::IncomingMode::steal : protocol::IncomingMode::mirror;
  CO_TRY_VOID(co_await relay->set_incoming_mode(static_cast<std::uint16_t>(number), wanted));
  json body{{"port", port}, {"mode", mode}};
  co_return body;
}

Task<Result<json>> read_file(std::shared_ptr<Relay> relay, json arguments) {
  const auto path = arguments.value("path", json());
  if (!path.is_string()) co_return fail("\"path\" is missing", "name a file of the pod, such as /etc/hosts");
  CO_TRY(content, co_await relay->read_file(path.get<std::string>(), largest_file));
  const std::string_view bytes(reinterpret_cast<const char*>(content.bytes.data()), content.bytes.size());
  json body{{"path", path},
            {"content", encode_base64(bytes)},
            {"size", content.stat.size},
            {"modified", content.stat.modified_ns / 1'000'000'000},
            {"truncated", content.truncated}};
  co_return body;
}

}  // namespace

std::vector<std::string> request_names() {
  return {"session", "incoming", "readFile"};
}

Task<Result<json>> answer_request(std::shared_ptr<Relay> relay, json description, std::string name,
                                  json arguments) {
  if (name == "session") co_return description;
  if (!arguments.is_object()) co_return fail("the request \"" + name + "\" has no arguments");
  if (name == "incoming") co_return co_await set_mode(std::move(relay), std::move(arguments));
  if (name == "readFile") co_return co_await read_file(std::move(relay), std::move(arguments));
  co_return fail("a session knows no request \"" + name + "\"", "known are session, incoming and readFile");
}

}  // namespace inpod
