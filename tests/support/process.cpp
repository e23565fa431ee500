// Child processes for tests; see process.hpp.
#include "support/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace inpod::test {
namespace {

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    read = ends[0];
    write = ends[1];
  }
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (auto& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_of(const ProcessOptions& options) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry; ++entry) {
    const char* equals = strchr(*entry, '=');
    if (equals) all[std::string(static_cast<const char*>(*entry), equals)] = equals + 1;
  }
  for (const auto& name : options.unset) all.erase(name);
  for (const auto& [name, value] : options.environment) all[name] = value;
  std::vector<std::string> result;
  for (const auto& [name, value] : all) result.push_back(name + "=" + value);
  return result;
}

}  // namespace

Process::Process(std::vector<std::string> command, ProcessOptions options) {
  Pipe in, out, err;
  auto environment = environment_of(options);
  auto argv = pointers(command);
  auto envp = pointers(environment);
  const pid_t parent = getpid();
  // The child must not meet a signal with our handlers: they would report a failed test from there.
  sigset_t all, mask;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &mask);
  pid_ = fork();
  if (pid_ != 0) sigprocmask(SIG_SETMASK, &mask, nullptr);
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(in.read, 0);
    dup2(out.write, 1);
    dup2(err.write, 2);
    if (options.uid != 0 &&
        (setgroups(0, nullptr) != 0 || setgid(options.uid) != 0 || setuid(options.uid) != 0))
      _exit(127);
    if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(127);
    for (const int number : {SIGINT, SIGTERM, SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGPIPE})
      ::signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &mask, nullptr);
    execvpe(argv[0], argv.data(), envp.data());
    const std::string text = std::string("cannot start ") + argv[0] + ": " + strerror(errno) + "\n";
    if (::write(2, text.data(), text.size()) < 0) _exit(126);
    _exit(127);
  }
  setpgid(pid_, pid_);
  close(in.read);
  close(out.write);
  close(err.write);
  stdin_ = in.write;
  out_.reader = std::thread([this, fd = out.read] { collect(out_, fd); });
  err_.reader = std::thread([this, fd = err.read] { collect(err_, fd); });
  if (!options.input.empty()) write_stdin(options.input);
  if (!options.keep_stdin) close_stdin();
}

Process::~Process() {
  close_stdin();
  if (!status_) signal_group(SIGKILL);
  reap(seconds(10));
  kill(-pid_, SIGKILL);  // whatever of the group outlived its leader would hold the pipes open
  if (out_.reader.joinable()) out_.reader.join();
  if (err_.reader.joinable()) err_.reader.join();
}

void Process::collect(Sink& sink, int fd) {
  char buffer[65536];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    std::lock_guard lock(mutex_);
    if (n <= 0) {
      sink.ended = true;
      changed_.notify_all();
      break;
    }
    sink.text.append(buffer, static_cast<std::size_t>(n));
    changed_.notify_all();
  }
  close(fd);
}

bool Process::reap(milliseconds bound) {
  if (status_) return true;
  return eventually(bound, [this] {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
  });
}

Outcome Process::wait(milliseconds bound) {
  Outcome outcome;
  if (!reap(bound)) {
    outcome.timed_out = true;
    signal_group(SIGKILL);
    reap(seconds(10));
  } else {
    outcome.status = *status_;
  }
  // Something the child started may still hold its output: give it a moment, but don't depend on it.
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, seconds(5), [this] { return out_.ended && err_.ended; });
  outcome.out = out_.text;
  outcome.err = err_.text;
  return outcome;
}

bool Process::running() {
  return !reap(milliseconds(0));
}
void Process::signal(int number) {
  kill(pid_, number);
}
void Process::signal_group(int number) {
  kill(-pid_, number);
}

void Process::write_stdin(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(stdin_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;
    done += static_cast<std::size_t>(n);
  }
}

void Process::close_stdin() {
  if (stdin_ >= 0) close(stdin_);
  stdin_ = -1;
}

bool Process::wait_for(Sink& sink, const std::string& text, milliseconds bound) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, bound, [&] { return sink.ended || sink.text.find(text) != std::string::npos; });
  return sink.text.find(text) != std::string::npos;
}

bool Process::wait_for_output(const std::string& text, milliseconds bound) {
  return wait_for(out_, text, bound);
}
bool Process::wait_for_error(const std::string& text, milliseconds bound) {
  return wait_for(err_, text, bound);
}

std::string Process::out() const {
  std::lock_guard lock(mutex_);
  return out_.text;
}
std::string Process::err() const {
  std::lock_guard lock(mutex_);
  return err_.text;
}

Outcome run(std::vector<std::string> command, ProcessOptions options, milliseconds bound) {
  Process process(std::move(command), std::move(options));
  return process.wait(bound);
}

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "inpod-test-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
  chmod(name.c_str(), 0755);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::write(const std::string& name, const std::string& text, unsigned mode) const {
  const auto path = std::filesystem::path(path_) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  chmod(path.c_str(), mode);
  return path.string();
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace inpod::test
