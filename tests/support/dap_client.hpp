// DapClient: an editor's side of the Debug Adapter Protocol for tests and for dap-drive: starts a server (or
// talks to a socket), sends requests, waits for responses and events with a bound, keeps all that came, byte
// for byte.
//
// Single-threaded and blocking; what does not come in time is thrown as DapError with the conversation so
// far. The server leads a process group of its own; the destructor kills it. Not for code that ships.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace inpod::test {

using nlohmann::json;
using std::chrono::milliseconds;

struct DapError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class DapClient {
 public:
  static constexpr milliseconds patience{30000};

  /// Starts `command` with pipes; its stderr is ours. environment: added to our own.
  explicit DapClient(const std::vector<std::string>& command,
                     const std::map<std::string, std::string>& environment = {});
  /// Connects to a server on 127.0.0.1.
  explicit DapClient(unsigned short port);
  /// Talks to a server by a connected socket, which it then owns.
  struct Socket {
    int fd = -1;
  };
  explicit DapClient(Socket socket);
  ~DapClient();
  DapClient(const DapClient&) = delete;
  DapClient& operator=(const DapClient&) = delete;

  pid_t pid() const { return pid_; }
  /// Sends a request and returns its seq.
  int send(const std::string& command, const json& arguments = nullptr);
  /// Sends a body as it is; the caller numbers it.
  void send_body(const std::string& body);
  void send_bytes(const std::string& bytes);
  /// The number that the next message will have; taken by the caller.
  int take_seq() { return seq_++; }

  /// Waits for the response to a request.
  json response(int seq, milliseconds bound = patience);
  /// Sends a request and waits for its response, whatever it says.
  json request(const std::string& command, const json& arguments = nullptr, milliseconds bound = patience);
  /// The same; throws unless success is true. Returns the body.
  json must(const std::string& command, const json& arguments = nullptr, milliseconds bound = patience);
  /// The next event of that name that has not been taken yet.
  json event(const std::string& name, milliseconds bound = patience);
  /// As event, when it is there already or comes within `bound`.
  std::optional<json> try_event(const std::string& name, milliseconds bound);
  /// Waits for an output event with `text` in it; output events stay.
  void output(const std::string& text, milliseconds bound = patience);
  std::string all_output() const;

  /// Answers reverse requests of that name; the returned value is the body. Others get success false.
  void on_reverse(const std::string& command, std::function<json(const json& arguments)> handler) {
    reverse_[command] = std::move(handler);
  }

  /// Takes in what comes until `bound` passes or the server has closed its side; true in the latter case.
  bool wait_end(milliseconds bound = patience);
  void close_input();
  /// Waits until the server process has ended; its wait(2) status. Throws past the bound.
  int wait_exit(milliseconds bound = patience);

  const std::vector<json>& messages() const { return messages_; }
  const std::vector<std::string>& bodies() const { return bodies_; }

 private:
  bool receive(std::chrono::steady_clock::time_point until);
  bool take_message();
  void answer_reverse(const json& request);
  [[noreturn]] void give_up(const std::string& waited_for) const;

  pid_t pid_ = -1;
  int in_ = -1, out_ = -1;
  bool ended_ = false;
  std::optional<int> status_;
  std::string buffer_;
  int seq_ = 1;
  std::vector<json> messages_;
  std::vector<std::string> bodies_;
  std::map<int, json> responses_;
  std::deque<json> events_;
  std::map<std::string, std::function<json(const json&)>> reverse_;
};

}  // namespace inpod::test
