// SPDX-License-Identifier: BSD-2-Clause
// `x400 ping`: one association with a peer of the configuration or with any address, step by step, each with the time
// since the one before and what was negotiated; then it is released. Needs no daemon, and sends no message.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assoc/stacks.h"
#include "base/err.h"
#include "cli/ping_peer.h"
#include "cli/ping_steps.h"
#include "cli/table.h"

static const char *const dialogues[] = {"monologue", "two-way-alternate", NULL};
const struct option ping_options[] = {
    {.name = "file", .letter = 'f', .value = "FILE", .help = "the configuration (" X400D_SYSCONFDIR "/x400d.conf)"},
    {.name = "called-tsel",
     .value = "SEL",
     .help = "selectors of the peer: a text, 0xHEX, none,\nor nothing for one that is present and empty"},
    {.name = "called-ssel", .value = "SEL", .help = "the session selector"},
    {.name = "called-psel", .value = "SEL", .help = "the presentation selector"},
    {.name = "calling-tsel", .value = "SEL", .help = "our own selectors"},
    {.name = "calling-ssel", .value = "SEL", .help = "the session selector"},
    {.name = "calling-psel", .value = "SEL", .help = "the presentation selector"},
    {.name = "source", .value = "ADDR", .help = "the local address to call from"},
    {.name = "local-name", .value = "NAME", .help = "our MTA name in the bind"},
    {.name = "local-password-file", .value = "FILE", .help = "our password, its first line"},
    {.name = "remote-name", .value = "NAME", .help = "the MTA name that the peer must show"},
    {.name = "remote-password-file", .value = "FILE", .help = "and its password"},
    {.name = "no-credentials", .help = "bind without name and password"},
    {.name = "mode", .value = "MODE", .help = "normal, x410-1988 or x410-1984", .choices = conf_protocol_words},
    {.name = "dialogue", .value = "WORD", .help = "monologue or two-way-alternate", .choices = dialogues},
    {.name = "checkpoint", .value = "K", .help = "K octets between checkpoints to propose, 0: none"},
    {.name = "window", .value = "N", .help = "checkpoints without an answer to propose"},
    {.name = "try-modes", .help = "every mode in turn: which does the peer speak?"},
    {.name = "timeout", .value = "SECONDS", .help = "for all of it, or each mode (30)"},
    {.name = "json", .help = "steps and result as JSON"},
    {0}};

struct ping {
    struct cli *c;
    struct loop *loop;
    struct assoc_stack **stacks; // that the peer is called over
    size_t n_stacks;
    struct assoc *assoc;
    int64_t seconds; // for all of it
    uint64_t begun_ms, before_ms;
    json_t *steps;  // NULL: print them as they come
    json_t *failed; // attempts before the last
    json_t *result; // at the end
    enum conf_protocol mode;
    enum assoc_step at; // the step that is under way
    char remote[NET_ADDRESS_TEXT];
    struct loop_timer *tick;
    bool waiting; // a line that says so is on the terminal
    bool open, ended, late;
    struct assoc_failure failure; // text "" when there was none
};

enum { TICK_MS = 1000, RESOLVE_MS = 10000 };

// ---- what happens ----

static void clear_waiting(struct ping *p) {
    if (p->waiting)
        fputs("\r\033[K", p->c->out);
    p->waiting = false;
}

// On a terminal, a step that takes its time is seen to.
static void on_tick(void *ctx) {
    struct ping *p = ctx;
    uint64_t ms = clock_mono_ms() - p->before_ms;
    loop_timer_in(p->tick, TICK_MS);
    if (ms < 2 * TICK_MS)
        return;
    clear_waiting(p);
    p->waiting = true;
    fprintf(p->c->out, "%-14s %6llu ms  waiting", p->open ? "release" : assoc_step_text(p->at), (unsigned long long)ms);
    fflush(p->c->out);
}

static void show_step(struct ping *p, const char *name, uint64_t ms, const char *detail) {
    const struct cli *c = p->c;
    clear_waiting(p);
    fprintf(c->out, "%s%-14s%s %6llu ms  %s\n", paint_on(c, PAINT_GOOD), name, paint_off(c, PAINT_GOOD),
            (unsigned long long)ms, text_clean(c->arena, detail));
    fflush(c->out);
}

// Presentation and association control do not exist in X.410 mode.
static void show_unused(struct ping *p) {
    const struct cli *c = p->c;
    for (enum assoc_step s = ASSOC_PRESENTATION; s <= ASSOC_ASSOCIATION; s++)
        if (p->steps == NULL)
            fprintf(c->out, "%-14s %6s     not in X.410 mode\n", assoc_step_text(s), "-");
        else
            json_array_append_new(p->steps, json_pack("{s:s, s:b}", "step", assoc_step_text(s), "used", 0));
}

static void on_step(void *ctx, enum assoc_step s, uint64_t at_ms, const char *detail) {
    struct ping *p = ctx;
    (void)at_ms; // the loop's clock stands still within a turn
    uint64_t now = clock_mono_ms(), ms = now - p->before_ms;
    p->before_ms = now;
    p->at = s < ASSOC_OPEN ? s + 1 : s;
    const char *text = ping_step_text(p->c->arena, p->assoc, s, detail);
    if (s == ASSOC_RESOLVE) // "192.0.2.7:102 and others"
        snprintf(p->remote, sizeof p->remote, "%.*s", (int)strcspn(detail, " "), detail);
    else if (s == ASSOC_CONNECT)
        snprintf(p->remote, sizeof p->remote, "%s", assoc_remote(p->assoc));
    else if (s == ASSOC_RTSE && assoc_negotiated(p->assoc)->rtse.mode == RTSE_X410)
        show_unused(p);
    if (p->steps == NULL)
        show_step(p, assoc_step_text(s), ms, text == NULL ? "" : text);
    else
        json_array_append_new(p->steps, json_pack("{s:s, s:b, s:I, s:s, s:o}", "step", assoc_step_text(s), "used", 1,
                                                  "ms", (json_int_t)ms, "detail", text == NULL ? "" : text,
                                                  "negotiated", ping_step_json(p->assoc, s)));
}

static json_t *failure_json(const struct assoc_failure *f) {
    static const char *const kinds[] = {
        [STACK_FAILED] = "failed",         [STACK_REFUSED] = "refused",  [STACK_ABORTED] = "aborted",
        [STACK_BROKEN] = "protocol-error", [STACK_SILENT] = "no-answer", [STACK_CLOSED] = "closed"};
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:i}", "step", assoc_step_text(f->step), "text", f->text,
                     "cause", f->cause, "configured", f->configured, "kind", kinds[f->how], "local", f->local, "remote",
                     f->remote, "by_peer", (int)f->by_peer, "reason", f->reason);
}

static void show_failure(struct ping *p, const struct assoc_failure *f) {
    const struct cli *c = p->c;
    clear_waiting(p);
    // What stops at resolving is about a name, which the text has, or about our own stacks.
    bool named = f->remote[0] == 0 || f->step == ASSOC_RESOLVE || strstr(f->text, f->remote) != NULL;
    fprintf(c->out, "%s%-14s%s %6llu ms  %s%s%s\n", paint_on(c, PAINT_BAD), assoc_step_text(f->step),
            paint_off(c, PAINT_BAD), (unsigned long long)(clock_mono_ms() - p->before_ms),
            text_clean(c->arena, f->text), named ? "" : ": ", named ? "" : f->remote);
    if (f->cause[0] != 0)
        fprintf(c->out, "%-14s            likely: %s\n", "", text_clean(c->arena, f->cause));
    if (f->configured[0] != 0)
        fprintf(c->out, "%-14s            configured: %s\n", "", text_clean(c->arena, f->configured));
    fflush(c->out);
}

static void on_attempt_failed(void *ctx, const struct assoc_failure *f) {
    struct ping *p = ctx;
    if (p->steps == NULL)
        show_failure(p, f);
    else
        json_array_append_new(p->failed, failure_json(f));
    p->before_ms = clock_mono_ms();
    p->at = ASSOC_CONNECT;
}

static void on_open(void *ctx) {
    struct ping *p = ctx;
    p->open = true;
    assoc_close(p->assoc);
}

static void on_ended(void *ctx, const struct assoc_failure *f) {
    struct ping *p = ctx;
    p->assoc = NULL;
    p->ended = true;
    if (f != NULL)
        p->failure = *f;
    loop_stop(p->loop);
}

static void on_late(void *ctx) {
    struct ping *p = ctx;
    const struct assoc_failure *known = p->assoc == NULL ? NULL : assoc_failed(p->assoc);
    p->late = known == NULL;
    if (known != NULL) // only the peer's hanging up is missing
        p->failure = *known;
    else {
        p->failure = (struct assoc_failure){.step = p->at, .how = STACK_SILENT, .reason = -1};
        memcpy(p->failure.remote, p->remote, sizeof p->remote);
        snprintf(p->failure.text, sizeof p->failure.text, "no answer within %lld s", (long long)p->seconds);
        if (p->assoc != NULL)
            assoc_explain(p->assoc, &p->failure);
    }
    if (p->assoc != NULL)
        assoc_abort(p->assoc, RTSE_ABORT_TEMPORARY_PROBLEM);
    loop_stop(p->loop);
}

// ---- the whole ----

static bool done(const struct ping *p) {
    return p->open && p->failure.text[0] == 0 && !p->late;
}

// Something took the TCP connection.
static bool reached(const struct ping *p) {
    return p->open || p->failure.step > ASSOC_CONNECT;
}

// The peer knows this mode, if only to refuse us in it.
static bool speaks(const struct ping *p) {
    return p->open || p->failure.step >= ASSOC_BIND ||
           (p->failure.step == ASSOC_RTSE && p->failure.how == STACK_REFUSED);
}

static void tell(struct ping *p) {
    const struct cli *c = p->c;
    uint64_t total = clock_mono_ms() - p->begun_ms;
    if (p->steps != NULL) {
        if (done(p))
            json_array_append_new(p->steps, json_pack("{s:s, s:b, s:I, s:s, s:{}}", "step", "release", "used", 1, "ms",
                                                      (json_int_t)(clock_mono_ms() - p->before_ms), "detail",
                                                      "in order", "negotiated"));
        p->result =
            json_pack("{s:b, s:s, s:I, s:b, s:O, s:O}", "ok", (int)done(p), "mode", conf_protocol_words[p->mode], "ms",
                      (json_int_t)total, "timeout", (int)p->late, "steps", p->steps, "failed_attempts", p->failed);
        if (p->failure.text[0] != 0)
            json_object_set_new(p->result, "failure", failure_json(&p->failure));
    } else if (done(p))
        show_step(p, "released", clock_mono_ms() - p->before_ms,
                  arena_printf(c->arena, "in order; %llu ms in all", (unsigned long long)total));
    else if (p->failure.text[0] != 0)
        show_failure(p, &p->failure);
}

// ---- the stacks that it is called over ----

static int stacks_new(struct ping *p, struct assoc_env *env, const struct conf_peer *peer) {
    static const struct assoc_stack_user nobody = {0};
    env->stacks = env->resolver == NULL ? NULL : assoc_stacks_new(p->loop, env->resolver);
    p->stacks = arena_alloc(p->c->arena, peer->n_via * sizeof(struct assoc_stack *));
    if (env->stacks == NULL || p->stacks == NULL || assoc_stacks_follow(env->stacks, peer->source.host) != ERR_OK)
        return ERR_NOMEM;
    for (; p->n_stacks < peer->n_via; p->n_stacks++) {
        p->stacks[p->n_stacks] =
            assoc_stack_new(env, peer->via[p->n_stacks], &(struct assoc_stack_options){0}, &nobody, NULL);
        if (p->stacks[p->n_stacks] == NULL)
            return ERR_NOMEM;
    }
    for (uint64_t end = clock_mono_ms() + RESOLVE_MS; assoc_stacks_starting(env->stacks) && clock_mono_ms() < end;)
        loop_run_for(p->loop, 10);
    return ERR_OK;
}

static void stacks_free(struct ping *p, struct assoc_env *env) {
    while (p->n_stacks > 0)
        assoc_stack_free(p->stacks[--p->n_stacks]);
    assoc_stacks_free(env->stacks);
}

static int run(struct ping *p, const struct conf_peer *peer) {
    static const struct assoc_user user = {.step = on_step, .open = on_open, .ended = on_ended};
    struct assoc_call_options o = {.attempt_failed = on_attempt_failed};
    struct assoc_env env = {.loop = p->loop, .resolver = resolver_new(p->loop)};
    struct loop_timer *timer = loop_timer_new(p->loop, on_late, p);
    p->tick = p->steps == NULL && p->c->out_terminal ? loop_timer_new(p->loop, on_tick, p) : NULL;
    p->begun_ms = p->before_ms = clock_mono_ms();
    if (stacks_new(p, &env, peer) == ERR_OK && timer != NULL)
        p->assoc = assoc_call(&env, peer, &o, &user, p);
    int status = p->assoc == NULL ? cli_fail(p->c, "the call cannot be made: memory is short, or the resolver's "
                                                   "configuration is unusable")
                                  : CLI_DONE;
    if (status == CLI_DONE) {
        loop_timer_in(timer, (uint64_t)p->seconds * 1000);
        if (p->tick != NULL)
            loop_timer_in(p->tick, TICK_MS);
        loop_run(p->loop);
        if (!p->ended) // out of time: the abort is given a moment to leave
            loop_run_for(p->loop, 200);
        if (p->assoc != NULL)
            assoc_drop(p->assoc);
        tell(p);
        status = done(p) ? CLI_DONE : CLI_FAILED;
    }
    loop_timer_free(p->tick);
    loop_timer_free(timer);
    stacks_free(p, &env);
    resolver_free(env.resolver);
    return status;
}

static int once(struct cli *c, const struct args *a, const struct ping_peer *pp, struct ping *p) {
    p->c = c;
    p->mode = pp->peer->mode;
    if (args_has(a, "json")) {
        p->steps = json_array();
        p->failed = json_array();
    }
    p->loop = loop_new();
    int status = p->loop == NULL ? cli_fail(c, "no event loop: %s", strerror(errno)) : run(p, pp->peer);
    loop_free(p->loop);
    json_decref(p->steps);
    json_decref(p->failed);
    return status;
}

static int try_modes(struct cli *c, const struct args *a, struct ping_peer *pp, int64_t seconds) {
    bool json = args_has(a, "json"), any = false, there = true;
    const char *configured = conf_protocol_words[pp->copy.mode], *spoken = "";
    json_t *all = json ? json_array() : NULL, *names = json ? json_array() : NULL;
    for (unsigned mode = 0; conf_protocol_words[mode] != NULL && there; mode++) {
        struct ping p = {.seconds = seconds};
        pp->copy.mode = (enum conf_protocol)mode;
        if (!json)
            title(c, arena_printf(c->arena, "mode %s", conf_protocol_words[mode]));
        any |= once(c, a, pp, &p) == CLI_DONE;
        there = reached(&p); // else it is not the mode, and the others would meet the same
        if (speaks(&p) && !json)
            spoken = arena_printf(c->arena, "%s%s%s%s", spoken, spoken[0] != 0 ? ", " : "", conf_protocol_words[mode],
                                  done(&p) ? "" : " (but it refuses us)");
        else if (speaks(&p))
            json_array_append_new(names, json_string(conf_protocol_words[mode]));
        if (json)
            json_array_append_new(all, p.result);
    }
    if (!json && !there)
        fprintf(c->out, "\nthe peer was not reached: what it speaks is not known\n");
    else if (!json)
        fprintf(c->out, "\nthe peer speaks: %s\nconfigured: mode %s\n", spoken[0] != 0 ? spoken : "none of them",
                configured);
    else {
        json_t *v = json_pack("{s:b, s:b, s:s, s:o, s:o}", "ok", (int)any, "reached", (int)there, "configured",
                              configured, "speaks", names, "modes", all);
        cli_print_json(c, v);
        json_decref(v);
    }
    return any ? CLI_DONE : CLI_FAILED;
}

int ping_run(struct cli *c, const struct args *a) {
    struct ping_peer pp;
    struct ping p = {.seconds = 30};
    int status = args_number(c, a, "timeout", 1, 3600, &p.seconds);
    if (status != CLI_DONE || (status = ping_peer_make(c, a, &pp)) != CLI_DONE)
        return status;
    if (args_has(a, "try-modes"))
        status = try_modes(c, a, &pp, p.seconds);
    else {
        status = once(c, a, &pp, &p);
        if (p.result != NULL)
            cli_print_json(c, p.result);
        json_decref(p.result);
    }
    ping_peer_free(&pp);
    return status;
}
