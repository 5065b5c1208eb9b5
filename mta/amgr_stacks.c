// SPDX-License-Identifier: BSD-2-Clause
// What follows from the state of a stack.
//
//   standby, by the operator   its associations are released in order; the command is answered when the last one ended
//   its address is gone        what is bound to it is dropped at once and locally: nothing that is sent from it arrives
//   active                     what waits for peers that are called over it is sent at once
#include "mta/amgr_stacks.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "conf/print.h"
#include "mta/amgr_internal.h"
#include "mta/life.h"
#include "mta/resume_out.h"

struct stack_asked {
    LIST_ENTRY(stack_asked) link;
    amgr_stack_done done;
    void *arg;
    size_t had, cut; // open associations: when it was asked for, and when patience ended
};

struct amgr_stacks {
    struct mta *m;
    LIST_HEAD(, amgr_stack) all;
    bool held;
    char why[ASSOC_TEXT];   // it is
    struct held_conf *conf; // whose peers' sources are followed; NULL: memory was short
};

// ---- its links ----

static bool link_uses(const struct link *l, const char *stack) {
    return l->assoc != NULL && strcmp(assoc_stack_name(l->assoc), stack) == 0;
}

// Calls cb for each link of the manager, which cb may end but not free.
static void each_link(struct mta *m, void (*cb)(void *arg, struct link *l), void *arg) {
    if (m->amgr == NULL)
        return;
    for (struct peer *p = amgr_peers(m->amgr); p != NULL; p = LIST_NEXT(p, link)) {
        struct link *l;
        LIST_FOREACH(l, &p->links, of_peer)
            cb(arg, l);
    }
}

static void release_one(void *arg, struct link *l) {
    struct amgr_stack *n = arg;
    if (link_uses(l, n->conf->name))
        link_close(l);
}

static void abort_one(void *arg, struct link *l) {
    struct amgr_stack *n = arg;
    if (link_uses(l, n->conf->name))
        link_abort(l);
}

static void cut_one(void *arg, struct link *l) {
    struct amgr_stack *n = arg;
    if (link_uses(l, n->conf->name))
        assoc_abort_local(l->assoc, "it did not end in time when its stack was put on standby");
}

struct count {
    const char *stack;
    size_t n, open;
};

static void count_one(void *arg, struct link *l) {
    struct count *c = arg;
    bool uses = link_uses(l, c->stack);
    c->n += uses;
    c->open += uses && l->open;
}

static struct count links_of(const struct amgr_stack *n) {
    struct count c = {.stack = n->conf->name};
    each_link(n->m, count_one, &c);
    return c;
}

// What a command that puts it on standby waits for: then nothing of it is open any more, and the lock of a spool that
// follows it is given back.
static bool in_use(const struct amgr_stack *n) {
    return links_of(n).n > 0 || life_gives_up(n->m->life, n->conf->name);
}

// ---- events ----

static void tell_listening(struct amgr_stack *n, const struct assoc_stack_status *st) {
    for (size_t k = 0; k < st->n_listening; k++) {
        bool told = false;
        for (size_t i = 0; i < n->n_listening; i++)
            told |= memcmp(&n->listening[i], &st->listening[k], sizeof n->listening[i]) == 0;
        char address[NET_ADDRESS_TEXT];
        if (!told)
            EVENT_RAISE(n->m->events, mta_event(EV_LISTENING), {"stack", n->conf->name},
                        {"address", net_address_text(&st->listening[k], address)});
    }
    n->n_listening = st->n_listening;
    memcpy(n->listening, st->listening, st->n_listening * sizeof *st->listening);
}

// Once for each different failure; what is tried again and fails in the same way is not news.
static void tell_error(struct amgr_stack *n, const struct assoc_stack_status *st) {
    if (strcmp(st->error, n->told_error) == 0 || st->reason == ASSOC_STACK_TENTATIVE) // that ends by itself
        return;
    snprintf(n->told_error, sizeof n->told_error, "%s", st->error);
    if (st->error[0] == 0 || n->conf->listen.host == NULL) // one that only calls: 9318 tells
        return;
    char seconds[12], address[300];
    snprintf(seconds, sizeof seconds, "%d", ASSOC_STACK_RETRY_MS / 1000);
    snprintf(address, sizeof address, "%s port %u", n->conf->listen.host, n->conf->listen.port);
    bool by_time = st->retry_utc_ms != 0; // else the resolver says when
    bool moves = st->reason == ASSOC_STACK_ABSENT && !n->conf->moves;
    EVENT_RAISE(n->m->events, mta_event(EV_LISTEN_FAILED), {"stack", n->conf->name}, {"address", address},
                {"what", st->error}, {"seconds", by_time ? seconds : NULL},
                {"hint", moves ? "if a cluster moves the address, add `virtual` to the stack" : NULL});
}

// A hold is the daemon's own, and told by whoever holds.
static void tell_state(struct amgr_stack *n, const struct assoc_stack_status *st) {
    bool worse = st->reason == ASSOC_STACK_DUPLICATE && n->reason != ASSOC_STACK_DUPLICATE;
    if (st->state == ASSOC_STACK_STANDBY && st->reason != ASSOC_STACK_HELD && (!n->told_standby || worse)) {
        n->told_standby = true;
        EVENT_RAISE(n->m->events, mta_event(EV_STACK_STANDBY), {"stack", n->conf->name}, {"what", st->why});
    } else if (st->state == ASSOC_STACK_ACTIVE && n->told_standby) {
        n->told_standby = false;
        EVENT_RAISE(n->m->events, mta_event(EV_STACK_ACTIVE), {"stack", n->conf->name});
    }
}

// ---- what follows ----

static bool peer_uses(const struct peer *p, const char *stack) {
    for (size_t k = 0; p->conf != NULL && k < p->conf->n_via; k++)
        if (strcmp(p->conf->via[k]->name, stack) == 0)
            return true;
    return false;
}

static void wake_peers(struct amgr_stack *n) {
    if (n->m->amgr == NULL || n->m->resume_out == NULL)
        return;
    for (struct peer *p = amgr_peers(n->m->amgr); p != NULL; p = LIST_NEXT(p, link))
        if (peer_uses(p, n->conf->name))
            peer_hasten(p);
    resume_out_pump(n->m->resume_out);
}

// Calls to it may start now.
static void on_source_came(void *arg, const char *host) {
    struct amgr_stacks *s = arg;
    if (s->m->amgr == NULL || s->m->resume_out == NULL)
        return;
    for (struct peer *p = amgr_peers(s->m->amgr); p != NULL; p = LIST_NEXT(p, link))
        if (p->conf != NULL && p->conf->source.host != NULL && strcmp(p->conf->source.host, host) == 0)
            peer_hasten(p);
    resume_out_pump(s->m->resume_out);
}

static bool calls(enum assoc_stack_state s) {
    return s == ASSOC_STACK_ACTIVE || s == ASSOC_STACK_FAILED;
}

static void look(struct amgr_stack *n) {
    const struct assoc_stack_status *st = assoc_stack_status(n->stack);
    bool woken = st->state == ASSOC_STACK_ACTIVE ? n->state != st->state : calls(st->state) && !calls(n->state);
    tell_state(n, st);
    tell_error(n, st);
    tell_listening(n, st);
    n->state = st->state;
    n->reason = st->reason;
    if (n->m->life != NULL)
        life_look(n->m->life); // the spool may follow it
    if (woken)
        wake_peers(n);
}

static void on_state(void *ctx, struct assoc_stack *s) {
    (void)s;
    look(ctx);
}

// ---- an address is gone ----

static bool starts_at(const struct link *l, const void *address) {
    return l->assoc != NULL && net_address_same_host(assoc_local_address(l->assoc), address);
}

// Calls that are not open yet end without a word: others are made as soon as there is a stack for them.
static void drop_calls(struct peer *p, const struct net_address *a, const char *why) {
    struct link *l;
    LIST_FOREACH(l, &p->links, of_peer) {
        if (!l->open && starts_at(l, a))
            assoc_abort_local(l->assoc, why);
    }
}

// Called for each stack: the first time ends all that there is.
static void on_address_gone(void *ctx, struct assoc_stack *s, const struct net_address *a) {
    struct amgr_stack *n = ctx;
    (void)s;
    if (n->m->amgr == NULL)
        return;
    char host[NET_ADDRESS_TEXT], why[160];
    snprintf(why, sizeof why, "the local address %s is not on this machine any more", net_address_host_text(a, host));
    for (struct peer *p = amgr_peers(n->m->amgr); p != NULL; p = LIST_NEXT(p, link)) {
        peer_drop(p, starts_at, a, why);
        drop_calls(p, a, why);
    }
}

// ---- the operator's word ----

static void answer(struct amgr_stack *n, const char *error) {
    for (struct stack_asked *x; (x = LIST_FIRST(&n->asked)) != NULL;) {
        LIST_REMOVE(x, link);
        struct amgr_stack_ended e = {.released = x->had - x->cut, .cut_off = x->cut};
        x->done(x->arg, assoc_stack_status(n->stack), &e, error);
        mem_free(x);
    }
    if (n->patience != NULL)
        loop_timer_at(n->patience, 0);
}

static void on_patience(void *arg) {
    struct amgr_stack *n = arg;
    struct stack_asked *x;
    size_t open = links_of(n).open;
    if (n->aborted) { // a peer that takes nothing does not even take that
        each_link(n->m, cut_one, n);
        return;
    }
    LIST_FOREACH(x, &n->asked, link)
        x->cut = open < x->had ? open : x->had;
    n->aborted = true;
    loop_timer_in(n->patience, STACK_ABORT_MS);
    each_link(n->m, abort_one, n);
}

void amgr_stacks_check_ended(struct amgr_stacks *s) {
    struct amgr_stack *n;
    LIST_FOREACH(n, &s->all, link) {
        if (!LIST_EMPTY(&n->asked) && !in_use(n))
            answer(n, NULL);
    }
}

void amgr_stack_set(struct amgr_stacks *s, const char *name, bool standby, amgr_stack_done done, void *arg) {
    struct amgr_stack *n = amgr_stack_find(s, name);
    struct stack_asked *x = n == NULL ? NULL : mem_calloc(1, sizeof *x);
    if (x == NULL) {
        done(arg, NULL, NULL, n == NULL ? "there is no such stack" : "memory is short");
        return;
    }
    *x = (struct stack_asked){.done = done, .arg = arg, .had = standby ? links_of(n).open : 0};
    LIST_INSERT_HEAD(&n->asked, x, link);
    assoc_stack_standby(n->stack, standby);
    if (standby) {
        each_link(n->m, release_one, n);
        n->aborted = false;
        if (n->patience != NULL)
            loop_timer_in(n->patience, STACK_PATIENCE_MS);
    }
    if (!standby || !in_use(n))
        answer(n, NULL);
}

// ---- peers and their stacks ----

bool peer_has_stack(const struct peer *p, char why[ASSOC_TEXT]) {
    size_t at = 0;
    char text[ASSOC_TEXT] = "";
    bool pending = assoc_stacks_pending(p->m->env.stacks, p->conf->source.host);
    if (pending)
        snprintf(text, sizeof text, "`source` of the peer: %.200s is being resolved", p->conf->source.host);
    for (size_t k = 0; k < p->conf->n_via && !pending; k++) {
        const struct assoc_stack *s = assoc_stack_find(p->m->env.stacks, p->conf->via[k]->name);
        const struct assoc_stack_status *st = s == NULL ? NULL : assoc_stack_status(s);
        if (st == NULL || calls(st->state))
            return true;
        if (at < sizeof text)
            at += (size_t)snprintf(text + at, sizeof text - at, "%sstack %.60s: %s (%.160s)", at > 0 ? "; " : "",
                                   p->conf->via[k]->name, assoc_stack_state_text(st->state), st->why);
    }
    if (why != NULL)
        snprintf(why, ASSOC_TEXT, "%s", text);
    return false;
}

void stack_note_out(const struct link *l, const char *result) {
    struct assoc_stack *s = assoc_stack_find(l->m->env.stacks, assoc_stack_name(l->assoc));
    if (s != NULL)
        assoc_stack_note_call(s, false, l->peer->name, assoc_remote(l->assoc), assoc_local(l->assoc), result);
}

// ---- life ----

static void stack_end(struct amgr_stack *n) {
    LIST_REMOVE(n, link);
    answer(n, "the stack is not configured any more");
    assoc_stack_free(n->stack);
    loop_timer_free(n->patience);
    held_conf_unref(n->held);
    mem_free(n);
}

static bool stack_make(struct amgr_stacks *s, const struct conf_stack *c, bool by_operator) {
    static const struct assoc_stack_user user = {
        .state = on_state,
        .address_gone = on_address_gone,
        .listener = {amgr_on_bind, amgr_on_caller_failed, amgr_on_accept_failed, amgr_on_recover}};
    struct assoc_stack_options o = {.listen = true, .standby = by_operator, .held = s->held, .hold = s->why};
    struct amgr_stack *n = mem_calloc(1, sizeof *n);
    if (n == NULL)
        return false;
    n->m = s->m;
    n->conf = c;
    n->state = ASSOC_STACK_STARTING;
    LIST_INIT(&n->asked);
    n->stack = assoc_stack_new(&s->m->env, c, &o, &user, n);
    if (n->stack == NULL) {
        mem_free(n);
        return false;
    }
    n->held = held_conf_ref(s->m->held);
    n->patience = loop_timer_new(s->m->loop, on_patience, n);
    LIST_INSERT_HEAD(&s->all, n, link);
    look(n);
    return true;
}

struct amgr_stack *amgr_stack_find(const struct amgr_stacks *s, const char *name) {
    struct amgr_stack *n;
    LIST_FOREACH(n, &s->all, link) {
        if (strcmp(n->conf->name, name) == 0)
            break;
    }
    return n;
}

static void unfollow(struct amgr_stacks *s, const struct conf *c, size_t n_peers) {
    while (n_peers > 0)
        assoc_stacks_unfollow(s->m->env.stacks, c->peers[--n_peers].source.host);
}

// All or none.
static int follow(struct amgr_stacks *s, const struct conf *c) {
    for (size_t k = 0; k < c->n_peers; k++)
        if (assoc_stacks_follow(s->m->env.stacks, c->peers[k].source.host) != ERR_OK) {
            unfollow(s, c, k);
            return ERR_NOMEM;
        }
    return ERR_OK;
}

// The new ones first: a name that stays is not asked for anew.
static void follow_sources(struct amgr_stacks *s) {
    struct held_conf *before = s->conf;
    s->conf = NULL;
    if (follow(s, s->m->conf) == ERR_OK)
        s->conf = held_conf_ref(s->m->held);
    else
        EVENT_RAISE(s->m->events, mta_event(EV_RESOURCE_LIMIT),
                    {"what", "memory is short: no peer whose block has a `source` is called"});
    if (before != NULL)
        unfollow(s, before->conf, before->conf->n_peers);
    held_conf_unref(before);
}

void amgr_stacks_reload(struct amgr_stacks *s) {
    const struct conf *c = s->m->conf;
    bool standby[c->n_stacks + 1];
    memset(standby, 0, sizeof standby);
    follow_sources(s); // first: a stack that is active at once calls peers
    for (struct amgr_stack *n = LIST_FIRST(&s->all), *next; n != NULL; n = next) {
        next = LIST_NEXT(n, link);
        const struct conf_stack *now = conf_stack_find(c, n->conf->name);
        if (now != NULL && conf_stack_equal(now, n->conf))
            continue;
        if (now != NULL)
            standby[now - c->stacks] = assoc_stack_status(n->stack)->by_operator;
        else
            each_link(s->m, release_one, n);
        stack_end(n);
    }
    for (size_t k = c->n_stacks; k-- > 0;)
        if (amgr_stack_find(s, c->stacks[k].name) == NULL && !stack_make(s, &c->stacks[k], standby[k]))
            EVENT_RAISE(s->m->events, mta_event(EV_RESOURCE_LIMIT), {"what", "memory is short for a stack"});
}

void amgr_stacks_hold(struct amgr_stacks *s, bool hold, const char *why) {
    s->held = hold;
    snprintf(s->why, sizeof s->why, "%s", why == NULL ? "" : why);
    struct amgr_stack *n;
    LIST_FOREACH(n, &s->all, link)
        assoc_stack_hold(n->stack, hold, s->why);
}

struct amgr_stacks *amgr_stacks_new(struct mta *m) {
    struct amgr_stacks *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->m = m;
    s->held = true;
    snprintf(s->why, sizeof s->why, "the spool is not open yet");
    LIST_INIT(&s->all);
    assoc_stacks_tell(m->env.stacks, on_source_came, s);
    if (assoc_stacks_blind(m->env.stacks) != NULL)
        EVENT_RAISE(m->events, mta_event(EV_STACKS_BLIND), {"what", assoc_stacks_blind(m->env.stacks)});
    amgr_stacks_reload(s);
    return s;
}

void amgr_stacks_free(struct amgr_stacks *s) {
    if (s == NULL)
        return;
    assoc_stacks_tell(s->m->env.stacks, NULL, NULL);
    while (!LIST_EMPTY(&s->all))
        stack_end(LIST_FIRST(&s->all));
    if (s->conf != NULL)
        unfollow(s, s->conf->conf, s->conf->conf->n_peers);
    held_conf_unref(s->conf);
    mem_free(s);
}
