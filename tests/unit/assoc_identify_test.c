// SPDX-License-Identifier: BSD-2-Clause
// Whose bind it is: names, passwords, addresses by prefix and by name, binds without credentials; and what a refusal
// says. Names are resolved by a name server of the test, in namespaces.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "assoc/identify.h"
#include "base/mem.h"
#include "dns_util.h"
#include "namespace_util.h"

#define DNS "127.0.0.53"
#define MTA "mta \"A\" {\n domain country \"GB\" admd \"X\"\n spool \"/q\"\n}\n"
#define STACKS                                                                                                         \
    "stack \"net1\" { listen on 127.0.0.1 tsel \"T1\" }\nstack \"net2\" { listen on 127.0.0.2 tsel \"T2\" }\n"
#define NAMED(n, rest) "peer \"" n "\" {\n via \"net1\"\n local name \"A\" password \"x\"\n" rest "}\n"
#define OPEN(n, rest) "peer \"" n "\" {\n accept without credentials\n" rest "}\n"

static bool apart;
static const struct dns_record records[] = {
    {"mta-b.example", "192.0.2.7", 1}, {"mta-b.example", "2001:db8::7", 1}, {"gw.example", "192.0.2.50", 1}, {0}};

struct bed {
    struct loop *l;
    struct resolver *r;
    struct dns_server server;
    struct conf *conf;
    struct assoc_accept *accept;
    unsigned found;
    // a bind
    struct conf_stack stack;
    struct net_address remote;
    struct bind_info info;
    struct stack_negotiated negotiated;
    struct assoc_identity id;
};

static int begin(void **state) {
    struct bed *b = calloc(1, sizeof *b);
    *state = b;
    if (b == NULL || !apart)
        return b == NULL ? -1 : 0;
    b->l = loop_new();
    b->r = resolver_new(b->l);
    return b->r != NULL && dns_begin(&b->server, b->l, DNS, records) ? 0 : -1;
}

static int end(void **state) {
    struct bed *b = *state;
    if (apart) {
        assoc_accept_free(b->accept);
        resolver_free(b->r);
        dns_end(&b->server);
        loop_free(b->l);
        conf_free(b->conf);
    }
    free(b);
    return 0;
}

static void on_found(void *arg) {
    ((struct bed *)arg)->found++;
}

static struct bed *bed(void **state, const char *text) {
    struct bed *b = *state;
    if (!apart) {
        print_message("no namespaces here\n");
        skip();
    }
    char path[] = "/tmp/assoc_identify_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    struct conf_errors errors;
    b->conf = conf_load(path, &errors);
    unlink(path);
    if (b->conf == NULL)
        conf_errors_print(&errors, stderr);
    conf_errors_free(&errors);
    assert_non_null(b->conf);
    b->accept = assoc_accept_new(b->r, b->conf, on_found, b);
    assert_non_null(b->accept);
    assert_int_equal(b->found, 0); // never from within
    return b;
}

static void wait_found(struct bed *b, unsigned n) {
    for (uint64_t stop = clock_mono_ms() + 30000; b->found < n && clock_mono_ms() < stop;)
        loop_run_for(b->l, 20);
    assert_int_equal(b->found, n);
}

static enum assoc_verdict ask(struct bed *b, const char *from, const char *stack, const char *name,
                              const char *password) {
    b->stack = *conf_stack_find(b->conf, stack); // as after a reload: of another configuration
    assert_int_equal(net_address_parse(&b->remote, from, 4711), 0);
    b->info = (struct bind_info){.form = name == NULL ? BIND_NONE : BIND_OCTETS};
    if (name != NULL)
        b->info.name = bytes_str(name), b->info.password = bytes_str(password);
    b->negotiated.called.tsel = b->stack.selectors.tsel;
    struct assoc_bind bind = {
        .stack = &b->stack, .local = &b->remote, .remote = &b->remote, .info = &b->info, .negotiated = &b->negotiated};
    assoc_identify(b->conf, b->accept, &bind, &b->id);
    return b->id.verdict;
}

static void says(const struct bed *b, const char *text) {
    if (strcmp(b->id.explanation, text) != 0)
        print_error("expected: %s\nbut it is: %s\n", text, b->id.explanation);
    assert_string_equal(b->id.explanation, text);
}

static void by_name_and_password(void **state) {
    struct bed *b =
        bed(state, MTA STACKS NAMED("b", "remote name \"MTA-B\" password \"secret\"\n accept from 192.0.2.0/24\n")
                       NAMED("c", "remote name \"MTA-C\" password \"other\"\n"));
    assert_int_equal(ask(b, "192.0.2.1", "net1", "MTA-B", "secret"), ASSOC_KNOWN);
    assert_string_equal(b->id.peer->name, "b");
    says(b, "");
    assert_int_equal(ask(b, "203.0.113.1", "net2", "MTA-C", "other"), ASSOC_KNOWN); // from anywhere, on any stack
    assert_int_equal(ask(b, "192.0.2.1", "net1", "MTA-B", "Secret"), ASSOC_WRONG_PASSWORD);
    says(b, "peer b has this name, but the password differs");
    assert_null(strstr(b->id.explanation, "ecret"));
    assert_int_equal(ask(b, "198.51.100.1", "net1", "MTA-B", "secret"), ASSOC_WRONG_ADDRESS);
    says(b, "name and password are those of peer b, but its `accept from` does not list 198.51.100.1: it lists "
            "192.0.2.0/24");
    assert_int_equal(ask(b, "198.51.100.1", "net1", "MTA-b", "secret"), ASSOC_UNKNOWN_NAME);
    says(b, "`remote name` of peer b is \"MTA-B\": the case of letters differs");
    assert_int_equal(ask(b, "192.0.2.1", "net1", "OTHER", "secret"), ASSOC_UNKNOWN_NAME);
    says(b, "peer b has this address, but its `remote name` is \"MTA-B\"");
    assert_int_equal(ask(b, "198.51.100.1", "net1", "MTAC", "other"), ASSOC_UNKNOWN_NAME);
    says(b, "peer c has the nearest `remote name`, \"MTA-C\"");
    assert_int_equal(ask(b, "198.51.100.1", "net1", "SOMEBODY", "x"), ASSOC_UNKNOWN_NAME);
    says(b, "no peer has this `remote name`");
    assert_int_equal(ask(b, "192.0.2.1", "net1", NULL, NULL), ASSOC_NO_CREDENTIALS);
    says(b, "the bind has no credentials; peer b has this address, but no `accept without credentials`");
    assert_int_equal(b->found, 0); // there was no name to resolve
}

static void names_of_accept_from(void **state) {
    struct bed *b =
        bed(state, MTA STACKS NAMED("b", "remote name \"MTA-B\" password \"x\"\n"
                                         " accept from 10.0.0.1, mta-b.example, nowhere.example, MTA-B.example\n")
                       NAMED("g", "remote name \"GW\" password \"x\"\n accept from gw.example\n"));
    assert_int_equal(ask(b, "10.0.0.1", "net1", "MTA-B", "x"), ASSOC_KNOWN); // needs no name
    assert_int_equal(ask(b, "192.0.2.7", "net1", "MTA-B", "x"), ASSOC_PENDING);
    assert_int_equal(ask(b, "192.0.2.7", "net1", "MTA-B", "wrong"), ASSOC_WRONG_PASSWORD); // needs none either
    wait_found(b, 3);                                                                      // each name once
    assert_int_equal(ask(b, "192.0.2.7", "net1", "MTA-B", "x"), ASSOC_KNOWN);
    assert_int_equal(ask(b, "::ffff:192.0.2.7", "net1", "MTA-B", "x"), ASSOC_KNOWN);
    assert_int_equal(ask(b, "2001:db8::7", "net1", "MTA-B", "x"), ASSOC_KNOWN);
    assert_int_equal(ask(b, "192.0.2.50", "net1", "GW", "x"), ASSOC_KNOWN);
    assert_int_equal(ask(b, "192.0.2.50", "net1", "MTA-B", "x"), ASSOC_WRONG_ADDRESS);
    assert_non_null(strstr(b->id.explanation, "does not list 192.0.2.50: it lists mta-b.example (now "));
    assert_non_null(strstr(b->id.explanation, "192.0.2.7"));
    assert_non_null(strstr(b->id.explanation, "2001:db8::7"));
    assert_non_null(strstr(b->id.explanation,
                           "nowhere.example (there is no such name, says DNS (" DNS ") and the hosts file), 10.0.0.1"));
}

static void names_that_change(void **state) {
    static const struct dns_record later[] = {{"mta-b.example", "192.0.2.9", 1}, {0}};
    struct bed *b = bed(state, MTA STACKS NAMED("b", "remote name \"B\" password \"x\"\n accept from mta-b.example\n"));
    wait_found(b, 1);
    assert_int_equal(ask(b, "192.0.2.7", "net1", "B", "x"), ASSOC_KNOWN);
    b->server.records = later;
    for (uint64_t stop = clock_mono_ms() + 20000;
         ask(b, "192.0.2.9", "net1", "B", "x") != ASSOC_KNOWN && clock_mono_ms() < stop;)
        loop_run_for(b->l, 50);
    assert_int_equal(ask(b, "192.0.2.9", "net1", "B", "x"), ASSOC_KNOWN);
    assert_int_equal(ask(b, "192.0.2.7", "net1", "B", "x"), ASSOC_WRONG_ADDRESS);
    says(b, "name and password are those of peer b, but its `accept from` does not list 192.0.2.7: it lists "
            "mta-b.example (now 192.0.2.9)");
    assert_int_equal(b->found, 1); // told for the first time only
}

// A server that says nothing: pending, and then not.
static void a_silent_server(void **state) {
    struct bed *b = bed(state, MTA STACKS NAMED("b", "remote name \"B\" password \"x\"\n accept from mta-b.example\n"));
    b->server.mood = DNS_IS_SILENT;
    uint64_t begun = clock_mono_ms();
    assert_int_equal(ask(b, "192.0.2.7", "net1", "B", "x"), ASSOC_PENDING);
    wait_found(b, 1);
    assert_true(clock_mono_ms() - begun < 12000);
    assert_int_equal(ask(b, "192.0.2.7", "net1", "B", "x"), ASSOC_WRONG_ADDRESS);
    assert_non_null(strstr(b->id.explanation, "it lists mta-b.example (no name server gives an answer"));
}

static void without_credentials(void **state) {
    struct bed *b =
        bed(state, MTA STACKS OPEN("one", " via \"net1\"\n accept from 192.0.2.1, 192.0.2.3\n called tsel \"GW\"\n")
                       OPEN("two", " via \"net2\"\n accept from 192.0.2.1, gw.example\n")
                           NAMED("b", "remote name \"B\" password \"x\"\n"));
    wait_found(b, 1);
    assert_int_equal(ask(b, "192.0.2.1", "net1", NULL, NULL), ASSOC_KNOWN); // one address, two stacks, two peers
    assert_string_equal(b->id.peer->name, "one");
    assert_int_equal(ask(b, "192.0.2.1", "net2", NULL, NULL), ASSOC_KNOWN);
    assert_string_equal(b->id.peer->name, "two");
    assert_int_equal(ask(b, "192.0.2.50", "net2", NULL, NULL), ASSOC_KNOWN);
    assert_int_equal(ask(b, "192.0.2.50", "net1", NULL, NULL), ASSOC_NO_CREDENTIALS);
    says(b,
         "the bind has no credentials; peer one may bind so, but its `accept from` does not list 192.0.2.50: it lists "
         "192.0.2.1, 192.0.2.3; peer two may bind so and has this address, but its `via` does not have the stack net1");
    b->negotiated.calling.tsel = bytes_str("XX");
    assert_int_equal(ask(b, "192.0.2.1", "net1", NULL, NULL), ASSOC_WRONG_SELECTORS);
    says(b,
         "the bind has no credentials; peer one may bind so and has this address, but the tsel that it calls from is "
         "not that of `called`; peer two may bind so and has this address, but its `via` does not have the stack net1");
    b->negotiated.calling.tsel = bytes_str("GW");
    assert_int_equal(ask(b, "192.0.2.1", "net1", NULL, NULL), ASSOC_KNOWN);
    b->negotiated.calling.tsel = (struct bytes){0};
    assert_int_equal(ask(b, "192.0.2.1", "net1", "B", "x"), ASSOC_KNOWN); // who shows a name is known by it
    assert_string_equal(b->id.peer->name, "b");
    b->info.form = BIND_STRONG;
    struct assoc_bind bind = {.stack = &b->stack, .remote = &b->remote, .info = &b->info, .negotiated = &b->negotiated};
    assoc_identify(b->conf, b->accept, &bind, &b->id);
    assert_int_equal(b->id.verdict, ASSOC_NO_CREDENTIALS); // what we do not understand is not nothing
    assert_non_null(strstr(b->id.explanation,
                           "peer one has this address, but may bind with a name and password, or with "
                           "nothing"));
}

// More than there is room for: whole sentences, and how many are missing.
static void many_peers(void **state) {
    struct buf text = {0};
    assert_int_equal(buf_append_str(&text, MTA STACKS), 0);
    for (int k = 0; k < 100; k++)
        assert_int_equal(
            buf_printf(&text, NAMED("peer-%d", "remote name \"MTA-%d\" password \"x\"\n accept from ::/0\n"), k, k), 0);
    struct bed *b = bed(state, buf_cstr(&text));
    buf_free(&text);
    assert_int_equal(ask(b, "2001:db8::1", "net1", "XYZ", "x"), ASSOC_UNKNOWN_NAME);
    const char *more = strstr(b->id.explanation, "; and ");
    assert_non_null(more);
    unsigned untold = 0;
    assert_int_equal(sscanf(more, "; and %u peers more", &untold), 1);
    assert_true(untold > 10 && untold < 95);
    char last[100];
    snprintf(last, sizeof last, "peer peer-%u has this address, but its `remote name` is \"MTA-%u\"; and", 99 - untold,
             99 - untold);
    assert_non_null(strstr(b->id.explanation, last));
}

static void memory_that_is_short(void **state) {
    struct bed *b =
        bed(state, MTA STACKS NAMED("b", "remote name \"B\" password \"x\"\n accept from mta-b.example, gw.example\n"));
    for (unsigned long n = 1; n < 200; n++) {
        mem_fail_at(n);
        struct assoc_accept *a = assoc_accept_new(b->r, b->conf, on_found, b);
        mem_fail_at(0);
        assoc_accept_free(a);
        if (a != NULL) {
            assert_true(n > 3);
            return;
        }
    }
    fail_msg("it never succeeded");
}

int main(void) {
    char etc[] = "/tmp/x400d-etc-XXXXXX";
    apart = namespace_enter() && mkdtemp(etc) != NULL && mount(etc, "/etc", NULL, MS_BIND, NULL) == 0 &&
            namespace_write("/etc/resolv.conf", "nameserver " DNS "\n") &&
            namespace_write("/etc/hosts", "127.0.0.1 localhost\n");
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(by_name_and_password, begin, end),
                                       cmocka_unit_test_setup_teardown(names_of_accept_from, begin, end),
                                       cmocka_unit_test_setup_teardown(names_that_change, begin, end),
                                       cmocka_unit_test_setup_teardown(a_silent_server, begin, end),
                                       cmocka_unit_test_setup_teardown(without_credentials, begin, end),
                                       cmocka_unit_test_setup_teardown(many_peers, begin, end),
                                       cmocka_unit_test_setup_teardown(memory_that_is_short, begin, end)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (apart) {
        unlink("/etc/hosts"), unlink("/etc/resolv.conf");
        umount2("/etc", MNT_DETACH);
        rmdir(etc);
    }
    return failed;
}
