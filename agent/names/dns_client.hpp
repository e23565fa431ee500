// DnsClient: questions to the name servers of one resolv.conf, by c-ares on the io thread (whose network
// namespace is the pod's). Names are asked for as they are: search lists are the caller's. Io thread only;
// keep it in a shared_ptr.
#pragma once

#include <ares.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "names/dns_answer.hpp"
#include "names/resolv_conf.hpp"
#include "protocol/link.hpp"

namespace inpod::agent {

class DnsClient : public std::enable_shared_from_this<DnsClient> {
 public:
  static Result<std::shared_ptr<DnsClient>> create(boost::asio::any_io_executor io,
                                                   const ResolvConf& configuration);
  ~DnsClient();
  DnsClient(const DnsClient&) = delete;

  /// Asks for all types of one name at the same time. Answers stand in the order of `types`. Bounded by the
  /// configuration's timeout and attempts.
  protocol::Task<std::vector<DnsAnswer>> ask(std::string name, std::vector<DnsType> types);

 private:
  struct Watch;
  struct Question;
  explicit DnsClient(boost::asio::any_io_executor io);
  Result<void> open(const ResolvConf& configuration);
  void on_socket(ares_socket_t socket, bool read, bool write);
  void arm(ares_socket_t socket, const std::shared_ptr<Watch>& watch);
  void process(ares_socket_t readable, ares_socket_t writable);
  void set_timer();

  boost::asio::any_io_executor io_;
  boost::asio::steady_timer timer_;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, std::shared_ptr<Watch>> watches_;
};

}  // namespace inpod::agent
