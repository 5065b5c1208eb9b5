// SPDX-License-Identifier: BSD-2-Clause
// `x400 show peers`: a table of all, then of each what it is called by and from, and how that goes.
#include <string.h>

#include "cli/show_net.h"

const struct option show_peers_options[] = {{.name = "brief", .help = "only the table"}, {0}};

static enum paint peer_paint(const char *state) {
    return strcmp(state, "up") == 0                                                 ? PAINT_GOOD
           : strcmp(state, "waiting to retry") == 0                                 ? PAINT_BAD
           : strcmp(state, "disabled") == 0 || strcmp(state, "not configured") == 0 ? PAINT_WARN
           : strcmp(state, "standby") == 0 || strcmp(state, "no spool") == 0        ? PAINT_WARN
                                                                                    : PAINT_NONE;
}

// One of the daemon's counts, or the sum of two; nothing when it does not know them.
static void add_count(struct table *t, const json_t *p, const char *name, const char *and) {
    if (json_object_get(p, name) == NULL)
        table_add(t, PAINT_NONE, "");
    else
        table_addf(t, PAINT_NONE, "%lld", (long long)(json_number(p, name) + (and == NULL ? 0 : json_number(p, and))));
}

static int print_table(struct cli *c, const json_t *v) {
    static const struct column columns[] = {{"PEER", 0},     {"STATE", 0},   {"OUT", 1},
                                            {"IN", 1},       {"WAITING", 1}, {"SENT", 1},
                                            {"RECEIVED", 1}, {"LAST UP", 0}, {"NEXT ATTEMPT", 0}};
    struct table t;
    size_t k;
    json_t *p;
    table_init(&t, c, columns, sizeof columns / sizeof *columns);
    json_array_foreach((json_t *)v, k, p) {
        const char *state = json_text(p, "state");
        int64_t next = json_number(p, "next_attempt");
        table_add(&t, PAINT_BOLD, json_text(p, "name"));
        table_add(&t, peer_paint(state), state);
        add_count(&t, p, "outgoing", NULL);
        add_count(&t, p, "incoming", NULL);
        add_count(&t, p, "waiting", "transferring");
        add_count(&t, p, "sent", NULL);
        add_count(&t, p, "received", NULL);
        table_add(&t, PAINT_NONE, json_object_get(p, "last_up") == NULL ? "" : text_ago(c, json_number(p, "last_up")));
        table_add(&t, PAINT_NONE, next == 0 ? "" : text_ago(c, next));
    }
    return table_print(&t, "no peer is configured");
}

static void print_endpoints(const struct cli *c, const json_t *p) {
    size_t k;
    json_t *e;
    json_array_foreach(json_object_get(p, "endpoints"), k, e) {
        const char *name = k == 0 ? "connect" : "", *host = json_text(e, "host");
        bool resolved = json_is_true(json_object_get(e, "name"));
        item(c, name, PAINT_NONE, strchr(host, ':') != NULL ? "[%s]:%lld%s%s" : "%s:%lld%s%s", host,
             (long long)json_number(e, "port"), resolved ? ": " : "", resolved ? show_net_name(c, e) : "");
    }
}

static void print_via(const struct cli *c, const json_t *p) {
    size_t k;
    json_t *s;
    json_array_foreach(json_object_get(p, "via"), k, s) {
        const char *state = json_text(s, "state"), *why = json_text(s, "why");
        item(c, k == 0 ? "via" : "", strcmp(state, "active") == 0 ? PAINT_NONE : PAINT_WARN, "%s: %s%s%s",
             json_text(s, "stack"), state, *why == 0 ? "" : ": ", why);
    }
    const json_t *works = json_object_get(p, "works");
    if (json_is_object(works))
        item(c, "tried first", PAINT_NONE, "%s over %s, which worked last", json_text(works, "remote"),
             json_text(works, "stack"));
    const json_t *arrived = json_object_get(p, "arrived");
    if (json_array_size(json_object_get(arrived, "addresses")) > 0)
        item(c, "called us at", PAINT_NONE, "%s; last %s", show_net_list(c, json_object_get(arrived, "addresses")),
             text_time_ago(c, json_number(arrived, "last")));
    if (*json_text(p, "source") != 0)
        item(c, "source", PAINT_NONE, "%s, instead of the stack's", json_text(p, "source"));
}

static void print_accept(const struct cli *c, const json_t *p) {
    const json_t *from = json_object_get(p, "accept_from");
    const char *prefixes = show_net_list(c, json_object_get(from, "prefixes"));
    size_t k, n = 0;
    json_t *name;
    if (*prefixes != 0)
        item(c, n++ == 0 ? "accept from" : "", PAINT_NONE, "%s", prefixes);
    json_array_foreach(json_object_get(from, "names"), k, name) {
        item(c, n++ == 0 ? "accept from" : "", PAINT_NONE, "%s: %s", json_text(name, "host"), show_net_name(c, name));
    }
}

static void print_back(const struct cli *c, const json_t *p) {
    const json_t *back = json_object_get(p, "bind_back"), *last = json_object_get(back, "last");
    const char *mode = json_text(back, "mode");
    if (*mode == 0 || strcmp(mode, "none") == 0)
        return;
    item(c, "bind-back", PAINT_NONE, "%s: to what is %s, in this order", mode,
         show_net_list(c, json_object_get(back, "order")));
    if (json_is_object(last))
        item(c, "", PAINT_NONE, "%s%s: %s", json_is_true(json_object_get(last, "ok")) ? "" : "failed ",
             text_ago(c, json_number(last, "time")), json_text(last, "result"));
}

static void print_peer(const struct cli *c, const json_t *p) {
    const char *state = json_text(p, "state"), *why = json_text(p, "why");
    int64_t next = json_number(p, "next_attempt");
    enum paint paint = peer_paint(state);
    fprintf(c->out, "\n%s%s%s  %s%s%s\n", paint_on(c, PAINT_BOLD), text_clean(c->arena, json_text(p, "name")),
            paint_off(c, PAINT_BOLD), paint_on(c, paint), text_clean(c->arena, state), paint_off(c, paint));
    if (*why != 0)
        item(c, "why", paint, "%s", why);
    if (next != 0)
        item(c, "next attempt", PAINT_NONE, "%s", text_time_ago(c, next));
    if (*json_text(p, "last_failure") != 0)
        item(c, "last failure", PAINT_NONE, "%s: %s", text_time_ago(c, json_number(p, "last_failure_at")),
             json_text(p, "last_failure"));
    print_endpoints(c, p);
    print_via(c, p);
    print_accept(c, p);
    print_back(c, p);
}

int show_peers_run(struct cli *c, const struct args *a) {
    json_t *v = show_net_ask(c, a, "peers", "peer"), *p;
    size_t k;
    if (v == NULL)
        return CLI_FAILED;
    int status = args_has(a, "json") ? cli_print_json(c, v) : print_table(c, v);
    if (!args_has(a, "json") && !args_has(a, "brief"))
        json_array_foreach(v, k, p) {
            print_peer(c, p);
        }
    json_decref(v);
    return status;
}
