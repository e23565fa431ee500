// The debuggee's environment: the pod's, then what the launch request itself says, in one shape whatever
// shape the request used. The request wins over the pod, being the more particular; but the layer stays first
// in LD_PRELOAD.
//
// Plain data, any thread.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/session.hpp"

namespace inpod::dap {

/// Names with their values; nothing as value: the name is to be removed.
using Variables = std::map<std::string, std::optional<std::string>>;

/// Reads any of the shapes that adapters have: {"K": "V" | null}, ["K=V"], [{"name": "K", "value": "V"}].
/// Numbers and booleans become their text, as adapters do it.
Variables variables_from_json(const nlohmann::json& shape);

struct DebuggeeEnvironment {
  std::map<std::string, std::string> injection;  ///< LD_PRELOAD and INPOD_*: for the target program alone
  std::map<std::string, std::string> set;        ///< everything else
  std::vector<std::string> unset;     ///< names to be removed from what the adapter passes on by itself
  std::vector<std::string> left_out;  ///< names whose values are not UTF-8: JSON can't carry them
};

/// pod and request put together.
DebuggeeEnvironment debuggee_environment(const LaunchEnvironment& pod, const Variables& request);

/// An error if what the layer needs is among `left_out`: a program without it would act on this machine.
Result<void> check_injection(const std::vector<std::string>& left_out);

/// The whole environment for adapters that start from nothing: `host` ("K=V", as environ(7)), less unset,
/// plus set.
std::map<std::string, std::string> whole_environment(const std::vector<std::string>& host,
                                                     const DebuggeeEnvironment& debuggee);

}  // namespace inpod::dap
