// Calls that walk directories inside libc, where no hook sees them: glob, ftw and nftw. (fts has a file of
// its own.)
//
// glob gets this layer's directory functions (GLOB_ALTDIRFUNC), whatever is local passes through them. ftw
// and nftw do a walk of our own where the root is the pod's; a walk that begins on this machine stays libc's.
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

bool is_remote(const char* path) {
  return active() && files::is_remote(core, AT_FDCWD, path);
}

using Plain = int (*)(const char*, const struct stat*, int);
using Full = int (*)(const char*, const struct stat*, int, FTW*);

class Walk {
 public:
  Walk(int flags, Plain plain, Full full) : flags_(flags), plain_(plain), full_(full) {}
  ~Walk() { free(seen_); }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  /// As ftw(3) and nftw(3): 0, what the callback said to end it, or -1 and errno.
  int run(const char* root) {
    const std::size_t length = strlen(root);
    if (length >= sizeof path_) return errno = ENAMETOOLONG, -1;
    memcpy(path_, root, length + 1);
    std::size_t end = length;
    while (end > 1 && path_[end - 1] == '/') path_[--end] = 0;
    const char* slash = strrchr(path_, '/');
    const int base = slash && slash[1] ? static_cast<int>(slash + 1 - path_) : 0;
    struct stat stat;
    if (look(stat) != 0) return -1;
    device_ = stat.st_dev;
    const int here = (flags_ & FTW_CHDIR) != 0 ? open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    const int value = visit(end, base, 0);
    if (here >= 0) {
      const int saved = errno;
      fchdir(here);
      close(here);
      errno = saved;
    }
    return (flags_ & FTW_ACTIONRETVAL) != 0 && (value == FTW_SKIP_SUBTREE || value == FTW_SKIP_SIBLINGS)
               ? 0
               : value;
  }

 private:
  struct Seen {
    dev_t device;
    ino_t inode;
  };

  int look(struct stat& stat) const {
    return (flags_ & FTW_PHYS) != 0 ? lstat(path_, &stat) : ::stat(path_, &stat);
  }

  int tell(const struct stat& stat, int kind, int base, int level) {
    if (!full_) return plain_(path_, &stat, kind == FTW_DP ? FTW_D : kind == FTW_SLN ? FTW_NS : kind);
    FTW at{base, level};
    return full_(path_, &stat, kind, &at);
  }

  /// Without FTW_PHYS links may lead in circles: each directory is visited once.
  bool first_time(const struct stat& stat) {
    if ((flags_ & FTW_PHYS) != 0) return true;
    for (std::size_t i = 0; i < seen_count_; ++i)
      if (seen_[i].device == stat.st_dev && seen_[i].inode == stat.st_ino) return false;
    if (seen_count_ == seen_room_) {
      const std::size_t room = seen_room_ == 0 ? 64 : seen_room_ * 2;
      auto* bigger = static_cast<Seen*>(realloc(seen_, room * sizeof(Seen)));
      if (!bigger) return false;
      seen_ = bigger;
      seen_room_ = room;
    }
    seen_[seen_count_++] = {stat.st_dev, stat.st_ino};
    return true;
  }

  int visit(std::size_t length, int base, int level) {
    struct stat stat;
    if (look(stat) != 0) {
      if (errno != EACCES && errno != ENOENT) return -1;
      const bool link = (flags_ & FTW_PHYS) == 0 && lstat(path_, &stat) == 0 && S_ISLNK(stat.st_mode);
      return tell(stat, link ? FTW_SLN : FTW_NS, base, level);
    }
    if ((flags_ & FTW_MOUNT) != 0 && stat.st_dev != device_) return 0;
    if (!S_ISDIR(stat.st_mode)) return tell(stat, S_ISLNK(stat.st_mode) ? FTW_SL : FTW_F, base, level);
    if (!first_time(stat)) return 0;
    return visit_directory(stat, length, base, level);
  }

  int visit_directory(const struct stat& stat, std::size_t length, int base, int level) {
    DIR* directory = opendir(path_);
    if (!directory) return errno == EACCES ? tell(stat, FTW_DNR, base, level) : -1;
    int value = 0;
    if ((flags_ & FTW_DEPTH) == 0) value = tell(stat, FTW_D, base, level);
    if ((flags_ & FTW_ACTIONRETVAL) != 0 && value == FTW_SKIP_SUBTREE) {
      closedir(directory);
      return 0;
    }
    if (value == 0 && (flags_ & FTW_CHDIR) != 0 && chdir(path_) != 0) value = -1;
    if (value == 0) value = visit_entries(directory, length, level);
    const int saved = errno;
    closedir(directory);
    errno = saved;
    path_[length] = 0;
    if ((flags_ & FTW_ACTIONRETVAL) != 0 && value == FTW_SKIP_SIBLINGS) value = 0;
    if (value == 0 && (flags_ & FTW_DEPTH) != 0) value = tell(stat, FTW_DP, base, level);
    return value;
  }

  int visit_entries(DIR* directory, std::size_t length, int level) {
    const std::size_t start = path_[length - 1] == '/' ? length : length + 1;
    while (const dirent* entry = readdir(directory)) {
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
      const std::size_t size = strlen(entry->d_name);
      if (start + size >= sizeof path_) return errno = ENAMETOOLONG, -1;
      path_[start - 1] = '/';
      memcpy(path_ + start, entry->d_name, size + 1);
      const int value = visit(start + size, static_cast<int>(start), level + 1);
      path_[length] = 0;
      const bool goes_on = value == 0 || ((flags_ & FTW_ACTIONRETVAL) != 0 && value == FTW_SKIP_SUBTREE);
      if (!goes_on) return value;
    }
    return 0;
  }

  const int flags_;
  const Plain plain_;
  const Full full_;
  char path_[PATH_MAX];
  dev_t device_ = 0;
  Seen* seen_ = nullptr;
  std::size_t seen_count_ = 0, seen_room_ = 0;
};

}  // namespace

HOOK(int, ftw, (const char* root, Plain callback, int descriptors)) {
  if (!root || !is_remote(root)) return original(ftw)(root, callback, descriptors);
  return Walk(0, callback, nullptr).run(root);
}
HOOK_ALIAS(ftw64, ftw)

HOOK(int, nftw, (const char* root, Full callback, int descriptors, int flags)) {
  if (!root || !is_remote(root)) return original(nftw)(root, callback, descriptors, flags);
  return Walk(flags, nullptr, callback).run(root);
}
HOOK_ALIAS(nftw64, nftw)

HOOK(int, glob, (const char* pattern, int flags, int (*failed)(const char*, int), glob_t* found)) {
  if (!active() || (flags & GLOB_ALTDIRFUNC) != 0) return original(glob)(pattern, flags, failed, found);
  found->gl_opendir = [](const char* path) -> void* { return opendir(path); };
  found->gl_readdir = [](void* directory) { return readdir(static_cast<DIR*>(directory)); };
  found->gl_closedir = [](void* directory) { closedir(static_cast<DIR*>(directory)); };
  found->gl_stat = [](const char* path, struct stat* stat) { return ::stat(path, stat); };
  found->gl_lstat = [](const char* path, struct stat* stat) { return lstat(path, stat); };
  const int value = original(glob)(pattern, flags | GLOB_ALTDIRFUNC, failed, found);
  found->gl_flags &= ~GLOB_ALTDIRFUNC;
  return value;
}
HOOK_ALIAS(glob64, glob)
