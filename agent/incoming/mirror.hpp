// Mirror: finds the connections to subscribed ports among the pod's packets and gives every subscriber a
// copy.
//
// It follows a connection from its SYN: one that was already open has no beginning and is left alone. A gap
// (bytes the pod acknowledged but we never saw) ends that connection's copies with a note, and nothing else.
// Bounded: tracked connections, bytes behind a hole, bytes that wait for a client. Lives on the executor.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "incoming/addresses.hpp"
#include "incoming/incoming.hpp"
#include "incoming/mirror_copy.hpp"
#include "incoming/reassembly.hpp"
#include "incoming/report.hpp"
#include "incoming/sniffer.hpp"

namespace inpod::agent {

class Mirror {
 public:
  Mirror(boost::asio::any_io_executor executor, Note note, std::shared_ptr<PrivilegedNetwork> network)
      : executor_(executor), note_(std::move(note)), network_(std::move(network)), doubt_(executor) {}
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  /// New connections to `port` are copied to this client from now on. Errors: of Sniffer; ENOSPC (too many
  /// ports).
  Result<void> add(std::uint64_t subscription, std::uint16_t port, std::shared_ptr<Incoming::Client> client);
  /// Ends the subscription and its copies; unknown numbers are ignored.
  void remove(std::uint64_t subscription);

 private:
  struct Subscriber {
    std::uint16_t port = 0;
    std::shared_ptr<Incoming::Client> client;
    std::chrono::steady_clock::time_point noted{};  ///< when the last note went to it
    std::size_t unnoted = 0;                        ///< how many notes were held back since
  };
  struct Flow {
    Endpoint peer, local;
    bool operator==(const Flow&) const = default;
  };
  struct FlowHash {
    std::size_t operator()(const Flow& flow) const;
  };
  struct Tracked {
    explicit Tracked(std::uint32_t first);
    std::uint64_t answered() const;
    std::uint32_t first;  ///< sequence number of the first byte
    Reassembler inbound;
    bool established = false;              ///< the handshake is over, and the copies were started
    protocol::Bytes early;                 ///< bytes that came with the SYN (TCP Fast Open)
    std::uint32_t acknowledgement = 0;     ///< the last one of the peer
    std::uint64_t acknowledged = 0;        ///< bytes of the pod, and its FIN
    std::optional<std::uint32_t> pod_end;  ///< sequence number of the pod's FIN
    std::vector<std::shared_ptr<MirrorCopy>> copies;
    std::chrono::steady_clock::time_point seen;
  };
  using Flows = std::unordered_map<Flow, Tracked, FlowHash>;

  Result<void> watch_ports();
  void on_segment(const Segment& segment, bool to_pod);
  void on_drops(std::uint32_t packets);
  void end_doubtful();
  void from_peer(const Flow& flow, const Segment& segment);
  void from_pod(const Flow& flow, const Segment& segment);
  void begin(const Flow& flow, const Segment& syn);
  bool make_room();
  void establish(const Flow& flow, Tracked& tracked);
  void deliver(const Flow& flow, Tracked& tracked, protocol::Bytes data);
  void settle(Flows::iterator flow, Reassembler::State state);
  void end(Flows::iterator flow, int code, const std::string& why);
  void close(Flows::iterator flow, std::uint64_t answered, int code);
  void tell(std::uint64_t subscription, const std::string& text);
  void tell_all(const std::string& text);
  bool should_pause();

  boost::asio::any_io_executor executor_;
  Note note_;
  std::shared_ptr<PrivilegedNetwork> network_;
  LocalAddresses local_;
  std::map<std::uint64_t, Subscriber> subscribers_;
  Flows flows_;
  std::set<std::weak_ptr<MirrorCopy>, std::owner_less<>> congested_;
  std::chrono::steady_clock::time_point dropped_{};  ///< when the kernel last dropped copies
  boost::asio::steady_timer doubt_;                  ///< runs while connections may have lost packets then
  std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);  ///< for the timer's handler
  std::unique_ptr<Sniffer> sniffer_;  ///< last: its end stops the calls into the rest
};

}  // namespace inpod::agent
