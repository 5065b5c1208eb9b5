// SPDX-License-Identifier: BSD-2-Clause
// The owner's lock. An open file description lock: it belongs to this opening of the file, so that it neither ends when
// some library closes another descriptor of it, nor survives its holder. The folder is locked likewise (flock), so that
// two daemons are kept apart even when somebody removed the file; where folders have no locks, the file's is enough.
#include "mta/spool_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

static void owner_write(int fd) {
    char host[SPOOL_HOST] = "?", text[160];
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

// Anything may stand there.
static void owner_read(int fd, struct spool_owner *o) {
    char text[160];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n < 0 ? 0 : n] = 0;
    for (char *c = text; *c != 0; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = *c == '\n' ? 0 : '?';
    if (sscanf(text, "process %18ld on %64s since %23s", &o->pid, o->host, o->since) != 3)
        *o = (struct spool_owner){"", 0, ""};
}

void spool_owner_text(const struct spool_owner *o, char out[160]) {
    if (o->host[0] == 0)
        snprintf(out, 160, "an unknown process");
    else
        snprintf(out, 160, "process %ld on %s since %s", o->pid, o->host, o->since);
}

static int failed(int fd, int e, char why[200]) {
    bool absent = e == ENOLCK || e == EOPNOTSUPP || e == ENOSYS || e == EINVAL;
    snprintf(why, 200, "cannot be locked: %s%s", strerror(e),
             absent
                 ? " (its file system has no kernel locks, and without them two daemons would destroy the spool: use a "
                   "local file system)"
                 : "");
    close(fd);
    errno = e;
    return ERR_SYSTEM;
}

int spool_lock_take(int dir, struct spool_owner *owner, char why[200]) {
    *owner = (struct spool_owner){"", 0, ""};
    int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        snprintf(why, 200, "cannot be used: its file lock cannot be opened: %s%s", strerror(errno),
                 errno == EROFS ? " (mounted so; or the service may not write there: ReadWritePaths= in its unit)"
                                : "");
        return ERR_SYSTEM;
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool held = fcntl(fd, F_OFD_SETLK, &lock) < 0;
    if (held && errno != EAGAIN && errno != EACCES)
        return failed(fd, errno, why);
    held = held || (flock(dir, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
    if (!held) {
        owner_write(fd);
        return fd;
    }
    owner_read(fd, owner);
    close(fd);
    return ERR_BUSY;
}

void spool_lock_release(int lock) {
    // Nobody has it from here on; the next owner writes only after it has the lock.
    if (ftruncate(lock, 0) == 0)
        fdatasync(lock);
    close(lock);
}
