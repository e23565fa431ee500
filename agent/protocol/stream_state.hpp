// StreamState: what a Link knows of one stream. Shared by the Stream object (the user's end) and the Link's
// tables (the wire's end), which outlive each other in either order. Internal to the protocol library.
//
// Life on the wire: each side ends its direction once, by FIN or reset. A side that hears a reset answers
// with its own, if it had not ended yet. When both directions have ended the id is retired and the Link
// forgets it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>

#include "protocol/event.hpp"
#include "protocol/link.hpp"

namespace inpod::protocol {

struct StreamState : std::enable_shared_from_this<StreamState> {
  StreamState(std::shared_ptr<LinkCore> link, std::uint32_t id);

  std::shared_ptr<LinkCore> link;
  const std::uint32_t id;
  bool abandoned = false;  ///< no Stream object any more: nobody will read

  // From the peer.
  std::deque<Bytes> inbox;
  std::uint32_t allowance = 0;  ///< cost that the peer may still send
  std::uint32_t owed = 0;       ///< cost that was read and not given back yet
  bool peer_finished = false;
  bool end_seen = false;  ///< read() has given the FIN
  bool reading = false;
  Event readable;

  // To the peer.
  std::span<const std::uint8_t>
      pending;               ///< what the write() that waits has still to send; lives in its caller
  bool writing = false;      ///< pending is valid
  bool datagram = false;     ///< pending goes out whole, in one frame
  std::uint32_t credit = 0;  ///< cost that we may still send
  bool finishing = false;    ///< finish() was called
  bool end_sent = false;     ///< FIN or reset is numbered or queued: our direction has ended
  bool reset_sent = false;
  bool ready = false;  ///< stands in the Link's list of streams with something to send
  Event writable;

  std::optional<Error> broken;  ///< reset, by whichever side or by the link's end

  static Task<Result<Bytes>> read(std::shared_ptr<StreamState> self);
  static Task<Result<void>> write(std::shared_ptr<StreamState> self, std::span<const std::uint8_t> data,
                                  bool datagram);

  /// Both waiting sides look again.
  void notify();
  /// Size of the next data frame that credit allows, if any.
  std::optional<std::size_t> next_piece() const;
  /// Something can be sent now: data with credit, or the FIN after all data.
  bool can_send() const;
  /// Marks as broken: writes fail from now on, reads when the inbox is empty.
  void fail(Error error);

 private:
  void give_back_credit(std::size_t size);
};

}  // namespace inpod::protocol
