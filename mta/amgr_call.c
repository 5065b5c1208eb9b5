// SPDX-License-Identifier: BSD-2-Clause
#include "mta/amgr_call.h"

#include <stdio.h>
#include <string.h>

#include "mta/amgr_internal.h"
#include "mta/amgr_stacks.h"
#include "mta/resume_out.h"

// ---- what is remembered ----

bool call_path_counts(const struct call_path *c, uint64_t now_ms) {
    return c->remote[0] != 0 && now_ms < c->until_ms;
}

void call_path_came(struct call_path *c, const char *stack, const char *local, const char *remote, uint64_t now_ms) {
    bool same = strcmp(c->stack, stack) == 0 && strcmp(c->remote, remote) == 0;
    if (!same)
        c->since_utc = clock_utc_ms();
    if (!same || now_ms >= c->until_ms)
        c->until_ms = now_ms + CALL_PATH_MS;
    snprintf(c->stack, sizeof c->stack, "%s", stack);
    snprintf(c->local, sizeof c->local, "%s", local);
    snprintf(c->remote, sizeof c->remote, "%s", remote);
}

void peer_forget_path(struct peer *p) {
    p->path.until_ms = 0;
}

// To the front; the one that came in the longest ago goes when there is no room.
static void arrived(struct peer *p, struct net_address a) {
    size_t k = 0;
    while (k < p->n_arrived && !net_address_same_host(&p->arrived[k], &a))
        k++;
    if (k == p->n_arrived && k < ASSOC_ARRIVED)
        p->n_arrived++;
    k = k < ASSOC_ARRIVED ? k : ASSOC_ARRIVED - 1;
    memmove(p->arrived + 1, p->arrived, k * sizeof a);
    p->arrived[0] = a;
    p->arrived_utc = clock_utc_ms();
}

void peer_came(struct peer *p, const struct link *l) {
    if (!l->outgoing)
        arrived(p, *assoc_local_address(l->assoc));
    else if (l->by_order)
        call_path_came(&p->path, assoc_stack_name(l->assoc), assoc_local(l->assoc), assoc_remote(l->assoc),
                       loop_now_ms(p->m->loop));
}

// ---- what is told ----

// Without the port, which is another one at each attempt: what repeats is then seen to repeat.
static const char *host_of(const char *address, char out[NET_ADDRESS_TEXT]) {
    const char *colon = strrchr(address, ':');
    bool port = colon != NULL && (strchr(address, ':') == colon || colon[-1] == ']');
    snprintf(out, NET_ADDRESS_TEXT, "%.*s", (int)(port ? colon - address : (ptrdiff_t)strlen(address)), address);
    return out;
}

static const char *given(const char *text) {
    return text[0] != 0 ? text : NULL;
}

// What failed before a stack was chosen concerns them all.
static const char *all_stacks(const struct conf_peer *c, char *out, size_t size) {
    size_t n = 0;
    out[0] = 0;
    for (size_t k = 0; k < c->n_via && n < size; k++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", k > 0 ? ", " : "", c->via[k]->name);
    return out;
}

void peer_call_failed(struct peer *p, const struct assoc_failure *f, const char *stack) {
    char text[NET_ADDRESS_TEXT], all[200];
    const char *local = f->local[0] == 0 ? NULL : host_of(f->local, text);
    if (stack[0] == 0 && p->conf != NULL)
        stack = all_stacks(p->conf, all, sizeof all);
    EVENT_RAISE(p->m->events, mta_event(EV_CALL_FAILED), {"peer", p->name}, {"stack", stack}, {"local", local},
                {"remote", given(f->remote)}, {"step", assoc_step_text(f->step)}, {"what", f->text},
                {"cause", given(f->cause)}, {"configured", given(f->configured)});
    if (f->step == ASSOC_CONNECT)
        EVENT_RAISE(p->m->events, mta_event(EV_CONNECT_ERROR), {"peer", p->name}, {"stack", stack}, {"local", local},
                    {"remote", f->remote}, {"what", f->text});
    if (f->step == ASSOC_CONNECT && err_is_shortage(f->reason))
        EVENT_RAISE(p->m->events, mta_event(EV_RESOURCE_LIMIT), {"peer", p->name}, {"what", f->text});
}

static void on_attempt_failed(void *ctx, const struct assoc_failure *f) {
    struct link *l = ctx;
    if (l->resume != NULL && l->resume->tries > 1)
        return; // it is tried every second
    stack_note_out(l, f->text);
    peer_call_failed(l->peer, f, assoc_stack_name(l->assoc));
}

// ---- calling ----

struct assoc_call_options peer_call_options(const struct peer *p) {
    struct assoc_call_options o = {.attempt_failed = on_attempt_failed};
    if (call_path_counts(&p->path, loop_now_ms(p->m->loop))) {
        o.first_stack = p->path.stack;
        o.first_remote = p->path.remote;
    }
    o.arrived = p->arrived;
    o.n_arrived = p->n_arrived;
    return o;
}

void peer_open(struct peer *p) {
    struct assoc_call_options options = peer_call_options(p);
    struct link *l = link_new(p, true);
    if (l == NULL)
        return;
    l->by_order = true;
    l->assoc = assoc_call(&p->m->env, p->conf, &options, &amgr_link_user, l);
    if (l->assoc != NULL)
        return;
    EVENT_RAISE(p->m->events, mta_event(EV_RESOURCE_LIMIT), {"peer", p->name}, {"what", "memory is short"});
    link_free(l);
}

bool peer_recover(struct peer *p, struct resumption *x) {
    struct link *l = peer_can_call(p) ? link_new(p, true) : NULL;
    if (l == NULL)
        return false;
    struct assoc_call_options options = peer_call_options(p);
    options.recover = &x->state.session;
    if (x->remote[0] != 0) { // where the lost association was: what is to be recovered is surely kept there
        options.first_stack = x->stack[0] == 0 ? NULL : x->stack;
        options.first_remote = x->remote;
    }
    x->tries++;
    l->recovered = true;
    l->resume = x;
    l->assoc = assoc_call(&p->m->env, p->conf, &options, &amgr_link_user, l);
    if (l->assoc != NULL)
        return true;
    link_free(l);
    return false;
}
