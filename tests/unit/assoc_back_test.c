// SPDX-License-Identifier: BSD-2-Clause
// What implementation-information says of bind-back: every form, what is read over, hostile input.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "assoc/back.h"
#include "base/address.h"
#include "base/err.h"

static int parse(const char *text, struct assoc_back *b) {
    return assoc_back_parse(bytes_str(text), b);
}

static void endpoint(const char *text, const char *host, int family, unsigned port) {
    struct assoc_back b;
    assert_int_equal(parse(text, &b), ERR_OK);
    assert_true(b.declares);
    if (b.fault != NULL)
        fail_msg("%s: %s", text, b.fault);
    assert_string_equal(b.host, host);
    assert_int_equal(b.family, family);
    assert_int_equal(b.port, port);
    assert_false(b.is_bind_back);
}

static void every_form_is_read(void **state) {
    (void)state;
    endpoint("X400D-BB/1 to=TCP:mta.example.net", "mta.example.net", AF_UNSPEC, 102);
    endpoint("X400D-BB/1 to=TCP:mta.example.net:1102", "mta.example.net", AF_UNSPEC, 1102);
    endpoint("X400D-BB/1 to=TCP:mta.example.net.:1", "mta.example.net.", AF_UNSPEC, 1);
    endpoint("X400D-BB/1 to=TCP:GW-1_a", "GW-1_a", AF_UNSPEC, 102);
    endpoint("X400D-BB/1 to=TCP:192.0.2.7", "192.0.2.7", AF_INET, 102);
    endpoint("X400D-BB/1 to=TCP:192.0.2.7:65535", "192.0.2.7", AF_INET, 65535);
    endpoint("X400D-BB/1 to=TCP:[2001:db8::7]", "2001:db8::7", AF_INET6, 102);
    endpoint("X400D-BB/1 to=TCP:[2001:db8::7]:10102", "2001:db8::7", AF_INET6, 10102);
    struct assoc_back b;
    assert_int_equal(parse("X400D-BB/1 is-bind-back", &b), ERR_OK);
    assert_true(b.is_bind_back && !b.declares);
    assert_int_equal(parse("X400D-BB/1", &b), ERR_OK);
    assert_false(b.is_bind_back || b.declares);
}

static void others_words_are_read_over(void **state) {
    (void)state;
    struct assoc_back b;
    endpoint("ACME-MTA/3.1 (Unix) X400D-BB/1  colour=blue to=TCP:a.example.net:103 later", "a.example.net", AF_UNSPEC,
             103);
    endpoint("  X400D-BB/1 to=TCP:a to=TCP:b", "a", AF_UNSPEC, 102); // the first counts
    static const char *const none[] = {"",
                                       " ",
                                       "ACME-MTA/3.1",
                                       "X400D-BB/2 to=TCP:a",
                                       "X400D-BB/11 is-bind-back",
                                       "x400d-bb/1 is-bind-back",
                                       "to=TCP:a is-bind-back",
                                       "X400D-BB/1,is-bind-back",
                                       "X400D-BB/1\tis-bind-back",
                                       "X400D-BB/1 is-bind-back\x1b(B",
                                       "X400D-BB/1 is-bind-back \xe9"};
    for (size_t k = 0; k < sizeof none / sizeof *none; k++) {
        if (parse(none[k], &b) != ERR_ABSENT)
            fail_msg("%s was taken for ours", none[k]);
        assert_false(b.is_bind_back || b.declares);
    }
    assert_int_equal(assoc_back_parse(bytes_of("X400D-BB/1\0is-bind-back", 23), &b), ERR_ABSENT);
    assert_int_equal(assoc_back_parse(bytes_of(NULL, 0), &b), ERR_ABSENT);
    assert_int_equal(parse("to=TCP:a X400D-BB/1 Is-Bind-Back TO=TCP:b is-bind-backs", &b), ERR_OK);
    assert_false(b.is_bind_back || b.declares);
}

static void what_cannot_be_called_is_declared_but_useless(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "UDP:a",
                                      "tcp:a",
                                      "TCP",
                                      "TCP:",
                                      "TCP::102",
                                      "TCP:a:",
                                      "TCP:a:0",
                                      "TCP:a:65536",
                                      "TCP:a:-1",
                                      "TCP:a:+1",
                                      "TCP:a:102x",
                                      "TCP:a:0000102",
                                      "TCP:a b:c",
                                      "TCP:-a",
                                      "TCP:a-",
                                      "TCP:a-.b",
                                      "TCP:a..b",
                                      "TCP:.",
                                      "TCP:.a",
                                      "TCP:1.2.3",
                                      "TCP:1.2.3.4.5",
                                      "TCP:300.1.1.1",
                                      "TCP:a.7",
                                      "TCP:2001:db8::7",
                                      "TCP:[192.0.2.1]",
                                      "TCP:[a]",
                                      "TCP:[2001:db8::7",
                                      "TCP:[]",
                                      "TCP:[2001:db8::7]x",
                                      "TCP:[2001:db8::7]:",
                                      "TCP:[fe80::1%eth0]",
                                      "TCP:0.0.0.0",
                                      "TCP:[::]",
                                      "TCP:224.0.0.1",
                                      "TCP:[ff02::1]",
                                      "TCP:a/b",
                                      "TCP:\"a\"",
                                      "TCP:$(id)",
                                      "TCP:a%n"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char text[128];
        struct assoc_back b;
        snprintf(text, sizeof text, "X400D-BB/1 to=%s x", bad[k]);
        assert_int_equal(parse(text, &b), ERR_OK);
        if (!b.declares || (b.fault == NULL && strchr(bad[k], ' ') == NULL))
            fail_msg("%s: no fault", bad[k]);
        assert_true(b.fault == NULL || b.host[0] == 0);
    }
}

static void lengths_are_limited(void **state) {
    (void)state;
    char text[2 * ASSOC_BACK_READ] = "X400D-BB/1 to=TCP:";
    struct assoc_back b;
    for (size_t k = strlen(text); k < sizeof text - 1; k++)
        text[k] = k % 50 == 0 ? '.' : 'a';
    assert_int_equal(assoc_back_parse(bytes_of(text, ASSOC_BACK_READ + 1), &b), ERR_ABSENT);
    assert_int_equal(assoc_back_parse(bytes_of(text, ASSOC_BACK_READ), &b), ERR_OK);
    assert_non_null(b.fault);
    assert_int_equal(strlen(b.shown), ASSOC_BACK_SHOWN - 1);
    assert_int_equal(assoc_back_parse(bytes_of(text, 18 + 253), &b), ERR_OK);
    assert_null(b.fault);
    assert_int_equal(assoc_back_parse(bytes_of(text, 18 + 254), &b), ERR_OK);
    assert_non_null(b.fault);
    assert_int_equal(assoc_back_parse(bytes_of(text, 18 + 257), &b), ERR_OK);
    assert_non_null(b.fault);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    char out[ASSOC_BACK_TEXT], longest[256];
    assert_int_equal(assoc_back_declare("mta.example.net", AF_UNSPEC, 102, out), ERR_OK);
    assert_string_equal(out, "X400D-BB/1 to=TCP:mta.example.net:102");
    assert_int_equal(assoc_back_declare("2001:db8::7", AF_INET6, 10102, out), ERR_OK);
    assert_string_equal(out, "X400D-BB/1 to=TCP:[2001:db8::7]:10102");
    endpoint(out, "2001:db8::7", AF_INET6, 10102);
    assert_int_equal(assoc_back_declare("192.0.2.7", AF_INET, 102, out), ERR_OK);
    endpoint(out, "192.0.2.7", AF_INET, 102);
    memset(longest, 'a', sizeof longest);
    for (size_t k = 50; k < 253; k += 51)
        longest[k] = '.';
    longest[253] = 0;
    assert_int_equal(assoc_back_declare(longest, AF_UNSPEC, 65535, out), ERR_OK);
    endpoint(out, longest, AF_UNSPEC, 65535);
    assert_int_equal(assoc_back_declare("a b", AF_UNSPEC, 102, out), ERR_SYNTAX);
    assert_int_equal(assoc_back_declare("a", AF_UNSPEC, 0, out), ERR_SYNTAX);
    assert_int_equal(assoc_back_declare("::", AF_INET6, 102, out), ERR_SYNTAX);
    assert_int_equal(assoc_back_declare(NULL, AF_UNSPEC, 102, out), ERR_SYNTAX);
    struct assoc_back b;
    assert_int_equal(parse(assoc_back_mark, &b), ERR_OK);
    assert_true(b.is_bind_back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read),
        cmocka_unit_test(others_words_are_read_over),
        cmocka_unit_test(what_cannot_be_called_is_declared_but_useless),
        cmocka_unit_test(lengths_are_limited),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
