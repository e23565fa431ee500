// libc's own definition of a function, whoever else defines one of its name.
//
// dlsym(3) with a handle would do, but a handle of libc is had only by dlopen(3), which allocates, and the
// layer may start within an allocator's own start. So the symbol table is read here: elf(5), and
// DT_GNU_HASH's layout.
#pragma once

namespace inpod::layer {

/// Where libc's symbols are. To be made by `find`, which takes the dynamic linker's lock but allocates
/// nothing.
class Libc {
 public:
  static Libc find();
  /// The default version of `name`; null where libc has none.
  void* symbol(const char* name) const;

 private:
  const void* dynamic_ = nullptr;
  unsigned long base_ = 0;
};

}  // namespace inpod::layer
