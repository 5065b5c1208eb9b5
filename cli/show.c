// SPDX-License-Identifier: BSD-2-Clause
// `x400 show` status and associations: the daemon's JSON as fields and tables.
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

// ---- associations ----

// What is too wide for the table.
static void print_association_details(const struct cli *c, const json_t *v) {
    size_t k;
    json_t *s;
    fputc('\n', c->out);
    json_array_foreach((json_t *)v, k, s) {
        char checkpoint[64] = "none";
        if (json_number(s, "checkpoint") != 0)
            snprintf(checkpoint, sizeof checkpoint, "%lldK, window %lld", (long long)json_number(s, "checkpoint"),
                     (long long)json_number(s, "window"));
        bool out = strcmp(json_text(s, "direction"), "outgoing") == 0;
        item(c, json_text(s, "id"), PAINT_NONE, "%s %s %s; mode %s, checkpoint %s", json_text(s, "local"),
             out ? "to" : "from", json_text(s, "remote"), json_text(s, "mode"), checkpoint);
        if (*json_text(s, "sending") != 0)
            item(c, "", PAINT_NONE, "sending %s", json_text(s, "sending"));
    }
}

static int print_associations(struct cli *c, const json_t *v) {
    static const struct column columns[] = {{"ASSOCIATION", 0}, {"PEER", 0},  {"DIRECTION", 0},
                                            {"STACK", 0},       {"SINCE", 0}, {"MESSAGES", 1},
                                            {"IN", 1},          {"OUT", 1},   {"TURN", 0}};
    struct table t;
    size_t k;
    json_t *s;
    table_init(&t, c, columns, sizeof columns / sizeof *columns);
    json_array_foreach((json_t *)v, k, s) {
        table_add(&t, PAINT_BOLD, json_text(s, "id"));
        table_add(&t, PAINT_NONE, json_text(s, "peer"));
        table_add(&t, PAINT_NONE, json_text(s, "direction"));
        table_add(&t, PAINT_NONE, json_text(s, "stack"));
        table_add(&t, PAINT_NONE, text_ago(c, json_number(s, "since")));
        table_addf(&t, PAINT_NONE, "%lld", (long long)json_number(s, "messages"));
        table_add(&t, PAINT_NONE, text_size(c, json_number(s, "octets_in")));
        table_add(&t, PAINT_NONE, text_size(c, json_number(s, "octets_out")));
        bool two_way = strcmp(json_text(s, "dialogue"), "monologue") != 0;
        table_addf(&t, PAINT_NONE, "%s%s", json_text(s, "turn"), two_way ? ", by turns" : "");
    }
    int status = table_print(&t, "no association is open");
    if (status == CLI_DONE && json_array_size(v) > 0)
        print_association_details(c, v);
    return status;
}

int show_assoc_run(struct cli *c, const struct args *a) {
    return show(c, a, "associations", print_associations);
}
