// ClientFiles: the file requests of one client. It keeps the client's handles and half-read listings, has
// each request done on a worker thread and answers on the client's link. Io thread only. Destroying it closes
// everything, stops what waits and interrupts what runs.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <map>
#include <memory>

#include "files/file_operations.hpp"
#include "files/worker_pool.hpp"
#include "protocol/link.hpp"

namespace inpod::agent {

class ClientFiles : public std::enable_shared_from_this<ClientFiles> {
 public:
  /// pool's threads are inside `root`; both outlive this.
  ClientFiles(boost::asio::any_io_executor io, WorkerPool& pool, const PodRoot& root,
              std::weak_ptr<protocol::Link> link);
  ~ClientFiles();

  void on_request(std::uint32_t id, protocol::OpenFile request);
  void on_request(std::uint32_t id, protocol::ReadFile request);
  void on_request(std::uint32_t id, protocol::StreamFile request);
  void on_request(std::uint32_t id, protocol::WriteFile request);
  void on_request(std::uint32_t id, protocol::TruncateFile request);
  void on_request(std::uint32_t id, protocol::CloseFile request);
  void on_request(std::uint32_t id, protocol::StatFile request);
  void on_request(std::uint32_t id, protocol::AccessFile request);
  void on_request(std::uint32_t id, protocol::ReadLink request);
  void on_request(std::uint32_t id, protocol::RealPath request);
  void on_request(std::uint32_t id, protocol::ReadDirectory request);
  void on_request(std::uint32_t id, protocol::ChangePath request);
  void on_request(std::uint32_t id, protocol::ChangeAttributes request);
  void on_request(std::uint32_t id, protocol::ControlFile request);

  /// The client's share of the pool, for other blocking work of it.
  const std::shared_ptr<WorkerPool::Group>& group() const { return group_; }

 private:
  struct Listing {
    std::shared_ptr<OpenListing> listing;
    std::chrono::steady_clock::time_point until;
  };
  std::shared_ptr<OpenHandle> find(std::uint64_t handle) const;
  void respond(std::uint32_t id, protocol::Message answer);
  template <class Work, class Finish>
  void work(std::uint32_t id, Work work, Finish finish);
  template <class Work>
  void answer_with(std::uint32_t id, Work work);
  void opened(std::uint32_t id, OpenResult result);
  void listed(std::uint32_t id, ListResult result);
  std::uint32_t start_stream(std::shared_ptr<OpenHandle> handle, std::uint64_t offset, std::uint64_t length);
  static protocol::Task<void> send_file(std::shared_ptr<ClientFiles> self,
                                        std::unique_ptr<protocol::Stream> stream,
                                        std::shared_ptr<OpenHandle> handle, std::uint64_t offset,
                                        std::uint64_t length);

  boost::asio::any_io_executor io_;
  WorkerPool& pool_;
  const PodRoot& root_;
  std::weak_ptr<protocol::Link> link_;
  std::shared_ptr<WorkerPool::Group> group_;
  std::map<std::uint64_t, std::shared_ptr<OpenHandle>> handles_;
  std::map<std::uint64_t, Listing> listings_;  // by cursor, so the first is the oldest
  std::uint64_t last_number_ = 0;              // of handles and cursors
};

}  // namespace inpod::agent
