// Node: a value of a config file with the line it stands on, whatever the file's language. YAML, JSON and
// command-line flags all become Nodes, so that one function checks them all (apply.cpp).
//
// Bounded: files up to 1 MiB, 16 levels, 10000 values. Plain data; any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "protocol/result.hpp"

namespace inpod::config {

struct Member;

struct Node {
  enum class Kind { null, boolean, number, text, list, map };
  Kind kind = Kind::null;
  std::string text;             ///< of boolean ("true", "false"), number and text
  std::size_t line = 0;         ///< from 1, of the key where it has one; 0: unknown
  std::vector<Node> items;      ///< of a list
  std::vector<Member> members;  ///< of a map, in the file's order; keys are unique
};

/// Not a std::pair: clang 14 can't make one of a type that holds it.
struct Member {
  std::string first;
  Node second;
};

/// "text \"x\"", "number 5", "a list": for error messages.
std::string describe(const Node& node);
/// The whole value on one line, as JSON in ASCII: what it holds does not change the terminal that shows it.
std::string to_line(const Node& node);

/// Errors carry "origin:line: …". The document must be one map, or empty.
Result<Node> parse_yaml(const std::string& content, const std::string& origin);
/// JSON, with // and /* */ comments allowed as in launch.json.
Result<Node> parse_json(const std::string& content, const std::string& origin);
/// A JSON value that someone else has parsed: no lines.
Result<Node> from_json(const nlohmann::json& value, const std::string& origin);

}  // namespace inpod::config
