// Arguments and environment in the form that exec(3) and posix_spawn(3) take. Pure; any thread.
#pragma once

#include <string>
#include <vector>

namespace inpod::kube {

/// A pointer to each text and a null at the end; good as long as the texts stay as they are.
inline std::vector<char*> exec_pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

}  // namespace inpod::kube
