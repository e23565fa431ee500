// Bounded runs of helper programs.
#include "session/brief_run.hpp"

#include <poll.h>

#include "session/child.hpp"

namespace inpod {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t most = 1 << 20;

/// Takes what is there; false at the end.
bool take(int fd, std::string& text) {
  char buffer[4096];
  const ssize_t got = read(fd, buffer, sizeof buffer);
  if (got > 0 && text.size() < most) text.append(buffer, static_cast<std::size_t>(got));
  return got > 0;
}

}  // namespace

Result<BriefOutput> run_briefly(std::vector<std::string> command, std::vector<std::string> environment,
                                std::chrono::milliseconds bound) {
  const std::string name = command[0];
  ChildOptions options;
  options.command = std::move(command);
  options.environment = std::move(environment);
  TRY_ASSIGN(child, Child::start(std::move(options)));
  const UniqueFd out(child.take_output()), err(child.take_errors());
  BriefOutput output;
  pollfd fds[2] = {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
  const auto end = Clock::now() + bound;
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0 || poll(fds, 2, static_cast<int>(left)) == 0) return fail(name + " did not end in time");
    if (fds[0].revents != 0 && !take(out.get(), output.out)) fds[0].fd = -1;
    if (fds[1].revents != 0 && !take(err.get(), output.err)) fds[1].fd = -1;
  }
  if (!child.wait(std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now())))
    return fail(name + " did not end in time");
  output.status = child.status_text();
  return output;
}

}  // namespace inpod
