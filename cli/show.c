// SPDX-License-Identifier: BSD-2-Clause
// `x400 show` status, stacks, peers and associations: the daemon's JSON as fields and tables.
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"

// Asks for one thing; with --json prints it as it is, else with print.
static int show(struct cli *c, const struct args *a, const char *what, int (*print)(struct cli *c, const json_t *v)) {
    json_t *v = client_once(c, a, CLIENT_STATUS, json_pack("{s:s, s:s}", "cmd", "show", "what", what));
    if (v == NULL)
        return CLI_FAILED;
    int status = args_has(a, "json") ? cli_print_json(c, v) : print(c, v);
    json_decref(v);
    return status;
}

// ---- status ----

static int print_status(struct cli *c, const json_t *v) {
    const json_t *d = json_object_get(v, "domain");
    const char *prmd = json_text(d, "prmd");
    bool no_space = json_is_true(json_object_get(v, "no_space"));
    field(c, "MTA", PAINT_BOLD, "%s", json_text(v, "mta"));
    field(c, "domain", PAINT_NONE, "C=%s;A=%s%s%s", json_text(d, "country"), json_text(d, "admd"), *prmd ? ";P=" : "",
          prmd);
    field(c, "version", PAINT_NONE, "%s", json_text(v, "version"));
    field(c, "running since", PAINT_NONE, "%s", text_time_ago(c, json_number(v, "started")));
    field(c, "configuration", PAINT_NONE, "%s", json_text(v, "configuration"));
    field(c, "spool", PAINT_NONE, "%s", json_text(v, "spool"));
    const char *state = json_text(v, "state");
    if (strcmp(state, "serving") == 0 || strcmp(state, "closing") == 0) {
        field(c, "messages", PAINT_NONE, "%lld waiting", (long long)json_number(v, "messages"));
        field(c, "associations", PAINT_NONE, "%lld", (long long)json_number(v, "associations"));
    }
    if (strcmp(state, "serving") == 0)
        field(c, "state", no_space ? PAINT_BAD : PAINT_GOOD, "%s",
              no_space ? "free space is below its reserve: nothing new is taken" : "running");
    else
        field(c, "state", PAINT_BAD, "%s since %s: %s", state, text_time_ago(c, json_number(v, "state_since")),
              json_text(v, "waiting_for"));
    return CLI_DONE;
}

int show_status_run(struct cli *c, const struct args *a) {
    return show(c, a, "status", print_status);
}

// ---- stacks ----

// A selector comes in hexadecimal; a printable one is shown as text.
static const char *selector_text(const struct cli *c, const json_t *v) {
    const char *hex = json_string_value(v);
    if (hex == NULL)
        return "none";
    size_t n = strlen(hex) / 2;
    char *text = arena_alloc(c->arena, n + 3);
    if (text == NULL)
        return "?";
    for (size_t k = 0; k < n; k++) {
        unsigned ch = 0;
        if (sscanf(hex + 2 * k, "%2x", &ch) != 1 || ch < 0x20 || ch > 0x7E)
            return arena_printf(c->arena, "0x%s", hex);
        text[k + 1] = (char)ch;
    }
    text[0] = text[n + 1] = '"';
    return text;
}

static int print_stacks(struct cli *c, const json_t *v) {
    static const struct column columns[] = {{"STACK", 0}, {"STATE", 0}, {"LISTENS ON", 0}, {"TSEL", 0},
                                            {"SSEL", 0},  {"PSEL", 0},  {"LAST CALL", 0},  {"RESULT", 0}};
    struct table t;
    size_t k;
    json_t *s;
    table_init(&t, c, columns, sizeof columns / sizeof *columns);
    json_array_foreach((json_t *)v, k, s) {
        const char *state = json_text(s, "state"), *address = json_text(s, "address");
        const json_t *sel = json_object_get(s, "selectors");
        table_add(&t, PAINT_BOLD, json_text(s, "name"));
        table_add(&t, strcmp(state, "failed") == 0 ? PAINT_BAD : PAINT_GOOD, state);
        if (*address == 0 && *json_text(s, "listen") != 0)
            table_addf(&t, PAINT_NONE, "%s:%lld", json_text(s, "listen"), (long long)json_number(s, "port"));
        else
            table_add(&t, PAINT_NONE, address);
        table_add(&t, PAINT_NONE, selector_text(c, json_object_get(sel, "tsel")));
        table_add(&t, PAINT_NONE, selector_text(c, json_object_get(sel, "ssel")));
        table_add(&t, PAINT_NONE, selector_text(c, json_object_get(sel, "psel")));
        table_addf(&t, PAINT_NONE, "%s%s%s", text_ago(c, json_number(s, "last_call")),
                   *json_text(s, "last_caller") ? " from " : "", json_text(s, "last_caller"));
        table_add(&t, PAINT_NONE, json_text(s, "last_result"));
    }
    int status = table_print(&t, "no stack is configured");
    json_array_foreach((json_t *)v, k, s) {
        if (*json_text(s, "error") != 0)
            fprintf(c->out, "%s: %s\n", text_clean(c->arena, json_text(s, "name")),
                    text_clean(c->arena, json_text(s, "error")));
    }
    return status;
}

int show_stacks_run(struct cli *c, const struct args *a) {
    return show(c, a, "stacks", print_stacks);
}

// ---- peers ----

static enum paint peer_paint(const char *state) {
    return strcmp(state, "up") == 0                                                 ? PAINT_GOOD
           : strcmp(state, "waiting to retry") == 0                                 ? PAINT_BAD
           : strcmp(state, "disabled") == 0 || strcmp(state, "not configured") == 0 ? PAINT_WARN
                                                                                    : PAINT_NONE;
}

static int print_peers(struct cli *c, const json_t *v) {
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
        table_addf(&t, PAINT_NONE, "%lld", (long long)json_number(p, "outgoing"));
        table_addf(&t, PAINT_NONE, "%lld", (long long)json_number(p, "incoming"));
        table_addf(&t, PAINT_NONE, "%lld", (long long)(json_number(p, "waiting") + json_number(p, "transferring")));
        table_addf(&t, PAINT_NONE, "%lld", (long long)json_number(p, "sent"));
        table_addf(&t, PAINT_NONE, "%lld", (long long)json_number(p, "received"));
        table_add(&t, PAINT_NONE, text_ago(c, json_number(p, "last_up")));
        table_add(&t, PAINT_NONE, next == 0 ? "" : text_ago(c, next));
    }
    int status = table_print(&t, "no peer is configured");
    json_array_foreach((json_t *)v, k, p) {
        if (*json_text(p, "last_failure") != 0)
            fprintf(c->out, "%s: %s: %s\n", text_clean(c->arena, json_text(p, "name")),
                    text_time_ago(c, json_number(p, "last_failure_at")),
                    text_clean(c->arena, json_text(p, "last_failure")));
    }
    return status;
}

int show_peers_run(struct cli *c, const struct args *a) {
    return show(c, a, "peers", print_peers);
}

// ---- associations ----

static int print_associations(struct cli *c, const json_t *v) {
    static const struct column columns[] = {{"ASSOCIATION", 0}, {"PEER", 0},   {"DIRECTION", 0}, {"STACK", 0},
                                            {"LOCAL", 0},       {"REMOTE", 0}, {"SINCE", 0},     {"MODE", 0},
                                            {"MESSAGES", 1},    {"IN", 1},     {"OUT", 1},       {"CHECKPOINT", 1},
                                            {"TURN", 0},        {"SENDING", 0}};
    struct table t;
    size_t k;
    json_t *s;
    table_init(&t, c, columns, sizeof columns / sizeof *columns);
    json_array_foreach((json_t *)v, k, s) {
        table_add(&t, PAINT_BOLD, json_text(s, "id"));
        table_add(&t, PAINT_NONE, json_text(s, "peer"));
        table_add(&t, PAINT_NONE, json_text(s, "direction"));
        table_add(&t, PAINT_NONE, json_text(s, "stack"));
        table_add(&t, PAINT_NONE, json_text(s, "local"));
        table_add(&t, PAINT_NONE, json_text(s, "remote"));
        table_add(&t, PAINT_NONE, text_ago(c, json_number(s, "since")));
        table_add(&t, PAINT_NONE, json_text(s, "mode"));
        table_addf(&t, PAINT_NONE, "%lld", (long long)json_number(s, "messages"));
        table_add(&t, PAINT_NONE, text_size(c, json_number(s, "octets_in")));
        table_add(&t, PAINT_NONE, text_size(c, json_number(s, "octets_out")));
        if (json_number(s, "checkpoint") == 0)
            table_add(&t, PAINT_NONE, "none");
        else
            table_addf(&t, PAINT_NONE, "%lldK x %lld", (long long)json_number(s, "checkpoint"),
                       (long long)json_number(s, "window"));
        bool two_way = strcmp(json_text(s, "dialogue"), "monologue") != 0;
        table_addf(&t, PAINT_NONE, "%s%s", json_text(s, "turn"), two_way ? ", by turns" : "");
        table_add(&t, PAINT_NONE, json_text(s, "sending"));
    }
    return table_print(&t, "no association is open");
}

int show_assoc_run(struct cli *c, const struct args *a) {
    return show(c, a, "associations", print_associations);
}
