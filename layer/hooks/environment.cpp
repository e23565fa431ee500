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
#include "policy/preload.hpp"

namespace inpod::layer {
namespace {

/// "NAME=value" of what must be there, as found when the layer started.
struct Needed {
  FixedText<4096> preload;  ///< path of the layer itself
  FixedText<256> socket;
  FixedText<4352> program;
  FixedText<64> sanitizer;  ///< what this program had preloaded before the layer, for itself alone
};
constinit Needed needed;

constexpr std::string_view preload_name = "LD_PRELOAD=";
char active_variable[] = "INPOD_ACTIVE=1";

char* find(char* const* list, std::string_view name) {
  for (; list && *list; ++list)
    if (strncmp(*list, name.data(), name.size()) == 0) return *list;
  return nullptr;
}

policy::Preload preload_of(char* const* given, std::string_view sanitizer) {
  const char* variable = find(given, preload_name);
  return {needed.preload.view(), sanitizer, variable ? variable + preload_name.size() : ""};
}

}  // namespace

void remember_environment(const char* layer_path, std::string_view sanitizer) {
  needed.preload.clear();
  needed.socket.clear();
  needed.program.clear();
  needed.sanitizer.clear();
  needed.sanitizer << sanitizer;
  needed.preload << layer_path;
  if (const char* socket = find(environ, "INPOD_SOCKET=")) needed.socket << socket;
  if (const char* program = find(environ, "INPOD_PROGRAM=")) needed.program << program;
}

namespace {

bool is_complete(char* const* given, const policy::Preload& preload) {
  return policy::is_in_order(preload) && find(given, needed.socket.view()) && find(given, "INPOD_PROGRAM=") &&
         find(given, active_variable);
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

bool is_ours(const char* variable) {
  return strncmp(variable, preload_name.data(), preload_name.size()) == 0 ||
         strncmp(variable, "INPOD_SOCKET=", 13) == 0 || strncmp(variable, "INPOD_PROGRAM=", 14) == 0 ||
         strncmp(variable, "INPOD_ACTIVE=", 13) == 0;
}

}  // namespace

std::size_t ChildEnvironment::room(char* const* given, std::string_view sanitizer) {
  if (!active() || needed.preload.view().empty()) return 0;
  const policy::Preload preload = preload_of(given, sanitizer);
  if (is_complete(given, preload)) return 0;
  return list_size(given) + preload_name.size() + policy::room_for(preload);
}

ChildEnvironment::ChildEnvironment(char* const* given, std::string_view sanitizer, std::size_t size,
                                   void* memory)
    : list_(given) {
  if (size == 0) return;
  if (!memory) {
    const long at = raw::map(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at < 0 && at > -4096) return;
    memory = mapped_ = reinterpret_cast<void*>(at);
    mapped_size_ = size;
  }
  auto** list = static_cast<char**>(memory);
  char* preload = static_cast<char*>(memory) + list_size(given);
  memcpy(preload, preload_name.data(), preload_name.size());
  policy::write_preload(preload_of(given, sanitizer), preload + preload_name.size());
  std::size_t used = 0;
  list[used++] = preload;
  for (char* const* one = given; one && *one; ++one)
    if (!is_ours(*one)) list[used++] = *one;
  list[used++] = const_cast<char*>(needed.socket.c_str());
  list[used++] = const_cast<char*>(needed.program.c_str());
  list[used++] = active_variable;
  list[used] = nullptr;
  list_ = list;
}

ChildEnvironment::~ChildEnvironment() {
  if (mapped_) raw::unmap(mapped_, mapped_size_);
}

bool layer_is_readable() {
  constexpr long readable = 4;  // R_OK
  return needed.preload.view().empty() ||
         raw::call(SYS_faccessat, AT_FDCWD, raw::word(needed.preload.c_str()), readable) == 0;
}

void drop_own_sanitizer() {
  const policy::Preload own = preload_of(environ, needed.sanitizer.view());
  const std::string_view rest = policy::without_sanitizer(own);
  if (rest.size() != own.given.size()) setenv("LD_PRELOAD", rest.data(), 1);
}

void ensure_environment() {
  CHILD_ENVIRONMENT(wanted, environ, std::string_view());
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
