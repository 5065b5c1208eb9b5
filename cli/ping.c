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
    int64_t seconds; // for all of it
    uint64_t begun_ms, before_ms;
    json_t *steps;      // NULL: print them as they come
    json_t *failed;     // attempts before the last
    enum assoc_step at; // the step that is under way
    char remote[NET_ADDRESS_TEXT];
    struct loop_timer *tick;
    bool waiting; // a line that says so is on the terminal
    bool open, ended, late;
    struct assoc_failure failure; // text "" when there was none
};

enum { TICK_MS = 1000 };

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

static void on_step(void *ctx, enum assoc_step s, uint64_t at_ms, const char *detail) {
    struct ping *p = ctx;
    (void)at_ms; // the loop's clock stands still within a turn
    uint64_t now = clock_mono_ms(), ms = now - p->before_ms;
    p->before_ms = now;
    p->at = s < ASSOC_OPEN ? s + 1 : s;
    const char *to = s == ASSOC_CONNECT ? strstr(detail, " to ") : NULL;
    if (s == ASSOC_RESOLVE) // "192.0.2.7:102 and others"
        snprintf(p->remote, sizeof p->remote, "%.*s", (int)strcspn(detail, " "), detail);
    else if (to != NULL)
        snprintf(p->remote, sizeof p->remote, "%s", to + 4);
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

static void show_failure(struct ping *p, const struct assoc_failure *f) {
    const struct cli *c = p->c;
    clear_waiting(p);
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

static const char *late_cause(enum assoc_step at) {
    switch (at) {
    case ASSOC_RESOLVE: return "no name server answers: see /etc/resolv.conf";
    case ASSOC_CONNECT: return "a packet filter drops the connection, the machine is down, or the address is wrong";
    case ASSOC_TRANSPORT: return "what listens there does not speak RFC 1006, or only a firewall answers in its place";
    case ASSOC_OPEN: return "the peer does not confirm the release";
    default: return "the peer does not answer at this layer: its log may tell why";
    }
}

static void on_late(void *ctx) {
    struct ping *p = ctx;
    p->late = true;
    p->failure = (struct assoc_failure){.step = p->at, .bind_error = -1, .reason = -1};
    memcpy(p->failure.remote, p->remote, sizeof p->remote);
    snprintf(p->failure.text, sizeof p->failure.text, "no answer within %lld s", (long long)p->seconds);
    snprintf(p->failure.cause, sizeof p->failure.cause, "%s", late_cause(p->at));
    if (p->assoc != NULL)
        assoc_abort(p->assoc, RTSE_ABORT_TEMPORARY_PROBLEM);
    loop_stop(p->loop);
}

// ---- the whole ----

static int result(struct ping *p) {
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
    return ok ? CLI_DONE : CLI_FAILED;
}

static int run(struct ping *p, const struct conf_peer *peer) {
    static const struct assoc_user user = {.step = on_step, .open = on_open, .ended = on_ended};
    struct assoc_call_options o = {.attempt_failed = on_attempt_failed};
    struct assoc_env env = {.loop = p->loop, .resolver = resolver_new(p->loop)};
    struct loop_timer *timer = loop_timer_new(p->loop, on_late, p);
    p->tick = p->steps == NULL && p->c->out_terminal ? loop_timer_new(p->loop, on_tick, p) : NULL;
    p->begun_ms = p->before_ms = clock_mono_ms();
    if (env.resolver != NULL && timer != NULL)
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
        status = result(p);
    }
    loop_timer_free(p->tick);
    loop_timer_free(timer);
    resolver_free(env.resolver);
    return status;
}

int ping_run(struct cli *c, const struct args *a) {
    struct ping_peer pp;
    struct ping p = {.c = c, .seconds = 30};
    int status = args_number(c, a, "timeout", 1, 3600, &p.seconds);
    if (status != CLI_DONE || (status = ping_peer_make(c, a, &pp)) != CLI_DONE)
        return status;
    if (args_has(a, "json")) {
        p.steps = json_array();
        p.failed = json_array();
    }
    p.loop = loop_new();
    status = p.loop == NULL ? cli_fail(c, "no event loop: %s", strerror(errno)) : run(&p, pp.peer);
    loop_free(p.loop);
    json_decref(p.steps);
    json_decref(p.failed);
    ping_peer_free(&pp);
    return status;
}
