// ClientConnections: the Connect requests of one client. Io thread only. Destroying it ends what is still
// connecting; established connections end with their streams.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <set>

#include "files/pod_root.hpp"
#include "files/worker_pool.hpp"
#include "net/pod_socket.hpp"
#include "protocol/link.hpp"

namespace inpod::agent {

class ClientConnections : public std::enable_shared_from_this<ClientConnections> {
 public:
  /// Unix sockets are connected on the pool's threads, which are inside `root`; both outlive this.
  ClientConnections(boost::asio::any_io_executor io, WorkerPool& pool, const PodRoot& root,
                    std::shared_ptr<WorkerPool::Group> group, std::weak_ptr<protocol::Link> link);
  ~ClientConnections();
  void on_request(std::uint32_t id, protocol::Connect request);
  void on_request(std::uint32_t id, const protocol::OpenDatagrams& request);

 private:
  static protocol::Task<void> serve(std::weak_ptr<ClientConnections> weak, std::uint32_t id,
                                    protocol::Connect request);
  static protocol::Task<Result<std::shared_ptr<PodSocket>>> connect_unix(
      std::shared_ptr<ClientConnections> self, protocol::Connect request);
  static protocol::Task<Result<std::shared_ptr<PodSocket>>> connect_ip(std::weak_ptr<ClientConnections> weak,
                                                                       protocol::Connect request);

  boost::asio::any_io_executor io_;
  WorkerPool& pool_;
  const PodRoot& root_;
  std::shared_ptr<WorkerPool::Group> group_;
  std::weak_ptr<protocol::Link> link_;
  std::set<std::shared_ptr<PodSocket>> connecting_;
};

}  // namespace inpod::agent
