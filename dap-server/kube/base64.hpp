// Base64 (RFC 4648) of certificates and secrets in Kubernetes objects. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inpod::kube {

std::string encode_base64(std::string_view bytes);
/// White space is skipped, padding may be missing; nothing for any other character.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace inpod::kube
