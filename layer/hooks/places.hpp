// Places for the objects that stand behind handles of libc's (FILE, DIR): claimed and freed without a lock,
// found by their address. When all are taken a further chunk is made; none is ever given back.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstddef>

#include "core/raw.hpp"

namespace inpod::layer {

/// T has a member `std::atomic<bool> used`, and is free when all its bytes are zero.
template <class T>
struct Places {
  static constexpr std::size_t size = 1024;
  T places[size];
  std::atomic<Places*> next;

  /// A free place, claimed; null when there is no memory.
  T* claim() {
    for (Places* chunk = this; chunk; chunk = chunk->following())
      for (T& place : chunk->places) {
        bool expected = false;
        if (place.used.compare_exchange_strong(expected, true)) return &place;
      }
    return nullptr;
  }

  /// The first place that `matches`; null: none.
  template <class F>
  T* find(F matches) {
    for (Places* chunk = this; chunk; chunk = chunk->next.load(std::memory_order_acquire))
      for (T& place : chunk->places)
        if (matches(place)) return &place;
    return nullptr;
  }

  /// Whether this is the address of a place.
  bool holds(const T* place) const {
    for (const Places* chunk = this; chunk; chunk = chunk->next.load(std::memory_order_acquire))
      if (place >= chunk->places && place < chunk->places + size) return true;
    return false;
  }

 private:
  /// The next chunk, which is made where there is none.
  Places* following() {
    if (Places* known = next.load(std::memory_order_acquire)) return known;
    const long memory =
        raw::map(nullptr, sizeof(Places), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory < 0 && memory > -4096) return nullptr;
    auto* made = reinterpret_cast<Places*>(memory);
    Places* known = nullptr;
    if (next.compare_exchange_strong(known, made)) return made;
    raw::unmap(made, sizeof(Places));
    return known;
  }
};

}  // namespace inpod::layer
