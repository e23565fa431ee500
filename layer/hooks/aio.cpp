// aio(7): libc's threads read, write and sync by system calls inside libc. What has a local copy is fetched
// first, and then read there; files opened for writing have none, and get ENOSYS, as where there is no
// asynchronous I/O.
#include <aio.h>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

/// 0: libc may do it; else -errno.
long prepare(const aiocb& request, bool reads) {
  const FdEntry entry = file_entry(request.aio_fildes);
  if (!entry) return 0;
  if (!reads || entry.kind() != FdKind::snapshot || request.aio_offset < 0) return -ENOSYS;
  return files::ensure(core, entry, static_cast<std::uint64_t>(request.aio_offset), request.aio_nbytes,
                       files::Keep::a_while);
}

}  // namespace

HOOK(int, aio_read, (aiocb * request)) {
  const long value = prepare(*request, true);
  return value == 0 ? original(aio_read)(request) : result<int>(value);
}
HOOK_ALIAS(aio_read64, aio_read)

HOOK(int, aio_write, (aiocb * request)) {
  const long value = prepare(*request, false);
  return value == 0 ? original(aio_write)(request) : result<int>(value);
}
HOOK_ALIAS(aio_write64, aio_write)

HOOK(int, aio_fsync, (int operation, aiocb* request)) {
  const FdEntry entry = file_entry(request->aio_fildes);
  return entry && entry.changeable() ? result<int>(-ENOSYS) : original(aio_fsync)(operation, request);
}
HOOK_ALIAS(aio_fsync64, aio_fsync)

HOOK(int, lio_listio, (int mode, aiocb* const* list, int count, sigevent* event)) {
  for (int i = 0; i < count && list; ++i) {
    if (!list[i] || list[i]->aio_lio_opcode == LIO_NOP) continue;
    if (const long value = prepare(*list[i], list[i]->aio_lio_opcode == LIO_READ); value != 0)
      return result<int>(value);
  }
  return original(lio_listio)(mode, list, count, event);
}
HOOK_ALIAS(lio_listio64, lio_listio)
