// See libc.hpp.
#include "libc.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <gnu/libc-version.h>
#include <link.h>

#include <cstdint>
#include <cstring>

#include "pins.hpp"

namespace inpod::layer {
namespace {

/// What the dynamic section tells of the symbols. The linker has made its addresses absolute.
struct Tables {
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Half) * versions = nullptr;
  const std::uint32_t* hash = nullptr;
};

Tables tables_of(const ElfW(Dyn) * entry) {
  Tables tables;
  for (; entry->d_tag != DT_NULL; ++entry) {
    const auto* at = reinterpret_cast<const void*>(entry->d_un.d_ptr);
    if (entry->d_tag == DT_SYMTAB) tables.symbols = static_cast<const ElfW(Sym)*>(at);
    if (entry->d_tag == DT_STRTAB) tables.names = static_cast<const char*>(at);
    if (entry->d_tag == DT_VERSYM) tables.versions = static_cast<const ElfW(Half)*>(at);
    if (entry->d_tag == DT_GNU_HASH) tables.hash = static_cast<const std::uint32_t*>(at);
  }
  return tables;
}

std::uint32_t hash_of(const char* name) {
  std::uint32_t hash = 5381;
  for (; *name; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

/// A function that programs linked today would get: not one of an older version (the highest bit).
bool is_default(const Tables& tables, std::uint32_t at) {
  const bool hidden = tables.versions && (tables.versions[at] & 0x8000) != 0;
  return !hidden && tables.symbols[at].st_shndx != SHN_UNDEF &&
         (tables.symbols[at].st_info & 0xf) == STT_FUNC;
}

}  // namespace

Libc Libc::find() {
  Libc libc;
  Dl_info info{};
  link_map* map = nullptr;
  if (dladdr1(reinterpret_cast<const void*>(&gnu_get_libc_version), &info, reinterpret_cast<void**>(&map),
              RTLD_DL_LINKMAP) != 0 &&
      map)
    libc.dynamic_ = map->l_ld, libc.base_ = map->l_addr;
  return libc;
}

void* Libc::symbol(const char* name) const {
  if (!dynamic_) return nullptr;
  const Tables tables = tables_of(static_cast<const ElfW(Dyn)*>(dynamic_));
  if (!tables.symbols || !tables.names || !tables.hash) return nullptr;
  const std::uint32_t bucket_count = tables.hash[0], first = tables.hash[1], filter_words = tables.hash[2];
  const std::uint32_t* buckets = tables.hash + 4 + filter_words * (sizeof(ElfW(Addr)) / sizeof *tables.hash);
  const std::uint32_t* chains = buckets + bucket_count;
  const std::uint32_t wanted = hash_of(name);
  std::uint32_t at = buckets[wanted % bucket_count];
  if (at < first) return nullptr;
  for (;; ++at) {
    const std::uint32_t hash = chains[at - first];
    if ((hash | 1) == (wanted | 1) && is_default(tables, at) &&
        strcmp(tables.names + tables.symbols[at].st_name, name) == 0)
      return reinterpret_cast<void*>(base_ + tables.symbols[at].st_value);
    if ((hash & 1) != 0) return nullptr;
  }
}

}  // namespace inpod::layer
