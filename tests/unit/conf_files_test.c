// SPDX-License-Identifier: BSD-2-Clause
// Every file of tests/conf: its messages are those of the .expect file beside it, to the character, and what was loaded
// prints as text that loads and prints the same again. With UPDATE=1 in the environment the .expect files are written.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "conf/print.h"

#define DIRECTORY "tests/conf"

static char *read_file(const char *path) {
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 65536);
    assert_non_null(text);
    if (f != NULL) {
        assert_true(fread(text, 1, 65535, f) < 65535);
        fclose(f);
    }
    return text;
}

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

// The messages, and whether the file was taken.
static char *messages(const char *path) {
    struct conf_errors errors;
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    struct conf *c = conf_load(path, &errors);
    assert_int_equal(c == NULL, errors.n_errors > 0);
    conf_errors_print(&errors, out);
    fputs(c == NULL ? "refused\n" : "taken\n", out);
    fclose(out);
    conf_errors_free(&errors);
    conf_free(c);
    return text;
}

static char *print(const char *path, unsigned flags) {
    struct conf_errors errors;
    struct conf *c = conf_load(path, &errors);
    if (c == NULL)
        conf_errors_print(&errors, stderr);
    assert_non_null(c);
    struct buf out = {0};
    assert_int_equal(conf_print(c, flags, &out, NULL), 0);
    assert_non_null(buf_cstr(&out));
    char *text = strdup(buf_cstr(&out));
    buf_free(&out);
    conf_errors_free(&errors);
    conf_free(c);
    return text;
}

static void prints_back(const char *path) {
    char copy[] = "/tmp/conf_files_test.XXXXXX";
    int fd = mkstemp(copy);
    assert_true(fd >= 0);
    close(fd);
    char *first = print(path, CONF_PRINT_SECRETS);
    write_file(copy, first);
    char *second = print(copy, CONF_PRINT_SECRETS);
    assert_string_equal(first, second);
    free(first);
    free(second);
    assert_int_equal(unlink(copy), 0);
}

static int is_conf(const struct dirent *e) {
    size_t n = strlen(e->d_name);
    return n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0;
}

static void expected_messages(void **state) {
    (void)state;
    struct dirent **files;
    int n = scandir(DIRECTORY, &files, is_conf, alphasort);
    assert_true(n > 20);
    int wrong = 0;
    for (int i = 0; i < n; i++) {
        char path[512], expect[520];
        snprintf(path, sizeof path, DIRECTORY "/%s", files[i]->d_name);
        snprintf(expect, sizeof expect, "%.*s.expect", (int)strlen(path) - 5, path);
        assert_int_equal(chmod(path, 0600), 0); // passwords stand in them, of which others would be warned
        char *got = messages(path);
        if (getenv("UPDATE") != NULL)
            write_file(expect, got);
        assert_null(strstr(got, "geheim")); // every password in these files that must not be shown
        char *wanted = read_file(expect);
        if (strcmp(got, wanted) != 0) {
            print_error("%s: expected\n%s---- but got\n%s----\n", path, wanted, got);
            wrong++;
        }
        if (strstr(got, "taken\n") != NULL)
            prints_back(path);
        free(got);
        free(wanted);
        free(files[i]);
    }
    free(files);
    assert_int_equal(wrong, 0);
}

// Whatever stands in a file, it is taken or refused with a message; what is taken prints as what is taken again.
static void hostile_files(void **state) {
    (void)state;
    static const char octets[] = {'\0', '\n', '"', '{', '}', '\\', ' ', '0', 'z', '\xff'};
    char *text = read_file(DIRECTORY "/everything.conf");
    char path[] = "/tmp/conf_files_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    size_t n = strlen(text), taken = 0;
    for (size_t i = 0; i < 2 * n; i++) {
        size_t length = i < n ? i : n; // first cut off at every octet, then with one octet changed
        if (i >= n)
            text[i - n] = octets[i % sizeof octets];
        assert_int_equal(pwrite(fd, text, length, 0), (ssize_t)length);
        assert_int_equal(ftruncate(fd, (off_t)length), 0);
        char *got = messages(path);
        assert_true(strstr(got, "error: ") != NULL || strcmp(got + strlen(got) - 6, "taken\n") == 0);
        taken += strstr(got, "taken\n") != NULL;
        free(got);
        if (i >= n) {
            char *whole = read_file(DIRECTORY "/everything.conf");
            text[i - n] = whole[i - n];
            free(whole);
        }
    }
    assert_true(taken > 100 && taken < 2 * n - 100);
    free(text);
    close(fd);
    assert_int_equal(unlink(path), 0);
}

static char folder[64];

static const char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

// What is shipped loads without a word once its password files are there, and is commented with the true defaults:
// with the comment signs of its settings taken away it says the same.
static void examples(void **state) {
    (void)state;
    static const char *const names[] = {"mta-a.conf", "mta-b.conf", "x400d.conf"};
    static const char *const secrets[] = {"mta-a.us",   "mta-a.them", "mta-b.us",
                                          "mta-b.them", "relay-b.us", "relay-b.them"};
    strcpy(folder, "/tmp/conf_files_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        write_file(in_folder(secrets[i]), "secret\n");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char source[128];
        snprintf(source, sizeof source, "conf/examples/%s", names[i]);
        char *text = read_file(source);
        write_file(in_folder(names[i]), text);
        char *got = messages(in_folder(names[i]));
        assert_string_equal(got, "taken\n");
        free(got);
        prints_back(in_folder(names[i]));
        char *before = print(in_folder(names[i]), 0);
        assert_null(strstr(before, "secret"));
        for (char *p = text; (p = strstr(p, "\n    # ")) != NULL; p++)
            if (strncmp(p + 7, "submit", 6) != 0) // which stands there twice
                p[5] = ' ';
        write_file(in_folder(names[i]), text);
        char *after = print(in_folder(names[i]), 0);
        assert_string_equal(before, after);
        free(before);
        free(after);
        free(text);
    }
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(expected_messages), cmocka_unit_test(hostile_files),
                                       cmocka_unit_test(examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
