// SPDX-License-Identifier: BSD-2-Clause
// Values and defaults of a configuration, and what its users ask of it. Files are written into a folder of their own.
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "x400/oraddr.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/conf_load_test.XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static const char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text, mode_t mode) {
    unlink(in_folder(name)); // the one before may be read-only
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(in_folder(name), mode), 0);
}

#define HEAD "mta \"A\" {\n domain country \"GB\" admd \" \"\n spool \"q\"\n}\n"
#define STACK "stack \"s\" { listen on 127.0.0.1 }\n"
#define NAMED "stack \"s\" { listen on 127.0.0.1 tsel \"T\" }\n"
#define NAMES " local name \"A\" password \"ours\"\n remote name \"B\" password \"theirs\"\n"

static struct conf *load(const char *text) {
    struct conf_errors errors;
    write_file("c.conf", text, 0600);
    struct conf *c = conf_load(in_folder("c.conf"), &errors);
    if (c == NULL || errors.n_warnings > 0)
        conf_errors_print(&errors, stderr);
    assert_int_equal(errors.n_warnings, 0);
    conf_errors_free(&errors);
    assert_non_null(c);
    return c;
}

// The text of the only error.
static void assert_fails(const char *text, const char *error) {
    struct conf_errors errors;
    write_file("c.conf", text, 0600);
    struct conf *c = conf_load(in_folder("c.conf"), &errors);
    assert_null(c);
    if (errors.n_errors != 1 || strcmp(errors.first->text, error) != 0)
        conf_errors_print(&errors, stderr);
    assert_int_equal(errors.n_errors, 1);
    assert_string_equal(errors.first->text, error);
    conf_errors_free(&errors);
}

static void defaults(void **state) {
    (void)state;
    struct conf *c = load(HEAD STACK "peer \"p\" {\n" NAMES "}\n");
    const struct conf_mta *m = &c->mta;
    assert_string_equal(m->name, "A");
    assert_string_equal(m->domain.country, "GB");
    assert_string_equal(m->domain.admd, " ");
    assert_null(m->domain.prmd);
    assert_string_equal(m->spool, in_folder("q"));
    assert_int_equal(m->events, CONF_EVENTS_SYSLOG);
    assert_int_equal(m->events_format, CONF_PLAIN);
    assert_string_equal(m->control.path, "/run/x400/control");
    assert_int_equal(m->control.mode, 0600);
    assert_int_equal(m->submit.mode, 0660);
    assert_int_equal(m->status.mode, 0666);
    assert_int_equal(m->expiry_ms[CONF_URGENT], 2 * 86400000ULL);
    assert_int_equal(m->expiry_ms[CONF_NORMAL], 7 * 86400000ULL);
    assert_int_equal(m->expiry_ms[CONF_NON_URGENT], 10 * 86400000ULL);
    assert_int_equal(m->keep_ms, 7 * 86400000ULL);
    assert_int_equal(m->reserve_percent, 5);
    assert_int_equal(m->reserve_min, 256 << 20);
    const struct conf_peer *p = conf_peer_find(c, "p");
    assert_non_null(p);
    assert_int_equal(p->n_via, 1); // the only stack there is
    assert_ptr_equal(p->via[0], conf_stack_find(c, "s"));
    assert_int_equal(p->via[0]->listen.port, 102);
    assert_null(p->via[0]->selectors.tsel.p);
    assert_int_equal(p->size_limit, 0);
    assert_int_equal(p->checkpoint_k, 30);
    assert_int_equal(p->window, 5);
    assert_int_equal(p->recovery_ms, 60000);
    assert_int_equal(p->sync, CONF_SYNC_NEVER);
    assert_int_equal(p->no_progress_ms, 120000);
    assert_int_equal(p->open_timeout_ms, 60000);
    assert_int_equal(p->mode, CONF_NORMAL_MODE);
    assert_int_equal(p->dialogue, CONF_DIALOGUE_ANY);
    assert_null(p->downgrade_relay);
    assert_int_equal(p->open_retry.times, 144);
    assert_int_equal(p->open_retry.every_ms, 600000);
    assert_int_equal(p->transfer_retry.times, 2);
    assert_int_equal(p->transfer_retry.every_ms, 120000);
    assert_int_equal(p->lifetime_ms, 300000);
    assert_int_equal(p->idle_ms, 120000);
    assert_int_equal(p->associations_max, 10);
    assert_int_equal(p->associations_urgent, 1);
    assert_int_equal(p->messages_per_association, 50);
    assert_int_equal(p->timeout_per_k_ms[CONF_URGENT], 1000000);
    assert_int_equal(p->timeout_per_k_ms[CONF_NORMAL], 2000000);
    assert_int_equal(p->timeout_per_k_ms[CONF_NON_URGENT], 3000000);
    assert_int_equal(p->password_form, CONF_PASSWORD_OCTET);
    assert_false(p->accept_without_credentials);
    assert_null(conf_peer_find(c, "q"));
    assert_null(conf_stack_find(c, "q"));
    conf_free(c);
}

static void mta_values(void **state) {
    (void)state;
    struct conf *c = load("mta \"A B\" {\n domain country \"826\" admd \"X\" prmd \"Y\"\n spool \"/var/q\"\n"
                          " events file \"e\" json\n control socket \"c\" mode 640 group \"ops\"\n"
                          " submit socket \"/s\"\n expiry urgent 1h\n expiry normal 90m non-urgent 3d\n"
                          " keep finished 30s\n reserve 7% at least 2G\n}\n");
    const struct conf_mta *m = &c->mta;
    assert_string_equal(m->domain.country, "826");
    assert_string_equal(m->domain.prmd, "Y");
    assert_string_equal(m->spool, "/var/q");
    assert_int_equal(m->events, CONF_EVENTS_FILE);
    assert_int_equal(m->events_format, CONF_JSON);
    assert_string_equal(m->events_file, in_folder("e"));
    assert_string_equal(m->control.path, in_folder("c"));
    assert_int_equal(m->control.mode, 0640);
    assert_string_equal(m->control.group, "ops");
    assert_string_equal(m->submit.path, "/s");
    assert_int_equal(m->submit.mode, 0660);
    assert_int_equal(m->expiry_ms[CONF_URGENT], 3600000);
    assert_int_equal(m->expiry_ms[CONF_NORMAL], 5400000);
    assert_int_equal(m->expiry_ms[CONF_NON_URGENT], 3 * 86400000ULL);
    assert_int_equal(m->keep_ms, 30000);
    assert_int_equal(m->reserve_percent, 7);
    assert_int_equal(m->reserve_min, 2ULL << 30);
    conf_free(c);
}

static void selectors(void **state) {
    (void)state;
    struct conf *c =
        load(HEAD "stack \"s\" { listen on localhost.example port 1 tsel \"T\\\"\\\\\" ssel \"\" psel none }\n"
                  "peer \"p\" {\n called tsel 0x00ff ssel \"\"\n calling ssel 0x01\n" NAMES "}\n");
    const struct conf_stack *s = &c->stacks[0];
    assert_string_equal(s->listen.host, "localhost.example");
    assert_int_equal(s->listen.family, AF_UNSPEC);
    assert_true(bytes_equal(s->selectors.tsel, bytes_str("T\"\\")));
    assert_non_null(s->selectors.ssel.p); // present and empty
    assert_int_equal(s->selectors.ssel.n, 0);
    assert_null(s->selectors.psel.p);
    assert_true(s->selectors.psel_given);
    const struct conf_peer *p = &c->peers[0];
    assert_true(bytes_equal(p->called.tsel, bytes_of("\0\xff", 2)));
    assert_non_null(p->called.ssel.p);
    assert_null(p->called.psel.p);
    struct conf_selectors calling = conf_calling(p, s);
    assert_true(bytes_equal(calling.tsel, s->selectors.tsel));
    assert_true(bytes_equal(calling.ssel, bytes_of("\1", 1)));
    assert_null(calling.psel.p);
    conf_free(c);
}

static void peer_values(void **state) {
    (void)state;
    struct conf *c = load(
        HEAD "stack \"s\" { listen on ::1 port 65535 }\nstack \"t\" { source 10.0.0.1 }\n"
             "peer \"p\" {\n connect host \"peer\" port 7\n connect address 2001:db8::1\n via stack \"t\", \\\n \"s\"\n"
             " domain prmd \"P\" admd \"A\" country \"DE\"\n local name \"L\" password \"\\\"x\\\\\"\n"
             " remote name \"R\" password \"y\"\n password form ia5\n size limit 2047M\n checkpoint 1M\n window 1\n"
             " open retry 3 times every 1s\n open timeout 7s\n transfer retry 0 times every 1m\n transfer timeout per "
             "K urgent 5s\n"
             " associations at most 1\n associations another per 7 messages lifetime 9s\n"
             " mode x410-1984 relay admd \"A\" country \"DE\"\n dialogue monologue\n"
             " checkpoint sync window recovery 1h\n transfer timeout no progress 90s\n}\n"
             "peer \"q\" {\n via \"s\"\n mode x410-1984 strict\n dialogue two-way-alternate\n"
             " checkpoint recovery none\n" NAMES "}\n");
    const struct conf_peer *p = &c->peers[0];
    assert_int_equal(c->stacks[0].listen.family, AF_INET6);
    assert_int_equal(c->stacks[0].listen.port, 65535);
    assert_null(c->stacks[1].listen.host);
    assert_string_equal(c->stacks[1].source.host, "10.0.0.1");
    assert_int_equal(p->n_connect, 2);
    assert_string_equal(p->connect[0].host, "peer");
    assert_int_equal(p->connect[0].family, AF_UNSPEC);
    assert_int_equal(p->connect[0].port, 7);
    assert_string_equal(p->connect[1].host, "2001:db8::1");
    assert_int_equal(p->connect[1].family, AF_INET6);
    assert_int_equal(p->connect[1].port, 102);
    assert_int_equal(p->n_via, 2);
    assert_ptr_equal(p->via[0], &c->stacks[1]);
    assert_ptr_equal(p->via[1], &c->stacks[0]);
    assert_string_equal(p->domain.country, "DE");
    assert_string_equal(p->domain.admd, "A");
    assert_string_equal(p->domain.prmd, "P");
    assert_string_equal(p->local.name, "L");
    assert_null(p->local.file);
    assert_true(bytes_equal(p->local.passwords[0].secret, bytes_str("\"x\\")));
    assert_string_equal(p->remote.name, "R");
    assert_int_equal(p->password_form, CONF_PASSWORD_IA5);
    assert_int_equal(p->size_limit, 2047U << 20);
    assert_int_equal(p->checkpoint_k, 1024);
    assert_int_equal(p->window, 1);
    assert_int_equal(p->open_retry.times, 3);
    assert_int_equal(p->open_retry.every_ms, 1000);
    assert_int_equal(p->transfer_retry.times, 0);
    assert_int_equal(p->timeout_per_k_ms[CONF_URGENT], 5000);
    assert_int_equal(p->timeout_per_k_ms[CONF_NORMAL], 2000000);
    assert_int_equal(p->associations_max, 1);
    assert_int_equal(p->associations_urgent, 0); // a single one serves all
    assert_int_equal(p->messages_per_association, 7);
    assert_int_equal(p->lifetime_ms, 9000);
    assert_int_equal(p->mode, CONF_X410_1984);
    assert_false(p->downgrade_strict);
    assert_string_equal(or_address_get(p->downgrade_relay, OR_ADMD), "A");
    assert_int_equal(p->dialogue, CONF_MONOLOGUE);
    assert_int_equal(p->sync, CONF_SYNC_WINDOW);
    assert_int_equal(p->recovery_ms, 3600000);
    assert_int_equal(p[1].recovery_ms, 0);
    assert_int_equal(p->no_progress_ms, 90000);
    assert_int_equal(p->open_timeout_ms, 7000);
    assert_int_equal(p[1].dialogue, CONF_TWO_WAY_ALTERNATE);
    assert_true(p[1].downgrade_strict);
    assert_int_equal(p->idle_ms, 120000);
    conf_free(c);
}

static void accepts(void **state) {
    (void)state;
    struct conf *c = load(
        HEAD NAMED
        "peer \"p\" {\n accept from 192.0.2.1, 10.128.0.0/9, 2001:db8:0:8000::/49, 1.2.3.4/32, ::ffff:1.2.8.0/118\n"
        " accept without credentials\n}\npeer \"open\" {\n" NAMES "}\n");
    static const struct {
        const char *text;
        bool accepted;
    } cases[] = {{"192.0.2.1", true},
                 {"192.0.2.2", false},
                 {"10.127.255.255", false},
                 {"10.128.0.0", true},
                 {"10.255.255.255", true},
                 {"11.128.0.0", false},
                 {"::ffff:10.200.0.1", true},
                 {"::ffff:10.1.0.1", false},
                 {"2001:db8:0:8000::7", true},
                 {"2001:db8:0:ffff::7", true},
                 {"2001:db8:0:7fff::7", false},
                 {"2001:db8:1:8000::7", false},
                 {"1.2.3.4", true},
                 {"1.2.8.0", true},
                 {"1.2.11.255", true},
                 {"1.2.12.0", false},
                 {"::ffff:1.2.9.1", true},
                 {"::102:304", false}};
    assert_true(c->peers[0].accept_without_credentials);
    assert_null(c->peers[0].local.name);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        const void *sa = &v4;
        if (inet_pton(AF_INET, cases[i].text, &v4.sin_addr) != 1) {
            assert_int_equal(inet_pton(AF_INET6, cases[i].text, &v6.sin6_addr), 1);
            sa = &v6;
        }
        assert_int_equal(conf_peer_accepts(&c->peers[0], sa), cases[i].accepted);
        assert_true(conf_peer_accepts(&c->peers[1], sa));
    }
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(conf_peer_accepts(&c->peers[0], &local));
    conf_free(c);
}

static void addresses(void **state) {
    (void)state;
    struct conf *c = load(
        "mta \"A\" {\n domain country \"GB\" admd \" \"\n spool \"q\" follows stack \"s\"\n}\n"
        "stack \"s\" { listen on \"any\" port 1\n virtual\n bind-back to 2001:db8::1\n}\n"
        "stack \"t\" { listen on any port 2\n source mta.example\n bind-back to mta.example port 7\n}\n"
        "peer \"p\" {\n connect address 192.0.2.1\n via \"s\"\n source \"mta\"\n bind-back\n accept from b.example, "
        "c\n" NAMES
        "}\npeer \"q\" {\n via \"t\"\n bind-back required source declared\n accept from ::1, b.example\n" NAMES
        "}\npeer \"r\" {\n via \"s\"\n bind-back\n mode x410-1988\n" NAMES "}\n");
    const struct conf_stack *s = c->stacks;
    assert_ptr_equal(c->mta.spool_follows, s);
    assert_true(s[0].moves);
    assert_false(s[0].listen.any); // in quotes it is a name
    assert_string_equal(s[0].listen.host, "any");
    assert_string_equal(s[0].bind_back.host, "2001:db8::1");
    assert_int_equal(s[0].bind_back.family, AF_INET6);
    assert_int_equal(s[0].bind_back.port, 1); // where it listens
    assert_null(s[0].source.host);
    assert_false(s[1].moves);
    assert_true(s[1].listen.any);
    assert_string_equal(s[1].listen.host, "any");
    assert_int_equal(s[1].listen.family, AF_UNSPEC);
    assert_string_equal(s[1].source.host, "mta.example");
    assert_int_equal(s[1].source.family, AF_UNSPEC);
    assert_int_equal(s[1].source.port, 0);
    assert_int_equal(s[1].bind_back.port, 7);
    const struct conf_peer *p = c->peers;
    assert_string_equal(p[0].source.host, "mta");
    assert_int_equal(p[0].bind_back, CONF_BIND_BACK_OPTIONAL);
    assert_int_equal(p[0].n_back_order, 3);
    assert_int_equal(p[0].back_order[0], CONF_BACK_DECLARED);
    assert_int_equal(p[0].back_order[1], CONF_BACK_CONFIGURED);
    assert_int_equal(p[0].back_order[2], CONF_BACK_SOURCE);
    assert_int_equal(p[0].n_accept, 0);
    assert_int_equal(p[0].n_accept_names, 2);
    assert_string_equal(p[0].accept_names[1], "c");
    assert_int_equal(p[1].bind_back, CONF_BIND_BACK_REQUIRED);
    assert_int_equal(p[1].n_back_order, 2);
    assert_int_equal(p[1].back_order[0], CONF_BACK_SOURCE);
    assert_int_equal(p[1].back_order[1], CONF_BACK_DECLARED);
    assert_int_equal(p[1].n_accept, 1);
    assert_int_equal(p[1].n_accept_names, 1);
    assert_int_equal(p[2].n_back_order, 1); // nothing is configured, and a call declares nothing
    assert_int_equal(p[2].back_order[0], CONF_BACK_SOURCE);
    assert_true(conf_peer_restricts(&p[0]));
    assert_false(conf_peer_restricts(&p[2]));
    struct sockaddr_in from = {.sin_family = AF_INET};
    assert_false(conf_peer_accepts(&p[0], (const void *)&from)); // names are not for it
    assert_true(conf_peer_accepts(&p[2], (const void *)&from));
    conf_free(c);
}

static void routes(void **state) {
    (void)state;
    struct conf *c = load(
        HEAD STACK "peer \"p\" {\n connect address 1.2.3.4\n" NAMES "}\nroute to any via \"p\"\n"
                   "route to country \"DE\" admd \"A\" organization \"O\" unit \"U1\" unit \"U2\" via \"p\" cost 0\n"
                   "deliver to surname \"S\" given-name \"G\" domain-defined \"T\" \"V\" in directory \"in\"\n");
    assert_int_equal(c->n_routes, 2);
    assert_null(c->routes[0].pattern);
    assert_int_equal(c->routes[0].cost, 10);
    const struct or_address *a = c->routes[1].pattern;
    assert_int_equal(c->routes[1].cost, 0);
    assert_ptr_equal(c->routes[1].peer, &c->peers[0]);
    assert_string_equal(or_address_get(a, OR_COUNTRY), "DE");
    assert_string_equal(or_address_get(a, OR_OU1), "U1");
    assert_string_equal(or_address_get(a, OR_OU2), "U2");
    assert_null(or_address_get(a, OR_PRMD));
    a = c->delivers[0].pattern;
    assert_string_equal(or_address_get(a, OR_SURNAME), "S");
    assert_string_equal(or_address_get(a, OR_GIVEN), "G");
    assert_string_equal(or_address_get(a, OR_DD1_TYPE), "T");
    assert_string_equal(or_address_get(a, OR_DD1_VALUE), "V");
    assert_string_equal(c->delivers[0].directory, in_folder("in"));
    conf_free(c);
}

#define PEER_FILES                                                                                                     \
    HEAD STACK "peer \"p\" {\n local name \"A\" password file \"us\"\n remote name \"B\" password file \"them\"\n}\n"

static void password_files(void **state) {
    (void)state;
    write_file("us", "ours \r\n", 0600);
    write_file("them", "\nold\r\nnew", 0400);
    struct conf *c = load(PEER_FILES);
    const struct conf_peer *p = &c->peers[0];
    assert_string_equal(p->local.file, in_folder("us"));
    assert_int_equal(p->local.n_passwords, 1);
    assert_true(bytes_equal(p->local.passwords[0].secret, bytes_str("ours ")));
    assert_int_equal(p->remote.n_passwords, 2);
    assert_true(bytes_equal(p->remote.passwords[0].secret, bytes_str("old")));
    assert_true(bytes_equal(p->remote.passwords[1].secret, bytes_str("new")));
    conf_free(c);

    char text[256];
    snprintf(text, sizeof text, "there is no password in \"%s\"", in_folder("them"));
    write_file("them", "\r\n\n", 0600);
    assert_fails(PEER_FILES, text);
    snprintf(text, sizeof text, "there are 3 lines in \"%s\", at most 2 passwords are allowed", in_folder("them"));
    write_file("them", "1\n2\n3\n", 0600);
    assert_fails(PEER_FILES, text);
    write_file("them", "123456789012345678901234567890123456789012345678901234567890123", 0600);
    assert_fails(PEER_FILES, "the password has 63 characters, at most 62 are allowed");
    assert_int_equal(unlink(in_folder("them")), 0);
    snprintf(text, sizeof text, "cannot read \"%s\": No such file or directory", in_folder("them"));
    assert_fails(PEER_FILES, text);
    struct conf_errors errors;
    write_file("c.conf", PEER_FILES, 0600);
    c = conf_load_sockets(in_folder("c.conf"), &errors); // a client of the daemon needs no password
    assert_non_null(c);
    assert_int_equal(c->peers[0].local.n_passwords, 0);
    assert_int_equal(errors.n_errors, 0);
    conf_errors_free(&errors);
    conf_free(c);
    assert_int_equal(mkdir(in_folder("them"), 0700), 0);
    snprintf(text, sizeof text, "cannot read \"%s\": not a regular file", in_folder("them"));
    assert_fails(PEER_FILES, text);
    assert_int_equal(rmdir(in_folder("them")), 0);
}

static void password_warnings(void **state) {
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0644};
    struct conf_errors errors;
    write_file("c.conf", PEER_FILES, 0600);
    write_file("us", "a\nb\n", 0600);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        write_file("them", "x\n", modes[i]);
        struct conf *c = conf_load(in_folder("c.conf"), &errors);
        assert_non_null(c);
        assert_int_equal(errors.n_warnings, 2);
        assert_true(errors.first->warning);
        assert_non_null(strstr(errors.first->text, "the first is sent"));
        assert_non_null(strstr(errors.first->next->text, "other users may open the password file"));
        conf_errors_free(&errors);
        conf_free(c);
    }
}

// A configuration with passwords in it is warned of once a file; clients that have no use for them are not.
static void passwords_in_an_open_file(void **state) {
    (void)state;
    struct conf_errors errors;
    write_file("c.conf", HEAD STACK "peer \"p\" {\n" NAMES "}\n", 0644);
    struct conf *c = conf_load(in_folder("c.conf"), &errors);
    assert_non_null(c);
    assert_int_equal(errors.n_warnings, 1);
    assert_string_equal(errors.first->text, "a password stands in this file, which other users may open (mode 644)");
    assert_null(strstr(errors.first->source, "ours"));
    conf_errors_free(&errors);
    conf_free(c);
    c = conf_load_sockets(in_folder("c.conf"), &errors);
    assert_int_equal(errors.n_warnings, 0);
    conf_errors_free(&errors);
    conf_free(c);
}

static void whole_files(void **state) {
    (void)state;
    struct conf_errors errors;
    assert_null(conf_load(in_folder("absent"), &errors));
    assert_int_equal(errors.n_errors, 1);
    conf_errors_free(&errors);
    assert_null(conf_load(folder, &errors));
    assert_non_null(strstr(errors.first->text, "not a regular file"));
    conf_errors_free(&errors);
    assert_fails("", "there is no mta block");
    assert_fails("mta \"A\" {", "the file ends inside of the mta block");
    struct conf *c = load("mta \"A\" { domain country \"GB\" admd \"A\"\n spool \"q\" }"); // no end of the last line
    conf_free(c);
}

static void include(void **state) {
    (void)state;
    assert_int_equal(mkdir(in_folder("d"), 0700), 0);
    write_file("d/peer.conf",
               "include \"../s.conf\"\npeer \"p\" {\n local name \"A\" password file \"us\"\n"
               " accept without credentials\n accept from 10.0.0.0/8\n}",
               0600);
    write_file("d/us", "secret\n", 0600);
    write_file("s.conf", NAMED, 0600);
    struct conf *c = load(HEAD "include \"d/peer.conf\"\n");
    assert_int_equal(c->n_stacks, 1);
    assert_int_equal(c->n_peers, 1);
    char path[256];
    snprintf(path, sizeof path, "%s/d/us", folder); // beside the file that names it
    assert_string_equal(c->peers[0].local.file, path);
    conf_free(c);

    snprintf(path, sizeof path, "\"%s/c.conf\" includes itself", folder);
    assert_fails(HEAD "include \"c.conf\"\n", path);
    write_file("s.conf", "include \"c.conf\"\n", 0600);
    snprintf(path, sizeof path, "\"%s/c.conf\" includes itself through other files", folder);
    assert_fails(HEAD "include \"s.conf\"\n", path);
    for (int i = 0; i < 9; i++) {
        char name[32], text[48];
        snprintf(name, sizeof name, "i%d.conf", i);
        snprintf(text, sizeof text, "include \"i%d.conf\"\n", i + 1);
        write_file(name, text, 0600);
    }
    write_file("i9.conf", "", 0600);
    assert_fails(HEAD "include \"i0.conf\"\n", "includes are nested deeper than 8 files");
    c = load(HEAD "include \"i2.conf\"\n");
    conf_free(c);
}

static void same_twice(void **state) { // an address that is no listening one is a calling one only
    (void)state;
    struct conf *c = load(HEAD "stack \"a\" { source 10.0.0.1 }\nstack \"b\" { source 10.0.0.1 }\n");
    conf_free(c);
    assert_fails(HEAD STACK "stack \"t\" { listen on 127.0.0.1 }\n",
                 "the stacks \"s\" and \"t\" listen on the same address and port");
}

// Each allocation fails in turn: the load fails with an error, nothing leaks and nothing is half done.
// A NUL in a line does not hide the place of the error behind it.
static void a_nul_in_a_line(void **state) {
    (void)state;
    static const char text[] = "mta \0\0 \"A\" {\n";
    struct conf_errors errors;
    FILE *f = fopen(in_folder("c.conf"), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, sizeof text - 1, 1, f), 1);
    assert_int_equal(fclose(f), 0);
    assert_null(conf_load(in_folder("c.conf"), &errors));
    assert_non_null(errors.first);
    assert_int_equal(strlen(errors.first->source), sizeof text - 2);
    assert_int_equal(errors.first->caret, 4);
    conf_errors_free(&errors);
}

static void short_of_memory(void **state) {
    (void)state;
    write_file("us", "ours\n", 0600);
    write_file("them", "theirs\n", 0600);
    write_file("i.conf", STACK, 0600);
    write_file("c.conf",
               HEAD "include \"i.conf\"\npeer \"p\" {\n connect address 1.2.3.4\n bind-back configured\n accept from "
                    "a.b, ::1\n source c.d\n local name \"A\" password file "
                    "\"us\"\n remote name \"B\" password file \"them\"\n}\nroute to country \"DE\" via \"p\"\n",
               0600);
    for (unsigned long n = 1; n < 1000; n++) {
        struct conf_errors errors;
        mem_fail_at(n);
        struct conf *c = conf_load(in_folder("c.conf"), &errors);
        mem_fail_at(0);
        assert_int_equal(c == NULL, errors.n_errors > 0);
        conf_errors_free(&errors);
        conf_free(c);
        if (c != NULL)
            return;
    }
    fail_msg("it never succeeded");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(mta_values),
        cmocka_unit_test(selectors),
        cmocka_unit_test(peer_values),
        cmocka_unit_test(accepts),
        cmocka_unit_test(routes),
        cmocka_unit_test(addresses),
        cmocka_unit_test(password_files),
        cmocka_unit_test(password_warnings),
        cmocka_unit_test(whole_files),
        cmocka_unit_test(passwords_in_an_open_file),
        cmocka_unit_test(include),
        cmocka_unit_test(same_twice),
        cmocka_unit_test(short_of_memory),
        cmocka_unit_test(a_nul_in_a_line),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
