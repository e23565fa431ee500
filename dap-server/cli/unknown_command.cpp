// See unknown_command.hpp.
#include "cli/unknown_command.hpp"

#include "config/check.hpp"

namespace inpod::cli {
namespace {

/// Global flags may stand behind a command, too.
const CLI::Option* find_option(const CLI::App& app, const CLI::App& command, const std::string& word) {
  const std::string flag = word.substr(0, word.find('='));
  const CLI::Option* option = command.get_option_no_throw(flag);
  return option != nullptr ? option : app.get_option_no_throw(flag);
}

/// Whether the flag takes the word behind it.
bool takes_next(const CLI::App& app, const CLI::App& command, const std::string& flag) {
  const CLI::Option* option = flag.find('=') == std::string::npos ? find_option(app, command, flag) : nullptr;
  return option != nullptr && option->get_items_expected_max() > 0;
}

std::vector<const CLI::App*> children_of(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App*) { return true; });
}

const CLI::App* child_of(const CLI::App& command, const std::string& name) {
  for (const CLI::App* child : children_of(command))
    if (child->get_name() == name) return child;
  return nullptr;
}

Error no_such(const CLI::App& command, const CLI::App& app, const std::string& word) {
  const std::string path = &command == &app ? "" : command.get_name() + " ";
  std::vector<std::string> names;
  for (const CLI::App* child : children_of(command)) names.push_back(child->get_name());
  const auto near = config::nearest(word, names);
  return {
      0, "no such command \"" + path + word + "\"" + (near ? "; did you mean \"" + path + *near + "\"?" : ""),
      "`inpod " + path + "--help` lists the commands"};
}

Error no_such_flag(const CLI::App& app, const CLI::App& command, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* owner : {&command, &app})
    for (const CLI::Option* option : owner->get_options())
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  const std::string flag = word.substr(0, word.find('='));
  const auto near = config::nearest(flag, names);
  return {0, "no such flag \"" + flag + "\"" + (near ? "; did you mean \"" + *near + "\"?" : ""),
          "`inpod " + command.get_name() + " --help` lists the flags"};
}

/// The words behind the last command. What stands behind a program's name is the program's.
std::optional<Error> unknown_flag(const CLI::App& app, const CLI::App& command,
                                  const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool flag = words[i].starts_with("-");
    if (!flag && command.get_prefix_command()) return std::nullopt;
    if (words[i].starts_with("--") && find_option(app, command, words[i]) == nullptr)
      return no_such_flag(app, command, words[i]);
    if (flag && takes_next(app, command, words[i])) ++i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> unknown_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word.starts_with("-")) {
      if (takes_next(app, *at, word)) ++i;
      continue;
    }
    const CLI::App* child = child_of(*at, word);
    if (child == nullptr) return no_such(*at, app, word);
    if (children_of(*child).empty())
      return unknown_flag(app, *child,
                          {arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end()});
    at = child;
  }
  return std::nullopt;
}

}  // namespace inpod::cli
