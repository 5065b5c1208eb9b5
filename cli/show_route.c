// SPDX-License-Identifier: BSD-2-Clause
// `x400 show route OR`: where a message for this address goes, and why not elsewhere; `x400 show routes`: all of them.
#include <string.h>

#include "cli/client.h"
#include "cli/message.h"
#include "cli/table.h"

// Why a candidate comes behind the winner.
static const char *why(const struct cli *c, const json_t *r, const json_t *winner) {
    int64_t matched = json_number(r, "matched"), cost = json_number(r, "cost");
    if (matched < 0)
        return "does not match";
    if (matched < json_number(winner, "matched"))
        return arena_printf(c->arena, "matches %lld attribute%s, less than %lld", (long long)matched,
                            matched == 1 ? "" : "s", (long long)json_number(winner, "matched"));
    if (cost > json_number(winner, "cost"))
        return arena_printf(c->arena, "cost %lld, more than %lld", (long long)cost,
                            (long long)json_number(winner, "cost"));
    return "equal, but later in the file";
}

static int print_routes(struct cli *c, const json_t *v, bool of_address) {
    static const struct column columns[] = {{"", 0},     {"TO", 0},    {"NAME", 0}, {"PATTERN", 0},
                                            {"COST", 1}, {"PLACE", 0}, {"WHY", 0}};
    const json_t *first = json_array_get(v, 0);
    const json_t *winner = of_address && json_number(first, "matched") >= 0 ? first : NULL;
    struct table t;
    size_t k;
    json_t *r;
    size_t n = sizeof columns / sizeof *columns;
    table_init(&t, c, columns + !of_address, of_address ? n : n - 2);
    json_array_foreach((json_t *)v, k, r) {
        bool won = r == winner;
        if (of_address)
            table_add(&t, PAINT_GOOD, won ? "=>" : " ");
        table_add(&t, PAINT_NONE, json_text(r, "to"));
        table_add(&t, won ? PAINT_GOOD : PAINT_BOLD, json_text(r, "name"));
        table_add(&t, PAINT_NONE, json_text(r, "pattern"));
        table_addf(&t, PAINT_NONE, "%lld", (long long)json_number(r, "cost"));
        table_addf(&t, PAINT_DIM, "%s:%lld", json_text(r, "file"), (long long)json_number(r, "line"));
        if (of_address)
            table_add(&t, PAINT_NONE, won ? "wins" : why(c, r, winner));
    }
    int status = table_print(&t, "no route is configured");
    if (status == CLI_DONE && of_address && winner == NULL)
        status = cli_fail(c, "no route matches: a message for this address is returned (unable-to-transfer, "
                             "unrecognised-OR-name)");
    return status;
}

int show_routes_run(struct cli *c, const struct args *a) {
    const char *address = a->n_words > 0 ? a->words[0] : NULL;
    int status = address == NULL ? CLI_DONE : message_address(c, NULL, address, NULL);
    if (status != CLI_DONE)
        return status;
    json_t *request = json_pack("{s:s, s:s}", "cmd", "show", "what", address != NULL ? "route" : "routes");
    if (address != NULL)
        json_object_set_new(request, "address", json_string(address));
    json_t *v = client_once(c, a, CLIENT_STATUS, request);
    if (v == NULL)
        return CLI_FAILED;
    status = args_has(a, "json") ? cli_print_json(c, v) : print_routes(c, v, address != NULL);
    json_decref(v);
    return status;
}
