// From a file to a Config: what it may set, and what is said about it.
#include "config/load.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "config/apply.hpp"
#include "config/trust.hpp"
#include "os/protected_path.hpp"

namespace inpod::config {
namespace {

constexpr std::size_t longest_text = 200;  ///< bytes of one right in an error; `inpod trust` shows all

Result<std::vector<SetKey>> apply_content(const std::string& content, const std::string& path,
                                          const std::string& folder, Config& config) {
  auto node = path.ends_with(".json") ? parse_json(content, path) : parse_yaml(content, path);
  if (!node) return Failed(node.error());
  return apply(*node, path, folder, config);
}

std::vector<std::string> key_names(const std::vector<SetKey>& set) {
  std::vector<std::string> keys;
  for (const auto& one : set) keys.push_back(one.key->name);
  return keys;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all.append(all.empty() ? "" : ", ").append(text);
  return all;
}

/// By its name, or by where its links lead: either way the repository decides what it holds.
bool lies_in(const std::string& path, const std::string& folder) {
  std::error_code unknown;
  return is_within(path, folder) ||
         is_within(std::filesystem::weakly_canonical(path, unknown).string(), folder);
}

Result<AskedRights> asked_by(const FoundFile& file, const std::vector<SetKey>& set) {
  AskedRights rights{file.path, {}, {}};
  std::vector<std::string> files;
  for (const auto& one : set) {
    if (!one.needs_trust) continue;
    rights.asked.push_back(one.key->name + ": " + one.value);
    if (!one.path.empty() && lies_in(one.path, file.folder)) files.push_back(one.path);
  }
  TRY_ASSIGN(digest, digest_of(file.content, files));
  rights.digest = std::move(digest);
  return rights;
}

/// An error unless the user has said yes to all that the file asks for.
Result<void> check_trust(const FoundFile& file, const std::vector<SetKey>& set) {
  TRY_ASSIGN(rights, asked_by(file, set));
  if (rights.asked.empty()) return {};
  auto trust = trust_in(file.path, rights.digest);
  if (!trust) return Failed(trust.error().context("whether " + file.path + " is trusted is not known"));
  if (*trust == Trust::given) return {};
  for (auto& text : rights.asked)
    if (text.size() > longest_text) text.replace(longest_text, text.npos, "…");
  const std::string state = *trust == Trust::changed ? " has changed since you trusted it and" : "";
  return fail(
      file.path + state + " sets keys that need your yes first: " + joined(rights.asked),
      "read the file; to say yes: inpod trust " + shell_word(file.path) + " (or name the file: -f FILE)");
}

}  // namespace

std::string FileReport::line() const {
  if (file.empty()) return {};
  return "config file " + file + " sets " + (keys.empty() ? "nothing" : joined(keys));
}

Result<FileReport> load_found(const std::string& directory, const std::string& trusted_folder,
                              Config& config) {
  TRY_ASSIGN(found, find_file(directory, trusted_folder));
  FileReport report{{}, {}, found.warning};
  if (!found.file) return report;
  const FoundFile& file = *found.file;
  Config changed = config;
  TRY_ASSIGN(set, apply_content(file.content, file.path, file.folder, changed));
  std::error_code unknown;
  const auto trusted = std::filesystem::canonical(trusted_folder, unknown).string();
  if (trusted_folder.empty() || unknown || !is_within(file.path, trusted)) TRY_VOID(check_trust(file, set));
  config = std::move(changed);
  report.file = file.path;
  report.keys = key_names(set);
  return report;
}

Result<AskedRights> rights_of(const FoundFile& file) {
  Config unused;
  TRY_ASSIGN(set, apply_content(file.content, file.path, file.folder, unused));
  return asked_by(file, set);
}

Result<FileReport> load_file(const std::string& path, Config& config) {
  TRY_ASSIGN(content, read_file(path));
  TRY_ASSIGN(set, apply_content(content, path, {}, config));
  FileReport report{path, key_names(set), {}};
  std::error_code unknown;
  const auto verdict = check_protected(std::filesystem::absolute(path, unknown).string());
  if (!verdict && verdict.error().code == not_protected)
    report.warning =
        "others can change " + path + ", which is read since you named it: " + verdict.error().text;
  return report;
}

Result<void> apply_json(const nlohmann::json& object, const std::string& origin, Config& config) {
  TRY_ASSIGN(node, from_json(object, origin));
  TRY_VOID(apply(node, origin, {}, config));
  return {};
}

}  // namespace inpod::config
