// See harden.hpp. The filter names what is refused, not what is allowed: the C library may use another call
// after each of its releases, and one that is missing from a list would fail in a user's pod alone. Calls
// that this list can't know are refused by their number. With the capabilities gone the filter is a second
// line: it takes the kernel's rarely used and often faulty doors away.
#include "privileges/harden.hpp"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace inpod::agent {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t native_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t native_architecture = AUDIT_ARCH_AARCH64;
#else
#error "name this architecture's AUDIT_ARCH"
#endif

/// set_mempolicy_home_node, Linux 5.17: since 5.0 a call has one number on all architectures. On x86-64 this
/// also ends the x32 calls, whose numbers have bit 30 set.
constexpr std::uint32_t newest_call = 450;

constexpr std::uint32_t refused_calls[] = {
    // other programs, other processes
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_perf_event_open,
    // namespaces, roots, mounts
    SYS_setns,
    SYS_unshare,
    SYS_chroot,
    SYS_pivot_root,
    SYS_mount,
    SYS_umount2,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_quotactl,
    SYS_quotactl_fd,
    // the machine
    SYS_reboot,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_syslog,
    SYS_vhangup,
    SYS_lookup_dcookie,
    SYS_nfsservctl,
    // doors into the kernel that the agent does not use
    SYS_bpf,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_personality,
    SYS_fanotify_init,
    SYS_memfd_secret,
    SYS_io_setup,
    SYS_io_submit,
    SYS_vmsplice,
    SYS_mbind,
    SYS_set_mempolicy,
    SYS_migrate_pages,
    SYS_move_pages,
#if defined(__x86_64__)

    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
    SYS__sysctl,
    SYS_create_module,
    SYS_get_kernel_syms,
    SYS_query_module,
#endif
};

class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    add(BPF_JMP | BPF_JEQ | BPF_K, native_architecture, 1, 0);
    answer(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
    add(BPF_JMP | BPF_JGT | BPF_K, newest_call, 0, 1);
    answer(SECCOMP_RET_ERRNO | ENOSYS);
  }
  void refuse(std::uint32_t call, int code) {
    add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
    answer(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(code));
  }
  /// clone(2) with any of the flags `never`, or without one of `always`.
  void refuse_clone(std::uint32_t never, std::uint32_t always) {
    const std::uint8_t rest = always ? 5 : 3;
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, rest);
    load(offsetof(seccomp_data, args[0]));  // the low half: no flag of clone is in the other
    add(BPF_JMP | BPF_JSET | BPF_K, never, 0, 1);
    answer(SECCOMP_RET_ERRNO | EPERM);
    if (always) {
      add(BPF_JMP | BPF_JSET | BPF_K, always, 1, 0);
      answer(SECCOMP_RET_ERRNO | EPERM);
    }
  }
  std::vector<sock_filter> finish() {
    answer(SECCOMP_RET_ALLOW);
    return std::move(program_);
  }

 private:
  void add(int code, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
    program_.push_back({static_cast<std::uint16_t>(code), if_true, if_false, value});
  }
  void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset), 0, 0); }
  void answer(std::uint32_t value) { add(BPF_RET | BPF_K, value, 0, 0); }

  std::vector<sock_filter> program_;
};

std::vector<sock_filter> make_filter(Forking forking) {
  Filter filter;
  for (const std::uint32_t call : refused_calls) filter.refuse(call, EPERM);
  filter.refuse(SYS_clone3, ENOSYS);  // its flags are out of a filter's sight; the C library then takes clone
#if defined(__x86_64__)
  if (forking == Forking::refused) {
    filter.refuse(SYS_fork, EPERM);
    filter.refuse(SYS_vfork, EPERM);
  }
#endif
  constexpr std::uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                       CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  filter.refuse_clone(namespaces, forking == Forking::refused ? CLONE_THREAD : 0);
  return filter.finish();
}

}  // namespace

Result<void> become_untouchable() {
  if (::prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) != 0) return fail_errno("cannot hide the agent's memory");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0) return fail_errno("cannot set no_new_privs");
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return fail_errno("cannot refuse core dumps");
  return {};
}

void stay_undumpable() {
  ::prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

void limit_bounding_set() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0L, 0L, 0L) >= 0; ++capability)
    if (::prctl(PR_CAPBSET_DROP, capability, 0L, 0L, 0L) != 0) break;  // no CAP_SETPCAP
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L);
}

Result<void> limit_capabilities(std::uint64_t kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) return fail_errno("cannot read the agent's capabilities");
  for (int half = 0; half < 2; ++half) {
    const auto mask = static_cast<std::uint32_t>(kept >> (32 * half));
    data[half].permitted &= mask;
    data[half].effective = data[half].permitted & mask;
    data[half].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data) != 0) return fail_errno("cannot give up capabilities");
  return {};
}

Result<bool> filter_system_calls(Forking forking) {
  auto filter = make_filter(forking);
  const sock_fprog program{static_cast<std::uint16_t>(filter.size()), filter.data()};
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (result == 0) return true;
  if (result > 0) return fail("a thread of the agent has another filter of system calls");
  if (errno == ENOSYS || errno == EINVAL || errno == EPERM) return false;
  return fail_errno("cannot filter the agent's system calls");
}

}  // namespace inpod::agent
