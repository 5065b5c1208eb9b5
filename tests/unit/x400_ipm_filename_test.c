// SPDX-License-Identifier: BSD-2-Clause
// File names from strangers: what may be created is one component, valid, of a bounded length, and there once.
#include "tests/unit/x400_ipm_util.h"

#include <strings.h>

#include "x400/charset.h"

static void test_names(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"report.pdf", "report.pdf"},
        {"/etc/passwd", "passwd"},
        {"..\\..\\boot.ini", "boot.ini"},
        {"C:\\Users\\me\\a b.txt", "a b.txt"},
        {"dir/", "dir"},
        {"../", "fb"},
        {"..", "fb"},
        {".", "fb"},
        {"", "fb"},
        {"   ", "fb"},
        {".bashrc", "bashrc"},
        {"...hidden", "hidden"},
        {" lead and trail. ", "lead and trail"},
        {"a\nb\tc\x7F", "a_b_c_"},
        {"a\xC2\x9B"
         "b",
         "a_b"}, // C1
        {"bad\xFFutf\xC3", "bad_utf_"},
        {"\xE2\x80\xAEgpj.exe", "_gpj.exe"}, // writes the rest from right to left
        {"Übersicht €.pdf", "Übersicht €.pdf"},
        {"-rf", "-rf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena a = {0};
        assert_string_equal(ipm_safe_filename(&a, cases[i][0], "fb"), cases[i][1]);
        arena_free(&a);
    }
    struct arena a = {0};
    assert_string_equal(ipm_safe_filename(&a, NULL, "fb"), "fb");
    arena_free(&a);
}

static void test_long_names(void **state) {
    (void)state;
    struct arena a = {0};
    char name[700];
    for (size_t chars = 60; chars < 220; chars++) {
        char *p = name + sprintf(name, "x");
        for (size_t i = 0; i < chars; i++)
            p += sprintf(p, "€");
        strcpy(p, ".tar");
        const char *safe = ipm_safe_filename(&a, name, "fb");
        assert_in_range(strlen(safe), 1, IPM_FILENAME_MAX);
        assert_true(strlen(safe) > IPM_FILENAME_MAX - 3 || strcmp(safe, name) == 0);
        assert_true(charset_utf8_valid(bytes_str(safe)));
        assert_string_equal(safe + strlen(safe) - 4, ".tar");
    }
    memset(name, 'y', 699); // no extension
    name[699] = 0;
    assert_int_equal(strlen(ipm_safe_filename(&a, name, "fb")), IPM_FILENAME_MAX);
    arena_free(&a);
}

static void test_unique(void **state) {
    (void)state;
    struct arena a = {0};
    struct ipm_filename_set set = {0};
    assert_string_equal(ipm_unique_filename(&a, &set, "a.txt", "fb"), "a.txt");
    assert_string_equal(ipm_unique_filename(&a, &set, "x/a.txt", "fb"), "a-2.txt");
    assert_string_equal(ipm_unique_filename(&a, &set, "A.TXT", "fb"), "A-3.TXT");
    assert_string_equal(ipm_unique_filename(&a, &set, "a-2.txt", "fb"), "a-2-2.txt");
    assert_string_equal(ipm_unique_filename(&a, &set, NULL, "fb"), "fb");
    assert_string_equal(ipm_unique_filename(&a, &set, "..", "fb"), "fb-2");
    arena_free(&a);
}

// A thousand parts of one name, which is as long as may be.
static void test_many(void **state) {
    (void)state;
    struct arena a = {0};
    struct ipm_filename_set set = {0};
    char name[IPM_FILENAME_MAX + 1] = {0};
    memset(name, 'n', IPM_FILENAME_MAX);
    memcpy(name + IPM_FILENAME_MAX - 4, ".bin", 4);
    for (int i = 0; i < 1000; i++) {
        const char *unique = ipm_unique_filename(&a, &set, name, "fb");
        assert_in_range(strlen(unique), 1, IPM_FILENAME_MAX);
        assert_string_equal(unique + strlen(unique) - 4, ".bin");
    }
    assert_int_equal(set.n, 1000);
    for (size_t i = 0; i < set.n; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(strcasecmp(set.names[i], set.names[k]), 0);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_long_names),
                                       cmocka_unit_test(test_unique), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
