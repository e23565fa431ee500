// Path: an absolute, lexically normalised path in fixed memory: no `//`, `.` or `..`. And the working directory, cached.
//
// Lexical on purpose: whether a path is the pod's must be known before any file system is asked, so a `..` after a
// symbolic link is taken back textually. Nothing here allocates or locks; safe in signal handlers.
#pragma once

#include <string_view>

namespace inpod {

class Path {
 public:
  Path() { text_[0] = 0; }
  /// `path`, taken relative to `base` (absolute) unless it is absolute itself. 0, or -ENAMETOOLONG.
  long assign(std::string_view base, std::string_view path);
  /// Puts `prefix` + `rest` in place of the text (`rest` may lie within this path). 0, or -ENAMETOOLONG.
  long replace(std::string_view prefix, std::string_view rest);
  /// Adds the final slash back that normalising has taken: "file/" must fail for the pod's kernel as for ours.
  void restore_slash();

  std::string_view view() const { return {text_, length_}; }
  const char* c_str() const { return text_; }
  std::size_t size() const { return length_; }
  bool is_directory_only() const { return directory_only_; }

 private:
  static constexpr std::size_t limit = 4096;  // PATH_MAX, with its NUL
  bool append(std::string_view segment);

  char text_[limit + 8];
  std::size_t length_ = 0;
  bool directory_only_ = false;
};

/// The working directory as the kernel sees it, remembered until `forget`. Call forget both before and after any call that may
/// change it. `publish` false: don't remember (a vfork child shares this memory but not the directory).
class WorkingDirectory {
 public:
  /// 0, or an -errno of getcwd(2).
  long get(char (&into)[4096], std::size_t& length, bool publish);
  void forget() { __atomic_add_fetch(&generation_, 2, __ATOMIC_SEQ_CST); }
  /// In a forked child: a copy that another thread had begun will never end.
  void after_fork() { generation_ = (generation_ | 1) + 1; }

 private:
  unsigned long generation_ = 0;   // even: as is; a writer makes it odd while it copies
  unsigned long valid_for_ = 0;    // one more than the generation that text_ belongs to
  std::size_t length_ = 0;
  char text_[512] = {};
};

}  // namespace inpod
