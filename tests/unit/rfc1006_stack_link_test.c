// SPDX-License-Identifier: BSD-2-Clause
// Two complete stacks joined by a simulated link that delays, splits, merges and cuts, under a clock of its own. Each
// run is told by its seed: mode, dialogue, sizes, checkpoints, when the link is cut, how late either side notices, who
// is killed and what it had stored, how long is kept what can be resumed, what is forgotten, interrupted and refused.
// Owners behave as an MTA would: an interrupted transfer is resumed, on a new association that recovers the lost one
// when that is gone; when that cannot be, it begins anew. What is kept goes through its stored form each time.
// What must hold:
// - an APDU is begun anew only for a reason that lies in what its owners did or the time that passed; without one it
//   arrives exactly once, and else at most once for each beginning; with duplicates recognised, exactly once;
// - whoever sends is told how it ended, or that the association is gone, in time; done is only what did arrive, whole;
// - neither side ever sees a protocol error in the other;
// - in the end, with no more cuts, all are done, the association is released, and no memory is left over.
// X400D_LINK_SEEDS: how many seeds (1000). X400D_LINK_SEED: this one alone, with a word on each event.
#include <errno.h>
#include <malloc.h>

#include "tests/unit/rfc1006_link_world.h"

enum { KINDS = 6, TOLD_WITHIN_MS = 31000 }; // no_progress_ms and what is under way

// Over all runs, so that a test which tests nothing is seen.
static struct {
    unsigned apdus, cuts, kills, recovered, resumed, completed, again, duplicates, once, expired, renamed, kind[KINDS];
} tally;

// From here on this APDU may be begun anew, or was already.
static void excuse(struct node *sender, size_t number, const char *why) {
    if (number >= sender->n_out || sender->out[number].done)
        return;
    SAY(sender, "APDU %zu may begin anew: %s", number, why);
    sender->out[number].excuse = why;
    sender->out[number].ever_excused = true;
}

// An APDU: a header as in pattern_octet, then its number, then a pattern of it.
static uint8_t octet(size_t number, uint32_t total, uint64_t at) {
    return (uint8_t)(at < 12 ? pattern_octet(total, at) : at == 12 ? number : at * 31 + (at >> 8) * 7 + number * 13);
}

// ---- what is kept, through its stored form ----

static void store(struct buf *disk, const struct rtse_recovery *r) {
    buf_clear(disk);
    assert_int_equal(rtse_recovery_put(disk, r), 0);
}

static void keep(struct node *n, struct kept *k, const struct rtse_recovery *r) {
    struct buf disk = {0};
    store(&disk, r);
    k->any = true;
    k->until = n->w->now + n->w->recovery_ms;
    assert_int_equal(rtse_recovery_get(buf_bytes(&disk), &k->r), 0);
    assert_true(k->r.serial > 0 && rtse_same_activity(&k->r, r) && k->r.octets_confirmed == r->octets_confirmed);
    buf_free(&disk);
}

static void forget_sent(struct node *n, const char *why) {
    n->send.any = false;
    excuse(n, n->next, why);
}

static void forget_received(struct node *n, const char *why) {
    n->receive.any = false;
    excuse(peer_of(n), peer_of(n)->next, why);
}

static void expire(struct node *n) {
    tally.expired += (n->send.any && n->w->now > n->send.until) + (n->receive.any && n->w->now > n->receive.until);
    if (n->send.any && n->w->now > n->send.until)
        forget_sent(n, "the sender waited too long");
    if (n->receive.any && n->w->now > n->receive.until)
        forget_received(n, "the receiver waited too long");
}

// ---- sending ----

static void on_ready(void *user, size_t room) {
    struct node *n = user;
    uint8_t piece[5000];
    uint32_t total = n->out[n->next].total;
    size_t k = 1 + dice(n->w, sizeof piece);
    k = k < room ? k : room;
    assert_true(n->sending && n->given + k <= total);
    for (size_t i = 0; i < k; i++)
        piece[i] = octet(n->next, total, n->given + i);
    n->given += k;
    assert_int_equal(stack_transfer_data(n->s, n->w->now, bytes_of(piece, k)), 0);
}

static void on_checkpoint_cnf(void *user, uint32_t serial, uint64_t octets) {
    struct node *n = user;
    struct rtse_recovery r;
    assert_true(n->sending && serial > n->confirmed && octets <= n->given);
    n->confirmed = serial;
    assert_int_equal(stack_recovery(n->s, &r), 0);
    assert_true(r.serial == serial && r.octets_confirmed == octets);
    if (dice(n->w, 3) == 0)
        store(&n->send_disk, &r);
}

static void on_transfer_cnf(void *user, const struct stack_transfer_end *e) {
    struct node *n = user;
    struct apdu *a = &n->out[n->next];
    assert_true(n->sending);
    n->sending = n->send.any = false;
    if (e->ok) {
        SAY(n, "APDU %zu is done, arrived %u times, begun %u times", n->next, a->arrived, a->beginnings);
        assert_true(a->arrived >= 1 && a->delivered == 1); // nothing is reported done that did not arrive
        a->done = true;
        n->next++;
        buf_clear(&n->send_disk);
        return;
    }
    SAY(n, "APDU %zu is not done: %s%s", n->next, e->failure.text, e->resumable ? "; may be resumed" : "");
    assert_true(e->failure.text[0] != '\0');
    if (e->resumable)
        keep(n, &n->send, e->recovery);
    else if (n->confirmed == 0)
        excuse(n, n->next, "nothing was confirmed");
}

static void send_next(struct node *n) {
    struct apdu *a = &n->out[n->next];
    expire(n);
    n->sending = true; // rt_ready may be called at once
    if (n->send.any) {
        n->given = n->send.r.octets_confirmed;
        n->confirmed = n->send.r.serial;
        SAY(n, "resumes APDU %zu from point %u, octet %llu", n->next, n->send.r.serial, (unsigned long long)n->given);
        assert_int_equal(stack_rt_resume_req(n->s, n->w->now, &n->send.r, a->total, 0), 0);
        return;
    }
    if (a->beginnings > 0 && a->excuse == NULL)
        fail_msg("APDU %zu of %c begins anew without a reason", n->next, n->name);
    n->given = n->confirmed = 0;
    buf_clear(&n->send_disk);
    a->excuse = NULL;
    a->beginnings++;
    SAY(n, "begins APDU %zu of %u octets", n->next, a->total);
    assert_int_equal(stack_rt_transfer_req(n->s, n->w->now, a->total, 0), 0);
}

// ---- receiving ----

static void on_begin(void *user, int32_t context) {
    struct node *n = user;
    (void)context;
    n->receiving = true;
    n->received = n->receive.any = false;
    buf_clear(&n->partial);
    buf_clear(&n->receive_disk);
}

static void on_data(void *user, struct bytes piece) {
    struct node *n = user;
    struct rtse_recovery r;
    assert_true(n->receiving);
    assert_int_equal(buf_append(&n->partial, piece.p, piece.n), 0);
    if (dice(n->w, 3000) != 0)
        return;
    assert_int_equal(stack_recovery(n->s, &r), 0); // in trouble, but not for good
    if (stack_transfer_refuse(n->s, n->w->now, RTSE_EXCEPTION_NON_SPECIFIC) < 0)
        return;
    SAY(n, "refuses, after %zu octets", n->partial.len);
    n->receiving = false;
    n->serial_at = 0;
    if (r.serial > 0)
        keep(n, &n->receive, &r);
    excuse(peer_of(n), peer_of(n)->next, "it was refused"); // once it got no further, it is not resumed
}

static void on_checkpoint(void *user, uint32_t serial, uint64_t octets) {
    struct node *n = user;
    struct rtse_recovery r;
    assert_int_equal(octets, n->partial.len);
    n->serial_due = serial;
    n->serial_at = n->w->now + (dice(n->w, 2) ? 0 : dice(n->w, 400));
    if (!n->w->sync_window)
        return;
    assert_int_equal(stack_recovery_at(n->s, serial, &r), 0);
    assert_true(r.serial == serial && r.octets_confirmed == octets);
    store(&n->receive_disk, &r);
}

// Responsibility is taken: committed, with what a duplicate is recognised by.
static void deliver(struct node *n, const struct rtse_recovery *r) {
    struct node *from = peer_of(n);
    const uint8_t *p = buf_bytes(&n->partial).p;
    assert_true(n->partial.len > 12);
    unsigned number = p[12];
    assert_true(number < from->n_out);
    struct apdu *a = &from->out[number];
    assert_int_equal(n->partial.len, a->total);
    for (size_t i = 0; i < a->total; i++)
        if (p[i] != octet(number, a->total, i))
            fail_msg("APDU %u differs at octet %zu", number, i);
    a->delivered += a->arrived == 0;
    tally.duplicates += a->arrived++ > 0;
    SAY(n, "has APDU %u, arrived %u times", number, a->arrived);
    if (a->arrived > a->beginnings)
        fail_msg("APDU %u arrived %u times and was begun %u times", number, a->arrived, a->beginnings);
    n->done = *r;
    n->has_done = true;
    n->done_number = number;
    n->received = false;
}

static void on_transfer_end(void *user, const struct stack_transfer_end *e) {
    struct node *n = user;
    n->serial_at = n->end_at = 0;
    if (!e->ok) {
        SAY(n, "%s%s", e->failure.text, e->resumable ? "; may be resumed" : "");
        n->receiving = n->received = n->receive.any = false;
        if (e->resumable && !(n->has_done && rtse_same_activity(e->recovery, &n->done)))
            keep(n, &n->receive, e->recovery);
        return;
    }
    assert_int_equal(e->octets, n->partial.len);
    n->received = true;
    n->receive.r = *e->recovery;
    n->end_at = n->w->now + 1 + dice(n->w, 500);
    if (dice(n->w, 2)) // committed now, answered later; else both later
        deliver(n, e->recovery);
}

static void answer_end(struct node *n) {
    n->end_at = 0;
    if (n->received)
        deliver(n, &n->receive.r);
    n->receiving = false;
    assert_int_equal(stack_transfer_rsp(n->s, n->w->now), 0);
}

// One side was cut off or killed before it knew, or had stored, that the transfer was resumed on a later association:
// then the two name its activity by different associations, and it begins anew.
static void known_by_another_name(struct world *w) {
    for (int i = 0; i < 2; i++) {
        struct node *from = &w->node[i], *to = peer_of(from);
        bool has = to->receive.any || (to->has_done && to->done_number == from->next);
        if (!from->send.any || !has)
            continue;
        tally.renamed++;
        excuse(from, from->next, "it is known by another association");
    }
}

static void on_resume_ind(void *user, const struct rtse_recovery *old) {
    struct node *n = user;
    expire(n);
    if (n->has_done && rtse_same_activity(old, &n->done)) {
        tally.completed++;
        SAY(n, "is asked to resume what is complete");
        if (n->w->params.mode == RTSE_X410 && n->w->params.protocol == RTSE_PROTOCOL_P1_1984)
            excuse(peer_of(n), n->done_number, "P1 of 1984 has no word for that it is complete");
        assert_int_equal(stack_resume_refuse(n->s, n->w->now, RTSE_RESUME_COMPLETED), 0);
        return;
    }
    if (!n->receive.any || !rtse_same_activity(old, &n->receive.r)) {
        SAY(n, "is asked to resume what it does not know");
        known_by_another_name(n->w);
        return;
    }
    assert_true(n->receive.r.serial >= old->serial); // what was confirmed is kept, or all is lost
    assert_int_equal(stack_resume_rsp(n->s, n->w->now, &n->receive.r), 0);
    tally.resumed++;
    SAY(n, "goes on from point %u, octet %llu", old->serial, (unsigned long long)n->receive.r.octets_confirmed);
    assert_true(n->partial.len >= n->receive.r.octets_confirmed);
    n->partial.len = (size_t)n->receive.r.octets_confirmed;
    n->receiving = true;
    n->received = n->receive.any = false;
}

// ---- associations ----

static bool knows(const struct node *n, const struct rtse_session_id *id) {
    return (n->has_done && rtse_same_session(id, &n->done.session)) ||
           (n->receive.any && rtse_same_session(id, &n->receive.r.session)) ||
           (n->send.any && rtse_same_session(id, &n->send.r.session));
}

static void on_open_ind(void *user, const struct stack_open *o) {
    struct node *n = user;
    expire(n);
    n->open = true;
    if (o->recover == NULL) {
        assert_int_equal(stack_rt_open_rsp(n->s, n->w->now, bytes_of(bind_result, sizeof bind_result)), 0);
    } else if (knows(n, o->recover)) {
        tally.recovered++;
        assert_int_equal(stack_rt_open_rsp(n->s, n->w->now, bytes_of(NULL, 0)), 0);
    } else {
        SAY(n, "cannot recover");
        known_by_another_name(n->w);
        n->open = false;
        assert_int_equal(stack_rt_open_refuse(n->s, n->w->now, bytes_of(NULL, 0), RTSE_REFUSE_CANNOT_RECOVER), 0);
    }
}

static void on_open_cnf(void *user, const struct stack_open_result *r) {
    struct node *n = user;
    n->open = r->accepted;
    n->told = !r->accepted;
    SAY(n, "association %s %s", r->accepted ? "open" : "refused:", r->failure.text);
    if (r->accepted || r->failure.layer != STACK_RTSE || r->failure.reason != RTSE_REFUSE_CANNOT_RECOVER)
        return;
    n->send.any = n->send.any && !rtse_same_session(&n->send.r.session, &n->asked_for); // the peer has nothing of it
    n->receive.any = n->receive.any && !rtse_same_session(&n->receive.r.session, &n->asked_for);
    n->has_done = n->has_done && !rtse_same_session(&n->done.session, &n->asked_for);
}

static void on_turn_please(void *user, uint32_t priority) {
    (void)priority;
    ((struct node *)user)->wanted = true;
}

static void on_turn_give(void *user) {
    ((struct node *)user)->asked = false;
}

static void on_close_ind(void *user) {
    struct node *n = user;
    assert_int_equal(stack_rt_close_rsp(n->s, n->w->now), 0);
    n->open = false;
}

static void on_close_cnf(void *user) {
    ((struct node *)user)->open = false;
}

static void on_abort(void *user, const struct stack_failure *f) {
    struct node *n = user;
    SAY(n, "aborted: %s", f->text);
    if (strstr(f->text, "protocol error") != NULL) // neither side makes any
        fail_msg("%s", f->text);
    if (n->sending && n->cut_at != 0 && n->w->now > n->cut_at + TOLD_WITHIN_MS)
        fail_msg("told %llu ms after the cut", (unsigned long long)(n->w->now - n->cut_at));
    n->open = false;
    n->told = true;
}

static void on_closed(void *user) {
    (void)user;
}

static const struct stack_user node_user = {
    .rt_open_ind = on_open_ind,
    .rt_open_cnf = on_open_cnf,
    .rt_transfer_begin = on_begin,
    .rt_transfer_data = on_data,
    .rt_checkpoint_ind = on_checkpoint,
    .rt_transfer_end = on_transfer_end,
    .rt_resume_ind = on_resume_ind,
    .rt_ready = on_ready,
    .rt_checkpoint_cnf = on_checkpoint_cnf,
    .rt_transfer_cnf = on_transfer_cnf,
    .rt_turn_please_ind = on_turn_please,
    .rt_turn_give_ind = on_turn_give,
    .rt_close_ind = on_close_ind,
    .rt_close_cnf = on_close_cnf,
    .abort_ind = on_abort,
    .closed = on_closed,
};

static void disconnected(struct node *n) {
    n->sending = n->receiving = n->received = n->open = n->asked = n->wanted = false;
    n->serial_at = n->end_at = n->closed_seen = n->cut_at = 0;
    stack_free(n->s);
    n->s = NULL;
}

// Its association is over: what can be resumed is kept, unless it is forgotten.
static void lose(struct node *n) {
    struct rtse_recovery r = {.serial = 0};
    bool any = stack_recovery(n->s, &r) == 0 && r.serial > 0;
    if (n->sending) {
        assert_true(n->told && r.serial == n->confirmed);
        SAY(n, "lost, point %u was confirmed", r.serial);
        if (!any)
            forget_sent(n, "nothing was confirmed");
        else if (dice(n->w, 20) == 0)
            forget_sent(n, "the sender forgot");
        else
            keep(n, &n->send, &r);
    }
    if (n->receiving) {
        SAY(n, "lost, point %u was confirmed here", r.serial);
        n->receive.any = false;
        if (any && !(n->has_done && rtse_same_activity(&r, &n->done))) { // else responsibility is taken
            keep(n, &n->receive, &r);
            if (dice(n->w, 10) == 0)
                forget_received(n, "the receiver forgot");
        }
    }
    if (n->has_done && dice(n->w, 20) == 0) {
        n->has_done = false;
        excuse(peer_of(n), n->done_number, "the receiver forgot that it was complete");
    }
    disconnected(n);
}

// What it had stored is all that is left: nothing, the last point that a sender noted, a receiver's last point.
static void killed(struct node *n) {
    const uint64_t until = n->w->now + n->w->recovery_ms;
    tally.kills++;
    SAY(n, "is killed");
    if (n->sending || n->send.any) {
        n->send = (struct kept){.any = n->send_disk.len > 0, .until = until};
        if (!n->send.any)
            forget_sent(n, "the sender was killed and had stored nothing");
        else
            assert_int_equal(rtse_recovery_get(buf_bytes(&n->send_disk), &n->send.r), 0);
    }
    bool committed = n->receiving && n->end_at != 0 && !n->received;
    if (n->receive.any || (n->receiving && !committed)) {
        n->receive = (struct kept){.any = n->receive_disk.len > 0, .until = until};
        if (!n->receive.any)
            forget_received(n, "the receiver was killed and had stored nothing");
        else
            assert_int_equal(rtse_recovery_get(buf_bytes(&n->receive_disk), &n->receive.r), 0);
    }
    if (n->s != NULL)
        disconnected(n);
    if (n->initiator && !all_done(n->w))
        n->w->connect_at = n->w->now + 1 + dice(n->w, 3000);
}

static const struct rtse_session_id *to_recover(struct node *a) {
    expire(a);
    if (a->send.any)
        return &a->send.r.session;
    if (a->receive.any)
        return &a->receive.r.session;
    return a->has_done && a->w->params.dialogue == RTSE_TWO_WAY_ALTERNATE && dice(a->w, 2) ? &a->done.session : NULL;
}

static void connect_again(struct world *w) {
    struct node *a = &w->node[0], *b = &w->node[1];
    struct stack_params p = w->params;
    w->connect_at = 0;
    w->connection++;
    if (b->s != NULL) { // it has not noticed yet that the last one is gone
        stack_transport_closed(b->s, w->now, "another one took its place");
        lose(b);
    }
    const struct rtse_session_id *old = to_recover(a);
    p.initial_turn_responder = p.dialogue == RTSE_TWO_WAY_ALTERNATE && old != NULL && !a->send.any;
    a->stale = b->stale = a->told = b->told = false;
    a->s = stack_new_initiator(&p, &node_user, a);
    b->s = stack_new_responder(&w->params, &node_user, b);
    assert_true(a->s != NULL && b->s != NULL);
    SAY(a, "connects%s", old != NULL ? " to recover" : "");
    if (old != NULL)
        a->asked_for = *old;
    assert_int_equal(old != NULL ? stack_rt_recover_req(a->s, w->now, old)
                                 : stack_rt_open_req(a->s, w->now, bytes_of(bind_argument, sizeof bind_argument)),
                     0);
    if (w->cuts_left > 0) {
        w->cuts_left--;
        w->cut_at = w->now + 1 + dice(w, 1500);
    }
}

static void cut(struct world *w) {
    static const unsigned notices[] = {0, 200, 5000, 60000};
    w->cut_at = 0;
    tally.cuts++;
    SAY(&w->node[0], "---- cut");
    w->connection++; // what is under way is lost
    for (int i = 0; i < 2; i++) {
        struct node *n = &w->node[i];
        n->stale = true;
        if (n->s == NULL)
            continue;
        n->closed_seen = w->now + 1 + notices[dice(w, 4)];
        n->cut_at = w->now;
    }
    if (dice(w, 3) == 0)
        killed(&w->node[dice(w, 2)]);
}

// ---- the nodes between events ----

static void decide(struct node *n) {
    struct world *w = n->w;
    bool two_way = w->params.dialogue == RTSE_TWO_WAY_ALTERNATE;
    if (!n->open || n->sending || n->receiving)
        return;
    bool has = n->next < n->n_out;
    if (!stack_turn(n->s)) {
        if (two_way && !n->asked && (has || (n->initiator && all_done(w))))
            n->asked = stack_turn_please(n->s, w->now, has ? 1 : 0) == 0;
    } else if (n->wanted && (!has || dice(w, 2))) {
        n->wanted = stack_turn_give(n->s, w->now) != 0;
    } else if (has) {
        send_next(n);
    } else if (n->initiator && all_done(w) && !w->closing) {
        w->closing = stack_rt_close_req(n->s, w->now) == 0;
    }
}

static void answer(struct node *n) {
    struct world *w = n->w;
    if (!n->open)
        return;
    if (n->receiving && n->serial_at != 0 && w->now >= n->serial_at) {
        n->serial_at = 0;
        assert_int_equal(stack_checkpoint_rsp(n->s, w->now, n->serial_due), 0);
    }
    if (n->receiving && n->end_at != 0 && w->now >= n->end_at)
        answer_end(n);
    if (!n->sending)
        return;
    bool interrupts = dice(w, 400) == 0 && stack_transfer_interrupt(n->s, w->now) == 0;
    bool discards = !interrupts && dice(w, 800) == 0 && stack_transfer_discard(n->s, w->now) == 0;
    if (interrupts)
        SAY(n, "interrupts");
    if (discards)
        excuse(n, n->next, "the sender discards it");
    if ((interrupts || discards) && n->cut_at != 0)
        n->cut_at = w->now; // the answer to that is waited for
}

static void node_run(struct node *n) {
    struct world *w = n->w;
    if (n->s == NULL)
        return;
    uint64_t deadline = stack_deadline(n->s);
    if (deadline != 0 && w->now >= deadline)
        stack_tick(n->s, w->now);
    if (n->closed_seen != 0 && w->now >= n->closed_seen)
        stack_transport_closed(n->s, w->now, "connection reset");
    answer(n);
    decide(n);
    link_take(n);
    if (stack_closed(n->s) && stack_output(n->s)->len == 0) {
        if (!n->stale && peer_of(n)->s != NULL && peer_of(n)->closed_seen == 0)
            peer_of(n)->closed_seen = w->now + 300; // it closes TCP; behind what is under way
        lose(n);
        if (n->initiator && !all_done(w))
            w->connect_at = w->now + 1 + dice(w, 3000);
    }
}

// ---- a run ----

static void world_check(struct world *w) {
    for (int i = 0; i < 2; i++) {
        struct node *n = &w->node[i];
        assert_null(n->s);
        assert_int_equal(n->next, n->n_out);
        for (size_t k = 0; k < n->n_out; k++) {
            struct apdu *a = &n->out[k];
            if (!a->done || a->delivered != 1 || a->arrived < 1 || a->arrived > a->beginnings ||
                (!a->ever_excused && (a->arrived != 1 || a->beginnings != 1)))
                fail_msg("APDU %zu of %c: done %d, delivered %u times, arrived %u times, begun %u times", k, n->name,
                         a->done, a->delivered, a->arrived, a->beginnings);
            tally.apdus++;
            tally.once += !a->ever_excused;
            tally.again += a->beginnings - 1;
        }
    }
    tally.kind[w->kind]++;
}

static void run_seed(unsigned seed, bool verbose) {
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    world_make(w, seed, verbose);
    for (unsigned step = 0;; step++) {
        uint64_t at = next_event(w);
        if (at == UINT64_MAX)
            break;
        if (step > STEPS)
            fail_msg("it does not come to an end");
        w->now = at > w->now ? at : w->now;
        if (w->cut_at != 0 && w->now >= w->cut_at)
            cut(w);
        link_give(w, 0);
        link_give(w, 1);
        if (w->connect_at != 0 && w->now >= w->connect_at)
            connect_again(w);
        for (int round = 0; round < 2; round++)
            for (int i = 0; i < 2; i++)
                node_run(&w->node[i]);
    }
    world_check(w);
    world_free(w);
}

static long running = -1; // the seed, for the word on how to run it again

static int seed_failed(void **state) {
    (void)state;
    if (running >= 0)
        fprintf(stderr, "seed %ld fails; to run it again, with a word on each event:\n    X400D_LINK_SEED=%ld %s\n",
                running, running, program_invocation_name);
    return 0;
}

static void test_seeds(void **state) {
    (void)state;
    const char *one = getenv("X400D_LINK_SEED"), *many = getenv("X400D_LINK_SEEDS");
    unsigned n = many == NULL ? 1000 : (unsigned)strtoul(many, NULL, 10);
    size_t memory = 0;
    if (one != NULL) {
        run_seed((unsigned)strtoul(one, NULL, 10), true);
        return;
    }
    for (unsigned seed = 0; seed < n; seed++) {
        running = seed;
        run_seed(seed, false);
        if (seed == 20)
            memory = mallinfo2().uordblks; // 0 with AddressSanitizer, which sees a leak itself
    }
    running = -1;
    printf("report: %u seeds: %u APDUs, %u cuts, %u killed, %u associations recovered, %u transfers resumed, %u found "
           "complete, %u too late, %u known by another name; %u APDUs had to arrive exactly once, %u were begun anew, "
           "%u duplicates recognised\n",
           n, tally.apdus, tally.cuts, tally.kills, tally.recovered, tally.resumed, tally.completed, tally.expired,
           tally.renamed, tally.once, tally.again, tally.duplicates);
    if (n < 200)
        return;
    assert_true(mallinfo2().uordblks < memory + 65536); // what the C library keeps at hand differs
    for (int i = 0; i < KINDS; i++)
        assert_true(tally.kind[i] > n / 10);
    assert_true(tally.cuts > n && tally.kills > n / 4 && tally.recovered > n / 4 && tally.resumed > n / 4);
    assert_true(tally.completed > n / 50 && tally.expired > n / 50 && tally.duplicates > n / 50);
    assert_true(tally.renamed < n / 20 && tally.again < tally.apdus / 2 && tally.once > tally.apdus / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_seeds, seed_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
