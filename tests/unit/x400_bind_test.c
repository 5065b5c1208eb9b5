// SPDX-License-Identifier: BSD-2-Clause
// The bind of the captured peer both ways, every form of credentials, and hostile input.
#include "x400_p1_util.h"

#include "x400/bind.h"

// From the captures: 1988 normal mode (octet strings, wrapped), 1984 (IA5 strings, bare).
#define ARGUMENT_88 "b016 a114 8007 4d54412d505041 a109 0407 73656372657441"
#define RESULT_88 "b116 a114 8007 4d54412d505042 a109 0407 73656372657442"
#define ARGUMENT_84 "a114 8007 4d54412d505041 a109 1607 73656372657441"

static void captured_bind_decodes_and_encodes(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct bind_info i;
    struct p1_fault f;
    int error;
    assert_int_equal(bind_argument_decode(&a, hex(&a, ARGUMENT_88), true, &i, &f), 0);
    assert_int_equal(i.form, BIND_OCTETS);
    assert_text(i.name, "MTA-PPA");
    assert_true(bind_password_is(&i, bytes_str("secretA")));
    assert_null(i.security_context.p);
    assert_int_equal(bind_argument_encode(&b, &i, true), 0);
    assert_bytes(buf_bytes(&b), hex(&a, ARGUMENT_88));
    buf_clear(&b);
    assert_int_equal(bind_result_decode(&a, hex(&a, RESULT_88), true, &i, &error, &f), 0);
    assert_int_equal(error, -1);
    assert_text(i.name, "MTA-PPB");
    assert_int_equal(bind_result_encode(&b, &i, true), 0);
    assert_bytes(buf_bytes(&b), hex(&a, RESULT_88));
    buf_clear(&b);
    assert_int_equal(bind_argument_decode(&a, hex(&a, ARGUMENT_84), false, &i, &f), 0);
    assert_int_equal(i.form, BIND_IA5);
    assert_true(bind_password_is(&i, bytes_str("secretA")));
    assert_int_equal(bind_argument_encode(&b, &i, false), 0);
    assert_bytes(buf_bytes(&b), hex(&a, ARGUMENT_84));
    buf_free(&b);
    arena_free(&a);
}

static enum bind_form form_of(struct arena *a, const char *text) {
    struct bind_info i;
    struct p1_fault f;
    int err = bind_argument_decode(a, hex(a, text), false, &i, &f);
    if (err < 0)
        fail_msg("%s", f.text);
    assert_true(i.form != BIND_STRONG || !bind_password_is(&i, bytes_of("", 0)));
    return i.form;
}

static void every_form_is_recognised(void **state) {
    (void)state;
    struct arena a = {0};
    struct bind_info i;
    assert_int_equal(form_of(&a, "0500"), BIND_NONE);
    assert_int_equal(form_of(&a, "a109 800141 a104 a002 a000"), BIND_STRONG);
    assert_int_equal(form_of(&a, "a107 800141 a102 a100"), BIND_PROTECTED);
    assert_int_equal(form_of(&a, "a107 800141 a102 a500"), BIND_OTHER);
    assert_int_equal(form_of(&a, "a180 8001 41 a180 2480 0401 73 0402 6563 0000 0000 0000"), BIND_OCTETS);
    assert_int_equal(form_of(&a, "a107 a102 0400 800141"), BIND_OCTETS); // a SET has no order
    assert_int_equal(
        bind_argument_decode(&a, hex(&a, "a180 8001 41 a180 2480 0401 73 0402 6563 0000 0000 0000"), false, &i, NULL),
        0);
    assert_true(bind_password_is(&i, bytes_str("sec")));
    assert_int_equal(bind_argument_decode(&a, hex(&a, "a10b 800141 a102 0400 a202 3100"), false, &i, NULL), 0);
    assert_bytes(i.security_context, hex(&a, "a202 3100"));
    arena_free(&a);
}

static void passwords_compare_whole(void **state) {
    (void)state;
    struct bind_info i = {.form = BIND_IA5, .password = bytes_str("secret")};
    assert_true(bind_password_is(&i, bytes_str("secret")));
    assert_false(bind_password_is(&i, bytes_str("secreT")));
    assert_false(bind_password_is(&i, bytes_str("secre")));
    assert_false(bind_password_is(&i, bytes_str("secret1")));
    assert_false(bind_password_is(&i, bytes_of("secret\0", 7)));
    assert_false(bind_password_is(&i, bytes_of(NULL, 0)));
    i.form = BIND_NONE;
    i.password = bytes_of(NULL, 0);
    assert_false(bind_password_is(&i, bytes_of(NULL, 0))); // no credentials are not an empty password
}

static void errors_have_numbers_and_names(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct bind_info i;
    int error;
    assert_int_equal(bind_error_encode(&b, BIND_AUTHENTICATION_ERROR, true), 0);
    assert_bytes(buf_bytes(&b), hex(&a, "b203 020102"));
    assert_int_equal(bind_result_decode(&a, buf_bytes(&b), true, &i, &error, NULL), 0);
    assert_int_equal(error, BIND_AUTHENTICATION_ERROR);
    assert_string_equal(bind_error_name(error), "authentication-error");
    assert_string_equal(bind_error_name(BIND_BUSY), "busy");
    assert_string_equal(bind_error_name(1), "unknown");
    assert_string_equal(bind_error_name(5), "inadequate-association-confidentiality");
    buf_free(&b);
    arena_free(&a);
}

static void refused(const char *text, bool wrapped, const char *why) {
    struct arena a = {0};
    struct bind_info i;
    struct p1_fault f;
    assert_true(bind_argument_decode(&a, hex(&a, text), wrapped, &i, &f) < 0);
    assert_string_equal(f.text, why);
    arena_free(&a);
}

static void malformed_binds_are_refused(void **state) {
    (void)state;
    refused("a114", false, "MTABindArgument: the data ends too early");
    refused("0500 00", false, "MTABindArgument: octets after its end");
    refused(ARGUMENT_84, true, "MTABindArgument: is not wrapped in [16]");
    refused("b004 0500 0500", true, "MTABindArgument: is not one element");
    refused("0400", false, "MTABindArgument: neither NULL nor authenticated [1]");
    refused("a100", false, "MTABindArgument.initiator-name: is missing");
    refused("a103 800141", false, "MTABindArgument.initiator-credentials: is missing");
    refused("a106 8000 a102 0400", false, "MTABindArgument.initiator-name: is empty");
    refused("a105 800141 a100", false, "MTABindArgument.initiator-credentials: is not one element");
    // The SET has no place for anything else.
    refused("a10a 800141 a102 0400 830141", false, "MTABindArgument: a member of class 2 tag 3 is not expected");
}

static void what_is_sent_is_within_bounds(void **state) {
    (void)state;
    struct buf b = {0};
    char name[] = "123456789012345678901234567890123";
    struct bind_info i = {.form = BIND_OCTETS, .name = bytes_of(name, 33), .password = bytes_str("x")};
    assert_int_equal(bind_argument_encode(&b, &i, true), ERR_LIMIT);
    char why[VALIDATE_WHY_MAX];
    assert_int_equal(bind_info_check(&i, why), ERR_LIMIT);
    assert_string_equal(why, "mta-name has 33 characters, more than the 32 allowed");
    i.name.n = 32;
    assert_int_equal(bind_argument_encode(&b, &i, true), 0);
    char password[63];
    memset(password, 'p', sizeof password);
    i.password = bytes_of(password, 63);
    assert_int_equal(bind_result_encode(&b, &i, true), ERR_LIMIT);
    assert_int_equal(bind_info_check(&i, why), ERR_LIMIT);
    assert_string_equal(why, "password has 63 octets, more than the 62 allowed");
    i.password.n = 62;
    assert_int_equal(bind_result_encode(&b, &i, true), 0);
    i.form = BIND_IA5;
    i.password = bytes_str("\xE4");
    assert_int_equal(bind_result_encode(&b, &i, true), ERR_SYNTAX);
    i = (struct bind_info){.form = BIND_NONE};
    assert_int_equal(bind_info_check(&i, why), 0);
    i.form = BIND_STRONG;
    assert_int_equal(bind_argument_encode(&b, &i, true), ERR_STATE);
    buf_free(&b);
}

static void truncations_and_flips_end_well(void **state) {
    (void)state;
    struct arena keep = {0};
    struct bytes good = hex(&keep, ARGUMENT_88);
    for (size_t bit = 0; bit < good.n * 8; bit++) {
        struct arena a = {0};
        struct bind_info i;
        struct p1_fault f;
        uint8_t *copy = malloc(good.n);
        assert_non_null(copy);
        memcpy(copy, good.p, good.n);
        if (bit < good.n)
            assert_true(bind_argument_decode(&a, bytes_of(copy, bit), true, &i, &f) < 0);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (bind_argument_decode(&a, bytes_of(copy, good.n), true, &i, &f) < 0)
            assert_true(strncmp(f.text, "MTABindArgument", 15) == 0);
        else
            assert_false(i.name.n == 7 && memcmp(i.name.p, "MTA-PPA", 7) == 0 &&
                         bind_password_is(&i, bytes_str("secretA")) && i.form == BIND_OCTETS);
        free(copy);
        arena_free(&a);
    }
    arena_free(&keep);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_bind_decodes_and_encodes), cmocka_unit_test(every_form_is_recognised),
        cmocka_unit_test(passwords_compare_whole),           cmocka_unit_test(errors_have_numbers_and_names),
        cmocka_unit_test(malformed_binds_are_refused),       cmocka_unit_test(what_is_sent_is_within_bounds),
        cmocka_unit_test(truncations_and_flips_end_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
