// Server: see server.hpp.
#include "relay/server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "relay/loopback.hpp"

namespace inpod::relay {

namespace asio = boost::asio;

/// Asio's descriptor is made only when the socket has to be waited for: most operations never do.
struct Server::Connection {
  explicit Connection(UniqueFd socket) : fd(std::move(socket)) {}

  Task<bool> wait(const asio::any_io_executor& executor, asio::posix::stream_descriptor::wait_type what) {
    if (fd) {
      boost::system::error_code failed;
      descriptor.emplace(executor).assign(fd.get(), failed);
      if (failed) co_return false;
      (void)fd.release();
    }
    if (!descriptor) co_return false;
    auto [failed] = co_await descriptor->async_wait(what, as_result);
    co_return !failed && get() >= 0;
  }
  int get() { return fd ? fd.get() : descriptor ? descriptor->native_handle() : -1; }
  void close() {
    boost::system::error_code ignored;
    fd.reset();
    if (descriptor) descriptor->close(ignored);
  }

 private:
  UniqueFd fd;
  std::optional<asio::posix::stream_descriptor> descriptor;
};

namespace {

constexpr std::size_t first_read = 16 << 10;  // text and data that most requests need
constexpr std::chrono::milliseconds starved_pause{50};
constexpr int backlog = 1024;

/// Takes the descriptors out of `message`: the first is kept, others are closed.
void take_descriptors(msghdr& message, UniqueFd& fd) {
  for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int got = -1;
      std::memcpy(&got, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      UniqueFd owned(got);
      if (!fd) fd = std::move(owned);
    }
  }
}

bool acceptable(const Request& request) {
  return request.magic_number == magic && request.text_length <= max_text &&
         request.data_length <= max_data && request.address_length <= sizeof(request.address);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::create(Context& context, const Processes& processes,
                                               const std::string& path, Handler handler) {
  TRY_ASSIGN(listener, listen_on_unix(path, backlog));
  std::unique_ptr<Server> server(
      new Server(context, processes, path, std::move(listener), std::move(handler)));
  if (::geteuid() != 0) return server;
  if (auto abstract = listen_on_abstract(path, backlog))
    server->abstract_listener_.assign(abstract->release());
  return server;
}

Server::Server(Context& context, const Processes& processes, std::string path, UniqueFd listener,
               Handler handler)
    : context_(context),
      processes_(processes),
      path_(std::move(path)),
      handler_(std::move(handler)),
      listener_(context.executor, listener.release()),
      abstract_listener_(context.executor),
      room_(context.executor) {}

Server::~Server() {
  close();
}

void Server::start() {
  context_.spawn(accept_all(listener_));
  if (abstract_listener_.is_open()) context_.spawn(accept_all(abstract_listener_));
}

void Server::close() {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  listener_.close(ignored);
  abstract_listener_.close(ignored);
  for (auto& connection : receiving_) connection->close();
  room_.notify();
  ::unlink(path_.c_str());
}

Task<void> Server::accept_all(Listener& listener) {
  while (!closed_) {
    auto [failed] = co_await listener.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (failed || closed_) co_return;
    while (!closed_ && accept_waiting(listener)) {
      make_room();
      while (!closed_ && open_ >= max_connections) co_await room_.wait();
    }
    if (starved_) co_await room_.wait_for(starved_pause);
  }
}

/// True when there may be more.
bool Server::accept_waiting(Listener& listener) {
  UniqueFd fd(::accept4(listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const bool passing = !fd && (errno == EINTR || errno == ECONNABORTED);
  starved_ = !fd && !passing && errno != EAGAIN;
  if (!fd) return passing;
  auto connection = std::make_shared<Connection>(std::move(fd));
  ++open_;
  context_.spawn(serve(std::move(connection)));
  return true;
}

void Server::make_room() {
  if (open_ >= max_connections && !receiving_.empty()) receiving_.front()->close();
}

Task<void> Server::serve(std::shared_ptr<Connection> connection) {
  struct Count {
    Server& server;
    ~Count() {
      --server.open_;
      server.room_.notify();
    }
  } count{*this};
  Call call;
  if (!processes_.admits(connection->get(), call.pid)) co_return;
  bool received = false;
  {
    struct Place {
      Connections& list;
      Connections::iterator at;
      ~Place() { list.erase(at); }
    } place{receiving_, receiving_.insert(receiving_.end(), connection)};
    received = co_await receive(*connection, call);
  }
  if (!received || closed_) co_return;
  if (call.request.process != 0 && call.pid == ::getpid()) call.pid = static_cast<int>(call.request.process);
  if (call.request.version_number != version) {
    Answer answer = refuse(EPROTO);
    co_await send(*connection, std::move(answer));
    co_return;
  }
  Answer answer;
  if (call.request.has_fd != 0 && !call.fd)
    answer = refuse(ENFILE);  // no number was left for it here
  else
    answer = co_await handler_(std::move(call));
  if (!answer.silent) co_await send(*connection, std::move(answer));
}

Task<bool> Server::receive(Connection& connection, Call& call) {
  Bytes body(first_read);
  std::size_t got = 0, wanted = sizeof(Request);
  for (bool sized = false;;) {
    iovec parts[2];
    std::size_t count = 0;
    if (got < sizeof(Request))
      parts[count++] = {reinterpret_cast<char*>(&call.request) + got, sizeof(Request) - got};
    const std::size_t in_body = got < sizeof(Request) ? 0 : got - sizeof(Request);
    parts[count++] = {body.data() + in_body, body.size() - in_body};
    alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const auto length = ::recvmsg(connection.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) {
      const bool readable =
          co_await connection.wait(context_.executor, asio::posix::stream_descriptor::wait_read);
      if (!readable) co_return false;
      continue;
    }
    if (length <= 0) co_return false;
    take_descriptors(message, call.fd);
    got += static_cast<std::size_t>(length);
    if (got >= sizeof(Request) && !sized) {
      if (!acceptable(call.request)) co_return false;
      sized = true;
      wanted = sizeof(Request) + call.request.text_length + call.request.data_length;
      body.resize(std::max(wanted - sizeof(Request), got - sizeof(Request)) +
                  1);  // never an empty read buffer
    }
    if (sized && got > wanted) co_return false;  // more than was announced
    if (sized && got == wanted) break;
  }
  call.text.assign(body.begin(), body.begin() + call.request.text_length);
  body.resize(wanted - sizeof(Request));
  body.erase(body.begin(), body.begin() + call.request.text_length);
  call.data = std::move(body);
  co_return true;
}

Task<void> Server::send(Connection& connection, Answer answer) {
  auto& reply = answer.reply;
  const int fd = answer.fd ? answer.fd.get() : answer.shared_fd;
  reply.has_fd = fd >= 0;
  reply.data_length = static_cast<std::uint32_t>(answer.data.size());
  const std::size_t total = sizeof(Reply) + answer.data.size();
  for (std::size_t sent = 0; sent < total;) {
    iovec parts[2];
    std::size_t count = 0;
    if (sent < sizeof(Reply)) parts[count++] = {reinterpret_cast<char*>(&reply) + sent, sizeof(Reply) - sent};
    const std::size_t in_data = sent < sizeof(Reply) ? 0 : sent - sizeof(Reply);
    parts[count++] = {answer.data.data() + in_data, answer.data.size() - in_data};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    if (fd >= 0 && sent == 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof(control);
      auto* part = CMSG_FIRSTHDR(&message);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(part), &fd, sizeof(int));
    }
    const auto length = ::sendmsg(connection.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) {
      const bool writable =
          co_await connection.wait(context_.executor, asio::posix::stream_descriptor::wait_write);
      if (!writable) co_return;
      continue;
    }
    if (length < 0) co_return;
    sent += static_cast<std::size_t>(length);
  }
}

}  // namespace inpod::relay
