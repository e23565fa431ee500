// See exec_wrapper.hpp. Options as in env(1).
#include "cli/exec_wrapper.hpp"

#include <filesystem>

namespace inpod::cli {

Result<EnvironmentChanges> read_exec_wrapper(const std::vector<std::string>& words) {
  EnvironmentChanges changes;
  if (words.empty()) return changes;
  const auto refused = [&](const std::string& word) {
    std::string text;
    for (const auto& each : words) text.append(text.empty() ? "" : " ").append(each);
    return fail(
        "gdb's exec-wrapper \"" + text + "\" can't be combined with inpod's, because of \"" + word + "\"",
        "inpod-gdb takes env with NAME=VALUE and -u NAME; `unset exec-wrapper` removes yours");
  };
  if (std::filesystem::path(words[0]).filename() != "env") return refused(words[0]);
  std::size_t at = 1;
  for (; at < words.size() && words[at].starts_with("-"); ++at) {
    const std::string& word = words[at];
    if ((word == "-u" || word == "--unset") && at + 1 < words.size())
      changes.unset.push_back(words[++at]);
    else if (word.starts_with("--unset="))
      changes.unset.push_back(word.substr(8));
    else if (word.starts_with("-u") && word.size() > 2)
      changes.unset.push_back(word.substr(2));
    else
      return refused(word);
  }
  for (; at < words.size(); ++at) {
    const auto equals = words[at].find('=');
    if (equals == std::string::npos || equals == 0) return refused(words[at]);
    changes.set[words[at].substr(0, equals)] = words[at].substr(equals + 1);
  }
  return changes;
}

}  // namespace inpod::cli
