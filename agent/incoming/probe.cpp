// Recognition of health checks. See probe.hpp.
#include "incoming/probe.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace inpod::agent {
namespace {

constexpr std::string_view method = "GET ", agent_name = "user-agent:", kubelet = "kube-probe/";
constexpr std::uint8_t tls_handshake = 0x16;

bool any_of_kind(const std::vector<protocol::Probe>& probes, std::string_view kind) {
  return std::any_of(probes.begin(), probes.end(), [&](const auto& probe) { return probe.kind == kind; });
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

bool is_probe_path(std::string_view line, const std::vector<protocol::Probe>& probes) {
  line.remove_prefix(method.size());
  const auto path = line.substr(0, line.find(' '));
  return std::any_of(probes.begin(), probes.end(), [&](const auto& probe) {
    const std::string_view wanted = probe.path.empty() ? std::string_view("/") : std::string_view(probe.path);
    return probe.kind == "http" && path == wanted;
  });
}

bool is_kubelet_agent(std::string_view line) {
  if (!starts_with_ignoring_case(line, agent_name)) return false;
  line.remove_prefix(agent_name.size());
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return line.starts_with(kubelet);
}

Opening judge_http(std::string_view text, bool from_node, const std::vector<protocol::Probe>& probes) {
  bool request_line = true;
  for (;;) {
    const auto end = text.find("\r\n");
    if (end == std::string_view::npos) return Opening::unknown;
    const auto line = text.substr(0, end);
    if (line.empty()) return Opening::other;  // the head has ended
    if (request_line ? from_node && is_probe_path(line, probes) : is_kubelet_agent(line))
      return Opening::probe;
    request_line = false;
    text.remove_prefix(end + 2);
  }
}

}  // namespace

Opening judge_opening(std::span<const std::uint8_t> bytes, bool ended, bool from_node,
                      const std::vector<protocol::Probe>& probes) {
  if (from_node && any_of_kind(probes, "grpc")) return Opening::probe;
  if (bytes.empty()) {
    if (!ended) return Opening::unknown;
    return from_node && any_of_kind(probes, "tcp") ? Opening::probe : Opening::other;
  }
  if (bytes[0] == tls_handshake)
    return from_node && any_of_kind(probes, "http") ? Opening::probe : Opening::other;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              std::min(bytes.size(), longest_opening));
  const auto known = std::min(text.size(), method.size());
  if (text.substr(0, known) != method.substr(0, known)) return Opening::other;
  const auto verdict = known < method.size() ? Opening::unknown : judge_http(text, from_node, probes);
  if (verdict == Opening::unknown && (ended || bytes.size() >= longest_opening)) return Opening::other;
  return verdict;
}

}  // namespace inpod::agent
