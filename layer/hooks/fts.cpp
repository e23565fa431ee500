// fts(3) over trees of the pod: libc walks inside itself, so a walk with a remote root is done here. Where
// all roots are local it stays libc's. Differences to libc's, all allowed by fts(3): the working directory
// never changes (as FTS_NOCHDIR), and each entry owns its path.
#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>

#include "layer.hpp"

using namespace inpod;
using namespace inpod::layer;

namespace {

constexpr unsigned short no_instruction = 3;  // FTS_NOINSTR, which <fts.h> keeps to itself

using Compare = int (*)(const FTSENT**, const FTSENT**);

struct Tree {
  int options;
  Compare compare;
  dev_t device;      // of the root that is walked
  FTSENT* current;   // what fts_read gave last; null before the first
  FTSENT* roots;     // not yet visited
  FTSENT* children;  // of `current`, when fts_children has read them already
  FTSENT top;        // parent of the roots
};

/// The walks of ours that are open, told from libc's by their address.
constexpr std::size_t most_trees = 64;
constinit std::atomic<Tree*> trees[most_trees] = {};

Tree* ours(FTS* walk) {
  for (const auto& one : trees)
    if (walk && reinterpret_cast<FTS*>(one.load(std::memory_order_acquire)) == walk) return one;
  return nullptr;
}

void free_list(FTSENT* entry) {
  while (entry) {
    FTSENT* next = entry->fts_link;
    free(entry);
    entry = next;
  }
}

bool is_dots(const char* name) {
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/// One block: the entry, its name, its stat, its path.
FTSENT* make_entry(const char* directory, const char* name) {
  const std::size_t above = directory ? strlen(directory) : 0, size = strlen(name);
  const std::size_t name_room = (offsetof(FTSENT, fts_name) + size + 1 + alignof(struct stat) - 1) /
                                alignof(struct stat) * alignof(struct stat);
  const std::size_t head = name_room > sizeof(FTSENT) ? name_room : (sizeof(FTSENT) + 15) / 16 * 16;
  auto* block = static_cast<char*>(calloc(1, head + sizeof(struct stat) + above + 1 + size + 1));
  if (!block) return nullptr;
  auto* entry = reinterpret_cast<FTSENT*>(block);
  const char* slash = directory ? nullptr : strrchr(name, '/');
  const char* last = slash && slash[1] ? slash + 1 : name;
  strcpy(entry->fts_name, last);
  entry->fts_namelen = static_cast<unsigned short>(strlen(last));
  entry->fts_statp = reinterpret_cast<struct stat*>(block + head);
  char* path = block + head + sizeof(struct stat);
  if (directory) {
    strcpy(path, directory);
    if (above == 0 || directory[above - 1] != '/') strcat(path, "/");
  }
  strcat(path, name);
  entry->fts_path = entry->fts_accpath = path;
  entry->fts_pathlen = static_cast<unsigned short>(strlen(path));
  entry->fts_instr = no_instruction;
  entry->fts_symfd = -1;
  return entry;
}

unsigned short kind_of(FTSENT* entry, bool follow) {
  struct stat& stat = *entry->fts_statp;
  if (follow ? ::stat(entry->fts_path, &stat) : lstat(entry->fts_path, &stat)) {
    entry->fts_errno = errno;
    if (follow && lstat(entry->fts_path, &stat) == 0) {
      entry->fts_errno = 0;
      return FTS_SLNONE;
    }
    return FTS_NS;
  }
  entry->fts_dev = stat.st_dev;
  entry->fts_ino = stat.st_ino;
  entry->fts_nlink = stat.st_nlink;
  if (S_ISDIR(stat.st_mode)) {
    if (entry->fts_level > 0 && is_dots(entry->fts_name)) return FTS_DOT;
    for (FTSENT* above = entry->fts_parent; above && above->fts_level >= 0; above = above->fts_parent)
      if (above->fts_ino == entry->fts_ino && above->fts_dev == entry->fts_dev) {
        entry->fts_cycle = above;
        return FTS_DC;
      }
    return FTS_D;
  }
  return S_ISLNK(stat.st_mode) ? FTS_SL : S_ISREG(stat.st_mode) ? FTS_F : FTS_DEFAULT;
}

/// The list in the order that the program's function wants.
FTSENT* sorted(const Tree& tree, FTSENT* list) {
  if (!tree.compare || !list || !list->fts_link) return list;
  std::size_t count = 0;
  for (FTSENT* one = list; one; one = one->fts_link) ++count;
  auto** array = static_cast<FTSENT**>(malloc(count * sizeof(FTSENT*)));
  if (!array) return list;
  count = 0;
  for (FTSENT* one = list; one; one = one->fts_link) array[count++] = one;
  qsort(array, count, sizeof *array, reinterpret_cast<int (*)(const void*, const void*)>(tree.compare));
  for (std::size_t i = 0; i < count; ++i) array[i]->fts_link = i + 1 < count ? array[i + 1] : nullptr;
  list = array[0];
  free(array);
  return list;
}

/// Entries of a directory. False and errno when it can't be read.
bool read_children(const Tree& tree, FTSENT* parent, FTSENT*& list) {
  list = nullptr;
  DIR* directory = opendir(parent->fts_path);
  if (!directory) return false;
  FTSENT** place = &list;
  while (const dirent* found = readdir(directory)) {
    if ((tree.options & FTS_SEEDOT) == 0 && is_dots(found->d_name)) continue;
    FTSENT* entry = make_entry(parent->fts_path, found->d_name);
    if (!entry) break;
    entry->fts_parent = parent;
    entry->fts_level = static_cast<short>(parent->fts_level + 1);
    const bool skip_stat = (tree.options & FTS_NOSTAT) != 0 && found->d_type != DT_DIR &&
                           found->d_type != DT_UNKNOWN &&
                           (found->d_type != DT_LNK || (tree.options & FTS_PHYSICAL) != 0);
    entry->fts_info = skip_stat ? FTS_NSOK : kind_of(entry, (tree.options & FTS_LOGICAL) != 0);
    *place = entry;
    place = &entry->fts_link;
  }
  closedir(directory);
  list = sorted(tree, list);
  return true;
}

/// What is next after a directory has been given in pre-order.
FTSENT* descend(Tree& tree, FTSENT* entry) {
  const bool skip =
      entry->fts_instr == FTS_SKIP || ((tree.options & FTS_XDEV) != 0 && entry->fts_dev != tree.device);
  if (skip) {
    free_list(tree.children);
    tree.children = nullptr;
    entry->fts_info = FTS_DP;
    return entry;
  }
  FTSENT* list = tree.children;
  tree.children = nullptr;
  if (!list && !read_children(tree, entry, list)) {
    entry->fts_errno = errno;
    entry->fts_info = FTS_DNR;
    return entry;
  }
  if (!list) {
    entry->fts_info = FTS_DP;
    return entry;
  }
  return list;
}

FTSENT* after(Tree& tree, FTSENT* entry) {
  FTSENT* parent = entry->fts_parent;
  FTSENT* next = entry->fts_link;
  free(entry);
  while (next && next->fts_instr == FTS_SKIP) {
    FTSENT* behind = next->fts_link;
    free(next);
    next = behind;
  }
  if (next) {
    if (next->fts_instr == FTS_FOLLOW) next->fts_info = kind_of(next, true), next->fts_instr = no_instruction;
    if (next->fts_level == 0) tree.device = next->fts_dev;
    return next;
  }
  if (parent == &tree.top) return nullptr;
  parent->fts_info = parent->fts_errno != 0 ? FTS_ERR : FTS_DP;
  return parent;
}

FTSENT* step(Tree& tree) {
  FTSENT* entry = tree.current;
  if (!entry) {
    entry = tree.roots;
    tree.roots = nullptr;
    if (entry) tree.device = entry->fts_dev;
    return entry;
  }
  const auto instruction = entry->fts_instr;
  if (instruction == FTS_AGAIN ||
      (instruction == FTS_FOLLOW && (entry->fts_info == FTS_SL || entry->fts_info == FTS_SLNONE))) {
    entry->fts_instr = no_instruction;
    entry->fts_info = kind_of(entry, instruction == FTS_FOLLOW || (tree.options & FTS_LOGICAL) != 0);
    return entry;
  }
  return entry->fts_info == FTS_D ? descend(tree, entry) : after(tree, entry);
}

FTS* open_tree(char* const* paths, int options, Compare compare) {
  auto* tree = static_cast<Tree*>(calloc(1, sizeof(Tree)));
  if (!tree) return nullptr;
  tree->options = options;
  tree->compare = compare;
  tree->top.fts_level = -1;
  FTSENT** place = &tree->roots;
  for (; *paths; ++paths) {
    FTSENT* entry = make_entry(nullptr, *paths);
    if (!entry) break;
    entry->fts_parent = &tree->top;
    entry->fts_info = kind_of(entry, (options & (FTS_LOGICAL | FTS_COMFOLLOW)) != 0);
    *place = entry;
    place = &entry->fts_link;
  }
  tree->roots = sorted(*tree, tree->roots);
  for (auto& one : trees) {
    Tree* expected = nullptr;
    if (one.compare_exchange_strong(expected, tree)) return reinterpret_cast<FTS*>(tree);
  }
  free_list(tree->roots);
  free(tree);
  errno = EMFILE;
  return nullptr;
}

}  // namespace

HOOK(FTS*, fts_open, (char* const* paths, int options, Compare compare)) {
  bool remote = false;
  for (char* const* path = paths; active() && path && *path; ++path)
    remote = remote || files::is_remote(core, AT_FDCWD, *path);
  return remote ? open_tree(paths, options, compare) : original(fts_open)(paths, options, compare);
}
HOOK_ALIAS(fts64_open, fts_open)

HOOK(FTSENT*, fts_read, (FTS * walk)) {
  Tree* tree = ours(walk);
  if (!tree) return original(fts_read)(walk);
  tree->current = step(*tree);
  if (!tree->current) errno = 0;
  return tree->current;
}
HOOK_ALIAS(fts64_read, fts_read)

HOOK(FTSENT*, fts_children, (FTS * walk, int instruction)) {
  Tree* tree = ours(walk);
  if (!tree) return original(fts_children)(walk, instruction);
  errno = 0;
  if (!tree->current) return tree->roots;
  if (tree->current->fts_info != FTS_D) return nullptr;
  free_list(tree->children);
  tree->children = nullptr;
  read_children(*tree, tree->current, tree->children);
  return tree->children;
}
HOOK_ALIAS(fts64_children, fts_children)

HOOK(int, fts_set, (FTS * walk, FTSENT* entry, int instruction)) {
  if (!ours(walk)) return original(fts_set)(walk, entry, instruction);
  entry->fts_instr = static_cast<unsigned short>(instruction);
  return 0;
}
HOOK_ALIAS(fts64_set, fts_set)

HOOK(int, fts_close, (FTS * walk)) {
  Tree* tree = ours(walk);
  if (!tree) return original(fts_close)(walk);
  for (auto& one : trees)
    if (one.load() == tree) one.store(nullptr, std::memory_order_release);
  free_list(tree->children);
  free_list(tree->roots);
  for (FTSENT* entry = tree->current; entry && entry != &tree->top;) {
    FTSENT* parent = entry->fts_parent;
    free_list(entry);  // and the siblings that were not visited
    entry = parent;
  }
  free(tree);
  return 0;
}
HOOK_ALIAS(fts64_close, fts_close)
