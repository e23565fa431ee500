// A program that forbids itself sockets by a filter of system calls can't reach inpod: that is told, and what
// it starts is not started, with the reason. What stands behind no filter goes on.
// @only-outside
// @right web-5d8f
// @right status 125
// @stderr itself sockets[\s\S]*not started: a filter|not started: a filter[\s\S]*itself sockets
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  system("cat /etc/hostname");
  if (fork() == 0) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) return 2;
    execlp("cat", "cat", "/etc/hostname", (char*)NULL);
    return 3;
  }
  int status = 0;
  wait(&status);
  printf("status %d\n", WEXITSTATUS(status));
}
