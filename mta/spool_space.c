// SPDX-License-Identifier: BSD-2-Clause
// Room on the disk. Even removing rows takes room, in the journal: a full disk could never heal itself. So a reserve
// file is given up then, and what adds to the spool is refused until the reserve is there again. And the database keeps
// the pages of removed rows for later ones: when they are many, or the disk is full, they are given back to the file
// system.
#include <fcntl.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "mta/spool_internal.h"

enum { RESERVE_EVERY_MS = 1000, STEP_PAGES = 256, STEPS_MAX = 16 };

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void spool_reserve_release(struct spool *s) {
    if (s->reserved)
        unlinkat(s->dir, "reserve", 0);
    s->reserved = false;
    s->reserve_attempt = now_ms();
    spool_tell(s, &(struct spool_event){.kind = SPOOL_EVENT_FULL, .text = "the disk is full"});
}

void spool_reserve_make(struct spool *s) {
    if (s->reserved || s->o.reserve == 0 || (s->started && now_ms() - s->reserve_attempt < RESERVE_EVERY_MS))
        return;
    s->reserve_attempt = now_ms();
    struct statvfs fs;
    if (fstatvfs(s->dir, &fs) < 0 || (uint64_t)fs.f_bavail * fs.f_frsize < 2 * s->o.reserve)
        return;
    int fd = openat(s->dir, "reserve", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    s->reserved = fd >= 0 && posix_fallocate(fd, 0, (off_t)s->o.reserve) == 0;
    if (fd >= 0)
        close(fd);
    if (!s->reserved)
        unlinkat(s->dir, "reserve", 0);
    else if (s->started)
        spool_tell(s, &(struct spool_event){.kind = SPOOL_EVENT_RESERVE, .text = "there is room on the disk again"});
}

// A failure costs nothing: the next commit tries again.
void spool_give_back(struct spool *s, bool full, bool purged) {
    struct store *st = &s->writer;
    int unused = 0, pages = 0;
    if ((!full && !purged) || store_pragma(st, "PRAGMA freelist_count", &unused) < 0 ||
        store_pragma(st, "PRAGMA page_count", &pages) < 0)
        return;
    if (!full && unused < pages / 2)
        return;
    for (int i = 0; i < STEPS_MAX && unused > i * STEP_PAGES; i++) {
        // In small steps: each passes through the journal, which is emptied again before the next.
        if (store_exec(st, "PRAGMA incremental_vacuum(256)") < 0 ||
            (full && store_exec(st, "PRAGMA wal_checkpoint(TRUNCATE)") < 0))
            return;
    }
}
