// SPDX-License-Identifier: BSD-2-Clause
#include "base/fdpass.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FDS_MAX = 4 }; // received at once; the system closes those for which there is no room

ssize_t fd_send(int sock, struct bytes octets, int fd) {
    struct iovec iov = {.iov_base = (void *)octets.p, .iov_len = octets.n};
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.space = {0}};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        msg.msg_control = control.space;
        msg.msg_controllen = sizeof control.space;
        struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &fd, sizeof(int));
    }
    return sendmsg(sock, &msg, MSG_NOSIGNAL);
}

static void take_fds(struct msghdr *msg, int *fd) {
    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h != NULL; h = CMSG_NXTHDR(msg, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        int fds[FDS_MAX];
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(h), n * sizeof(int));
        for (size_t k = 0; k < n; k++)
            if (fd != NULL && *fd < 0)
                *fd = fds[k];
            else
                close(fds[k]);
    }
}

ssize_t fd_receive(int sock, void *octets, size_t n, int *fd) {
    struct iovec iov = {.iov_base = octets, .iov_len = n};
    union {
        char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    if (got > 0)
        take_fds(&msg, fd);
    return got;
}
