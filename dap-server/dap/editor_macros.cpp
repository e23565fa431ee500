// See editor_macros.hpp.
#include "dap/editor_macros.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

namespace inpod::dap {
namespace {

bool is_macro(const nlohmann::json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() < 3 || text.front() != '$' || text.back() != '$') return false;
  for (std::size_t at = 1; at + 1 < text.size(); ++at)
    if (std::isalpha(static_cast<unsigned char>(text[at])) == 0) return false;
  return true;
}

/// The words of a command line: blanks divide, '…' is literal, "…" and \ as in a shell.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      if (word) words.push_back(*word);
      word.reset();
      continue;
    }
    if (!word) word.emplace();
    if (quote == 0 && (c == '\'' || c == '"'))
      quote = c;
    else if (c == quote)
      quote = 0;
    else if (c == '\\' && quote != '\'' && at + 1 < text.size())
      *word += text[++at];
    else
      *word += c;
  }
  if (word) words.push_back(*word);
  return words;
}

/// Text that is JSON of the wanted kind is taken as such.
std::optional<nlohmann::json> as_json(const std::string& text) {
  auto value = nlohmann::json::parse(text, nullptr, false);
  return value.is_object() || value.is_array() ? std::optional(std::move(value)) : std::nullopt;
}

nlohmann::json variables_of(const std::string& text) {
  if (auto value = as_json(text)) return *value;
  nlohmann::json pairs = nlohmann::json::array();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(';', begin), text.size());
    if (end > begin) pairs.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return pairs;
}

}  // namespace

Result<void> tidy_macros(RawObject& arguments) {
  for (const char* key : {"program", "args", "cwd", "env", "environment"}) {
    const auto value = arguments.get(key);
    if (is_macro(value))
      return fail(
          "the launch parameters still hold the macro " + value.get<std::string>() + " (\"" + key + "\")",
          "this editor does not know it: write the value, or remove the line");
  }
  if (const auto args = arguments.get("args"); args.is_string()) {
    const auto text = args.get<std::string>();
    arguments.set("args", as_json(text).value_or(nlohmann::json(words_of(text))));
  }
  for (const char* key : {"env", "environment"})
    if (const auto value = arguments.get(key); value.is_string())
      arguments.set(key, variables_of(value.get<std::string>()));
  if (arguments.get("cwd") == "") arguments.erase("cwd");
  return {};
}

}  // namespace inpod::dap
