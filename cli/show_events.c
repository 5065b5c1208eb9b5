// SPDX-License-Identifier: BSD-2-Clause
// `x400 show events`: what happened last, from the daemon's memory, and what happens next.
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/table.h"

enum { SHOWN = 20, KEPT = 1000, FOLLOW_MS = 1000 };

struct wanted { // NULL, 0: whatever it is
    const char *peer, *stack;
    const char **ids;
    size_t n_ids;
    int64_t after, last;
};

const struct option show_events_options[] = {
    {.name = "last", .letter = 'n', .value = "N", .help = "the last N events (20); the daemon keeps 1,000"},
    {.name = "after", .value = "SEQ", .help = "only those behind this one (seq of --json), all of them"},
    {.name = "peer", .value = "NAME", .help = "only of this peer"},
    {.name = "stack", .value = "NAME", .help = "only of this stack"},
    {.name = "id", .value = "N", .help = "only with this number; may be given several times"},
    {.name = "follow", .help = "go on with new ones until interrupted"},
    {0}};

static enum paint level_paint(const char *level) {
    return strcmp(level, "error") == 0     ? PAINT_BAD
           : strcmp(level, "warning") == 0 ? PAINT_WARN
           : strcmp(level, "debug") == 0   ? PAINT_DIM
                                           : PAINT_NONE;
}

// The daemon writes UTC, "2026-11-20T10:34:36.123Z".
static const char *local_time(const struct cli *c, const char *utc) {
    struct tm tm = {0};
    const char *end = strptime(utc, "%Y-%m-%dT%H:%M:%S", &tm);
    return end == NULL ? utc : text_time(c, (int64_t)timegm(&tm) * 1000);
}

static void print_event(const struct cli *c, const json_t *e, bool json) {
    enum paint paint = level_paint(json_text(e, "level"));
    if (json) { // a line each, so that a stream of them can be read
        json_dumpf(e, c->out, JSON_COMPACT);
        fputc('\n', c->out);
        return;
    }
    fprintf(c->out, "%s  %s%5lld %-7s %s%s\n", text_clean(c->arena, local_time(c, json_text(e, "time"))),
            paint_on(c, paint), (long long)json_number(e, "id"), text_clean(c->arena, json_text(e, "level")),
            text_clean(c->arena, json_text(e, "text")), paint_off(c, paint));
}

static json_t *ask(struct client *d, int64_t after) {
    return client_ask(d, json_pack("{s:s, s:s, s:I}", "cmd", "show", "what", "events", "after", (json_int_t)after), -1,
                      NULL);
}

static bool is_wanted(const struct wanted *w, const json_t *e) {
    bool listed = w->n_ids == 0;
    for (size_t k = 0; k < w->n_ids && !listed; k++)
        listed = strtoll(w->ids[k], NULL, 10) == json_number(e, "id");
    return listed && (w->peer == NULL || strcmp(w->peer, json_text(e, "peer")) == 0) &&
           (w->stack == NULL || strcmp(w->stack, json_text(e, "stack")) == 0);
}

// Prints the last n of those that are wanted; the number of the very last.
static int64_t print_events(const struct cli *c, const struct wanted *w, const json_t *v, size_t n, bool json) {
    size_t all = json_array_size(v), from = all;
    for (size_t found = 0; from > 0 && found < n; from--)
        found += is_wanted(w, json_array_get(v, from - 1));
    for (size_t k = from; k < all; k++)
        if (is_wanted(w, json_array_get(v, k)))
            print_event(c, json_array_get(v, k), json);
    return all == 0 ? 0 : json_number(json_array_get(v, all - 1), "seq");
}

static int read_wanted(const struct cli *c, const struct args *a, struct wanted *w) {
    *w = (struct wanted){
        .peer = args_get(a, "peer"), .stack = args_get(a, "stack"), .last = args_has(a, "after") ? KEPT : SHOWN};
    w->ids = args_all(c, a, "id", &w->n_ids);
    for (size_t k = 0; k < w->n_ids; k++)
        if (w->ids[k][0] == 0 || strspn(w->ids[k], "0123456789") != strlen(w->ids[k]))
            return cli_usage(c, "--id wants the number of an event, such as 9318: \"%s\"", w->ids[k]);
    int status = args_number(c, a, "last", 0, KEPT, &w->last);
    return status != CLI_DONE ? status : args_number(c, a, "after", 0, INT64_MAX, &w->after);
}

int show_events_run(struct cli *c, const struct args *a) {
    struct wanted w;
    struct client d;
    bool follow = args_has(a, "follow"), json = args_has(a, "json");
    int status = read_wanted(c, a, &w);
    if (status != CLI_DONE || (status = client_open(&d, c, a, CLIENT_STATUS)) != CLI_DONE)
        return status;
    struct arena *whole = c->arena, once = {0};
    c->arena = &once; // following may take days
    for (bool first = true; status == CLI_DONE && (first || follow); first = false) {
        if (!first)
            usleep(FOLLOW_MS * 1000);
        json_t *v = ask(&d, w.after);
        if (v != NULL) {
            int64_t last = print_events(c, &w, v, first ? (size_t)w.last : KEPT, json);
            w.after = last > w.after ? last : w.after;
        }
        status = v == NULL || fflush(c->out) != 0 ? CLI_FAILED : CLI_DONE;
        json_decref(v);
        arena_free(&once);
    }
    c->arena = whole;
    client_close(&d);
    return status;
}
