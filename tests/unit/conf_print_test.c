// SPDX-License-Identifier: BSD-2-Clause
// Passwords in print, the difference of two configurations, and nearest words.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "conf/nearest.h"
#include "conf/print.h"

#define MTA "mta \"A\" {\n domain country \"GB\" admd \"X\"\n spool \"/q\"\n"
#define TWO "stack \"s\" { listen on 127.0.0.1 }\nstack \"t\" { source 10.0.0.1 }\n"
#define PEER "peer \"p\" {\n via \"s\"\n local name \"A\" password \"hush\"\n remote name \"B\" password \"quiet\"\n"

static struct conf *load(const char *text) {
    char path[] = "/tmp/conf_print_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    struct conf_errors errors;
    struct conf *c = conf_load(path, &errors);
    if (c == NULL)
        conf_errors_print(&errors, stderr);
    conf_errors_free(&errors);
    unlink(path);
    assert_non_null(c);
    return c;
}

static void passwords(void **state) {
    (void)state;
    struct conf *c = load(MTA "}\n" TWO PEER "}\n");
    struct buf out = {0};
    struct conf_where why = {0};
    assert_int_equal(conf_print(c, 0, &out, &why), ERR_STATE);
    assert_int_equal(out.len, 0);
    assert_int_equal(why.line, 7); // the peer's block
    assert_int_equal(conf_print(c, CONF_PRINT_MASKED, &out, NULL), 0);
    assert_non_null(strstr(buf_cstr(&out), "    local name \"A\" password ***\n"));
    assert_null(strstr(buf_cstr(&out), "hush"));
    assert_null(strstr(buf_cstr(&out), "quiet"));
    buf_clear(&out);
    assert_int_equal(conf_print(c, CONF_PRINT_SECRETS, &out, NULL), 0);
    assert_non_null(strstr(buf_cstr(&out), "    local name \"A\" password \"hush\"\n"));
    assert_non_null(strstr(buf_cstr(&out), "    remote name \"B\" password \"quiet\"\n"));
    buf_free(&out);
    conf_free(c);
}

static void assert_diff(const char *from, const char *to, const char *wanted) {
    struct conf *a = load(from), *b = load(to);
    struct buf out = {0};
    assert_int_equal(conf_diff(a, b, &out), 0);
    assert_string_equal(buf_cstr(&out), wanted);
    buf_free(&out);
    conf_free(a);
    conf_free(b);
}

static void difference(void **state) {
    (void)state;
    assert_diff(MTA "}\n" TWO PEER "}\n", MTA "}\n" TWO PEER "}\n", "");
    assert_diff(MTA "}\n" TWO, MTA "events syslog json\n}\n" TWO,
                "changed mta \"A\"\n  - events syslog plain\n  + events syslog json\n");
    assert_diff(MTA "}\n" TWO, MTA "}\nstack \"s\" { listen on 127.0.0.1 port 7 }\nstack \"u\" { source ::1 }\n",
                "changed stack \"s\"\n  - listen on 127.0.0.1 port 102\n  + listen on 127.0.0.1 port 7\n"
                "removed stack \"t\"\nnew stack \"u\"\n");
    assert_diff(MTA "}\n" TWO PEER "}\n",
                MTA "}\n" TWO PEER "checkpoint 8K\n}\npeer \"q\" {\n via \"t\"\n local name \"A\" password \"x\"\n "
                    "remote name \"Q\" password \"x\"\n}\n",
                "changed peer \"p\"\n  - checkpoint 30K window 5 recovery 1m sync never\n  + checkpoint 8K window 5 "
                "recovery 1m sync never\nnew peer \"q\"\n");
    assert_diff(MTA "}\n" TWO PEER "}\n",
                MTA "}\n" TWO "peer \"p\" {\n via \"s\"\n local name \"A\" password \"hush\"\n"
                    " remote name \"B\" password \"noisy\"\n}\n",
                "changed peer \"p\"\n  ~ the remote password\n");
    assert_diff(MTA "}\n" TWO PEER "}\n",
                "mta \"A\" {\n domain country \"GB\" admd \"X\"\n spool \"/q\" follows stack \"s\"\n}\n"
                "stack \"s\" { listen on 127.0.0.1\n virtual\n bind-back to a.example\n}\nstack \"t\" { source "
                "b.example }\n" PEER
                "accept from a.example\n bind-back required source declared\n source 127.0.0.1\n}\n",
                "changed mta \"A\"\n  - spool \"/q\"\n  + spool \"/q\" follows stack \"s\"\n"
                "changed stack \"s\"\n  + virtual\n  + bind-back to a.example port 102\n"
                "changed stack \"t\"\n  - source 10.0.0.1\n  + source b.example\n"
                "changed peer \"p\"\n  + source 127.0.0.1\n  + bind-back required source declared\n"
                "  + accept from a.example\n");
    assert_diff(MTA "}\n" TWO PEER "}\n", MTA "}\n" TWO, "removed peer \"p\"\n");
    assert_diff(MTA "}\n" TWO PEER "}\nroute to any via \"p\"\nroute to country \"DE\" via \"p\"\n",
                MTA "}\n" TWO PEER "}\nroute to country \"DE\" via \"p\"\nroute to any via \"p\" cost 3\n"
                    "deliver to any in directory \"/d\"\n",
                "changed routes\n  - route to any via \"p\" cost 10\n  + route to any via \"p\" cost 3\n"
                "changed deliveries\n  + deliver to any in directory \"/d\"\n");
}

static void equal_blocks(void **state) {
    (void)state;
    struct conf *a = load(MTA "}\n" TWO PEER "}\n"), *b = load(MTA "}\n" TWO PEER "window 5\n}\n");
    struct conf *c = load(MTA "}\n" TWO PEER "window 4\n}\n");
    struct conf *d = load(MTA "}\nstack \"s\" { listen on 127.0.0.1 tsel \"\" }\npeer \"p\" {\n via \"s\"\n"
                              " local name \"A\" password \"hush!\"\n remote name \"B\" password \"quiet\"\n}\n");
    assert_true(conf_peer_equal(&a->peers[0], &b->peers[0]));
    assert_false(conf_peer_equal(&a->peers[0], &c->peers[0]));
    assert_false(conf_peer_equal(&a->peers[0], &d->peers[0])); // the password alone
    assert_true(conf_stack_equal(&a->stacks[0], &b->stacks[0]));
    assert_false(conf_stack_equal(&a->stacks[0], &d->stacks[0])); // an empty selector is not an absent one
    conf_free(a);
    conf_free(b);
    conf_free(c);
    conf_free(d);
}

static void nearest(void **state) {
    (void)state;
    static const char *const words[] = {"connect", NULL, "host", "via", "checkpoint", "on", "window", ""};
    static const struct {
        const char *word, *found;
    } cases[] = {{"conect", "connect"},
                 {"cnonect", "connect"},
                 {"CONNECT", "connect"},
                 {"chekpiont", "checkpoint"},
                 {"hots", "host"},
                 {"vai", "via"},
                 {"vie", "via"},
                 {"no", "on"},
                 {"windows", "window"},
                 {"metrics", NULL},
                 {"x", NULL},
                 {"", NULL},
                 {"connection", "connect"},
                 {"zzz", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = conf_nearest(cases[i].word, words, sizeof words / sizeof *words);
        if (cases[i].found == NULL)
            assert_null(found);
        else
            assert_string_equal(found, cases[i].found);
    }
    char text[200];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const char *const itself[] = {text};
    assert_null(conf_nearest(text, itself, 1)); // too long to be measured
    text[64] = '\0';
    assert_ptr_equal(conf_nearest(text, itself, 1), text);
    assert_null(conf_nearest("word", NULL, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(passwords), cmocka_unit_test(difference),
                                       cmocka_unit_test(equal_blocks), cmocka_unit_test(nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
