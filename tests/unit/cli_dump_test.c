// SPDX-License-Identifier: BSD-2-Clause
// `x400 dump` of damaged octets: each golden PDU cut at every octet is told to be incomplete, and with any octet
// changed it is read or refused, as text and as JSON that parses; nothing is shown raw.
#include "tests/unit/cli_util.h"

#include "x400/ipm_stream.h"

enum { OCTETS_MAX = 4096 };

static const char *const files[] = {
    "p1-message", "p1-golden-message", "p1-golden-delivery", "p1-golden-non-delivery", "p1-golden-probe", "p22-ipm"};

// The digits of a file, without comments and blanks.
static size_t digits(const char *name, char out[2 * OCTETS_MAX + 1]) {
    char path[100];
    size_t n = 0;
    bool comment = false;
    snprintf(path, sizeof path, "tests/data/%s.hex", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (int ch; (ch = fgetc(f)) != EOF;) {
        comment = ch == '#' || (comment && ch != '\n');
        if (!comment && strchr(" \t\r\n", ch) == NULL && n < 2 * OCTETS_MAX)
            out[n++] = (char)ch;
    }
    fclose(f);
    out[n] = 0;
    assert_true(n > 100 && n % 2 == 0);
    return n / 2;
}

static struct ran dump(const char *hex, bool json) {
    char *words[] = {(char *)"x400", (char *)"dump", (char *)"--json", NULL};
    return run_command(&(struct how){.in = hex}, json ? 3 : 2, words);
}

static void cut(void **state) {
    (void)state;
    char hex[2 * OCTETS_MAX + 1];
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        size_t octets = digits(files[k], hex);
        for (size_t n = octets - 1; n > 0; n--) {
            hex[2 * n] = 0;
            struct ran r = dump(hex, false);
            if (r.status != CLI_FAILED || strstr(r.out, "octet") == NULL)
                fail_msg("%s cut to %zu octets: status %d: %s", files[k], n, r.status, r.out);
            free(r.out);
        }
    }
}

// Everything on the way to a terminal is printable.
static void assert_clean(const struct ran *r) {
    for (size_t k = 0; k < r->size; k++)
        if ((unsigned char)r->out[k] < 0x20 && r->out[k] != '\n')
            fail_msg("a control character %02x in: %s", r->out[k], r->out);
}

static void changed(void **state) {
    (void)state;
    static const unsigned masks[] = {0x01, 0x20, 0x80, 0xFF};
    char hex[2 * OCTETS_MAX + 1], saved[2], now[3];
    size_t read = 0, refused = 0;
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        size_t octets = digits(files[k], hex);
        for (size_t n = 0; n < octets; n++)
            for (size_t m = 0; m < 4; m++) {
                unsigned octet;
                memcpy(saved, hex + 2 * n, 2);
                assert_int_equal(sscanf(hex + 2 * n, "%2x", &octet), 1);
                snprintf(now, sizeof now, "%02x", octet ^ masks[m]);
                memcpy(hex + 2 * n, now, 2);
                struct ran r = dump(hex, m == 0);
                assert_true(r.status == CLI_DONE || r.status == CLI_FAILED);
                assert_clean(&r);
                read += r.status == CLI_DONE;
                refused += r.status == CLI_FAILED;
                if (m == 0 && r.status == CLI_DONE) {
                    json_t *v = json_loads(r.out, 0, NULL);
                    assert_non_null(v);
                    json_decref(v);
                }
                free(r.out);
                memcpy(hex + 2 * n, saved, 2);
            }
    }
    assert_true(read > 1000 && refused > 1000);
}

// A content larger than what is read at once: shown up to the limit, and its end is told when it is missing.
static void large(void **state) {
    (void)state;
    enum { TEXT = 300000 };
    struct ipm_heading h = {.subject = "large", .importance = IPM_IMPORTANCE_NORMAL};
    char *text = malloc(TEXT + 1), *hex, at[80];
    assert_non_null(text);
    memset(text, 'x', TEXT);
    text[TEXT] = 0;
    h.this_ipm = (struct ipm_id){.local = "1"};
    struct ipm_part_out part = {.is_text = true, .text = bytes_of(text, TEXT)};
    struct ipm_writer *w;
    assert_int_equal(ipm_writer_new(&w, &h, &part, 1), 0);
    size_t size = (size_t)ipm_writer_length(w), n;
    uint8_t *content = malloc(size);
    hex = malloc(2 * size + 1);
    assert_true(content != NULL && hex != NULL);
    for (size_t done = 0; done < size; done += n)
        assert_int_equal(ipm_writer_read(w, content + done, size - done, &n), 0);
    for (size_t k = 0; k < size; k++)
        snprintf(hex + 2 * k, 3, "%02x", content[k]);
    struct ran r = dump(hex, false);
    assert_int_equal(r.status, CLI_DONE);
    assert_non_null(strstr(r.out, "utf8-octets: 300000\n"));
    assert_non_null(strstr(r.out, "cut: yes\n"));
    assert_true(r.size < 5000);
    free(r.out);
    hex[2 * (size - 10)] = 0;
    r = dump(hex, false);
    assert_int_equal(r.status, CLI_FAILED);
    snprintf(at, sizeof at, "octet %zu: no interpersonal message: it ends before it is complete", size - 10);
    assert_non_null(strstr(r.out, at));
    free(r.out);
    ipm_writer_free(w);
    free(content), free(hex), free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cut), cmocka_unit_test(changed), cmocka_unit_test(large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
