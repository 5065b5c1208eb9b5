// SPDX-License-Identifier: BSD-2-Clause
// The queue in memory, without a spool: what is found, what expires, and that no recipient is ever in two jobs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "mta/queue.h"

static size_t n_expired;

static void on_expired(struct mta *m, struct item *i) {
    n_expired++;
    queue_remove(m->queue, i);
}

static int setup(void **state) {
    static struct mta m;
    m = (struct mta){.loop = loop_new()};
    m.queue = queue_new(&m, on_expired);
    assert_non_null(m.queue);
    n_expired = 0;
    *state = &m;
    return 0;
}

static int teardown(void **state) {
    struct mta *m = *state;
    queue_free(m->queue);
    loop_free(m->loop);
    return 0;
}

static struct item *add(struct mta *m, int64_t id, const char *hop1, const char *hop2, int64_t expires) {
    struct spool_recipient r[2] = {{.number = 1, .address = "/S=A/", .next_hop = hop1},
                                   {.number = 2, .address = "/S=B/", .next_hop = hop2}};
    struct item *i = item_new(&(struct spool_message){
        .id = id, .mts_id = "id", .recipients = r, .n_recipients = hop2 == NULL ? 1 : 2, .expires = expires});
    assert_non_null(i);
    assert_int_equal(queue_add(m->queue, i), ERR_OK);
    return i;
}

static void test_find(void **state) {
    struct mta *m = *state;
    enum { N = 5000 };
    for (int64_t id = 1; id <= N; id++)
        add(m, id, "peer", NULL, 0);
    for (int64_t id = 3; id <= N; id += 3)
        queue_remove(m->queue, queue_find(m->queue, id));
    for (int64_t id = 1; id <= N; id++) {
        struct item *i = queue_find(m->queue, id);
        assert_int_equal(i != NULL, id % 3 != 0);
        assert_true(i == NULL || i->id == id);
    }
    assert_null(queue_find(m->queue, 0));
    assert_null(queue_find(m->queue, -1));
    assert_null(queue_find(m->queue, N + 1));
    assert_int_equal(queue_items(m->queue), N - N / 3);
}

// A peer is taken out of the configuration: its recipient is routed again, the other one keeps the job that it has.
static void test_routed_again(void **state) {
    struct mta *m = *state;
    struct item *i = add(m, 1, "gone", "stays", 0);
    struct hop *gone = queue_hop(m->queue, "gone"), *stays = queue_hop(m->queue, "stays");
    queue_unroute(m->queue, gone);
    assert_int_equal(hop_ready(gone), 0);
    i->rcpt[0].hop = mem_strdup("stays");
    assert_int_equal(queue_add(m->queue, i), ERR_OK);
    assert_int_equal(hop_ready(stays), 2);
    unsigned seen[2] = {0};
    for (struct job *j; (j = hop_take(stays, false)) != NULL;)
        for (size_t k = 0; k < j->n; k++)
            seen[j->rcpt[k]]++;
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 1);
    assert_int_equal(queue_add(m->queue, i), ERR_OK); // while both are being transferred
    assert_int_equal(hop_ready(stays), 0);
}

static void test_expiry(void **state) {
    struct mta *m = *state;
    int64_t now = clock_utc_ms();
    add(m, 1, "peer", NULL, 0);
    add(m, 2, "peer", NULL, now + 100000);
    add(m, 3, "peer", NULL, now + 200);
    add(m, 4, "peer", NULL, now - 1);
    struct item *busy = add(m, 5, "other", NULL, now - 1);
    struct job *j = hop_take(queue_hop(m->queue, "other"), false);
    assert_ptr_equal(j->item, busy);
    loop_run_for(m->loop, 2200);
    assert_int_equal(n_expired, 2);
    assert_null(queue_find(m->queue, 3));
    assert_null(queue_find(m->queue, 4));
    job_retry(m->queue, j, 0);
    loop_run_for(m->loop, 1200);
    assert_int_equal(n_expired, 3);
    assert_int_equal(queue_items(m->queue), 2);
}

static struct item *add_deferred(struct mta *m, int64_t id, int64_t deferred) {
    struct spool_recipient r = {.number = 1, .address = "/S=A/", .next_hop = "peer"};
    struct item *i = item_new(
        &(struct spool_message){.id = id, .mts_id = "id", .recipients = &r, .n_recipients = 1, .deferred = deferred});
    assert_non_null(i);
    assert_int_equal(queue_add(m->queue, i), ERR_OK);
    return i;
}

// Deferred messages in the worst order for a list, some taken out again: they leave by their time, at once when asked,
// and however many they are it takes no noticeable time.
static void test_waiting(void **state) {
    struct mta *m = *state;
    enum { N = 50000, DUE = 1000 };
    struct hop *h = queue_hop(m->queue, "peer");
    int64_t now = clock_utc_ms();
    uint64_t begun = clock_mono_ms();
    for (int64_t id = 1; id <= N; id++) {
        int64_t middle = id % 2 == 0 ? id : 2 * N - id;
        add_deferred(m, id, now + (id <= DUE ? 1 + (id * 7919) % DUE : 3600000 + middle * 1000));
    }
    for (int64_t id = 5; id <= N; id += 5)
        queue_remove(m->queue, queue_find(m->queue, id));
    assert_true(clock_mono_ms() - begun < 5000);
    assert_int_equal(hop_waiting(h), N - N / 5);
    loop_run_for(m->loop, 2500);
    assert_int_equal(hop_ready(h), DUE - DUE / 5);
    uint64_t last = 0;
    for (struct job *j; (j = hop_take(h, false)) != NULL; last = j->not_before)
        assert_true(j->not_before >= last);
    struct item *i;
    for (i = queue_first(m->queue); i != NULL; i = TAILQ_NEXT(i, link))
        if (i->id > DUE && i->id % 2 == 0)
            i->deferred = 0;
    begun = clock_mono_ms();
    hop_hasten(m->queue, h);
    assert_true(clock_mono_ms() - begun < 5000);
    assert_int_equal(hop_ready(h), (N - DUE) / 10 * 4);
    assert_int_equal(hop_waiting(h), (N - DUE) / 10 * 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find, setup, teardown),
        cmocka_unit_test_setup_teardown(test_routed_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expiry, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
