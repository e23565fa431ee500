// liburing makes its system calls by itself: it is told that there is no io_uring.
// @build gcc -w -O1 -o $OUT $SRC -luring
// @only-outside
// @right queue_init: Function not implemented
// @right queue_init_params: Function not implemented
// @right setup: Function not implemented
// @stderr io_uring.*ENOSYS
#include <liburing.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  struct io_uring ring;
  struct io_uring_params parameters = {0};
  printf("queue_init: %s\n", strerror(-io_uring_queue_init(8, &ring, 0)));
  printf("queue_init_params: %s\n", strerror(-io_uring_queue_init_params(8, &ring, &parameters)));
  printf("setup: %s\n", strerror(-io_uring_setup(8, &parameters)));
}
