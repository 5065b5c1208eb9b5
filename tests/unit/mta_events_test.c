// SPDX-License-Identifier: BSD-2-Clause
// The catalogue of events: what every row must have, and that both forms of the log say all that a row's text names.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "mta/events.h"

enum { FIELDS_MAX = 24, NAME_MAX_LEN = 32 };

struct names {
    char name[FIELDS_MAX][NAME_MAX_LEN];
    size_t n;
};

static bool has(const struct names *all, const char *name) {
    for (size_t k = 0; k < all->n; k++)
        if (strcmp(all->name[k], name) == 0)
            return true;
    return false;
}

static void add(struct names *all, const char *name, size_t len) {
    char copy[NAME_MAX_LEN];
    assert_in_range(len, 1, NAME_MAX_LEN - 1);
    snprintf(copy, sizeof copy, "%.*s", (int)len, name);
    if (has(all, copy))
        return;
    assert_true(all->n < FIELDS_MAX);
    memcpy(all->name[all->n++], copy, sizeof copy);
}

// The fields of a text; its braces and brackets must fit, a part in brackets has one field, and no name is strange.
static struct names fields_of(const struct event_def *d) {
    struct names all = {.n = 0};
    const char *open = NULL;
    unsigned inside = 0;
    for (const char *p = d->text; *p != 0; p++) {
        if (*p == '[') {
            assert_null(open);
            open = p;
            inside = 0;
        } else if (*p == ']') {
            if (open == NULL || inside != 1)
                fail_msg("%u: a part in brackets wants one field: %s", d->id, d->text);
            open = NULL;
        } else if (*p == '{') {
            size_t len = strspn(++p, "abcdefghijklmnopqrstuvwxyz_");
            if (p[len] != '}')
                fail_msg("%u: a field without an end or with a strange name: %s", d->id, d->text);
            add(&all, p, len);
            p += len;
            inside++;
        } else
            assert_int_not_equal(*p, '}');
    }
    assert_null(open);
    return all;
}

static const struct event_def *row(int e) {
    return mta_event((enum mta_event)e);
}

static void numbers_and_names_are_unique(void **state) {
    (void)state;
    for (int a = 0; a < EV_EVENTS; a++) {
        assert_non_null(row(a)->name);
        assert_int_not_equal(row(a)->id, 0);
        assert_true(row(a)->id < 10000 || row(a)->id > 20000);
        assert_in_range(row(a)->level, EVENT_INFO, EVENT_ERROR);
        for (int b = 0; b < a; b++) {
            assert_int_not_equal(row(a)->id, row(b)->id);
            assert_string_not_equal(row(a)->name, row(b)->name);
        }
    }
}

static void every_row_explains_itself(void **state) {
    (void)state;
    for (int e = 0; e < EV_EVENTS; e++) {
        const struct event_def *d = row(e);
        const char *parts[] = {d->text, d->meaning, d->causes, d->action};
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            if (parts[k] == NULL || *parts[k] == 0)
                fail_msg("%u %s: part %zu is missing", d->id, d->name, k);
            assert_null(strstr(parts[k], "  "));
        }
        assert_int_equal(d->meaning[strlen(d->meaning) - 1], '.');
        assert_int_equal(d->action[strlen(d->action) - 1], '.');
        if (d->level >= EVENT_WARNING && strcmp(d->causes, "-") == 0)
            fail_msg("%u %s: a warning has causes", d->id, d->name);
    }
}

// What repeats is told apart by fields that the text shows.
static void keys_are_fields(void **state) {
    (void)state;
    for (int e = 0; e < EV_EVENTS; e++) {
        const struct event_def *d = row(e);
        const struct names all = fields_of(d);
        for (const char *p = d->key; p != NULL && *p != 0;) {
            char word[NAME_MAX_LEN];
            size_t n = strcspn(p, " ");
            snprintf(word, sizeof word, "%.*s", (int)n, p);
            if (!has(&all, word))
                fail_msg("%u %s: its key has %s, which its text does not show", d->id, d->name, word);
            p += n + (p[n] == ' ');
        }
    }
}

static void operators_find_the_numbers_that_they_know(void **state) {
    (void)state;
    static const struct {
        unsigned id;
        const char *fields; // that the text must show
    } known[] = {{51, "name remote stack what"},
                 {57, "peer limit remote stack"},
                 {289, "peer what"},
                 {290, "mts_id recipient reason diagnostic"},
                 {301, "peer seconds attempt attempts"},
                 {1294, "peer association local remote by what"},
                 {2219, "dir"},
                 {2206, "what"},
                 {2207, "messages recipients intents damaged orphans"},
                 {9156, "peer what"},
                 {9202, "stack what"},
                 {9215, "peer stack local remote what"},
                 {9266, "what"},
                 {9301, "remote hex stack name what"},
                 {9318, "peer stack local remote step what cause configured"},
                 {9321, "stack address what seconds"},
                 {9322, "peer stack remote endpoint step what"}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const struct event_def *d = NULL;
        for (int e = 0; e < EV_EVENTS; e++)
            d = row(e)->id == known[k].id ? row(e) : d;
        assert_non_null(d);
        const struct names all = fields_of(d);
        for (const char *p = known[k].fields; *p != 0;) {
            char word[NAME_MAX_LEN];
            size_t n = strcspn(p, " ");
            snprintf(word, sizeof word, "%.*s", (int)n, p);
            if (!has(&all, word))
                fail_msg("%u does not show %s", d->id, word);
            p += n + (p[n] == ' ');
        }
    }
}

// ---- the two forms ----

static char *log_of(const struct event_def *d, const struct names *all, bool json) {
    char path[64], value[FIELDS_MAX][NAME_MAX_LEN + 8];
    struct event_field fields[FIELDS_MAX];
    for (size_t k = 0; k < all->n; k++) {
        snprintf(value[k], sizeof value[k], "<%s of it>", all->name[k]);
        fields[k] = (struct event_field){all->name[k], value[k]};
    }
    snprintf(path, sizeof path, "/tmp/x400d-events-test-%d", (int)getpid());
    unlink(path);
    struct events *log = events_open(&(struct event_options){EVENT_TO_FILE, path, json, "x400d", EVENT_DEBUG, 0});
    assert_non_null(log);
    event_raise(log, d, fields, all->n);
    events_close(log);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *line = calloc(1, 8192);
    assert_non_null(line);
    assert_non_null(fgets(line, 8192, f));
    assert_int_equal(fgetc(f), EOF);
    fclose(f);
    unlink(path);
    return line;
}

static void plain_text_has_every_field(void **state) {
    (void)state;
    for (int e = 0; e < EV_EVENTS; e++) {
        const struct names all = fields_of(row(e));
        char *line = log_of(row(e), &all, false), begin[80], value[NAME_MAX_LEN + 8];
        snprintf(begin, sizeof begin, "x400d %s %u %s: ", event_level_name(row(e)->level), row(e)->id, row(e)->name);
        assert_non_null(strstr(line, begin));
        for (size_t k = 0; k < all.n; k++) {
            snprintf(value, sizeof value, "<%s of it>", all.name[k]);
            if (strstr(line, value) == NULL)
                fail_msg("%u: %s is not in: %s", row(e)->id, all.name[k], line);
        }
        assert_null(strpbrk(line, "{}"));
        assert_null(strstr(line, "[;"));
        free(line);
    }
}

static void json_has_every_field(void **state) {
    (void)state;
    for (int e = 0; e < EV_EVENTS; e++) {
        const struct names all = fields_of(row(e));
        char *line = log_of(row(e), &all, true), value[NAME_MAX_LEN + 8];
        json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(o);
        assert_int_equal(json_integer_value(json_object_get(o, "id")), row(e)->id);
        assert_string_equal(json_string_value(json_object_get(o, "event")), row(e)->name);
        assert_string_equal(json_string_value(json_object_get(o, "level")), event_level_name(row(e)->level));
        assert_int_equal(json_object_size(o), 6 + all.n); // v, time, id, level, event, text; no field takes their place
        for (size_t k = 0; k < all.n; k++) {
            snprintf(value, sizeof value, "<%s of it>", all.name[k]);
            assert_string_equal(json_string_value(json_object_get(o, all.name[k])), value);
        }
        json_decref(o);
        free(line);
    }
}

// A text still reads well when nothing is known but its first field.
static void parts_without_a_value_are_left_out(void **state) {
    (void)state;
    const struct event_field some[] = {
        {"peer", "b"}, {"remote", "mta-b"}, {"step", "resolve"}, {"what", "there is no such name"}, {"local", NULL}};
    char *text = event_text(mta_event(EV_CALL_FAILED), some, sizeof some / sizeof *some);
    assert_string_equal(text, "Peer b: the call to mta-b failed at the step resolve: there is no such name");
    mem_free(text);
    const struct event_field more[] = {{"peer", "b"},       {"stack", "net1"}, {"remote", "192.0.2.7:102"},
                                       {"step", "connect"}, {"what", "x"},     {"cause", "a filter"}};
    text = event_text(mta_event(EV_CALL_FAILED), more, sizeof more / sizeof *more);
    assert_string_equal(text,
                        "Peer b: the call over stack net1 to 192.0.2.7:102 failed at the step connect: x; likely: "
                        "a filter");
    mem_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_names_are_unique),
        cmocka_unit_test(every_row_explains_itself),
        cmocka_unit_test(keys_are_fields),
        cmocka_unit_test(operators_find_the_numbers_that_they_know),
        cmocka_unit_test(plain_text_has_every_field),
        cmocka_unit_test(json_has_every_field),
        cmocka_unit_test(parts_without_a_value_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
