// SPDX-License-Identifier: BSD-2-Clause
// The owner's lock. An open file description lock: it belongs to this opening of the file, so that it neither ends when
// some library closes another descriptor of it, nor survives its holder.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mta/spool_internal.h"

static void owner_write(int fd) {
    char host[65] = "?", text[128];
    gethostname(host, sizeof host - 1);
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    int n = snprintf(text, sizeof text, "process %ld on %s since %04d-%02d-%02dT%02d:%02d:%02dZ\n", (long)getpid(),
                     host, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    // Only for messages: a failure to write it harms nobody.
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n)
        fdatasync(fd);
}

static void owner_read(int fd, char owner[128]) {
    ssize_t n = pread(fd, owner, 127, 0);
    owner[n < 0 ? 0 : n] = 0;
    owner[strcspn(owner, "\n")] = 0;
    for (char *c = owner; *c != 0; c++)
        if ((unsigned char)*c < ' ')
            *c = '?';
    if (owner[0] == 0)
        strcpy(owner, "an unknown process");
}

int spool_lock_take(int dir, char owner[128]) {
    owner[0] = 0;
    int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ERR_SYSTEM;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        owner_write(fd);
        return fd;
    }
    bool held = errno == EAGAIN || errno == EACCES;
    if (held)
        owner_read(fd, owner);
    int e = errno;
    close(fd);
    errno = e;
    return held ? ERR_BUSY : ERR_SYSTEM;
}
