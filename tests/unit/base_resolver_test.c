// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "base/resolver.h"

static void addresses_are_read_and_written(void **state) {
    (void)state;
    struct net_address a;
    char text[NET_ADDRESS_TEXT];
    assert_int_equal(net_address_parse(&a, "192.0.2.7", 102), 0);
    assert_string_equal(net_address_text(&a, text), "192.0.2.7:102");
    assert_int_equal(net_address_parse(&a, "2001:db8::7", 10102), 0);
    assert_string_equal(net_address_text(&a, text), "[2001:db8::7]:10102");
    assert_string_equal(net_address_host_text(&a, text), "2001:db8::7");
    assert_int_equal(net_address_parse(&a, "fe80::1%lo", 1), 0);
    assert_int_equal(a.v6.sin6_scope_id, 1);
    assert_int_equal(net_address_parse(&a, "fe80::1%nonesuch", 1), ERR_SYNTAX);
    assert_int_equal(net_address_parse(&a, "mta.example.net", 102), ERR_SYNTAX);
    assert_int_equal(net_address_parse(&a, "1.2.3", 102), ERR_SYNTAX);
}

struct asked {
    struct loop *l;
    int calls;
    size_t n;
    char first[NET_ADDRESS_TEXT], error[200];
};

static void on_answer(void *arg, const struct resolver_answer *answer) {
    struct asked *s = arg;
    s->calls++;
    s->n = answer->n;
    if (answer->n > 0)
        net_address_text(&answer->addresses[0], s->first);
    if (answer->error != NULL)
        strncpy(s->error, answer->error, sizeof s->error - 1);
    loop_stop(s->l);
}

static void numbers_and_the_hosts_file_are_answered_later(void **state) {
    (void)state;
    struct asked s = {.l = loop_new()};
    struct resolver *r = resolver_new(s.l);
    assert_non_null(resolver_ask(r, "127.0.0.9", 102, AF_UNSPEC, on_answer, &s));
    assert_int_equal(s.calls, 0);
    loop_run_for(s.l, 5000);
    assert_int_equal(s.calls, 1);
    assert_string_equal(s.first, "127.0.0.9:102");
    assert_non_null(resolver_ask(r, "localhost", 7, AF_INET, on_answer, &s));
    loop_run_for(s.l, 5000);
    assert_int_equal(s.calls, 2);
    assert_string_equal(s.first, "127.0.0.1:7");
    resolver_free(r), loop_free(s.l);
}

static void a_cancelled_query_stays_silent(void **state) {
    (void)state;
    struct asked s = {.l = loop_new()};
    struct resolver *r = resolver_new(s.l);
    resolver_cancel(resolver_ask(r, "127.0.0.9", 102, AF_UNSPEC, on_answer, &s));
    loop_run_for(s.l, 30);
    assert_int_equal(s.calls, 0);
    assert_non_null(resolver_ask(r, "127.0.0.9", 102, AF_UNSPEC, on_answer, &s));
    resolver_free(r);
    assert_int_equal(s.calls, 1); // freeing the resolver answers what it still owes
    loop_free(s.l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(numbers_and_the_hosts_file_are_answered_later),
        cmocka_unit_test(a_cancelled_query_stays_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
