// Node → Config by the key table.
#include "config/apply.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "config/check.hpp"
#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/node.hpp"
#include "config/node_builder.hpp"
#include "os/directories.hpp"

namespace inpod::config {
namespace {

using Problem = std::optional<std::string>;

/// A "~/" that no shell has seen; and a path that is relative to `folder`, if that is given.
std::string full_path(const std::string& path, const std::string& folder) {
  const std::string home = path.rfind("~/", 0) == 0 ? home_directory() : "";
  if (!home.empty()) return home + path.substr(1);
  if (folder.empty() || path.empty()) return path;
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

bool needs_trust(const Key& key, const Node& value) {
  const auto& rights = key.field.rights;
  return std::any_of(rights.begin(), rights.end(),
                     [&](const std::string& right) { return right == any_value || right == value.text; });
}

/// An empty list counts: Lua, in which Neovim is configured, has one empty table for both.
bool is_map(const Node& value) {
  return value.kind == Node::Kind::map || (value.kind == Node::Kind::list && value.items.empty());
}

/// Applies one document to a Config; remembers where it comes from, for errors.
class Applier {
 public:
  Applier(const std::string& origin, Config& config, std::string folder = {})
      : origin_(origin), folder_(std::move(folder)), config_(config) {}

  Result<void> section(const Node& map, const std::string& prefix) {
    for (const auto& [name, value] : map.members) {
      const std::string path = prefix.empty() ? name : prefix + "." + name;
      if (const Key* key = find_key(path)) {
        TRY_VOID(assign(*key, value));
        const std::string* path_value = key->check == Check::path ? text_of(*key) : nullptr;
        set_.push_back(
            {key, to_line(value), path_value == nullptr ? "" : *path_value, needs_trust(*key, value)});
      } else if (is_section(path)) {
        if (value.kind == Node::Kind::null) continue;
        if (!is_map(value)) return wrong(path, value, "keys below it");
        TRY_VOID(section(value, path));
      } else {
        return unknown(path, value);
      }
    }
    return {};
  }

  Result<void> assign(const Key& key, const Node& value) {
    return std::visit([&](auto* field) { return set(key, value, *field); }, key.field(config_));
  }

  std::vector<SetKey> take_set() { return std::move(set_); }

 private:
  /// A key's value, if it is a text.
  const std::string* text_of(const Key& key) {
    const Field field = key.field(config_);
    const auto* text = std::get_if<std::string*>(&field);
    return text == nullptr ? nullptr : *text;
  }

  static bool is_section(const std::string& path) {
    for (const Key& key : keys()) {
      if (key.name.rfind(path + ".", 0) == 0) return true;
    }
    return false;
  }

  Failed wrong(const std::string& path, const Node& value, const std::string& expected) const {
    return fail(located(origin_, value.line, path + ": expected " + expected + ", got " + describe(value)));
  }
  Failed invalid(const std::string& path, const Node& value, const std::string& problem) const {
    return fail(located(origin_, value.line, path + ": " + describe(value) + ": " + problem));
  }

  Failed unknown(const std::string& path, const Node& value) const {
    std::vector<std::string> candidates;
    std::set<std::string> sections;
    const auto dot = path.rfind('.');
    const std::string last = dot == std::string::npos ? path : path.substr(dot + 1);
    for (const Key& key : keys()) {
      candidates.push_back(key.name);
      if (const auto end = key.name.find('.'); end != std::string::npos) {
        sections.insert(key.name.substr(0, end));
        // The right word in the wrong section is a near miss too.
        if (key.name.substr(key.name.rfind('.') + 1) == last) return unknown_key(path, value, key.name);
      } else if (key.name == last) {
        return unknown_key(path, value, key.name);
      }
    }
    candidates.insert(candidates.end(), sections.begin(), sections.end());
    return unknown_key(path, value, nearest(path, candidates).value_or(""));
  }
  Failed unknown_key(const std::string& path, const Node& value, const std::string& near) const {
    return fail(located(origin_, value.line, "unknown key \"" + path + "\""),
                near.empty() ? "`inpod schema --markdown` lists all keys" : "did you mean \"" + near + "\"?");
  }

  /// Checks that go with the row, for one text of the value.
  static Problem text_problem(const Key& key, const std::string& text) {
    switch (key.check) {
      case Check::path_glob:
        return path_glob_problem(text);
      case Check::unix_glob:
        return unix_glob_problem(text);
      case Check::name_glob:
        return glob_problem(text);
      case Check::network:
        return network_problem(text);
      case Check::variable:
        return variable_problem(text);
      case Check::label:
        return text.empty() ? std::nullopt : label_problem(text);
      case Check::none:
      case Check::choice:
      case Check::range:
      case Check::path:
      case Check::prefix:
        break;
    }
    if (text.find('\0') != std::string::npos) return "it holds a NUL";
    return std::nullopt;
  }

  Result<void> choice(const Key& key, const Node& value) const {
    for (const auto& word : key.choices) {
      if (value.kind == Node::Kind::text && value.text == word) return {};
    }
    auto error = wrong(key.name, value, expected_type(key));
    if (value.kind != Node::Kind::text) return error;
    if (const auto near = nearest(value.text, key.choices))
      error.value().remedy = "did you mean \"" + *near + "\"?";
    return error;
  }

  Result<void> set(const Key& key, const Node& value, std::string& field) {
    if (key.check == Check::choice) {
      TRY_VOID(choice(key, value));
    } else if (value.kind == Node::Kind::number || value.kind == Node::Kind::boolean) {
      auto error = wrong(key.name, value, expected_type(key));
      error.value().remedy = "put it in quotes: \"" + value.text + "\"";
      return error;
    } else if (value.kind != Node::Kind::text) {
      return wrong(key.name, value, expected_type(key));
    }
    if (const auto problem = text_problem(key, value.text)) return invalid(key.name, value, *problem);
    field = key.check == Check::path ? full_path(value.text, folder_) : value.text;
    return {};
  }

  Result<void> set(const Key& key, const Node& value, bool& field) {
    if (value.kind != Node::Kind::boolean) return wrong(key.name, value, expected_type(key));
    field = value.text == "true";
    return {};
  }

  Result<void> set(const Key& key, const Node& value, std::uint32_t& field) {
    const auto number = value.kind == Node::Kind::number ? parse_number(value.text) : std::nullopt;
    if (!number || *number < key.minimum || *number > key.maximum)
      return wrong(key.name, value, expected_type(key));
    field = static_cast<std::uint32_t>(*number);
    return {};
  }

  Result<void> set(const Key& key, const Node& value, protocol::IncomingMode& field) {
    TRY_VOID(choice(key, value));
    field = value.text == "steal" ? protocol::IncomingMode::steal : protocol::IncomingMode::mirror;
    return {};
  }

  Result<void> set(const Key& key, const Node& value, std::vector<std::string>& field) {
    if (value.kind != Node::Kind::list) return wrong(key.name, value, expected_type(key));
    std::vector<std::string> texts;
    for (const Node& item : value.items) {
      if (item.kind != Node::Kind::text) return wrong(key.name, item, "text");
      if (const auto problem = text_problem(key, item.text)) return invalid(key.name, item, *problem);
      texts.push_back(item.text);
    }
    field = std::move(texts);
    return {};
  }

  Result<void> set(const Key& key, const Node& value, std::vector<std::uint16_t>& field) {
    if (value.kind != Node::Kind::list) return wrong(key.name, value, expected_type(key));
    std::vector<std::uint16_t> ports;
    for (const Node& item : value.items) {
      const auto port = item.kind == Node::Kind::number ? parse_port(item.text) : std::nullopt;
      if (!port) return wrong(key.name, item, "a port (1 to 65535)");
      ports.push_back(*port);
    }
    field = std::move(ports);
    return {};
  }

  Result<void> set(const Key& key, const Node& value, std::map<std::string, std::string>& field) {
    if (!is_map(value)) return wrong(key.name, value, expected_type(key));
    for (const auto& [name, item] : value.members) {
      const std::string path = key.name + "." + name;
      // Numbers and booleans are what people write for variables and labels; they mean the text as written.
      const bool scalar = item.kind == Node::Kind::text || item.kind == Node::Kind::number ||
                          item.kind == Node::Kind::boolean;
      if (!scalar) return wrong(path, item, "text");
      if (key.check == Check::prefix) {
        if (const auto problem = path_prefix_problem(name, true))
          return invalid(path, item, "\"" + name + "\": " + *problem);
        if (const auto problem = path_prefix_problem(item.text, false)) return invalid(path, item, *problem);
      } else if (const auto problem = text_problem(key, name)) {
        return invalid(path, item, "its name: " + *problem);
      }
      if (item.text.find('\0') != std::string::npos) return invalid(path, item, "it holds a NUL");
      field[name] = item.text;
    }
    return {};
  }

  Result<void> set(const Key& key, const Node& value, std::map<std::uint16_t, std::uint16_t>& field) {
    if (!is_map(value)) return wrong(key.name, value, expected_type(key));
    for (const auto& [name, item] : value.members) {
      const auto from = parse_port(name);
      const auto to = item.kind == Node::Kind::number ? parse_port(item.text) : std::nullopt;
      if (!from || !to) {
        auto error = from ? wrong(key.name + "." + name, item, "a port of the pod (1 to 65535)")
                          : fail(located(origin_, item.line,
                                         key.name + ": expected a port of the program (1 to 65535), got \"" +
                                             name + "\""));
        error.value().remedy =
            "write the program's port: the pod's port, such as " + key.name + ": " + key.example;
        return error;
      }
      field[*from] = *to;
    }
    return {};
  }

  const std::string& origin_;
  const std::string folder_;  ///< what relative paths start from; empty: this process's directory
  Config& config_;
  std::vector<SetKey> set_;
};

bool is_port_pair(const std::string& value, std::size_t equals) {
  return parse_port(value.substr(0, equals)) && parse_port(value.substr(equals + 1));
}

/// An item of a map's flag that is not in the flag's shape. origin: the flag, or its names, the shortest
/// first.
Failed wrong_pair(bool ports, const std::string& value, const std::string& origin) {
  const std::string shape = ports ? "PROGRAM_PORT=POD_PORT (each 1 to 65535)" : "NAME=VALUE";
  const std::string flag = origin.substr(0, origin.find(','));
  return fail(origin + ": expected " + shape + ", got \"" + value + "\"",
              "for example " + flag + (ports ? " 3000=80" : " NAME=value"));
}

/// A flag's values as the Node that a file would have given.
Result<Node> flag_node(const Key& key, const std::vector<std::string>& values, const std::string& origin) {
  Config unused;
  const Field field = key.field(unused);
  const auto scalar = [](const std::string& text, Node::Kind kind) {
    Node node;
    node.kind = kind;
    node.text = text;
    return node;
  };
  const auto number_or_text = [&](const std::string& text) {
    return scalar(text, parse_number(text) ? Node::Kind::number : Node::Kind::text);
  };
  Node node;
  if (std::holds_alternative<std::vector<std::string>*>(field) ||
      std::holds_alternative<std::vector<std::uint16_t>*>(field)) {
    node.kind = Node::Kind::list;
    const bool ports = std::holds_alternative<std::vector<std::uint16_t>*>(field);
    for (const auto& value : values)
      node.items.push_back(ports ? number_or_text(value) : scalar(value, Node::Kind::text));
    return node;
  }
  const bool ports = std::holds_alternative<std::map<std::uint16_t, std::uint16_t>*>(field);
  if (ports || std::holds_alternative<std::map<std::string, std::string>*>(field)) {
    node.kind = Node::Kind::map;
    for (const auto& value : values) {
      const auto equals = value.find('=');
      if (equals == std::string::npos || (ports && !is_port_pair(value, equals)))
        return wrong_pair(ports, value, origin);
      const auto text = value.substr(equals + 1);
      node.members.push_back(
          {value.substr(0, equals), ports ? number_or_text(text) : scalar(text, Node::Kind::text)});
    }
    return node;
  }
  const std::string& value = values.back();
  const bool flag = std::holds_alternative<bool*>(field) && (value == "true" || value == "false");
  if (flag) return scalar(value, Node::Kind::boolean);
  return std::holds_alternative<std::uint32_t*>(field) ? number_or_text(value)
                                                       : scalar(value, Node::Kind::text);
}

}  // namespace

Result<std::vector<SetKey>> apply(const Node& node, const std::string& origin, const std::string& folder,
                                  Config& config) {
  Config changed = config;
  Applier applier(origin, changed, folder);
  TRY_VOID(applier.section(node, ""));
  config = std::move(changed);
  return applier.take_set();
}

Result<void> apply_flag(const std::string& name, const std::vector<std::string>& values,
                        const std::string& origin, Config& config) {
  const Key* key = find_key(name);
  if (key == nullptr || values.empty()) return fail(origin + ": no such key or no value: " + name);
  TRY_ASSIGN(node, flag_node(*key, values, origin));
  return Applier(origin, config).assign(*key, node);
}

}  // namespace inpod::config
