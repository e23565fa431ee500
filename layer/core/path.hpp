// Path: an absolute, lexically normalised path in fixed memory: no `//`, `.` or `..`. And the working
// directory, cached.
//
// Lexical: a `..` takes the name before it back, whatever that is; files.cpp follows links before. Nothing
// here allocates or locks; safe in signal handlers.
#pragma once

#include <cstddef>
#include <string_view>

namespace inpod {

/// Builds a path in memory of the caller's. Capacity: with room for the final NUL and for restore_slash.
class PathBuilder {
 public:
  PathBuilder(char* text, std::size_t capacity) : text_(text), limit_(capacity - 2) { text_[0] = 0; }
  /// `path`, taken relative to `base` (absolute) unless it is absolute itself. 0, or -ENAMETOOLONG.
  long assign(std::string_view base, std::string_view path);
  /// The same with a base that lies in this memory already: its first `length` bytes, absolute and plain.
  long add(std::size_t length, std::string_view path);
  /// Puts `prefix` + `rest` in place of the text (`rest` may lie within this path). 0, or -ENAMETOOLONG.
  long replace(std::string_view prefix, std::string_view rest);
  /// Adds the final slash back that normalising has taken: "file/" must fail for the pod's kernel as for
  /// ours.
  void restore_slash();

  char* memory() { return text_; }
  std::size_t limit() const { return limit_; }
  std::string_view view() const { return {text_, length_}; }
  std::size_t size() const { return length_; }

 private:
  bool append(std::string_view segment);
  long append_all(std::string_view path);

  char* text_;
  std::size_t limit_;
  std::size_t length_ = 0;
  bool directory_only_ = false;
};

template <std::size_t Capacity>
class PathIn : public PathBuilder {
 public:
  PathIn() : PathBuilder(storage_, Capacity) {}
  PathIn(const PathIn&) = delete;
  PathIn& operator=(const PathIn&) = delete;

 private:
  char storage_[Capacity];
};
using Path = PathIn<4096 + 2>;       ///< PATH_MAX, with its NUL
using ShortPath = PathIn<1024 + 2>;  ///< for most: signal handlers run on small stacks

/// The length of an absolute path that is plain already (a final slash is allowed) and shorter than PATH_MAX;
/// else 0.
std::size_t plain_length(const char* path);

/// The working directory as the kernel sees it, remembered until `forget`. Call forget both before and after
/// any call that may change it. `publish` false: don't remember (a vfork child shares this memory but not the
/// directory).
class WorkingDirectory {
 public:
  /// 0, or an -errno of getcwd(2): -ERANGE where it does not fit.
  long get(char* into, std::size_t capacity, std::size_t& length, bool publish) {
    return cached(into, capacity, length) ? 0 : ask(into, capacity, length, publish);
  }
  /// The two halves of get: false where nothing is remembered; and what the kernel says.
  bool cached(char* into, std::size_t capacity, std::size_t& length) const;
  long ask(char* into, std::size_t capacity, std::size_t& length, bool publish);
  void forget() { __atomic_add_fetch(&generation_, 2, __ATOMIC_SEQ_CST); }
  /// In a forked child: a copy that another thread had begun will never end.
  void after_fork() { generation_ = (generation_ | 1) + 1; }

 private:
  unsigned long generation_ = 0;  // even: as is; a writer makes it odd while it copies
  unsigned long valid_for_ = 0;   // one more than the generation that text_ belongs to
  std::size_t length_ = 0;
  char text_[512] = {};
};

}  // namespace inpod
