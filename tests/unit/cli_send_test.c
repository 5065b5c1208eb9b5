// SPDX-License-Identifier: BSD-2-Clause
// `x400 send`: what the daemon gets is what was said, as request and as content; and what is refused before it gets
// anything. `x400 show message --raw`; the help of every command.
#include "tests/unit/cli_util.h"

#include <sys/resource.h>

#include "base/buf.h"
#include "cli/command.h"
#include "cli/message.h"
#include "x400/ipm_stream.h"

#define FROM "--from", "C=GB;A=DEMO;P=ALPHA;S=Jones"
#define TO "--to", "C=GB;A=DEMO;P=BETA;S=Smith"
static const char accepted[] = "{\"v\":1,\"ok\":true,\"result\":{\"id\":\"[/PRMD=ALPHA/ADMD=DEMO/C=GB/;1]\"}}";

// Runs x400 with words that end with NULL. SOCKET is not replaced here: pass the path.
static struct ran run(const struct how *how, ...) {
    char *words[64] = {(char *)"x400"};
    int n = 1;
    va_list ap;
    va_start(ap, how);
    for (char *w; (w = va_arg(ap, char *)) != NULL && n < 63;)
        words[n++] = w;
    va_end(ap);
    return run_command(how, n, words);
}

static void expect(struct ran r, int status, const char *part) {
    if (r.status != status || strstr(r.out, part) == NULL)
        fail_msg("status %d, wanted %d with \"%s\": %s", r.status, status, part, r.out);
    free(r.out);
}

static void write_file(const char *path, const void *octets, size_t n) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(octets, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

// ---- the content ----

struct seen {
    char subject[100], to[200], cc[200], names[4][60];
    size_t n_to, n_cc, n_bcc, n_parts;
    enum ipm_importance importance;
    enum ipm_sensitivity sensitivity;
    uint32_t asked;
    size_t n_reply_to;
    struct buf data[4];
};

static int see_heading(void *ctx, const char *number, unsigned level, const struct ipm_heading *h) {
    struct seen *s = ctx;
    struct buf b = {0};
    (void)number, (void)level;
    snprintf(s->subject, sizeof s->subject, "%s", h->subject == NULL ? "-" : h->subject);
    s->n_to = h->n_primary;
    s->n_cc = h->n_copy;
    s->n_bcc = h->n_blind_copy;
    s->importance = h->importance;
    s->sensitivity = h->sensitivity;
    s->asked = h->primary[0].notification_requests;
    s->n_reply_to = h->n_reply_recipients;
    ipm_descriptor_print(&h->primary[0].recipient, &b);
    snprintf(s->to, sizeof s->to, "%s", buf_cstr(&b));
    buf_free(&b);
    return 0;
}

static int see_part(void *ctx, const struct ipm_part *p) {
    struct seen *s = ctx;
    assert_true(s->n_parts < 4);
    snprintf(s->names[s->n_parts++], sizeof s->names[0], "%s", p->file_name == NULL ? p->type_name : p->file_name);
    return 0;
}

static int see_data(void *ctx, const struct ipm_part *p, struct bytes piece) {
    struct seen *s = ctx;
    (void)p;
    return buf_append(&s->data[s->n_parts - 1], piece.p, piece.n);
}

static void see(const struct fake *f, struct seen *s) {
    static const struct ipm_reader_user user = {.heading = see_heading, .part_begin = see_part, .part_data = see_data};
    *s = (struct seen){0};
    struct ipm_reader *r = ipm_reader_new(&user, s, NULL);
    assert_non_null(r);
    assert_int_equal(ipm_reader_feed(r, bytes_of(f->content, f->content_size)), 0);
    assert_int_equal(ipm_reader_end(r), 0);
    ipm_reader_free(r);
}

static void seen_free(struct seen *s) {
    for (size_t k = 0; k < 4; k++)
        buf_free(&s->data[k]);
}

static void send_all_options(void **state) {
    (void)state;
    struct fake f;
    struct seen s;
    char attachment[100];
    static const uint8_t octets[] = {0, 1, 2, 0xFF, '\n', 0};
    fake_open(&f);
    snprintf(attachment, sizeof attachment, "%s/Größe.bin", f.dir);
    write_file(attachment, octets, sizeof octets);
    fake_add(&f, NULL, accepted);
    fake_start(&f);
    expect(run(&(struct how){.in = "Grüße\nzweite Zeile\n"}, "send", FROM, TO, "--to", "C=GB;A=DEMO;P=BETA;S=Black",
               "--cc", "C=DE;A=VIAT;S=Muster", "--bcc", "C=DE;A=VIAT;S=Geheim", "--subject", "Straße €", "--priority",
               "urgent", "--report=delivery", "--attach", attachment, "--body", "-", "--importance", "high",
               "--sensitivity", "private", "--reply-to", "C=GB;A=DEMO;S=Office", "--notification", "receipt",
               "--deferred", "2026-11-21T08:00", "--return-content", "--id", "order 17", "--submit", f.path, NULL),
           CLI_DONE, "[/PRMD=ALPHA/ADMD=DEMO/C=GB/;1]\n");
    fake_join(&f);
    char want[1000];
    snprintf(want, sizeof want,
             "{\"v\":1,\"cmd\":\"submit\",\"kind\":\"message\",\"originator\":\"C=GB;A=DEMO;P=ALPHA;S=Jones\","
             "\"recipients\":[{\"address\":\"C=GB;A=DEMO;P=BETA;S=Smith\",\"report\":\"delivery\"},"
             "{\"address\":\"C=GB;A=DEMO;P=BETA;S=Black\",\"report\":\"delivery\"},"
             "{\"address\":\"C=DE;A=VIAT;S=Muster\",\"report\":\"delivery\"},"
             "{\"address\":\"C=DE;A=VIAT;S=Geheim\",\"report\":\"delivery\"}],"
             "\"priority\":\"urgent\",\"content_type\":22,\"content_identifier\":\"order 17\",\"deferred\":%lld,"
             "\"eits\":{\"built_in\":0,\"external\":[\"1.0.10021.7.1.0.1\",\"1.0.10021.7.1.0.6\",\"1.0.10021.7.1.0."
             "100\",\"2.6.1.12.0\"]},"
             "\"content_length\":%zu,\"return_content\":true,\"disclose\":false}",
             1795248000LL, f.content_size);
    json_t *got = json_loads(f.last, 0, NULL), *wanted = json_loads(want, 0, NULL);
    assert_non_null(wanted);
    if (!json_equal(wanted, got))
        fail_msg("the request was %s", f.last);
    json_decref(got);
    json_decref(wanted);
    see(&f, &s);
    assert_string_equal(s.subject, "Straße €");
    assert_int_equal(s.n_to, 2);
    assert_int_equal(s.n_cc, 1);
    assert_int_equal(s.n_bcc, 0); // gets it, and is not named
    assert_null(memmem(f.content, f.content_size, "Geheim", 6));
    assert_string_equal(s.to, "/S=Smith/P=BETA/A=DEMO/C=GB/");
    assert_int_equal(s.importance, IPM_IMPORTANCE_HIGH);
    assert_int_equal(s.sensitivity, IPM_PRIVATE);
    assert_int_equal(s.asked, IPM_REQUEST_RN | IPM_REQUEST_NRN);
    assert_int_equal(s.n_reply_to, 1);
    assert_int_equal(s.n_parts, 2);
    assert_string_equal(s.names[0], "general-text");
    assert_string_equal(buf_cstr(&s.data[0]), "Grüße\r\nzweite Zeile\r\n");
    assert_string_equal(s.names[1], "Größe.bin");
    assert_true(bytes_equal(buf_bytes(&s.data[1]), bytes_of(octets, sizeof octets)));
    seen_free(&s);
    unlink(attachment);
    fake_close(&f);
}

static void send_plain(void **state) {
    (void)state;
    struct fake f;
    struct seen s;
    fake_open(&f);
    fake_add(&f, NULL, accepted);
    fake_start(&f);
    expect(run(&(struct how){.in = "hello\n"}, "send", FROM, TO, "--submit", f.path, "--json", NULL), CLI_DONE,
           "\"id\": \"[/PRMD=ALPHA/ADMD=DEMO/C=GB/;1]\"");
    fake_join(&f);
    see(&f, &s);
    assert_string_equal(s.subject, "-");
    assert_int_equal(s.importance, IPM_IMPORTANCE_NORMAL);
    assert_int_equal(s.n_parts, 1);
    assert_string_equal(buf_cstr(&s.data[0]), "hello\r\n");
    assert_non_null(strstr(f.last, "\"built_in\":4"));
    seen_free(&s);
    fake_close(&f);
}

// Nothing reaches the daemon but the connection.
static void refused(const char *in, const char *option, const char *value, int status, const char *part) {
    struct fake f;
    fake_open(&f);
    expect(run(&(struct how){.in = in}, "send", FROM, TO, "--submit", f.path, option, value, NULL), status, part);
    fake_close(&f);
}

static void send_refused(void **state) {
    (void)state;
    refused("abc\xE4\n", "--body", "-", CLI_FAILED, "octet 4 (0xE4) is not UTF-8");
    refused("Stra\xC3\x9F\x65 \xEF\xBF\xBD \xED\xA0\x80", "--body", "-", CLI_FAILED, "octet 13 (0xED) is not UTF-8");
    refused("", "--subject", "x\xFFy", CLI_FAILED, "--subject: octet 2 is not UTF-8");
    refused("", "--attach", "/nonexistent/file", CLI_FAILED, "--attach /nonexistent/file: No such file");
    refused("", "--attach", "/tmp", CLI_FAILED, "--attach /tmp: not a regular file");
    refused("", "--body", "/nonexistent/file", CLI_FAILED, "--body /nonexistent/file: No such file");
    refused("", "--id", "longer than sixteen", CLI_USAGE, "--id has 1 to 16 characters");
    refused("", "--cc", "C=GB;A=X;Z=1", CLI_USAGE, "--cc: unknown attribute \"Z\"");
    refused("", "--reply-to", "nonsense", CLI_USAGE, "--reply-to: ");
}

static void send_daemon_refuses(void **state) {
    (void)state;
    struct fake f;
    fake_open(&f);
    fake_add(&f, NULL, "{\"v\":1,\"ok\":false,\"error\":\"free space is below its reserve; try again later\"}");
    fake_start(&f);
    expect(run(&(struct how){.in = "hello"}, "send", FROM, TO, "--submit", f.path, NULL), CLI_FAILED,
           "x400 send: free space is below its reserve; try again later\n");
    fake_join(&f);
    fake_close(&f);
}

static long resident_kb(void) {
    struct rusage u;
    assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
    return u.ru_maxrss;
}

// 200 MB cost no memory.
static void send_large(void **state) {
    (void)state;
    struct fake f;
    char path[100];
    const off_t size = 200 << 20;
    fake_open(&f);
    snprintf(path, sizeof path, "%s/large", f.dir);
    write_file(path, "x", 1);
    assert_int_equal(truncate(path, size), 0);
    fake_add(&f, NULL, accepted);
    fake_start(&f);
    long before = resident_kb();
    expect(run(&(struct how){0}, "send", FROM, TO, "--attach", path, "--submit", f.path, NULL), CLI_DONE, "[/PRMD");
    assert_true(resident_kb() - before < 16 * 1024);
    fake_join(&f);
    assert_true(f.content_size > (size_t)size && f.content_size < (size_t)size + 2000);
    unlink(path);
    fake_close(&f);
}

static void times(void **state) {
    (void)state;
    struct arena a = {0};
    struct cli c = {.now_ms = (int64_t)FAKE_NOW_S * 1000, .arena = &a};
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {{"+90s", FAKE_NOW_S + 90},
                {"+2h", FAKE_NOW_S + 7200},
                {"+1d", FAKE_NOW_S + 86400},
                {"2026-11-20T10:34:36Z", FAKE_NOW_S},
                {"2026-11-20 10:34:36", FAKE_NOW_S},
                {"2026-11-20T10:34", FAKE_NOW_S - 36},
                {"+0s", -1},
                {"+5", -1},
                {"+5w", -1},
                {"-5m", -1},
                {"2026-13-20T10:34", -1},
                {"2026-11-20T10:34x", -1},
                {"", -1}};
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        assert_int_equal(message_time(&c, rows[k].text), rows[k].want);
    setenv("TZ", "CET-1", 1);
    tzset();
    assert_int_equal(message_time(&c, "2026-11-20T11:34:36"), FAKE_NOW_S);
    assert_int_equal(message_time(&c, "2026-11-20T10:34:36Z"), FAKE_NOW_S);
    arena_free(&a);
}

// ---- others ----

// A large content comes as a descriptor.
static void raw_descriptor(void **state) {
    (void)state;
    struct fake f;
    FILE *content = tmpfile();
    assert_non_null(content);
    fputs("the content\n", content);
    rewind(content);
    fake_open(&f);
    fake_add(&f, "{\"v\":1,\"cmd\":\"raw\",\"message\":5}",
             "{\"v\":1,\"ok\":true,\"result\":{\"head\":\"41420a\",\"content\":\"\"}}");
    f.exchange[0].answer_fd = fileno(content);
    fake_start(&f);
    expect(run(&(struct how){0}, "show", "message", "5", "--raw", "--control", f.path, NULL), CLI_DONE,
           "AB\nthe content\n");
    fake_join(&f);
    fclose(content);
    fake_close(&f);
}

static void print_secrets(void **state) {
    (void)state;
    assert_int_equal(chmod("tests/cli/good.conf", 0600), 0); // passwords stand in it, of which others would be warned
    struct ran r = run(&(struct how){0}, "check", "-f", "tests/cli/good.conf", "--print", "--secrets", NULL);
    assert_non_null(strstr(r.out, "mta \"MTA-A\" {"));
    expect(r, CLI_DONE, "local name \"MTA-A\" password \"geheim\"");
}

// Every command has help that shows its usage, options and an example.
static void help(void **state) {
    (void)state;
    size_t n = 0;
    for (const struct command *k = commands; k->name != NULL; k++, n++) {
        char line[100], *words[8] = {NULL}, usage[120];
        snprintf(line, sizeof line, "x400 %s --help", k->name);
        snprintf(usage, sizeof usage, "usage: x400 %s ", k->name);
        struct ran r = run_command(&(struct how){0}, split_words(line, words, 8), words);
        assert_non_null(strstr(r.out, usage));
        assert_non_null(strstr(r.out, "\nexample:\n  x400 "));
        assert_non_null(strstr(r.out, "--help"));
        expect(r, CLI_DONE, "exit status: 0 done, 1 failed, 2 wrong usage");
    }
    assert_true(n > 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(send_large), // first: the size is a high-water mark
        cmocka_unit_test(send_all_options),    cmocka_unit_test(send_plain), cmocka_unit_test(send_refused),
        cmocka_unit_test(send_daemon_refuses), cmocka_unit_test(times),      cmocka_unit_test(raw_descriptor),
        cmocka_unit_test(print_secrets),       cmocka_unit_test(help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
