// The last words of a container, from its log: for errors that say why it does not run.
#pragma once

#include "kube/client.hpp"

namespace inpod::kube {

/// The last five lines of a text, each on a line of its own that is indented, however it begins. Pure.
std::string last_lines(const std::string& said);

/// last_lines of the container's log; previous: of its run before this one. Empty where there is none, or
/// where it may not be read.
Task<std::string> container_log(std::shared_ptr<Client> client, std::string namespace_, std::string pod,
                                std::string container, bool previous);

}  // namespace inpod::kube
