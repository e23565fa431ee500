// Resolver: getaddrinfo(3) and getnameinfo(3) as a program in the pod would get them: from its /etc/hosts,
// then its name servers, with the statuses (EAI_*) and the order of glibc. Io thread only; files are read on
// a thread of their own.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "files/worker_pool.hpp"
#include "names/dns_client.hpp"
#include "names/name_files.hpp"
#include "protocol/link.hpp"

namespace inpod::agent {

class Resolver {
 public:
  /// workers: one thread, inside `root`. Both outlive this and every resolve().
  Resolver(boost::asio::any_io_executor io, WorkerPool& workers, const PodRoot& root);

  protocol::Task<protocol::Message> resolve(protocol::Resolve request);
  protocol::Task<protocol::Message> resolve_back(protocol::ResolveBack request);

 private:
  struct Found {
    int status = 0;  // EAI_*
    std::string canonical;
    std::vector<std::string> aliases;
    std::vector<protocol::SocketAddress> addresses;
  };
  using Files = std::shared_ptr<const NameFiles>;
  protocol::Task<Files> load();
  protocol::Task<Found> find(Files files, protocol::Resolve request);
  protocol::Task<Found> look_up(Files files, std::string host, int family);
  protocol::Task<Found> ask_servers(Files files, std::string host, int family);
  std::shared_ptr<DnsClient> servers_of(const Files& files);

  boost::asio::any_io_executor io_;
  WorkerPool& workers_;
  std::shared_ptr<WorkerPool::Group> group_;
  std::shared_ptr<NameFileCache> cache_;
  Files files_;  // the ones that client_ was made for
  std::shared_ptr<DnsClient> client_;
};

}  // namespace inpod::agent
