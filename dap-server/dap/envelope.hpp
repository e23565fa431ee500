// Envelope: what the proxy must know of any message to pass it on: its kind, its name, and where the numbers
// stand that belong to one connection (seq, request_seq, a cancel's requestId). Everything else stays raw.
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dap/json_text.hpp"

namespace inpod::dap {

struct Envelope {
  enum class Kind { unknown, request, response, event };
  Kind kind = Kind::unknown;  ///< unknown: not a DAP message by shape; it is passed on as it is
  std::string name;           ///< command of a request or response, event of an event
  std::optional<Span> seq, request_seq, arguments, body;
  bool success = false;

  bool is(Kind wanted, std::string_view wanted_name) const { return kind == wanted && name == wanted_name; }
};

/// A message as it came, and what was read off it.
struct Message {
  explicit Message(std::string text);
  std::string raw;
  Envelope envelope;

  std::string_view part(const std::optional<Span>& span) const {
    return span ? span->of(raw) : std::string_view();
  }
  /// arguments of a request, body of a response or event, parsed; null when missing or not valid JSON.
  nlohmann::json arguments() const;
  nlohmann::json body() const;
};

}  // namespace inpod::dap
