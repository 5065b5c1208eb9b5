// SPDX-License-Identifier: BSD-2-Clause
// TCP connections put together from their segments: repeated octets are dropped (the first seen count), segments before
// their time are held. A hole is given up when what fills it was acknowledged, so that it is the capture that lacks it,
// and does not come within the next segments; or when too much is held behind it.
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "cli/capture.h"

enum { BUCKETS = 4096, PATIENCE = 16, FAR = 1 << 28 };

struct held {
    struct held *next;
    uint32_t seq;
    size_t n;
    uint8_t octets[];
};

struct direction {
    bool known, acked_known, fin;
    uint32_t next; // sequence number of the next octet to give
    uint32_t acked, fin_at;
    struct held *held; // by sequence number
    size_t n_held;     // octets
    unsigned waited;   // segments of the connection since a hole was acknowledged
};

struct entry {
    struct flow flow;
    struct direction dir[2];
    bool over; // kept so that repetitions are not taken for a new connection
    LIST_ENTRY(entry) bucket;
    TAILQ_ENTRY(entry) used; // the one used last is last
};

struct flows {
    const struct flow_user *user;
    void *ctx;
    LIST_HEAD(, entry) bucket[BUCKETS];
    TAILQ_HEAD(, entry) used;
    size_t n;
    size_t n_held;
    uint64_t count;
};

static bool same(const struct capture_address *a, const struct capture_address *b) {
    return a->port == b->port && a->v6 == b->v6 && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

// The same for both directions.
static unsigned bucket_of(const struct capture_segment *g) {
    uint32_t h = (uint32_t)g->from.port * g->to.port;
    for (size_t i = 0; i < sizeof g->from.ip; i++)
        h = h * 31 + (uint32_t)(g->from.ip[i] ^ g->to.ip[i]);
    return (h ^ h >> 12) % BUCKETS;
}

// ---- octets ----

static void give(struct flows *s, struct entry *e, unsigned side, struct bytes b) {
    e->dir[side].next += (uint32_t)b.n;
    e->dir[side].waited = 0;
    s->user->octets(s->ctx, &e->flow, side, b);
}

static void held_drop(struct flows *s, struct direction *d) {
    struct held *h = d->held;
    d->held = h->next;
    d->n_held -= h->n;
    s->n_held -= h->n;
    mem_free(h);
}

// Gives what is held as far as there is no hole.
static void drain(struct flows *s, struct entry *e, unsigned side) {
    struct direction *d = &e->dir[side];
    while (d->held != NULL && (int32_t)(d->held->seq - d->next) <= 0) {
        uint32_t again = d->next - d->held->seq;
        if (again < d->held->n)
            give(s, e, side, bytes_of(d->held->octets + again, d->held->n - again));
        held_drop(s, d);
    }
}

static void skip_hole(struct flows *s, struct entry *e, unsigned side, uint32_t to) {
    struct direction *d = &e->dir[side];
    uint32_t n = to - d->next;
    d->next = to;
    d->waited = 0;
    s->user->gap(s->ctx, &e->flow, side, n);
    drain(s, e, side);
}

static int hold(struct flows *s, struct entry *e, unsigned side, uint32_t seq, struct bytes b) {
    struct direction *d = &e->dir[side];
    struct held **at = &d->held, *h;
    while (*at != NULL && (int32_t)((*at)->seq - seq) < 0)
        at = &(*at)->next;
    if (*at != NULL && (*at)->seq == seq && (*at)->n >= b.n)
        return ERR_OK;
    if ((h = mem_alloc(sizeof *h + b.n)) == NULL)
        return ERR_NOMEM;
    h->next = *at;
    h->seq = seq;
    h->n = b.n;
    memcpy(h->octets, b.p, b.n);
    *at = h;
    d->n_held += b.n;
    s->n_held += b.n;
    while (d->held != NULL && (d->n_held > FLOW_HELD_MAX || s->n_held > FLOWS_HELD_MAX))
        skip_hole(s, e, side, d->held->seq);
    return ERR_OK;
}

// ---- connections ----

static void flow_over(struct flows *s, struct entry *e) {
    for (unsigned side = 0; side < 2 && !e->over; side++) {
        struct direction *d = &e->dir[side];
        while (d->held != NULL)
            skip_hole(s, e, side, d->held->seq);
        // Acknowledged but not in the capture; a FIN counts as one octet.
        uint32_t to = d->fin ? d->fin_at : d->acked;
        if (d->known && (d->fin || d->acked_known) && (int32_t)(to - d->next) > (d->fin ? 0 : 1) && to - d->next < FAR)
            skip_hole(s, e, side, to);
    }
    if (!e->over)
        s->user->end(s->ctx, &e->flow);
    e->over = true;
    e->flow.user = NULL;
}

static void entry_free(struct flows *s, struct entry *e) {
    flow_over(s, e);
    LIST_REMOVE(e, bucket);
    TAILQ_REMOVE(&s->used, e, used);
    s->n--;
    mem_free(e);
}

static struct entry *entry_new(struct flows *s, const struct capture_segment *g) {
    struct entry *e = mem_calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    if (s->n >= FLOWS_MAX)
        entry_free(s, TAILQ_FIRST(&s->used));
    // Without a SYN the called side is that of the lower port.
    bool from_caller = g->flags & TCP_SYN ? !(g->flags & TCP_ACK) : g->from.port >= g->to.port;
    e->flow.end[0] = from_caller ? g->from : g->to;
    e->flow.end[1] = from_caller ? g->to : g->from;
    e->flow.syn = (g->flags & TCP_SYN) != 0;
    LIST_INSERT_HEAD(&s->bucket[bucket_of(g)], e, bucket);
    TAILQ_INSERT_TAIL(&s->used, e, used);
    s->n++;
    s->count++;
    s->user->begin(s->ctx, &e->flow);
    return e;
}

static struct entry *find(struct flows *s, const struct capture_segment *g, unsigned *side) {
    struct entry *e;
    LIST_FOREACH(e, &s->bucket[bucket_of(g)], bucket) {
        for (unsigned k = 0; k < 2; k++)
            if (same(&e->flow.end[k], &g->from) && same(&e->flow.end[!k], &g->to)) {
                *side = k;
                return e;
            }
    }
    return NULL;
}

static int payload(struct flows *s, struct entry *e, unsigned side, const struct capture_segment *g) {
    struct direction *d = &e->dir[side];
    struct bytes b = g->payload;
    int32_t ahead = (int32_t)(g->seq - d->next);
    if (b.n == 0 || ahead > FAR || ahead < -FAR)
        return ERR_OK;
    if (ahead > 0)
        return hold(s, e, side, g->seq, b);
    if ((size_t)-ahead < b.n)
        give(s, e, side, bytes_of(b.p - ahead, b.n - (size_t)-ahead));
    drain(s, e, side);
    return ERR_OK;
}

// Holes that were acknowledged and are not filled are the capture's.
static void lose_patience(struct flows *s, struct entry *e) {
    for (unsigned side = 0; side < 2; side++) {
        struct direction *d = &e->dir[side];
        bool hole = d->held != NULL && d->acked_known && (int32_t)(d->acked - d->next) > 0;
        if (hole && ++d->waited > PATIENCE)
            skip_hole(s, e, side, d->held->seq);
    }
}

int flows_input(struct flows *s, const struct capture_segment *g) {
    unsigned side = 0;
    struct entry *e = find(s, g, &side);
    bool syn = (g->flags & TCP_SYN) != 0;
    if (e != NULL && syn &&
        (e->over || (e->dir[side].known && e->dir[side].next != g->seq + 1 && !(g->flags & TCP_ACK)))) {
        entry_free(s, e);
        e = NULL;
    }
    if (e == NULL) {
        if (!syn && g->size == 0)
            return ERR_OK;
        if ((e = entry_new(s, g)) == NULL)
            return ERR_NOMEM;
        find(s, g, &side);
    }
    if (e->over)
        return ERR_OK;
    TAILQ_REMOVE(&s->used, e, used);
    TAILQ_INSERT_TAIL(&s->used, e, used);
    struct direction *d = &e->dir[side], *other = &e->dir[!side];
    if (!d->known)
        d->next = g->seq + syn;
    d->known = true;
    struct capture_segment at = *g;
    at.seq += syn;
    int err = payload(s, e, side, &at);
    if (g->flags & TCP_ACK && (!other->acked_known || (int32_t)(g->ack - other->acked) > 0)) {
        other->acked = g->ack;
        other->acked_known = true;
    }
    if (g->flags & TCP_FIN) {
        d->fin = true;
        d->fin_at = at.seq + (uint32_t)g->size;
    }
    lose_patience(s, e);
    bool done[2];
    for (unsigned k = 0; k < 2; k++)
        done[k] = e->dir[k].fin && e->dir[k].next == e->dir[k].fin_at;
    if ((done[0] && done[1]) || g->flags & TCP_RST)
        flow_over(s, e);
    return err;
}

struct flows *flows_new(const struct flow_user *u, void *ctx) {
    struct flows *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->user = u;
    s->ctx = ctx;
    TAILQ_INIT(&s->used);
    return s;
}

void flows_end(struct flows *s) {
    while (!TAILQ_EMPTY(&s->used))
        entry_free(s, TAILQ_FIRST(&s->used));
}

void flows_free(struct flows *s) {
    if (s == NULL)
        return;
    flows_end(s);
    mem_free(s);
}

uint64_t flows_count(const struct flows *s) {
    return s->count;
}
