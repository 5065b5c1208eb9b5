// SPDX-License-Identifier: BSD-2-Clause
// The event loop: descriptors, timers, signals, deferred calls, and waking it from other threads. A wrapper of
// libevent, and the only place that knows it. Everything here except loop_notify belongs to the loop's own thread. A
// handle may be freed inside its own callback.
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop *loop_new(void); // NULL: no memory or no kernel support
void loop_free(struct loop *l);
int loop_run(struct loop *l);                  // until loop_stop, 0; or ERR_SYSTEM
int loop_run_for(struct loop *l, uint64_t ms); // at most so long; for tests and one-shot tools
void loop_stop(struct loop *l);

// Milliseconds of the monotonic clock, read once a loop turn and cheap. UTC milliseconds for what is stored or shown.
uint64_t loop_now_ms(const struct loop *l);
uint64_t clock_mono_ms(void);
int64_t clock_utc_ms(void);

// A descriptor: cb is called with what it is ready for. The descriptor is not closed by loop_io_free.
struct loop_io;
typedef void (*loop_io_cb)(void *arg, bool readable, bool writable);
struct loop_io *loop_io_new(struct loop *l, int fd, loop_io_cb cb, void *arg);
int loop_io_want(struct loop_io *io, bool read, bool write);
void loop_io_free(struct loop_io *io); // NULL is allowed, here and below

// A one-shot timer on the monotonic clock; setting it again moves it.
struct loop_timer;
typedef void (*loop_cb)(void *arg);
struct loop_timer *loop_timer_new(struct loop *l, loop_cb cb, void *arg);
void loop_timer_at(struct loop_timer *t, uint64_t deadline_ms); // 0: off
void loop_timer_in(struct loop_timer *t, uint64_t ms);
void loop_timer_free(struct loop_timer *t);

// Calls cb in the loop when the signal came.
struct loop_signal;
struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_cb cb, void *arg);
void loop_signal_free(struct loop_signal *s);

// Something that another thread (loop_notify) or the loop itself asks to be called soon, once for many requests.
struct loop_notifier;
struct loop_notifier *loop_notifier_new(struct loop *l, loop_cb cb, void *arg);
void loop_notify(struct loop_notifier *n); // any thread
void loop_notifier_free(struct loop_notifier *n);

#endif
