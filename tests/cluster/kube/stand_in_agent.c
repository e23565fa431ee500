// Stands in for inpod-agent where only its start matters: reads the start record from stdin, listens on a
// free port of loopback, prints the ready line, then echoes what comes. A record "exit" makes it fail with
// words on stderr.
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int read_all(void* into, size_t size) {
  char* at = into;
  while (size > 0) {
    ssize_t got = read(0, at, size);
    if (got <= 0) return 0;
    at += got, size -= (size_t)got;
  }
  return 1;
}

int main(void) {
  unsigned char length[4];
  static char record[65536];
  if (!read_all(length, 4)) return fprintf(stderr, "no start record\n"), 3;
  uint32_t size =
      length[0] | (uint32_t)length[1] << 8 | (uint32_t)length[2] << 16 | (uint32_t)length[3] << 24;
  if (size >= sizeof record || !read_all(record, size)) return fprintf(stderr, "start record cut short\n"), 3;
  if (strcmp(record, "exit") == 0) return fprintf(stderr, "stand-in: told to fail\n"), 4;

  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t address_size = sizeof address;
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 8) != 0)
    return perror("listen"), 5;
  getsockname(listener, (struct sockaddr*)&address, &address_size);
  printf("inpod-agent ready port=%d record=%u uid=%d\n", ntohs(address.sin_port), size, (int)getuid());
  fflush(stdout);
  for (;;) {
    int peer = accept(listener, NULL, NULL);
    if (peer < 0) continue;
    if (fork() == 0) {
      static char buffer[65536];
      for (ssize_t got; (got = read(peer, buffer, sizeof buffer)) > 0;) {
        for (ssize_t done = 0, sent; done < got; done += sent) {
          if ((sent = write(peer, buffer + done, (size_t)(got - done))) <= 0) _exit(0);
        }
      }
      _exit(0);
    }
    close(peer);
  }
}
