// SPDX-License-Identifier: BSD-2-Clause
// `x400 ping`: one association with a peer of the configuration or with any address, step by step, each with the time
// since the one before and what was negotiated; then it is released. Needs no daemon, and sends no message.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assoc/assoc.h"
#include "base/err.h"
#include "cli/ping_peer.h"
#include "cli/table.h"

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
    {.name = "no-credentials", .help = "bind without name and password"},
    {.name = "timeout", .value = "SECONDS", .help = "for all of it (30)"},
    {.name = "json", .help = "steps and result as JSON"},
    {0}};

struct ping {
    struct cli *c;
    struct loop *loop;
    struct assoc *assoc;
    uint64_t begun_ms, before_ms;
    json_t *steps;  // NULL: print them as they come
    json_t *failed; // attempts before the last
    bool open, ended, late;
    struct assoc_failure failure; // text "" when there was none
};

// ---- what happens ----

static void show_step(struct ping *p, const char *name, uint64_t ms, const char *detail) {
    const struct cli *c = p->c;
    fprintf(c->out, "%s%-14s%s %6llu ms  %s\n", paint_on(c, PAINT_GOOD), name, paint_off(c, PAINT_GOOD),
            (unsigned long long)ms, text_clean(c->arena, detail));
    fflush(c->out);
}

static void on_step(void *ctx, enum assoc_step s, uint64_t at_ms, const char *detail) {
    struct ping *p = ctx;
    (void)at_ms; // the loop's clock stands still within a turn
    uint64_t now = clock_mono_ms(), ms = now - p->before_ms;
    p->before_ms = now;
    if (p->steps == NULL)
        show_step(p, assoc_step_text(s), ms, detail);
    else
        json_array_append_new(p->steps, json_pack("{s:s, s:I, s:s}", "step", assoc_step_text(s), "ms", (json_int_t)ms,
                                                  "detail", detail == NULL ? "" : detail));
}

static json_t *failure_json(const struct assoc_failure *f) {
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:i}", "step", assoc_step_text(f->step), "text", f->text, "cause",
                     f->cause, "local", f->local, "remote", f->remote, "by_peer", (int)f->by_peer, "reason", f->reason);
}

static void show_failure(const struct ping *p, const struct assoc_failure *f) {
    const struct cli *c = p->c;
    bool named = f->remote[0] == 0 || strstr(f->text, f->remote) != NULL;
    fprintf(c->out, "%s%-14s%s %6llu ms  %s%s%s\n", paint_on(c, PAINT_BAD), assoc_step_text(f->step),
            paint_off(c, PAINT_BAD), (unsigned long long)(clock_mono_ms() - p->before_ms),
            text_clean(c->arena, f->text), named ? "" : ": ", named ? "" : f->remote);
    if (f->cause[0] != 0)
        fprintf(c->out, "%-14s            likely: %s\n", "", text_clean(c->arena, f->cause));
    fflush(c->out);
}

static void on_attempt_failed(void *ctx, const struct assoc_failure *f) {
    struct ping *p = ctx;
    if (p->steps == NULL)
        show_failure(p, f);
    else
        json_array_append_new(p->failed, failure_json(f));
    p->before_ms = clock_mono_ms();
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
    p->late = true;
    if (p->assoc != NULL)
        assoc_abort(p->assoc, RTSE_ABORT_TEMPORARY_PROBLEM);
    loop_stop(p->loop);
}

// ---- the whole ----

static int result(struct ping *p, int64_t seconds) {
    const struct cli *c = p->c;
    bool ok = p->open && p->failure.text[0] == 0 && !p->late;
    uint64_t total = clock_mono_ms() - p->begun_ms;
    if (p->steps != NULL) {
        json_t *v = json_pack("{s:b, s:I, s:b, s:O, s:O}", "ok", (int)ok, "ms", (json_int_t)total, "timeout",
                              (int)p->late, "steps", p->steps, "failed_attempts", p->failed);
        if (p->failure.text[0] != 0)
            json_object_set_new(v, "failure", failure_json(&p->failure));
        cli_print_json(c, v);
        json_decref(v);
    } else if (ok)
        show_step(p, "released", clock_mono_ms() - p->before_ms,
                  arena_printf(c->arena, "in order; %llu ms in all", (unsigned long long)total));
    else if (p->failure.text[0] != 0)
        show_failure(p, &p->failure);
    if (p->late)
        cli_fail(c, "no answer within %lld s", (long long)seconds);
    return ok ? CLI_DONE : CLI_FAILED;
}

static int run(struct ping *p, const struct conf_peer *peer, int64_t seconds) {
    static const struct assoc_user user = {.step = on_step, .open = on_open, .ended = on_ended};
    struct assoc_call_options o = {.attempt_failed = on_attempt_failed};
    struct assoc_env env = {.loop = p->loop, .resolver = resolver_new(p->loop)};
    struct loop_timer *timer = loop_timer_new(p->loop, on_late, p);
    p->begun_ms = p->before_ms = clock_mono_ms();
    if (env.resolver != NULL && timer != NULL)
        p->assoc = assoc_call(&env, peer, &o, &user, p);
    int status = p->assoc == NULL ? cli_fail(p->c, "the call cannot be made: memory is short, or the resolver's "
                                                   "configuration is unusable")
                                  : CLI_DONE;
    if (status == CLI_DONE) {
        loop_timer_in(timer, (uint64_t)seconds * 1000);
        loop_run(p->loop);
        if (!p->ended) // out of time: the abort is given a moment to leave
            loop_run_for(p->loop, 200);
        status = result(p, seconds);
    }
    loop_timer_free(timer);
    resolver_free(env.resolver);
    return status;
}

int ping_run(struct cli *c, const struct args *a) {
    int64_t seconds = 30;
    struct ping_peer pp;
    struct ping p = {.c = c};
    int status = args_number(c, a, "timeout", 1, 3600, &seconds);
    if (status != CLI_DONE || (status = ping_peer_make(c, a, &pp)) != CLI_DONE)
        return status;
    if (args_has(a, "json")) {
        p.steps = json_array();
        p.failed = json_array();
    }
    p.loop = loop_new();
    status = p.loop == NULL ? cli_fail(c, "no event loop: %s", strerror(errno)) : run(&p, pp.peer, seconds);
    loop_free(p.loop);
    json_decref(p.steps);
    json_decref(p.failed);
    ping_peer_free(&pp);
    return status;
}
