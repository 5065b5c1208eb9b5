// SPDX-License-Identifier: BSD-2-Clause
// Stacks in a network of their own: addresses come and go, names change, and each stack follows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>

#include "assoc/stacks.h"
#include "base/err.h"
#include "base/mem.h"
#include "dns_util.h"
#include "namespace_util.h"

static bool apart; // in namespaces of our own

enum { PORT = 10102 };

struct bed {
    struct loop *l;
    struct dns_server dns; // that knows nothing
    struct assoc_env env;
    struct conf_stack conf;
    struct assoc_stack *s;
    unsigned states, gone, gone_after_state;
    char last_gone[NET_ADDRESS_TEXT];
};

static void on_state(void *ctx, struct assoc_stack *s) {
    struct bed *b = ctx;
    (void)s;
    b->states++;
}

static void on_gone(void *ctx, struct assoc_stack *s, const struct net_address *a) {
    struct bed *b = ctx;
    b->gone++;
    b->gone_after_state += assoc_stack_status(s)->state != ASSOC_STACK_ACTIVE;
    net_address_host_text(a, b->last_gone);
}

static void on_caller_failed(void *ctx, struct assoc *a, const struct assoc_failure *f) {
    (void)ctx, (void)a, (void)f;
}

static void sh(const char *command) {
    assert_int_equal(system(command), 0);
}

static void hosts(const char *text) {
    assert_true(namespace_write("/etc/hosts", text));
}

static int begin(void **state) {
    static const struct dns_record nothing[] = {{0}};
    struct bed *b = calloc(1, sizeof *b);
    *state = b;
    if (b == NULL || !apart)
        return b == NULL ? -1 : 0;
    hosts("127.0.0.1 localhost\n");
    if (system("ip link add v0 type veth peer name v1 && ip link set v1 up && ip link set v0 up") != 0)
        return -1;
    b->l = loop_new();
    b->env.loop = b->l;
    b->env.resolver = resolver_new(b->l);
    b->env.stacks = assoc_stacks_new(b->l, b->env.resolver);
    return dns_begin(&b->dns, b->l, "127.0.0.1", nothing) && b->env.stacks != NULL &&
                   assoc_stacks_blind(b->env.stacks) == NULL
               ? 0
               : -1;
}

static int end(void **state) {
    struct bed *b = *state;
    int r = 0;
    if (apart) {
        assoc_stack_free(b->s);
        assoc_stacks_free(b->env.stacks);
        resolver_free(b->env.resolver);
        dns_end(&b->dns);
        loop_run_for(b->l, 5);
        loop_free(b->l);
        r = system("ip link del v0");
    }
    free(b);
    return r;
}

static struct bed *bed(void **state) {
    if (!apart) {
        print_message("no namespaces here\n");
        skip();
    }
    return *state;
}

static void make(struct bed *b, bool held) {
    static const struct assoc_stack_user user = {
        .state = on_state, .address_gone = on_gone, .listener = {.caller_failed = on_caller_failed}};
    b->s = assoc_stack_new(&b->env, &b->conf,
                           &(struct assoc_stack_options){.listen = true, .held = held, .hold = "no spool"}, &user, b);
    assert_non_null(b->s);
    assert_ptr_equal(assoc_stack_find(b->env.stacks, b->conf.name), b->s);
}

static struct conf_endpoint at(const char *host) {
    struct net_address a;
    bool any = strcmp(host, "any") == 0, numeric = !any && net_address_parse(&a, host, 0) == ERR_OK;
    return (struct conf_endpoint){
        .host = host, .family = numeric ? a.sa.sa_family : AF_UNSPEC, .port = PORT, .any = any};
}

static const struct assoc_stack_status *status(const struct bed *b) {
    return assoc_stack_status(b->s);
}

#define UNTIL(b, what)                                                                                                 \
    do {                                                                                                               \
        for (uint64_t stop = clock_mono_ms() + 20000; !(what) && clock_mono_ms() < stop;)                              \
            loop_run_for((b)->l, 5);                                                                                   \
        if (!(what))                                                                                                   \
            fail_msg("%s:%d: never: %s (state %s: %s)", __FILE__, __LINE__, #what,                                     \
                     assoc_stack_state_text(status(b)->state), status(b)->why);                                        \
    } while (0)

static bool listens(const struct bed *b, const char *text) {
    char one[NET_ADDRESS_TEXT];
    for (size_t k = 0; k < status(b)->n_listening; k++)
        if (strcmp(net_address_text(&status(b)->listening[k], one), text) == 0)
            return true;
    return false;
}

// Whether somebody takes the call.
static bool answers(const char *host) {
    struct net_address a;
    assert_int_equal(net_address_parse(&a, host, PORT), ERR_OK);
    int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool done = connect(fd, &a.sa, net_address_len(&a)) == 0;
    close(fd);
    return done;
}

static const char *source(const struct bed *b, const struct conf_peer *p, int family, const char *arrived) {
    static char text[NET_ADDRESS_TEXT];
    struct net_address in, out;
    char why[ASSOC_TEXT];
    bool has;
    if (arrived != NULL)
        assert_int_equal(net_address_parse(&in, arrived, 1234), ERR_OK);
    int r = assoc_stack_source(b->s, p, family, arrived == NULL ? NULL : &in, &out, &has, why);
    if (r != ERR_OK) {
        assert_int_equal(r, ERR_ABSENT);
        assert_true(why[0] != 0);
        return "absent";
    }
    assert_int_equal(why[0], 0);
    if (!has)
        return "any";
    assert_int_equal(net_address_port(&out), 0);
    return net_address_host_text(&out, text);
}

// ---- the decision ----

static void the_state_follows_from_what_is_known(void **state) {
    (void)state;
    enum assoc_stack_reason why;
    struct assoc_stack_facts f = {0};
    assert_int_equal(assoc_stack_decide(&f, &why), ASSOC_STACK_ACTIVE);
    // Written apart from the function: the first line that fits decides.
    static const struct {
        int by_operator, address, held, deaf, moves; // -1: whatever
        enum assoc_stack_state state;
        enum assoc_stack_reason why;
    } rows[] = {
        {1, -1, -1, -1, -1, ASSOC_STACK_STANDBY, ASSOC_STACK_OPERATOR},
        {0, ASSOC_STACK_RESOLVING, -1, -1, -1, ASSOC_STACK_STARTING, ASSOC_STACK_RESOLVING},
        {0, ASSOC_STACK_UNRESOLVED, -1, -1, -1, ASSOC_STACK_FAILED, ASSOC_STACK_UNRESOLVED},
        {0, ASSOC_STACK_ABSENT, -1, -1, 1, ASSOC_STACK_STANDBY, ASSOC_STACK_ABSENT},
        {0, ASSOC_STACK_ABSENT, -1, -1, 0, ASSOC_STACK_FAILED, ASSOC_STACK_ABSENT},
        {0, ASSOC_STACK_TENTATIVE, -1, -1, 1, ASSOC_STACK_STANDBY, ASSOC_STACK_TENTATIVE},
        {0, ASSOC_STACK_TENTATIVE, -1, -1, 0, ASSOC_STACK_FAILED, ASSOC_STACK_TENTATIVE},
        {0, ASSOC_STACK_DUPLICATE, -1, -1, 1, ASSOC_STACK_STANDBY, ASSOC_STACK_DUPLICATE},
        {0, ASSOC_STACK_DUPLICATE, -1, -1, 0, ASSOC_STACK_FAILED, ASSOC_STACK_DUPLICATE},
        {0, ASSOC_STACK_FINE, 1, -1, -1, ASSOC_STACK_STANDBY, ASSOC_STACK_HELD},
        {0, ASSOC_STACK_FINE, 0, 1, -1, ASSOC_STACK_FAILED, ASSOC_STACK_DEAF},
        {0, ASSOC_STACK_FINE, 0, 0, -1, ASSOC_STACK_ACTIVE, ASSOC_STACK_FINE},
    };
    static const enum assoc_stack_reason addresses[] = {ASSOC_STACK_FINE,       ASSOC_STACK_RESOLVING,
                                                        ASSOC_STACK_UNRESOLVED, ASSOC_STACK_ABSENT,
                                                        ASSOC_STACK_TENTATIVE,  ASSOC_STACK_DUPLICATE};
    for (unsigned bits = 0; bits < 16; bits++)
        for (size_t k = 0; k < sizeof addresses / sizeof *addresses; k++) {
            f = (struct assoc_stack_facts){.by_operator = bits & 1,
                                           .held = bits & 2,
                                           .moves = bits & 4,
                                           .deaf = bits & 8,
                                           .address = addresses[k]};
            size_t r = 0;
            while ((rows[r].by_operator >= 0 && rows[r].by_operator != f.by_operator) ||
                   (rows[r].address >= 0 && rows[r].address != (int)f.address) ||
                   (rows[r].held >= 0 && rows[r].held != f.held) || (rows[r].deaf >= 0 && rows[r].deaf != f.deaf) ||
                   (rows[r].moves >= 0 && rows[r].moves != f.moves))
                assert_true(++r < sizeof rows / sizeof *rows);
            assert_int_equal(assoc_stack_decide(&f, &why), rows[r].state);
            assert_int_equal(why, rows[r].why);
        }
}

// ---- addresses ----

static void a_virtual_stack_comes_and_goes_with_its_address(void **state) {
    struct bed *b = bed(state);
    b->conf = (struct conf_stack){.name = "net", .listen = at("192.0.2.100"), .moves = true};
    make(b, false);
    assert_int_equal(status(b)->state, ASSOC_STACK_STANDBY);
    assert_string_equal(status(b)->why, "192.0.2.100 is not on this machine");
    assert_int_equal(status(b)->n_listening + status(b)->here, 0);
    assert_int_equal(status(b)->retry_utc_ms, 0); // nothing is polled
    assert_string_equal(source(b, NULL, AF_INET, NULL), "absent");
    for (int k = 1; k <= 2; k++) {
        sh("ip addr add 192.0.2.100/32 dev v0");
        UNTIL(b, status(b)->state == ASSOC_STACK_ACTIVE);
        assert_true(listens(b, "192.0.2.100:10102") && status(b)->here && answers("192.0.2.100"));
        assert_string_equal(status(b)->why, "");
        assert_string_equal(status(b)->source_v4, "192.0.2.100");
        assert_string_equal(source(b, NULL, AF_INET, NULL), "192.0.2.100");
        assert_string_equal(source(b, NULL, AF_INET6, NULL), "absent");
        sh("ip addr del 192.0.2.100/32 dev v0");
        UNTIL(b, status(b)->state == ASSOC_STACK_STANDBY);
        assert_int_equal(status(b)->n_listening, 0);
        assert_int_equal(b->gone, k);
        assert_string_equal(b->last_gone, "192.0.2.100");
    }
    assert_int_equal(b->gone_after_state, 0); // what is bound to it is dropped first
    assert_int_equal(b->states, 4);
}

// Clusters set it for other programs: that a socket could be bound says nothing then.
static void what_can_be_bound_to_is_not_here_for_that(void **state) {
    struct bed *b = bed(state);
    if (!namespace_write("/proc/sys/net/ipv4/ip_nonlocal_bind", "1"))
        skip();
    b->conf = (struct conf_stack){.name = "net", .listen = at("192.0.2.100"), .moves = true};
    make(b, false);
    assert_int_equal(status(b)->state, ASSOC_STACK_STANDBY);
    assert_true(namespace_write("/proc/sys/net/ipv4/ip_nonlocal_bind", "0"));
    sh("ip route add local 192.0.2.0/24 dev lo"); // an address on none of the interfaces, which netlink does not list
    struct net_address a;
    assert_int_equal(net_address_parse(&a, "192.0.2.100", 0), ERR_OK);
    assert_true(assoc_stacks_usable(b->env.stacks, &a));
    sh("ip route del local 192.0.2.0/24 dev lo");
    assert_false(assoc_stacks_usable(b->env.stacks, &a));
    assert_int_equal(net_address_parse(&a, "127.9.9.9", 0), ERR_OK);
    assert_true(assoc_stacks_usable(b->env.stacks, &a));
}

static void a_fixed_address_that_is_missing_fails_and_heals(void **state) {
    struct bed *b = bed(state);
    b->conf = (struct conf_stack){.name = "net", .listen = at("192.0.2.100")};
    make(b, false);
    assert_int_equal(status(b)->state, ASSOC_STACK_FAILED);
    assert_string_equal(status(b)->error, "192.0.2.100 is not on this machine");
    assert_true(status(b)->retry_utc_ms > clock_utc_ms());
    sh("ip addr add 192.0.2.100/32 dev v0");
    UNTIL(b, status(b)->state == ASSOC_STACK_ACTIVE); // not only after ASSOC_STACK_RETRY_MS
    assert_string_equal(status(b)->error, "");
    assert_int_equal(status(b)->retry_utc_ms, 0);
}

static void ipv6_waits_for_duplicate_address_detection(void **state) {
    struct bed *b = bed(state);
    sh("ip link add p0 type veth peer name p1 && ip link set p1 up && ip link set p0 up");
    b->conf = (struct conf_stack){.name = "net", .listen = at("2001:db8::64"), .moves = true};
    make(b, false);
    assert_int_equal(status(b)->reason, ASSOC_STACK_ABSENT);
    sh("ip addr add 2001:db8::64/64 dev p0");
    UNTIL(b, status(b)->reason == ASSOC_STACK_TENTATIVE || status(b)->state == ASSOC_STACK_ACTIVE);
    UNTIL(b, status(b)->state == ASSOC_STACK_ACTIVE);
    assert_true(listens(b, "[2001:db8::64]:10102"));
    sh("ip link del p0");
    UNTIL(b, status(b)->reason == ASSOC_STACK_ABSENT);
}

static void any_is_both_families_and_has_the_address_that_was_called(void **state) {
    struct bed *b = bed(state);
    b->conf = (struct conf_stack){.name = "net", .listen = at("any")};
    make(b, false);
    assert_int_equal(status(b)->state, ASSOC_STACK_ACTIVE);
    assert_true(listens(b, "0.0.0.0:10102") && listens(b, "[::]:10102") && status(b)->n_listening == 2);
    assert_string_equal(source(b, NULL, AF_INET, NULL), "any");
    sh("ip addr add 192.0.2.7/32 dev v0");
    assert_string_equal(source(b, NULL, AF_INET, "127.0.0.1"), "127.0.0.1");
    UNTIL(b, strcmp(source(b, NULL, AF_INET, "192.0.2.7"), "192.0.2.7") == 0);
    assert_string_equal(source(b, NULL, AF_INET6, "192.0.2.7"), "any"); // another family
    assert_string_equal(source(b, NULL, AF_INET, "192.0.2.8"), "any");  // it is not here any more
    sh("ip addr del 192.0.2.7/32 dev v0");
    UNTIL(b, b->gone == 1); // also told of a stack that does not depend on it
    assert_int_equal(status(b)->state, ASSOC_STACK_ACTIVE);
    assert_int_equal(status(b)->n_listening, 2);
}

static void a_taken_port_is_told_and_one_family_does(void **state) {
    struct bed *b = bed(state);
    struct net_address a;
    assert_int_equal(net_address_parse(&a, "0.0.0.0", PORT), ERR_OK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &a.sa, net_address_len(&a)) | listen(fd, 1), 0);
    b->conf = (struct conf_stack){.name = "net", .listen = at("any")};
    make(b, false);
    assert_int_equal(status(b)->state, ASSOC_STACK_ACTIVE);
    assert_int_equal(status(b)->n_listening, 1);
    assert_non_null(strstr(status(b)->error, "another program"));
    assert_true(status(b)->retry_utc_ms > 0);
    assoc_stack_free(b->s);
    b->conf.listen = at("127.0.0.1");
    make(b, false);
    assert_int_equal(status(b)->state, ASSOC_STACK_FAILED);
    assert_int_equal(status(b)->reason, ASSOC_STACK_DEAF);
    assert_string_equal(source(b, NULL, AF_INET, NULL), "127.0.0.1"); // it calls all the same
    close(fd);
    sh("ip addr add 192.0.2.9/32 dev v0"); // any news of addresses is a reason to try again
    UNTIL(b, status(b)->state == ASSOC_STACK_ACTIVE);
}

// ---- names ----

static void a_name_is_listened_on_where_it_is_here(void **state) {
    struct bed *b = bed(state);
    sh("ip addr add 192.0.2.1/32 dev v0 && ip addr add 192.0.2.2/32 dev v0 && ip addr add 192.0.2.3/32 dev v0");
    hosts("192.0.2.1 mta.example\n192.0.2.2 mta.example\n192.0.2.200 mta.example\n");
    b->conf = (struct conf_stack){.name = "net", .listen = at("mta.example")};
    make(b, false);
    assert_int_equal(status(b)->state, ASSOC_STACK_STARTING);
    assert_true(assoc_stacks_starting(b->env.stacks));
    assert_string_equal(source(b, NULL, AF_INET, NULL), "absent");
    UNTIL(b, status(b)->n_listening == 2);
    assert_false(assoc_stacks_starting(b->env.stacks));
    assert_true(listens(b, "192.0.2.1:10102") && listens(b, "192.0.2.2:10102"));
    assert_int_equal(status(b)->n_names, 1);
    assert_string_equal(status(b)->names[0], "mta.example");
    // A caller of the address that stays is not disturbed when the set changes.
    struct net_address stays;
    assert_int_equal(net_address_parse(&stays, "192.0.2.2", PORT), ERR_OK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, &stays.sa, net_address_len(&stays)), -1);
    loop_run_for(b->l, 20);
    hosts("192.0.2.2 mta.example\n192.0.2.3 mta.example\n");
    UNTIL(b, listens(b, "192.0.2.3:10102"));
    assert_true(listens(b, "192.0.2.2:10102") && !listens(b, "192.0.2.1:10102") && status(b)->n_listening == 2);
    char c;
    assert_int_equal(recv(fd, &c, 1, 0), -1); // neither octets nor an end
    assert_int_equal(errno, EAGAIN);
    close(fd);
    assert_false(answers("192.0.2.1"));
    sh("ip addr del 192.0.2.3/32 dev v0");
    UNTIL(b, status(b)->n_listening == 1);
    assert_string_equal(source(b, NULL, AF_INET, NULL), "192.0.2.2");
}

static void a_name_that_leads_nowhere_fails_alone(void **state) {
    struct bed *b = bed(state);
    b->conf = (struct conf_stack){.name = "net", .listen = at("nowhere.example"), .moves = true};
    make(b, false);
    UNTIL(b, status(b)->state == ASSOC_STACK_FAILED);
    assert_int_equal(status(b)->reason, ASSOC_STACK_UNRESOLVED);
    assert_non_null(strstr(status(b)->error, "nowhere.example"));
    hosts("192.0.2.50 nowhere.example\n");
    UNTIL(b, status(b)->state == ASSOC_STACK_STANDBY);
    assert_string_equal(status(b)->why, "nowhere.example (192.0.2.50) is not on this machine");
    sh("ip addr add 192.0.2.50/32 dev v0");
    UNTIL(b, status(b)->state == ASSOC_STACK_ACTIVE);
    hosts("127.0.0.1 localhost\n"); // a mistake: it goes on where it was
    UNTIL(b, status(b)->error[0] != 0);
    assert_int_equal(status(b)->state, ASSOC_STACK_ACTIVE);
    assert_true(listens(b, "192.0.2.50:10102"));
}

// ---- sources ----

static void the_source_nearest_to_the_peer_counts(void **state) {
    struct bed *b = bed(state);
    sh("ip addr add 192.0.2.1/32 dev v0 && ip addr add 192.0.2.2/32 dev v0 && ip addr add 192.0.2.3/32 dev v0 && "
       "ip addr add 2001:db8::2/64 dev v0 nodad");
    hosts("192.0.2.77 peer-source.example\n192.0.2.3 peer-source.example\n");
    struct conf_peer by_name = {.source = at("peer-source.example")}, by_address = {.source = at("192.0.2.1")},
                     plain = {.source = {0}}, gone = {.source = at("192.0.2.66")};
    b->conf = (struct conf_stack){.name = "net", .listen = at("any"), .source = at("192.0.2.2")};
    make(b, false);
    const struct conf_peer *all[] = {&by_name, &by_address, &plain, &gone};
    for (size_t k = 0; k < 4; k++)
        assert_int_equal(assoc_stacks_follow(b->env.stacks, all[k]->source.host), ERR_OK);
    assert_string_equal(source(b, &by_name, AF_INET, NULL), "absent"); // not resolved yet
    UNTIL(b, !assoc_stacks_starting(b->env.stacks));
    UNTIL(b, strcmp(source(b, &plain, AF_INET, "192.0.2.1"), "192.0.2.2") == 0); // before where it arrived
    assert_string_equal(source(b, &by_name, AF_INET, NULL), "192.0.2.3");        // the one that is here
    assert_string_equal(source(b, &by_address, AF_INET, NULL), "192.0.2.1");
    assert_string_equal(source(b, &gone, AF_INET, NULL), "absent");
    assert_string_equal(source(b, &plain, AF_INET6, NULL), "absent"); // the stack's has no such family
    assert_string_equal(status(b)->source_v4, "192.0.2.2");
    assert_string_equal(status(b)->source_v6, "");
    for (size_t k = 0; k < 4; k++)
        assoc_stacks_unfollow(b->env.stacks, all[k]->source.host);
    assoc_stack_free(b->s);
    b->conf = (struct conf_stack){.name = "net"}; // only calls, from anywhere
    make(b, false);
    assert_int_equal(status(b)->state, ASSOC_STACK_ACTIVE);
    assert_string_equal(source(b, NULL, AF_INET, "192.0.2.1"), "any"); // nobody called it there
    assoc_stack_free(b->s);
    b->conf = (struct conf_stack){.name = "net", .source = at("192.0.2.99"), .moves = true};
    make(b, false); // only calls, with an address that moves
    assert_int_equal(status(b)->state, ASSOC_STACK_STANDBY);
    sh("ip addr add 192.0.2.99/32 dev v0");
    UNTIL(b, strcmp(source(b, NULL, AF_INET, NULL), "192.0.2.99") == 0);
}

// Of several addresses the one on the way to the peer.
static const char *source_to(const struct bed *b, const char *to, const char *const arrived[], size_t n) {
    static char text[NET_ADDRESS_TEXT];
    struct net_address in[ASSOC_ARRIVED], remote, out;
    char why[ASSOC_TEXT];
    bool has;
    assert_int_equal(net_address_parse(&remote, to, PORT), ERR_OK);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(net_address_parse(&in[k], arrived[k], 1234), ERR_OK);
    int r = assoc_stack_source_to(b->s, NULL, &remote, in, n, &out, &has, why);
    assert_true(why[0] != 0);
    return r != ERR_OK ? "absent" : has ? net_address_text(&out, text) : "system";
}

static void of_several_sources_the_one_on_the_way(void **state) {
    struct bed *b = bed(state);
    sh("ip link add w0 type veth peer name w1 && ip link set w1 up && ip link set w0 up");
    sh("ip addr add 10.9.0.1/24 dev v0 && ip addr add 10.9.0.100/32 dev v0 && ip addr add fd09::1/64 dev v0 nodad");
    sh("ip addr add 10.8.0.1/24 dev w0 && ip addr add 10.8.0.100/32 dev w0 && ip addr add fd08::1/64 dev w0 nodad");
    sh("ip addr add 10.7.0.100/32 dev lo");
    hosts(
        "127.0.0.1 localhost\n10.9.0.1 mta.example\n10.8.0.1 mta.example\nfd09::1 mta.example\nfd08::1 mta.example\n");
    b->conf = (struct conf_stack){.name = "net", .listen = at("mta.example")};
    make(b, false);
    UNTIL(b, status(b)->state == ASSOC_STACK_ACTIVE && status(b)->n_listening == 4);
    assert_string_equal(source_to(b, "10.9.0.77", NULL, 0), "10.9.0.1:0");
    assert_string_equal(source_to(b, "10.8.0.77", NULL, 0), "10.8.0.1:0");
    assert_string_equal(source_to(b, "fd09::77", NULL, 0), "[fd09::1]:0");
    assert_string_equal(source_to(b, "fd08::77", NULL, 0), "[fd08::1]:0");
    assert_string_not_equal(source_to(b, "192.0.2.1", NULL, 0), "system"); // no way there: one of them all the same
    assoc_stack_free(b->s);

    b->conf = (struct conf_stack){.name = "net", .listen = at("any")};
    make(b, false);
    assert_string_equal(source_to(b, "10.9.0.77", NULL, 0), "system");
    const char *const one[] = {"10.9.0.100"}, *const both[] = {"10.8.0.100", "10.9.0.100"},
                      *const lo[] = {"10.7.0.100"}, *const lost[] = {"10.9.0.200", "fd09::1"};
    assert_string_equal(source_to(b, "10.9.0.77", one, 1), "10.9.0.100:0");
    assert_string_equal(source_to(b, "10.8.0.77", one, 1), "system");
    assert_string_equal(source_to(b, "10.9.0.77", both, 2), "10.9.0.100:0");
    assert_string_equal(source_to(b, "10.8.0.77", both, 2), "10.8.0.100:0");
    assert_string_equal(source_to(b, "10.8.0.77", lo, 1), "10.7.0.100:0");
    assert_string_equal(source_to(b, "10.9.0.77", lost, 2), "system"); // it is not here any more
    assert_string_equal(source_to(b, "fd09::77", lost, 2), "[fd09::1]:0");
    sh("ip link del w0");
    sh("ip addr del 10.7.0.100/32 dev lo");
}

// ---- words ----

static void the_operator_and_the_spool_have_their_say(void **state) {
    struct bed *b = bed(state);
    b->conf = (struct conf_stack){.name = "net", .listen = at("127.0.0.1")};
    make(b, true);
    assert_int_equal(status(b)->reason, ASSOC_STACK_HELD);
    assert_string_equal(status(b)->why, "no spool");
    assert_true(status(b)->here && !answers("127.0.0.1"));
    assoc_stack_hold(b->s, false, NULL);
    assert_int_equal(status(b)->state, ASSOC_STACK_ACTIVE);
    assert_true(answers("127.0.0.1"));
    assoc_stack_standby(b->s, true);
    assert_string_equal(status(b)->why, "by the operator");
    assert_true(status(b)->by_operator && !answers("127.0.0.1"));
    assert_string_equal(source(b, NULL, AF_INET, NULL), "absent");
    assoc_stack_hold(b->s, true, "no spool");
    assoc_stack_standby(b->s, false);
    assert_int_equal(status(b)->reason, ASSOC_STACK_HELD);
    assoc_stack_hold(b->s, false, NULL);
    assert_int_equal(status(b)->state, ASSOC_STACK_ACTIVE);
    assoc_stack_note_call(b->s, false, "peer", "192.0.2.1:102", "127.0.0.1:5", "opened");
    assert_string_equal(status(b)->out.peer, "peer");
    assert_int_equal(status(b)->in.utc_ms, 0);
}

static void short_memory_is_survived(void **state) {
    struct bed *b = bed(state);
    static const struct assoc_stack_user user = {.state = on_state};
    b->conf = (struct conf_stack){.name = "net", .listen = at("mta.example"), .source = at("127.0.0.2")};
    struct assoc_stack *s = NULL;
    for (unsigned long n = 1; s == NULL && n < 40; n++) {
        mem_fail_at(n);
        s = assoc_stack_new(&b->env, &b->conf, &(struct assoc_stack_options){.listen = true}, &user, b);
        mem_fail_at(0);
    }
    assert_non_null(s);
    assoc_stack_free(s);
}

int main(void) {
    apart = namespace_enter() && mount("tmpfs", "/etc", "tmpfs", 0, NULL) == 0 &&
            namespace_write("/etc/resolv.conf", "nameserver 127.0.0.1\n");
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_follows_from_what_is_known),
        TEST(a_virtual_stack_comes_and_goes_with_its_address),
        TEST(what_can_be_bound_to_is_not_here_for_that),
        TEST(a_fixed_address_that_is_missing_fails_and_heals),
        TEST(ipv6_waits_for_duplicate_address_detection),
        TEST(any_is_both_families_and_has_the_address_that_was_called),
        TEST(a_taken_port_is_told_and_one_family_does),
        TEST(a_name_is_listened_on_where_it_is_here),
        TEST(a_name_that_leads_nowhere_fails_alone),
        TEST(the_source_nearest_to_the_peer_counts),
        TEST(of_several_sources_the_one_on_the_way),
        TEST(the_operator_and_the_spool_have_their_say),
        TEST(short_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
