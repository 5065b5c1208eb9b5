// SPDX-License-Identifier: BSD-2-Clause
// Turns: which side of a two-way alternate association sends next. Who has the turn sends as long as the other side
// does not ask; asked, it gives the turn between two messages, unless what waits here is more urgent, and then after a
// few. A responder with nothing more to send gives it back unasked, since only the initiator can release. So both
// queues go on by turns, and neither waits for ever; nor do both sides wait for each other, since only who has not the
// turn asks.
//
// The priorities are those of RT-TURN-PLEASE: 0 is to release, then those of messages: inferred, but for their range
// from 0 to 3, which another stack's statement of conformance shows.
#include <stdio.h>

#include "mta/amgr_internal.h"

// Messages that may go before the peer's although it asked; how long the turn is waited for.
enum { BEFORE_MAX = 10, PATIENCE_MS = 60 * 1000, PATIENCE_URGENT_MS = 10 * 1000 };

// Of the most urgent message that is ready for the peer.
static unsigned turn_of_queue(const struct peer *p) {
    const struct hop *h = p->hop;
    return h->n_ready[P1_URGENT] > 0       ? TURN_URGENT
           : h->n_ready[P1_NORMAL] > 0     ? TURN_NORMAL
           : h->n_ready[P1_NON_URGENT] > 0 ? TURN_NON_URGENT
                                           : TURN_NOTHING;
}

static void give(struct link *l) {
    if (assoc_turn_give(l->assoc) != ERR_OK)
        return; // memory is short: the next time
    l->wanted = TURN_NOTHING;
    l->before = 0;
    l->theirs = true;
}

bool link_may_send(struct link *l) {
    if (!l->open || l->closing || l->close_when_idle || l->recovered || l->out != NULL || !assoc_turn(l->assoc))
        return false;
    if (l->wanted == TURN_NOTHING)
        return true;
    if (l->wanted <= turn_of_queue(l->peer) || l->before >= BEFORE_MAX) {
        give(l);
        return false;
    }
    l->before++;
    return true;
}

static void ask(struct link *l, unsigned priority) {
    if (assoc_turn_please(l->assoc, priority) != ERR_OK)
        return;
    l->asked = priority;
    l->late = false;
    loop_timer_in(l->patience, priority == TURN_URGENT ? PATIENCE_URGENT_MS : PATIENCE_MS);
}

void peer_turns(struct peer *p) {
    unsigned mine = turn_of_queue(p), asks = peer_wanted(p);
    struct link *l;
    LIST_FOREACH(l, &p->links, of_peer) {
        if (!l->open || l->closing || l->close_when_idle || l->recovered || !l->two_way)
            continue;
        if (assoc_turn(l->assoc)) {
            if (!l->outgoing && l->out == NULL && mine == TURN_NOTHING)
                give(l);
        } else if (asks > 0) {
            asks--;
            if (mine < l->asked)
                ask(l, mine);
        }
    }
}

bool link_serves(const struct link *l) {
    return !l->closing && !l->close_when_idle && !l->recovered &&
           (!l->open ? l->outgoing && l->back == NULL : assoc_turn(l->assoc) || (l->two_way && !l->late));
}

bool link_serves_soon(const struct link *l) {
    return l->open && link_serves(l) && !assoc_turn(l->assoc) && l->in == NULL;
}

void link_on_patience(void *arg) {
    struct link *l = arg;
    struct peer *p = l->peer;
    char seconds[12];
    if (l->closing || l->asked == TURN_NOTHING)
        return;
    l->late = true;
    snprintf(seconds, sizeof seconds, "%d", (l->asked == TURN_URGENT ? PATIENCE_URGENT_MS : PATIENCE_MS) / 1000);
    if (l->in == NULL)
        EVENT_RAISE(p->m->events, mta_event(EV_TURN_LATE), {"peer", p->name}, {"association", l->id},
                    {"seconds", seconds});
    if (l->in == NULL && l->outgoing)
        link_close(l); // perhaps each side believes that it is the other's: a new one begins with ours
    peer_pump(p);
}

void on_turn_please(void *ctx, uint32_t priority) {
    struct link *l = ctx;
    if (l->closing) { // it crossed our release
        l->peer->owed |= l->outgoing;
        return;
    }
    if (priority > TURN_NON_URGENT) // beyond what is known: the least
        priority = TURN_NON_URGENT;
    if (priority < l->wanted)
        l->wanted = priority;
    peer_pump(l->peer);
}

void on_turn_give(void *ctx) {
    struct link *l = ctx;
    l->asked = l->wanted = TURN_NOTHING;
    l->before = 0;
    l->late = l->theirs = false;
    l->used_ms = loop_now_ms(l->m->loop);
    loop_timer_at(l->patience, 0);
    peer_pump(l->peer);
}
