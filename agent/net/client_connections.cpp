// See client_connections.hpp.
#include "net/client_connections.hpp"

#include <sys/time.h>
#include <sys/un.h>

#include <boost/asio/co_spawn.hpp>
#include <optional>

#include "files/file_operations.hpp"
#include "net/pod_datagrams.hpp"
#include "net/pump.hpp"
#include "protocol/task.hpp"

namespace inpod::agent {
using protocol::AddressFamily;
using protocol::Task;

namespace {

bool is_unix(AddressFamily family) {
  return family == AddressFamily::unix_path || family == AddressFamily::unix_abstract;
}

/// The address for connect(2) or bind(2) on a worker thread.
Result<KernelAddress> unix_address(const protocol::SocketAddress& address, const std::string& usable_path) {
  TRY_ASSIGN(as_given, to_sockaddr(address));  // its errors are the ones that the program would get
  if (address.family != AddressFamily::unix_path) return as_given;
  protocol::SocketAddress usable = address;
  usable.path = usable_path;
  return to_sockaddr(usable);
}

/// On a worker thread: a blocking connect(2), as unix sockets have no connecting state to wait for.
Result<UniqueFd> connect_unix_now(const PodRoot& root, const protocol::Connect& request) {
  bool stream = request.transport == protocol::Transport::stream;
  UniqueFd socket(::socket(AF_UNIX, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket");
  if (request.bind.family != AddressFamily::none) {
    Located entry;
    if (request.bind.family == AddressFamily::unix_path) {
      TRY_ASSIGN(found, root.locate_entry(request.bind.path));
      entry = std::move(found);
    }
    TRY_ASSIGN(from, unix_address(request.bind, entry.path));
    if (::bind(socket.get(), from.get(), from.length) != 0) return fail_errno("bind");
  }
  Located object;
  if (request.remote.family == AddressFamily::unix_path) {
    TRY_ASSIGN(found, root.locate(request.remote.path, true));
    object = std::move(found);
  }
  TRY_ASSIGN(to, unix_address(request.remote, object.path));
  timeval limit{static_cast<time_t>(request.timeout_ms / 1000),
                static_cast<suseconds_t>(request.timeout_ms % 1000 * 1000)};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(socket.get(), to.get(), to.length) != 0)
    return fail_errno("connect", errno == EAGAIN && request.timeout_ms ? ETIMEDOUT : errno);
  return socket;
}

}  // namespace

ClientConnections::ClientConnections(boost::asio::any_io_executor io, WorkerPool& pool, const PodRoot& root,
                                     std::shared_ptr<WorkerPool::Group> group,
                                     std::weak_ptr<protocol::Link> link)
    : io_(std::move(io)), pool_(pool), root_(root), group_(std::move(group)), link_(std::move(link)) {}

ClientConnections::~ClientConnections() {
  for (auto& socket : connecting_) socket->close(true);
}

void ClientConnections::on_request(std::uint32_t id, protocol::Connect request) {
  boost::asio::co_spawn(io_, serve(weak_from_this(), id, std::move(request)), rethrow);
}

void ClientConnections::on_request(std::uint32_t id, const protocol::OpenDatagrams& request) {
  const auto link = link_.lock();
  if (!link) return;
  auto socket = PodDatagrams::open(request.bind);
  if (!socket) return link->respond(id, to_failure(socket.error()));
  auto stream = link->open_stream();
  if (!stream) return link->respond(id, to_failure(stream.error()));
  protocol::Connected answer;
  answer.stream = (*stream)->id();
  answer.local = local_address(socket->get());
  link->respond(id, std::move(answer));
  PodDatagrams::carry(io_, std::move(*socket), std::move(*stream));
}

Task<Result<std::shared_ptr<PodSocket>>> ClientConnections::connect_unix(
    std::shared_ptr<ClientConnections> self, protocol::Connect request) {
  auto io = self->io_;
  WorkerPool& pool = self->pool_;
  auto group = self->group_;
  auto job = [&root = self->root_, request = std::move(request)] { return connect_unix_now(root, request); };
  self.reset();
  auto socket = co_await pool.run(group, std::move(job));
  if (!socket) co_return fail_errno("connect", EAGAIN);
  if (!*socket) co_return Failed(socket->error());
  co_return std::make_shared<PodSocket>(io, std::move(**socket));
}

Task<Result<std::shared_ptr<PodSocket>>> ClientConnections::connect_ip(std::weak_ptr<ClientConnections> weak,
                                                                       protocol::Connect request) {
  auto self = weak.lock();
  if (!self) co_return fail_errno("connect", ECANCELED);
  CO_TRY(to, to_sockaddr(request.remote));
  CO_TRY(socket, PodSocket::create(self->io_, request.transport, request.remote, request.bind));
  self->connecting_.insert(socket);
  self.reset();  // so that its end can interrupt us
  auto connected = co_await socket->connect(to, std::chrono::milliseconds(request.timeout_ms));
  if (auto again = weak.lock()) again->connecting_.erase(socket);
  if (!connected) co_return Failed(connected.error());
  co_return socket;
}

Task<void> ClientConnections::serve(std::weak_ptr<ClientConnections> weak, std::uint32_t id,
                                    protocol::Connect request) {
  protocol::Transport transport = request.transport;
  Result<std::shared_ptr<PodSocket>> socket;
  if (is_unix(request.remote.family)) {
    auto self = weak.lock();
    if (!self) co_return;
    socket = co_await connect_unix(std::move(self), std::move(request));
  } else {
    socket = co_await connect_ip(weak, std::move(request));
  }
  auto self = weak.lock();
  auto link = self ? self->link_.lock() : nullptr;
  if (!link) co_return;
  if (!socket) {
    link->respond(id, to_failure(socket.error()));
    co_return;
  }
  auto stream = link->open_stream();
  if (!stream) {
    link->respond(id, to_failure(stream.error()));
    co_return;
  }
  protocol::Connected answer;
  answer.stream = (*stream)->id();
  answer.local = local_address((*socket)->native());
  answer.remote = peer_address((*socket)->native());
  link->respond(id, std::move(answer));
  pump(self->io_, std::move(*socket), std::move(*stream), transport);
}

}  // namespace inpod::agent
