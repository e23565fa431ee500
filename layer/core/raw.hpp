// System calls without libc: no errno, no cancellation point, no hook of ours, safe in signal handlers and
// after vfork.
//
// Each function returns what the kernel does: a value ≥ 0, or -errno (syscalls(2)). x86-64 and aarch64.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

struct stat;
struct pollfd;

namespace inpod::raw {

inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "inpod's layer knows x86-64 and aarch64"
#endif
}

template <class T>
long word(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

inline long open(const char* path, int flags, unsigned mode = 0) {
  return call(SYS_openat, AT_FDCWD, word(path), flags, mode);
}
inline long close(int fd) {
  return call(SYS_close, fd);
}
inline long read(int fd, void* into, std::size_t size) {
  return call(SYS_read, fd, word(into), static_cast<long>(size));
}
inline long pread(int fd, void* into, std::size_t size, std::int64_t offset) {
  return call(SYS_pread64, fd, word(into), static_cast<long>(size), offset);
}
inline long write(int fd, const void* from, std::size_t size) {
  return call(SYS_write, fd, word(from), static_cast<long>(size));
}
inline long seek(int fd, std::int64_t offset, int whence) {
  return call(SYS_lseek, fd, offset, whence);
}
inline long fcntl(int fd, int command, long argument = 0) {
  return call(SYS_fcntl, fd, command, argument);
}
inline long read_link(int dirfd, const char* path, char* into, std::size_t size) {
  return call(SYS_readlinkat, dirfd, word(path), word(into), static_cast<long>(size));
}
inline long stat_at(int dirfd, const char* path, struct stat* into, int flags) {
  return call(SYS_newfstatat, dirfd, word(path), word(into), flags);
}
inline long current_directory(char* into, std::size_t size) {
  return call(SYS_getcwd, word(into), static_cast<long>(size));
}
inline long map(void* at, std::size_t length, int protection, int flags, int fd, std::int64_t offset) {
  return call(SYS_mmap, word(at), static_cast<long>(length), protection, flags, fd, offset);
}
inline long unmap(void* at, std::size_t length) {
  return call(SYS_munmap, word(at), static_cast<long>(length));
}
inline long process_id() {
  return call(SYS_getpid);
}
inline long get_entries(int fd, void* into, std::size_t size) {
  return call(SYS_getdents64, fd, word(into), static_cast<long>(size));
}
inline long poll(pollfd* fds, unsigned count, int milliseconds) {
#if defined(SYS_poll)
  return call(SYS_poll, word(fds), count, milliseconds);
#else
  const long time[2] = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
  return call(SYS_ppoll, word(fds), count, milliseconds < 0 ? 0 : word(time), 0, 0);
#endif
}

inline long socket(int family, int type, int protocol) {
  return call(SYS_socket, family, type, protocol);
}
inline long connect(int fd, const sockaddr* address, socklen_t length) {
  return call(SYS_connect, fd, word(address), length);
}
inline long bind(int fd, const sockaddr* address, socklen_t length) {
  return call(SYS_bind, fd, word(address), length);
}
inline long socket_name(int fd, sockaddr* address, socklen_t* length) {
  return call(SYS_getsockname, fd, word(address), word(length));
}
inline long peer_name(int fd, sockaddr* address, socklen_t* length) {
  return call(SYS_getpeername, fd, word(address), word(length));
}
inline long get_option(int fd, int level, int name, void* value, socklen_t* length) {
  return call(SYS_getsockopt, fd, level, name, word(value), word(length));
}
inline long set_option(int fd, int level, int name, const void* value, socklen_t length) {
  return call(SYS_setsockopt, fd, level, name, word(value), length);
}
inline long send_message(int fd, const msghdr* message, int flags) {
  return call(SYS_sendmsg, fd, word(message), flags);
}
inline long receive_message(int fd, msghdr* message, int flags) {
  return call(SYS_recvmsg, fd, word(message), flags);
}

/// futex(2), within this process: waits while the word has this value, and may come back earlier.
template <class Word>
long wait_while(const Word* at, int value) {
  static_assert(sizeof(Word) == 4);
  return call(SYS_futex, word(at), 0 | 128, value, 0);  // FUTEX_WAIT_PRIVATE
}
template <class Word>
long wake_all(Word* at) {
  return call(SYS_futex, word(at), 1 | 128, 0x7fffffff);  // FUTEX_WAKE_PRIVATE
}

/// No signal is delivered to this thread as long as it lives.
class BlockedSignals {
 public:
  BlockedSignals() {
    const std::uint64_t all = ~std::uint64_t{0};
    call(SYS_rt_sigprocmask, 0, word(&all), word(&before_), sizeof all);  // SIG_BLOCK
  }
  ~BlockedSignals() { call(SYS_rt_sigprocmask, 2, word(&before_), 0, sizeof before_); }  // SIG_SETMASK
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  std::uint64_t before_ = 0;
};

[[noreturn]] inline void exit(int code) {
  for (;;) call(SYS_exit_group, code);
}

}  // namespace inpod::raw
