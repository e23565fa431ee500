// Node and its builder.
#include "config/node.hpp"

#include <algorithm>

#include "config/node_builder.hpp"

namespace inpod::config {

std::string located(const std::string& origin, std::size_t line, const std::string& text) {
  return line == 0 ? origin + ": " + text : origin + ":" + std::to_string(line) + ": " + text;
}

std::string describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::boolean:
      return node.text;
    case Node::Kind::number:
      return "number " + node.text.substr(0, 80);
    case Node::Kind::text:
      return "text \"" + node.text.substr(0, 80) + "\"";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
  }
  return {};
}

bool NodeBuilder::fail_at(std::size_t line, const std::string& text) {
  if (!error_) error_ = Error{0, located(origin_, line, text), {}};
  return false;
}

bool NodeBuilder::put(Node node) {
  if (error_) return false;
  if (open_.empty()) {
    root_ = std::move(node);
    has_root_ = true;
    return true;
  }
  Node& parent = open_.back();
  if (parent.kind == Node::Kind::list) {
    parent.items.push_back(std::move(node));
  } else {
    auto& [name, line] = names_.back();
    node.line = line;
    parent.members.push_back({std::move(name), std::move(node)});
    names_.pop_back();
  }
  return true;
}

bool NodeBuilder::scalar(Node::Kind kind, const std::string& text, std::size_t line) {
  if (++values_ > max_values) return fail_at(line, "more than 10000 values");
  Node node;
  node.kind = kind;
  node.text = text;
  node.line = line;
  return put(std::move(node));
}

bool NodeBuilder::open(Node::Kind kind, std::size_t line) {
  if (error_) return false;
  if (++values_ > max_values) return fail_at(line, "more than 10000 values");
  if (open_.size() == max_depth) return fail_at(line, "nested deeper than 16 levels");
  Node node;
  node.kind = kind;
  node.line = line;
  open_.push_back(std::move(node));
  return true;
}

bool NodeBuilder::key(const std::string& name, std::size_t line) {
  if (error_) return false;
  const auto& members = open_.back().members;
  const bool twice =
      std::any_of(members.begin(), members.end(), [&](const auto& member) { return member.first == name; });
  if (twice) return fail_at(line, "key \"" + name + "\" stands here twice");
  names_.emplace_back(name, line);
  return true;
}

bool NodeBuilder::close() {
  if (error_) return false;
  Node node = std::move(open_.back());
  open_.pop_back();
  return put(std::move(node));
}

Result<Node> NodeBuilder::take() {
  if (error_) return Failed(*error_);
  if (!has_root_) return Node{};
  if (root_.kind != Node::Kind::map && root_.kind != Node::Kind::null) {
    return fail(located(origin_, root_.line, "expected keys and values, got " + describe(root_)));
  }
  return std::move(root_);
}

}  // namespace inpod::config
