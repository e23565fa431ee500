// See unknown_command.hpp.
#include "cli/unknown_command.hpp"

#include "config/check.hpp"

namespace inpod::cli {
namespace {

/// Whether the flag takes the word behind it. Global flags may stand behind a command, too.
bool takes_next(const CLI::App& app, const CLI::App& command, const std::string& flag) {
  if (flag.find('=') != std::string::npos) return false;
  const CLI::Option* option = command.get_option_no_throw(flag);
  if (option == nullptr) option = app.get_option_no_throw(flag);
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
  return {0, "no such command \"" + path + word + "\"" + (near ? "; did you mean \"" + path + *near + "\"?" : ""),
          "`inpod " + path + "--help` lists the commands"};
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
    if (children_of(*child).empty()) return std::nullopt;  // what follows is this command's own affair
    at = child;
  }
  return std::nullopt;
}

}  // namespace inpod::cli
