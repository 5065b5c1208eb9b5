// SPDX-License-Identifier: BSD-2-Clause
// Two complete stacks joined by a simulated link that delays, splits, merges and cuts, under a clock of its own. Each
// run is told by its seed: modes, dialogue, sizes, checkpoints, when the link is cut, how late either side notices,
// what is forgotten, interrupted and refused. Owners behave as an MTA would: an interrupted transfer is resumed, on a
// new association that recovers the lost one when that is gone; when that cannot be, it begins anew. What must hold:
// - every APDU that its sender was told is done did arrive, whole;
// - one that never had to begin anew arrived exactly once, another at most once for each beginning;
// - neither side ever sees a protocol error in the other;
// - in the end, with no more cuts, all are done, the association is released, and no memory is left over.
// X400D_LINK_SEEDS: how many seeds (300). X400D_LINK_SEED: this one alone, with a word on each event.
#include <malloc.h>

#include "tests/unit/rfc1006_stack_util.h"

enum { APDUS = 6, SEGMENTS = 4096, STEPS = 400000 };

static bool verbose;

// Over all runs, so that a test which tests nothing is seen.
static struct { unsigned apdus, cuts, recovered, resumed, completed, again; } tally;

#define SAY(n, ...)                                                                                                    \
    do {                                                                                                               \
        if (verbose) {                                                                                                 \
            printf("%9llu %c ", (unsigned long long)(n)->w->now, (n)->name);                                           \
            printf(__VA_ARGS__);                                                                                       \
            printf("\n");                                                                                              \
        }                                                                                                              \
    } while (0)

struct apdu {
    uint32_t total;
    unsigned beginnings, arrived;
    bool done;
};

struct world;
struct node {
    struct world *w;
    char name;
    bool initiator;
    struct stack *s;
    bool open, stale;     // stale: nothing it sends arrives any more
    uint64_t closed_seen; // when it notices that the link is cut, 0: it is not
    // sending
    struct apdu out[APDUS];
    size_t n_out, next; // next: the APDU to be sent, or being sent
    bool sending, asked, wanted;
    bool resume; // send_kept says from where
    uint64_t given;
    struct rtse_recovery send_kept;
    // receiving
    bool receiving, received, partial_kept, has_done;
    struct buf partial;
    struct rtse_recovery receive_kept, done; // done: the last activity that was received whole
    uint32_t serial_due;
    uint64_t serial_at, end_at; // when the user answers, 0: it has
};

struct segment {
    uint64_t at;
    int to;
    unsigned connection;
    struct buf octets;
};

struct world {
    unsigned seed;
    uint64_t now, cut_at, connect_at;
    unsigned cuts_left, connection;
    struct stack_params params;
    struct node node[2];
    struct segment *segments[2]; // queues in order
    size_t first[2], last[2];
    bool closing;
};

static unsigned dice(struct world *w, unsigned n) {
    return (unsigned)rand_r(&w->seed) % n;
}

static struct node *peer_of(struct node *n) {
    return &n->w->node[n->initiator ? 1 : 0];
}

// An APDU: a header as in pattern_octet, then its number, then a pattern of it.
static uint8_t octet(unsigned number, uint32_t total, uint64_t at) {
    return at < 12 ? pattern_octet(total, at) : (uint8_t)(at == 12 ? number : at * 31 + (at >> 8) * 7 + number * 13);
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
        piece[i] = octet((unsigned)n->next, total, n->given + i);
    n->given += k;
    assert_int_equal(stack_transfer_data(n->s, n->w->now, bytes_of(piece, k)), 0);
}

static void on_transfer_cnf(void *user, const struct stack_transfer_end *e) {
    struct node *n = user;
    struct apdu *a = &n->out[n->next];
    assert_true(n->sending);
    n->sending = n->resume = false;
    if (e->ok) {
        SAY(n, "APDU %zu is done, arrived %u times, begun %u times", n->next, a->arrived, a->beginnings);
        assert_true(a->arrived >= 1); // nothing is reported done that did not arrive
        a->done = true;
        n->next++;
        return;
    }
    SAY(n, "APDU %zu is not done: %s%s", n->next, e->failure.text, e->resumable ? "; may be resumed" : "");
    if (e->resumable) {
        n->resume = true;
        n->send_kept = *e->recovery;
        assert_true(n->send_kept.serial > 0);
    }
}

static void send_next(struct node *n) {
    struct apdu *a = &n->out[n->next];
    n->sending = true; // rt_ready may be called at once
    if (n->resume) {
        n->given = n->send_kept.octets_confirmed;
        SAY(n, "resumes APDU %zu from point %u, octet %llu", n->next, n->send_kept.serial,
            (unsigned long long)n->given);
        assert_int_equal(stack_rt_resume_req(n->s, n->w->now, &n->send_kept, a->total, 0), 0);
        return;
    }
    n->given = 0;
    a->beginnings++;
    SAY(n, "begins APDU %zu of %u octets", n->next, a->total);
    assert_int_equal(stack_rt_transfer_req(n->s, n->w->now, a->total, 0), 0);
}

// ---- receiving ----

static void on_begin(void *user, int32_t context) {
    struct node *n = user;
    (void)context;
    n->receiving = true;
    n->received = n->partial_kept = false;
    buf_clear(&n->partial);
}

static void on_data(void *user, struct bytes piece) {
    struct node *n = user;
    assert_true(n->receiving);
    assert_int_equal(buf_append(&n->partial, piece.p, piece.n), 0);
    if (dice(n->w, 3000) == 0) { // in trouble, but not for good
        struct rtse_recovery kept;
        assert_int_equal(stack_recovery(n->s, &kept), 0);
        if (stack_transfer_refuse(n->s, n->w->now, RTSE_EXCEPTION_NON_SPECIFIC) == 0) {
            SAY(n, "refuses, after %zu octets", n->partial.len);
            n->receiving = false;
            n->serial_at = 0;
            n->partial_kept = kept.serial > 0;
            n->receive_kept = kept;
        }
    }
}

static void on_checkpoint(void *user, uint32_t serial, uint64_t octets) {
    struct node *n = user;
    assert_int_equal(octets, n->partial.len);
    n->serial_due = serial;
    n->serial_at = n->w->now + (dice(n->w, 2) ? 0 : dice(n->w, 400));
}

static void deliver(struct node *n) {
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
    a->arrived++;
    SAY(n, "has APDU %u, arrived %u times", number, a->arrived);
    if (a->arrived > a->beginnings)
        fail_msg("APDU %u arrived %u times and was begun %u times", number, a->arrived, a->beginnings);
}

static void on_transfer_end(void *user, const struct stack_transfer_end *e) {
    struct node *n = user;
    n->serial_at = n->end_at = 0;
    if (!e->ok) {
        SAY(n, "%s%s", e->failure.text, e->resumable ? "; may be resumed" : "");
        n->receiving = n->received = false;
        n->partial_kept = e->resumable && !(n->has_done && rtse_same_activity(e->recovery, &n->done));
        n->receive_kept = *e->recovery;
        return;
    }
    assert_int_equal(e->octets, n->partial.len);
    n->received = true;
    n->receive_kept = *e->recovery;
    n->end_at = n->w->now + 1 + dice(n->w, 500);
    if (dice(n->w, 2)) { // committed now, answered later; else both later
        deliver(n);
        n->done = *e->recovery;
        n->has_done = true;
        n->received = false;
    }
}

static void answer_end(struct node *n) {
    n->end_at = 0;
    if (n->received) {
        deliver(n);
        n->done = n->receive_kept;
        n->has_done = true;
    }
    n->receiving = n->received = false;
    assert_int_equal(stack_transfer_rsp(n->s, n->w->now), 0);
}

static void on_resume_ind(void *user, const struct rtse_recovery *old) {
    struct node *n = user;
    if (n->has_done && rtse_same_activity(old, &n->done)) {
        tally.completed++;
        SAY(n, "is asked to resume what is complete");
        assert_int_equal(stack_resume_refuse(n->s, n->w->now, RTSE_RESUME_COMPLETED), 0);
        return;
    }
    if (!n->partial_kept || !rtse_same_activity(old, &n->receive_kept)) {
        SAY(n, "is asked to resume what it does not know");
        return;
    }
    assert_int_equal(stack_resume_rsp(n->s, n->w->now, &n->receive_kept), 0);
    tally.resumed++;
    SAY(n, "goes on from point %u, octet %llu", old->serial, (unsigned long long)n->receive_kept.octets_confirmed);
    assert_true(n->partial.len >= n->receive_kept.octets_confirmed);
    n->partial.len = (size_t)n->receive_kept.octets_confirmed;
    n->receiving = true;
    n->received = n->partial_kept = false;
}

// ---- associations ----

static bool knows(const struct node *n, const struct rtse_session_id *id) {
    return (n->has_done && rtse_same_session(id, &n->done.session)) ||
           (n->partial_kept && rtse_same_session(id, &n->receive_kept.session)) ||
           (n->resume && rtse_same_session(id, &n->send_kept.session));
}

static void on_open_ind(void *user, const struct stack_open *o) {
    struct node *n = user;
    n->open = true;
    if (o->recover == NULL) {
        assert_int_equal(stack_rt_open_rsp(n->s, n->w->now, bytes_of(bind_result, sizeof bind_result)), 0);
    } else if (knows(n, o->recover)) {
        tally.recovered++;
        assert_int_equal(stack_rt_open_rsp(n->s, n->w->now, bytes_of(NULL, 0)), 0);
    } else {
        SAY(n, "cannot recover");
        n->open = false;
        assert_int_equal(stack_rt_open_refuse(n->s, n->w->now, bytes_of(NULL, 0), RTSE_REFUSE_CANNOT_RECOVER), 0);
    }
}

static void on_open_cnf(void *user, const struct stack_open_result *r) {
    struct node *n = user;
    n->open = r->accepted;
    SAY(n, "association %s %s", r->accepted ? "open" : "refused:", r->failure.text);
    if (!r->accepted) // nothing of it can be resumed
        n->resume = n->partial_kept = n->has_done = false;
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
    n->open = false;
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
    .rt_transfer_cnf = on_transfer_cnf,
    .rt_turn_please_ind = on_turn_please,
    .rt_turn_give_ind = on_turn_give,
    .rt_close_ind = on_close_ind,
    .rt_close_cnf = on_close_cnf,
    .abort_ind = on_abort,
    .closed = on_closed,
};

// Its association is over: what can be resumed is kept, unless it is forgotten.
static void lose(struct node *n) {
    struct rtse_recovery kept = {.serial = 0};
    bool any = stack_recovery(n->s, &kept) == 0 && kept.serial > 0;
    if (n->sending) {
        n->resume = any && dice(n->w, 20) != 0;
        n->send_kept = kept;
        n->sending = false;
        SAY(n, "lost, point %u was confirmed%s", kept.serial, n->resume ? "" : "; forgotten");
    }
    if (n->receiving) {
        bool whole = n->has_done && any && rtse_same_activity(&kept, &n->done); // responsibility is taken
        n->partial_kept = any && !whole && dice(n->w, 10) != 0;
        n->receive_kept = kept;
        n->receiving = false;
        SAY(n, "lost, point %u was confirmed here%s", kept.serial, n->partial_kept ? "" : "; forgotten");
    }
    if (n->has_done && dice(n->w, 20) == 0)
        n->has_done = false;
    n->received = n->open = n->asked = n->wanted = false;
    n->serial_at = n->end_at = n->closed_seen = 0;
    stack_free(n->s);
    n->s = NULL;
}

static void connect_again(struct world *w) {
    struct node *a = &w->node[0], *b = &w->node[1];
    struct stack_params p = w->params;
    const struct rtse_session_id *old = NULL;
    w->connect_at = 0;
    w->connection++;
    if (b->s != NULL) { // it has not noticed yet that the last one is gone
        stack_transport_closed(b->s, w->now, "another one took its place");
        lose(b);
    }
    if (a->resume)
        old = &a->send_kept.session;
    else if (a->partial_kept)
        old = &a->receive_kept.session;
    else if (a->has_done && w->params.dialogue == RTSE_TWO_WAY_ALTERNATE && dice(w, 2))
        old = &a->done.session;
    p.initial_turn_responder = p.dialogue == RTSE_TWO_WAY_ALTERNATE && old != NULL && !a->resume;
    a->stale = b->stale = false;
    a->s = stack_new_initiator(&p, &node_user, a);
    b->s = stack_new_responder(&w->params, &node_user, b);
    assert_true(a->s != NULL && b->s != NULL);
    SAY(a, "connects%s", old != NULL ? " to recover" : "");
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
    for (int i = 0; i < 2; i++) {
        struct node *n = &w->node[i];
        n->stale = true;
        if (n->s != NULL)
            n->closed_seen = w->now + 1 + notices[dice(w, 4)];
    }
    w->connection++; // what is under way is lost
    SAY(&w->node[0], "---- cut");
}

// ---- the link ----

static void link_take(struct node *n) {
    struct world *w = n->w;
    int to = n->initiator ? 1 : 0;
    struct buf *out;
    while (n->s != NULL && (out = stack_output(n->s))->len > 0 && w->last[to] - w->first[to] < SEGMENTS) {
        size_t k = dice(w, 4) ? out->len : 1 + dice(w, 300);
        k = k < out->len ? k : out->len;
        struct segment *s = &w->segments[to][w->last[to]++ % SEGMENTS];
        uint64_t before = w->last[to] - w->first[to] > 1 ? w->segments[to][(w->last[to] - 2) % SEGMENTS].at : 0;
        uint64_t at = w->now + (dice(w, 3) ? dice(w, 5) : dice(w, 200));
        *s = (struct segment){.at = at > before ? at : before, .to = to, .connection = n->stale ? 0 : w->connection};
        assert_int_equal(buf_append(&s->octets, buf_bytes(out).p, k), 0);
        buf_consume(out, k);
        stack_output_drained(n->s, w->now);
    }
}

static void link_give(struct world *w, int to) {
    while (w->first[to] < w->last[to]) {
        struct segment *s = &w->segments[to][w->first[to] % SEGMENTS];
        if (s->at > w->now)
            return;
        w->first[to]++;
        struct node *n = &w->node[to];
        if (s->connection == w->connection && n->s != NULL)
            stack_input(n->s, w->now, buf_bytes(&s->octets));
        buf_free(&s->octets);
    }
}

// ---- the nodes between events ----

static bool all_done(const struct world *w) {
    return w->node[0].next == w->node[0].n_out && w->node[1].next == w->node[1].n_out;
}

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
    if (n->sending && dice(w, 400) == 0 && stack_transfer_interrupt(n->s, w->now) == 0)
        SAY(n, "interrupts");
    else if (n->sending && dice(n->w, 800) == 0 && stack_transfer_discard(n->s, w->now) == 0)
        SAY(n, "discards");
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

static void sooner(uint64_t *at, uint64_t other) {
    if (other != 0 && other < *at)
        *at = other;
}

static uint64_t next_event(const struct world *w) {
    uint64_t at = UINT64_MAX;
    sooner(&at, w->cut_at);
    sooner(&at, w->connect_at);
    for (int i = 0; i < 2; i++) {
        const struct node *n = &w->node[i];
        if (w->first[i] < w->last[i])
            sooner(&at, w->segments[i][w->first[i] % SEGMENTS].at);
        if (n->s == NULL)
            continue;
        sooner(&at, n->closed_seen);
        sooner(&at, stack_deadline(n->s));
        if (n->receiving) {
            sooner(&at, n->serial_at);
            sooner(&at, n->end_at);
        }
    }
    return at;
}

// ---- a run ----

static void world_make(struct world *w, unsigned seed) {
    static const uint32_t tpdu_sizes[] = {0, 0, 128, 1024, 2048}, checkpoints[] = {0, 1, 1, 1, 2, 5};
    static const uint16_t tsdus[] = {0, 0, 600, 2041, 8000};
    *w = (struct world){.seed = seed * 2654435761u + 1, .now = 1000, .connect_at = 1000};
    struct stack_params *p = &w->params;
    stack_params_default(p);
    p->mode = dice(w, 3) ? RTSE_NORMAL : RTSE_X410;
    p->protocol = dice(w, 2) ? RTSE_PROTOCOL_P1_1988 : RTSE_PROTOCOL_P1_1984;
    p->dialogue = dice(w, 2) ? RTSE_MONOLOGUE : RTSE_TWO_WAY_ALTERNATE;
    p->refuse_two_way_alternate = false;
    p->checkpoint = checkpoints[dice(w, 6)];
    p->window = 1 + dice(w, 5);
    p->tpdu_size = tpdu_sizes[dice(w, 5)];
    p->tsdu_to_responder = p->tsdu_to_initiator = tsdus[dice(w, 5)];
    p->no_progress_ms = 30000;
    p->output_high = 20000;
    w->cuts_left = dice(w, 7);
    for (int i = 0; i < 2; i++) {
        struct node *n = &w->node[i];
        *n = (struct node){.w = w, .name = i ? 'B' : 'A', .initiator = i == 0};
        n->n_out = i == 0 ? 1 + dice(w, APDUS) : p->dialogue == RTSE_TWO_WAY_ALTERNATE ? dice(w, APDUS + 1) : 0;
        for (size_t k = 0; k < n->n_out; k++)
            n->out[k].total = 13 + (dice(w, 4) ? dice(w, 9000) : dice(w, 120000));
        w->segments[i] = calloc(SEGMENTS, sizeof *w->segments[i]);
        assert_non_null(w->segments[i]);
    }
}

static void world_check(struct world *w) {
    for (int i = 0; i < 2; i++) {
        struct node *n = &w->node[i];
        assert_null(n->s);
        assert_int_equal(n->next, n->n_out);
        for (size_t k = 0; k < n->n_out; k++) {
            struct apdu *a = &n->out[k];
            if (!a->done || a->arrived < 1 || a->arrived > a->beginnings)
                fail_msg("APDU %zu of %c: done %d, arrived %u times, begun %u times", k, n->name, a->done, a->arrived,
                         a->beginnings);
            tally.apdus++;
            tally.again += a->beginnings - 1;
        }
        while (w->first[i] < w->last[i])
            buf_free(&w->segments[i][w->first[i]++ % SEGMENTS].octets);
        free(w->segments[i]);
        buf_free(&n->partial);
    }
}

static void run_seed(unsigned seed) {
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    world_make(w, seed);
    for (unsigned step = 0;; step++) {
        uint64_t at = next_event(w);
        if (at == UINT64_MAX)
            break;
        if (step > STEPS)
            fail_msg("seed %u does not come to an end", seed);
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
    free(w);
}

static void test_seeds(void **state) {
    (void)state;
    const char *one = getenv("X400D_LINK_SEED"), *many = getenv("X400D_LINK_SEEDS");
    verbose = one != NULL;
    if (one != NULL) {
        run_seed((unsigned)strtoul(one, NULL, 10));
        return;
    }
    unsigned n = many == NULL ? 300 : (unsigned)strtoul(many, NULL, 10);
    size_t memory = 0;
    for (unsigned seed = 0; seed < n; seed++) {
        fprintf(stderr, "\rseed %u", seed); // the last one named is the one that fails
        run_seed(seed);
        if (seed == 20)
            memory = mallinfo2().uordblks;
    }
    fprintf(stderr,
            "\r%u seeds: %u APDUs, %u cuts, %u associations recovered, %u transfers resumed, %u found complete, %u "
            "begun anew\n",
            n, tally.apdus, tally.cuts, tally.recovered, tally.resumed, tally.completed, tally.again);
    if (n > 100) {
        assert_true(mallinfo2().uordblks < memory + 65536);
        assert_true(tally.cuts > n && tally.recovered > n / 3 && tally.resumed > n / 3 && tally.completed > n / 20);
        assert_true(tally.again < tally.apdus / 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
