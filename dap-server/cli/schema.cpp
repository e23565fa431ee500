// `inpod schema`: what editors and docs need to know of the config.
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/console.hpp"
#include "config/load.hpp"

namespace inpod::cli {

void add_schema(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand(
      "schema", "JSON schema of the config file, of launch.json's attributes, or the docs page");
  auto launch = std::make_shared<bool>(false), markdown = std::make_shared<bool>(false);
  auto* flag = command->add_flag("--launch", *launch, "Schema of launch.json's attributes");
  command->add_flag("--markdown", *markdown, "docs/config.md")->excludes(flag);
  command->footer(
      "Examples:\n  inpod schema > .inpod/schema.json\n  inpod schema --markdown > docs/config.md");
  command->callback([launch, markdown, &globals] {
    globals.action = [launch, markdown] {
      print(*markdown ? config::markdown()
                      : (*launch ? config::launch_schema() : config::schema()).dump(2) + "\n");
      return 0;
    };
  });
}

}  // namespace inpod::cli
