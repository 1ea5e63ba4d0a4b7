/* Holds namespaces: the node's box, and each pod's sandbox. As process 1 it also reaps orphans. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(int number) {
    (void)number;
    while (waitpid(-1, 0, WNOHANG) > 0)
        ;
}

static void stop(int number) {
    (void)number;
    _exit(0);
}

int main(void) {
    signal(SIGCHLD, reap);
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    for (;;)
        pause();
}
