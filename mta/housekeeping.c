// SPDX-License-Identifier: BSD-2-Clause
#include "mta/housekeeping.h"

#include <stdio.h>

#include "base/mem.h"
#include "mta/diskspace.h"
#include "mta/spool_transfer.h"

enum { MEASURE_MS = 2000, PURGE_EVERY = 5, DUPLICATE_KEEP_MS = 7 * 24 * 3600 * 1000, TRANSFER_KEEP_MS = 600 * 1000 };

struct housekeeping {
    struct mta *m; // NULL: freed while the job was on the file thread, which ends it
    struct file_job job;
    int dirfd, err;
    struct diskspace_sample sample;
    struct diskspace space;
    struct loop_timer *timer;
    unsigned turn;
    bool measuring;
};

static void on_purged(void *arg, const struct spool_result *r);

static int64_t longest_recovery(const struct mta *m) {
    uint64_t longest = 0;
    for (size_t k = 0; k < m->conf->n_peers; k++)
        if (m->conf->peers[k].recovery_ms > longest)
            longest = m->conf->peers[k].recovery_ms;
    return (int64_t)longest;
}

static void purge(struct mta *m) {
    struct spool_batch *b = spool_batch_new(m->spool);
    if (b == NULL)
        return;
    int64_t now = clock_utc_ms();
    spool_batch_purge(b, now - (int64_t)m->conf->mta.keep_ms, now - DUPLICATE_KEEP_MS);
    spool_batch_transfers_purge(b, now - longest_recovery(m) - TRANSFER_KEEP_MS);
    spool_commit(b, on_purged, m);
}

static void on_purged(void *arg, const struct spool_result *r) {
    struct mta *m = arg;
    if (r->err == ERR_OK && r->purged > 0 && !m->stopping)
        purge(m); // a little at a time, so that commits of messages come between
}

static void measure(struct file_job *j) {
    struct housekeeping *h = (struct housekeeping *)((char *)j - offsetof(struct housekeeping, job));
    h->err = diskspace_measure(h->dirfd, &h->sample);
}

static void measured(struct file_job *j) {
    struct housekeeping *h = (struct housekeeping *)((char *)j - offsetof(struct housekeeping, job));
    struct mta *m = h->m;
    if (m == NULL) {
        mem_free(h);
        return;
    }
    h->measuring = false;
    h->space.percent = m->conf->mta.reserve_percent;
    h->space.minimum = m->conf->mta.reserve_min;
    bool low = h->err == ERR_OK && diskspace_low(&h->space, &h->sample);
    if (low != m->no_space) {
        char what[160];
        snprintf(what, sizeof what, "%llu MB of %llu MB and %llu of %llu inodes are free",
                 (unsigned long long)(h->sample.free >> 20), (unsigned long long)(h->sample.size >> 20),
                 (unsigned long long)h->sample.inodes_free, (unsigned long long)h->sample.inodes);
        m->no_space = low;
        EVENT_RAISE(m->events, mta_event(low ? EV_SPACE_LOW : EV_SPACE_BACK), {"dir", m->conf->mta.spool},
                    {"what", what});
    }
    loop_timer_in(h->timer, MEASURE_MS);
}

static void on_timer(void *arg) {
    struct housekeeping *h = arg;
    if (h->turn++ % PURGE_EVERY == 0)
        purge(h->m);
    h->measuring = true;
    file_job_post(h->m->files, &h->job);
}

struct housekeeping *housekeeping_new(struct mta *m) {
    struct housekeeping *h = mem_calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->m = m;
    h->timer = loop_timer_new(m->loop, on_timer, h);
    if (h->timer == NULL) {
        housekeeping_free(h);
        return NULL;
    }
    h->dirfd = spool_dirfd(m->spool);
    h->job.run = measure;
    h->job.done = measured;
    diskspace_init(&h->space);
    loop_timer_in(h->timer, 0);
    return h;
}

void housekeeping_free(struct housekeeping *h) {
    if (h == NULL)
        return;
    loop_timer_free(h->timer);
    h->m = NULL;
    if (!h->measuring)
        mem_free(h);
}
