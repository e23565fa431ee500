// `inpod trust`: the user's yes to what a project's config file sets.
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "cli/command.hpp"
#include "cli/console.hpp"
#include "config/load.hpp"
#include "config/trust.hpp"
#include "protocol/printable.hpp"

namespace inpod::cli {
namespace {

struct TrustOptions {
  std::string file, revoke;
  bool list = false, yes = false;
};

Result<config::FoundFile> file_of(const TrustOptions& options) {
  if (!options.file.empty()) {
    std::error_code error;
    return config::read_found(std::filesystem::absolute(options.file, error).string());
  }
  TRY_ASSIGN(found, config::find_file("."));
  if (found.file) return std::move(*found.file);
  return fail(found.warning.empty() ? "no .inpod/config.yaml is found from here" : found.warning,
              "name the file: inpod trust FILE");
}

/// What the yes would be for.
void show_rights(const config::AskedRights& rights, config::Trust trust) {
  const bool changed = trust == config::Trust::changed;
  printf("%s%s sets keys that need your yes:\n", protocol::shown_line(rights.file).c_str(),
         changed ? " has changed since you trusted it. It" : "");
  for (const auto& right : rights.asked) printf("  %s\n", protocol::shown_line(right, right.npos).c_str());
  fflush(stdout);
}

bool says_yes() {
  fputs("Trust this file, with these contents? [y/N] ", stderr);
  std::string line;
  std::getline(std::cin, line);
  return line == "y" || line == "Y" || line == "yes";
}

int ask_for_trust(const TrustOptions& options) {
  const auto file = file_of(options);
  if (!file) return report(file.error());
  const auto rights = config::rights_of(*file);
  if (!rights) return report(rights.error());
  if (rights->asked.empty()) {
    say(rights->file + " sets nothing that needs a yes");
    return 0;
  }
  const auto trust = config::trust_in(rights->file, rights->digest);
  if (!trust) return report(trust.error());
  show_rights(*rights, *trust);
  if (*trust == config::Trust::given) {
    say("it has your yes already");
    return 0;
  }
  if (!options.yes && isatty(STDIN_FILENO) != 1)
    return report(Error{0, "there is no terminal to ask on",
                        "say yes by the flag: inpod trust --yes " + config::shell_word(rights->file)});
  if (!options.yes && !says_yes()) {
    say("not trusted");
    return 1;
  }
  if (const auto given = config::give_trust(rights->file, rights->digest); !given)
    return report(given.error());
  say(rights->file + " is trusted until it changes");
  return 0;
}

/// "changed", "gone" or "" of a file that was trusted.
std::string state_of(const config::TrustedFile& trusted) {
  const auto file = config::read_found(trusted.path);
  if (!file) return file.error().code == ENOENT ? "  (gone)" : "  (not read: " + file.error().text + ")";
  const auto rights = config::rights_of(*file);
  return rights && rights->digest == trusted.digest ? "" : "  (changed since)";
}

int list_trusted() {
  const auto files = config::trusted_files();
  if (!files) return report(files.error());
  if (files->empty()) say("no config file is trusted");
  for (const auto& file : *files) print_row({{file.since}, {file.path + state_of(file)}});
  return 0;
}

int revoke(const std::string& name) {
  std::error_code error;
  const auto path = std::filesystem::weakly_canonical(std::filesystem::absolute(name, error), error).string();
  if (error) return report(Error{error.value(), "cannot read " + name + ": " + error.message(), {}});
  const auto revoked = config::revoke_trust(path);
  if (!revoked) return report(revoked.error());
  if (!*revoked) return report(Error{0, path + " was not trusted", "`inpod trust --list` shows what is"});
  say(path + " is trusted no more");
  return 0;
}

}  // namespace

void add_trust(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand(
      "trust", "Say yes to what a project's config file sets: kubeconfig, agent, steal, …");
  auto options = std::make_shared<TrustOptions>();
  auto* file = command->add_option("FILE", options->file, "Default: the one that would be found from here");
  auto* yes = command->add_flag("--yes", options->yes, "Do not ask");
  auto* listed =
      command->add_flag("--list", options->list, "The files that are trusted")->excludes(file, yes);
  command->add_option("--revoke", options->revoke, "Take the yes for this file back")
      ->type_name("FILE")
      ->excludes(file, yes, listed);
  command->footer(
      "Examples:\n  inpod trust\n  inpod trust --yes shop/.inpod/config.yaml\n  inpod trust --revoke "
      "shop/.inpod/config.yaml\nExit code: 0 when the file is trusted, 1 when the answer was no.");
  command->callback([options, &globals] {
    globals.action = [options] {
      if (options->list) return list_trusted();
      return options->revoke.empty() ? ask_for_trust(*options) : revoke(options->revoke);
    };
  });
}

}  // namespace inpod::cli
