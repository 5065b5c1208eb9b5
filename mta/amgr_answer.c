// SPDX-License-Identifier: BSD-2-Clause
// Answering: who may bind, and the binds whose answer waits. Listening is the stacks' (amgr_stacks.c).
#include <stdio.h>
#include <string.h>

#include "assoc/identify.h"
#include "assoc/trace.h"
#include "base/mem.h"
#include "mta/amgr_back.h"
#include "mta/amgr_room.h"
#include "mta/amgr_stacks.h"
#include "mta/resume_in.h"

enum { RECOVERIES_MAX = 10 };

// ---- answers ----

static void note_call(struct amgr_stack *n, const struct assoc_bind *b, const char *peer, const char *result) {
    char remote[NET_ADDRESS_TEXT], local[NET_ADDRESS_TEXT];
    assoc_stack_note_call(n->stack, true, peer, net_address_text(b->remote, remote), net_address_text(b->local, local),
                          result);
}

// As the events of the system that operators know had it.
static const char *address_hex(const struct net_address *a, char out[33]) {
    bool v4 = a->sa.sa_family == AF_INET;
    const uint8_t *octets = v4 ? (const uint8_t *)&a->v4.sin_addr : a->v6.sin6_addr.s6_addr;
    for (size_t k = 0; k < (v4 ? 4 : 16); k++)
        snprintf(out + 2 * k, 3, "%02X", octets[k]);
    return out;
}

static void refuse_unknown(struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b,
                           const struct assoc_identity *id) {
    char remote[NET_ADDRESS_TEXT], name[P1_UB_MTA_NAME + 1], hex[33];
    net_address_host_text(b->remote, remote); // without the port, which differs each time: a repetition is seen as one
    snprintf(name, sizeof name, "%.*s", (int)b->info->name.n, (const char *)b->info->name.p);
    bool by_name = id->verdict == ASSOC_UNKNOWN_NAME || id->verdict == ASSOC_WRONG_PASSWORD;
    const char *given = name[0] == 0 ? NULL : name;
    if (by_name || id->verdict == ASSOC_WRONG_SELECTORS)
        EVENT_RAISE(n->m->events, mta_event(EV_UNKNOWN_MTA), {"name", given}, {"remote", remote},
                    {"stack", b->stack->name}, {"what", id->explanation});
    EVENT_RAISE(n->m->events, mta_event(EV_NO_PEER_MATCHES), {"name", given}, {"remote", remote},
                {"hex", address_hex(b->remote, hex)}, {"stack", b->stack->name}, {"what", id->explanation});
    note_call(n, b, name, by_name ? "refused: name or password" : "refused: no peer matches");
    assoc_refuse(as, BIND_AUTHENTICATION_ERROR);
}

void bind_refuse_busy(struct peer *p, struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b) {
    char remote[NET_ADDRESS_TEXT], limit[12];
    net_address_host_text(b->remote, remote);
    snprintf(limit, sizeof limit, "%u", p->conf->associations_max);
    if (!p->disabled && !p->m->stopping)
        EVENT_RAISE(p->m->events, mta_event(EV_ASSOCIATION_LIMIT), {"peer", p->name}, {"limit", limit},
                    {"remote", remote}, {"stack", b->stack->name});
    note_call(n, b, p->name, p->disabled ? "refused: the peer is disabled" : "refused: busy");
    assoc_refuse(as, BIND_BUSY);
}

void bind_refuse_back(struct peer *p, struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b) {
    note_call(n, b, p->name, "refused: no bind-back");
    assoc_refuse(as, BIND_BUSY);
}

// Said explicitly, a monologue is the only dialogue.
static bool dialogue_fits(struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b,
                          const struct conf_peer *peer) {
    if (b->dialogue == RTSE_MONOLOGUE || peer->dialogue != CONF_MONOLOGUE)
        return true;
    char remote[NET_ADDRESS_TEXT], what[160];
    net_address_host_text(b->remote, remote);
    snprintf(what, sizeof what, "peer %s wants the two-way alternate dialogue, but its block says `dialogue monologue`",
             peer->name);
    EVENT_RAISE(n->m->events, mta_event(EV_CALLER_FAILED), {"stack", b->stack->name}, {"remote", remote},
                {"step", assoc_step_text(ASSOC_BIND)}, {"what", what});
    note_call(n, b, peer->name, "refused: dialogue");
    assoc_refuse(as, BIND_UNACCEPTABLE_DIALOGUE_MODE);
    return false;
}

void bind_take(struct peer *p, struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b) {
    struct link *l = link_new(p, false);
    if (l == NULL) {
        EVENT_RAISE(p->m->events, mta_event(EV_RESOURCE_LIMIT), {"peer", p->name}, {"what", "memory is short"});
        assoc_refuse(as, BIND_BUSY);
        return;
    }
    room_ask(p); // those before may be another node's
    note_call(n, b, p->name, "accepted");
    l->assoc = as;
    l->apart = back_apart(p, b);
    p->n_apart += l->apart;
    l->held_by_listener = held_conf_ref(n->held);
    if (assoc_accept(as, p->conf, &amgr_link_user, l) != ERR_OK)
        return;
    link_up(l);
    if (p->retrying && p->failed_opens > 0 && hop_ready(p->hop) > 0) { // the peer is there again
        p->failed_opens--;
        p->retrying = false;
        loop_timer_at(p->retry, 0);
    }
    peer_pump(p); // what waits may go over this association, if it is two-way alternate
}

// ---- answers that wait ----

bool bind_hold(struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b, struct peer *p, held_gone *gone) {
    struct held_bind *h = mem_calloc(1, sizeof *h);
    if (h == NULL)
        return false;
    *h = (struct held_bind){.n = n, .peer = p, .as = as, .bind = *b, .came_ms = loop_now_ms(n->m->loop), .gone = gone};
    TAILQ_INSERT_TAIL(&n->m->amgr->held_binds, h, link);
    return true;
}

void bind_release(struct held_bind *h, bind_answer *answer) {
    struct held_bind was = *h;
    TAILQ_REMOVE(&h->n->m->amgr->held_binds, h, link);
    mem_free(h);
    answer(was.peer, was.n, was.as, &was.bind);
}

struct held_bind *bind_first_held(const struct amgr *a, const struct peer *p, held_gone *gone) {
    struct held_bind *h;
    TAILQ_FOREACH(h, &a->held_binds, link) {
        if (h->peer == p && h->gone == gone)
            break;
    }
    return h;
}

unsigned bind_held(const struct amgr *a, const struct peer *p, held_gone *gone) {
    unsigned n = 0;
    const struct held_bind *h;
    TAILQ_FOREACH(h, &a->held_binds, link)
        n += h->peer == p && h->gone == gone;
    return n;
}

// The caller of a bind whose answer waits went away.
static void held_bind_gone(struct amgr *a, const struct assoc *as) {
    struct held_bind *h;
    TAILQ_FOREACH(h, &a->held_binds, link) {
        if (h->as == as)
            break;
    }
    if (h == NULL)
        return;
    TAILQ_REMOVE(&a->held_binds, h, link);
    h->gone(h);
    mem_free(h);
}

// ---- who is it? ----

// The names of `accept from` that decide are being resolved for the first time.
static void on_undecided_gone(struct held_bind *h) {
    (void)h;
}

static void bind_decide(struct peer *none, struct amgr_stack *n, struct assoc *as, const struct assoc_bind *b) {
    (void)none;
    struct assoc_identity id;
    if (b->info == NULL) {
        amgr_on_recover(n, as, b, b->recover);
        return;
    }
    assoc_identify(n->m->conf, n->m->accept, b, &id);
    if (id.verdict == ASSOC_PENDING && bind_hold(n, as, b, NULL, on_undecided_gone))
        return;
    assoc_watch_peer(as, id.peer);
    struct peer *p = id.verdict == ASSOC_KNOWN ? amgr_peer(n->m->amgr, id.peer->name) : NULL;
    if (p == NULL) {
        refuse_unknown(n, as, b, &id);
        return;
    }
    if (!dialogue_fits(n, as, b, p->conf))
        return;
    if (p->disabled || p->m->stopping)
        bind_refuse_busy(p, n, as, b);
    else if (back_apart(p, b))
        bind_take(p, n, as, b);
    else if (back_counted(p) < p->conf->associations_max)
        back_bind(p, n, as, b);
    else if (!room_wait(p, n, as, b))
        bind_refuse_busy(p, n, as, b);
}

// Once around: who still waits is behind the others then.
static void decide_held(struct amgr *a) {
    for (unsigned n = bind_held(a, NULL, on_undecided_gone); n > 0; n--) {
        struct held_bind *h = bind_first_held(a, NULL, on_undecided_gone);
        if (h != NULL)
            bind_release(h, bind_decide);
    }
}

static void on_name_found(void *arg) {
    struct amgr *a = arg;
    struct peer *p;
    decide_held(a);
    LIST_FOREACH(p, &a->peers, link)
        back_names(p);
}

// The names of the configuration in force.
void amgr_take_names(struct amgr *a) {
    assoc_accept_free(a->m->accept);
    a->m->accept = assoc_accept_new(a->m->env.resolver, a->m->conf, on_name_found, a);
    if (a->m->accept == NULL)
        EVENT_RAISE(a->m->events, mta_event(EV_RESOURCE_LIMIT),
                    {"what", "memory is short: no caller is let in by a name in `accept from`"});
    decide_held(a);
}

// ---- what the listeners tell ----

void amgr_on_bind(void *ctx, struct assoc *as, const struct assoc_bind *b) {
    bind_decide(NULL, ctx, as, b);
}

// Instead of a bind: the caller is who it was when the association that it recovers was made.
void amgr_on_recover(void *ctx, struct assoc *as, const struct assoc_bind *b, const struct rtse_session_id *session) {
    struct amgr_stack *n = ctx;
    struct mta *m = n->m;
    char remote[NET_ADDRESS_TEXT], why[200];
    net_address_host_text(b->remote, remote);
    bool pending;
    struct peer *p = resume_in_whose(m->resume_in, session, b->remote, &pending, why);
    if (p == NULL && pending && bind_hold(n, as, b, NULL, on_undecided_gone))
        return;
    if (p == NULL || p->conf == NULL) {
        EVENT_RAISE(m->events, mta_event(EV_RECOVERY_REFUSED), {"remote", remote}, {"stack", b->stack->name},
                    {"what", why});
        note_call(n, b, "", "refused: nothing to recover");
        assoc_refuse_recover(as, RTSE_REFUSE_CANNOT_RECOVER);
        return;
    }
    assoc_watch_peer(as, p->conf);
    bool busy = p->disabled || m->stopping || p->n_in >= p->conf->associations_max + RECOVERIES_MAX;
    struct link *l = busy ? NULL : link_new(p, false);
    if (l == NULL) {
        note_call(n, b, p->name, p->disabled ? "refused: the peer is disabled" : "refused: busy");
        assoc_refuse_recover(as, RTSE_REFUSE_BUSY);
        return;
    }
    room_ask(p); // with the one that was lost there may be others
    note_call(n, b, p->name, "accepted: recovery");
    l->assoc = as;
    l->recovered = true;
    l->held_by_listener = held_conf_ref(n->held);
    if (assoc_accept(as, p->conf, &amgr_link_user, l) == ERR_OK)
        link_up(l);
}

void amgr_on_caller_failed(void *ctx, struct assoc *as, const struct assoc_failure *f) {
    struct amgr_stack *n = ctx;
    if (as != NULL)
        held_bind_gone(n->m->amgr, as);
    char result[40];
    snprintf(result, sizeof result, "failed at %s", assoc_step_text(f->step));
    assoc_stack_note_call(n->stack, true, "", f->remote, f->local, result);
    char host[NET_ADDRESS_TEXT];
    snprintf(host, sizeof host, "%s", f->remote);
    char *port = strrchr(host, ':');
    if (port != NULL)
        *port = 0; // it differs each time: a repetition is seen as one
    char what[ASSOC_TEXT + ASSOC_CAUSE + 2];
    snprintf(what, sizeof what, "%s%s%s", f->text, f->configured[0] != 0 ? ": " : "", f->configured);
    EVENT_RAISE(n->m->events, mta_event(EV_CALLER_FAILED), {"stack", n->conf->name}, {"remote", host},
                {"step", assoc_step_text(f->step)}, {"what", what});
}

void amgr_on_accept_failed(void *ctx, const char *text) {
    struct amgr_stack *n = ctx;
    EVENT_RAISE(n->m->events, mta_event(EV_ACCEPT_ERROR), {"stack", n->conf->name}, {"what", text});
}
