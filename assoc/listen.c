// SPDX-License-Identifier: BSD-2-Clause
// Answering: listening, the callers that have not bound yet and their limits, accepting and refusing a bind.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assoc/assoc_internal.h"
#include "assoc/trace.h"
#include "base/mem.h"

enum { MAX_UNBOUND = 256, MAX_UNBOUND_PER_ADDRESS = 16, OPEN_MS = 60000, RELEASE_MS = 10000 };

struct socket_of { // one address on which it listens
    LIST_ENTRY(socket_of) link;
    struct assoc_listener *l;
    struct net_address on; // as asked for: the port may be 0
    struct tcp_listener *tcp;
};

struct assoc_listener {
    struct assoc_env *env;
    const struct conf_stack *conf;
    struct assoc_listener_options options;
    const struct assoc_listener_user *user;
    void *ctx;
    LIST_HEAD(, socket_of) sockets;
    LIST_HEAD(, assoc) unbound; // of all its sockets: so are the limits
    unsigned n_unbound;
};

// ---- callers ----

// Once; its bind is not to be answered any more.
static void caller_failed(struct assoc *a, const struct assoc_failure *f) {
    bool indicated = a->indicated;
    if (a->listener == NULL || a->failed_told)
        return;
    a->indicated = false;
    a->failed_told = true;
    a->listener->user->caller_failed(a->listener->ctx, indicated ? a : NULL, f);
}

static void leave_listener(struct assoc *a) {
    if (a->listener == NULL)
        return;
    LIST_REMOVE(a, unbound);
    a->listener->n_unbound--;
    a->listener = NULL;
}

void answer_failed(struct assoc *a) {
    if (a->user == NULL && a->indicated)
        caller_failed(a, &a->failure);
}

void answer_over(struct assoc *a) {
    if (a->indicated && !a->failed) {
        assoc_failure_set(a, &a->failure, ASSOC_BIND, true, "the caller went away before its bind was answered", "");
        a->failed = true;
    }
    if (a->failed)
        caller_failed(a, &a->failure);
    leave_listener(a);
}

// A selector that the stack's block does not give accepts any; `none` accepts an absent or an empty one.
static bool selector_fits(bool given, struct bytes ours, struct bytes called) {
    return !given || bytes_equal(ours, called);
}

enum stack_answer answer_address(struct assoc *a, enum stack_layer layer, const struct stack_address *called) {
    const struct conf_selectors *s = &a->stack_conf->selectors;
    bool fits = layer == STACK_TRANSPORT ? selector_fits(s->tsel_given, s->tsel, called->tsel)
                : layer == STACK_SESSION ? selector_fits(s->ssel_given, s->ssel, called->ssel)
                                         : selector_fits(s->psel_given, s->psel, called->psel);
    return fits ? STACK_ACCEPT : STACK_UNKNOWN;
}

static void indicate(struct assoc *a, const struct stack_open *open) {
    const struct assoc_listener_user *u = a->listener->user;
    struct assoc_bind b = {.stack = a->stack_conf,
                           .local = &a->local,
                           .remote = &a->remote,
                           .info = open->recover == NULL ? &a->info : NULL,
                           .negotiated = open->so_far,
                           .dialogue = open->dialogue};
    if (assoc_back_parse(open->implementation, &a->back) == ERR_OK)
        b.back = &a->back;
    if (open->recover != NULL) {
        a->lost = *open->recover;
        b.recover = &a->lost;
    }
    a->step = ASSOC_BIND;
    a->indicated = true;
    a->protocol = assoc_protocol_of(open->so_far);
    if (open->recover == NULL)
        u->bind_ind(a->listener->ctx, a, &b);
    else if (u->recover_ind != NULL)
        u->recover_ind(a->listener->ctx, a, &b, b.recover);
    else
        assoc_refuse_recover(a, RTSE_REFUSE_CANNOT_RECOVER);
}

void answer_open_ind(struct assoc *a, const struct stack_open *open) {
    struct p1_fault fault = {""};
    if (a->listener == NULL) { // no longer listening
        stack_rt_open_refuse(a->stack, loop_now_ms(a->env->loop), (struct bytes){0}, RTSE_REFUSE_BUSY);
        return;
    }
    if (open->recover != NULL) {
        a->recovering = true;
        indicate(a, open);
        return;
    }
    struct bytes copy = arena_bytes(&a->arena, open->user_data);
    if (open->user_data.n == 0 || copy.p == NULL ||
        bind_argument_decode(&a->arena, copy, open->mode == RTSE_NORMAL, &a->info, &fault) != ERR_OK) {
        assoc_failure_set(a, &a->failure, ASSOC_BIND, true,
                          fault.text[0] ? fault.text : "the association request has no bind argument", "");
        a->failed = true;
        stack_rt_open_refuse(a->stack, loop_now_ms(a->env->loop), (struct bytes){0}, RTSE_REFUSE_VALIDATION_FAILURE);
        return;
    }
    indicate(a, open);
}

int assoc_accept(struct assoc *a, const struct conf_peer *peer, const struct assoc_user *user, void *ctx) {
    struct bind_info info = {.form = BIND_NONE};
    struct buf result = {0};
    if (a->info.form != BIND_NONE && peer->local.name != NULL)
        info = assoc_bind_ours(peer, assoc_protocol_of(stack_negotiated(a->stack)) == CONF_X410_1984);
    assoc_watch_peer(a, peer);
    leave_listener(a);
    a->user = user;
    a->ctx = ctx;
    a->peer = peer;
    a->open = true;
    a->step = ASSOC_OPEN;
    int r = a->recovering ? ERR_OK : bind_result_encode(&result, &info, assoc_bind_wrapped(a));
    stack_rt_open_limit(a->stack, peer->checkpoint_k, peer->window, assoc_ms(peer->no_progress_ms));
    if (r == ERR_OK)
        r = stack_rt_open_rsp(a->stack, loop_now_ms(a->env->loop), buf_bytes(&result));
    buf_free(&result);
    if (r != ERR_OK) {
        struct assoc_failure f;
        assoc_failure_set(a, &f, ASSOC_BIND, false, err_text(r), "");
        assoc_over(a, &f);
    }
    if (!a->over)
        assoc_pump(a); // the answer may come later than the question
    return r;
}

// The word of X.410 mode for a bind error.
static enum rtse_refuse refuse_reason(enum bind_error e) {
    return e == BIND_BUSY                         ? RTSE_REFUSE_BUSY
           : e == BIND_UNACCEPTABLE_DIALOGUE_MODE ? RTSE_REFUSE_DIALOGUE_MODE
                                                  : RTSE_REFUSE_VALIDATION_FAILURE;
}

void assoc_refuse(struct assoc *a, enum bind_error e) {
    struct buf error = {0};
    a->indicated = false; // its listener has dealt with it
    if (!assoc_bind_wrapped(a))
        stack_rt_open_refuse(a->stack, loop_now_ms(a->env->loop), (struct bytes){0}, refuse_reason(e));
    else if (bind_error_encode(&error, e, true) == ERR_OK)
        stack_rt_open_refuse(a->stack, loop_now_ms(a->env->loop), buf_bytes(&error), RTSE_REFUSE_NONE);
    else
        stack_rt_open_refuse(a->stack, loop_now_ms(a->env->loop), (struct bytes){0}, RTSE_REFUSE_BUSY);
    buf_free(&error);
    if (!a->over)
        assoc_pump(a);
}

void assoc_refuse_recover(struct assoc *a, enum rtse_refuse reason) {
    a->indicated = false;
    stack_rt_open_refuse(a->stack, loop_now_ms(a->env->loop), (struct bytes){0}, reason);
    if (!a->over)
        assoc_pump(a);
}

// For the limit of one address. Whoever has an IPv6 address mostly has all of its /64.
static bool same_place(const struct net_address *a, const struct net_address *b) {
    bool both = a->sa.sa_family == AF_INET6 && b->sa.sa_family == AF_INET6;
    if (!both || IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr))
        return net_address_same_host(a, b);
    return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 8) == 0;
}

static bool too_many(struct assoc_listener *l, const struct net_address *from) {
    unsigned same = 0;
    struct assoc *a;
    LIST_FOREACH(a, &l->unbound, unbound)
        same += same_place(&a->remote, from);
    return l->n_unbound >= l->options.max_unbound || same >= l->options.max_unbound_per_address;
}

static void refuse_caller(const struct socket_of *s, const struct net_address *from, const char *why) {
    struct assoc_listener *l = s->l;
    struct assoc_failure f = {.step = ASSOC_CONNECT, .reason = -1};
    net_address_text(from, f.remote);
    net_address_text(tcp_listener_address(s->tcp), f.local);
    snprintf(f.text, sizeof f.text, "%s", why);
    l->user->caller_failed(l->ctx, NULL, &f);
}

static void accept_failed(const struct socket_of *s, int err) {
    char text[NET_ADDRESS_TEXT + 100], on[NET_ADDRESS_TEXT];
    snprintf(text, sizeof text, "accept on %s: %.80s", net_address_text(tcp_listener_address(s->tcp), on),
             strerror(err));
    if (s->l->user->accept_failed != NULL)
        s->l->user->accept_failed(s->l->ctx, text);
}

static bool on_accept(void *arg, int fd, const struct net_address *from) {
    const struct socket_of *s = arg;
    struct assoc_listener *l = s->l;
    if (fd < 0) {
        accept_failed(s, -fd);
        return false;
    }
    if (too_many(l, from)) {
        refuse_caller(s, from, "too many callers have not bound yet");
        return false;
    }
    struct assoc *a = assoc_new(l->env);
    if (a == NULL) {
        refuse_caller(s, from, "memory is short");
        return false;
    }
    struct stack_params p;
    stack_params_default(&p);
    p.open_timeout_ms = (uint32_t)l->options.open_timeout_ms;
    p.release_timeout_ms = RELEASE_MS;
    p.refuse_two_way_alternate = false; // who calls is known only with the bind
    a->stack_conf = l->conf;
    a->step = ASSOC_TRANSPORT;
    a->listener = l;
    LIST_INSERT_HEAD(&l->unbound, a, unbound);
    l->n_unbound++;
    a->remote = *from;
    net_address_text(&a->remote, a->remote_text);
    a->tcp = tcp_accept(l->env->loop, fd, &(struct tcp_params){0}, assoc_tcp_user(), a);
    if (a->tcp != NULL) {
        a->local = *tcp_local(a->tcp);
        net_address_text(&a->local, a->local_text);
    }
    if (a->tcp == NULL || assoc_start_stack(a, &p) != ERR_OK) {
        refuse_caller(s, from, "memory is short");
        leave_listener(a);
        assoc_free(a);
    } else {
        stack_input(a->stack, loop_now_ms(l->env->loop), (struct bytes){0}); // its open timer runs from here
        assoc_pump(a);
    }
    return true; // the descriptor is the connection's, or closed
}

// ---- listening ----

struct assoc_listener *assoc_listener_new(struct assoc_env *env, const struct conf_stack *stack,
                                          const struct assoc_listener_options *o,
                                          const struct assoc_listener_user *user, void *ctx) {
    struct assoc_listener *l = mem_calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    *l = (struct assoc_listener){.env = env, .conf = stack, .options = *o, .user = user, .ctx = ctx};
    LIST_INIT(&l->sockets);
    LIST_INIT(&l->unbound);
    if (l->options.max_unbound == 0)
        l->options.max_unbound = MAX_UNBOUND;
    if (l->options.max_unbound_per_address == 0)
        l->options.max_unbound_per_address = MAX_UNBOUND_PER_ADDRESS;
    if (l->options.open_timeout_ms == 0)
        l->options.open_timeout_ms = OPEN_MS;
    return l;
}

int assoc_listener_open(struct assoc_listener *l, const struct net_address *on, char error[ASSOC_TEXT]) {
    struct socket_of *s = mem_calloc(1, sizeof *s);
    char text[160] = "memory is short";
    int err = ENOMEM;
    if (s != NULL) {
        *s = (struct socket_of){.l = l, .on = *on};
        s->tcp = tcp_listen(l->env->loop, on, on_accept, s, text);
        err = errno;
    }
    if (s != NULL && s->tcp != NULL) {
        LIST_INSERT_HEAD(&l->sockets, s, link);
        return ERR_OK;
    }
    mem_free(s);
    const char *more = err == EACCES && net_address_port(on) < 1024
                           ? " (a port below 1024 needs root or CAP_NET_BIND_SERVICE)"
                       : err == EADDRINUSE    ? " (another program, or another stack, has the port: see `ss -ltnp`)"
                       : err == EADDRNOTAVAIL ? " (it is not on this machine)"
                                              : "";
    snprintf(error, ASSOC_TEXT, "%s%s", text, more);
    return ERR_SYSTEM;
}

// Who waits for the answer of its bind is told of. gone: the local address is, and nothing may be sent.
static void drop_unbound(struct assoc *a, bool gone, const char *why) {
    struct assoc_failure f;
    if (a->indicated) {
        assoc_failure_set(a, &f, ASSOC_BIND, false, why, "");
        caller_failed(a, &f);
    }
    leave_listener(a);
    if (gone)
        assoc_abort_local(a, why);
    else
        assoc_drop_connection(a);
    assoc_over(a, NULL);
}

void assoc_listener_close(struct assoc_listener *l, const struct net_address *on) {
    struct socket_of *s;
    LIST_FOREACH(s, &l->sockets, link) {
        if (net_address_equal(&s->on, on))
            break;
    }
    if (s == NULL)
        return;
    LIST_REMOVE(s, link);
    tcp_listener_free(s->tcp);
    mem_free(s);
}

void assoc_listener_gone(struct assoc_listener *l, const struct net_address *address) {
    for (struct assoc *a = LIST_FIRST(&l->unbound), *next; a != NULL; a = next) {
        next = LIST_NEXT(a, unbound);
        if (net_address_same_host(&a->local, address))
            drop_unbound(a, true, "the local address is not on this machine any more");
    }
}

const struct net_address *assoc_listener_at(const struct assoc_listener *l, const struct net_address *on) {
    const struct socket_of *s;
    LIST_FOREACH(s, &l->sockets, link) {
        if (net_address_equal(&s->on, on))
            return tcp_listener_address(s->tcp);
    }
    return NULL;
}

void assoc_listener_free(struct assoc_listener *l) {
    if (l == NULL)
        return;
    for (struct socket_of *s; (s = LIST_FIRST(&l->sockets)) != NULL;)
        assoc_listener_close(l, &s->on);
    while (!LIST_EMPTY(&l->unbound)) // the stack's configuration may go with the listener
        drop_unbound(LIST_FIRST(&l->unbound), false, "the stack does not listen any more");
    mem_free(l);
}
