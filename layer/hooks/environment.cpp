// What a child needs to be in the pod too. See environment.hpp.
#include "hooks/environment.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/raw.hpp"
#include "core/text.hpp"
#include "layer.hpp"

namespace inpod::layer {
namespace {

/// "NAME=value" of what must be there, as found when the layer started.
struct Needed {
  FixedText<4096> preload;  ///< path of the layer itself
  FixedText<256> socket;
  FixedText<4352> program;
};
constinit Needed needed;

constexpr std::string_view preload_name = "LD_PRELOAD=";
char active_variable[] = "INPOD_ACTIVE=1";

char* find(char* const* list, std::string_view name) {
  for (; list && *list; ++list)
    if (strncmp(*list, name.data(), name.size()) == 0) return *list;
  return nullptr;
}

bool names_layer(const char* preload) {
  return strstr(preload, needed.preload.c_str()) != nullptr;
}

}  // namespace

void remember_environment(const char* layer_path) {
  needed.preload.clear();
  needed.socket.clear();
  needed.program.clear();
  needed.preload << layer_path;
  if (const char* socket = find(environ, "INPOD_SOCKET=")) needed.socket << socket;
  if (const char* program = find(environ, "INPOD_PROGRAM=")) needed.program << program;
}

namespace {

bool is_complete(char* const* given) {
  const char* preload = find(given, preload_name);
  return preload && names_layer(preload) && find(given, needed.socket.view()) &&
         find(given, "INPOD_PROGRAM=") && find(given, active_variable);
}

std::size_t count_of(char* const* list) {
  std::size_t count = 0;
  while (list && list[count]) ++count;
  return count;
}

/// Pointers for what is there, four more, and the null.
std::size_t list_size(char* const* given) {
  return (count_of(given) + 5) * sizeof(char*);
}

/// "LD_PRELOAD=" with the layer first and then whatever the program had.
void write_preload(char* into, const char* given) {
  const std::string_view layer = needed.preload.view();
  memcpy(into, preload_name.data(), preload_name.size());
  into += preload_name.size();
  memcpy(into, layer.data(), layer.size());
  into += layer.size();
  if (const char* others = given ? given + preload_name.size() : ""; *others) {
    *into++ = ':';
    strcpy(into, others);
  } else {
    *into = 0;
  }
}

bool is_ours(const char* variable) {
  return strncmp(variable, "INPOD_SOCKET=", 13) == 0 || strncmp(variable, "INPOD_PROGRAM=", 14) == 0 ||
         strncmp(variable, "INPOD_ACTIVE=", 13) == 0;
}

}  // namespace

std::size_t ChildEnvironment::room(char* const* given) {
  if (!active() || needed.preload.view().empty() || is_complete(given)) return 0;
  const char* preload = find(given, preload_name);
  return list_size(given) + preload_name.size() + needed.preload.view().size() +
         (preload ? strlen(preload) : 0) + 2;
}

ChildEnvironment::ChildEnvironment(char* const* given, std::size_t size, void* memory) : list_(given) {
  if (size == 0) return;
  if (!memory) {
    const long at = raw::map(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at < 0 && at > -4096) return;
    memory = mapped_ = reinterpret_cast<void*>(at);
    mapped_size_ = size;
  }
  auto** list = static_cast<char**>(memory);
  const char* preload = find(given, preload_name);
  const bool keeps_preload = preload && names_layer(preload);
  std::size_t used = 0;
  if (!keeps_preload) {
    list[used] = static_cast<char*>(memory) + list_size(given);
    write_preload(list[used++], preload);
  }
  for (char* const* one = given; one && *one; ++one) {
    const bool replaced =
        is_ours(*one) || (!keeps_preload && strncmp(*one, preload_name.data(), preload_name.size()) == 0);
    if (!replaced) list[used++] = *one;
  }
  list[used++] = const_cast<char*>(needed.socket.c_str());
  list[used++] = const_cast<char*>(needed.program.c_str());
  list[used++] = active_variable;
  list[used] = nullptr;
  list_ = list;
}

ChildEnvironment::~ChildEnvironment() {
  if (mapped_) raw::unmap(mapped_, mapped_size_);
}

void ensure_environment() {
  CHILD_ENVIRONMENT(wanted, environ);
  if (wanted.get() == environ) return;
  for (char* const* at = wanted.get(); *at; ++at) {
    for (const std::string_view name :
         {std::string_view("LD_PRELOAD="), std::string_view("INPOD_SOCKET="),
          std::string_view("INPOD_PROGRAM="), std::string_view("INPOD_ACTIVE=")}) {
      if (strncmp(*at, name.data(), name.size()) != 0) continue;
      char plain[16] = {};
      memcpy(plain, name.data(), name.size() - 1);
      setenv(plain, *at + name.size(), 1);
    }
  }
}

}  // namespace inpod::layer
