// NodeBuilder: makes a Node from a parser's events and holds it to its bounds: depth, number of values,
// unique keys. Every function returns false after the first error, which `take` then gives. Internal to
// config/.
#pragma once

#include <optional>

#include "config/node.hpp"

namespace inpod::config {

class NodeBuilder {
 public:
  static constexpr std::size_t max_bytes = 1 << 20, max_depth = 16, max_values = 10000;

  explicit NodeBuilder(std::string origin) : origin_(std::move(origin)) {}
  bool scalar(Node::Kind kind, const std::string& text, std::size_t line);
  bool open(Node::Kind kind, std::size_t line);
  bool key(const std::string& name, std::size_t line);
  bool close();
  bool fail_at(std::size_t line, const std::string& text);
  /// The finished document, or the first error. A document that is neither map nor null is an error.
  Result<Node> take();

 private:
  bool put(Node node);
  std::string origin_;
  std::vector<Node> open_;  // the containers that are still open, outermost first
  /// The keys, with their lines, under which each of them, and the next value, will stand.
  std::vector<std::pair<std::string, std::size_t>> names_;
  Node root_;
  bool has_root_ = false;
  std::size_t values_ = 0;
  std::optional<Error> error_;
};

/// "origin:line: text", or without the line where it is unknown.
std::string located(const std::string& origin, std::size_t line, const std::string& text);

}  // namespace inpod::config
