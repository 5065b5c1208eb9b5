// SPDX-License-Identifier: BSD-2-Clause
// `x400 show events`: what happened last, from the daemon's memory, and what happens next.
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/table.h"

enum { SHOWN = 20, FOLLOW_MS = 1000 };

const struct option show_events_options[] = {
    {.name = "last", .letter = 'n', .value = "N", .help = "the last N events (20); the daemon keeps 1,000"},
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

// Prints the last n; the number of the very last.
static int64_t print_events(const struct cli *c, const json_t *v, size_t n, bool json) {
    size_t all = json_array_size(v);
    for (size_t k = all > n ? all - n : 0; k < all; k++)
        print_event(c, json_array_get(v, k), json);
    return all == 0 ? 0 : json_number(json_array_get(v, all - 1), "seq");
}

int show_events_run(struct cli *c, const struct args *a) {
    int64_t n = SHOWN, seq = 0;
    struct client d;
    bool follow = args_has(a, "follow"), json = args_has(a, "json");
    int status = args_number(c, a, "last", 0, 1000, &n);
    if (status != CLI_DONE || (status = client_open(&d, c, a, CLIENT_STATUS)) != CLI_DONE)
        return status;
    struct arena *whole = c->arena, once = {0};
    c->arena = &once; // following may take days
    for (bool first = true; status == CLI_DONE && (first || follow); first = false) {
        if (!first)
            usleep(FOLLOW_MS * 1000);
        json_t *v = ask(&d, seq);
        if (v != NULL) {
            int64_t last = print_events(c, v, first ? (size_t)n : 1000, json);
            seq = last > seq ? last : seq;
        }
        status = v == NULL || fflush(c->out) != 0 ? CLI_FAILED : CLI_DONE;
        json_decref(v);
        arena_free(&once);
    }
    c->arena = whole;
    client_close(&d);
    return status;
}
