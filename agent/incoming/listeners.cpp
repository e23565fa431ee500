// See listeners.hpp.
#include "incoming/listeners.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

namespace inpod::agent {
namespace {

constexpr std::string_view listening = "0A";  // TCP_LISTEN
constexpr std::size_t largest_table = 4 << 20;

std::string table_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::string text, line;
  while (text.size() < largest_table && std::getline(file, line)) text += line + "\n";
  return text;
}

/// 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104, as hexadecimal words in this machine's byte order (little-endian).
bool is_loopback(std::string_view hex) {
  if (hex.size() == 8) return hex.substr(6) == "7F";
  if (hex == "00000000000000000000000001000000") return true;
  return hex.size() == 32 && hex.starts_with("0000000000000000FFFF0000") && hex.substr(30) == "7F";
}

void sort_once(std::vector<std::uint16_t>& ports) {
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
}

}  // namespace

void add_listeners(std::string_view table, protocol::Listeners& found) {
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, local, remote, state;
    if (!(words >> number >> local >> remote >> state) || state != listening) continue;
    const auto colon = local.find(':');
    std::uint16_t port = 0;
    const char* end = local.data() + local.size();
    if (colon == std::string::npos || std::from_chars(local.data() + colon + 1, end, port, 16).ptr != end || port == 0) continue;
    (is_loopback(std::string_view(local).substr(0, colon)) ? found.loopback : found.ports).push_back(port);
  }
}

void finish(protocol::Listeners& found) {
  sort_once(found.ports);
  sort_once(found.loopback);
  std::erase_if(found.loopback, [&](std::uint16_t port) { return std::binary_search(found.ports.begin(), found.ports.end(), port); });
}

protocol::Listeners listeners() {
  protocol::Listeners found;
  add_listeners(table_of("/proc/thread-self/net/tcp"), found);
  add_listeners(table_of("/proc/thread-self/net/tcp6"), found);
  finish(found);
  return found;
}

}  // namespace inpod::agent
