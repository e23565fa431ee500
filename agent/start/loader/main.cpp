// inpod-loader SECONDS: becomes the agent that comes by stdin. It is the command of the agent's container, so
// that no program of the container's image runs with the agent's rights.
//
// stdin: u64 length (little endian), the executable's SHA-256 (32 bytes), the executable. What comes behind
// is left for the executable, which runs from a sealed memory file as "inpod-agent". Of the environment it
// gets what Kubernetes has set: variables of the image could change what it does. Where this fails, or all of
// it is not there within SECONDS, one line on stdout says why, and the exit status is 1.
//
// Static and without libc: it reads nothing of the file system, and a few KB are all that it takes.
#include "protocol/sha256.hpp"
#include "system.hpp"

// The compiler makes calls of these from plain loops and initialisers.
extern "C" {
void* memset(void* into, int byte, std::size_t size) {
  auto* at = static_cast<volatile char*>(into);
  while (size-- > 0) *at++ = static_cast<char>(byte);
  return into;
}
void* memcpy(void* into, const void* from, std::size_t size) {
  auto* at = static_cast<volatile char*>(into);
  const auto* source = static_cast<const char*>(from);
  while (size-- > 0) *at++ = *source++;
  return into;
}
}

namespace inpod::loader {
namespace {

constexpr int input = 0, output = 1;
constexpr std::uint64_t most_bytes = 64 << 20;                                           // the agent has 3 MB
constexpr long not_permitted = -13, interrupted = -4, invalid = -22, wrong_format = -8;  // errno(3)

std::uint8_t buffer[64 << 10];

/// One line, built without allocation.
class Line {
 public:
  Line() { *this << "inpod-loader: "; }
  Line& operator<<(const char* text) {
    while (*text && size_ < sizeof text_ - 1) text_[size_++] = *text++;
    return *this;
  }
  Line& operator<<(std::uint64_t number) {
    char digits[21] = {};
    auto* at = digits + 20;
    do *--at = static_cast<char>('0' + number % 10);
    while (number /= 10);
    return *this << at;
  }
  [[noreturn]] void fail() {
    text_[size_++] = '\n';
    write(output, text_, size_);
    exit(1);
  }

 private:
  char text_[256];
  std::size_t size_ = 0;
};

[[noreturn]] void fail(const char* what, long result) {
  (Line() << what << ": errno " << static_cast<std::uint64_t>(-result)).fail();
}

/// The deadline of everything that is read.
class Input {
 public:
  explicit Input(std::uint64_t seconds)
      : seconds_(seconds), end_(now_in_milliseconds() + static_cast<std::int64_t>(seconds) * 1000) {}

  void read_all(std::uint8_t* into, std::size_t size) {
    for (std::size_t done = 0; done < size;) done += read_some(into + done, size - done);
  }

 private:
  std::size_t read_some(std::uint8_t* into, std::size_t size) {
    for (;;) {
      const auto left = end_ - now_in_milliseconds();
      const long ready = left > 0 ? wait_readable(input, left) : 0;
      if (ready == interrupted) continue;
      if (ready < 0) loader::fail("cannot wait for the agent", ready);
      if (ready == 0) (Line() << "the agent did not come within " << seconds_ << " s").fail();
      const long got = read(input, into, size);
      if (got == interrupted) continue;
      if (got < 0) loader::fail("cannot read the agent", got);
      if (got == 0) (Line() << "stdin ended after " << total_ << " bytes, before all of the agent").fail();
      total_ += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
  }

  const std::uint64_t seconds_;
  const std::int64_t end_;
  std::uint64_t total_ = 0;
};

int create_file() {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  constexpr unsigned executable = 0x10;  // MFD_EXEC, which kernels before 6.3 refuse as invalid
  long fd = memfd_create("inpod-agent", flags | executable);
  if (fd == invalid) fd = memfd_create("inpod-agent", flags);
  if (fd == not_permitted)
    (Line() << "this node allows no programs in memory files (vm.memfd_noexec): set agent.image").fail();
  if (fd < 0) fail("cannot create a memory file", fd);
  return static_cast<int>(fd);
}

void write_all(int fd, const std::uint8_t* from, std::size_t size) {
  for (std::size_t done = 0; done < size;) {
    const long put = write(fd, from + done, size - done);
    if (put == interrupted) continue;
    if (put <= 0) fail("cannot write the agent to memory", put);
    done += static_cast<std::size_t>(put);
  }
}

/// Nothing can change the file from here on.
void seal(int fd) {
  constexpr int add_seals = 1024 + 9, every_seal = 0xf;  // F_ADD_SEALS; SEAL, SHRINK, GROW, WRITE
  if (const long result = fcntl(fd, add_seals, every_seal); result < 0) fail("cannot seal the agent", result);
}

bool has_digest(int fd, std::uint64_t size, const protocol::Digest& expected) {
  protocol::Sha256 hash;
  for (std::uint64_t done = 0; done < size;) {
    const long got = pread(fd, buffer, sizeof buffer, done);
    if (got <= 0) fail("cannot read the agent back", got);
    hash.update({buffer, static_cast<std::size_t>(got)});
    done += static_cast<std::uint64_t>(got);
  }
  const auto digest = hash.finish();
  for (std::size_t i = 0; i < digest.size(); ++i)
    if (digest[i] != expected[i]) return false;
  return true;
}

std::uint64_t parse_seconds(const char* text) {
  std::uint64_t seconds = 0;
  for (; *text >= '0' && *text <= '9' && seconds < 1'000'000; ++text)
    seconds = seconds * 10 + static_cast<std::uint64_t>(*text - '0');
  return *text == '\0' ? seconds : 0;
}

/// Variables of Kubernetes. A targetless agent tells its own environment as the pod's.
constexpr const char* kept_prefixes[] = {"KUBERNETES_", "HOSTNAME="};

bool is_kept(const char* variable) {
  for (const char* prefix : kept_prefixes) {
    const char* at = variable;
    while (*prefix && *at == *prefix) ++at, ++prefix;
    if (!*prefix) return true;
  }
  return false;
}

/// Leaves those that are kept, in place.
void filter(const char** environment) {
  const char** kept = environment;
  for (const char** each = environment; *each; ++each) {
    if (is_kept(*each)) *kept++ = *each;
  }
  *kept = nullptr;
}

[[noreturn]] void load(std::uint64_t seconds, const char* const* environment) {
  struct {
    std::uint8_t length[8];
    protocol::Digest digest;
  } header;
  static_assert(sizeof header == 40);
  Input agent(seconds);
  agent.read_all(header.length, sizeof header.length);
  agent.read_all(header.digest.data(), header.digest.size());
  std::uint64_t size = 0;
  for (int i = 7; i >= 0; --i) size = size << 8 | header.length[i];
  if (size == 0 || size > most_bytes)
    (Line() << "the agent cannot have " << size << " bytes; the most is " << most_bytes).fail();

  const int fd = create_file();
  for (auto left = size; left > 0;) {
    const auto part = static_cast<std::size_t>(left < sizeof buffer ? left : sizeof buffer);
    agent.read_all(buffer, part);
    write_all(fd, buffer, part);
    left -= part;
  }
  seal(fd);
  if (!has_digest(fd, size, header.digest))
    (Line() << "the agent that came is not the one that was sent: its SHA-256 differs").fail();

  const char* const arguments[] = {"inpod-agent", nullptr};
  const long result = execute(fd, arguments, environment);
  if (result == wrong_format) (Line() << "cannot execute the agent: Exec format error").fail();
  fail("cannot execute the agent", result);
}

}  // namespace
}  // namespace inpod::loader

/// stack: argc, argv[0] … argv[argc - 1], 0, the environment's variables, 0 (the ABI's initial process
/// stack).
extern "C" [[noreturn]] void loader_main(long* stack) {
  using namespace inpod::loader;
  const auto** arguments = reinterpret_cast<const char**>(stack + 1);
  const auto** environment = arguments + stack[0] + 1;
  filter(environment);
  const auto seconds = stack[0] == 2 ? parse_seconds(arguments[1]) : 0;
  if (seconds == 0) (Line() << "usage: inpod-loader SECONDS (inpod starts it)").fail();
  load(seconds, environment);
}

#if defined(__x86_64__)
asm(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call loader_main\n  "
    "ud2\n");
#elif defined(__aarch64__)
asm(".globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n  bl loader_main\n  brk #0\n");
#endif
