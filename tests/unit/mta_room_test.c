// SPDX-License-Identifier: BSD-2-Clause
// Which associations of a peer are dead, by TCP's signs of life; and these signs themselves, over a link that goes
// silent: idle, and with data on their way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mta/amgr_room.h"
#include "namespace_util.h"

static void judged(enum room_verdict wanted, uint32_t silent_ms, uint32_t rtt_ms, unsigned unanswered,
                   uint64_t probed_ms) {
    assert_int_equal(room_judge(&(struct tcp_sign){silent_ms, rtt_ms, unanswered}, probed_ms), wanted);
}

static void test_judge(void **state) {
    (void)state;
    judged(ROOM_UNKNOWN, 60000, 1, 1, 100); // idle for long, asked just now
    judged(ROOM_LIVES, 10, 1, 0, 300);
    judged(ROOM_UNKNOWN, 120, 1, 0, 100); // its last word may have been before it died
    judged(ROOM_UNKNOWN, 2400, 1, 2, 2400);
    judged(ROOM_DEAD, 2500, 1, 2, 2500);
    judged(ROOM_DEAD, 60000, 1, 3, 2500);
    judged(ROOM_UNKNOWN, 60000, 1, 1, 3000);    // a window that is closed: asked rarely
    judged(ROOM_UNKNOWN, 3000, 700, 2, 2600);   // a link on which an answer takes 0.7 s
    judged(ROOM_UNKNOWN, 60000, 1000, 3, 3000); // or a second: not within our time
    judged(ROOM_DEAD, 2900, 700, 2, 2850);
    judged(ROOM_LIVES, 2000, 700, 1, 2850); // late, but it came
    judged(ROOM_LIVES, 0, 0, 0, 3000);
}

// ---- two ends of a connection ----

struct side {
    struct tcp *t;
    bool closed;
    size_t in;
};

struct world {
    struct loop *loop;
    struct tcp_listener *listener;
    struct side near, far;
};

static void on_input(void *user, struct bytes b) {
    ((struct side *)user)->in += b.n;
}

static void on_closed(void *user, int err, const char *error) {
    (void)err, (void)error;
    ((struct side *)user)->closed = true;
}

static const struct tcp_user user = {.input = on_input, .closed = on_closed};

static bool on_accept(void *arg, int fd, const struct net_address *from) {
    struct world *w = arg;
    (void)from;
    assert_true(fd >= 0);
    w->far.t = tcp_accept(w->loop, fd, NULL, &user, &w->far);
    return true;
}

static void begin(struct world *w) {
    struct net_address on;
    char error[160];
    *w = (struct world){.loop = loop_new()};
    assert_int_equal(net_address_parse(&on, "127.0.0.1", 0), ERR_OK);
    w->listener = tcp_listen(w->loop, &on, on_accept, w, error);
    assert_non_null(w->listener);
    w->near.t = tcp_connect(w->loop, tcp_listener_address(w->listener), NULL, &user, &w->near, error);
    for (int i = 0; i < 300 && w->far.t == NULL; i++)
        loop_run_for(w->loop, 10);
    assert_non_null(w->far.t);
    loop_run_for(w->loop, 50);
}

static void end(struct world *w) {
    tcp_abort(w->near.t);
    tcp_abort(w->far.t);
    tcp_listener_free(w->listener);
    loop_free(w->loop);
}

static struct tcp_sign sign(const struct side *s) {
    struct tcp_sign got;
    assert_true(tcp_sign(s->t, &got));
    return got;
}

static void test_a_live_one_answers(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    loop_run_for(w.loop, 1500);
    assert_true(sign(&w.near).silent_ms >= 1400);
    tcp_probe(w.near.t, true); // idle for more than a second: at once
    loop_run_for(w.loop, 700);
    assert_true(sign(&w.near).silent_ms < 1000);
    tcp_probe(w.near.t, false);
    loop_run_for(w.loop, 1800);
    assert_true(sign(&w.near).silent_ms >= 1700); // not asked any more
    assert_false(w.near.closed);
    assert_int_equal(w.far.in, 0);
    end(&w);
}

static void silence(bool yes) {
    assert_int_equal(system(yes ? "nft 'add table inet s; add chain inet s i { type filter hook input priority 0; }; "
                                  "add rule inet s i meta l4proto tcp drop'"
                                : "nft delete table inet s"),
                     0);
}

static void silent_side(bool sending) {
    struct world w;
    begin(&w);
    silence(true);
    if (sending) {
        assert_int_equal(buf_append(tcp_output(w.near.t), "octets", 6), ERR_OK);
        tcp_flush(w.near.t);
    }
    tcp_probe(w.near.t, true);
    loop_run_for(w.loop, 3200);
    struct tcp_sign s = sign(&w.near);
    assert_true(s.silent_ms >= 3000 && s.unanswered >= ROOM_UNANSWERED);
    assert_int_equal(room_judge(&s, 3200), ROOM_DEAD);
    silence(false);
    for (int i = 0; i < 500 && sign(&w.near).unanswered > 0; i++) // it was the link: all is well again
        loop_run_for(w.loop, 20);
    s = sign(&w.near);
    assert_true(s.unanswered == 0 && !w.near.closed);
    assert_int_equal(w.far.in, sending ? 6 : 0);
    end(&w);
}

static void test_silent(void **state) {
    (void)state;
    if (!namespace_enter() || system("nft list tables >/dev/null 2>&1") != 0)
        skip();
    silent_side(false);
    silent_side(true);
}

static void test_none(void **state) {
    (void)state;
    struct world w;
    struct tcp_sign s;
    begin(&w);
    struct net_address nowhere;
    assert_int_equal(net_address_parse(&nowhere, "127.0.0.1", 1), ERR_OK);
    struct side other = {0};
    other.t = tcp_connect(w.loop, &nowhere, NULL, &user, &other, NULL);
    if (other.t != NULL) {
        assert_false(tcp_sign(other.t, &s)); // not connected yet
        loop_run_for(w.loop, 100);
        assert_false(tcp_sign(other.t, &s)); // refused
        tcp_probe(other.t, true);            // does nothing
    }
    tcp_free(other.t);
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_a_live_one_answers),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
