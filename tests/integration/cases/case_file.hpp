// CaseFile: one file of tests/cases, a small program with directives in its comments. tests/cases/README.md
// says what each directive does.
#pragma once

#include <string>
#include <vector>

namespace inpod::test {

struct CaseFile {
  std::string name;    ///< the file's name
  std::string source;  ///< its path
  std::vector<std::string> build, flags, arguments;
  std::string pod, world, drive, allowed_stderr, right;
  bool root = false, only_outside = false;

  /// Throws std::runtime_error that names the file and the line for a directive that is not known.
  static CaseFile read(const std::string& path);
  /// The extension, without the dot.
  std::string kind() const;
};

/// The case files of a folder, sorted by name.
std::vector<CaseFile> read_cases(const std::string& folder);

}  // namespace inpod::test
