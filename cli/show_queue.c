// SPDX-License-Identifier: BSD-2-Clause
// `x400 show queue`: what waits, for which next hop, and why.
#include <string.h>

#include "cli/select.h"
#include "cli/table.h"

const struct option show_queue_options[] = {SELECT_OPTIONS, {0}};

// Why all messages for a peer wait: those that were not tried yet have no error of their own.
static void print_failures(const struct cli *c, const json_t *hops) {
    size_t k;
    json_t *h;
    json_array_foreach((json_t *)hops, k, h) {
        const char *why = json_text(h, "last_failure");
        int64_t next = json_number(h, "next_attempt");
        const char *name = text_clean(c->arena, json_text(h, "next_hop"));
        if (strcmp(json_text(h, "state"), "disabled") == 0)
            fprintf(c->out, "%s%s%s: the peer is disabled; what waits for it goes after: x400 peer %s enable\n\n",
                    paint_on(c, PAINT_BAD), name, paint_off(c, PAINT_BAD), name);
        if (next == 0 || *why == 0)
            continue;
        fprintf(c->out, "%s%s%s: next attempt %s; last failure: %s\n\n", paint_on(c, PAINT_BAD), name,
                paint_off(c, PAINT_BAD), text_ago(c, next), text_clean(c->arena, why));
    }
}

static int print_hops(struct cli *c, const json_t *hops) {
    static const struct column columns[] = {{"NEXT HOP", 0},   {"URGENT", 1}, {"NORMAL", 1},
                                            {"NON-URGENT", 1}, {"LATER", 1},  {"RUNNING", 1}};
    static const char *const keys[] = {"urgent", "normal", "non_urgent", "later", "running"};
    struct table t;
    size_t k;
    json_t *h;
    table_init(&t, c, columns, sizeof columns / sizeof *columns);
    json_array_foreach((json_t *)hops, k, h) {
        int64_t all = 0;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            all += json_number(h, keys[i]);
        if (all == 0)
            continue;
        table_add(&t, PAINT_BOLD, json_text(h, "next_hop"));
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            table_addf(&t, PAINT_NONE, "%lld", (long long)json_number(h, keys[i]));
    }
    if (t.n == 0)
        return CLI_DONE;
    int status = table_print(&t, "");
    fputc('\n', c->out);
    print_failures(c, hops);
    return status;
}

static void add_message(struct table *t, const json_t *m) {
    const struct cli *c = t->c;
    const char *priority = json_text(m, "priority");
    const json_t *list = json_object_get(m, "recipients"), *first = json_array_get(list, 0);
    size_t n = json_array_size(list);
    bool held = json_is_true(json_object_get(m, "held"));
    table_addf(t, PAINT_BOLD, "%lld", (long long)json_number(m, "message"));
    table_add(t, PAINT_NONE, json_text(m, "kind"));
    table_add(t, strcmp(priority, "urgent") == 0 ? PAINT_WARN : PAINT_NONE, priority);
    table_add(t, PAINT_NONE, text_size(c, json_number(m, "size")));
    table_add(t, PAINT_NONE, text_ago(c, json_number(m, "arrived")));
    table_add(t, PAINT_NONE, json_text(first, "next_hop"));
    table_addf(t, PAINT_NONE, "%lld", (long long)json_number(first, "attempts"));
    if (n > 1)
        table_addf(t, PAINT_NONE, "%s and %zu more", json_text(first, "address"), n - 1);
    else
        table_add(t, PAINT_NONE, json_text(first, "address"));
    table_add(t, held ? PAINT_WARN : PAINT_BAD, held ? "held" : json_text(first, "last_error"));
}

static int print_queue(struct cli *c, const json_t *v) {
    static const struct column columns[] = {{"MESSAGE", 1},  {"KIND", 0},      {"PRIORITY", 0},
                                            {"SIZE", 1},     {"ARRIVED", 0},   {"NEXT HOP", 0},
                                            {"ATTEMPTS", 1}, {"RECIPIENT", 0}, {"LAST ERROR", 0}};
    struct table t;
    size_t k;
    json_t *m;
    int status = print_hops(c, json_object_get(v, "next_hops"));
    table_init(&t, c, columns, sizeof columns / sizeof *columns);
    json_array_foreach(json_object_get(v, "messages"), k, m) add_message(&t, m);
    return status == CLI_DONE ? table_print(&t, "no message waits") : status;
}

int show_queue_run(struct cli *c, const struct args *a) {
    struct client d;
    json_t *request = json_pack("{s:s, s:s}", "cmd", "show", "what", "queue");
    int status = select_add(c, a, request);
    if (status != CLI_DONE || (status = client_open(&d, c, a, CLIENT_STATUS)) != CLI_DONE) {
        json_decref(request);
        return status;
    }
    json_t *v = client_pages(&d, request, SELECT_ALL);
    client_close(&d);
    if (v == NULL)
        return CLI_FAILED;
    status = args_has(a, "json") ? cli_print_json(c, v) : print_queue(c, v);
    json_decref(v);
    return status;
}
