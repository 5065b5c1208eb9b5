// SPDX-License-Identifier: BSD-2-Clause
#include "mta/amgr_room.h"

#include "base/mem.h"
#include "mta/amgr_back.h"

enum { LOOK_MS = 100, BETWEEN_CLOCKS_MS = 50 };

struct room {
    struct peer *p;
    struct loop_timer *timer;
    uint64_t began_ms;
    bool again; // asked for meanwhile: who was heard before that may be dead by now
};

// What came just before may have been the last word.
enum room_verdict room_judge(const struct tcp_sign *s, uint64_t probed_ms) {
    uint64_t enough = (uint64_t)s->rtt_ms * ROOM_ROUND_TRIPS;
    if (enough < ROOM_SILENT_MS)
        enough = ROOM_SILENT_MS;
    if (s->silent_ms + BETWEEN_CLOCKS_MS < probed_ms)
        return ROOM_LIVES;
    bool dead = probed_ms >= enough && s->silent_ms >= enough && s->unanswered >= ROOM_UNANSWERED;
    return dead ? ROOM_DEAD : ROOM_UNKNOWN;
}

// ---- the binds that wait ----

static void on_gone(struct held_bind *h) {
    (void)h; // the probing goes on: it is of use to the next
}

static struct held_bind *first_waiting(const struct peer *p) {
    return bind_first_held(p->m->amgr, p, on_gone);
}

static unsigned waiting(const struct peer *p) {
    return bind_held(p->m->amgr, p, on_gone);
}

void room_check(struct peer *p) {
    if (p->room == NULL)
        return;
    for (struct held_bind *h; (h = first_waiting(p)) != NULL && back_counted(p) < p->conf->associations_max;)
        bind_release(h, back_bind);
}

// ---- probing ----

static void probe(struct peer *p, bool on) {
    struct link *l;
    LIST_FOREACH(l, &p->links, of_peer) {
        if (!on && !l->probed)
            continue;
        l->probed = on && l->open;
        if (l->open)
            assoc_probe(l->assoc, on);
    }
}

void room_end(struct peer *p) {
    struct room *r = p->room;
    if (r == NULL)
        return;
    p->room = NULL;
    probe(p, false);
    for (struct held_bind *h; (h = first_waiting(p)) != NULL;)
        bind_release(h, bind_refuse_busy);
    loop_timer_free(r->timer);
    mem_free(r);
}

static void probing(struct room *r) {
    r->began_ms = loop_now_ms(r->p->m->loop);
    r->again = false;
    probe(r->p, true);
    loop_timer_in(r->timer, LOOK_MS);
}

static enum room_verdict judge(const struct link *l, uint64_t probed_ms) {
    struct tcp_sign s;
    return assoc_sign(l->assoc, &s) ? room_judge(&s, probed_ms) : ROOM_UNKNOWN;
}

static bool is_dead(const struct link *l, const void *arg) {
    return l->probed && judge(l, *(const uint64_t *)arg) == ROOM_DEAD;
}

static void on_look(void *arg) {
    struct room *r = arg;
    struct peer *p = r->p;
    uint64_t probed_ms = loop_now_ms(p->m->loop) - r->began_ms;
    const char *why = waiting(p) > 0 ? "silent; made room for a new association of the same peer"
                                     : "silent when asked for a sign of life, as another association of the peer ended "
                                       "or was made";
    unsigned unknown = 0, dropped = peer_drop(p, is_dead, &probed_ms, why);
    const struct link *l;
    LIST_FOREACH(l, &p->links, of_peer)
        unknown += l->probed && judge(l, probed_ms) == ROOM_UNKNOWN;
    if (dropped > 0 || (unknown > 0 && probed_ms < ROOM_MS))
        loop_timer_in(r->timer, LOOK_MS); // those dropped end first: from the loop
    else if (r->again && waiting(p) == 0)
        probing(r);
    else
        room_end(p);
}

static bool room_begin(struct peer *p) {
    struct room *r = mem_calloc(1, sizeof *r);
    if (r == NULL || (r->timer = loop_timer_new(p->m->loop, on_look, r)) == NULL) {
        mem_free(r);
        return false;
    }
    r->p = p;
    p->room = r;
    probing(r);
    return true;
}

void room_ask(struct peer *p) {
    const struct link *l;
    bool open = false;
    LIST_FOREACH(l, &p->links, of_peer)
        open |= l->open;
    if (p->room != NULL)
        p->room->again = true;
    else if (open && p->conf != NULL && !p->m->stopping && p->m->amgr->stopped == NULL)
        room_begin(p);
}

bool room_wait(struct peer *p, struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b) {
    unsigned others = waiting(p);
    if (others >= p->conf->associations_max || (p->room == NULL && !room_begin(p)))
        return false;
    if (others == 0)
        probing(p->room); // from now on, when one was under way
    return bind_hold(n, as, b, p, on_gone);
}
