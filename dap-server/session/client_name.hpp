// The name under which other developers see this session: "user@host".
#pragma once

#include <string>

namespace inpod {

std::string client_name();

}  // namespace inpod
