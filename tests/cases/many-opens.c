// Thousands of opens a second while few files are open at a time, and thousands open at a time.
// @pod rm -rf /data/many-opens; mkdir -p /data/many-opens/d; echo of-the-pod >/data/many-opens/file
// @right opened and closed: 7200 files, 2400 folders, 2400 streams
// @right open at a time: 4400 files, 1100 streams, 1100 folders, all right 1
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char* const file = "/data/many-opens/file";
static int files, folders, streams;

static int is_right(const char* text) {
  return strncmp(text, "of-the-pod\n", 11) == 0;
}

static void* open_and_close(void* unused) {
  char text[16];
  for (int i = 0; i < 900; ++i) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof text) == 11 && is_right(text)) __atomic_add_fetch(&files, 1, 0);
    if (fd >= 0) close(fd);
    if (i % 3 != 0) continue;
    DIR* folder = opendir("/data/many-opens");
    if (folder && readdir(folder)) __atomic_add_fetch(&folders, 1, 0);
    if (folder) closedir(folder);
    FILE* stream = fopen(file, "r");
    if (stream && fgets(text, sizeof text, stream) && is_right(text)) __atomic_add_fetch(&streams, 1, 0);
    if (stream) fclose(stream);
  }
  return NULL;
}

static void open_many(void) {
  static int held[4400];
  static FILE* held_streams[1100];
  static DIR* held_folders[1100];
  char text[16];
  int all_right = 1, count[3] = {0, 0, 0};
  for (int i = 0; i < 4400; ++i) count[0] += (held[i] = open(file, O_RDONLY)) >= 0;
  for (int i = 0; i < 1100; ++i) count[1] += (held_streams[i] = fopen(file, "r")) != NULL;
  for (int i = 0; i < 1100; ++i) count[2] += (held_folders[i] = opendir("/data/many-opens")) != NULL;
  for (int i = 0; i < 4400; ++i)
    all_right &= held[i] >= 0 && read(held[i], text, sizeof text) == 11 && is_right(text);
  for (int i = 0; i < 1100; ++i)
    all_right &= held_streams[i] && fgets(text, sizeof text, held_streams[i]) && is_right(text);
  for (int i = 0; i < 1100; ++i) {
    int names = 0;
    while (held_folders[i] && readdir(held_folders[i])) ++names;
    all_right &= names == 4;
  }
  printf("open at a time: %d files, %d streams, %d folders, all right %d\n", count[0], count[1], count[2],
         all_right);
}

int main(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  pthread_t threads[8];
  for (int i = 0; i < 8; ++i) pthread_create(threads + i, NULL, open_and_close, NULL);
  for (int i = 0; i < 8; ++i) pthread_join(threads[i], NULL);
  printf("opened and closed: %d files, %d folders, %d streams\n", files, folders, streams);
  open_many();
}
