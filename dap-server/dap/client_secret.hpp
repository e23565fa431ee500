// The secret that a client of `inpod dap --listen HOST:PORT` shows before anything is done for it. A TCP port
// is open to every program of the machine, and by way of a browser to every web page.
//
// It is never in argv, in the environment, or in what the adapter gets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dap/envelope.hpp"
#include "session/agent_access.hpp"

namespace inpod::dap {

class ClientSecret {
 public:
  /// 256 random bits.
  static Result<ClientSecret> create();
  /// The one in `file`, so that an editor's settings can hold it. A missing file is made, of mode 0600.
  /// Errors: a file that another user owns or may read, one without a secret.
  static Result<ClientSecret> from_file(const std::string& file);

  /// 64 hexadecimal digits.
  std::string text() const;
  /// Compares in constant time.
  bool matches(std::string_view shown) const;

 private:
  explicit ClientSecret(Token bits) : bits_(bits) {}
  Token bits_;
};

/// Takes "inpodSecret" out of the arguments of a request (of a nested "configuration" and of a restart's
/// launch arguments, too), so that it goes no further. Nothing when there is none; "" when it is no string.
std::optional<std::string> take_secret(Message& message);

}  // namespace inpod::dap
