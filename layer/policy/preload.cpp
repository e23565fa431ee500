// The order of LD_PRELOAD: see preload.hpp.
#include "policy/preload.hpp"

#include <cstring>

#include "policy/elf.hpp"

namespace inpod::policy {
namespace {

bool is_same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size()) == 0;
}

/// Calls `use` with each entry; they are divided by colons and spaces.
template <class Use>
void for_each_entry(std::string_view list, Use use) {
  std::size_t start = 0;
  for (std::size_t at = 0; at <= list.size(); ++at) {
    if (at < list.size() && list[at] != ':' && list[at] != ' ') continue;
    if (at > start) use(std::string_view(list.data() + start, at - start));
    start = at + 1;
  }
}

template <class Put>
void put_in_order(const Preload& preload, Put put) {
  std::string_view first = preload.sanitizer;
  for_each_entry(preload.given, [&](std::string_view entry) {
    if (is_sanitizer(entry)) first = entry;
  });
  if (!first.empty()) {
    put(first);
    put(":");
  }
  put(preload.layer);
  for_each_entry(preload.given, [&](std::string_view entry) {
    if (is_same(entry, preload.layer) || is_same(entry, first)) return;
    put(":");
    put(entry);
  });
}

}  // namespace

std::size_t room_for(const Preload& preload) {
  return preload.layer.size() + preload.sanitizer.size() + 2 * preload.given.size() + 4;
}

std::size_t write_preload(const Preload& preload, char* into) {
  char* at = into;
  put_in_order(preload, [&](std::string_view part) {
    memcpy(at, part.data(), part.size());
    at += part.size();
  });
  *at = 0;
  return static_cast<std::size_t>(at - into);
}

std::string_view without_sanitizer(const Preload& preload) {
  std::string_view rest = preload.given;
  for (const std::string_view part : {preload.sanitizer, std::string_view(":"), preload.layer}) {
    if (part.empty() || !is_same({rest.data(), part.size() < rest.size() ? part.size() : rest.size()}, part))
      return preload.given;
    rest.remove_prefix(part.size());
  }
  return {rest.data() - preload.layer.size(), rest.size() + preload.layer.size()};
}

bool is_in_order(const Preload& preload) {
  std::string_view rest = preload.given;
  bool same = true;
  put_in_order(preload, [&](std::string_view part) {
    same = same && rest.size() >= part.size() && memcmp(rest.data(), part.data(), part.size()) == 0;
    if (same) rest.remove_prefix(part.size());
  });
  return same && rest.empty();
}

}  // namespace inpod::policy
