// Filter for mirrored ports. See filter.hpp.
#include "incoming/filter.hpp"

#include <netinet/in.h>

#include "incoming/mark.hpp"

namespace inpod::agent {
namespace {

constexpr std::uint32_t whole_packet = 0x80000;
constexpr std::uint16_t load_byte = BPF_LD | BPF_B | BPF_ABS, load_half = BPF_LD | BPF_H | BPF_ABS;
constexpr std::uint16_t if_equal = BPF_JMP | BPF_JEQ | BPF_K, if_bits = BPF_JMP | BPF_JSET | BPF_K;

constexpr std::uint32_t extensions[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_AH,
                                        IPPROTO_DSTOPTS};

using Program = std::vector<sock_filter>;

void add(Program& program, std::uint16_t code, std::uint32_t k, std::uint8_t yes = 0, std::uint8_t no = 0) {
  program.push_back({code, yes, no, k});
}
void accept(Program& program) {
  add(program, BPF_RET | BPF_K, whole_packet);
}
void reject(Program& program) {
  add(program, BPF_RET | BPF_K, 0);
}

/// Loads a port and accepts if it is one of `ports`; else goes on behind.
void accept_ports(Program& program, std::uint16_t load, std::uint32_t at,
                  const std::vector<std::uint16_t>& ports) {
  add(program, load, at);
  for (std::size_t i = 0; i < ports.size(); ++i)
    add(program, if_equal, ports[i], std::uint8_t(ports.size() - i), 0);
  add(program, BPF_JMP | BPF_JA, 1);
  accept(program);
}

Program ipv4_part(const std::vector<std::uint16_t>& ports) {
  Program program;
  add(program, load_byte, 9);
  add(program, if_equal, IPPROTO_TCP, 1, 0);
  reject(program);
  add(program, load_half, 6);
  add(program, if_bits, 0x1fff, 0, 1);  // a later fragment has no ports
  reject(program);
  add(program, BPF_LDX | BPF_B | BPF_MSH, 0);
  accept_ports(program, BPF_LD | BPF_H | BPF_IND, 0, ports);
  accept_ports(program, BPF_LD | BPF_H | BPF_IND, 2, ports);
  reject(program);
  return program;
}

Program ipv6_part(const std::vector<std::uint16_t>& ports) {
  Program program;
  add(program, load_byte, 6);
  for (const std::uint32_t extension : extensions) {
    add(program, if_equal, extension, 0, 1);
    accept(program);
  }
  add(program, if_equal, IPPROTO_TCP, 1, 0);
  reject(program);
  accept_ports(program, load_half, 40, ports);
  accept_ports(program, load_half, 42, ports);
  reject(program);
  return program;
}

}  // namespace

std::vector<sock_filter> port_filter(const std::vector<std::uint16_t>& ports) {
  const Program four = ipv4_part(ports), six = ipv6_part(ports);
  Program program;
  add(program, BPF_LD | BPF_W | BPF_ABS, std::uint32_t(SKF_AD_OFF + SKF_AD_MARK));
  add(program, if_equal, own_mark, 0, 1);
  reject(program);
  add(program, load_byte, 0);
  add(program, BPF_ALU | BPF_RSH | BPF_K, 4);
  add(program, if_equal, 6, 0, 1);
  add(program, BPF_JMP | BPF_JA, std::uint32_t(four.size() + 2));
  add(program, if_equal, 4, 1, 0);
  reject(program);
  program.insert(program.end(), four.begin(), four.end());
  program.insert(program.end(), six.begin(), six.end());
  return program;
}

}  // namespace inpod::agent
