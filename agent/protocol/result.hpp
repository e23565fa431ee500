// Result<T> and Error: how everything that can expectedly fail reports it, in all three programs.
//
// An Error carries an errno-style number (0 where there is none), a sentence for people, and, where one is
// known, the remedy: what the user should do. Layers add context in front ("cannot read /etc/app.conf: …") by
// `context`. No function that returns a Result throws. Safe on every thread; not for signal handlers (it
// allocates).
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace inpod {

struct Error {
  int code = 0;        ///< errno value (errno(3)), or 0
  std::string text;    ///< what was wrong and where; no trailing full stop, no secret
  std::string remedy;  ///< what to do about it; may be empty

  /// The same error with `where` and a colon in front of its text.
  Error context(const std::string& where) const { return {code, where + ": " + text, remedy}; }
  /// "text" or "text\n  remedy": the form shown to people.
  std::string to_string() const { return remedy.empty() ? text : text + "\n  " + remedy; }
};

template <class T>
using Result = tl::expected<T, Error>;

using Failed = tl::unexpected<Error>;

inline Failed fail(std::string text, std::string remedy = {}) {
  return Failed(Error{0, std::move(text), std::move(remedy)});
}
/// Failure of a system call: `what: strerror(code)`.
inline Failed fail_errno(const std::string& what, int code = errno) {
  return Failed(Error{code, what + ": " + strerror(code), {}});
}

}  // namespace inpod

/// In a plain function: binds `name` to the value of `expr`, or returns its error.
#define TRY_ASSIGN(name, expr)                                         \
  auto name##_result_ = (expr);                                        \
  if (!name##_result_) return ::inpod::Failed(name##_result_.error()); \
  auto name = std::move(*name##_result_)
/// In a plain function: returns the error of a Result<void> (or any Result whose value is not wanted).
#define TRY_VOID(expr)                                                                                       \
  do {                                                                                                       \
    if (auto try_void_result_ = (expr); !try_void_result_) return ::inpod::Failed(try_void_result_.error()); \
  } while (0)
/// The same two for coroutines. `co_return` inside a GNU statement expression crashes g++ 12, hence the plain
/// form.
#define CO_TRY(name, expr)                                                \
  auto name##_result_ = (expr);                                           \
  if (!name##_result_) co_return ::inpod::Failed(name##_result_.error()); \
  auto name = std::move(*name##_result_)
#define CO_TRY_VOID(expr)                                  \
  do {                                                     \
    if (auto try_void_result_ = (expr); !try_void_result_) \
      co_return ::inpod::Failed(try_void_result_.error()); \
  } while (0)
