// Asks for the end of the log only: a container may have written gigabytes.
#include "kube/container_log.hpp"

#include <algorithm>

#include "kube/api_error.hpp"
#include "protocol/printable.hpp"

namespace inpod::kube {

std::string last_lines(const std::string& said) {
  std::string trimmed = said;
  while (!trimmed.empty() && isspace(static_cast<unsigned char>(trimmed.back()))) trimmed.pop_back();
  auto from = trimmed.size();
  for (int lines = 0; lines < 5 && from != std::string::npos && from > 0; ++lines)
    from = trimmed.rfind('\n', from - 1);
  if (from != std::string::npos) trimmed.erase(0, from ? from + 1 : 0);
  std::string lines;
  for (std::size_t at = 0; at < trimmed.size();) {
    const auto end = std::min(trimmed.find('\n', at), trimmed.size());
    lines += "\n    " + protocol::shown_line(std::string_view(trimmed).substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

Task<std::string> container_log(std::shared_ptr<Client> client, std::string namespace_, std::string pod,
                                std::string container, bool previous) {
  const auto path = resource_path("v1", namespace_, "pods", pod, "log") + "?container=" + escape(container) +
                    "&tailLines=5&limitBytes=4096" + (previous ? "&previous=true" : "");
  const auto log = co_await client->get_text(path);
  co_return log ? last_lines(*log) : std::string();
}

}  // namespace inpod::kube
