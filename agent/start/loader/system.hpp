// System calls without libc, for a program that has none. Each function returns what the kernel does: a value
// ≥ 0, or -errno (syscalls(2)). x86-64 and aarch64.
#pragma once

#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/poll.h>
#include <linux/time.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

namespace inpod::loader {

inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
#else
#error "inpod-loader knows x86-64 and aarch64"
#endif
}

template <class T>
long word(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

inline long read(int fd, void* into, std::size_t size) {
  return call(SYS_read, fd, word(into), static_cast<long>(size));
}
inline long pread(int fd, void* into, std::size_t size, std::uint64_t offset) {
  return call(SYS_pread64, fd, word(into), static_cast<long>(size), static_cast<long>(offset));
}
inline long write(int fd, const void* from, std::size_t size) {
  return call(SYS_write, fd, word(from), static_cast<long>(size));
}
inline long memfd_create(const char* name, unsigned flags) {
  return call(SYS_memfd_create, word(name), flags);
}
inline long fcntl(int fd, int command, long argument) {
  return call(SYS_fcntl, fd, command, argument);
}
/// Waits until fd can be read or has ended, at most `milliseconds`: 0 when that time is over.
inline long wait_readable(int fd, std::int64_t milliseconds) {
  pollfd wanted{fd, POLLIN, 0};
  __kernel_timespec time{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  return call(SYS_ppoll, word(&wanted), 1, word(&time), 0, 0);
}
/// Of CLOCK_MONOTONIC.
inline std::int64_t now_in_milliseconds() {
  __kernel_timespec time{};
  call(SYS_clock_gettime, CLOCK_MONOTONIC, word(&time));
  return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}
/// The program in an open file. Returns only on failure.
inline long execute(int fd, const char* const* arguments, const char* const* environment) {
  return call(SYS_execveat, fd, word(""), word(arguments), word(environment), AT_EMPTY_PATH);
}
[[noreturn]] inline void exit(int status) {
  for (;;) call(SYS_exit_group, status);
}

}  // namespace inpod::loader
