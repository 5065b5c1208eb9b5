// SPDX-License-Identifier: BSD-2-Clause
// `x400 show message`: one message as the spool has it, waiting or finished; a list when several match; its octets.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/select.h"
#include "cli/table.h"

const struct option show_message_options[] = {
    {.name = "from", .value = "TEXT", .help = "those whose originator contains the text"},
    {.name = "to", .value = "TEXT", .help = "those with a recipient that contains the text"},
    {.name = "limit", .letter = 'n', .value = "N", .help = "list at most so many (100)"},
    {.name = "raw", .help = "write the octets of the APDU to standard output;\nneeds the control socket"},
    {.name = "control", .value = "PATH", .help = "use this control socket, with --raw"},
    {0}};

// ---- for people ----

static enum paint state_paint(const char *state) {
    return strcmp(state, "delivered") == 0 || strcmp(state, "transferred") == 0 ? PAINT_GOOD
           : strcmp(state, "failed") == 0 || strcmp(state, "deleted") == 0      ? PAINT_BAD
                                                                                : PAINT_NONE;
}

static void print_recipient(const struct cli *c, const json_t *r) {
    const char *state = json_text(r, "state"), *hop = json_text(r, "next_hop"), *reason = json_text(r, "reason"),
               *diagnostic = json_text(r, "diagnostic"), *text = json_text(r, "text");
    fprintf(c->out, "\n%s%s%s\n", paint_on(c, PAINT_BOLD), text_clean(c->arena, json_text(r, "address")),
            paint_off(c, PAINT_BOLD));
    field(c, "  state", state_paint(state), "%s, %s", state, text_time_ago(c, json_number(r, "changed")));
    if (*hop != 0)
        field(c, "  next hop", PAINT_NONE, "%s", hop);
    if (json_number(r, "attempts") > 0)
        field(c, "  attempts", PAINT_NONE, "%lld", (long long)json_number(r, "attempts"));
    if (*reason != 0)
        field(c, "  reason", PAINT_NONE, "%s%s%s", reason, *diagnostic ? ", " : "", diagnostic);
    if (*text != 0)
        field(c, "  said", PAINT_NONE, "%s", text);
}

static void print_one(const struct cli *c, const json_t *m) {
    const char *from = json_text(m, "from");
    int64_t finished = json_number(m, "finished");
    size_t k;
    json_t *r;
    field(c, "message", PAINT_BOLD, "%lld", (long long)json_number(m, "message"));
    field(c, "identifier", PAINT_NONE, "%s", json_text(m, "id"));
    field(c, "kind", PAINT_NONE, "%s%s%s", json_text(m, "kind"), *json_text(m, "content_type") ? ", content type " : "",
          json_text(m, "content_type"));
    field(c, "originator", PAINT_NONE, "%s", json_text(m, "originator"));
    if (*from != 0)
        field(c, "came from", PAINT_NONE, "peer %s", from);
    else if (json_number(m, "uid") >= 0)
        field(c, "came from", PAINT_NONE, "local user %lld", (long long)json_number(m, "uid"));
    field(c, "priority", PAINT_NONE, "%s", json_text(m, "priority"));
    field(c, "size", PAINT_NONE, "%s (%lld octets)", text_size(c, json_number(m, "size")),
          (long long)json_number(m, "size"));
    field(c, "arrived", PAINT_NONE, "%s", text_time_ago(c, json_number(m, "arrived")));
    if (finished != 0)
        field(c, "finished", PAINT_NONE, "%s", text_time_ago(c, finished));
    else
        field(c, "expires", PAINT_NONE, "%s", text_time_ago(c, json_number(m, "expires")));
    if (json_is_true(json_object_get(m, "held")))
        field(c, "held", PAINT_WARN, "yes: x400 queue release %lld", (long long)json_number(m, "message"));
    json_array_foreach(json_object_get(m, "recipients"), k, r) print_recipient(c, r);
}

static const char *state_of(const struct cli *c, const json_t *m) {
    const json_t *list = json_object_get(m, "recipients");
    const char *state = json_text(json_array_get(list, 0), "state");
    for (size_t k = 1; k < json_array_size(list); k++)
        if (strcmp(json_text(json_array_get(list, k), "state"), state) != 0)
            return arena_printf(c->arena, "%s and others", state);
    return state;
}

static int print_list(struct cli *c, const json_t *list) {
    static const struct column columns[] = {{"MESSAGE", 1},    {"KIND", 0},      {"STATE", 0},
                                            {"SIZE", 1},       {"ARRIVED", 0},   {"FROM", 0},
                                            {"ORIGINATOR", 0}, {"RECIPIENT", 0}, {"IDENTIFIER", 0}};
    struct table t;
    size_t k;
    json_t *m;
    table_init(&t, c, columns, sizeof columns / sizeof *columns);
    json_array_foreach((json_t *)list, k, m) {
        const json_t *recipients = json_object_get(m, "recipients");
        const char *first = json_text(json_array_get(recipients, 0), "address"), *state = state_of(c, m);
        table_addf(&t, PAINT_BOLD, "%lld", (long long)json_number(m, "message"));
        table_add(&t, PAINT_NONE, json_text(m, "kind"));
        table_add(&t, state_paint(state), state);
        table_add(&t, PAINT_NONE, text_size(c, json_number(m, "size")));
        table_add(&t, PAINT_NONE, text_ago(c, json_number(m, "arrived")));
        table_add(&t, PAINT_NONE, json_text(m, "from"));
        table_add(&t, PAINT_NONE, json_text(m, "originator"));
        if (json_array_size(recipients) > 1)
            table_addf(&t, PAINT_NONE, "%s and %zu more", first, json_array_size(recipients) - 1);
        else
            table_add(&t, PAINT_NONE, first);
        table_add(&t, PAINT_NONE, json_text(m, "id"));
    }
    return table_print(&t, "no message matches");
}

// ---- asking ----

static bool is_number(const char *word, json_int_t *n) {
    char *end;
    *n = word == NULL ? 0 : strtoll(word, &end, 10);
    return word != NULL && *end == 0 && *n > 0;
}

// A number, or a part of the MTS identifier, or the criteria. NULL: said.
static json_t *ask(struct client *d, const struct args *a, size_t limit) {
    json_int_t number;
    json_t *r = json_pack("{s:s, s:i}", "cmd", "message", "limit", (int)(limit < 500 ? limit : 500));
    if (is_number(a->n_words > 0 ? a->words[0] : NULL, &number))
        json_object_set_new(r, "message", json_integer(number));
    else if (a->n_words > 0)
        json_object_set_new(r, "id", json_string(a->words[0]));
    if (args_has(a, "from"))
        json_object_set_new(r, "from", json_string(args_get(a, "from")));
    if (args_has(a, "to"))
        json_object_set_new(r, "to", json_string(args_get(a, "to")));
    return client_pages(d, r, limit);
}

// ---- the octets ----

static int write_hex(const struct cli *c, const char *hex) {
    for (; hex[0] != 0 && hex[1] != 0; hex += 2) {
        unsigned octet;
        if (sscanf(hex, "%2x", &octet) != 1 || fputc((int)octet, c->out) == EOF)
            return cli_fail(c, "the octets could not be written");
    }
    return CLI_DONE;
}

static int write_file(const struct cli *c, int fd) {
    char piece[65536];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cli_fail(c, "the content: %s", strerror(errno));
        if (fwrite(piece, 1, (size_t)n, c->out) != (size_t)n)
            return cli_fail(c, "the octets could not be written: %s", strerror(errno));
    }
    return CLI_DONE;
}

static int raw(struct cli *c, struct client *d, json_int_t message) {
    int fd;
    json_t *v = client_ask(d, json_pack("{s:s, s:I}", "cmd", "raw", "message", message), -1, &fd);
    int status = v == NULL ? CLI_FAILED : write_hex(c, json_text(v, "head"));
    if (status == CLI_DONE)
        status = fd >= 0 ? write_file(c, fd) : write_hex(c, json_text(v, "content"));
    if (fd >= 0)
        close(fd);
    json_decref(v);
    return status;
}

static int raw_run(struct cli *c, const struct args *a) {
    struct client d;
    json_int_t number;
    if (a->n_words == 0)
        return cli_usage(c, "--raw needs one message");
    if (c->out_terminal)
        return cli_usage(c, "--raw writes octets, not text: redirect them, or pipe them into `x400 dump -`");
    if (client_open(&d, c, a, CLIENT_CONTROL) != CLI_DONE)
        return CLI_FAILED;
    int status = CLI_DONE;
    if (!is_number(a->words[0], &number)) {
        json_t *v = ask(&d, a, 2), *list = json_object_get(v, "messages");
        number = json_number(json_array_get(list, 0), "message");
        if (v == NULL || json_array_size(list) != 1)
            status = v == NULL                    ? CLI_FAILED
                     : json_array_size(list) == 0 ? cli_fail(c, "no message matches %s", a->words[0])
                                                  : cli_fail(c, "several messages match %s", a->words[0]);
        json_decref(v);
    }
    if (status == CLI_DONE)
        status = raw(c, &d, number);
    client_close(&d);
    return status;
}

int show_message_run(struct cli *c, const struct args *a) {
    int64_t limit = 100;
    struct client d;
    int status = args_number(c, a, "limit", 1, 1000000, &limit);
    if (status != CLI_DONE || args_has(a, "raw"))
        return status != CLI_DONE ? status : raw_run(c, a);
    if (client_open(&d, c, a, CLIENT_STATUS) != CLI_DONE)
        return CLI_FAILED;
    json_t *v = ask(&d, a, (size_t)limit), *list = json_object_get(v, "messages");
    client_close(&d);
    if (v == NULL)
        return CLI_FAILED;
    if (json_array_size(list) == 0 && a->n_words > 0)
        status = cli_fail(c, "no message matches %s", a->words[0]);
    else if (args_has(a, "json"))
        status = cli_print_json(c, v);
    else if (json_array_size(list) == 1 && a->n_words > 0)
        print_one(c, json_array_get(list, 0));
    else
        status = print_list(c, list);
    json_decref(v);
    return status;
}
