// SPDX-License-Identifier: BSD-2-Clause
// Against the kernel, in a network of its own, and against messages that no kernel sends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/rtnetlink.h>

#include "base/err.h"
#include "base/local_address.h"
#include "base/mem.h"
#include "namespace_util.h"

static bool apart; // in namespaces of our own

struct heard {
    struct loop *l;
    struct local_addresses *s;
    int usable, gone, duplicate;
    int stop_at; // changes
    char last[NET_ADDRESS_TEXT];
    struct local_address entry;
};

static void on_change(void *arg, enum local_address_change change, const struct local_address *a) {
    struct heard *h = arg;
    *(change == LOCAL_ADDRESS_USABLE ? &h->usable : change == LOCAL_ADDRESS_GONE ? &h->gone : &h->duplicate) += 1;
    net_address_host_text(&a->address, h->last);
    h->entry = *a;
    if (h->usable + h->gone + h->duplicate == h->stop_at)
        loop_stop(h->l);
}

static struct heard *begin(void) {
    struct heard *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->l = loop_new();
    h->s = local_addresses_new(h->l, on_change, h);
    assert_non_null(h->s);
    return h;
}

static void end(struct heard *h) {
    local_addresses_free(h->s);
    loop_free(h->l);
    free(h);
}

static void run_until(struct heard *h, int changes, uint64_t ms) {
    h->stop_at = h->usable + h->gone + h->duplicate + changes;
    loop_run_for(h->l, ms);
    h->stop_at = 0;
}

static const struct local_address *find(struct heard *h, const char *text) {
    struct net_address a;
    assert_int_equal(net_address_parse(&a, text, 102), ERR_OK);
    return local_addresses_find(h->s, &a);
}

static void need_apart(void) {
    if (!apart) {
        print_message("no network namespaces here\n");
        skip();
    }
}

static void sh(const char *command) {
    assert_int_equal(system(command), 0);
}

static int links(void **state) {
    (void)state;
    return !apart || system("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up") == 0
               ? 0
               : -1;
}

static int no_links(void **state) {
    (void)state;
    return !apart || system("ip link del v0") == 0 ? 0 : -1;
}

// ---- the kernel ----

static void what_is_there_is_known_at_once(void **state) {
    (void)state;
    struct heard *h = begin();
    const struct local_address *a = find(h, "127.0.0.1");
    assert_non_null(a);
    assert_string_equal(a->if_name, "lo");
    assert_int_equal(a->prefix, 8);
    assert_true(local_address_is_usable(a));
    assert_null(find(h, "192.0.2.99"));
    assert_false(local_address_is_usable(NULL));
    assert_int_equal(h->usable, 0);
    end(h);
}

static void an_address_comes_and_goes(void **state) {
    (void)state;
    need_apart();
    struct heard *h = begin();
    sh("ip addr add 192.0.2.4/24 dev v0");
    run_until(h, 1, 5000);
    assert_int_equal(h->usable, 1);
    assert_string_equal(h->last, "192.0.2.4");
    const struct local_address *a = find(h, "192.0.2.4");
    assert_non_null(a);
    assert_string_equal(a->if_name, "v0");
    assert_int_equal(a->prefix, 24);
    sh("ip addr del 192.0.2.4/24 dev v0");
    run_until(h, 1, 5000);
    assert_int_equal(h->gone, 1);
    assert_null(find(h, "192.0.2.4"));
    end(h);
}

static void the_own_end_of_a_point_to_point_address_counts(void **state) {
    (void)state;
    need_apart();
    struct heard *h = begin();
    sh("ip addr add 192.0.2.4 peer 192.0.2.5 dev v0");
    run_until(h, 1, 5000);
    assert_string_equal(h->last, "192.0.2.4");
    assert_null(find(h, "192.0.2.5"));
    sh("ip addr del 192.0.2.4 peer 192.0.2.5 dev v0");
    run_until(h, 1, 5000);
    assert_int_equal(h->gone, 1);
    end(h);
}

static void an_address_on_two_interfaces_is_told_once(void **state) {
    (void)state;
    need_apart();
    struct heard *h = begin();
    sh("ip addr add 192.0.2.4/24 dev v0 && ip addr add 192.0.2.4/24 dev v1 && ip addr add 192.0.2.7/24 dev v1");
    run_until(h, 2, 5000);
    assert_int_equal(h->usable, 2);
    assert_string_equal(h->last, "192.0.2.7");
    sh("ip addr del 192.0.2.4/24 dev v0 && ip addr del 192.0.2.7/24 dev v1"); // the second is told, the first not
    run_until(h, 1, 5000);
    assert_string_equal(h->last, "192.0.2.7");
    assert_string_equal(find(h, "192.0.2.4")->if_name, "v1");
    sh("ip addr del 192.0.2.4/24 dev v1");
    run_until(h, 1, 5000);
    assert_int_equal(h->gone, 2);
    end(h);
}

static void ipv6_is_usable_when_duplicates_were_looked_for(void **state) {
    (void)state;
    need_apart();
    struct heard *h = begin();
    sh("ip addr add 2001:db8::4/64 dev v0");
    run_until(h, 1, 20);
    const struct local_address *a = find(h, "2001:db8::4");
    assert_non_null(a);
    assert_true(a->tentative);
    assert_false(local_address_is_usable(a));
    assert_int_equal(h->usable, 0);
    for (int k = 0; k < 3 && !local_address_is_usable(find(h, "2001:db8::4")); k++) // the links' own come first
        run_until(h, 1, 5000);
    assert_true(local_address_is_usable(find(h, "2001:db8::4")));
    sh("ip addr change 2001:db8::4/64 dev v0 preferred_lft 0 valid_lft 1000");
    int gone = h->gone;
    run_until(h, 1, 200);
    assert_true(local_address_is_usable(find(h, "2001:db8::4")));
    assert_int_equal(h->gone, gone);
    sh("ip addr del 2001:db8::4/64 dev v0");
    run_until(h, 1, 5000);
    assert_string_equal(h->last, "2001:db8::4");
    assert_int_equal(h->gone, gone + 1);
    end(h);
}

static void a_duplicate_is_told_and_not_usable(void **state) {
    (void)state;
    need_apart();
    struct heard *h = begin();
    sh("ip addr add 2001:db8::9/64 dev v0 nodad");
    for (int k = 0; k < 4 && find(h, "2001:db8::9") == NULL; k++)
        run_until(h, 1, 3000);
    sh("ip addr del 2001:db8::9/64 dev v0 && sleep 0.2 && ip addr add 2001:db8::9/64 dev v0 nodad && sleep 0.2 &&"
       "ip addr add 2001:db8::9/64 dev v1");
    for (int k = 0; k < 6 && h->duplicate == 0; k++)
        run_until(h, 1, 3000);
    // v0 has it, so it stays usable as an address; nothing is told of v1's
    assert_true(local_address_is_usable(find(h, "2001:db8::9")));
    assert_string_equal(find(h, "2001:db8::9")->if_name, "v0");
    sh("ip addr del 2001:db8::9/64 dev v0");
    for (int k = 0; k < 3 && local_address_is_usable(find(h, "2001:db8::9")); k++)
        run_until(h, 1, 3000);
    assert_true(find(h, "2001:db8::9")->duplicate);
    sh("ip addr del 2001:db8::9/64 dev v1");
    end(h);
}

static void link_local_addresses_have_their_scope(void **state) {
    (void)state;
    need_apart();
    struct heard *h = begin();
    sh("ip addr add fe80::77/64 dev v0 nodad && ip addr add fe80::77/64 dev v1 nodad");
    for (int k = 0; k < 6 && (find(h, "fe80::77%v0") == NULL || find(h, "fe80::77%v1") == NULL); k++)
        run_until(h, 1, 3000);
    assert_string_equal(find(h, "fe80::77%v0")->if_name, "v0");
    assert_string_equal(find(h, "fe80::77%v1")->if_name, "v1");
    assert_non_null(find(h, "fe80::77"));
    assert_null(find(h, "fe80::77%lo"));
    end(h);
}

static bool count(void *arg, const struct local_address *a) {
    (void)a;
    return ++*(int *)arg > 0;
}

static void lost_news_are_made_up_for(void **state) {
    (void)state;
    need_apart();
    struct heard *h = begin();
    // far more than the socket holds, while nobody reads
    sh("for k in $(seq 1500); do echo addr add 10.$((k / 250)).$((k % 250)).1/32 dev v0; done | ip -batch -");
    sh("for k in $(seq 3 1500); do echo addr del 10.$((k / 250)).$((k % 250)).1/32 dev v0; done | ip -batch -");
    sh("ip addr add 10.99.0.1/32 dev v0");
    for (int k = 0; k < 50 && (find(h, "10.99.0.1") == NULL || find(h, "10.0.77.1") != NULL); k++)
        loop_run_for(h->l, 100);
    assert_true(local_addresses_resyncs(h->s) > 0);
    assert_non_null(find(h, "10.0.1.1"));
    assert_non_null(find(h, "10.0.2.1"));
    assert_null(find(h, "10.0.77.1"));
    int n = 0;
    local_addresses_each(h->s, count, &n);
    assert_true(n < 12);
    assert_int_equal(h->usable - h->gone, 3);
    sh("ip addr flush dev v0");
    end(h);
}

static void a_removed_interface_takes_its_addresses_along(void **state) {
    (void)state;
    need_apart();
    sh("ip link add w0 type veth peer name w1 && ip addr add 192.0.2.31/24 dev w0 && ip link set w0 up");
    struct heard *h = begin();
    assert_non_null(find(h, "192.0.2.31"));
    sh("ip link del w0");
    for (int k = 0; k < 3 && find(h, "192.0.2.31") != NULL; k++)
        run_until(h, 1, 3000);
    assert_null(find(h, "192.0.2.31"));
    end(h);
}

static void where_it_was_made_counts_not_where_it_runs(void **state) {
    (void)state;
    need_apart();
    struct heard *h = begin();
    pid_t pid = fork();
    if (pid == 0) { // another namespace: what happens there is not heard
        _exit(unshare(CLONE_NEWNET) == 0 && system("ip link set lo up; ip addr add 192.0.2.50/32 dev lo") == 0 ? 0 : 1);
    }
    loop_run_for(h->l, 500);
    assert_null(find(h, "192.0.2.50"));
    assert_int_equal(h->usable, 0);
    end(h);
}

// ---- canned messages ----

struct message {
    struct nlmsghdr h;
    struct ifaddrmsg m;
    struct {
        struct nlattr a;
        uint8_t octets[16];
    } address;
    struct {
        struct nlattr a;
        uint32_t value;
    } flags;
} __attribute__((aligned(4)));

static struct message canned(uint16_t type, const char *address, uint32_t flags) {
    struct net_address a;
    assert_int_equal(net_address_parse(&a, address, 0), ERR_OK);
    bool v6 = a.sa.sa_family == AF_INET6;
    struct message m = {
        .h = {.nlmsg_len = sizeof m, .nlmsg_type = type},
        .m = {.ifa_family = (unsigned char)a.sa.sa_family, .ifa_prefixlen = 64, .ifa_index = 1, .ifa_flags = 0x80},
        .address.a = {.nla_len = v6 ? 20 : 8, .nla_type = v6 ? IFA_ADDRESS : IFA_LOCAL},
        .flags = {{.nla_len = 8, .nla_type = IFA_FLAGS}, flags}};
    memcpy(m.address.octets, v6 ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr, v6 ? 16 : 4);
    if (!v6) { // what follows the shorter address: an attribute that nobody knows
        struct nlattr filler = {.nla_len = 12, .nla_type = 999};
        memcpy(m.address.octets + 4, &filler, sizeof filler);
    }
    return m;
}

static void messages_change_the_set(void **state) {
    (void)state;
    struct heard *h = begin();
    struct message m = canned(RTM_NEWADDR, "2001:db8::1", IFA_F_TENTATIVE);
    local_addresses_take(h->s, &m, sizeof m);
    assert_int_equal(h->usable, 0);
    assert_true(find(h, "2001:db8::1")->tentative);
    m = canned(RTM_NEWADDR, "2001:db8::1", IFA_F_PERMANENT);
    local_addresses_take(h->s, &m, sizeof m);
    local_addresses_take(h->s, &m, sizeof m);
    assert_int_equal(h->usable, 1);
    m = canned(RTM_NEWADDR, "2001:db8::1", IFA_F_TENTATIVE | IFA_F_DADFAILED);
    local_addresses_take(h->s, &m, sizeof m);
    local_addresses_take(h->s, &m, sizeof m);
    assert_int_equal(h->gone, 1);
    assert_int_equal(h->duplicate, 1);
    m = canned(RTM_DELADDR, "2001:db8::1", 0);
    local_addresses_take(h->s, &m, sizeof m);
    local_addresses_take(h->s, &m, sizeof m);
    assert_int_equal(h->gone, 1);
    m = canned(RTM_NEWADDR, "2001:db8::2", IFA_F_TENTATIVE | IFA_F_OPTIMISTIC);
    local_addresses_take(h->s, &m, sizeof m);
    assert_int_equal(h->usable, 2);
    m = canned(RTM_NEWADDR, "192.0.2.1", 0);
    local_addresses_take(h->s, &m, sizeof m);
    assert_string_equal(h->last, "192.0.2.1");
    end(h);
}

static void what_is_cut_off_or_nonsense_changes_nothing(void **state) {
    (void)state;
    struct heard *h = begin();
    const struct message good = canned(RTM_NEWADDR, "2001:db8::1", 0);
    for (size_t n = 0; n < sizeof good; n++) // the datagram ends early
        local_addresses_take(h->s, &good, n);
    for (uint32_t n = 0; n < NLMSG_HDRLEN + sizeof good.m + 20; n++) { // the message does
        struct message m = good;
        m.h.nlmsg_len = n;
        local_addresses_take(h->s, &m, sizeof m);
    }
    struct message m = good;
    m.h.nlmsg_len = UINT32_MAX;
    local_addresses_take(h->s, &m, sizeof m);
    for (int n = 0; n < 0x10000; n++) { // lengths of the attribute
        if (n == 20)
            continue;
        m = good;
        m.address.a.nla_len = (uint16_t)n;
        local_addresses_take(h->s, &m, sizeof m);
    }
    for (int family = 0; family < 256; family++) {
        m = good;
        m.m.ifa_family = (unsigned char)family;
        if (family != AF_INET6)
            local_addresses_take(h->s, &m, sizeof m);
    }
    for (uint16_t type = 0; type < 100; type++) { // other kinds, and answers to nobody's question
        m = good;
        m.h.nlmsg_type = type;
        if (type != RTM_NEWADDR)
            local_addresses_take(h->s, &m, sizeof m);
    }
    assert_int_equal(h->usable + h->gone + h->duplicate, 0);
    assert_null(find(h, "2001:db8::1"));
    local_addresses_take(h->s, &good, sizeof good); // and then all goes on
    assert_int_equal(h->usable, 1);
    end(h);
}

static void an_interface_without_a_name_is_kept(void **state) {
    (void)state;
    struct heard *h = begin();
    struct message m = canned(RTM_NEWADDR, "2001:db8::1", 0);
    m.m.ifa_index = 0x7fffffff;
    local_addresses_take(h->s, &m, sizeof m);
    assert_string_equal(h->entry.if_name, "?");
    end(h);
}

static void short_memory_is_survived(void **state) {
    (void)state;
    struct loop *l = loop_new();
    struct local_addresses *s = NULL;
    for (unsigned long n = 1; n < 6; n++) {
        mem_fail_at(n);
        s = local_addresses_new(l, on_change, NULL);
        local_addresses_free(s);
    }
    mem_fail_at(0);
    struct heard *h = begin();
    struct message m = canned(RTM_NEWADDR, "2001:db8::1", 0);
    mem_fail_at(1);
    local_addresses_take(h->s, &m, sizeof m);
    mem_fail_at(0);
    assert_null(find(h, "2001:db8::1"));
    loop_run_for(h->l, 600); // the set was read again, and is what the kernel says
    assert_non_null(find(h, "127.0.0.1"));
    assert_true(local_addresses_resyncs(h->s) > 0);
    end(h), loop_free(l);
}

int main(void) {
    apart = namespace_enter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_known_at_once),
        cmocka_unit_test_setup_teardown(an_address_comes_and_goes, links, no_links),
        cmocka_unit_test_setup_teardown(the_own_end_of_a_point_to_point_address_counts, links, no_links),
        cmocka_unit_test_setup_teardown(an_address_on_two_interfaces_is_told_once, links, no_links),
        cmocka_unit_test_setup_teardown(ipv6_is_usable_when_duplicates_were_looked_for, links, no_links),
        cmocka_unit_test_setup_teardown(a_duplicate_is_told_and_not_usable, links, no_links),
        cmocka_unit_test_setup_teardown(link_local_addresses_have_their_scope, links, no_links),
        cmocka_unit_test_setup_teardown(lost_news_are_made_up_for, links, no_links),
        cmocka_unit_test(a_removed_interface_takes_its_addresses_along),
        cmocka_unit_test(where_it_was_made_counts_not_where_it_runs),
        cmocka_unit_test(messages_change_the_set),
        cmocka_unit_test(what_is_cut_off_or_nonsense_changes_nothing),
        cmocka_unit_test(an_interface_without_a_name_is_kept),
        cmocka_unit_test(short_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
