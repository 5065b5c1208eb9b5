// SPDX-License-Identifier: BSD-2-Clause
// `x400 trace`: asks the daemon for the lines of a trace again and again, and prints them; see mta/trace.c.
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/table.h"

static const char *const layers[] = {"transport", "session", "presentation", "association", "rtse", "bind", "p1", NULL};
const struct option trace_options[] = {
    {.name = "layer",
     .letter = 'l',
     .value = "LAYER",
     .help =
         "transport, session, presentation, association, rtse, bind\nor p1; may be given several times (all of them)",
     .choices = layers},
    {.name = "off", .help = "end every trace of this peer, of other sessions too"},
    {0}};

static void print_time(const struct cli *c, int64_t ms) {
    time_t s = ms / 1000;
    struct tm tm;
    char text[16];
    if (localtime_r(&s, &tm) != NULL && strftime(text, sizeof text, "%H:%M:%S", &tm) > 0)
        fprintf(c->out, "%s.%03d ", text, (int)(ms % 1000));
}

static void print_line(const struct cli *c, const json_t *l, bool json) {
    if (json) {
        json_dumpf(l, c->out, JSON_COMPACT);
        fputc('\n', c->out);
        return;
    }
    const char *way = json_text(l, "way"), *text = json_text(l, "text");
    bool bad = strstr(text, "MALFORMED") != NULL || strstr(text, "not allowed") != NULL;
    enum paint paint = bad ? PAINT_BAD : strcmp(way, "state") == 0 ? PAINT_DIM : PAINT_NONE;
    print_time(c, json_number(l, "time"));
    fprintf(c->out, "%s %s %s%-12s %s%s\n", text_clean(c->arena, json_text(l, "remote")),
            strcmp(way, "sent") == 0       ? "→"
            : strcmp(way, "received") == 0 ? "←"
                                           : " ",
            paint_on(c, paint), text_clean(c->arena, json_text(l, "layer")), text_clean(c->arena, text),
            paint_off(c, paint));
}

// One answer's lines. False: the trace is over.
static bool print_lines(struct cli *c, const json_t *v, bool json) {
    size_t k;
    const json_t *l, *list = json_object_get(v, "lines");
    int64_t dropped = json_number(v, "dropped");
    json_array_foreach((json_t *)list, k, l) print_line(c, l, json);
    if (dropped > 0)
        cli_fail(c, "%lld lines were dropped: they came faster than they were shown", (long long)dropped);
    return json_is_true(json_object_get(v, "on")) && fflush(c->out) == 0;
}

static json_t *layers_wanted(const struct cli *c, const struct args *a) {
    size_t n;
    const char **given = args_all(c, a, "layer", &n);
    json_t *list = json_array();
    for (size_t k = 0; given != NULL && k < n; k++)
        json_array_append_new(list, json_string(given[k]));
    return list;
}

static int follow(struct client *d, int64_t id, bool json) {
    struct arena *whole = d->c->arena, once = {0};
    bool on = true;
    int status = CLI_DONE;
    d->c->arena = &once; // it may take days
    while (on && status == CLI_DONE) {
        json_t *v = client_ask(d, json_pack("{s:s, s:I}", "cmd", "trace", "id", (json_int_t)id), -1, NULL);
        if (v == NULL)
            status = CLI_FAILED;
        else if (!print_lines(d->c, v, json)) {
            on = false;
            cli_fail(d->c, "it was switched off");
        }
        json_decref(v);
        arena_free(&once);
    }
    d->c->arena = whole;
    return status;
}

int trace_run(struct cli *c, const struct args *a) {
    struct client d;
    bool off = args_has(a, "off"), json = args_has(a, "json");
    int status = client_open(&d, c, a, CLIENT_CONTROL);
    if (status != CLI_DONE)
        return status;
    json_t *ask = json_pack("{s:s, s:s, s:o}", "cmd", "trace", "peer", a->words[0], "layers", layers_wanted(c, a));
    if (off)
        json_object_set_new(ask, "off", json_true());
    json_t *v = client_ask(&d, ask, -1, NULL);
    status = v == NULL ? CLI_FAILED : CLI_DONE;
    if (v != NULL && off && json)
        status = cli_print_json(c, v);
    else if (v != NULL && off)
        fprintf(c->out, "traces ended: %lld\n", (long long)json_number(v, "ended"));
    else if (v != NULL)
        status = follow(&d, json_number(v, "trace"), json);
    json_decref(v);
    client_close(&d);
    return status;
}
