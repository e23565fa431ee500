// See dap_client.hpp.
#include "support/dap_client.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>

namespace inpod::test {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> environment_with(const std::map<std::string, std::string>& more) {
  std::vector<std::string> out;
  for (char** variable = environ; *variable; ++variable) {
    const std::string text = *variable;
    if (!more.contains(text.substr(0, text.find('=')))) out.push_back(text);
  }
  for (const auto& [name, value] : more) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (auto& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

int milliseconds_until(Clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 60000));
}

}  // namespace

DapClient::DapClient(const std::vector<std::string>& command,
                     const std::map<std::string, std::string>& environment) {
  signal(SIGPIPE, SIG_IGN);
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) throw DapError("pipe2 failed");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to[0], 0);
  posix_spawn_file_actions_adddup2(&actions, from[1], 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  auto words = command;
  auto variables = environment_with(environment);
  const int error = posix_spawnp(&pid_, words[0].c_str(), &actions, &attributes, pointers(words).data(),
                                 pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(to[0]);
  close(from[1]);
  out_ = to[1];
  in_ = from[0];
  if (error) throw DapError("cannot start " + words[0] + ": " + strerror(error));
}

DapClient::DapClient(unsigned short port)
    : DapClient(Socket{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(in_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw DapError(std::string("connect: ") + strerror(errno));
}

DapClient::DapClient(Socket socket) : in_(socket.fd), out_(fcntl(socket.fd, F_DUPFD_CLOEXEC, 3)) {
  signal(SIGPIPE, SIG_IGN);
}

DapClient::~DapClient() {
  if (in_ >= 0) close(in_);
  if (out_ >= 0) close(out_);
  if (pid_ > 0 && !status_) {
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void DapClient::send_bytes(const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t count = write(out_, bytes.data() + at, bytes.size() - at);
    if (count < 0) throw DapError(std::string("the server takes no more: ") + strerror(errno));
    at += static_cast<std::size_t>(count);
  }
}

void DapClient::send_body(const std::string& body) {
  send_bytes("Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}

int DapClient::send(const std::string& command, const json& arguments) {
  json message{{"seq", take_seq()}, {"type", "request"}, {"command", command}};
  if (!arguments.is_null()) message["arguments"] = arguments;
  send_body(message.dump());
  return message["seq"];
}

bool DapClient::take_message() {
  const auto header_end = buffer_.find("\r\n\r\n");
  if (header_end == std::string::npos) return false;
  const std::string prefix = "Content-Length: ";
  if (!buffer_.starts_with(prefix)) throw DapError("not a DAP header: " + buffer_.substr(0, 80));
  const std::size_t length = std::stoul(buffer_.substr(prefix.size(), header_end));
  if (buffer_.size() < header_end + 4 + length) return false;
  bodies_.push_back(buffer_.substr(header_end + 4, length));
  buffer_.erase(0, header_end + 4 + length);
  json message = json::parse(bodies_.back(), nullptr, false);
  messages_.push_back(message);
  if (!message.is_object()) return true;
  const std::string type = message.value("type", "");
  if (type == "response") responses_[message.value("request_seq", 0)] = message;
  if (type == "event") events_.push_back(message);
  if (type == "request") answer_reverse(message);
  return true;
}

void DapClient::answer_reverse(const json& request) {
  const std::string command = request.value("command", "");
  const auto handler = reverse_.find(command);
  json answer{{"seq", take_seq()},
              {"type", "response"},
              {"command", command},
              {"request_seq", request["seq"]},
              {"success", handler != reverse_.end()}};
  if (handler != reverse_.end()) answer["body"] = handler->second(request.value("arguments", json::object()));
  send_body(answer.dump());
}

/// Takes in at least one message; false when the time is over or the server has closed.
bool DapClient::receive(Clock::time_point until) {
  while (!take_message()) {
    pollfd readable{in_, POLLIN, 0};
    if (ended_ || poll(&readable, 1, milliseconds_until(until)) <= 0) return false;
    char chunk[65536];
    const ssize_t count = read(in_, chunk, sizeof chunk);
    if (count <= 0) {
      ended_ = true;
      continue;
    }
    buffer_.append(chunk, static_cast<std::size_t>(count));
  }
  return true;
}

void DapClient::give_up(const std::string& waited_for) const {
  std::string text = waited_for + (ended_ ? ": the server has closed. " : ": not in time. ") + "What came:";
  for (const auto& body : bodies_) text += "\n  " + body.substr(0, 600);
  throw DapError(text);
}

json DapClient::response(int seq, milliseconds bound) {
  const auto until = Clock::now() + bound;
  while (!responses_.contains(seq))
    if (!receive(until)) give_up("response to request " + std::to_string(seq));
  return responses_[seq];
}

json DapClient::request(const std::string& command, const json& arguments, milliseconds bound) {
  return response(send(command, arguments), bound);
}

json DapClient::must(const std::string& command, const json& arguments, milliseconds bound) {
  const json answer = request(command, arguments, bound);
  if (!answer.value("success", false)) throw DapError(command + " failed: " + answer.dump());
  return answer.value("body", json::object());
}

std::optional<json> DapClient::try_event(const std::string& name, milliseconds bound) {
  const auto until = Clock::now() + bound;
  while (true) {
    const auto found = std::find_if(events_.begin(), events_.end(),
                                    [&](const json& event) { return event.value("event", "") == name; });
    if (found != events_.end()) {
      json event = *found;
      events_.erase(found);
      return event;
    }
    if (!receive(until)) return std::nullopt;
  }
}

json DapClient::event(const std::string& name, milliseconds bound) {
  auto event = try_event(name, bound);
  if (!event) give_up("event " + name);
  return *event;
}

std::string DapClient::all_output() const {
  std::string text;
  for (const auto& message : messages_)
    if (message.value("event", "") == "output") text += message["body"].value("output", "");
  return text;
}

void DapClient::output(const std::string& text, milliseconds bound) {
  const auto until = Clock::now() + bound;
  while (all_output().find(text) == std::string::npos)
    if (!receive(until)) give_up("output \"" + text + "\"");
}

bool DapClient::wait_end(milliseconds bound) {
  const auto until = Clock::now() + bound;
  while (receive(until)) {
  }
  return ended_;
}

void DapClient::close_input() {
  if (out_ < 0) return;
  shutdown(out_, SHUT_WR);
  close(out_);
  out_ = -1;
}

int DapClient::wait_exit(milliseconds bound) {
  const auto until = Clock::now() + bound;
  while (!status_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = status;
      break;
    }
    if (Clock::now() > until) give_up("the server's end");
    if (!ended_)
      receive(Clock::now() + milliseconds(20));
    else
      std::this_thread::sleep_for(milliseconds(20));
  }
  return *status_;
}

}  // namespace inpod::test
