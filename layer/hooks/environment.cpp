// What a child needs to be in the pod too. See environment.hpp.
#include "hooks/environment.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/raw.hpp"
#include "core/text.hpp"
#include "layer.hpp"
#include "pins.hpp"

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

bool names_layer(const char* preload) { return strstr(preload, needed.preload.c_str()) != nullptr; }

}  // namespace

void remember_environment() {
  Dl_info self{};
  if (dladdr(reinterpret_cast<const void*>(&remember_environment), &self) != 0 && self.dli_fname)
    needed.preload << self.dli_fname;
  if (const char* socket = find(environ, "INPOD_SOCKET=")) needed.socket << socket;
  if (const char* program = find(environ, "INPOD_PROGRAM=")) needed.program << program;
}

ChildEnvironment::ChildEnvironment(char* const* given) : list_(given) {
  if (!active() || needed.preload.view().empty()) return;
  const char* preload = find(given, preload_name);
  const bool has_preload = preload && names_layer(preload);
  if (has_preload && find(given, needed.socket.view()) && find(given, "INPOD_PROGRAM=") && find(given, active_variable)) return;
  std::size_t count = 0;
  while (given && given[count]) ++count;
  char** list = place_;
  if (count + 5 > most_on_stack) {
    mapped_size_ = (count + 5) * sizeof(char*);
    const long at = raw::map(nullptr, mapped_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at < 0 && at > -4096) {
      mapped_size_ = 0;
      return;
    }
    mapped_ = reinterpret_cast<void*>(at);
    list = static_cast<char**>(mapped_);
  }
  std::size_t used = 0;
  if (!has_preload) {
    const std::string_view others = preload ? std::string_view(preload + preload_name.size()) : std::string_view();
    FixedText<sizeof preload_> text;
    text << preload_name << needed.preload.view() << (others.empty() ? "" : ":") << others;
    if (text.overflow()) text.clear(), text << preload_name << needed.preload.view();
    memcpy(preload_, text.c_str(), text.view().size() + 1);
    list[used++] = preload_;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const bool replaced = (!has_preload && strncmp(given[i], preload_name.data(), preload_name.size()) == 0) ||
                          strncmp(given[i], "INPOD_SOCKET=", 13) == 0 || strncmp(given[i], "INPOD_PROGRAM=", 14) == 0 ||
                          strncmp(given[i], "INPOD_ACTIVE=", 13) == 0;
    if (!replaced) list[used++] = given[i];
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
  ChildEnvironment wanted(environ);
  if (wanted.get() == environ) return;
  for (char* const* at = wanted.get(); *at; ++at) {
    for (const std::string_view name : {std::string_view("LD_PRELOAD="), std::string_view("INPOD_SOCKET="),
                                        std::string_view("INPOD_PROGRAM="), std::string_view("INPOD_ACTIVE=")}) {
      if (strncmp(*at, name.data(), name.size()) != 0) continue;
      char plain[16] = {};
      memcpy(plain, name.data(), name.size() - 1);
      setenv(plain, *at + name.size(), 1);
    }
  }
}

}  // namespace inpod::layer
