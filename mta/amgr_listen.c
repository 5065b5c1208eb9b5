// SPDX-License-Identifier: BSD-2-Clause
// The answering half: listeners, and who may bind.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assoc/identify.h"
#include "assoc/trace.h"
#include "base/mem.h"
#include "conf/print.h"
#include "mta/amgr_call.h"
#include "mta/amgr_room.h"
#include "mta/resume_in.h"
#include "mta/resume_out.h"
#include "mta/transfer.h"

enum { LISTEN_RETRY_MS = 30000, RECOVERIES_MAX = 10 };

static void listen_now(struct listening *n);
static void on_recover(void *ctx, struct assoc *as, const struct assoc_bind *b, const struct rtse_session_id *session);

// ---- answering ----

static void note_call(struct listening *n, const struct net_address *remote, const char *result) {
    n->last_call_utc = clock_utc_ms();
    net_address_text(remote, n->last_caller);
    snprintf(n->last_result, sizeof n->last_result, "%s", result);
}

// As the events of the system that operators know had it.
static const char *address_hex(const struct net_address *a, char out[33]) {
    bool v4 = a->sa.sa_family == AF_INET;
    const uint8_t *octets = v4 ? (const uint8_t *)&a->v4.sin_addr : a->v6.sin6_addr.s6_addr;
    for (size_t k = 0; k < (v4 ? 4 : 16); k++)
        snprintf(out + 2 * k, 3, "%02X", octets[k]);
    return out;
}

static void refuse_unknown(struct listening *n, struct assoc *as, const struct assoc_bind *b,
                           const struct assoc_identity *id) {
    char remote[NET_ADDRESS_TEXT], name[P1_UB_MTA_NAME + 1], hex[33];
    net_address_host_text(b->remote, remote); // without the port, which differs each time: a repetition is seen as one
    snprintf(name, sizeof name, "%.*s", (int)b->info->name.n, (const char *)b->info->name.p);
    bool by_name = id->verdict == ASSOC_UNKNOWN_NAME || id->verdict == ASSOC_WRONG_PASSWORD;
    if (by_name)
        EVENT_RAISE(n->a->m->events, mta_event(EV_UNKNOWN_MTA), {"name", name}, {"remote", remote},
                    {"stack", b->stack->name}, {"what", id->explanation});
    EVENT_RAISE(n->a->m->events, mta_event(EV_NO_PEER_MATCHES), {"name", name[0] == 0 ? NULL : name},
                {"remote", remote}, {"hex", address_hex(b->remote, hex)}, {"stack", b->stack->name},
                {"what", id->explanation});
    note_call(n, b->remote, by_name ? "refused: name or password" : "refused: no peer matches");
    assoc_refuse(as, BIND_AUTHENTICATION_ERROR);
}

void bind_refuse_busy(struct peer *p, struct listening *n, struct assoc *as, const struct assoc_bind *b) {
    char remote[NET_ADDRESS_TEXT], limit[12];
    net_address_host_text(b->remote, remote);
    snprintf(limit, sizeof limit, "%u", p->conf->associations_max);
    if (!p->disabled && !p->m->stopping)
        EVENT_RAISE(p->m->events, mta_event(EV_ASSOCIATION_LIMIT), {"peer", p->name}, {"limit", limit},
                    {"remote", remote}, {"stack", b->stack->name});
    note_call(n, b->remote, p->disabled ? "refused: the peer is disabled" : "refused: busy");
    assoc_refuse(as, BIND_BUSY);
}

// Said explicitly, a monologue is the only dialogue.
static bool dialogue_fits(struct listening *n, struct assoc *as, const struct assoc_bind *b,
                          const struct conf_peer *peer) {
    if (b->dialogue == RTSE_MONOLOGUE || peer->dialogue != CONF_MONOLOGUE)
        return true;
    char remote[NET_ADDRESS_TEXT], what[160];
    net_address_host_text(b->remote, remote);
    snprintf(what, sizeof what, "peer %s wants the two-way alternate dialogue, but its block says `dialogue monologue`",
             peer->name);
    EVENT_RAISE(n->a->m->events, mta_event(EV_CALLER_FAILED), {"stack", b->stack->name}, {"remote", remote},
                {"step", assoc_step_text(ASSOC_BIND)}, {"what", what});
    note_call(n, b->remote, "refused: dialogue");
    assoc_refuse(as, BIND_UNACCEPTABLE_DIALOGUE_MODE);
    return false;
}

void bind_take(struct peer *p, struct listening *n, struct assoc *as, const struct assoc_bind *b) {
    struct link *l = link_new(p, false);
    if (l == NULL) {
        EVENT_RAISE(p->m->events, mta_event(EV_RESOURCE_LIMIT), {"peer", p->name}, {"what", "memory is short"});
        assoc_refuse(as, BIND_BUSY);
        return;
    }
    note_call(n, b->remote, "accepted");
    l->assoc = as;
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

bool bind_hold(struct listening *n, struct assoc *as, const struct assoc_bind *b, struct peer *p,
               void (*gone)(struct held_bind *h)) {
    struct held_bind *h = mem_calloc(1, sizeof *h);
    if (h == NULL)
        return false;
    *h = (struct held_bind){.n = n, .peer = p, .as = as, .bind = *b, .gone = gone};
    TAILQ_INSERT_TAIL(&n->a->held_binds, h, link);
    return true;
}

void bind_release(struct held_bind *h, bind_answer *answer) {
    struct held_bind was = *h;
    TAILQ_REMOVE(&h->n->a->held_binds, h, link);
    mem_free(h);
    answer(was.peer, was.n, was.as, &was.bind);
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

// The names of `accept from` that decide are being resolved for the first time.
static void on_undecided_gone(struct held_bind *h) {
    (void)h;
}

static void bind_decide(struct peer *none, struct listening *n, struct assoc *as, const struct assoc_bind *b) {
    (void)none;
    struct assoc_identity id;
    if (b->info == NULL) {
        on_recover(n, as, b, b->recover);
        return;
    }
    assoc_identify(n->a->m->conf, n->a->m->accept, b, &id);
    if (id.verdict == ASSOC_PENDING && bind_hold(n, as, b, NULL, on_undecided_gone))
        return;
    assoc_watch_peer(as, id.peer);
    struct peer *p = id.verdict == ASSOC_KNOWN ? amgr_peer(n->a, id.peer->name) : NULL;
    if (p == NULL) {
        refuse_unknown(n, as, b, &id);
        return;
    }
    if (!dialogue_fits(n, as, b, p->conf))
        return;
    if (p->disabled || p->m->stopping)
        bind_refuse_busy(p, n, as, b);
    else if (p->n_in < p->conf->associations_max)
        bind_take(p, n, as, b);
    else if (!room_wait(p, n, as, b))
        bind_refuse_busy(p, n, as, b);
}

static void on_bind(void *ctx, struct assoc *as, const struct assoc_bind *b) {
    bind_decide(NULL, ctx, as, b);
}

// Once around: who still waits is behind the others then.
static void decide_held(struct amgr *a) {
    size_t n = 0;
    struct held_bind *h;
    TAILQ_FOREACH(h, &a->held_binds, link)
    n += h->gone == on_undecided_gone;
    for (; n > 0; n--) {
        TAILQ_FOREACH(h, &a->held_binds, link) {
            if (h->gone == on_undecided_gone)
                break;
        }
        if (h != NULL)
            bind_release(h, bind_decide);
    }
}

static void on_name_found(void *arg) {
    decide_held(arg);
}

// The names of the configuration in force.
static void take_names(struct amgr *a) {
    assoc_accept_free(a->m->accept);
    a->m->accept = assoc_accept_new(a->m->env.resolver, a->m->conf, on_name_found, a);
    if (a->m->accept == NULL)
        EVENT_RAISE(a->m->events, mta_event(EV_RESOURCE_LIMIT),
                    {"what", "memory is short: no caller is let in by a name in `accept from`"});
    decide_held(a);
}

// Instead of a bind: the caller is who it was when the association that it recovers was made.
static void on_recover(void *ctx, struct assoc *as, const struct assoc_bind *b, const struct rtse_session_id *session) {
    struct listening *n = ctx;
    struct mta *m = n->a->m;
    char remote[NET_ADDRESS_TEXT], why[200];
    net_address_host_text(b->remote, remote);
    bool pending;
    struct peer *p = resume_in_whose(m->resume_in, session, b->remote, &pending, why);
    if (p == NULL && pending && bind_hold(n, as, b, NULL, on_undecided_gone))
        return;
    if (p == NULL || p->conf == NULL) {
        EVENT_RAISE(m->events, mta_event(EV_RECOVERY_REFUSED), {"remote", remote}, {"stack", b->stack->name},
                    {"what", why});
        note_call(n, b->remote, "refused: nothing to recover");
        assoc_refuse_recover(as, RTSE_REFUSE_CANNOT_RECOVER);
        return;
    }
    assoc_watch_peer(as, p->conf);
    bool busy = p->disabled || m->stopping || p->n_in >= p->conf->associations_max + RECOVERIES_MAX;
    struct link *l = busy ? NULL : link_new(p, false);
    if (l == NULL) {
        note_call(n, b->remote, p->disabled ? "refused: the peer is disabled" : "refused: busy");
        assoc_refuse_recover(as, RTSE_REFUSE_BUSY);
        return;
    }
    note_call(n, b->remote, "accepted: recovery");
    l->assoc = as;
    l->recovered = true;
    l->held_by_listener = held_conf_ref(n->held);
    if (assoc_accept(as, p->conf, &amgr_link_user, l) == ERR_OK)
        link_up(l);
}

static void on_caller_failed(void *ctx, struct assoc *as, const struct assoc_failure *f) {
    struct listening *n = ctx;
    if (as != NULL)
        held_bind_gone(n->a, as);
    n->last_call_utc = clock_utc_ms();
    snprintf(n->last_caller, sizeof n->last_caller, "%s", f->remote);
    snprintf(n->last_result, sizeof n->last_result, "failed at %s", assoc_step_text(f->step));
    char host[NET_ADDRESS_TEXT];
    snprintf(host, sizeof host, "%s", f->remote);
    char *port = strrchr(host, ':');
    if (port != NULL)
        *port = 0; // it differs each time: a repetition is seen as one
    char what[ASSOC_TEXT + ASSOC_CAUSE + 2];
    snprintf(what, sizeof what, "%s%s%s", f->text, f->configured[0] != 0 ? ": " : "", f->configured);
    EVENT_RAISE(n->a->m->events, mta_event(EV_CALLER_FAILED), {"stack", n->conf->name}, {"remote", host},
                {"step", assoc_step_text(f->step)}, {"what", what});
}

static void on_accept_failed(void *ctx, const char *text) {
    struct listening *n = ctx;
    EVENT_RAISE(n->a->m->events, mta_event(EV_ACCEPT_ERROR), {"stack", n->conf->name}, {"what", text});
}

// ---- listening ----

static void listen_failed(struct listening *n) {
    char seconds[12], address[300];
    snprintf(seconds, sizeof seconds, "%d", LISTEN_RETRY_MS / 1000);
    snprintf(address, sizeof address, "%s port %u", n->conf->listen.host, n->conf->listen.port);
    if (n->conf->listen.port < 1024 && strstr(n->error, strerror(EACCES)) != NULL)
        snprintf(n->error + strlen(n->error), sizeof n->error - strlen(n->error),
                 " (a port below 1024 needs root or CAP_NET_BIND_SERVICE)");
    EVENT_RAISE(n->a->m->events, mta_event(EV_LISTEN_FAILED), {"stack", n->conf->name}, {"address", address},
                {"what", n->error}, {"seconds", seconds});
    loop_timer_in(n->retry, LISTEN_RETRY_MS);
}

static void listening_up(struct listening *n) {
    n->error[0] = 0;
    n->since_utc = clock_utc_ms();
    EVENT_RAISE(n->a->m->events, mta_event(EV_LISTENING), {"stack", n->conf->name},
                {"address", assoc_listener_address(n->listener)});
}

static void on_ready(void *ctx, const char *error) {
    struct listening *n = ctx;
    if (error == NULL) {
        listening_up(n);
        return;
    }
    snprintf(n->error, sizeof n->error, "%s", error);
    assoc_listener_free(n->listener);
    n->listener = NULL;
    listen_failed(n);
}

static void on_listen_retry(void *arg) {
    listen_now(arg);
}

static void listen_now(struct listening *n) {
    static const struct assoc_listener_user user = {on_bind, on_caller_failed, on_accept_failed, on_recover};
    struct assoc_listener_options options = {.max_unbound = n->conf->callers_max,
                                             .max_unbound_per_address = n->conf->callers_per_address,
                                             .open_timeout_ms = n->conf->bind_within_ms};
    n->listener = assoc_listen(&n->a->m->env, n->conf, &options, &user, n, on_ready, n->error);
    if (n->listener == NULL)
        listen_failed(n);
    else if (assoc_listener_address(n->listener)[0] != 0)
        listening_up(n);
}

static void listening_free(struct listening *n) {
    LIST_REMOVE(n, link);
    assoc_listener_free(n->listener);
    loop_timer_free(n->retry);
    held_conf_unref(n->held);
    mem_free(n);
}

static void listening_new(struct amgr *a, const struct conf_stack *c) {
    struct listening *n = mem_calloc(1, sizeof *n);
    if (n == NULL || (n->retry = loop_timer_new(a->m->loop, on_listen_retry, n)) == NULL) {
        mem_free(n);
        return;
    }
    n->a = a;
    n->conf = c;
    n->held = held_conf_ref(a->m->held);
    LIST_INSERT_HEAD(&a->listenings, n, link);
    listen_now(n);
}

// Listeners whose stack is the same go on, with the configuration that they were made from.
static void take_stacks(struct amgr *a) {
    for (struct listening *n = LIST_FIRST(&a->listenings), *next; n != NULL; n = next) {
        next = LIST_NEXT(n, link);
        const struct conf_stack *now = conf_stack_find(a->m->conf, n->conf->name);
        if (now == NULL || !conf_stack_equal(now, n->conf))
            listening_free(n);
    }
    for (size_t k = a->m->conf->n_stacks; k-- > 0;) {
        const struct conf_stack *c = &a->m->conf->stacks[k];
        struct listening *n;
        LIST_FOREACH(n, &a->listenings, link) {
            if (strcmp(n->conf->name, c->name) == 0)
                break;
        }
        if (n == NULL && c->listen.host != NULL)
            listening_new(a, c);
    }
}

void amgr_stacks(struct amgr *a, void (*cb)(void *arg, const struct stack_status *s), void *arg) {
    for (size_t k = 0; k < a->m->conf->n_stacks; k++) {
        const struct conf_stack *c = &a->m->conf->stacks[k];
        struct stack_status s = {.name = c->name, .conf = c, .address = "", .error = "", .last_result = ""};
        struct listening *n;
        LIST_FOREACH(n, &a->listenings, link) {
            if (strcmp(n->conf->name, c->name) != 0)
                continue;
            s.address = n->listener == NULL ? "" : assoc_listener_address(n->listener);
            s.error = n->error;
            s.since_utc = n->since_utc;
            s.last_call_utc = n->last_call_utc;
            s.last_result = n->last_result;
            memcpy(s.last_caller, n->last_caller, sizeof s.last_caller);
        }
        cb(arg, &s);
    }
}

// ---- life ----

static void on_patience(void *arg) {
    struct amgr *a = arg;
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link)
    peer_abort(p);
}

struct amgr *amgr_new(struct mta *m) {
    struct amgr *a = mem_calloc(1, sizeof *a);
    if (a == NULL || (a->patience = loop_timer_new(m->loop, on_patience, a)) == NULL) {
        mem_free(a);
        return NULL;
    }
    a->m = m;
    LIST_INIT(&a->peers);
    LIST_INIT(&a->listenings);
    TAILQ_INIT(&a->held_binds);
    return a;
}

void amgr_start(struct amgr *a) {
    a->started = true;
    amgr_take_peers(a);
    take_names(a);
    take_stacks(a);
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link)
    peer_pump(p);
}

void amgr_reload(struct amgr *a) {
    if (!a->started)
        return;
    take_stacks(a);
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link) {
        room_end(p); // who waits was known by the configuration before
        const struct conf_peer *now = conf_peer_find(a->m->conf, p->name);
        if (now == NULL || p->conf == NULL || !conf_peer_equal(now, p->conf)) {
            peer_disconnect(p); // its associations were made with what is no longer so
            peer_forget_path(p);
            p->retrying = false;
            loop_timer_at(p->retry, 0);
        }
    }
    amgr_take_peers(a);
    take_names(a);
    LIST_FOREACH(p, &a->peers, link)
    peer_pump(p);
    resume_out_pump(a->m->resume_out);
}

void amgr_check_stopped(struct amgr *a) {
    if (a->stopped == NULL)
        return;
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link) {
        if (!LIST_EMPTY(&p->links))
            return;
    }
    void (*stopped)(void *arg) = a->stopped;
    a->stopped = NULL;
    stopped(a->stopped_arg);
}

void amgr_stop(struct amgr *a, uint64_t patience_ms, void (*done)(void *arg), void *arg) {
    while (!LIST_EMPTY(&a->listenings))
        listening_free(LIST_FIRST(&a->listenings));
    struct peer *p;
    LIST_FOREACH(p, &a->peers, link) {
        loop_timer_at(p->retry, 0);
        room_end(p);
        peer_disconnect(p);
    }
    a->stopped = done;
    a->stopped_arg = arg;
    loop_timer_in(a->patience, patience_ms);
    amgr_check_stopped(a);
}

void amgr_end(struct amgr *a) {
    if (a == NULL)
        return;
    a->started = false;
    a->stopped = NULL;
    loop_timer_at(a->patience, 0);
    while (!LIST_EMPTY(&a->listenings)) // and with them the binds whose answer waits
        listening_free(LIST_FIRST(&a->listenings));
    for (struct peer *p; (p = LIST_FIRST(&a->peers)) != NULL;) {
        room_end(p);
        LIST_REMOVE(p, link);
        p->hop->wake = NULL; // commits that end later add to the queue
        while (!LIST_EMPTY(&p->links))
            link_drop(LIST_FIRST(&p->links));
        loop_timer_free(p->retry);
        mem_free(p->name);
        mem_free(p);
    }
    assoc_accept_free(a->m->accept);
    a->m->accept = NULL;
}

void amgr_free(struct amgr *a) {
    if (a == NULL)
        return;
    amgr_end(a);
    loop_timer_free(a->patience);
    mem_free(a);
}
