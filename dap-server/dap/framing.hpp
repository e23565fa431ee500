// DAP's base protocol: "Content-Length: N", an empty line, N bytes. (Specification: "Base Protocol".)
//
// FrameReader takes bytes as they come, however split, and gives whole bodies. A header holds Content-Length,
// once, and may hold Content-Type; names are matched in any case, a bare LF ends a line too. Any other line
// is an error, so that a peer that speaks something else (HTTP from a web page) is refused by its first line,
// and a message in the body of its request is never looked at. Memory is bounded by max_header and max_body.
// Any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.hpp"

namespace inpod::dap {

class FrameReader {
 public:
  static constexpr std::size_t max_header = 4096;
  static constexpr std::size_t max_body = 256u << 20;
  static constexpr std::size_t max_stranger_body = 1u << 20;  ///< until a secret that is expected was right

  /// The first header may hold the line Inpod-Secret too; bodies are limited to max_stranger_body until
  /// `trust`. Call it before the first `feed`.
  void expect_secret() { expects_secret_ = true; }
  void trust() { expects_secret_ = false; }
  /// What stood behind Inpod-Secret. Secret: never log it.
  const std::optional<std::string>& secret() const { return secret_; }

  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole body; nothing when more bytes are needed. After an error the stream can't be read on.
  Result<std::optional<std::string>> next();
  /// What an end of the stream means now: nothing wrong, or an error that says in the middle of what it came.
  Result<void> at_end() const;

 private:
  struct Fields {
    std::optional<std::size_t> length;
    std::optional<std::string> secret;
    bool has_type = false;
  };
  Result<void> read_header();
  Result<void> read_field(std::string_view line, Fields& fields) const;
  Result<std::size_t> parse_length(std::string_view text) const;

  std::string buffer_;
  std::size_t used_ = 0;  ///< bytes of buffer_ already given out
  std::optional<std::size_t> length_;
  std::optional<std::string> secret_;
  bool expects_secret_ = false;
  bool at_first_header_ = true;
};

/// A body with its header.
std::string frame(std::string_view body);

}  // namespace inpod::dap
