// SPDX-License-Identifier: BSD-2-Clause
// `x400 show stacks`: the page to open first. Each stack: active or not and why, where it listens, where its calls
// start, what its names lead to, its last calls.
#include <string.h>

#include "cli/show_net.h"

// ---- shared with show_peers.c ----

static bool wanted(const struct args *a, const char *name) {
    for (size_t k = 0; k < a->n_words; k++)
        if (strcmp(a->words[k], name) == 0)
            return true;
    return a->n_words == 0;
}

static bool is_there(const json_t *list, const char *name) {
    size_t k;
    json_t *o;
    json_array_foreach((json_t *)list, k, o) {
        if (strcmp(json_text(o, "name"), name) == 0)
            return true;
    }
    return false;
}

static const char *names_of(const struct cli *c, const json_t *list) {
    json_t *names = json_array(), *o;
    size_t k;
    json_array_foreach((json_t *)list, k, o) {
        json_array_append(names, json_object_get(o, "name"));
    }
    const char *text = show_net_list(c, names);
    json_decref(names);
    return *text == 0 ? "none" : text;
}

json_t *show_net_ask(struct cli *c, const struct args *a, const char *what, const char *one) {
    json_t *v = client_once(c, a, CLIENT_STATUS, json_pack("{s:s, s:s}", "cmd", "show", "what", what));
    for (size_t k = 0; k < a->n_words && v != NULL; k++)
        if (!is_there(v, a->words[k])) {
            cli_fail(c, "there is no %s \"%s\"; there %s: %s", one, a->words[k], json_array_size(v) == 1 ? "is" : "are",
                     names_of(c, v));
            json_decref(v);
            v = NULL;
        }
    for (size_t k = json_array_size(v); k-- > 0;)
        if (!wanted(a, json_text(json_array_get(v, k), "name")))
            json_array_remove(v, k);
    return v;
}

const char *show_net_list(const struct cli *c, const json_t *texts) {
    const char *all = "";
    size_t k;
    json_t *t;
    json_array_foreach((json_t *)texts, k, t) {
        const char *more = arena_printf(c->arena, "%s%s%s", all, k > 0 ? ", " : "", json_string_value(t));
        all = more == NULL ? all : more;
    }
    return all;
}

const char *show_net_name(const struct cli *c, const json_t *n) {
    const char *list = show_net_list(c, json_object_get(n, "addresses")), *error = json_text(n, "error"),
               *source = json_text(n, "source"), *text;
    int64_t expires = json_number(n, "expires");
    bool asking = json_is_true(json_object_get(n, "asking")), stale = json_is_true(json_object_get(n, "stale"));
    const char *next =
        asking ? "being asked for"
        : expires == 0
            ? "until a file changes"
            : arena_printf(c->arena, stale || *list == 0 ? "asked for again %s" : "expires %s", text_ago(c, expires));
    next = next == NULL ? "" : next;
    const char *host = json_text(n, "host");
    if (strncmp(error, host, strlen(host)) == 0 && strncmp(error + strlen(host), ": ", 2) == 0)
        error += strlen(host) + 2; // it was said before
    if (*list == 0 && *source == 0 && *error == 0 && !asking && expires == 0)
        text = "not asked for yet";
    else if (*list == 0)
        text = arena_printf(c->arena, "no address (%s%s%s)", error, *error == 0 ? "" : "; ", next);
    else if (stale)
        text = arena_printf(c->arena, "%s (%s, stale: %s; %s)", list, source, error, next);
    else
        text = arena_printf(c->arena, "%s (%s, %s)", list, source, next);
    return text == NULL ? "" : text;
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

static enum paint state_paint(const char *state) {
    return strcmp(state, "active") == 0 ? PAINT_GOOD : strcmp(state, "failed") == 0 ? PAINT_BAD : PAINT_WARN;
}

static void print_listening(const struct cli *c, const json_t *s) {
    const char *now = show_net_list(c, json_object_get(s, "listening")), *host = json_text(s, "listen");
    const char *moves = json_is_true(json_object_get(s, "virtual")) ? " (virtual)" : "";
    if (*host == 0)
        item(c, "listens on", PAINT_NONE, "nothing: it only calls%s", moves);
    else if (*now == 0)
        item(c, "listens on", PAINT_NONE, "nothing now; configured is %s port %lld%s", host,
             (long long)json_number(s, "port"), moves);
    else
        item(c, "listens on", PAINT_NONE, "%s%s", now, moves);
}

// Of each family in which calls can be made.
static void print_source(const struct cli *c, const json_t *s) {
    static const struct {
        const char *key, *why, *name;
    } families[] = {{"v4", "why_v4", "IPv4"}, {"v6", "why_v6", "IPv6"}};
    const json_t *source = json_object_get(s, "source");
    const char *from = json_text(source, "from");
    unsigned n = 0;
    if (*json_text(source, "v4") == 0 && *json_text(source, "v6") == 0 && *json_text(source, "why_v4") == 0 &&
        *json_text(source, "why_v6") == 0) {
        item(c, "calls from", PAINT_NONE, "%s", from);
        return;
    }
    for (size_t k = 0; k < 2; k++) {
        const char *address = json_text(source, families[k].key);
        if (*address != 0)
            item(c, n++ == 0 ? "calls from" : "", PAINT_NONE, "%s (%s)", address, from);
        else if (*json_text(source, families[k].why) == 0)
            item(c, n++ == 0 ? "calls from" : "", PAINT_NONE, "%s: %s", families[k].name, from);
    }
    if (n == 0 && strcmp(json_text(s, "state"), "active") == 0)
        item(c, "calls from", PAINT_BAD, "nowhere: %s", json_text(source, "why_v4"));
}

static void print_call(const struct cli *c, const char *name, const json_t *call, bool in) {
    const char *local = json_text(call, "local"), *peer = json_text(call, "peer"), *remote = json_text(call, "remote");
    if (!json_is_object(call)) {
        item(c, name, PAINT_NONE, "never");
        return;
    }
    bool both = *peer != 0 && *remote != 0;
    item(c, name, PAINT_NONE, "%s %s %s%s%s%s%s%s: %s", text_ago(c, json_number(call, "time")), in ? "from" : "to",
         peer, both ? " (" : "", remote, both ? ")" : "",
         *local == 0 ? ""
         : in        ? " at "
                     : " from ",
         local, json_text(call, "result"));
}

static void print_stack(const struct cli *c, const json_t *s) {
    const char *state = json_text(s, "state"), *why = json_text(s, "why"), *error = json_text(s, "error");
    const json_t *sel = json_object_get(s, "selectors");
    enum paint paint = state_paint(state);
    int64_t retry = json_number(s, "retry");
    size_t k;
    json_t *n;
    fprintf(c->out, "%s%s%s  %s%s%s%s%s\n", paint_on(c, PAINT_BOLD), text_clean(c->arena, json_text(s, "name")),
            paint_off(c, PAINT_BOLD), paint_on(c, paint), text_clean(c->arena, state), paint_off(c, paint),
            json_number(s, "since") == 0 ? "" : " since ",
            json_number(s, "since") == 0 ? "" : text_time_ago(c, json_number(s, "since")));
    if (*why != 0)
        item(c, "why", paint, "%s", why);
    if (*error != 0 && strcmp(error, why) != 0)
        item(c, "error", PAINT_BAD, "%s", error);
    if (retry != 0)
        item(c, "tried again", PAINT_NONE, "%s", text_ago(c, retry));
    print_listening(c, s);
    print_source(c, s);
    json_array_foreach(json_object_get(s, "names"), k, n) {
        item(c, k == 0 ? "names" : "", PAINT_NONE, "%s: %s", json_text(n, "host"), show_net_name(c, n));
    }
    item(c, "selectors", PAINT_NONE, "tsel %s, ssel %s, psel %s", selector_text(c, json_object_get(sel, "tsel")),
         selector_text(c, json_object_get(sel, "ssel")), selector_text(c, json_object_get(sel, "psel")));
    print_call(c, "last in", json_object_get(s, "last_in"), true);
    print_call(c, "last out", json_object_get(s, "last_out"), false);
    if (*json_text(s, "bind_back") != 0)
        item(c, "bind-back to", PAINT_NONE, "%s", json_text(s, "bind_back"));
}

int show_stacks_run(struct cli *c, const struct args *a) {
    json_t *v = show_net_ask(c, a, "stacks", "stack"), *s;
    size_t k;
    int status = v == NULL ? CLI_FAILED : CLI_DONE;
    if (v != NULL && args_has(a, "json"))
        status = cli_print_json(c, v);
    else if (v != NULL && json_array_size(v) == 0)
        fputs("no stack is configured\n", c->out);
    else
        json_array_foreach(v, k, s) {
            if (k > 0)
                fputc('\n', c->out);
            print_stack(c, s);
        }
    json_decref(v);
    return status;
}
