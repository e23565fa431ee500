// LaunchRequest: what a launch or attach request says to the proxy, apart from what it says to the adapter.
//
//   {"program": …, "cluster": {…}, "debugger": …, …rest for the adapter}                   or
//   {"cluster": {…}, "debugger": …, "configuration": {…the adapter's own launch.json configuration…}}
//
// The rest stays raw. Plain data, any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dap/envelope.hpp"

namespace inpod::dap {

struct LaunchRequest {
  /// Nothing when the arguments are not an object: the adapter may answer that.
  static std::optional<LaunchRequest> read(const Message& message);
  /// The same for launch arguments that stand elsewhere (inside restart).
  static std::optional<LaunchRequest> read(std::string_view arguments);

  RawObject arguments;                    ///< for the adapter: ours taken out, the nested form unwrapped
  std::optional<nlohmann::json> cluster;  ///< what the session is to be; nothing: no session wanted
  nlohmann::json debugger;                ///< as given, or null
  bool nested = false;

  /// Without any of it the request is passed on byte for byte.
  bool concerns_us() const { return nested || cluster || !debugger.is_null(); }
  std::string text(const char* key) const;  ///< a string among the arguments, or ""
  bool stops_on_entry() const;
  bool no_debug() const;  ///< to run without debugging
};

}  // namespace inpod::dap
