// SPDX-License-Identifier: BSD-2-Clause
// Calling: the peer's endpoints are resolved, then every pair of stack and address of one family is tried in order.
#include <stdio.h>
#include <string.h>

#include "assoc/assoc_internal.h"
#include "base/mem.h"

enum { CONNECT_MS = 10000, ADDRESSES_MAX = 256, RELEASE_MS = 10000 };

static void resolve_next(struct assoc *a);

// ---- resolving ----

static int keep_addresses(struct assoc *a, const struct net_address *from, size_t n) {
    if (a->n_resolved + n > ADDRESSES_MAX)
        n = ADDRESSES_MAX - a->n_resolved;
    struct net_address *all = mem_realloc(a->resolved, (a->n_resolved + n) * sizeof *all);
    if (all == NULL)
        return ERR_NOMEM;
    memcpy(all + a->n_resolved, from, n * sizeof *from);
    a->resolved = all;
    a->n_resolved += n;
    return ERR_OK;
}

// Calls start from `source`, or from the address that the stack listens on when that is a plain one.
static bool source_of(const struct conf_stack *s, struct net_address *out) {
    const char *text = s->source.host != NULL ? s->source.host : s->listen.host;
    if (text == NULL || net_address_parse(out, text, 0) != ERR_OK)
        return false;
    return !net_address_is_any(out);
}

// The pair that the caller of this room wants first; the others stay in order.
static void prefer_first(struct assoc *a) {
    const struct assoc_call_options *o = &a->options;
    char text[NET_ADDRESS_TEXT];
    for (size_t k = 0; k < a->n_attempts; k++) {
        struct attempt t = a->attempts[k];
        if (strcmp(net_address_text(&t.remote, text), o->first_remote) != 0 ||
            (o->first_stack != NULL && strcmp(t.stack->name, o->first_stack) != 0))
            continue;
        memmove(a->attempts + 1, a->attempts, k * sizeof t);
        a->attempts[0] = t;
        return;
    }
}

static int make_attempts(struct assoc *a) {
    a->attempts = mem_calloc(a->peer->n_via * a->n_resolved, sizeof *a->attempts);
    if (a->attempts == NULL)
        return ERR_NOMEM;
    for (size_t s = 0; s < a->peer->n_via; s++)
        for (size_t k = 0; k < a->n_resolved; k++) {
            struct attempt *t = &a->attempts[a->n_attempts];
            *t = (struct attempt){.stack = a->peer->via[s], .remote = a->resolved[k]};
            t->has_source = source_of(t->stack, &t->source);
            if (!t->has_source || t->source.sa.sa_family == t->remote.sa.sa_family)
                a->n_attempts++;
        }
    if (a->options.first_remote != NULL)
        prefer_first(a);
    return ERR_OK;
}

static void fail(struct assoc *a, enum assoc_step step, const char *text, const char *cause) {
    struct assoc_failure f;
    assoc_failure_set(a, &f, step, false, text, cause);
    assoc_over(a, &f);
}

static void resolved_all(struct assoc *a) {
    if (a->n_resolved == 0) {
        assoc_over(a, NULL); // the failure of the last name is there already
        return;
    }
    char detail[ASSOC_TEXT], text[NET_ADDRESS_TEXT];
    snprintf(detail, sizeof detail, "%s%s", net_address_text(&a->resolved[0], text),
             a->n_resolved > 1 ? " and others" : "");
    assoc_step_done(a, ASSOC_RESOLVE, detail);
    if (make_attempts(a) != ERR_OK)
        fail(a, ASSOC_RESOLVE, "memory is short", "");
    else if (a->n_attempts == 0)
        fail(a, ASSOC_RESOLVE, "no stack of this peer has the address family of its addresses",
             "give the peer a stack with an IPv4 or IPv6 address as it needs");
    else
        call_try_next(a);
}

static void on_resolved(void *arg, const struct resolver_answer *answer) {
    struct assoc *a = arg;
    a->query = NULL;
    if (answer->n > 0 && keep_addresses(a, answer->addresses, answer->n) != ERR_OK) {
        fail(a, ASSOC_RESOLVE, "memory is short", "");
        return;
    }
    if (answer->n == 0) {
        snprintf(a->remote_text, sizeof a->remote_text, "%s", a->peer->connect[a->endpoint].host);
        assoc_failure_set(a, &a->failure, ASSOC_RESOLVE, false, answer->error,
                          "the name is misspelt in `connect`, or missing in DNS and the hosts file");
        a->failed = true;
    }
    a->endpoint++;
    resolve_next(a);
}

static void resolve_next(struct assoc *a) {
    if (a->endpoint == a->peer->n_connect) {
        resolved_all(a);
        return;
    }
    const struct conf_endpoint *e = &a->peer->connect[a->endpoint];
    a->query = resolver_ask(a->env->resolver, e->host, e->port, e->family, on_resolved, a);
    if (a->query == NULL)
        fail(a, ASSOC_RESOLVE, "memory is short", "");
}

// What the options point to is copied. Memory short: the addresses are tried in their order.
static void keep_options(struct assoc *a) {
    struct assoc_call_options *o = &a->options;
    if (o->recover != NULL) {
        a->recovering = true;
        a->lost = *o->recover;
        o->recover = NULL;
    }
    o->n_arrived = o->n_arrived < FAMILIES ? o->n_arrived : FAMILIES;
    for (size_t k = 0; k < o->n_arrived; k++)
        a->arrived[k] = o->arrived[k];
    o->arrived = a->arrived;
    o->first_stack = o->first_stack == NULL ? NULL : arena_strdup(&a->arena, o->first_stack);
    o->first_remote = o->first_remote == NULL ? NULL : arena_strdup(&a->arena, o->first_remote);
}

struct assoc *assoc_call(struct assoc_env *env, const struct conf_peer *peer, const struct assoc_call_options *o,
                         const struct assoc_user *user, void *ctx) {
    struct assoc *a = assoc_new(env);
    if (a == NULL)
        return NULL;
    a->initiator = true;
    a->peer = peer;
    a->user = user;
    a->ctx = ctx;
    if (o != NULL)
        a->options = *o;
    keep_options(a);
    if (a->options.connect_timeout_ms == 0)
        a->options.connect_timeout_ms = CONNECT_MS;
    resolve_next(a);
    return a;
}

// ---- connecting ----

bool call_try_next(struct assoc *a) {
    while (a->attempt < a->n_attempts) {
        if (a->failed && a->attempt > 0 && a->options.attempt_failed != NULL)
            a->options.attempt_failed(a->ctx, &a->failure);
        struct attempt *t = &a->attempts[a->attempt++];
        char error[160];
        a->over = a->failed = false;
        a->step = ASSOC_CONNECT;
        a->stack_conf = t->stack;
        a->local_text[0] = 0;
        a->remote = t->remote;
        net_address_text(&t->remote, a->remote_text);
        if (t->has_source)
            net_address_host_text(&t->source, a->local_text);
        struct tcp_params p = {.source = t->has_source ? &t->source : NULL,
                               .connect_ms = (uint32_t)a->options.connect_timeout_ms};
        a->tcp = tcp_connect(a->env->loop, &t->remote, &p, assoc_tcp_user(), a, error);
        if (a->tcp != NULL)
            return true;
        assoc_failure_set(a, &a->failure, ASSOC_CONNECT, false, error,
                          t->has_source ? "the source address is not on this machine, or there is no way there" : "");
        a->failed = true;
    }
    if (!a->over && a->failed) { // the first attempts failed at once, within assoc_call or a resolver's answer
        assoc_over(a, NULL);
        return true;
    }
    return false;
}

static struct stack_address selectors(const struct conf_selectors *s) {
    return (struct stack_address){s->tsel, s->ssel, s->psel};
}

static void stack_params_of(const struct assoc *a, struct stack_params *p) {
    stack_params_default(p);
    struct conf_selectors calling = conf_calling(a->peer, a->stack_conf);
    p->called = selectors(&a->peer->called);
    p->calling = selectors(&calling);
    if (a->peer->mode != CONF_NORMAL_MODE) {
        p->mode = RTSE_X410;
        p->protocol = a->peer->mode == CONF_X410_1984 ? RTSE_PROTOCOL_P1_1984 : RTSE_PROTOCOL_P1_1988;
    }
    if (a->peer->dialogue == CONF_TWO_WAY_ALTERNATE)
        p->dialogue = RTSE_TWO_WAY_ALTERNATE;
    p->no_progress_ms = assoc_ms(a->peer->no_progress_ms);
    p->checkpoint = a->peer->checkpoint_k;
    p->window = a->peer->window;
    p->open_timeout_ms = assoc_ms(a->peer->open_timeout_ms);
    p->release_timeout_ms = RELEASE_MS;
}

void call_connected(struct assoc *a) {
    struct stack_params p;
    struct buf argument = {0};
    a->local = *tcp_local(a->tcp);
    net_address_text(&a->local, a->local_text);
    char detail[2 * NET_ADDRESS_TEXT + 8];
    snprintf(detail, sizeof detail, "%s to %s", a->local_text, a->remote_text);
    assoc_step_done(a, ASSOC_CONNECT, detail);
    struct bind_info info = {.form = BIND_NONE};
    if (a->peer->local.name != NULL)
        info = assoc_bind_ours(a->peer, a->peer->mode == CONF_X410_1984);
    stack_params_of(a, &p);
    int r = a->recovering ? ERR_OK : bind_argument_encode(&argument, &info, p.mode == RTSE_NORMAL);
    if (r == ERR_OK)
        r = assoc_start_stack(a, &p);
    if (r == ERR_OK && a->recovering)
        r = stack_rt_recover_req(a->stack, loop_now_ms(a->env->loop), &a->lost);
    else if (r == ERR_OK)
        r = stack_rt_open_req(a->stack, loop_now_ms(a->env->loop), buf_bytes(&argument));
    buf_free(&argument);
    if (r != ERR_OK)
        fail(a, ASSOC_TRANSPORT, err_text(r), "");
    else
        assoc_pump(a);
}

// ---- the answer ----

static bool right_password(const struct conf_credentials *them, const struct bind_info *info) {
    if (them->n_passwords == 0)
        return true;
    for (size_t k = 0; k < them->n_passwords; k++)
        if (bind_password_is(info, them->passwords[k].secret))
            return true;
    return false;
}

// The called MTA is who it should be. false: f says what differs.
static bool check_result(struct assoc *a, const struct bind_info *info, struct assoc_failure *f) {
    const struct conf_credentials *them = &a->peer->remote;
    char text[ASSOC_TEXT];
    if (them->name == NULL)
        return true;
    if (info->form == BIND_NONE) {
        if (a->peer->accept_without_credentials)
            return true;
        assoc_failure_set(a, f, ASSOC_BIND, false, "the peer accepted the bind without showing its name and password",
                          "`accept without credentials` in its block would allow that");
        return false;
    }
    if (!bytes_equal(info->name, bytes_str(them->name))) {
        snprintf(text, sizeof text, "the peer calls itself \"%.*s\", but `remote name` is \"%s\"", (int)info->name.n,
                 (const char *)info->name.p, them->name);
        assoc_failure_set(a, f, ASSOC_BIND, false, text, "correct `remote name`, or the address leads to another MTA");
        return false;
    }
    if (right_password(them, info))
        return true;
    assoc_failure_set(a, f, ASSOC_BIND, false, "the password that the peer answered with is not that of `remote name`",
                      "compare `remote … password` with what the peer's operator has set");
    return false;
}

static void bind_refused(struct assoc *a, int error, int rtorj) {
    struct assoc_failure f;
    char text[ASSOC_TEXT];
    snprintf(text, sizeof text, "the peer refused the bind: %s (%s %d)", bind_error_name(error),
             assoc_bind_wrapped(a) ? "bind error" : "reason of RTORJ", assoc_bind_wrapped(a) ? error : rtorj);
    assoc_failure_set(a, &f, ASSOC_BIND, true, text, "");
    f.bind_error = f.reason = error;
    f.how = STACK_REFUSED;
    assoc_explain(a, &f);
    assoc_over(a, &f);
}

// X.410 mode has the reasons of RTORJ in place of bind errors.
bool call_refused_bare(struct assoc *a, int reason) {
    switch (reason) {
    case RTSE_REFUSE_BUSY: bind_refused(a, BIND_BUSY, reason); return true;
    case RTSE_REFUSE_VALIDATION_FAILURE: bind_refused(a, BIND_AUTHENTICATION_ERROR, reason); return true;
    case RTSE_REFUSE_DIALOGUE_MODE: bind_refused(a, BIND_UNACCEPTABLE_DIALOGUE_MODE, reason); return true;
    default: return false;
    }
}

void call_not_recovered(struct assoc_failure *f) {
    f->recover_refused = true;
    snprintf(f->cause, sizeof f->cause, "it keeps nothing of the association that was to be recovered");
}

static void opened(struct assoc *a) {
    a->open = true;
    a->protocol = assoc_protocol_of(stack_negotiated(a->stack));
    if (a->user->open != NULL)
        a->user->open(a->ctx);
}

void call_opened(struct assoc *a, const struct stack_open_result *r) {
    struct bind_info info = {.form = BIND_NONE};
    struct p1_fault fault = {""};
    struct assoc_failure f;
    int error = -1;
    if (a->recovering) {
        assoc_step_done(a, ASSOC_BIND, "none: the association that was lost is recovered");
        opened(a);
        return;
    }
    if (bind_result_decode(&a->arena, r->user_data, assoc_bind_wrapped(a), &info, &error, &fault) != ERR_OK) {
        assoc_failure_set(a, &f, ASSOC_BIND, true, fault.text[0] ? fault.text : "the peer's bind result cannot be read",
                          "");
        f.how = STACK_BROKEN;
        assoc_explain(a, &f);
        stack_u_abort(a->stack, loop_now_ms(a->env->loop));
        assoc_over(a, &f);
        return;
    }
    if (error >= 0 || !r->accepted) {
        bind_refused(a, error, -1);
        return;
    }
    if (!check_result(a, &info, &f)) {
        a->failure = f;
        a->failed = true;
        stack_u_abort(a->stack, loop_now_ms(a->env->loop));
        return;
    }
    a->info = info;
    assoc_step_done(a, ASSOC_BIND, "");
    opened(a);
}
