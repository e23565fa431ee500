// seccomp(2): a program that forbids itself sockets can't reach inpod afterwards, nor tell it so. Its filter
// is tried before it is installed: by classic BPF as seccomp takes it, linux/bpf_common.h.
#include "hooks/seccomp.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstdint>
#include <cstring>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t own_architecture = AUDIT_ARCH_X86_64;
#else
constexpr std::uint32_t own_architecture = AUDIT_ARCH_AARCH64;
#endif

std::uint32_t computed(std::uint16_t operation, std::uint32_t a, std::uint32_t b) {
  switch (operation) {
    case BPF_ADD:
      return a + b;
    case BPF_SUB:
      return a - b;
    case BPF_MUL:
      return a * b;
    case BPF_DIV:
      return b == 0 ? 0 : a / b;
    case BPF_AND:
      return a & b;
    case BPF_OR:
      return a | b;
    case BPF_XOR:
      return a ^ b;
    case BPF_LSH:
      return b < 32 ? a << b : 0;
    case BPF_RSH:
      return b < 32 ? a >> b : 0;
    default:
      return 0 - a;  // BPF_NEG
  }
}

bool holds(std::uint16_t condition, std::uint32_t a, std::uint32_t b) {
  switch (condition) {
    case BPF_JEQ:
      return a == b;
    case BPF_JGT:
      return a > b;
    case BPF_JGE:
      return a >= b;
    default:
      return (a & b) != 0;  // BPF_JSET
  }
}

std::uint32_t loaded(const sock_filter& one, const seccomp_data& data, const std::uint32_t (&memory)[16]) {
  std::uint32_t word = 0;
  switch (BPF_MODE(one.code)) {
    case BPF_IMM:
      return one.k;
    case BPF_MEM:
      return memory[one.k % 16];
    case BPF_LEN:
      return sizeof data;
    default:
      if (one.k <= sizeof data - sizeof word)
        memcpy(&word, reinterpret_cast<const char*>(&data) + one.k, sizeof word);
      return word;
  }
}

/// What the filter says of a call: an action of seccomp(2). Allowed where it says nothing.
std::uint32_t action_of(const sock_fprog& filter, const seccomp_data& data) {
  std::uint32_t a = 0, x = 0, memory[16] = {};
  for (std::size_t at = 0; at < filter.len; ++at) {
    const sock_filter& one = filter.filter[at];
    const std::uint32_t operand = BPF_SRC(one.code) == BPF_X ? x : one.k;
    switch (BPF_CLASS(one.code)) {
      case BPF_LD:
        a = loaded(one, data, memory);
        break;
      case BPF_LDX:
        x = loaded(one, data, memory);
        break;
      case BPF_ST:
        memory[one.k % 16] = a;
        break;
      case BPF_STX:
        memory[one.k % 16] = x;
        break;
      case BPF_ALU:
        a = computed(BPF_OP(one.code), a, operand);
        break;
      case BPF_JMP:
        at += BPF_OP(one.code) == BPF_JA ? one.k : holds(BPF_OP(one.code), a, operand) ? one.jt : one.jf;
        break;
      case BPF_RET:
        return BPF_RVAL(one.code) == BPF_A ? a : one.k;
      default:
        BPF_MISCOP(one.code) == BPF_TAX ? x = a : a = x;
    }
  }
  return SECCOMP_RET_ALLOW;
}

bool allows(const sock_fprog& filter, long number, std::uint64_t first = 0, std::uint64_t second = 0) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = own_architecture;
  data.args[0] = first, data.args[1] = second;
  const std::uint32_t action = action_of(filter, data) & SECCOMP_RET_ACTION_FULL;
  return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG || action == SECCOMP_RET_TRACE ||
         action == SECCOMP_RET_USER_NOTIF;
}

}  // namespace

void inpod::layer::note_filter(const sock_fprog* filter) {
  if (!filter || !filter->filter || !active()) return;
  if (allows(*filter, SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC) && allows(*filter, SYS_connect) &&
      allows(*filter, SYS_sendmsg) && allows(*filter, SYS_recvmsg))
    return;
  core.note_once(
      "seccomp",
      "the program forbids itself sockets by a filter of system calls, and so can't reach inpod any more: "
      "files, names and connections of the pod fail as the filter says from now on, or end it; start it "
      "without that filter (its sandbox)");
}

HOOK(int, prctl, (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)) {
  if (option == PR_SET_SECCOMP && a == SECCOMP_MODE_FILTER)
    note_filter(reinterpret_cast<const sock_fprog*>(b));
  return original(prctl)(option, a, b, c, d);
}
