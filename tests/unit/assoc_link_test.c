// SPDX-License-Identifier: BSD-2-Clause
// Two associations' ends in one loop, over loopback: turns, closing without the turn, recovery of a lost association
// and the resumption of its transfer, in all three modes.
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assoc/stacks.h"
#include "base/mem.h"

enum { APDU = 300000, CONFIRMED = 4 };

struct end {
    struct assoc *a;
    bool open, ended, failed, has_recovery, sent, received;
    struct assoc_failure failure;
    struct rtse_recovery recovery; // taken in `ended`
    uint32_t wanted;               // the priority of the last RT-TURN-PLEASE, UINT32_MAX: none
    unsigned given, attempts, begins, resumes, confirmed;
    size_t at;             // octets given so far
    unsigned confirm_most; // checkpoints
    struct buf in;
    enum conf_protocol protocol;
    const struct rtse_recovery *kept; // a receiver's, for a resumption
};

struct world {
    struct loop *loop;
    struct assoc_env env;
    struct assoc_listener *listener;
    struct conf_stack stack;
    struct assoc_stack *here; // for the calls
    const struct conf_stack *via[1];
    struct conf_endpoint connect[2];
    struct conf_peer called_conf, caller_conf;
    struct conf_password ours, theirs;
    struct end caller, called;
    struct rtse_session_id asked;
    bool recovers; // else it refuses
    bool short_of_memory;
    enum rtse_dialogue dialogue;
    uint8_t apdu[APDU];
};

// ---- both ends ----

static struct world *world;

static void on_open(void *ctx) {
    struct end *e = ctx;
    e->open = true;
    e->protocol = assoc_protocol(e->a);
}

static void on_ended(void *ctx, const struct assoc_failure *f) {
    struct end *e = ctx;
    assert_false(e->ended);
    e->ended = true;
    e->failed = f != NULL;
    if (f != NULL)
        e->failure = *f;
    e->has_recovery = assoc_recovery(e->a, &e->recovery) == ERR_OK;
    e->a = NULL;
}

static void feed(struct end *e) {
    size_t room;
    while (e->at < APDU && (room = assoc_send_room(e->a)) > 0) {
        size_t n = room < 1000 ? room : 1000;
        n = n < APDU - e->at ? n : APDU - e->at;
        e->at += n;
        assert_int_equal(assoc_send_data(e->a, bytes_of(world->apdu + e->at - n, n)), ERR_OK);
    }
}

static void on_send_ready(void *ctx, size_t room) {
    (void)room;
    feed(ctx);
}

static void on_checkpoint_cnf(void *ctx, uint32_t serial, uint64_t octets) {
    (void)serial, (void)octets;
    ((struct end *)ctx)->confirmed++;
}

static void on_send_done(void *ctx, const struct stack_transfer_end *end) {
    ((struct end *)ctx)->sent = end->ok;
}

static void on_receive_begin(void *ctx) {
    struct end *e = ctx;
    e->begins++;
    buf_clear(&e->in);
}

static void on_receive_data(void *ctx, struct bytes piece) {
    assert_int_equal(buf_append(&((struct end *)ctx)->in, piece.p, piece.n), ERR_OK);
}

static void on_receive_checkpoint(void *ctx, uint32_t serial, uint64_t octets) {
    (void)octets;
    struct end *e = ctx;
    if (serial <= e->confirm_most)
        assoc_checkpoint_rsp(e->a, serial);
}

static void on_receive_end(void *ctx, const struct stack_transfer_end *end) {
    struct end *e = ctx;
    assert_true(end->ok);
    e->received = true;
    assert_int_equal(assoc_receive_rsp(e->a), ERR_OK);
}

static void on_resume(void *ctx, const struct rtse_recovery *old) {
    struct end *e = ctx;
    e->resumes++;
    assert_true(rtse_same_activity(old, e->kept));
    assert_true(e->kept->octets_confirmed <= e->in.len);
    e->in.len = (size_t)e->kept->octets_confirmed; // what came behind it comes again
    assert_int_equal(assoc_resume_rsp(e->a, e->kept), ERR_OK);
}

static void on_turn_please(void *ctx, uint32_t priority) {
    ((struct end *)ctx)->wanted = priority;
}

static void on_turn_give(void *ctx) {
    ((struct end *)ctx)->given++;
}

static void on_attempt_failed(void *ctx, const struct assoc_failure *f) {
    (void)f;
    ((struct end *)ctx)->attempts++;
}

static const struct assoc_user user = {.open = on_open,
                                       .ended = on_ended,
                                       .send_ready = on_send_ready,
                                       .checkpoint_cnf = on_checkpoint_cnf,
                                       .send_done = on_send_done,
                                       .receive_begin = on_receive_begin,
                                       .receive_data = on_receive_data,
                                       .receive_checkpoint = on_receive_checkpoint,
                                       .receive_end = on_receive_end,
                                       .resume_ind = on_resume,
                                       .turn_please_ind = on_turn_please,
                                       .turn_give_ind = on_turn_give};

// ---- the called side ----

static void take(struct world *w, struct assoc *a, const struct assoc_bind *b) {
    w->dialogue = b->dialogue;
    w->called.a = a;
    w->called.protocol = assoc_protocol(a);
    int err = assoc_accept(a, &w->called_conf, &user, &w->called);
    assert_true(err == ERR_OK || w->short_of_memory);
}

static void on_bind(void *ctx, struct assoc *a, const struct assoc_bind *b) {
    assert_non_null(b->info);
    take(ctx, a, b);
}

static void on_recover(void *ctx, struct assoc *a, const struct assoc_bind *b, const struct rtse_session_id *session) {
    struct world *w = ctx;
    w->asked = *session;
    assert_null(b->info);
    if (w->recovers)
        take(w, a, b);
    else
        assoc_refuse_recover(a, RTSE_REFUSE_CANNOT_RECOVER);
}

static void on_caller_failed(void *ctx, struct assoc *a, const struct assoc_failure *f) {
    (void)ctx, (void)a, (void)f;
}

// ---- a world ----

static void begin(struct world *w, enum conf_protocol mode, enum conf_dialogue dialogue) {
    static const struct assoc_stack_user nobody = {0};
    static const struct assoc_listener_user listener = {
        .bind_ind = on_bind, .caller_failed = on_caller_failed, .recover_ind = on_recover};
    char text[ASSOC_TEXT];
    *w = (struct world){.loop = loop_new()};
    world = w;
    for (size_t k = 0; k < APDU; k++)
        w->apdu[k] = (uint8_t)(k * 7 + k / 251);
    const uint32_t length = APDU - 5;
    memcpy(w->apdu, (uint8_t[]){0x04, 0x83, (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length}, 5);
    w->env = (struct assoc_env){.loop = w->loop, .resolver = resolver_new(w->loop)};
    w->env.stacks = assoc_stacks_new(w->loop, w->env.resolver);
    assert_non_null(w->env.stacks);
    w->ours.secret = bytes_str("secretB");
    w->theirs.secret = bytes_str("secretA");
    w->stack = (struct conf_stack){.name = "test", .listen = {.host = "127.0.0.1", .family = AF_INET}};
    w->here = assoc_stack_new(&w->env, &w->stack, &(struct assoc_stack_options){0}, &nobody, NULL);
    assert_non_null(w->here);
    w->via[0] = &w->stack;
    w->called_conf = (struct conf_peer){.name = "a",
                                        .local = {"MTA-B", &w->ours, 1, NULL},
                                        .remote = {"MTA-A", &w->theirs, 1, NULL},
                                        .checkpoint_k = 10,
                                        .window = 3};
    struct net_address on;
    net_address_parse(&on, "127.0.0.1", 0);
    w->listener = assoc_listener_new(&w->env, &w->stack, &(struct assoc_listener_options){0}, &listener, w);
    if (w->listener == NULL || assoc_listener_open(w->listener, &on, text) != ERR_OK)
        fail_msg("%s", text);
    w->connect[0] = (struct conf_endpoint){
        .host = "127.0.0.1", .family = AF_INET, .port = net_address_port(assoc_listener_at(w->listener, &on))};
    w->caller_conf = (struct conf_peer){.name = "b",
                                        .connect = w->connect,
                                        .n_connect = 1,
                                        .via = w->via,
                                        .n_via = 1,
                                        .local = {"MTA-A", &w->theirs, 1, NULL},
                                        .remote = {"MTA-B", &w->ours, 1, NULL},
                                        .mode = mode,
                                        .dialogue = dialogue,
                                        .checkpoint_k = 10,
                                        .window = 3};
}

static void finish(struct world *w) {
    assoc_listener_free(w->listener);
    if (w->caller.a != NULL)
        assoc_drop(w->caller.a);
    if (w->called.a != NULL)
        assoc_drop(w->called.a);
    loop_run_for(w->loop, 10);
    buf_free(&w->caller.in);
    buf_free(&w->called.in);
    assoc_stack_free(w->here);
    assoc_stacks_free(w->env.stacks);
    resolver_free(w->env.resolver);
    loop_free(w->loop);
}

#define UNTIL(w, what)                                                                                                 \
    do {                                                                                                               \
        for (int turns = 0; turns < 1000 && !(what); turns++)                                                          \
            loop_run_for((w)->loop, 5);                                                                                \
        if (!(what))                                                                                                   \
            fail_msg("%s:%d: never: %s", __FILE__, __LINE__, #what);                                                   \
    } while (0)

static void call(struct world *w, const struct assoc_call_options *o) {
    struct assoc_call_options options = o == NULL ? (struct assoc_call_options){0} : *o;
    options.attempt_failed = on_attempt_failed;
    w->caller = (struct end){.wanted = UINT32_MAX, .confirm_most = UINT32_MAX, .in = w->caller.in};
    w->called =
        (struct end){.wanted = UINT32_MAX, .confirm_most = UINT32_MAX, .in = w->called.in, .kept = w->called.kept};
    w->caller.a = assoc_call(&w->env, &w->caller_conf, &options, &user, &w->caller);
    assert_non_null(w->caller.a);
    UNTIL(w, w->caller.open || w->caller.ended);
}

static void send_all(struct world *w, struct end *from, struct end *to) {
    from->sent = to->received = false;
    from->at = 0;
    assert_int_equal(assoc_send(from->a, APDU, 0), ERR_OK);
    feed(from);
    UNTIL(w, from->sent && to->received);
    assert_true(bytes_equal(buf_bytes(&to->in), bytes_of(w->apdu, APDU)));
    assert_true(from->confirmed > 10);
}

// Whose the turn is, at both.
static void turn_is(struct world *w, const struct end *e) {
    assert_int_equal(assoc_turn(w->caller.a), e == &w->caller);
    assert_int_equal(assoc_turn(w->called.a), e == &w->called);
}

static void close_in_order(struct world *w) {
    assoc_close(w->caller.a);
    UNTIL(w, w->caller.ended && w->called.ended);
    assert_false(w->caller.failed);
    assert_false(w->called.failed);
}

static const enum conf_protocol modes[] = {CONF_NORMAL_MODE, CONF_X410_1988, CONF_X410_1984};
#define EACH_MODE(m) for (size_t m = 0; m < sizeof modes / sizeof *modes; m++)

// ---- the tests ----

static void monologue(void **state) {
    (void)state;
    static struct world w;
    EACH_MODE(m) {
        begin(&w, modes[m], CONF_DIALOGUE_ANY);
        call(&w, NULL);
        assert_int_equal(w.caller.protocol, modes[m]);
        assert_int_equal(w.called.protocol, modes[m]);
        assert_false(assoc_two_way(w.caller.a) || assoc_two_way(w.called.a));
        turn_is(&w, &w.caller);
        assert_int_not_equal(assoc_turn_please(w.called.a, 1), ERR_OK);
        assert_int_not_equal(assoc_turn_give(w.caller.a), ERR_OK);
        assert_int_not_equal(assoc_send(w.called.a, 10, 0), ERR_OK);
        send_all(&w, &w.caller, &w.called);
        close_in_order(&w);
        finish(&w);
    }
}

static void turns(void **state) {
    (void)state;
    static struct world w;
    EACH_MODE(m) {
        begin(&w, modes[m], CONF_TWO_WAY_ALTERNATE);
        call(&w, NULL);
        assert_int_equal(w.dialogue, RTSE_TWO_WAY_ALTERNATE);
        assert_true(assoc_two_way(w.caller.a) && assoc_two_way(w.called.a));
        turn_is(&w, &w.caller);
        send_all(&w, &w.caller, &w.called);
        assert_int_equal(assoc_turn_please(w.called.a, 2), ERR_OK);
        UNTIL(&w, w.caller.wanted == 2);
        assert_int_equal(assoc_turn_give(w.caller.a), ERR_OK);
        UNTIL(&w, w.called.given == 1);
        turn_is(&w, &w.called);
        send_all(&w, &w.called, &w.caller);
        assert_int_equal(assoc_turn_please(w.caller.a, 3), ERR_OK);
        UNTIL(&w, w.called.wanted == 3);
        assert_int_equal(assoc_turn_give(w.called.a), ERR_OK);
        UNTIL(&w, w.caller.given == 1);
        turn_is(&w, &w.caller);
        close_in_order(&w);
        finish(&w);
    }
}

// The caller has given the turn away: it asks for it to release.
static void close_without_the_turn(void **state) {
    (void)state;
    static struct world w;
    EACH_MODE(m) {
        begin(&w, modes[m], CONF_TWO_WAY_ALTERNATE);
        call(&w, NULL);
        assert_int_equal(assoc_turn_give(w.caller.a), ERR_OK);
        UNTIL(&w, w.called.given == 1);
        assoc_close(w.caller.a);
        UNTIL(&w, w.called.wanted == 0);
        assert_false(w.caller.ended);
        assert_int_equal(assoc_turn_give(w.called.a), ERR_OK);
        UNTIL(&w, w.caller.ended && w.called.ended);
        assert_false(w.caller.failed || w.called.failed);
        assert_int_equal(w.caller.given, 0); // it is not offered for sending
        finish(&w);
    }
}

// The called side asks for the turn while the caller releases: it is told, and the release goes on.
static void question_crosses_the_release(void **state) {
    (void)state;
    static struct world w;
    EACH_MODE(m) {
        begin(&w, modes[m], CONF_TWO_WAY_ALTERNATE);
        call(&w, NULL);
        assert_int_equal(assoc_turn_please(w.called.a, 2), ERR_OK);
        close_in_order(&w);
        assert_int_equal(w.caller.wanted, 2);
        finish(&w);
    }
}

// A transfer stops behind some checkpoints, and the association is lost.
static void lose(struct world *w, struct end *from, struct end *to) {
    to->confirm_most = CONFIRMED;
    assert_int_equal(assoc_send(from->a, APDU, 0), ERR_OK);
    feed(from);
    UNTIL(w, from->confirmed == CONFIRMED);
    assoc_abort(to->a, RTSE_ABORT_TEMPORARY_PROBLEM);
    UNTIL(w, from->ended && to->ended);
    assert_true(from->failed && from->has_recovery && to->has_recovery);
    assert_int_equal(from->recovery.serial, CONFIRMED);
    assert_int_equal(to->recovery.serial, CONFIRMED);
    assert_true(rtse_same_activity(&from->recovery, &to->recovery));
}

static void recovered(void **state) {
    (void)state;
    static struct world w;
    EACH_MODE(m) {
        begin(&w, modes[m], CONF_DIALOGUE_ANY);
        call(&w, NULL);
        lose(&w, &w.caller, &w.called);
        struct rtse_recovery sender = w.caller.recovery, receiver = w.called.recovery;
        w.recovers = true;
        w.called.kept = &receiver;
        call(&w, &(struct assoc_call_options){.recover = &sender.session});
        assert_true(w.caller.open);
        assert_true(rtse_same_session(&w.asked, &receiver.session));
        assert_int_equal(w.caller.protocol, modes[m]);
        w.caller.at = (size_t)sender.octets_confirmed;
        assert_true(w.caller.at > 20000 && w.caller.at < 50000);
        assert_int_equal(assoc_send_resume(w.caller.a, &sender, APDU, 0), ERR_OK);
        feed(&w.caller);
        UNTIL(&w, w.caller.sent && w.called.received);
        assert_int_equal(w.called.resumes, 1);
        assert_int_equal(w.called.begins, 0);
        assert_true(bytes_equal(buf_bytes(&w.called.in), bytes_of(w.apdu, APDU)));
        send_all(&w, &w.caller, &w.called);
        close_in_order(&w);
        finish(&w);
    }
}

// The peer keeps nothing: that is told apart from a peer that cannot be reached, and no other address is tried.
static void not_recovered(void **state) {
    (void)state;
    static struct world w;
    EACH_MODE(m) {
        begin(&w, modes[m], CONF_DIALOGUE_ANY);
        call(&w, NULL);
        lose(&w, &w.caller, &w.called);
        struct rtse_recovery sender = w.caller.recovery;
        w.connect[1] = w.connect[0];
        w.connect[1].host = "127.0.0.2"; // where nothing listens
        w.caller_conf.n_connect = 2;
        call(&w, &(struct assoc_call_options){.recover = &sender.session});
        assert_true(w.caller.ended && w.caller.failed && w.caller.failure.recover_refused);
        assert_non_null(strstr(w.caller.failure.text, "cannot recover"));
        assert_int_equal(w.caller.attempts, 0);
        assert_false(w.caller.has_recovery);
        assoc_listener_free(w.listener);
        w.listener = NULL;
        call(&w, &(struct assoc_call_options){.recover = &sender.session});
        assert_true(w.caller.failed && !w.caller.failure.recover_refused);
        assert_int_equal(w.caller.attempts, 1);
        finish(&w);
    }
}

// Where the lost association was is tried before the addresses in front of it.
static void lost_address_first(void **state) {
    (void)state;
    static struct world w;
    char remote[NET_ADDRESS_TEXT];
    begin(&w, CONF_NORMAL_MODE, CONF_DIALOGUE_ANY);
    call(&w, NULL);
    snprintf(remote, sizeof remote, "%s", assoc_remote(w.caller.a));
    lose(&w, &w.caller, &w.called);
    struct rtse_recovery sender = w.caller.recovery;
    w.connect[1] = w.connect[0];
    w.connect[0].host = "127.0.0.2"; // where nothing listens
    w.caller_conf.n_connect = 2;
    w.recovers = true;
    call(&w, &(struct assoc_call_options){.recover = &sender.session});
    assert_true(w.caller.open);
    assert_int_equal(w.caller.attempts, 1);
    close_in_order(&w);
    call(&w, &(struct assoc_call_options){.recover = &sender.session, .first_stack = "test", .first_remote = remote});
    assert_true(w.caller.open);
    assert_int_equal(w.caller.attempts, 0);
    close_in_order(&w);
    finish(&w);
}

// Where a call goes: other endpoints than the peer's `connect`; a name that is resolved behind the address that works
// is not waited for; the same address twice is tried once; nowhere.
static void where_it_calls(void **state) {
    (void)state;
    static struct world w;
    begin(&w, CONF_NORMAL_MODE, CONF_DIALOGUE_ANY);
    const struct conf_endpoint right[2] = {w.connect[0], {.host = "name.invalid", .port = 102}};
    w.connect[0].host = w.connect[1].host = "127.0.0.2"; // where nothing listens
    w.connect[1].port = w.connect[0].port;
    w.caller_conf.n_connect = 2;
    call(&w, &(struct assoc_call_options){.to = right, .n_to = 2});
    assert_true(w.caller.open);
    assert_int_equal(w.caller.attempts, 0);
    assert_int_equal(net_address_port(assoc_remote_address(w.caller.a)), right[0].port);
    assert_true(net_address_same_host(assoc_local_address(w.caller.a), assoc_remote_address(w.called.a)));
    close_in_order(&w);

    call(&w, NULL);
    assert_true(w.caller.failed && w.caller.failure.step == ASSOC_CONNECT);
    assert_int_equal(w.caller.attempts, 0); // one, of which `ended` tells

    w.caller_conf.n_connect = 0;
    call(&w, NULL);
    assert_true(w.caller.failed && w.caller.failure.step == ASSOC_RESOLVE);
    finish(&w);
}

// Closed while a name is being resolved: it ends in order, and the answer disturbs nobody.
static void closed_while_resolving(void **state) {
    (void)state;
    static struct world w;
    begin(&w, CONF_NORMAL_MODE, CONF_DIALOGUE_ANY);
    w.caller.a = assoc_call(&w.env, &w.caller_conf, NULL, &user, &w.caller);
    assert_non_null(w.caller.a);
    assoc_close(w.caller.a);
    UNTIL(&w, w.caller.ended);
    assert_false(w.caller.failed || w.caller.open);
    finish(&w);
}

// Whichever allocation of a call fails: it is not made, or it ends and says so, or it works all the same.
static void short_memory(void **state) {
    (void)state;
    static struct world w;
    unsigned opened = 0, ended = 0, refused = 0;
    begin(&w, CONF_NORMAL_MODE, CONF_DIALOGUE_ANY);
    w.connect[1] = (struct conf_endpoint){.host = "127.0.0.2", .family = AF_INET, .port = 9};
    w.caller_conf.n_connect = 2;
    w.short_of_memory = true;
    const struct assoc_call_options o = {.first_stack = "test", .first_remote = "127.0.0.2:9"};
    for (unsigned long n = 1; opened < 20 && n < 400; n++) {
        w.caller = (struct end){.wanted = UINT32_MAX, .in = w.caller.in};
        w.called = (struct end){.wanted = UINT32_MAX, .in = w.called.in};
        mem_fail_at(n);
        w.caller.a = assoc_call(&w.env, &w.caller_conf, &o, &user, &w.caller);
        if (w.caller.a == NULL) {
            mem_fail_at(0);
            refused++;
            continue;
        }
        UNTIL(&w, w.caller.open || w.caller.ended);
        mem_fail_at(0);
        ended += w.caller.ended;
        opened += w.caller.open;
        if (w.caller.a != NULL)
            assoc_close(w.caller.a);
        UNTIL(&w, w.caller.ended && (w.called.ended || w.called.a == NULL));
    }
    assert_true(refused > 3 && ended > 3 && opened > 3);
    finish(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monologue),
        cmocka_unit_test(turns),
        cmocka_unit_test(recovered),
        cmocka_unit_test(close_without_the_turn),
        cmocka_unit_test(question_crosses_the_release),
        cmocka_unit_test(not_recovered),
        cmocka_unit_test(lost_address_first),
        cmocka_unit_test(where_it_calls),
        cmocka_unit_test(closed_while_resolving),
        cmocka_unit_test(short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
