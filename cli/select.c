// SPDX-License-Identifier: BSD-2-Clause
#include "cli/select.h"

#include <stdlib.h>
#include <string.h>

const char *const select_priorities[] = {"normal", "non-urgent", "urgent", NULL};
static const char *const criteria[] = {"peer", "from", "to", "priority"};

// "30m" as seconds; -1.
static int64_t duration(const char *text) {
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || n <= 0 || n > 100000000 || *end == 0 || end[1] != 0)
        return -1;
    for (size_t k = 0; k < sizeof units / sizeof *units; k++)
        if (*end == units[k].unit)
            return n * units[k].seconds;
    return -1;
}

// A number, or an MTS identifier.
static json_t *identifier(const char *word) {
    char *end;
    long long n = strtoll(word, &end, 10);
    return *end == 0 && end != word && n > 0 ? json_integer(n) : json_string(word);
}

int select_add(const struct cli *c, const struct args *a, json_t *request) {
    const char *older = args_get(a, "older");
    int64_t seconds = older == NULL ? 0 : duration(older);
    if (seconds < 0)
        return cli_usage(c, "--older is a time like 90s, 30m, 2h or 1d, not \"%s\"", older);
    if (seconds > 0)
        json_object_set_new(request, "older_s", json_integer(seconds));
    for (size_t k = 0; k < sizeof criteria / sizeof *criteria; k++)
        if (args_has(a, criteria[k]))
            json_object_set_new(request, criteria[k], json_string(args_get(a, criteria[k])));
    json_t *ids = a->n_words == 0 ? NULL : json_array();
    for (size_t k = 0; k < a->n_words; k++)
        json_array_append_new(ids, identifier(a->words[k]));
    if (ids != NULL)
        json_object_set_new(request, "ids", ids);
    return CLI_DONE;
}

bool select_given(const struct args *a) {
    bool given = a->n_words > 0 || args_has(a, "older") || args_has(a, "all");
    for (size_t k = 0; k < sizeof criteria / sizeof *criteria; k++)
        given |= args_has(a, criteria[k]);
    return given;
}

json_t *client_pages(struct client *d, json_t *request, size_t limit) {
    json_t *first = client_ask(d, json_incref(request), -1, NULL);
    json_t *all = json_object_get(first, "messages");
    int64_t next = json_number(first, "next");
    while (first != NULL && next > 0 && (limit == SELECT_ALL || json_array_size(all) < limit)) {
        json_object_set_new(request, "after", json_integer(next));
        json_t *page = client_ask(d, json_incref(request), -1, NULL);
        int64_t before = next;
        if (page == NULL || json_array_extend(all, json_object_get(page, "messages")) < 0 ||
            ((next = json_number(page, "next")) != 0 && next <= before)) { // never in circles
            if (page != NULL)
                cli_fail(d->c, "the pages of the daemon's answer lead nowhere");
            json_decref(page);
            json_decref(first);
            first = NULL;
            break;
        }
        json_decref(page);
    }
    if (first != NULL)
        json_object_set_new(first, "next", json_integer(next));
    json_decref(request);
    return first;
}
