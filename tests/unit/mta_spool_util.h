// SPDX-License-Identifier: BSD-2-Clause
// What the tests of the spool share: a folder that goes away, a bell that threads ring, waiting with a limit.
#ifndef TESTS_MTA_SPOOL_UTIL_H
#define TESTS_MTA_SPOOL_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants these four first.
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "mta/spool.h"

struct place {
    char dir[64];
    sem_t bell;
    unsigned events[SPOOL_EVENT_ERROR + 1];
    struct spool_event last; // of SPOOL_EVENT_RECOVERY_DONE
    int64_t damaged;         // message of the last SPOOL_EVENT_DAMAGED
};

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *w) {
    (void)st, (void)flag, (void)w;
    return remove(path);
}

static inline void place_make(struct place *p) {
    memset(p, 0, sizeof *p);
    strcpy(p->dir, "/tmp/x400-spool-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    sem_init(&p->bell, 0, 0);
}

static inline void place_remove(struct place *p) {
    nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    sem_destroy(&p->bell);
}

static inline void place_ring(void *arg) {
    sem_post(&((struct place *)arg)->bell);
}

static inline void place_event(void *arg, const struct spool_event *e) {
    struct place *p = arg;
    p->events[e->kind]++;
    if (e->kind == SPOOL_EVENT_RECOVERY_DONE)
        p->last = *e;
    if (e->kind == SPOOL_EVENT_DAMAGED)
        p->damaged = e->message;
}

// Until the bell rings; false after ten seconds.
static inline bool place_wait(struct place *p) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    int rc;
    while ((rc = sem_timedwait(&p->bell, &until)) < 0 && errno == EINTR)
        ;
    return rc == 0;
}

static inline int place_try(struct place *p, uint64_t reserve, struct spool **s, char why[SPOOL_WHY]) {
    struct spool_options o = {
        .dir = p->dir, .reserve = reserve, .notify = place_ring, .notify_arg = p, .event = place_event, .event_arg = p};
    return spool_open(&o, s, why);
}

static inline struct spool *place_open(struct place *p) {
    struct spool *s = NULL;
    char why[SPOOL_WHY];
    int err = place_try(p, 0, &s, why);
    if (err < 0)
        fprintf(stderr, "spool_open: %s\n", why);
    assert_int_equal(err, ERR_OK);
    return s;
}

static inline struct spool *place_start(struct place *p) {
    struct spool *s = place_open(p);
    assert_int_equal(spool_start(s), ERR_OK);
    return s;
}

static inline void place_finish(struct place *p, struct spool *s) {
    while (spool_pending(s) > 0) {
        assert_true(place_wait(p));
        spool_completions(s);
    }
}

struct outcome {
    int err, calls;
    size_t purged;
};

static inline void outcome_note(void *arg, const struct spool_result *r) {
    struct outcome *o = arg;
    o->calls++;
    o->err = r->err;
    o->purged = r->purged;
}

// Commits and waits.
static inline int place_commit(struct place *p, struct spool *s, struct spool_batch *b) {
    struct outcome o = {0};
    int err = spool_commit(b, outcome_note, &o);
    if (err < 0)
        return err;
    place_finish(p, s);
    assert_int_equal(o.calls, 1);
    return o.err;
}

// A message with three recipients, the third of them another MTA's; its content says its id.
struct sample {
    struct spool_recipient r[3];
    char id[48], text[256];
    struct spool_message m;
};

static inline void sample_fill(struct sample *x, int64_t id) {
    memset(x, 0, sizeof *x);
    snprintf(x->id, sizeof x->id, "[/PRMD=ACME/ADMD=GOLD 400/C=GB/;%lld]", (long long)id);
    snprintf(x->text, sizeof x->text, "the content of %lld", (long long)id);
    for (unsigned i = 0; i < 3; i++)
        x->r[i] = (struct spool_recipient){.number = i + 1,
                                           .address = i == 0 ? "/S=Stone/C=DE/" : "/S=Brook/C=DE/",
                                           .key = "key",
                                           .state = i == 2 ? SPOOL_RCPT_NOT_RESPONSIBLE : SPOOL_RCPT_WAITING,
                                           .next_hop = i == 0 ? "relay-b" : "relay-c",
                                           .reason = -1,
                                           .diagnostic = -1,
                                           .changed = 5};
    x->m = (struct spool_message){.id = id,
                                  .kind = SPOOL_MESSAGE,
                                  .priority = id % 2 ? SPOOL_URGENT : SPOOL_NORMAL,
                                  .mts_id = x->id,
                                  .originator = "/S=Jordan/C=GB/",
                                  .from_peer = "relay-a",
                                  .from_uid = -1,
                                  .content_type = "22",
                                  .envelope = bytes_str(x->id),
                                  .arrived = 1000 + id,
                                  .expires = 9000,
                                  .recipients = x->r,
                                  .n_recipients = 3};
    x->m.content.octets = bytes_str(x->text);
    x->m.content.length = x->m.content.octets.n;
    digest_sha256(x->m.content.octets, x->m.content.sum);
}

static inline struct spool_batch *sample_batch(struct spool *s, int64_t *id) {
    struct sample x;
    *id = spool_new_id(s);
    sample_fill(&x, *id);
    struct spool_batch *b = spool_batch_new(s);
    assert_non_null(b);
    spool_batch_message(b, &x.m);
    return b;
}

static inline int64_t sample_add(struct place *p, struct spool *s) {
    int64_t id;
    assert_int_equal(place_commit(p, s, sample_batch(s, &id)), ERR_OK);
    return id;
}

#endif
