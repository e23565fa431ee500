// What starts programs: the exec family, posix_spawn, system, popen. What they start is in the pod too.
//
// A child that the layer can't act in (static, musl, Go, set-user-ID) runs on this machine alone: that is
// told once, by its name. One that is linked with a sanitizer's runtime gets that before the layer. fork,
// vfork and clone are not hooked: pthread_atfork handlers and a page that the kernel clears on fork do that
// (Core::owner).
#include <alloca.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdlib>

#include "core/children.hpp"
#include "core/raw.hpp"
#include "hooks/environment.hpp"
#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// Files of the pod that a program without hooks inherits, besides 0 to 2, which always work without.
void hand_on() {
  for (int fd = highest_standard + 1, end = core.fds.top(); fd < end; ++fd) {
    const FdEntry entry = core.fds.get(fd);
    if (!entry.is_file()) continue;
    const long flags = raw::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) files::make_plain(core, fd);
  }
}

/// Whether what the program starts gets the layer. One line where it can't, as the file is not to be read.
bool can_hand_on_layer() {
  if (layer_is_readable()) return true;
  core.note_once(
      "",
      "the program has become a user who may not read inpod's layer, libinpod.so, or has changed its "
      "root: what it starts sees this machine's files and network, not the pod's; install inpod "
      "where every user may read it");
  return false;
}

/// Tells once of a program that the layer can't act in, and prepares what that inherits.
void prepare(const char* name, const children::Judgement& program, char* const* environment) {
  const bool is_limited = children::note(core, name, program, environment);
  if (!can_hand_on_layer() || is_limited) hand_on();
}

children::Judgement judged(int dirfd, const char* path, char* const* environment) {
  if (!active()) return {};
  auto program = children::judge(dirfd, path);
  prepare(path, program, environment);
  return program;
}

children::Judgement judged_of_path(const char* file, char* const* environment) {
  if (!active()) return {};
  auto program = children::judge_found(file, getenv("PATH"));
  prepare(file, program, environment);
  return program;
}

}  // namespace

HOOK(int, execve, (const char* path, char* const* arguments, char* const* environment)) {
  const auto program = judged(AT_FDCWD, path, environment);
  CHILD_ENVIRONMENT(child, environment, program.facts.sanitizer);
  return original(execve)(path, arguments, child.get());
}

HOOK(int, execvpe, (const char* file, char* const* arguments, char* const* environment)) {
  const auto program = judged_of_path(file, environment);
  CHILD_ENVIRONMENT(child, environment, program.facts.sanitizer);
  return original(execvpe)(file, arguments, child.get());
}

HOOK(int, fexecve, (int fd, char* const* arguments, char* const* environment)) {
  const auto program = judged(fd, "", environment);
  CHILD_ENVIRONMENT(child, environment, program.facts.sanitizer);
  return original(fexecve)(fd, arguments, child.get());
}

/// By the kernel, as libc has it only from 2.34 on: programs on an older one call it by number.
HOOK(int, execveat,
     (int dirfd, const char* path, char* const* arguments, char* const* environment, int flags)) {
  return here(dirfd, path, [&](int at, const char* name) {
    const auto program = judged(at, name, environment);
    CHILD_ENVIRONMENT(child, environment, program.facts.sanitizer);
    return result<int>(
        raw::call(SYS_execveat, at, raw::word(name), raw::word(arguments), raw::word(child.get()), flags));
  });
}

HOOK(int, execv, (const char* path, char* const* arguments)) {
  return hook_execve(path, arguments, environ);
}

HOOK(int, execvp, (const char* file, char* const* arguments)) {
  return hook_execvpe(file, arguments, environ);
}

/// Collects the variadic arguments of execl and friends into `list`, the first one already known; leaves
/// `after` behind the null. alloca, since the caller may be a vfork child: it may not allocate.
#define ARGUMENT_LIST(list, first, after)                                        \
  va_list after;                                                                 \
  va_start(after, first);                                                        \
  std::size_t list##_count = 1;                                                  \
  if (first)                                                                     \
    while (va_arg(after, char*)) ++list##_count;                                 \
  va_end(after);                                                                 \
  auto** list = static_cast<char**>(alloca((list##_count + 1) * sizeof(char*))); \
  list[0] = const_cast<char*>(first);                                            \
  va_start(after, first);                                                        \
  if (first)                                                                     \
    for (std::size_t i = 1; i <= list##_count; ++i) list[i] = va_arg(after, char*);

HOOK(int, execl, (const char* path, const char* first, ...)) {
  ARGUMENT_LIST(list, first, after)
  va_end(after);
  return hook_execve(path, list, environ);
}

HOOK(int, execlp, (const char* file, const char* first, ...)) {
  ARGUMENT_LIST(list, first, after)
  va_end(after);
  return hook_execvpe(file, list, environ);
}

HOOK(int, execle, (const char* path, const char* first, ...)) {
  ARGUMENT_LIST(list, first, after)
  char* const* environment = va_arg(after, char* const*);
  va_end(after);
  return hook_execve(path, list, environment);
}

HOOK(int, posix_spawn,
     (pid_t * pid, const char* path, const posix_spawn_file_actions_t* actions,
      const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment)) {
  const auto program = judged(AT_FDCWD, path, environment);
  CHILD_ENVIRONMENT(child, environment, program.facts.sanitizer);
  return original(posix_spawn)(pid, path, actions, attributes, arguments, child.get());
}

HOOK(int, posix_spawnp,
     (pid_t * pid, const char* file, const posix_spawn_file_actions_t* actions,
      const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment)) {
  const auto program = judged_of_path(file, environment);
  CHILD_ENVIRONMENT(child, environment, program.facts.sanitizer);
  return original(posix_spawnp)(pid, file, actions, attributes, arguments, child.get());
}

// libc starts the shell by itself, with `environ`.

HOOK(int, system, (const char* command)) {
  if (active()) ensure_environment();
  return original(system)(command);
}

HOOK(FILE*, popen, (const char* command, const char* mode)) {
  if (active()) ensure_environment();
  return original(popen)(command, mode);
}
