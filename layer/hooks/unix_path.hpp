// Unix sockets whose name lies among the pod's files (unix(7)).
#pragma once

#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string_view>

#include "layer.hpp"

namespace inpod::layer {

/// The path in `address`, if it is one and the rules give it to the pod; else nothing. Points into `address`.
inline std::string_view pod_path_of(const sockaddr* address, socklen_t length) {
  constexpr std::size_t start = offsetof(sockaddr_un, sun_path);
  if (!address || length <= start || length > sizeof(sockaddr_un) || address->sa_family != AF_UNIX) return {};
  const char* path = reinterpret_cast<const sockaddr_un*>(address)->sun_path;
  const std::string_view name(path, strnlen(path, length - start));  // the kernel's own NUL may follow it
  if (name.empty()) return {};                                       // unnamed, or abstract
  char text[sizeof(sockaddr_un) + 1];
  memcpy(text, name.data(), name.size());
  text[name.size()] = 0;
  return files::is_remote(core, AT_FDCWD, text) ? name : std::string_view();
}

}  // namespace inpod::layer
