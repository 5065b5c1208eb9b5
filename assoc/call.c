// SPDX-License-Identifier: BSD-2-Clause
// Calling: all endpoints of the peer are asked for at once, and the pairs of stack and address are tried in the order
// of assoc/pairs.h, each from the source that the stack gives for it. A name that is still being resolved holds up only
// what comes behind it.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assoc/assoc_internal.h"
#include "assoc/stacks.h"
#include "base/mem.h"

enum { CONNECT_MS = 10000, RELEASE_MS = 10000 };

static void fail(struct assoc *a, enum assoc_step step, const char *text, const char *cause) {
    struct assoc_failure f;
    assoc_failure_set(a, &f, step, false, text, cause);
    assoc_over(a, &f);
}

// ---- sources ----

static const char SOURCES[] = "`x400 show stacks` tells which addresses each stack has, and why";

// Whether a call over this stack to that family can be made at all.
static bool can_start(const struct assoc *a, const struct conf_stack *c, int family, char why[ASSOC_TEXT]) {
    const struct assoc_stack *s = assoc_stack_find(a->env->stacks, c->name);
    struct net_address source;
    bool has;
    snprintf(why, ASSOC_TEXT, "it is not there");
    return s != NULL && assoc_stack_source(s, a->peer, family, NULL, &source, &has, why) == ERR_OK;
}

// True: no stack of the peer can call an address of this family (AF_UNSPEC: of any) now, and why not: of each stack, of
// as many as there is room for.
static bool cannot_start(const struct assoc *a, int family, char why[ASSOC_TEXT]) {
    size_t n = (size_t)snprintf(why, ASSOC_TEXT, "no stack can make this call"), left_out = 0;
    for (size_t k = 0; k < a->peer->n_via; k++) {
        const struct conf_stack *s = a->peer->via[k];
        char reason[ASSOC_TEXT], one[2 * ASSOC_TEXT];
        if (can_start(a, s, family, reason))
            return false;
        int len = snprintf(one, sizeof one, "%s stack \"%s\": %s", k > 0 ? ";" : ":", s->name, reason);
        if (left_out > 0 || n + (size_t)len + sizeof "; and 999 more" > ASSOC_TEXT)
            left_out++;
        else
            n += (size_t)snprintf(why + n, ASSOC_TEXT - n, "%s", one);
    }
    if (left_out > 0)
        snprintf(why + n, ASSOC_TEXT - n, "; and %zu more", left_out);
    return true;
}

// What is called when nothing could be tried: the first of what is configured stands for all.
static void name_called(struct assoc *a) {
    const struct conf_endpoint *to = a->options.to != NULL ? a->options.to : a->peer->connect;
    size_t n = a->options.to != NULL ? a->options.n_to : a->peer->n_connect;
    snprintf(a->remote_text, sizeof a->remote_text, "%s", n > 0 ? to->host : "");
}

// ---- resolving ----

static void keep_answer(struct assoc *a, struct assoc_target *t, const struct resolver_answer *answer) {
    t->known = true;
    t->addresses = arena_array(&a->arena, answer->n + 1, sizeof *t->addresses);
    t->n = t->addresses == NULL ? 0 : answer->n;
    if (t->n > 0)
        memcpy(t->addresses, answer->addresses, t->n * sizeof *t->addresses);
    const char *error = t->addresses == NULL ? NULL : answer->error;
    t->error = error == NULL ? NULL : arena_strdup(&a->arena, error);
    if (t->error == NULL)
        t->error = "memory is short";
}

static void on_resolved(void *arg, const struct resolver_answer *answer) {
    struct call_name *n = arg;
    struct assoc *a = n->a;
    n->query = NULL;
    keep_answer(a, &a->targets[n - a->names], answer);
    if (!a->waiting || a->over)
        return;
    a->waiting = false;
    if (!call_try_next(a)) // then its last failure is there
        assoc_over(a, NULL);
}

// False: memory is short.
static bool resolve(struct assoc *a) {
    const struct conf_endpoint *to = a->options.to != NULL ? a->options.to : a->peer->connect;
    size_t n = a->options.to != NULL ? a->options.n_to : a->peer->n_connect;
    a->targets = arena_array(&a->arena, n + 1, sizeof *a->targets);
    a->names = arena_array(&a->arena, n + 1, sizeof *a->names);
    if (a->targets == NULL || a->names == NULL)
        return false;
    a->waiting = true;
    for (; a->n_targets < n; a->n_targets++, to++) {
        struct call_name *name = &a->names[a->n_targets];
        *name = (struct call_name){.a = a, .host = to->host};
        name->query = resolver_ask(a->env->resolver, to->host, to->port, to->family, on_resolved, name);
        if (name->query == NULL)
            return false;
    }
    a->pairs = (struct assoc_pairs){.via = a->peer->via,
                                    .n_via = a->peer->n_via,
                                    .targets = a->targets,
                                    .n_targets = n,
                                    .first_stack = a->options.first_stack,
                                    .first_remote = a->options.first_remote};
    if (n == 0)
        fail(a, ASSOC_RESOLVE, "nothing says where the peer can be called", "its block has no `connect`");
    return true;
}

void call_names_free(struct assoc *a) {
    for (size_t k = 0; k < a->n_targets; k++) {
        resolver_cancel(a->names[k].query);
        a->names[k].query = NULL;
    }
}

// What the options point to is copied. Memory short: the addresses are tried in their order.
static void keep_options(struct assoc *a) {
    struct assoc_call_options *o = &a->options;
    if (o->recover != NULL) {
        a->recovering = true;
        a->lost = *o->recover;
        o->recover = NULL;
    }
    o->n_arrived = o->n_arrived < ASSOC_ARRIVED ? o->n_arrived : ASSOC_ARRIVED;
    for (size_t k = 0; k < o->n_arrived; k++)
        a->arrived[k] = o->arrived[k];
    o->arrived = a->arrived;
    o->first_stack = o->first_stack == NULL ? NULL : arena_strdup(&a->arena, o->first_stack);
    o->first_remote = o->first_remote == NULL ? NULL : arena_strdup(&a->arena, o->first_remote);
    if (o->connect_timeout_ms == 0)
        o->connect_timeout_ms = CONNECT_MS;
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
    char why[ASSOC_TEXT];
    if (cannot_start(a, AF_UNSPEC, why)) {
        a->all_tried = true;
        name_called(a);
        fail(a, ASSOC_RESOLVE, why, SOURCES);
    } else if (!resolve(a)) {
        assoc_free(a);
        return NULL;
    }
    return a;
}

// ---- connecting ----

// The failure so far was not the last: it is told, and forgotten.
static void tell_failed(struct assoc *a) {
    if (a->failed && a->options.attempt_failed != NULL)
        a->options.attempt_failed(a->ctx, &a->failure);
    a->over = a->failed = false;
}

// Before the first pair is tried.
static void tell_resolved(struct assoc *a, const struct net_address *first) {
    char detail[ASSOC_TEXT], text[NET_ADDRESS_TEXT];
    size_t n = 0;
    for (size_t k = 0; k < a->n_targets; k++)
        n += a->targets[k].n;
    snprintf(detail, sizeof detail, "%s%s", net_address_text(first, text), n > 1 ? " and others" : "");
    assoc_step_done(a, ASSOC_RESOLVE, detail);
}

static void name_failed(struct assoc *a, const struct assoc_target *t) {
    tell_failed(a);
    a->step = ASSOC_RESOLVE;
    a->stack_conf = NULL;
    a->local_text[0] = 0;
    snprintf(a->remote_text, sizeof a->remote_text, "%s", a->names[t - a->targets].host);
    assoc_failure_set(a, &a->failure, ASSOC_RESOLVE, false, t->error,
                      "the name is misspelt, or missing in DNS and the hosts file");
    a->failed = true;
}

// Where bind-back is configured, busy is mostly said to what this stack declared: before its other addresses come the
// other stacks, and for the last of them all addresses.
static bool was_busy(const struct assoc *a, const struct conf_stack *s) {
    return s == a->busy && s != a->peer->via[a->peer->n_via - 1];
}

// True: it is under way. False: it failed at once, or no call over this stack can be made to this family.
static bool try_pair(struct assoc *a, const struct assoc_pair *p) {
    struct net_address source;
    bool has = false;
    char error[160], why[ASSOC_TEXT];
    const struct assoc_stack *s = assoc_stack_find(a->env->stacks, p->stack->name);
    if (s == NULL || was_busy(a, p->stack) ||
        assoc_stack_source_to(s, a->peer, p->remote, a->arrived, a->options.n_arrived, &source, &has, why) != ERR_OK)
        return false;
    tell_failed(a);
    if (a->n_tried++ == 0)
        tell_resolved(a, p->remote);
    a->step = ASSOC_CONNECT;
    a->stack_conf = p->stack;
    snprintf(a->source_from, sizeof a->source_from, "%.60s", why);
    a->remote = *p->remote;
    a->local = (struct net_address){0};
    a->local_text[0] = 0;
    net_address_text(&a->remote, a->remote_text);
    if (has)
        net_address_host_text(&source, a->local_text);
    struct tcp_params params = {.source = has ? &source : NULL, .connect_ms = assoc_ms(a->options.connect_timeout_ms)};
    a->tcp = tcp_connect(a->env->loop, &a->remote, &params, assoc_tcp_user(), a, error);
    if (a->tcp != NULL) {
        a->local = *tcp_local(a->tcp); // who follows addresses drops the call when this one goes
        net_address_host_text(&a->local, a->local_text);
        return true;
    }
    int err = errno;
    assoc_failure_set(a, &a->failure, ASSOC_CONNECT, false, error,
                      err_is_shortage(err) ? "this machine or the limits of the daemon, not the peer"
                      : err == ENETUNREACH || err == EHOSTUNREACH
                          ? "this machine has no route there: see `ip route get`"
                      : has ? "the source address is not on this machine, or no call may leave from it"
                            : "");
    a->failure.reason = err;
    a->failed = true;
    return false;
}

// Not one pair was tried although there are addresses: which stack lacks what.
static void nothing_tried(struct assoc *a) {
    bool v4 = false, v6 = false;
    for (size_t t = 0; t < a->n_targets; t++)
        for (size_t k = 0; k < a->targets[t].n; k++)
            *(a->targets[t].addresses[k].sa.sa_family == AF_INET6 ? &v6 : &v4) = true;
    char why[ASSOC_TEXT];
    if ((!v4 && !v6) || !cannot_start(a, v4 && v6 ? AF_UNSPEC : v6 ? AF_INET6 : AF_INET, why))
        return;
    tell_failed(a);
    name_called(a);
    a->local_text[0] = 0;
    a->stack_conf = NULL;
    assoc_failure_set(a, &a->failure, ASSOC_RESOLVE, false, why, SOURCES);
    a->failed = true;
}

bool call_try_next(struct assoc *a) {
    while (!a->all_tried) {
        struct assoc_pair pair;
        const struct assoc_target *name;
        switch (assoc_pairs_next(&a->pairs, &pair, &name)) {
        case ASSOC_PAIRS_PAIR:
            if (try_pair(a, &pair))
                return true;
            break;
        case ASSOC_PAIRS_NAME: name_failed(a, name); break;
        case ASSOC_PAIRS_WAIT:
            a->waiting = true;
            a->over = false;
            return true;
        case ASSOC_PAIRS_END:
            a->all_tried = true;
            if (a->n_tried == 0)
                nothing_tried(a);
        }
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

// Normal mode, and peers that are configured with bind-back: all others see what they always saw.
static void tell_back(const struct assoc *a, struct stack_params *p, char text[ASSOC_BACK_TEXT]) {
    const struct conf_endpoint *to = &a->stack_conf->bind_back;
    if (p->mode != RTSE_NORMAL || a->recovering)
        return;
    if (a->options.bind_back)
        p->implementation_information = bytes_str(assoc_back_mark);
    else if (a->peer->bind_back != CONF_BIND_BACK_NONE && to->host != NULL &&
             assoc_back_declare(to->host, to->family, to->port, text) == ERR_OK)
        p->implementation_information = bytes_str(text);
}

void call_connected(struct assoc *a) {
    struct stack_params p;
    char back[ASSOC_BACK_TEXT];
    struct buf argument = {0};
    a->local = *tcp_local(a->tcp);
    net_address_text(&a->local, a->local_text);
    char detail[ASSOC_TEXT];
    snprintf(detail, sizeof detail, "%s to %s (source: %s)", a->local_text, a->remote_text, a->source_from);
    assoc_step_done(a, ASSOC_CONNECT, detail);
    struct bind_info info = {.form = BIND_NONE};
    if (a->peer->local.name != NULL)
        info = assoc_bind_ours(a->peer, a->peer->mode == CONF_X410_1984);
    stack_params_of(a, &p);
    tell_back(a, &p, back);
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
    if (error == BIND_BUSY && a->peer->bind_back != CONF_BIND_BACK_NONE && !a->options.bind_back)
        a->busy = a->stack_conf;
    f.reason = error;
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
    call_names_free(a);
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
