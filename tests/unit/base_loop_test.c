// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/workq.h"

struct seen {
    struct loop *l;
    int order[8], n;
};

static void on_first(void *arg) {
    struct seen *s = arg;
    s->order[s->n++] = 1;
}

static void on_last(void *arg) {
    struct seen *s = arg;
    s->order[s->n++] = 2;
    loop_stop(s->l);
}

static void timers_fire_in_order_and_never_early(void **state) {
    (void)state;
    struct seen s = {.l = loop_new()};
    struct loop_timer *a = loop_timer_new(s.l, on_last, &s), *b = loop_timer_new(s.l, on_first, &s),
                      *off = loop_timer_new(s.l, on_first, &s);
    uint64_t start = clock_mono_ms();
    loop_timer_at(a, start + 30);
    loop_timer_at(b, start + 10);
    loop_timer_at(off, start + 5);
    loop_timer_at(off, 0);
    assert_int_equal(loop_run(s.l), 0);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.order[0], 1);
    assert_int_equal(s.order[1], 2);
    assert_true(clock_mono_ms() >= start + 30);
    loop_timer_free(a), loop_timer_free(b), loop_timer_free(off), loop_free(s.l);
}

struct pipe_end {
    struct loop *l;
    int fd, got;
};

static void on_readable(void *arg, bool readable, bool writable) {
    struct pipe_end *p = arg;
    char c;
    assert_true(readable);
    assert_false(writable);
    assert_int_equal(read(p->fd, &c, 1), 1);
    p->got = c;
    loop_stop(p->l);
}

static void a_descriptor_becomes_readable(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct pipe_end p = {.l = loop_new(), .fd = fds[0]};
    struct loop_io *io = loop_io_new(p.l, fds[0], on_readable, &p);
    assert_int_equal(loop_io_want(io, true, false), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_run(p.l);
    assert_int_equal(p.got, 'x');
    loop_io_free(io), loop_free(p.l), close(fds[0]), close(fds[1]);
}

static void a_signal_arrives(void **state) {
    (void)state;
    struct seen s = {.l = loop_new()};
    struct loop_signal *sig = loop_signal_new(s.l, SIGUSR1, on_last, &s);
    raise(SIGUSR1);
    loop_run(s.l);
    assert_int_equal(s.n, 1);
    loop_signal_free(sig), loop_free(s.l);
}

enum { ITEMS = 10000 };
struct shared;
struct item {
    struct work work;
    struct shared *sh;
    int value;
};
struct shared {
    struct loop *l;
    struct loop_notifier *n;
    struct workq q;
    int next;
    bool ordered;
    struct item items[ITEMS];
};

static void run_item(struct work *w) {
    struct item *it = (struct item *)w;
    it->sh->ordered = it->sh->ordered && it->value == it->sh->next;
    if (++it->sh->next == ITEMS)
        loop_stop(it->sh->l);
}

static void *producer(void *arg) {
    struct shared *sh = arg;
    for (int i = 0; i < ITEMS; i++) {
        sh->items[i] = (struct item){.work.run = run_item, .sh = sh, .value = i};
        workq_post(&sh->q, &sh->items[i].work);
    }
    return NULL;
}

static void drain(void *arg) {
    workq_run_turn(&((struct shared *)arg)->q);
}
static void wake_loop(void *arg) {
    loop_notify(((struct shared *)arg)->n);
}

// A queue that is never empty leaves the loop its turns: a timer of 1 ms comes while it is worked on.
struct endless {
    struct loop *l;
    struct loop_notifier *n;
    struct workq q;
    struct work work;
    bool timer_came;
};

static void run_again(struct work *w) {
    struct endless *e = (struct endless *)((char *)w - offsetof(struct endless, work));
    workq_post(&e->q, w);
}
static void endless_drain(void *arg) {
    workq_run_turn(&((struct endless *)arg)->q);
}
static void endless_wake(void *arg) {
    loop_notify(((struct endless *)arg)->n);
}
static void endless_timer(void *arg) {
    struct endless *e = arg;
    e->timer_came = true;
    loop_stop(e->l);
}

static void work_leaves_the_loop_its_turns(void **state) {
    (void)state;
    struct endless e = {.l = loop_new(), .work.run = run_again};
    e.n = loop_notifier_new(e.l, endless_drain, &e);
    assert_int_equal(workq_init(&e.q, endless_wake, &e), ERR_OK);
    struct loop_timer *t = loop_timer_new(e.l, endless_timer, &e);
    loop_timer_in(t, 1);
    workq_post(&e.q, &e.work);
    uint64_t begun = clock_mono_ms();
    loop_run_for(e.l, 5000);
    assert_true(e.timer_came);
    assert_true(clock_mono_ms() - begun < 2000);
    loop_timer_free(t);
    loop_notifier_free(e.n);
    workq_destroy(&e.q);
    loop_free(e.l);
}

static void work_crosses_threads_in_order(void **state) {
    (void)state;
    static struct shared sh;
    sh = (struct shared){.l = loop_new(), .ordered = true};
    sh.n = loop_notifier_new(sh.l, drain, &sh);
    assert_int_equal(workq_init(&sh.q, wake_loop, &sh), 0);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, producer, &sh), 0);
    loop_run_for(sh.l, 10000);
    pthread_join(t, NULL);
    assert_int_equal(sh.next, ITEMS);
    assert_true(sh.ordered);
    workq_destroy(&sh.q);
    loop_notifier_free(sh.n), loop_free(sh.l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_and_never_early),
        cmocka_unit_test(a_descriptor_becomes_readable),
        cmocka_unit_test(a_signal_arrives),
        cmocka_unit_test(work_crosses_threads_in_order),
        cmocka_unit_test(work_leaves_the_loop_its_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
