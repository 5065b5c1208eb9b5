// SPDX-License-Identifier: BSD-2-Clause
// One stack: its state, decided from what is known, and its listeners, made to fit.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assoc/stacks_internal.h"
#include "base/err.h"
#include "base/mem.h"

const char *assoc_stack_state_text(enum assoc_stack_state s) {
    static const char *const names[] = {"starting", "active", "standby", "failed"};
    return names[s];
}

// ---- the decision ----

// In this order: the operator's word, then the address, then the hold, then the sockets. A hold comes after the address
// because who waits for the spool of an address that is elsewhere waits for the address.
enum assoc_stack_state assoc_stack_decide(const struct assoc_stack_facts *f, enum assoc_stack_reason *why) {
    *why = f->by_operator                   ? ASSOC_STACK_OPERATOR
           : f->address != ASSOC_STACK_FINE ? f->address
           : f->held                        ? ASSOC_STACK_HELD
           : f->deaf                        ? ASSOC_STACK_DEAF
                                            : ASSOC_STACK_FINE;
    switch (*why) {
    case ASSOC_STACK_FINE: return ASSOC_STACK_ACTIVE;
    case ASSOC_STACK_RESOLVING: return ASSOC_STACK_STARTING;
    case ASSOC_STACK_UNRESOLVED:
    case ASSOC_STACK_DEAF: return ASSOC_STACK_FAILED;
    case ASSOC_STACK_ABSENT:
    case ASSOC_STACK_TENTATIVE:
    case ASSOC_STACK_DUPLICATE: return f->moves ? ASSOC_STACK_STANDBY : ASSOC_STACK_FAILED;
    case ASSOC_STACK_OPERATOR:
    case ASSOC_STACK_HELD: break;
    }
    return ASSOC_STACK_STANDBY;
}

// ---- listeners ----

// The one that must be here: that of a stack that only calls is its source. NULL: none in particular.
static const struct followed *address_of(const struct assoc_stack *s) {
    return s->listen != NULL ? s->listen : s->conf->moves || s->conf->listen.host == NULL ? s->source : NULL;
}

// All addresses on which it should listen now. Where the address moves a wildcard is no more than that address in its
// families: a node's own address would answer the peers, and be taken by them for the cluster's.
static size_t wanted_addresses(const struct assoc_stack *s, struct net_address out[ASSOC_STACK_ADDRESSES]) {
    const struct conf_endpoint *e = &s->conf->listen;
    const struct followed *at = address_of(s);
    size_t n = 0;
    if (at == NULL && !e->any)
        return net_address_parse(&out[0], e->host, e->port) == ERR_OK; // the wildcard of one family
    if (at == NULL) {
        net_address_parse(&out[n++], "0.0.0.0", e->port);
        net_address_parse(&out[n++], "::", e->port);
        return n;
    }
    for (size_t k = 0; k < at->n; k++) {
        const struct net_address *a = &at->addresses[k];
        if (!assoc_stacks_usable(s->all, a) || (e->family != AF_UNSPEC && e->family != a->sa.sa_family))
            continue;
        out[n] = *a;
        net_address_set_port(&out[n++], e->port);
    }
    return n;
}

static bool among(const struct net_address *a, const struct net_address *all, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (net_address_equal(a, &all[k]))
            return true;
    return false;
}

// A machine without the other family is no failure of `any`.
static bool family_missing(const struct assoc_stack *s, const struct net_address *a) {
    if (!s->conf->listen.any)
        return false;
    int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EAFNOSUPPORT;
    close(fd);
    return false;
}

// error: of the first that could not be listened on, else "".
static void listen_on(struct assoc_stack *s, const struct net_address *all, size_t n, char error[ASSOC_TEXT]) {
    struct net_address before[ASSOC_STACK_ADDRESSES];
    size_t n_before = s->n_on;
    char text[ASSOC_TEXT];
    memcpy(before, s->on, n_before * sizeof *before);
    error[0] = 0;
    s->n_on = 0;
    for (size_t k = 0; k < n_before; k++) {
        if (among(&before[k], all, n))
            s->on[s->n_on++] = before[k];
        else
            assoc_listener_close(s->listener, &before[k]);
    }
    for (size_t k = 0; k < n; k++) {
        if (among(&all[k], before, n_before))
            continue;
        if (assoc_listener_open(s->listener, &all[k], text) == ERR_OK)
            s->on[s->n_on++] = all[k];
        else if (error[0] == 0 && !family_missing(s, &all[k]))
            snprintf(error, ASSOC_TEXT, "%s", text);
    }
}

static int make_listener(struct assoc_stack *s) {
    const struct conf_stack *c = s->conf;
    struct assoc_listener_options o = {.max_unbound = c->callers_max,
                                       .max_unbound_per_address = c->callers_per_address,
                                       .open_timeout_ms = c->bind_within_ms};
    if (s->listener == NULL)
        s->listener = assoc_listener_new(s->env, c, &o, &s->user->listener, s->ctx);
    return s->listener == NULL ? ERR_NOMEM : ERR_OK;
}

static void listen_no_more(struct assoc_stack *s) {
    struct assoc_listener *l = s->listener;
    s->listener = NULL; // callers that it drops are told of
    s->n_on = 0;
    assoc_listener_free(l);
}

// Whether it is deaf: it should listen and does not at all.
static bool listeners_fit(struct assoc_stack *s, char error[ASSOC_TEXT]) {
    struct net_address all[ASSOC_STACK_ADDRESSES];
    size_t n = wanted_addresses(s, all);
    if (make_listener(s) != ERR_OK) {
        snprintf(error, ASSOC_TEXT, "memory is short");
        return true;
    }
    listen_on(s, all, n, error);
    return s->n_on == 0;
}

// ---- its status ----

static void say_why(const struct assoc_stack *s, const char *address, const char *error, char out[ASSOC_TEXT]) {
    switch (s->status.reason) {
    case ASSOC_STACK_FINE: out[0] = 0; return;
    case ASSOC_STACK_OPERATOR: snprintf(out, ASSOC_TEXT, "by the operator"); return;
    case ASSOC_STACK_HELD: snprintf(out, ASSOC_TEXT, "%s", s->held_why); return;
    case ASSOC_STACK_DEAF: snprintf(out, ASSOC_TEXT, "%s", error); return;
    default: snprintf(out, ASSOC_TEXT, "%s", address);
    }
}

static void say_sources(struct assoc_stack *s) {
    struct assoc_stack_status *st = &s->status;
    char why[ASSOC_TEXT];
    for (int k = 0; k < 2; k++) {
        struct net_address a;
        bool has;
        char *out = k == 0 ? st->source_v4 : st->source_v6;
        out[0] = 0;
        if (assoc_stack_source(s, NULL, k == 0 ? AF_INET : AF_INET6, NULL, &a, &has, why) == ERR_OK && has)
            net_address_host_text(&a, out);
    }
}

static void say_listening(struct assoc_stack *s) {
    s->status.n_listening = 0;
    for (size_t k = 0; k < s->n_on; k++) {
        const struct net_address *a = assoc_listener_at(s->listener, &s->on[k]);
        if (a != NULL)
            s->status.listening[s->status.n_listening++] = *a;
    }
}

// A listener that failed, and an address that should be here, are tried again by time; a name by the resolver.
static void plan_retry(struct assoc_stack *s, bool again) {
    if (again && s->status.retry_utc_ms == 0) {
        loop_timer_in(s->retry, ASSOC_STACK_RETRY_MS);
        s->status.retry_utc_ms = clock_utc_ms() + ASSOC_STACK_RETRY_MS;
    } else if (!again) {
        loop_timer_at(s->retry, 0);
        s->status.retry_utc_ms = 0;
    }
}

static void status_make(struct assoc_stack *s) {
    struct assoc_stack_status *st = &s->status;
    char address[ASSOC_TEXT] = "", error[ASSOC_TEXT] = "";
    const struct followed *at = address_of(s);
    struct assoc_stack_facts f = {.by_operator = s->by_operator,
                                  .held = s->held,
                                  .moves = s->conf->moves,
                                  .address = at == NULL ? ASSOC_STACK_FINE : followed_here(at, address)};
    enum assoc_stack_state before = st->state;
    if (assoc_stack_decide(&f, &st->reason) != ASSOC_STACK_ACTIVE)
        listen_no_more(s);
    else if (s->options.listen && s->conf->listen.host != NULL)
        f.deaf = listeners_fit(s, error);
    st->state = assoc_stack_decide(&f, &st->reason);
    if (st->state != before || st->since_utc_ms == 0)
        st->since_utc_ms = clock_utc_ms();
    if (st->state == ASSOC_STACK_FAILED && error[0] == 0)
        snprintf(error, sizeof error, "%s", address);
    else if (error[0] == 0 && at != NULL && at->error[0] != 0 && f.address == ASSOC_STACK_FINE)
        snprintf(error, sizeof error, "%s; its addresses of before are used", at->error);
    say_why(s, address, error, st->why);
    snprintf(st->error, sizeof st->error, "%s", error);
    st->by_operator = s->by_operator;
    st->here = f.address == ASSOC_STACK_FINE;
    say_listening(s);
    say_sources(s);
    plan_retry(s, error[0] != 0 && st->reason != ASSOC_STACK_UNRESOLVED);
}

static bool status_same(const struct assoc_stack_status *a, const struct assoc_stack_status *b) {
    return a->state == b->state && a->reason == b->reason && strcmp(a->why, b->why) == 0 &&
           strcmp(a->error, b->error) == 0 && a->here == b->here && a->by_operator == b->by_operator &&
           a->n_listening == b->n_listening &&
           memcmp(a->listening, b->listening, a->n_listening * sizeof *a->listening) == 0 &&
           strcmp(a->source_v4, b->source_v4) == 0 && strcmp(a->source_v6, b->source_v6) == 0;
}

void stack_look(struct assoc_stack *s) {
    struct assoc_stack_status before = s->status;
    status_make(s);
    if (s->user->state != NULL && !status_same(&before, &s->status))
        s->user->state(s->ctx, s);
}

void stack_address_gone(struct assoc_stack *s, const struct net_address *a) {
    if (s->listener != NULL)
        assoc_listener_gone(s->listener, a);
    if (s->user->address_gone != NULL)
        s->user->address_gone(s->ctx, s, a);
}

static void on_retry(void *arg) {
    struct assoc_stack *s = arg;
    s->status.retry_utc_ms = 0;
    stack_look(s);
}

// ---- life ----

static int follow(struct assoc_stack *s, const struct conf_endpoint *e, struct followed **out) {
    if (e->host == NULL || conf_endpoint_is_any(e))
        return ERR_OK;
    *out = followed_get(s->all, e->host);
    if (*out == NULL)
        return ERR_NOMEM;
    if (!(*out)->numeric)
        s->status.names[s->status.n_names++] = (*out)->host;
    return ERR_OK;
}

struct assoc_stack *assoc_stack_new(struct assoc_env *env, const struct conf_stack *conf,
                                    const struct assoc_stack_options *o, const struct assoc_stack_user *user,
                                    void *ctx) {
    struct assoc_stack *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->env = env;
    s->all = env->stacks;
    s->conf = conf;
    s->options = *o;
    s->user = user;
    s->ctx = ctx;
    s->by_operator = o->standby;
    s->held = o->held;
    snprintf(s->held_why, sizeof s->held_why, "%s", o->hold == NULL ? "" : o->hold);
    LIST_INSERT_HEAD(&s->all->stacks, s, link);
    s->retry = loop_timer_new(env->loop, on_retry, s);
    if (s->retry == NULL || follow(s, &conf->listen, &s->listen) != ERR_OK ||
        follow(s, &conf->source, &s->source) != ERR_OK) {
        assoc_stack_free(s);
        return NULL;
    }
    status_make(s);
    return s;
}

void assoc_stack_free(struct assoc_stack *s) {
    if (s == NULL)
        return;
    LIST_REMOVE(s, link);
    listen_no_more(s);
    followed_put(s->listen);
    followed_put(s->source);
    loop_timer_free(s->retry);
    mem_free(s);
}

const struct assoc_stack_status *assoc_stack_status(const struct assoc_stack *s) {
    return &s->status;
}

void assoc_stack_hold(struct assoc_stack *s, bool hold, const char *why) {
    s->held = hold;
    snprintf(s->held_why, sizeof s->held_why, "%s", why == NULL ? "" : why);
    stack_look(s);
}

void assoc_stack_standby(struct assoc_stack *s, bool standby) {
    s->by_operator = standby;
    stack_look(s);
}

void assoc_stack_note_call(struct assoc_stack *s, bool incoming, const char *peer, const char *remote,
                           const char *local, const char *result) {
    struct assoc_stack_call *c = incoming ? &s->status.in : &s->status.out;
    c->utc_ms = clock_utc_ms();
    snprintf(c->peer, sizeof c->peer, "%s", peer);
    snprintf(c->remote, sizeof c->remote, "%s", remote);
    snprintf(c->local, sizeof c->local, "%s", local);
    snprintf(c->result, sizeof c->result, "%s", result);
}
