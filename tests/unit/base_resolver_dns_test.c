// SPDX-License-Identifier: BSD-2-Clause
// The resolver with name servers and an /etc of the test's own, in namespaces.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/resolver.h"
#include "dns_util.h"
#include "namespace_util.h"

#define ONE "127.0.0.53"
#define TWO "127.0.0.54"

static bool apart;
static char etc[] = "/tmp/x400d-etc-XXXXXX";

struct answer {
    int calls;
    size_t n;
    char text[600], error[700]; // the addresses as they came, separated by spaces
    unsigned ttl_s;
    bool stale;
    struct loop *l;
};

struct bed {
    struct loop *l;
    struct resolver *r;
    struct dns_server one, two;
};

static void on_answer(void *arg, const struct resolver_answer *a) {
    struct answer *got = arg;
    char one[NET_ADDRESS_TEXT];
    got->calls++;
    got->n = a->n;
    got->ttl_s = a->ttl_s;
    got->stale = a->stale;
    got->text[0] = got->error[0] = 0;
    for (size_t k = 0; k < a->n && k < 6; k++)
        snprintf(got->text + strlen(got->text), 100, "%s%s", k > 0 ? " " : "", net_address_text(&a->addresses[k], one));
    if (a->error != NULL)
        snprintf(got->error, sizeof got->error, "%s", a->error);
    assert_true((a->n == 0) == (a->error != NULL));
    loop_stop(got->l);
}

// Replaces a file as editors and network managers do.
static void put(const char *name, const char *text) {
    char path[100], fresh[110];
    snprintf(path, sizeof path, "/etc/%s", name);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    assert_true(namespace_write(fresh, text));
    assert_int_equal(rename(fresh, path), 0);
}

static int begin(void **state) {
    struct bed *b = calloc(1, sizeof *b);
    *state = b;
    if (b == NULL || !apart)
        return b == NULL ? -1 : 0;
    put("resolv.conf", "nameserver " ONE "\n");
    put("hosts",
        "127.0.0.1 localhost\n192.0.2.1 In-Hosts alias # a comment\n2001:db8::1 in-hosts\n192.0.2.2 in-hosts\n");
    b->l = loop_new();
    b->r = resolver_new(b->l);
    return b->l != NULL && b->r != NULL && dns_begin(&b->one, b->l, ONE, NULL) && dns_begin(&b->two, b->l, TWO, NULL)
               ? 0
               : -1;
}

static int end(void **state) {
    struct bed *b = *state;
    if (apart) {
        resolver_free(b->r);
        dns_end(&b->one), dns_end(&b->two);
        loop_free(b->l);
    }
    free(b);
    return 0;
}

static struct bed *bed(void **state) {
    if (!apart) {
        print_message("no namespaces here\n");
        skip();
    }
    return *state;
}

// All of the time, whatever stops the loop meanwhile.
static void run(struct loop *l, uint64_t ms) {
    uint64_t now = clock_mono_ms();
    for (uint64_t stop = now + ms; now < stop; now = clock_mono_ms())
        loop_run_for(l, stop - now);
}

// Asks and waits.
static struct answer ask(struct bed *b, const char *name, int family) {
    struct answer got = {.l = b->l};
    assert_non_null(resolver_ask(b->r, name, 102, family, on_answer, &got));
    assert_int_equal(got.calls, 0);
    for (uint64_t stop = clock_mono_ms() + 20000; got.calls == 0 && clock_mono_ms() < stop;)
        loop_run_for(b->l, 1000);
    assert_int_equal(got.calls, 1);
    return got;
}

static struct resolver_view look(struct bed *b, const char *name) {
    struct resolver_view v;
    assert_true(resolver_look(b->r, name, &v));
    return v;
}

static void all_addresses_of_dns_come_and_are_kept_for_their_ttl(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {
        {"mta.example", "192.0.2.7", 2}, {"mta.example", "192.0.2.8", 300}, {"mta.example", "2001:db8::7", 300}, {0}};
    b->one.records = records;
    struct answer got = ask(b, "mta.example", AF_UNSPEC);
    assert_int_equal(got.n, 3);
    assert_non_null(strstr(got.text, "192.0.2.7:102"));
    assert_non_null(strstr(got.text, "192.0.2.8:102"));
    assert_non_null(strstr(got.text, "[2001:db8::7]:102"));
    assert_int_equal(got.ttl_s, 2);
    assert_int_equal(b->one.asked, 2); // A and AAAA
    got = ask(b, "MTA.Example", AF_INET6);
    assert_string_equal(got.text, "[2001:db8::7]:102");
    assert_int_equal(b->one.asked, 2);
    struct resolver_view v = look(b, "mta.example");
    int64_t now = clock_utc_ms();
    assert_int_equal(v.source, RESOLVER_DNS);
    assert_true(v.found_utc_ms > now - 1000 && v.found_utc_ms <= now);
    assert_true(v.expires_utc_ms > now && v.expires_utc_ms <= now + 2000);
    assert_null(v.error);
    run(b->l, 2100);
    ask(b, "mta.example", AF_UNSPEC);
    assert_int_equal(b->one.asked, 4);
}

static void a_ttl_of_nothing_is_not_kept(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {{"mta.example", "192.0.2.7", 0}, {0}};
    b->one.records = records;
    assert_int_equal(ask(b, "mta.example", AF_UNSPEC).n, 1);
    assert_int_equal(ask(b, "mta.example", AF_UNSPEC).n, 1);
    assert_int_equal(b->one.asked, 4);
}

static void the_hosts_file_comes_first(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {{"in-hosts", "203.0.113.1", 300}, {0}};
    b->one.records = records;
    struct answer got = ask(b, "in-hosts", AF_UNSPEC);
    assert_int_equal(got.n, 3); // of all its lines
    assert_non_null(strstr(got.text, "192.0.2.1:102"));
    assert_non_null(strstr(got.text, "192.0.2.2:102"));
    assert_non_null(strstr(got.text, "[2001:db8::1]:102"));
    assert_int_equal(got.ttl_s, 0);
    assert_string_equal(ask(b, "alias", AF_INET).text, "192.0.2.1:102");
    assert_string_equal(ask(b, "localhost", AF_INET).text, "127.0.0.1:102");
    assert_int_equal(b->one.asked, 0);
    struct resolver_view v = look(b, "IN-HOSTS");
    assert_int_equal(v.source, RESOLVER_HOSTS);
    assert_int_equal(v.expires_utc_ms, 0);
    got = ask(b, "alias", AF_INET6);
    assert_string_equal(got.error, "alias: the name has no address of IPv6");
}

static void no_name_is_remembered_for_a_short_time(void **state) {
    struct bed *b = bed(state);
    struct answer got = ask(b, "nonesuch.example", AF_UNSPEC);
    assert_string_equal(got.error, "nonesuch.example: there is no such name, says DNS (" ONE ") and the hosts file");
    unsigned asked = b->one.asked;
    ask(b, "nonesuch.example", AF_UNSPEC);
    assert_int_equal(b->one.asked, asked);
    struct resolver_view v = look(b, "nonesuch.example");
    assert_true(v.expires_utc_ms > clock_utc_ms() && v.expires_utc_ms <= clock_utc_ms() + 10000);
    assert_non_null(v.error);
    static const struct dns_record empty[] = {{"empty.example", NULL, 0}, {0}};
    b->one.records = empty;
    got = ask(b, "empty.example", AF_UNSPEC);
    assert_string_equal(got.error, "empty.example: the name has no address, says DNS (" ONE ")");
    got = ask(b, "not a..name", AF_UNSPEC);
    assert_int_equal(got.n, 0);
}

static void a_dead_server_costs_seconds_not_the_answer(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {{"mta.example", "192.0.2.7", 300}, {0}};
    b->two.records = records;
    b->one.mood = DNS_IS_SILENT;
    put("resolv.conf", "nameserver " ONE "\nnameserver " TWO "\n");
    run(b->l, 1050); // the file is looked at once a second
    uint64_t begun = clock_mono_ms();
    assert_string_equal(ask(b, "mta.example", AF_INET).text, "192.0.2.7:102");
    assert_true(clock_mono_ms() - begun < 4000);
    assert_string_equal(resolver_servers(b->r), ONE ", " TWO);
    assert_int_equal(resolver_rereads(b->r), 1);
}

static void a_failing_server_is_not_believed(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {{"mta.example", "192.0.2.7", 300}, {0}};
    b->two.records = records;
    b->one.mood = DNS_FAILS;
    put("resolv.conf", "nameserver " ONE "\nnameserver " TWO "\n");
    run(b->l, 1050);
    assert_string_equal(ask(b, "mta.example", AF_INET).text, "192.0.2.7:102");
    b->two.mood = DNS_FAILS;
    struct answer got = ask(b, "other.example", AF_INET);
    assert_string_equal(got.error, "other.example: no name server gives an answer (asked: " ONE ", " TWO ")");
    assert_true(look(b, "other.example").expires_utc_ms <= clock_utc_ms() + 5000);
}

static void dead_servers_are_given_up_in_time_and_their_late_answer_is_kept(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {{"mta.example", "192.0.2.7", 300}, {0}};
    b->one.records = records;
    b->one.mood = DNS_IS_LATE;
    put("resolv.conf", "nameserver " ONE "\nnameserver 127.0.0.60\nnameserver 127.0.0.61\n");
    run(b->l, 1050);
    uint64_t begun = clock_mono_ms();
    struct answer got = ask(b, "mta.example", AF_INET);
    uint64_t took = clock_mono_ms() - begun;
    assert_true(took < 11000);
    assert_non_null(
        strstr(got.error, "mta.example: no name server gives an answer (asked: " ONE ", 127.0.0.60, 127.0.0.61)"));
    begun = clock_mono_ms();
    got = ask(b, "mta.example", AF_INET); // at once, for some seconds
    assert_true(clock_mono_ms() - begun < 500);
    assert_int_equal(got.n, 0);
    if (look(b, "mta.example").asking) {
        dns_release(&b->one);
        run(b->l, 300);
        assert_string_equal(ask(b, "mta.example", AF_INET).text, "192.0.2.7:102");
    }
}

static void nobody_waits_for_the_lookup_of_another(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {{"mta.example", "192.0.2.7", 300}, {0}};
    b->one.records = records;
    b->one.mood = DNS_IS_LATE;
    struct answer slow = {.l = b->l};
    assert_non_null(resolver_ask(b->r, "slow.example", 102, AF_UNSPEC, on_answer, &slow));
    run(b->l, 50);
    b->one.mood = DNS_ANSWERS;
    uint64_t begun = clock_mono_ms();
    assert_int_equal(ask(b, "mta.example", AF_UNSPEC).n, 1);
    assert_true(clock_mono_ms() - begun < 1000);
    assert_int_equal(slow.calls, 0);
    for (int k = 0; k < 40 && slow.calls == 0; k++) // asked again, and answered
        run(b->l, 100);
    assert_int_equal(slow.calls, 1);
}

static void many_who_ask_at_once_are_one_lookup(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {{"mta.example", "192.0.2.7", 300}, {0}};
    b->one.records = records;
    struct answer got[20], cancelled = {.l = b->l};
    for (int k = 0; k < 20; k++) {
        got[k] = (struct answer){.l = b->l};
        assert_non_null(resolver_ask(b->r, "mta.example", (uint16_t)(1000 + k), AF_UNSPEC, on_answer, &got[k]));
    }
    struct resolver_query *q = resolver_ask(b->r, "mta.example", 1, AF_UNSPEC, on_answer, &cancelled);
    resolver_cancel(q);
    for (int k = 0; k < 40; k++)
        run(b->l, 10);
    for (int k = 0; k < 20; k++) {
        char wanted[40];
        snprintf(wanted, sizeof wanted, "192.0.2.7:%d", 1000 + k);
        assert_int_equal(got[k].calls, 1);
        assert_string_equal(got[k].text, wanted);
    }
    assert_int_equal(cancelled.calls, 0);
    assert_int_equal(b->one.asked, 2);
}

static void what_was_found_serves_while_the_servers_are_dead(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {{"mta.example", "192.0.2.7", 1}, {0}};
    b->one.records = records;
    assert_int_equal(ask(b, "mta.example", AF_UNSPEC).n, 1);
    b->one.mood = DNS_IS_SILENT;
    run(b->l, 1100);
    struct answer got = ask(b, "mta.example", AF_UNSPEC);
    assert_string_equal(got.text, "192.0.2.7:102");
    assert_true(got.stale);
    struct resolver_view v = look(b, "mta.example");
    assert_true(v.stale);
    assert_non_null(strstr(v.error, "no name server gives an answer"));
    b->one.mood = DNS_ANSWERS;
    b->one.records = NULL; // who answers that it is gone is believed
    for (int k = 0; k < 10 && got.n > 0; k++) {
        run(b->l, 1000);
        got = ask(b, "mta.example", AF_UNSPEC);
    }
    assert_int_equal(got.n, 0);
    assert_false(got.stale);
}

static void a_watched_name_is_followed(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record first[] = {{"mta.example", "192.0.2.7", 1}, {"mta.example", "192.0.2.8", 1}, {0}};
    static const struct dns_record turned[] = {{"mta.example", "192.0.2.8", 1}, {"mta.example", "192.0.2.7", 1}, {0}};
    static const struct dns_record moved[] = {{"mta.example", "203.0.113.9", 1}, {0}};
    struct answer got = {.l = b->l};
    b->one.records = first;
    struct resolver_query *w = resolver_watch(b->r, "mta.example", 102, AF_UNSPEC, on_answer, &got);
    assert_non_null(w);
    assert_int_equal(got.calls, 0);
    run(b->l, 1000);
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.n, 2);
    b->one.records = turned; // the order is nothing new
    unsigned asked = b->one.asked;
    run(b->l, 2500);
    assert_int_equal(got.calls, 1);
    assert_true(b->one.asked >= asked + 2 && b->one.asked <= asked + 8);
    b->one.records = moved;
    run(b->l, 2500);
    assert_int_equal(got.calls, 2);
    assert_string_equal(got.text, "203.0.113.9:102");
    struct answer second = {.l = b->l}; // who comes later is told what is known
    struct resolver_query *w2 = resolver_watch(b->r, "mta.example", 7, AF_UNSPEC, on_answer, &second);
    run(b->l, 300);
    assert_int_equal(second.calls, 1);
    assert_string_equal(second.text, "203.0.113.9:7");
    b->one.records = NULL;
    run(b->l, 2500);
    assert_int_equal(got.calls, 3);
    assert_int_equal(got.n, 0);
    assert_non_null(strstr(got.error, "there is no such name"));
    resolver_cancel(w);
    resolver_cancel(w2);
    asked = b->one.asked;
    run(b->l, 2500);
    assert_int_equal(b->one.asked, asked); // nobody watches any more
}

static void changed_files_are_read_again(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record one[] = {{"mta.example", "192.0.2.7", 3000}, {0}};
    static const struct dns_record two[] = {{"mta.example", "203.0.113.9", 3000}, {0}};
    struct answer got = {.l = b->l}, other = {.l = b->l};
    b->one.records = one;
    b->two.records = two;
    struct resolver_query *w = resolver_watch(b->r, "mta.example", 102, AF_UNSPEC, on_answer, &got);
    struct resolver_query *h = resolver_watch(b->r, "in-hosts", 102, AF_INET, on_answer, &other);
    for (int k = 0; k < 10 && (got.calls == 0 || other.calls == 0); k++)
        run(b->l, 100);
    assert_string_equal(got.text, "192.0.2.7:102");
    assert_int_equal(other.n, 2);
    put("resolv.conf", "nameserver " TWO "\n");
    for (int k = 0; k < 10 && got.calls < 2; k++)
        run(b->l, 500);
    assert_int_equal(got.calls, 2);
    assert_string_equal(got.text, "203.0.113.9:102");
    put("hosts", "198.51.100.1 in-hosts\n198.51.100.2 mta.example\n");
    for (int k = 0; k < 10 && (got.calls < 3 || other.calls < 2); k++)
        run(b->l, 500);
    assert_string_equal(other.text, "198.51.100.1:102");
    assert_string_equal(got.text, "198.51.100.2:102");
    assert_int_equal(look(b, "mta.example").source, RESOLVER_HOSTS);
    assert_int_equal(resolver_rereads(b->r), 2);
    assert_int_equal(unlink("/etc/hosts"), 0); // then DNS is left
    for (int k = 0; k < 10 && got.calls < 4; k++)
        run(b->l, 500);
    assert_string_equal(got.text, "203.0.113.9:102");
    resolver_cancel(w), resolver_cancel(h);
}

static void a_lookup_under_way_goes_to_the_new_server(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record two[] = {{"mta.example", "203.0.113.9", 3000}, {0}};
    b->one.mood = DNS_IS_SILENT;
    b->two.records = two;
    struct answer got = {.l = b->l};
    assert_non_null(resolver_ask(b->r, "mta.example", 102, AF_UNSPEC, on_answer, &got));
    run(b->l, 1050);
    put("resolv.conf", "nameserver " TWO "\n");
    ask(b, "in-hosts", AF_UNSPEC);
    for (int k = 0; k < 10 && got.calls == 0; k++)
        run(b->l, 100);
    assert_string_equal(got.text, "203.0.113.9:102");
}

static bool count(void *arg, const struct resolver_view *v) {
    (void)v;
    return ++*(int *)arg > 0;
}

static void names_without_end_do_not_fill_the_memory(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {{"mta.example", "192.0.2.7", 1}, {0}};
    b->one.records = records;
    struct answer got = {.l = b->l};
    struct resolver_query *w = resolver_watch(b->r, "mta.example", 102, AF_UNSPEC, on_answer, &got);
    for (int k = 0; k < 1500; k++) {
        char name[40];
        snprintf(name, sizeof name, "stranger-%d.example", k);
        ask(b, name, AF_UNSPEC);
    }
    int n = 0;
    struct resolver_view v;
    resolver_each(b->r, count, &n);
    assert_int_equal(n, 1024);
    assert_true(resolver_look(b->r, "mta.example", &v)); // watched: kept
    assert_false(resolver_look(b->r, "stranger-1.example", &v));
    resolver_cancel(w);
}

static void on_cancel_itself(void *arg, const struct resolver_answer *a) {
    struct resolver_query **q = arg;
    assert_true(a->n > 0);
    resolver_cancel(*q);
    *q = NULL;
}

static void a_query_may_end_itself_and_the_resolver_end_with_all(void **state) {
    struct bed *b = bed(state);
    struct resolver_query *q = resolver_ask(b->r, "in-hosts", 1, AF_UNSPEC, on_cancel_itself, &q);
    struct resolver_query *w = resolver_watch(b->r, "in-hosts", 1, AF_UNSPEC, on_cancel_itself, &w);
    struct resolver_query *n = resolver_watch(b->r, "192.0.2.1", 1, AF_UNSPEC, on_cancel_itself, &n);
    run(b->l, 200);
    assert_true(q == NULL && w == NULL && n == NULL);
    struct answer got = {.l = b->l}, watched = {.l = b->l}, numeric = {.l = b->l};
    b->one.mood = DNS_IS_SILENT;
    resolver_ask(b->r, "mta.example", 1, AF_UNSPEC, on_answer, &got);
    resolver_watch(b->r, "mta.example", 1, AF_UNSPEC, on_answer, &watched);
    resolver_watch(b->r, "192.0.2.1", 1, AF_UNSPEC, on_answer, &numeric);
    run(b->l, 50);
    assert_int_equal(numeric.calls, 1);
    resolver_free(b->r);
    assert_int_equal(got.calls, 1);
    assert_string_equal(got.error, "the program is ending");
    assert_int_equal(watched.calls, 0);
    b->r = resolver_new(b->l);
}

static void short_memory_is_an_error_not_a_crash(void **state) {
    struct bed *b = bed(state);
    static const struct dns_record records[] = {{"mta.example", "192.0.2.7", 0}, {0}};
    b->one.records = records;
    for (unsigned long k = 1; k < 14; k++) {
        struct answer got = {.l = b->l};
        mem_fail_at(k);
        struct resolver_query *q = resolver_ask(b->r, "mta.example", 102, AF_UNSPEC, on_answer, &got);
        for (int n = 0; n < 70 && q != NULL && got.calls == 0; n++)
            run(b->l, 100);
        mem_fail_at(0);
        assert_true(q == NULL || got.calls == 1);
        run(b->l, 20);
    }
    for (unsigned long k = 1; k < 8; k++) {
        mem_fail_at(k);
        struct resolver *r = resolver_new(b->l);
        mem_fail_at(0);
        resolver_free(r);
    }
}

int main(void) {
    apart = namespace_enter() && mkdtemp(etc) != NULL && mount(etc, "/etc", NULL, MS_BIND, NULL) == 0;
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(all_addresses_of_dns_come_and_are_kept_for_their_ttl),
        T(a_ttl_of_nothing_is_not_kept),
        T(the_hosts_file_comes_first),
        T(no_name_is_remembered_for_a_short_time),
        T(a_dead_server_costs_seconds_not_the_answer),
        T(a_failing_server_is_not_believed),
        T(dead_servers_are_given_up_in_time_and_their_late_answer_is_kept),
        T(nobody_waits_for_the_lookup_of_another),
        T(many_who_ask_at_once_are_one_lookup),
        T(what_was_found_serves_while_the_servers_are_dead),
        T(a_watched_name_is_followed),
        T(changed_files_are_read_again),
        T(a_lookup_under_way_goes_to_the_new_server),
        T(names_without_end_do_not_fill_the_memory),
        T(a_query_may_end_itself_and_the_resolver_end_with_all),
        T(short_memory_is_an_error_not_a_crash),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (apart) {
        unlink("/etc/hosts"), unlink("/etc/resolv.conf");
        umount2("/etc", MNT_DETACH);
        rmdir(etc);
    }
    return failed;
}
