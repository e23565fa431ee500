// Work that needs a descriptor where the process may not have one more (RLIMIT_NOFILE): read(2), stat(2) and
// connect(2) need none, so a program that has used up its own expects them to go on.
#pragma once

namespace inpod {

/// Runs `work` in a thread that has a copy of the table of descriptors, with low numbers free; the process's
/// own table is as before. `keep` is a descriptor that `work` needs; -1: none. Then `meanwhile`, if given, in
/// the calling thread while the other one still stands: what that one has open is in
/// /proc/self/task/<thread>/fd. What `work` returns, or -EMFILE where no thread can be made. Nothing is kept:
/// safe in signal handlers, which wait until it is done, and in children of fork and vfork.
long with_own_table(int keep, long (*work)(void* context), void* context,
                    void (*meanwhile)(void* context, long thread) = nullptr);

}  // namespace inpod
