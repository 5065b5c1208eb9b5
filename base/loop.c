// SPDX-License-Identifier: BSD-2-Clause
#include "base/loop.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <sys/time.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"

enum { DISPATCH_MS = 10 };

struct loop {
    struct event_base *base;
};

struct loop_io {
    struct event *ev;
    struct event_base *base;
    int fd;
    short wanted;
    loop_io_cb cb;
    void *arg;
};

struct loop_timer {
    struct event *ev;
    loop_cb cb;
    void *arg;
};

struct loop_signal {
    struct event *ev;
    loop_cb cb;
    void *arg;
};

struct loop_notifier {
    struct event *ev;
    loop_cb cb;
    void *arg;
};

static uint64_t read_clock(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t clock_mono_ms(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_utc_ms(void) {
    return (int64_t)read_clock(CLOCK_REALTIME);
}

struct loop *loop_new(void) {
    if (evthread_use_pthreads() != 0)
        return NULL;
    struct event_config *config = event_config_new();
    struct loop *l = mem_calloc(1, sizeof *l);
    if (config != NULL && l != NULL) {
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER); // the coarse clock fires up to 4 ms early
        // A notifier that is rung again and again from its own callback must not keep descriptors and timers waiting.
        event_config_set_max_dispatch_interval(config, &(struct timeval){.tv_usec = DISPATCH_MS * 1000}, -1, 0);
        l->base = event_base_new_with_config(config);
    }
    if (config != NULL)
        event_config_free(config);
    if (l != NULL && l->base == NULL) {
        mem_free(l);
        return NULL;
    }
    return l;
}

void loop_free(struct loop *l) {
    if (l == NULL)
        return;
    event_base_free(l->base);
    mem_free(l);
}

int loop_run(struct loop *l) {
    return event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0 ? ERR_SYSTEM : ERR_OK;
}

int loop_run_for(struct loop *l, uint64_t ms) {
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    event_base_loopexit(l->base, &tv);
    return loop_run(l);
}

void loop_stop(struct loop *l) {
    event_base_loopbreak(l->base);
}

uint64_t loop_now_ms(const struct loop *l) {
    (void)l;
    return clock_mono_ms(); // a vDSO call: as cheap as a cached value, and never stale within a long callback
}

static void on_io(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    struct loop_io *io = arg;
    io->cb(io->arg, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

struct loop_io *loop_io_new(struct loop *l, int fd, loop_io_cb cb, void *arg) {
    struct loop_io *io = mem_calloc(1, sizeof *io);
    if (io == NULL)
        return NULL;
    *io = (struct loop_io){.base = l->base, .fd = fd, .cb = cb, .arg = arg};
    io->ev = event_new(l->base, fd, EV_PERSIST, on_io, io);
    if (io->ev == NULL) {
        mem_free(io);
        return NULL;
    }
    return io;
}

int loop_io_want(struct loop_io *io, bool read, bool write) {
    short wanted = (short)((read ? EV_READ : 0) | (write ? EV_WRITE : 0));
    if (wanted == io->wanted)
        return ERR_OK;
    event_del(io->ev);
    io->wanted = wanted;
    if (wanted == 0)
        return ERR_OK;
    event_assign(io->ev, io->base, io->fd, (short)(wanted | EV_PERSIST), on_io, io);
    return event_add(io->ev, NULL) < 0 ? ERR_SYSTEM : ERR_OK;
}

void loop_io_free(struct loop_io *io) {
    if (io == NULL)
        return;
    event_free(io->ev);
    mem_free(io);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct loop_timer *t = arg;
    t->cb(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_cb cb, void *arg) {
    struct loop_timer *t = mem_calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->cb = cb;
    t->arg = arg;
    t->ev = event_new(l->base, -1, 0, on_timer, t);
    if (t->ev == NULL) {
        mem_free(t);
        return NULL;
    }
    return t;
}

void loop_timer_in(struct loop_timer *t, uint64_t ms) {
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    event_add(t->ev, &tv);
}

void loop_timer_at(struct loop_timer *t, uint64_t deadline_ms) {
    if (deadline_ms == 0) {
        event_del(t->ev);
        return;
    }
    uint64_t now = clock_mono_ms();
    // A millisecond later than asked, because both clocks are cut to milliseconds: a tick never comes too early.
    loop_timer_in(t, deadline_ms > now ? deadline_ms - now + 1 : 0);
}

void loop_timer_free(struct loop_timer *t) {
    if (t == NULL)
        return;
    event_free(t->ev);
    mem_free(t);
}

static void on_signal(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct loop_signal *s = arg;
    s->cb(s->arg);
}

struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_cb cb, void *arg) {
    struct loop_signal *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->cb = cb;
    s->arg = arg;
    s->ev = evsignal_new(l->base, signo, on_signal, s);
    if (s->ev == NULL || event_add(s->ev, NULL) < 0) {
        loop_signal_free(s);
        return NULL;
    }
    return s;
}

void loop_signal_free(struct loop_signal *s) {
    if (s == NULL)
        return;
    if (s->ev != NULL)
        event_free(s->ev);
    mem_free(s);
}

static void on_notify(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct loop_notifier *n = arg;
    n->cb(n->arg);
}

struct loop_notifier *loop_notifier_new(struct loop *l, loop_cb cb, void *arg) {
    struct loop_notifier *n = mem_calloc(1, sizeof *n);
    if (n == NULL)
        return NULL;
    n->cb = cb;
    n->arg = arg;
    n->ev = event_new(l->base, -1, EV_PERSIST, on_notify, n);
    if (n->ev == NULL) {
        mem_free(n);
        return NULL;
    }
    return n;
}

void loop_notify(struct loop_notifier *n) {
    event_active(n->ev, EV_READ, 1);
}

void loop_notifier_free(struct loop_notifier *n) {
    if (n == NULL)
        return;
    event_free(n->ev);
    mem_free(n);
}
