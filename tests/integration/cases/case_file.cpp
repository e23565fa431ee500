// See case_file.hpp.
#include "case_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>

namespace inpod::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> all;
  for (std::string word; stream >> word;) all.push_back(word);
  return all;
}

void add_line(std::string& text, const std::string& line) {
  text += line + "\n";
}

void take_directive(CaseFile& file, const std::string& name, const std::string& value) {
  const std::map<std::string, std::function<void()>> directives{
      {"build", [&] { file.build.push_back(value); }},
      {"flags", [&] { file.flags = words(value); }},
      {"args", [&] { file.arguments = words(value); }},
      {"pod", [&] { add_line(file.pod, value); }},
      {"world", [&] { add_line(file.world, value); }},
      {"drive", [&] { add_line(file.drive, value); }},
      {"right", [&] { add_line(file.right, value); }},
      {"stderr", [&] { file.allowed_stderr = value; }},
      {"root", [&] { file.root = true; }},
      {"only-outside", [&] { file.only_outside = true; }},
  };
  const auto found = directives.find(name);
  if (found == directives.end()) throw std::runtime_error("no directive is called @" + name);
  found->second();
}

}  // namespace

CaseFile CaseFile::read(const std::string& path) {
  CaseFile file;
  file.source = path;
  file.name = fs::path(path).filename();
  std::ifstream stream(path);
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    const auto comment = line.find_first_not_of("/#");
    if (comment == 0 || comment == std::string::npos || line.compare(comment, 2, " @") != 0) continue;
    const auto end = std::min(line.find(' ', comment + 2), line.size());
    const auto name = line.substr(comment + 2, end - comment - 2);
    try {
      take_directive(file, name, end < line.size() ? line.substr(end + 1) : "");
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(path + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  return file;
}

std::string CaseFile::kind() const {
  const auto extension = fs::path(name).extension().string();
  return extension.empty() ? extension : extension.substr(1);
}

std::vector<CaseFile> read_cases(const std::string& folder) {
  std::vector<CaseFile> cases;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() != ".md")
      cases.push_back(CaseFile::read(entry.path()));
  std::sort(cases.begin(), cases.end(), [](const CaseFile& a, const CaseFile& b) { return a.name < b.name; });
  return cases;
}

}  // namespace inpod::test
