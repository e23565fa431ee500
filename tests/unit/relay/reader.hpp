// Reader: opens a remote file and reads it as the layer does (relay_protocol.hpp, head comment), for tests.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>

#include "unit/relay/relay_client.hpp"

namespace inpod::test {

using relay::Op;
using relay::Slot;

/// What the layer does: reads from the memfd where the slot allows it, else asks.
class Reader {
 public:
  Reader(const RelayClient& client, const std::string& path, int flags = O_RDONLY) : client_(client) {
    auto hello = client_.call({.op = Op::hello, .text = "/bin/test"});
    void* memory =
        ::mmap(nullptr, sizeof(Slot) * relay::slot_count, PROT_READ, MAP_SHARED, hello.fd.get(), 0);
    slots_ = static_cast<const Slot*>(memory);
    opened = client_.call({.op = Op::open, .a = static_cast<std::uint64_t>(flags), .text = path});
  }
  ~Reader() { ::munmap(const_cast<Slot*>(slots_), sizeof(Slot) * relay::slot_count); }

  std::uint64_t handle() const { return opened.reply.c; }
  const Slot& slot() const { return slots_[opened.reply.b]; }
  bool shown(std::uint64_t begin, std::uint64_t end) const {
    const auto last = __atomic_load_n(&slot().end, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&slot().begin, __ATOMIC_ACQUIRE) <= begin && end <= last;
  }
  std::string read(std::uint64_t offset, std::size_t length) {
    std::string data(length, '\0');
    for (int round = 0; round < 3; ++round) {
      const auto size = __atomic_load_n(&slot().size, __ATOMIC_ACQUIRE);
      const auto end = std::min<std::uint64_t>(size, offset + length);
      if (!shown(offset, end)) {
        ++ensures;
        error = client_.call({.op = Op::ensure, .a = handle(), .b = offset, .c = length}).reply.error;
        if (error != 0) return {};
      }
      const auto got = ::pread(opened.fd.get(), data.data(), length, static_cast<off_t>(offset));
      if (!shown(offset, std::min<std::uint64_t>(slot().size, offset + length))) continue;
      data.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      return data;
    }
    return client_.call({.op = Op::read, .a = handle(), .b = length, .c = offset}).data;
  }

  const RelayClient client_;
  const Slot* slots_ = nullptr;
  Received opened;
  int ensures = 0, error = 0;
};

}  // namespace inpod::test
