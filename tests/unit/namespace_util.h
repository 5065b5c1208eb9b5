// SPDX-License-Identifier: BSD-2-Clause
// A unit test in a network of its own: only lo, and what the test makes, all gone when it ends.
#ifndef TESTS_UNIT_NAMESPACE_UTIL_H
#define TESTS_UNIT_NAMESPACE_UTIL_H

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static inline bool namespace_write(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    return fd >= 0 && close(fd) == 0 && done;
}

// Moves the process into new network and mount namespaces, as an ordinary user where the system lets it. False: it
// cannot be had here, which is a reason to skip.
static inline bool namespace_enter(void) {
    uid_t uid = getuid();
    gid_t gid = getgid();
    char map[64];
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0)
            return false;
        snprintf(map, sizeof map, "0 %u 1", uid);
        if (!namespace_write("/proc/self/setgroups", "deny") || !namespace_write("/proc/self/uid_map", map))
            return false;
        snprintf(map, sizeof map, "0 %u 1", gid);
        if (!namespace_write("/proc/self/gid_map", map))
            return false;
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && system("ip link set lo up") == 0;
}

#endif
