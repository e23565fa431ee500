// See listeners.hpp.
#include "incoming/listeners.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "protocol/unique_fd.hpp"

namespace inpod::agent {
namespace {

constexpr std::string_view listening = "0A";  // TCP_LISTEN
constexpr std::size_t largest_table = 4 << 20;

// No streams of the standard library in the agent: their locales would make it a third larger.
std::string table_of(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  std::string text;
  char piece[4096];
  ssize_t count = 0;
  while (file && text.size() < largest_table && (count = ::read(file.get(), piece, sizeof piece)) > 0)
    text.append(piece, static_cast<std::size_t>(count));
  return text;
}

/// Takes what stands before `end`, or all of it, off the text.
std::string_view take(std::string_view& text, char end) {
  const auto size = std::min(text.find(end), text.size());
  const auto taken = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return taken;
}

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return take(line, ' ');
}

/// 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104, as hexadecimal words in this machine's byte order
/// (little-endian).
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
  while (!table.empty()) {
    auto line = take(table, '\n');
    take_word(line);  // its number
    auto port_text = take_word(line);
    const auto address = take(port_text, ':');
    take_word(line);  // the peer
    std::uint16_t port = 0;
    const char* end = port_text.data() + port_text.size();
    if (take_word(line) != listening || std::from_chars(port_text.data(), end, port, 16).ptr != end ||
        port == 0)
      continue;
    (is_loopback(address) ? found.loopback : found.ports).push_back(port);
  }
}

void finish(protocol::Listeners& found) {
  sort_once(found.ports);
  sort_once(found.loopback);
  std::erase_if(found.loopback, [&](std::uint16_t port) {
    return std::binary_search(found.ports.begin(), found.ports.end(), port);
  });
}

protocol::Listeners listeners() {
  protocol::Listeners found;
  add_listeners(table_of("/proc/thread-self/net/tcp"), found);
  add_listeners(table_of("/proc/thread-self/net/tcp6"), found);
  finish(found);
  return found;
}

}  // namespace inpod::agent
