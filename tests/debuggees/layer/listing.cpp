// Lists the tree DIR by every call that lists, and by those of libc that do so inside. Usage: listing DIR
#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "report.hpp"

static void show(const char* what, std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  printf("%s:", what);
  for (const std::string& name : names) printf(" %s", name.c_str());
  printf("\n");
}

static std::vector<std::string> rest_of(DIR* directory) {
  std::vector<std::string> names;
  while (const dirent* entry = readdir(directory))
    names.push_back(std::string(entry->d_name) + ":" + std::to_string(entry->d_type));
  return names;
}

static std::vector<std::string> walked;
static std::string top;

static std::string below(const char* path) {
  return std::string(path).substr(top.size());
}

int main(int, char** arguments) {
  top = arguments[1];
  const std::string many = top + "/many";
  DIR* directory = opendir(top.c_str());
  report("opendir", directory ? 0 : -1);
  if (!directory) return 1;
  show("readdir", rest_of(directory));
  rewinddir(directory);
  show("rewinddir", rest_of(directory));
  rewinddir(directory);
  readdir(directory);
  readdir(directory);
  const long place = telldir(directory);
  const dirent* entry = readdir(directory);
  const std::string third = entry ? entry->d_name : "";
  rest_of(directory);
  seekdir(directory, place);
  entry = readdir(directory);
  report("seekdir comes back", entry && entry->d_name == third ? 1 : 0);
  struct stat stat;
  report("fstat of dirfd", fstat(dirfd(directory), &stat));
  report("it is a directory", S_ISDIR(stat.st_mode));
  const int file = openat(dirfd(directory), "small.txt", O_RDONLY);
  char bytes[100];
  report_bytes("openat dirfd", bytes, read(file, bytes, sizeof bytes));
  close(file);
  report("closedir", closedir(directory));

  report("opendir missing", opendir((top + "/missing").c_str()) ? 0 : -1);
  report("opendir of a file", opendir((top + "/small.txt").c_str()) ? 0 : -1);
  int fd = open(many.c_str(), O_RDONLY | O_DIRECTORY);
  directory = fdopendir(fd);
  report("fdopendir, entries", directory ? static_cast<long>(rest_of(directory).size()) : -1);
  report("closedir", closedir(directory));
  fd = open(many.c_str(), O_RDONLY | O_DIRECTORY);
  long total = 0, records = 0, got;
  alignas(8) char buffer[1024];
  while ((got = getdents64(fd, buffer, sizeof buffer)) > 0)
    for (long at = 0; at < got; ++records) at += reinterpret_cast<dirent64*>(buffer + at)->d_reclen, ++total;
  report("getdents64", got < 0 ? got : records);
  close(fd);

  dirent** list = nullptr;
  int count = scandir(
      top.c_str(), &list, [](const dirent* one) { return one->d_name[0] != '.' ? 1 : 0; }, alphasort);
  std::string names;
  for (int i = 0; i < count; ++i) names += std::string(" ") + list[i]->d_name, free(list[i]);
  free(list);
  report("scandir", names);
  report("scandir missing", scandir((top + "/missing").c_str(), &list, nullptr, nullptr));
  fd = open(top.c_str(), O_RDONLY | O_DIRECTORY);
  count = scandirat(fd, "many", &list, nullptr, alphasort);
  report("scandirat", count);
  for (int i = 0; i < count; ++i) free(list[i]);
  free(list);
  close(fd);

  glob_t found{};
  report("glob", glob((top + "/*.txt").c_str(), 0, nullptr, &found));
  std::vector<std::string> globbed;
  for (std::size_t i = 0; i < found.gl_pathc; ++i) globbed.push_back(below(found.gl_pathv[i]));
  globfree(&found);
  report("glob of directories", glob((top + "/*/d*").c_str(), GLOB_MARK, nullptr, &found));
  for (std::size_t i = 0; i < found.gl_pathc; ++i) globbed.push_back(below(found.gl_pathv[i]));
  globfree(&found);
  show("globbed", globbed);
  report("glob of nothing", glob((top + "/none*").c_str(), 0, nullptr, &found));

  report("nftw", nftw(
                     top.c_str(),
                     [](const char* path, const struct stat* one, int kind, FTW* at) {
                       walked.push_back(below(path) + ":" + std::to_string(kind) + ":" +
                                        std::to_string(at->level) + ":" +
                                        std::to_string(kind == FTW_F ? one->st_size : 0));
                       return 0;
                     },
                     8, FTW_PHYS));
  walked.erase(std::remove_if(walked.begin(), walked.end(),
                              [](const std::string& one) { return one.find("/many/") == 0; }),
               walked.end());
  show("nftw", walked);
  walked.clear();
  report("ftw", ftw((top + "/sub").c_str(),
                    [](const char* path, const struct stat*, int kind) {
                      walked.push_back(below(path) + ":" + std::to_string(kind));
                      return 0;
                    },
                    4));
  show("ftw", walked);
  walked.clear();
  char* roots[] = {const_cast<char*>(top.c_str()), nullptr};
  FTS* tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, [](const FTSENT** a, const FTSENT** b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
  });
  report("fts_open", tree ? 0 : -1);
  while (const FTSENT* one = tree ? fts_read(tree) : nullptr)
    if (below(one->fts_path).find("/many/") != 0)
      walked.push_back(below(one->fts_path) + ":" + std::to_string(one->fts_info) + ":" +
                       std::to_string(one->fts_level));
  show("fts", walked);
  if (tree) fts_close(tree);
  return 0;
}
