// Context: what every part of the relay shares: the executor, the Link, what the user configured, and how
// coroutines are started so that the relay lives as long as they do. Also Signal, a condition that coroutines
// wait for.
//
// One executor; nothing here is thread-safe.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "config/config.hpp"
#include "core/relay_protocol.hpp"
#include "protocol/link.hpp"
#include "protocol/task.hpp"
#include "protocol/unique_fd.hpp"
#include "relay/answer_checks.hpp"

namespace inpod::relay {

using protocol::Bytes;
using protocol::Task;
using Clock = std::chrono::steady_clock;

class Activity;
class Pump;

struct Context {
  boost::asio::any_io_executor executor;
  std::shared_ptr<protocol::Link> link;  ///< another one after Relay::replace_link
  Config config;
  protocol::Pod pod;
  std::vector<protocol::Probe> probes;
  std::string directory;  ///< the session's own, of mode 0700
  Activity* activity = nullptr;
  std::weak_ptr<void> owner;        ///< the relay
  std::unordered_set<Pump*> pumps;  ///< all that run
  bool closed = false;
  std::uint64_t generation = 0;  ///< raised with each link: what the agent of another has numbered is void

  /// Whether the user lets anything be written to the pod. The layer goes by the rules; this holds whatever
  /// it does.
  bool may_write() const { return config.files.mode == "write" || !config.files.write.empty(); }
  /// Runs `task` to its end; the relay is kept alive meanwhile. What it throws is shown as a note.
  void spawn(Task<void> task);
};

/// The handle of a file that was open in a pod that has gone: no agent may be asked for it, as its next one
/// has numbers of its own.
constexpr std::uint64_t lost_handle = ~std::uint64_t{0};

/// A note that what the agent answered about `asked` is refused; the error that stands for it: EIO.
Error refuse_answer(Context& context, const Asked& asked, const char* fault);

/// Sends a request to the agent and waits for its answer of type T, which has been checked
/// (answer_checks.hpp). A session that is lost meanwhile resets a connection; to a file or a name it is an
/// I/O error: open(2) knows no ECONNRESET.
template <class T, class Request>
Task<Result<T>> ask(Context& context, Request request) {
  if constexpr (requires { request.handle; })
    if (request.handle == lost_handle)
      co_return Failed(Error{ESTALE, "the file was open in a pod that has gone", "open it again"});
  const Asked asked = asked_of(request);
  protocol::Message message(std::move(request));
  auto answer = co_await context.link->request_as<T>(std::move(message));
  if (!answer && !std::is_same_v<Request, protocol::Connect> && answer.error().code == ECONNRESET)
    answer.error().code = EIO;
  if (answer)
    if (const char* fault = fault_in(asked, *answer)) answer = Failed(refuse_answer(context, asked, fault));
  co_return answer;
}

/// The errno that stands for `error` towards the program.
inline int code_of(const Error& error) {
  return error.code > 0 ? error.code : EIO;
}

/// Coroutines wait, somebody notifies: all of them go on and look again. Waits may also end for no reason.
class Signal {
 public:
  explicit Signal(const boost::asio::any_io_executor& executor)
      : timer_(executor, boost::asio::steady_timer::time_point::max()) {}
  /// Take it before doing what may notify, hand it to `wait`: then no notification is missed.
  std::uint64_t count() const { return count_; }
  Task<void> wait(std::uint64_t seen) {
    if (seen == count_) co_await timer_.async_wait(as_result);
  }
  Task<void> wait() { return wait(count_); }
  /// True when notified, false when `limit` passed first. Others may wait at the same time, each with a limit
  /// of its own.
  Task<bool> wait_for(std::chrono::milliseconds limit) {
    const auto seen = count_;
    const auto late = std::make_shared<bool>(false);
    boost::asio::steady_timer alarm(timer_.get_executor(), limit);
    alarm.async_wait([this, mine = std::weak_ptr<bool>(late)](boost::system::error_code cancelled) {
      const auto waiting = mine.lock();  // gone: notified just as the time was over
      if (cancelled || !waiting) return;
      *waiting = true;
      timer_.cancel();
    });
    while (seen == count_ && !*late) co_await timer_.async_wait(as_result);
    co_return count_ != seen;
  }
  void notify() {
    ++count_;
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  std::uint64_t count_ = 0;
};

/// What a process asked for, as it came over the socket.
struct Call {
  Request request;
  std::string text;
  Bytes data;
  UniqueFd fd;
  int pid = 0;  ///< the process on whose behalf; 0 where its pid is not visible here
};

/// What goes back. `silent`: the operation has no reply.
struct Answer {
  Reply reply;
  Bytes data;
  UniqueFd fd;
  int shared_fd = -1;  ///< sent too, but not owned
  bool silent = false;
};

inline Answer refuse(int code) {
  Answer answer;
  answer.reply.error = code;
  return answer;
}

}  // namespace inpod::relay
