// SPDX-License-Identifier: BSD-2-Clause
// The world of rfc1006_stack_link_test: two nodes, the link between them, a clock. The link delays what is sent, splits
// it and puts it together again in other pieces, always in order, and loses what is under way when it is cut.
#ifndef TESTS_RFC1006_LINK_WORLD_H
#define TESTS_RFC1006_LINK_WORLD_H

#include "tests/unit/rfc1006_stack_util.h"

enum { APDUS = 6, SEGMENTS = 4096, STEPS = 400000 };

struct apdu {
    uint32_t total;
    unsigned beginnings, arrived, delivered; // delivered: as a receiver counts who recognises duplicates
    bool done, ever_excused;
    const char *excuse; // why it may be begun anew; NULL: it may not
};

// What a node keeps of an interrupted transfer, and until when.
struct kept {
    bool any;
    uint64_t until;
    struct rtse_recovery r;
};

struct world;
struct node {
    struct world *w;
    char name;
    bool initiator;
    struct stack *s;
    bool open, stale;                 // stale: nothing it sends arrives any more
    bool told;                        // that the association is gone
    uint64_t closed_seen;             // when it notices that the link is cut, 0: it is not
    uint64_t cut_at;                  // when the link under it was cut
    struct rtse_session_id asked_for; // the association that it wants to recover
    // sending
    struct apdu out[APDUS];
    size_t n_out, next; // next: the APDU to be sent, or being sent
    bool sending, asked, wanted;
    uint64_t given, confirmed; // octets; the last point confirmed
    struct kept send;          // from where it may be resumed
    struct buf send_disk;      // the same, as it was stored last
    // receiving
    bool receiving, received, has_done;
    size_t done_number;
    struct buf partial;
    struct kept receive;
    struct buf receive_disk;
    struct rtse_recovery done; // the last activity that was received whole
    uint32_t serial_due;
    uint64_t serial_at, end_at; // when the user answers, 0: it has
};

struct segment {
    uint64_t at;
    unsigned connection;
    struct buf octets;
};

struct world {
    unsigned seed, kind; // kind: mode and dialogue
    bool verbose;
    uint64_t now, cut_at, connect_at, recovery_ms;
    unsigned cuts_left, connection;
    bool sync_window; // receivers store each point before they confirm it; else only when they stop in order
    struct stack_params params;
    struct node node[2];
    struct segment *segments[2]; // queues in order
    size_t first[2], last[2];
    bool closing;
};

#define SAY(n, ...)                                                                                                    \
    do {                                                                                                               \
        if ((n)->w->verbose) {                                                                                         \
            printf("%9llu %c ", (unsigned long long)(n)->w->now, (n)->name);                                           \
            printf(__VA_ARGS__);                                                                                       \
            printf("\n");                                                                                              \
        }                                                                                                              \
    } while (0)

static inline unsigned dice(struct world *w, unsigned n) {
    return (unsigned)rand_r(&w->seed) % n;
}

static inline struct node *peer_of(struct node *n) {
    return &n->w->node[n->initiator ? 1 : 0];
}

static inline bool all_done(const struct world *w) {
    return w->node[0].next == w->node[0].n_out && w->node[1].next == w->node[1].n_out;
}

// ---- the link ----

static inline void link_take(struct node *n) {
    struct world *w = n->w;
    int to = n->initiator ? 1 : 0;
    struct buf *out;
    while (n->s != NULL && (out = stack_output(n->s))->len > 0 && w->last[to] - w->first[to] < SEGMENTS) {
        size_t k = dice(w, 4) ? out->len : 1 + dice(w, 300);
        k = k < out->len ? k : out->len;
        struct segment *s = &w->segments[to][w->last[to]++ % SEGMENTS];
        uint64_t before = w->last[to] - w->first[to] > 1 ? w->segments[to][(w->last[to] - 2) % SEGMENTS].at : 0;
        uint64_t at = w->now + (dice(w, 3) ? dice(w, 5) : dice(w, 200));
        *s = (struct segment){.at = at > before ? at : before, .connection = n->stale ? 0 : w->connection};
        assert_int_equal(buf_append(&s->octets, buf_bytes(out).p, k), 0);
        buf_consume(out, k);
        stack_output_drained(n->s, w->now);
    }
}

// The first of a queue; one that is due right behind it may become part of it.
static inline struct segment link_next(struct world *w, int to) {
    struct segment s = w->segments[to][w->first[to]++ % SEGMENTS];
    while (w->first[to] < w->last[to] && dice(w, 2)) {
        struct segment *more = &w->segments[to][w->first[to] % SEGMENTS];
        if (more->at > w->now || more->connection != s.connection)
            break;
        assert_int_equal(buf_append(&s.octets, buf_bytes(&more->octets).p, more->octets.len), 0);
        buf_free(&more->octets);
        w->first[to]++;
    }
    return s;
}

static inline void link_give(struct world *w, int to) {
    struct node *n = &w->node[to];
    while (w->first[to] < w->last[to] && w->segments[to][w->first[to] % SEGMENTS].at <= w->now) {
        struct segment s = link_next(w, to);
        if (s.connection == w->connection && n->s != NULL)
            stack_input(n->s, w->now, buf_bytes(&s.octets));
        buf_free(&s.octets);
    }
}

// ---- a world ----

static inline void sooner(uint64_t *at, uint64_t other) {
    if (other != 0 && other < *at)
        *at = other;
}

static inline uint64_t next_event(const struct world *w) {
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

static inline void world_make(struct world *w, unsigned seed, bool verbose) {
    static const uint32_t tpdu_sizes[] = {0, 0, 128, 1024, 2048}, checkpoints[] = {0, 1, 1, 1, 2, 5};
    static const uint16_t tsdus[] = {0, 0, 600, 2041, 8000};
    static const unsigned recoveries[] = {500, 10000, 60000, 600000};
    *w = (struct world){.seed = seed * 2654435761u + 1, .now = 1000, .connect_at = 1000, .verbose = verbose};
    struct stack_params *p = &w->params;
    unsigned mode = dice(w, 3), two_way = dice(w, 2);
    stack_params_default(p);
    w->kind = mode * 2 + two_way;
    p->mode = mode == 0 ? RTSE_NORMAL : RTSE_X410;
    p->protocol = mode == 2 ? RTSE_PROTOCOL_P1_1984 : RTSE_PROTOCOL_P1_1988;
    p->dialogue = two_way ? RTSE_TWO_WAY_ALTERNATE : RTSE_MONOLOGUE;
    p->refuse_two_way_alternate = false;
    p->checkpoint = checkpoints[dice(w, 6)];
    p->window = 1 + dice(w, 5);
    p->tpdu_size = tpdu_sizes[dice(w, 5)];
    p->tsdu_to_responder = p->tsdu_to_initiator = tsdus[dice(w, 5)];
    p->no_progress_ms = 30000;
    p->output_high = 20000;
    w->cuts_left = dice(w, 7);
    w->sync_window = dice(w, 2);
    w->recovery_ms = recoveries[dice(w, 4)];
    for (int i = 0; i < 2; i++) {
        struct node *n = &w->node[i];
        *n = (struct node){.w = w, .name = i ? 'B' : 'A', .initiator = i == 0};
        n->n_out = i == 0 ? 1 + dice(w, APDUS) : two_way ? dice(w, APDUS + 1) : 0;
        for (size_t k = 0; k < n->n_out; k++)
            n->out[k].total = 13 + (dice(w, 4) ? dice(w, 9000) : dice(w, 120000));
        w->segments[i] = calloc(SEGMENTS, sizeof *w->segments[i]);
        assert_non_null(w->segments[i]);
    }
}

static inline void world_free(struct world *w) {
    for (int i = 0; i < 2; i++) {
        while (w->first[i] < w->last[i])
            buf_free(&w->segments[i][w->first[i]++ % SEGMENTS].octets);
        free(w->segments[i]);
        buf_free(&w->node[i].partial);
        buf_free(&w->node[i].send_disk);
        buf_free(&w->node[i].receive_disk);
    }
    free(w);
}

#endif
