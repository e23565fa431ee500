// JSON → Node. A SAX parser over an iterator that counts lines, since nlohmann::json keeps no positions.
#include <nlohmann/json.hpp>

#include "config/node.hpp"
#include "config/node_builder.hpp"

namespace inpod::config {
namespace {

/// Counts the lines that the parser has taken; copies share the count.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* line) : at_(at), line_(line) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    if (*at_ == '\n') ++*line_;
    ++at_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  std::size_t* line_;
};

/// nlohmann's SAX interface, every function answers "go on".
class Sax : public nlohmann::json_sax<nlohmann::json> {
 public:
  Sax(NodeBuilder& builder, const std::size_t& line) : builder_(builder), line_(line) {}

  bool null() override { return builder_.scalar(Node::Kind::null, {}, line_); }
  bool boolean(bool value) override {
    return builder_.scalar(Node::Kind::boolean, value ? "true" : "false", line_);
  }
  bool number_integer(number_integer_t value) override { return number(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return number(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return number(text); }
  bool string(string_t& value) override { return builder_.scalar(Node::Kind::text, value, line_); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return builder_.open(Node::Kind::map, line_); }
  bool key(string_t& value) override { return builder_.key(value, line_); }
  bool end_object() override { return builder_.close(); }
  bool start_array(std::size_t) override { return builder_.open(Node::Kind::list, line_); }
  bool end_array() override { return builder_.close(); }
  bool parse_error(std::size_t, const std::string& token, const nlohmann::json::exception& error) override {
    std::string text = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while …": the last part
    // is ours.
    if (const auto colon = text.find(": "); colon != std::string::npos) text = text.substr(colon + 2);
    (void)token;
    return builder_.fail_at(line_, text);
  }

 private:
  bool number(const std::string& text) { return builder_.scalar(Node::Kind::number, text, line_); }
  NodeBuilder& builder_;
  const std::size_t& line_;
};

bool convert(const nlohmann::json& value, NodeBuilder& builder) {
  if (value.is_object()) {
    if (!builder.open(Node::Kind::map, 0)) return false;
    for (const auto& [key, member] : value.items()) {
      if (!builder.key(key, 0) || !convert(member, builder)) return false;
    }
    return builder.close();
  }
  if (value.is_array()) {
    if (!builder.open(Node::Kind::list, 0)) return false;
    for (const auto& item : value) {
      if (!convert(item, builder)) return false;
    }
    return builder.close();
  }
  if (value.is_string()) return builder.scalar(Node::Kind::text, value.get<std::string>(), 0);
  if (value.is_boolean()) return builder.scalar(Node::Kind::boolean, value.get<bool>() ? "true" : "false", 0);
  if (value.is_number()) return builder.scalar(Node::Kind::number, value.dump(), 0);
  return builder.scalar(Node::Kind::null, {}, 0);
}

nlohmann::ordered_json to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return nullptr;
    case Node::Kind::boolean:
      return node.text == "true";
    case Node::Kind::number:
    case Node::Kind::text:
      return node.text;
    case Node::Kind::list: {
      auto list = nlohmann::ordered_json::array();
      for (const Node& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case Node::Kind::map: {
      auto map = nlohmann::ordered_json::object();
      for (const auto& [name, value] : node.members) map[name] = to_json(value);
      return map;
    }
  }
  return nullptr;
}

}  // namespace

std::string to_line(const Node& node) {
  if (node.kind == Node::Kind::number) return node.text;
  return to_json(node).dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

Result<Node> parse_json(const std::string& content, const std::string& origin) {
  if (content.find_first_not_of(" \t\r\n") == std::string::npos) return Node{};
  NodeBuilder builder(origin);
  if (content.size() > NodeBuilder::max_bytes) return fail(origin + ": larger than 1 MiB");
  std::size_t line = 1;
  Sax sax(builder, line);
  const CountingIterator begin(content.data(), &line), end(content.data() + content.size(), &line);
  nlohmann::json::sax_parse(begin, end, &sax, nlohmann::json::input_format_t::json, true, true);
  return builder.take();
}

Result<Node> from_json(const nlohmann::json& value, const std::string& origin) {
  NodeBuilder builder(origin);
  convert(value, builder);
  return builder.take();
}

}  // namespace inpod::config
