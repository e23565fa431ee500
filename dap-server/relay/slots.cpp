// SlotTable: see slots.hpp.
#include "relay/slots.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <atomic>

namespace inpod::relay {
namespace {

void store(std::uint64_t& field, std::uint64_t value) {
  std::atomic_ref(field).store(value);
}
std::uint64_t load(std::uint64_t& field) {
  return std::atomic_ref(field).load();
}

}  // namespace

namespace {

/// EMFILE would tell a program of its own limit.
Failed cannot(const char* what) {
  if (errno != EMFILE) return fail_errno(what);
  return Failed(Error{ENFILE, std::string(what) + ": inpod itself has no file descriptors left",
                      "raise its limit (ulimit -Hn), or keep fewer of the pod's files open"});
}

}  // namespace

Result<UniqueFd> make_memfd(const std::string& name) {
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC));
  if (!fd) return cannot("cannot make a memory file");
  return fd;
}

Result<UniqueFd> make_placeholder_memfd(const std::string& name) {
  const UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    return fail_errno("cannot make a memory file");
  return reopen(fd.get(), O_WRONLY);
}

Result<UniqueFd> reopen(int fd, int flags) {
  UniqueFd opened(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), flags | O_CLOEXEC));
  if (!opened) return cannot("cannot open a memory file again");
  return opened;
}

Result<std::unique_ptr<SlotTable>> SlotTable::create() {
  constexpr std::size_t bytes = sizeof(Slot) * slot_count;
  std::unique_ptr<SlotTable> table(new SlotTable);
  TRY_ASSIGN(fd, make_memfd("inpod-slots"));
  if (::ftruncate(fd.get(), bytes) != 0) return fail_errno("cannot size the slot table");
  TRY_ASSIGN(readable, reopen(fd.get(), O_RDONLY));
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return fail_errno("cannot map the slot table");
  table->slots_ = static_cast<Slot*>(memory);
  table->fd_ = std::move(fd);
  table->readable_ = std::move(readable);
  for (std::uint32_t slot = 0; slot < slot_count; ++slot) table->free_.push_back(slot);
  return table;
}

SlotTable::~SlotTable() {
  if (slots_ != nullptr) ::munmap(slots_, sizeof(Slot) * slot_count);
}

std::optional<std::uint32_t> SlotTable::take(std::uint64_t handle) {
  if (free_.empty()) return std::nullopt;
  const auto slot = free_.front();
  free_.pop_front();
  publish(slot, 0, {});
  store(slots_[slot].handle, handle);
  return slot;
}

void SlotTable::free(std::uint32_t slot) {
  store(slots_[slot].handle, 0);
  publish(slot, 0, {});
  free_.push_back(slot);
}

void SlotTable::publish(std::uint32_t slot, std::uint64_t size, Range range) {
  auto& entry = slots_[slot];
  store(entry.size, size);
  const Range old{load(entry.begin), load(entry.end)};
  if (range.begin < old.begin || range.begin >= old.end) store(entry.end, 0);
  store(entry.begin, range.begin);
  store(entry.end, range.end);
}

}  // namespace inpod::relay
