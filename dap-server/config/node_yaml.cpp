// YAML → Node, by yaml-cpp's event interface: positions are there, and aliases cost one value each time they
// are used, so that a small file can't become a huge tree.
#include <strings.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include "config/node.hpp"
#include "config/node_builder.hpp"

namespace inpod::config {
namespace {

std::size_t skip_digits(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of("0123456789", at), text.size());
}

std::size_t skip_one(std::string_view text, std::size_t at, std::string_view of) {
  return at < text.size() && of.find(text[at]) != std::string_view::npos ? at + 1 : at;
}

/// [-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?, by hand: std::regex takes some of the stack for each character.
bool is_number(std::string_view text) {
  const std::size_t first = skip_one(text, 0, "-+");
  std::size_t at = skip_digits(text, first);
  if (at == first) return false;
  if (skip_one(text, at, ".") != at) at = skip_digits(text, at + 1);
  if (skip_one(text, at, "eE") == at) return at == text.size();
  const std::size_t exponent = skip_one(text, at + 1, "-+");
  at = skip_digits(text, exponent);
  return at > exponent && at == text.size();
}

/// "true", "false", or nothing if it is no boolean.
std::string boolean_text(const std::string& text) {
  constexpr std::array yes{"true", "yes", "on"}, no{"false", "no", "off"};
  const auto is = [&](std::string_view word) {
    return text.size() == word.size() && strncasecmp(text.data(), word.data(), word.size()) == 0;
  };
  if (std::any_of(yes.begin(), yes.end(), is)) return "true";
  return std::any_of(no.begin(), no.end(), is) ? "false" : "";
}

/// YAML 1.2's core schema for plain (unquoted) scalars; yes/no/on/off are booleans too, as in YAML 1.1.
Node::Kind plain_kind(const std::string& text) {
  if (text.empty() || text == "~" || text == "null") return Node::Kind::null;
  if (is_number(text)) return Node::Kind::number;
  if (!boolean_text(text).empty()) return Node::Kind::boolean;
  return Node::Kind::text;
}

class Events : public YAML::EventHandler {
 public:
  explicit Events(NodeBuilder& builder) : builder_(builder) {}
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (take_key("null", mark)) return;
    builder_.scalar(Node::Kind::null, {}, line(mark));
    done();
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    builder_.fail_at(line(mark), "YAML aliases (*name) are not supported here");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    if (take_key(value, mark)) return;
    const bool plain = tag == "?" || tag.empty();
    const auto kind = plain ? plain_kind(value) : Node::Kind::text;
    builder_.scalar(kind, kind == Node::Kind::boolean ? boolean_text(value) : value, line(mark));
    done();
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    start(Node::Kind::list, mark);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    start(Node::Kind::map, mark);
  }
  void OnMapEnd() override { end(); }

 private:
  static std::size_t line(const YAML::Mark& mark) { return static_cast<std::size_t>(mark.line) + 1; }
  bool take_key(const std::string& name, const YAML::Mark& mark) {
    if (wants_key_.empty() || !wants_key_.back()) return false;
    builder_.key(name, line(mark));
    wants_key_.back() = false;
    return true;
  }
  void start(Node::Kind kind, const YAML::Mark& mark) {
    if (!wants_key_.empty() && wants_key_.back()) builder_.fail_at(line(mark), "a key must be plain text");
    builder_.open(kind, line(mark));
    is_map_.push_back(kind == Node::Kind::map);
    wants_key_.push_back(kind == Node::Kind::map);
  }
  void end() {
    builder_.close();
    is_map_.pop_back();
    wants_key_.pop_back();
    done();
  }
  /// A value is complete: a map around it wants a key next.
  void done() {
    if (!is_map_.empty() && is_map_.back()) wants_key_.back() = true;
  }

  NodeBuilder& builder_;
  std::vector<bool> is_map_, wants_key_;
};

}  // namespace

Result<Node> parse_yaml(const std::string& content, const std::string& origin) {
  if (content.size() > NodeBuilder::max_bytes) return fail(origin + ": larger than 1 MiB");
  NodeBuilder builder(origin);
  try {
    std::istringstream stream(content);
    YAML::Parser parser(stream);
    Events events(builder);
    if (!parser.HandleNextDocument(events)) return Node{};
    NodeBuilder rest(origin);
    Events rest_events(rest);
    if (parser.HandleNextDocument(rest_events))
      return fail(origin + ": more than one YAML document (\"---\")");
  } catch (const YAML::Exception& error) {
    return fail(
        located(origin, error.mark.is_null() ? 0 : static_cast<std::size_t>(error.mark.line) + 1, error.msg));
  }
  return builder.take();
}

}  // namespace inpod::config
