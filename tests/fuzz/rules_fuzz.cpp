// Fuzz: the layer's rules. Input: rules text, a NUL, then what to ask of them, a line each. What was
// understood answers every question, twice alike, and what it maps a path to is text of its own.
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include "core/rules.hpp"
#include "require.hpp"

using namespace inpod;

namespace {

void ask_address(const Rules& rules, std::string_view bytes) {
  sockaddr_storage address{};
  const auto length = std::min(bytes.size(), sizeof address);
  std::memcpy(&address, bytes.data(), length);
  for (const sa_family_t family : {AF_INET, AF_INET6, AF_UNIX}) {
    address.ss_family = family;
    for (const auto network : {Network::tcp, Network::udp, Network::unix_socket}) {
      const auto* asked = reinterpret_cast<const sockaddr*>(&address);
      const auto side = rules.outgoing(network, asked, static_cast<socklen_t>(length));
      fuzz_require(side == Side::local || side == Side::remote);
      fuzz_require(side == rules.outgoing(network, asked, static_cast<socklen_t>(length)));
    }
  }
}

void ask(const Rules& rules, std::string_view question) {
  fuzz_require(rules.file(question) <= FileMode::absent);
  std::string_view rest;
  const auto mapped = rules.mapped(question, rest);
  if (!mapped.empty()) {
    fuzz_require(rest.size() <= question.size());
    fuzz_require(rest.empty() || rest.data() + rest.size() == question.data() + question.size());
    fuzz_require(mapped[0] == '/');
  }
  fuzz_require(rules.dns(question) <= Side::remote);
  ask_address(rules, question);
  if (question.size() >= 2)
    (void)rules.incoming(static_cast<std::uint16_t>(question[0] << 8 | (question[1] & 0xff)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto cut = std::min(input.find('\0'), input.size());
  const auto text = input.substr(0, cut);
  static const auto rules = std::make_unique<Rules>();
  std::string_view bad_line;
  if (const char* wrong = rules->parse(text, bad_line); wrong != nullptr) {
    fuzz_require(wrong[0] != 0);
    fuzz_require(bad_line.empty() || (bad_line.data() >= text.data() &&
                                      bad_line.data() + bad_line.size() <= text.data() + text.size()));
    return 0;
  }
  auto questions = input.substr(std::min(cut + 1, size));
  for (int i = 0; i < 64 && !questions.empty(); ++i) {
    const auto end = std::min(questions.find('\n'), questions.size());
    ask(*rules, questions.substr(0, end));
    questions.remove_prefix(std::min(end + 1, questions.size()));
  }
  return 0;
}
