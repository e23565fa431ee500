// DAP's base protocol: "Content-Length: N", an empty line, N bytes. (Specification: "Base Protocol".)
//
// FrameReader takes bytes as they come, however split, and gives whole bodies. Header names are matched in
// any case, other headers are ignored, a bare LF ends a line too. Memory is bounded by max_header and
// max_body. Any thread.
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

  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole body; nothing when more bytes are needed. After an error the stream can't be read on.
  Result<std::optional<std::string>> next();
  /// What an end of the stream means now: nothing wrong, or an error that says in the middle of what it came.
  Result<void> at_end() const;

 private:
  Result<void> read_header();

  std::string buffer_;
  std::size_t used_ = 0;  ///< bytes of buffer_ already given out
  std::optional<std::size_t> length_;
};

/// A body with its header.
std::string frame(std::string_view body);

}  // namespace inpod::dap
