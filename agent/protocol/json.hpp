// The JSON form of messages, for logs and recordings: {"type": "OpenFile", "path": "/etc/hosts", …}, made
// from the same descriptions as the binary form. Bytes and byte arrays are base64, enums their names, text
// that is not UTF-8 is
// {"base64": "…"}. Reading is strict: a key that is missing, unknown or of the wrong type is an error.
// Safe on every thread.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "protocol/messages.hpp"
#include "protocol/result.hpp"

namespace inpod::protocol {

nlohmann::json to_json(const Message& message);
/// Fails with EINVAL; the text names the key.
Result<Message> from_json(const nlohmann::json& json);

/// Name of the struct that `message` holds, as in its "type".
std::string_view type_name(const Message& message);

}  // namespace inpod::protocol
