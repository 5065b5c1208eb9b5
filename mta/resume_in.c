// SPDX-License-Identifier: BSD-2-Clause
// Interrupted transfers from peers: a parked one is the transfer itself, waiting without an association, or after a
// restart what its row says, from which the transfer is made when its sender comes. Octets that came behind the last
// confirmed point are not thrown away: the splitter stands behind them, and they are skipped when they come again.
// Peers are limited to PARKED_MAX of them, the oldest gives way; complete activities to DONE_MAX.
#include <stdio.h>

#include "base/mem.h"
#include "mta/resume_in_internal.h"

enum { PARKED_MAX = 10, DONE_MAX = 1000, TICK_MS = 1000, HELD_MAX = 64 << 20 };

static void tick_soon(struct resume_in *r) {
    if (!r->ticking)
        loop_timer_in(r->timer, TICK_MS);
    r->ticking = true;
}

static const struct conf_peer *conf_of(const struct resume_in *r, const char *peer) {
    return conf_peer_find(r->m->conf, peer);
}

static uint64_t recovery_of(const struct resume_in *r, const char *peer) {
    const struct conf_peer *c = conf_of(r, peer);
    return c == NULL ? 0 : c->recovery_ms;
}

size_t resume_in_busy(const struct resume_in *r) {
    return r->n_storing;
}

static void parked_free(struct resume_in *r, struct parked *p) {
    TAILQ_REMOVE(&r->parked, p, link);
    if (p->transfer != NULL)
        p->transfer->parked = NULL;
    buf_free(&p->detail);
    buf_free(&p->row);
    mem_free(p->peer);
    mem_free(p);
}

static void tell_dropped(const struct resume_in *r, const struct parked *p, const char *why) {
    EVENT_RAISE(r->m->events, mta_event(EV_NOT_RESUMED), {"peer", p->peer}, {"transfer", "a transfer from it"},
                {"what", why});
}

// With what is kept of it.
static void drop(struct resume_in *r, struct parked *p, const char *why) {
    struct transfer_in *t = p->transfer;
    if (why != NULL)
        tell_dropped(r, p, why);
    if (t == NULL && !r->closing) {
        resume_in_row_remove(r, p->peer, &p->row);
        content_delete_half(r->m->files, p->file);
    }
    parked_free(r, p);
    if (t != NULL)
        transfer_in_free(t);
}

// ---- identifiers that are not unique ----
//
// Old stacks name a session connection by their host and the time in seconds, and count activities from 1 in each, or
// not at all: two associations called in one second have activities of the same name. To tell the sender of one that
// it is complete because the other is would lose it, and to go on with one where the other ended would mix them. So
// none of them can be resumed, as long as the name may be asked for; their senders begin anew.

static void done_free(struct resume_in *r, struct done *d) {
    TAILQ_REMOVE(&r->done, d, link);
    r->n_done--;
    buf_free(&d->key);
    mem_free(d->peer);
    mem_free(d);
}

static struct done *done_add(struct resume_in *r, const char *peer, const char *host, struct bytes key, int64_t since) {
    struct done *d = r->closing ? NULL : mem_calloc(1, sizeof *d);
    if (d == NULL || (d->peer = mem_strdup(peer)) == NULL || buf_append(&d->key, key.p, key.n) != ERR_OK) {
        if (d != NULL)
            mem_free(d->peer);
        mem_free(d); // its sender, should it ask, begins anew, and is told of a duplicate
        return NULL;
    }
    snprintf(d->host, sizeof d->host, "%s", host);
    d->since = since;
    TAILQ_INSERT_TAIL(&r->done, d, link);
    if (++r->n_done > DONE_MAX)
        done_free(r, TAILQ_FIRST(&r->done));
    tick_soon(r);
    return d;
}

static struct done *done_find(const struct resume_in *r, const char *peer, struct bytes key) {
    struct done *d;
    TAILQ_FOREACH(d, &r->done, link) {
        if (strcmp(d->peer, peer) == 0 && bytes_equal(buf_bytes(&d->key), key))
            break;
    }
    return d;
}

static void done_row_remove(struct resume_in *r, const char *peer, struct bytes key) {
    struct spool_batch *b = r->closing ? NULL : spool_batch_new(r->m->spool);
    if (b == NULL)
        return;
    spool_batch_transfer_over(b, SPOOL_TRANSFER_DONE, peer, key);
    spool_commit(b, NULL, NULL);
}

static void mark_twin(struct resume_in *r, struct transfer_in *t) {
    uint32_t waiting = resume_in_give_up(t);
    if (waiting != 0 && t->unconfirmed == 0)
        t->unconfirmed = waiting; // when its writer is heard of next
    t->twin = true;
    resume_in_row_remove(r, t->peer, &t->row);
}

// Other transfers under way, and interrupted ones.
static bool twins_among_transfers(struct resume_in *r, const struct transfer_in *t, const struct rtse_recovery *state) {
    struct rtse_recovery theirs;
    struct link *l;
    bool found = false;
    struct peer *peer = amgr_peer(r->m->amgr, t->peer);
    for (struct parked *p = TAILQ_FIRST(&r->parked), *next; p != NULL; p = next) {
        next = TAILQ_NEXT(p, link);
        if (strcmp(p->peer, t->peer) != 0 || !rtse_same_activity(&p->state, state))
            continue;
        found = true;
        drop(r, p, "another transfer has the same identifiers");
    }
    if (peer != NULL)
        LIST_FOREACH(l, &peer->links, of_peer) {
            if (l->in == NULL || l->in == t || assoc_recovery(l->assoc, &theirs) != ERR_OK ||
                !rtse_same_activity(&theirs, state))
                continue;
            found = true;
            mark_twin(r, l->in);
            buf_free(&l->in->done);
        }
    return found;
}

static void find_twins(struct resume_in *r, struct transfer_in *t, const struct rtse_recovery *state) {
    struct buf key = {0};
    char host[NET_ADDRESS_TEXT];
    if (resume_in_activity_key(&key, state) != ERR_OK) {
        mark_twin(r, t); // memory is short: better none than the wrong one
        buf_free(&key);
        return;
    }
    struct done *d = done_find(r, t->peer, buf_bytes(&key));
    bool again = d != NULL && !d->twin && strcmp(d->association, t->association) == 0; // its sender knows of the end
    if (again)
        done_free(r, d);
    d = again ? NULL : d;
    if (twins_among_transfers(r, t, state) || d != NULL || t->twin) {
        mark_twin(r, t);
        if (d == NULL)
            d = done_add(r, t->peer, resume_in_host(t->remote, host), buf_bytes(&key), clock_utc_ms());
        if (d != NULL) {
            d->twin = true;
            d->since = clock_utc_ms();
        }
        again = true;
    }
    if (again)
        done_row_remove(r, t->peer, buf_bytes(&key));
    buf_free(&key);
}

void resume_in_begun(struct transfer_in *t) {
    struct resume_in *r = t->m->resume_in;
    struct rtse_recovery state;
    if (recovery_of(r, t->peer) > 0 && assoc_recovery(t->link->assoc, &state) == ERR_OK)
        find_twins(r, t, &state);
}

// ---- parking ----

// The oldest of a peer give way, and the oldest of all when the heads that are held are too many octets.
static void make_room(struct resume_in *r, const struct parked *fresh) {
    size_t n = 0, held = 0;
    struct parked *p, *oldest = NULL;
    TAILQ_FOREACH(p, &r->parked, link) {
        if (strcmp(p->peer, fresh->peer) == 0 && n++ == 0)
            oldest = p;
        held += p->detail.len;
        if (p->transfer != NULL && p->transfer->opened != NULL)
            held += p->transfer->opened->arena.used;
    }
    if (n > PARKED_MAX && oldest != fresh)
        drop(r, oldest, "too many transfers of this peer were interrupted");
    else if (held > HELD_MAX && TAILQ_FIRST(&r->parked) != fresh)
        drop(r, TAILQ_FIRST(&r->parked), "too many transfers were interrupted");
}

static struct parked *parked_new(struct resume_in *r, const char *peer) {
    struct parked *p = mem_calloc(1, sizeof *p);
    if (p == NULL || (p->peer = mem_strdup(peer)) == NULL) {
        mem_free(p);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&r->parked, p, link);
    tick_soon(r);
    return p;
}

bool resume_in_park(struct transfer_in *t, const char *why) {
    struct resume_in *r = t->m->resume_in;
    struct rtse_recovery state;
    uint64_t recovery = recovery_of(r, t->peer);
    if (recovery == 0 || assoc_recovery(t->link->assoc, &state) != ERR_OK || state.serial == 0 ||
        state.octets_confirmed > t->fed)
        return false;
    find_twins(r, t, &state);
    if (t->twin)
        return false;
    struct parked *p = parked_new(r, t->peer);
    if (p == NULL)
        return false;
    resume_in_host(t->remote, p->host);
    p->state = state;
    p->since = clock_utc_ms();
    p->transfer = t;
    t->parked = p;
    t->unconfirmed = 0;
    if (t->paused)
        assoc_read_pause(t->link->assoc, false);
    t->paused = false;
    t->link->in = NULL;
    t->link = NULL;
    char octets[24], seconds[24];
    snprintf(octets, sizeof octets, "%llu", (unsigned long long)state.octets_confirmed);
    snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)recovery / 1000);
    EVENT_RAISE(r->m->events, mta_event(EV_INTERRUPTED), {"peer", p->peer}, {"transfer", "a transfer from it"},
                {"octets", octets}, {"seconds", seconds}, {"what", why});
    if (t->row.len == 0 || t->row_fed != t->fed)
        resume_in_keep(t, 0); // and when one is under way, after that
    make_room(r, p);
    return true;
}

void resume_in_leave(struct transfer_in *t) {
    struct resume_in *r = t->m->resume_in;
    resume_in_storing_leave(t);
    if (r == NULL)
        return;
    if (t->parked != NULL)
        parked_free(r, t->parked);
    resume_in_row_remove(r, t->peer, &t->row);
    buf_free(&t->done);
}

// ---- complete ones ----

void resume_in_ended(struct transfer_in *t) {
    struct resume_in *r = t->m->resume_in;
    struct rtse_recovery state;
    if (recovery_of(r, t->peer) == 0 || assoc_recovery(t->link->assoc, &state) != ERR_OK || state.serial == 0)
        return;
    find_twins(r, t, &state);
    if (!t->twin && resume_in_activity_key(&t->done, &state) != ERR_OK)
        buf_free(&t->done);
}

void resume_in_admit(struct transfer_in *t, struct spool_batch *b) {
    char host[NET_ADDRESS_TEXT];
    if (t->row.len > 0)
        spool_batch_transfer_over(b, SPOOL_TRANSFER_IN, t->peer, buf_bytes(&t->row));
    if (t->storing != NULL && t->storing->committing) // its commit comes before this one
        spool_batch_transfer_over(b, SPOOL_TRANSFER_IN, t->peer, buf_bytes(&t->storing->key));
    if (t->done.len > 0)
        spool_batch_transfer(b, &(struct spool_transfer){.kind = SPOOL_TRANSFER_DONE,
                                                         .peer = t->peer,
                                                         .key = buf_bytes(&t->done),
                                                         .detail = bytes_str(resume_in_host(t->remote, host)),
                                                         .file = "",
                                                         .since = clock_utc_ms()});
}

void resume_in_admitted(struct transfer_in *t) {
    char host[NET_ADDRESS_TEXT];
    buf_free(&t->row); // removed with the admission
    struct done *d = t->done.len == 0 ? NULL
                                      : done_add(t->m->resume_in, t->peer, resume_in_host(t->remote, host),
                                                 buf_bytes(&t->done), clock_utc_ms());
    if (d != NULL)
        memcpy(d->association, t->association, sizeof d->association);
}

// ---- a sender that comes back ----

static bool session_matches(struct bytes key, const struct rtse_session_id *session) {
    struct buf b = {0};
    bool same =
        resume_in_session_key(&b, session) == ERR_OK && key.n >= b.len && memcmp(key.p, buf_bytes(&b).p, b.len) == 0;
    buf_free(&b);
    return same;
}

// A lost association may still look alive on this side. NULL: none of that peer.
static struct link *live(const struct peer *of, const struct rtse_session_id *session) {
    struct rtse_recovery state;
    struct link *l;
    LIST_FOREACH(l, &of->links, of_peer) {
        if (l->in != NULL && !l->in->ended && assoc_recovery(l->assoc, &state) == ERR_OK &&
            rtse_same_session(&state.session, session))
            break;
    }
    return l;
}

static void end_live(struct link *l) {
    if (!resume_in_park(l->in, "its sender goes on over another association"))
        return;
    l->closing = true;
    assoc_abort(l->assoc, RTSE_ABORT_TEMPORARY_PROBLEM);
}

// The caller may recover what is kept of that peer; why says when not, and *pending that it may yet.
static bool believed(const struct resume_in *r, const char *peer, const char *host, const struct net_address *remote,
                     bool *pending, char why[200]) {
    char from[NET_ADDRESS_TEXT];
    const struct conf_peer *c = conf_of(r, peer);
    if (c != NULL && strcmp(net_address_host_text(remote, from), host) == 0)
        return true;
    enum assoc_accept_verdict listed = ASSOC_ACCEPT_NO;
    if (c != NULL && conf_peer_restricts(c))
        listed = assoc_accept_check(r->m->accept, c, remote);
    if (listed == ASSOC_ACCEPT_YES)
        return true;
    *pending = *pending || listed == ASSOC_ACCEPT_PENDING;
    snprintf(why, 200, "it was an association of peer %s from %s, and `accept from` does not list this address", peer,
             host);
    return false;
}

// Associations of several peers may have one identifier: the address decides.
struct peer *resume_in_whose(struct resume_in *r, const struct rtse_session_id *session,
                             const struct net_address *remote, bool *pending, char why[200]) {
    char host[NET_ADDRESS_TEXT];
    struct parked *p;
    struct done *d;
    snprintf(why, 200, "nothing is kept of an association with that identifier");
    *pending = false;
    for (struct peer *of = amgr_peers(r->m->amgr); of != NULL; of = LIST_NEXT(of, link)) {
        struct link *l = live(of, session);
        if (l == NULL || !believed(r, of->name, resume_in_host(l->remote, host), remote, pending, why))
            continue;
        end_live(l);
        return of;
    }
    TAILQ_FOREACH(p, &r->parked, link) {
        if (rtse_same_session(&p->state.session, session) && believed(r, p->peer, p->host, remote, pending, why))
            return amgr_peer(r->m->amgr, p->peer);
    }
    TAILQ_FOREACH(d, &r->done, link) {
        if (session_matches(buf_bytes(&d->key), session) && believed(r, d->peer, d->host, remote, pending, why))
            return amgr_peer(r->m->amgr, d->peer);
    }
    return NULL;
}

static bool is_done(const struct resume_in *r, const char *peer, const struct rtse_recovery *old) {
    struct buf key = {0};
    const struct done *d = NULL;
    if (resume_in_activity_key(&key, old) == ERR_OK)
        d = done_find(r, peer, buf_bytes(&key));
    buf_free(&key);
    return d != NULL && !d->twin;
}

static struct transfer_in *attach(struct resume_in *r, struct link *l, struct parked *p) {
    struct transfer_in *fresh = transfer_in_new(l), *t = p->transfer;
    if (fresh == NULL)
        return NULL;
    if (t == NULL) {
        if (resume_in_unpack(fresh, p))
            return fresh;
        transfer_in_free(fresh);
        return NULL;
    }
    memcpy(t->association, fresh->association, sizeof t->association);
    memcpy(t->local, fresh->local, sizeof t->local);
    memcpy(t->remote, fresh->remote, sizeof t->remote);
    transfer_in_free(fresh);
    (void)r;
    t->link = l;
    l->in = t;
    return t;
}

struct transfer_in *resume_in_take(struct link *l, const struct rtse_recovery *old, struct rtse_recovery *state,
                                   bool *completed) {
    struct resume_in *r = l->m->resume_in;
    struct parked *p;
    *completed = is_done(r, l->peer->name, old);
    if (*completed)
        return NULL;
    struct link *before = live(l->peer, &old->session);
    if (before != NULL && before != l)
        end_live(before);
    TAILQ_FOREACH(p, &r->parked, link) {
        if (strcmp(p->peer, l->peer->name) == 0 && rtse_same_activity(&p->state, old))
            break;
    }
    struct transfer_in *t = p == NULL ? NULL : attach(r, l, p);
    if (t == NULL) {
        if (p != NULL)
            drop(r, p, "what was kept of it cannot be read, or memory is short");
        return NULL;
    }
    *state = p->state;
    t->skip = t->fed - state->octets_confirmed;
    parked_free(r, p);
    return t;
}

// ---- life ----

static void on_tick(void *arg) {
    struct resume_in *r = arg;
    int64_t now = clock_utc_ms();
    for (struct parked *p = TAILQ_FIRST(&r->parked), *next; p != NULL; p = next) {
        next = TAILQ_NEXT(p, link);
        if (now - p->since > (int64_t)recovery_of(r, p->peer))
            drop(r, p, "its sender did not come back within the peer's recovery time");
    }
    for (struct done *d = TAILQ_FIRST(&r->done), *next; d != NULL; d = next) {
        next = TAILQ_NEXT(d, link);
        if (now - d->since > (int64_t)recovery_of(r, d->peer))
            done_free(r, d);
    }
    r->ticking = false;
    if (!TAILQ_EMPTY(&r->parked) || !TAILQ_EMPTY(&r->done))
        tick_soon(r);
}

struct resume_in *resume_in_new(struct mta *m) {
    struct resume_in *r = mem_calloc(1, sizeof *r);
    if (r == NULL || (r->timer = loop_timer_new(m->loop, on_tick, r)) == NULL) {
        mem_free(r);
        return NULL;
    }
    r->m = m;
    TAILQ_INIT(&r->parked);
    TAILQ_INIT(&r->done);
    return r;
}

static void load_done(struct resume_in *r, const struct spool_transfer *row) {
    char host[NET_ADDRESS_TEXT];
    snprintf(host, sizeof host, "%.*s", (int)row->detail.n, row->detail.n == 0 ? "" : (const char *)row->detail.p);
    done_add(r, row->peer, host, row->key, row->since);
}

void resume_in_load(struct resume_in *r, const struct spool_transfer *row) {
    if (row->kind == SPOOL_TRANSFER_DONE) {
        load_done(r, row);
        return;
    }
    struct parked *p = parked_new(r, row->peer);
    if (p == NULL)
        return;
    struct cursor c;
    struct bytes fixed, host;
    uint8_t n;
    snprintf(p->file, sizeof p->file, "%s", row->file);
    p->length = row->length;
    p->since = row->since;
    bool good = buf_append(&p->row, row->key.p, row->key.n) == ERR_OK &&
                buf_append(&p->detail, row->detail.p, row->detail.n) == ERR_OK &&
                rtse_recovery_get(row->state, &p->state) == ERR_OK;
    c = cursor_of(row->detail);
    if (good && cursor_take(&c, 9, &fixed) == ERR_OK && cursor_u8(&c, &n) == ERR_OK &&
        cursor_take(&c, n, &host) == ERR_OK) {
        snprintf(p->host, sizeof p->host, "%.*s", (int)host.n, (const char *)host.p);
        make_room(r, p);
        return;
    }
    drop(r, p, "what was kept of it cannot be read");
}

// A half content whose row is in the spool waits for the next run.
static void leave(struct parked *p) {
    struct transfer_in *t = p->transfer;
    if (t != NULL && t->row.len > 0) {
        content_writer_leave(t->writer);
        t->writer = NULL;
        buf_free(&t->row);
    }
}

void resume_in_stop(struct resume_in *r) {
    if (r == NULL)
        return;
    r->closing = true;
    for (struct parked *p; (p = TAILQ_FIRST(&r->parked)) != NULL;) {
        leave(p);
        drop(r, p, NULL);
    }
    while (!TAILQ_EMPTY(&r->done))
        done_free(r, TAILQ_FIRST(&r->done));
}

void resume_in_free(struct resume_in *r) {
    if (r != NULL)
        loop_timer_free(r->timer);
    mem_free(r);
}
