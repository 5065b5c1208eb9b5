// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/loop.h"
#include "base/mem.h"

static const struct event_def open_failed = {
    .id = 289, .level = EVENT_WARNING, .name = "open-failed", .text = "peer {peer}: {error}", .key = "peer"};
static const struct event_def plain = {.id = 290, .level = EVENT_INFO, .name = "ndr", .text = "report for {id}"};

static char path[64];

static char *slurp(void) {
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    static char all[1 << 20];
    size_t n = fread(all, 1, sizeof all - 1, f);
    all[n] = 0;
    fclose(f);
    return all;
}

static int count(const char *all, const char *what) {
    int n = 0;
    for (const char *p = all; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

static struct events *fresh(bool json) {
    snprintf(path, sizeof path, "/tmp/x400d-event-test-%d", (int)getpid());
    unlink(path);
    struct events *e = events_open(&(struct event_options){EVENT_TO_FILE, path, json, "x400d", EVENT_INFO, 50});
    assert_non_null(e);
    return e;
}

static void raise_peer(struct events *e, const char *peer, const char *error) {
    EVENT_RAISE(e, &open_failed, {"peer", peer}, {"error", error});
}

static void a_repetition_is_counted_and_a_change_is_written(void **state) {
    (void)state;
    struct events *e = fresh(false);
    for (int i = 0; i < 5; i++)
        raise_peer(e, "b", "refused");
    raise_peer(e, "c", "refused");
    raise_peer(e, "b", "timed out");
    EVENT_RAISE(e, &plain, {"id", "1"});
    EVENT_RAISE(e, &plain, {"id", "1"});
    events_close(e);
    char *all = slurp();
    assert_int_equal(count(all, "289 open-failed: peer b: refused\n"), 1);
    assert_int_equal(count(all, "peer b: refused (repeated 4 times)"), 1);
    assert_int_equal(count(all, "peer c: refused\n"), 1);
    assert_int_equal(count(all, "peer b: timed out\n"), 1);
    assert_int_equal(count(all, "report for 1\n"), 2);
}

static void counts_are_written_when_due(void **state) {
    (void)state;
    struct events *e = fresh(true);
    raise_peer(e, "b", "refused");
    raise_peer(e, "b", "refused");
    usleep(60000);
    events_tick(e, clock_mono_ms());
    raise_peer(e, "b", "refused");
    events_close(e);
    char *all = slurp();
    assert_int_equal(count(all, "\"repeated\":\"1\""), 2);
    assert_int_equal(count(all, "\"id\":289"), 3);
    assert_int_equal(count(all, "\"peer\":\"b\""), 3); // the counts too have the fields
}

static void values_cannot_forge_lines(void **state) {
    (void)state;
    const struct event_field f[] = {{"peer", "x\n2026 fake"}, {"error", NULL}};
    char *text = event_text(&open_failed, f, 2);
    assert_string_equal(text, "peer x\\x0a2026 fake: -");
    mem_free(text);
}

static bool collect(void *arg, const struct event_record *r) {
    snprintf(arg, 100, "%llu %s", (unsigned long long)r->seq, r->text);
    return true;
}

// A value that is no UTF-8, or drives a terminal, takes nothing from the log: neither the text nor the JSON form is
// lost.
static void any_octets_are_written(void **state) {
    (void)state;
    static const struct {
        const char *value, *text;
    } cases[] = {
        {"M\xfcnchen", "M\\xfcnchen"},
        {"M\xc3\xbcnchen", "M\xc3\xbcnchen"},
        {"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80"},
        {"cut \xe2\x82", "cut \\xe2\\x82"},
        {"\xc2\x9b"
         "2J",
         "\\xc2\\x9b"
         "2J"},
        {"a\xe2\x80\xaeg", "a\\xe2\\x80\\xaeg"},
        {"\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xff", "\\xc0\\xaf \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \\xff"}};
    struct events *e = fresh(true);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char *text = event_text(&plain, &(struct event_field){"id", cases[k].value}, 1);
        char wanted[100];
        snprintf(wanted, sizeof wanted, "report for %s", cases[k].text);
        assert_string_equal(text, wanted);
        mem_free(text);
        EVENT_RAISE(e, &plain, {"id", cases[k].value});
    }
    events_close(e);
    assert_int_equal(count(slurp(), "report for"), sizeof cases / sizeof *cases);
    unlink(path);
}

static void the_latest_are_kept(void **state) {
    (void)state;
    struct events *e = fresh(false);
    char id[16], last[100] = "";
    for (int i = 0; i < 1500; i++) {
        snprintf(id, sizeof id, "%d", i);
        EVENT_RAISE(e, &plain, {"id", id});
    }
    events_each(e, 1499, collect, last);
    assert_string_equal(last, "1500 report for 1499");
    last[0] = 0;
    events_each(e, 1500, collect, last);
    assert_string_equal(last, "");
    events_close(e);
    assert_int_equal(count(slurp(), "report for"), 1500);
    unlink(path);
}

static void a_log_that_cannot_be_opened_is_refused(void **state) {
    (void)state;
    assert_null(events_open(&(struct event_options){EVENT_TO_FILE, "/nonexistent/log", false, "x400d", EVENT_INFO, 0}));
    struct events *e = fresh(false);
    assert_int_not_equal(events_set(e, &(struct event_options){.target = EVENT_TO_FILE, .path = "/nonexistent/log"}),
                         0);
    EVENT_RAISE(e, &plain, {"id", "still"});
    events_close(e);
    assert_int_equal(count(slurp(), "report for still"), 1);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repetition_is_counted_and_a_change_is_written),
        cmocka_unit_test(counts_are_written_when_due),
        cmocka_unit_test(values_cannot_forge_lines),
        cmocka_unit_test(any_octets_are_written),
        cmocka_unit_test(the_latest_are_kept),
        cmocka_unit_test(a_log_that_cannot_be_opened_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
