// Who we are, for others.
#include "session/client_name.hpp"

#include <pwd.h>
#include <unistd.h>

namespace inpod {

std::string client_name() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  const passwd* entry = getpwuid(geteuid());
  return (entry == nullptr ? std::to_string(geteuid()) : std::string(entry->pw_name)) + "@" + host;
}

}  // namespace inpod
