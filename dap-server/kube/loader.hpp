// inpod-loader in the cluster: an immutable ConfigMap that agents' pods mount, so that no program of the
// image that they are made of runs (agent/start/loader/main.cpp). All users of a namespace share it, and it
// stays: its name holds the program's hash, so that each version of the program has its own.
//
// Who may write ConfigMaps in that namespace could put another program there. It would run with the agent's
// rights, so nothing is taken for ours by its name alone.
#pragma once

#include <string>

#include "kube/client.hpp"

namespace inpod::kube {

constexpr auto loader_file = "inpod-loader";  ///< key in the ConfigMap, and name of the mounted file

/// "inpod-loader-" and the first 16 hexadecimal digits of the program's SHA-256. Any thread.
const std::string& loader_name();

/// The ConfigMap to create. Pure.
json loader_manifest(const std::string& namespace_);

/// The uid of a ConfigMap that has our program and can't be changed any more: with the same uid, the content
/// is the same. Error (EEXIST): it has another program, or is not immutable. Pure.
Result<std::string> judge_loader(const json& config_map);

/// Finds the ConfigMap or creates it; its uid. Errors: EEXIST as judge_loader; EACCES: the user has not
/// the right to read or create ConfigMaps (lacks_right), or a quota or admission policy refuses this one.
Task<Result<std::string>> place_loader(std::shared_ptr<Client> client, std::string namespace_);

/// Looks again once a container has mounted it. Error (ESTALE): it is not the same one any more, so that the
/// container may be running anything.
Task<Result<void>> check_loader(std::shared_ptr<Client> client, std::string namespace_, std::string uid);

/// What inpod-loader takes from stdin: length, SHA-256, and the executable itself. Pure.
std::string loader_input(const std::string& executable);

}  // namespace inpod::kube
