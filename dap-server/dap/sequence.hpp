// Sequence: the numbers of one direction, adapter-bound or client-bound. Each message that leaves gets the
// next number of ours, whatever number it came with (lldb-dap sends 0 always); a request's old number is kept
// until its response comes back, which then carries it in the spelling that its sender used.
//
// At most max_open requests are remembered, the oldest forgotten first. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dap/envelope.hpp"

namespace inpod::dap {

class Sequence {
 public:
  static constexpr std::size_t max_open = 65536;

  /// A request that has left and is not answered. origin: the seq it came with, as spelled; empty: it was our
  /// own.
  struct Open {
    std::string origin, command;
    std::function<void(const Message*)> on_response;  ///< of our own requests; null: there will be none
  };

  std::int64_t next() { return next_++; }
  /// The number of a request that now leaves.
  std::int64_t open(Open request);
  /// Takes the request that a response answers; `number` is the response's request_seq as spelled.
  std::optional<Open> close(std::string_view number);
  /// The number that the request of `origin` left with, if it is still open.
  std::optional<std::int64_t> find(std::string_view origin) const;
  /// Takes all that are open, oldest first.
  std::vector<Open> close_all();

 private:
  std::int64_t next_ = 1;
  std::map<std::int64_t, Open> open_;
};

}  // namespace inpod::dap
