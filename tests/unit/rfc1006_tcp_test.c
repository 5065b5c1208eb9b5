// SPDX-License-Identifier: BSD-2-Clause
// TCP over the loopback of IPv4 and IPv6: connect, echo, water marks, pause, orderly close, refusals with their words.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/loop.h"
#include "namespace_util.h"
#include "rfc1006/tcp.h"

struct side {
    struct loop *loop;
    struct tcp *t;
    struct buf in;
    bool echo, close_on_eof, free_on_input;
    int connected, closed, writable, err;
    char error[200];
};

static void on_connected(void *user) {
    ((struct side *)user)->connected++;
}

static void on_input(void *user, struct bytes b) {
    struct side *s = user;
    buf_append(&s->in, b.p, b.n);
    if (s->free_on_input) {
        tcp_free(s->t);
        s->t = NULL;
        return;
    }
    if (s->echo) {
        buf_append(tcp_output(s->t), b.p, b.n);
        tcp_flush(s->t);
    }
}

static void on_writable(void *user) {
    ((struct side *)user)->writable++;
}

static void on_closed(void *user, int err, const char *error) {
    struct side *s = user;
    s->closed++;
    s->err = err;
    snprintf(s->error, sizeof s->error, "%s", error ? error : "");
    tcp_free(s->t);
    s->t = NULL;
}

static const struct tcp_user user = {on_connected, on_input, on_writable, on_closed};

struct fixture {
    struct loop *loop;
    struct tcp_listener *listener;
    struct side client, server;
    struct net_address from;
    bool refuse;
    int accept_error;
};

static bool on_accept(void *arg, int fd, const struct net_address *from) {
    struct fixture *f = arg;
    if (fd < 0) {
        f->accept_error = -fd;
        return false;
    }
    f->from = *from;
    if (f->refuse)
        return false;
    f->server.t = tcp_accept(f->loop, fd, NULL, &user, &f->server);
    return true;
}

static void start(struct fixture *f, const char *host) {
    struct net_address a;
    char error[160] = "";
    *f = (struct fixture){0};
    f->loop = loop_new();
    assert_non_null(f->loop);
    assert_int_equal(net_address_parse(&a, host, 0), 0);
    f->listener = tcp_listen(f->loop, &a, on_accept, f, error);
    if (f->listener == NULL)
        fail_msg("%s", error);
}

static void dial(struct fixture *f, const struct tcp_params *p) {
    char error[160] = "";
    f->client.t = tcp_connect(f->loop, tcp_listener_address(f->listener), p, &user, &f->client, error);
    if (f->client.t == NULL)
        fail_msg("%s", error);
}

static void stop(struct fixture *f) {
    tcp_free(f->client.t);
    tcp_free(f->server.t);
    tcp_listener_free(f->listener);
    buf_free(&f->client.in);
    buf_free(&f->server.in);
    loop_free(f->loop);
}

#define UNTIL(f, condition)                                                                                            \
    do {                                                                                                               \
        for (int i_ = 0; i_ < 200 && !(condition); i_++)                                                               \
            loop_run_for((f)->loop, 10);                                                                               \
        assert_true(condition);                                                                                        \
    } while (0)

static void echo_and_close(const char *host) {
    struct fixture f;
    start(&f, host);
    dial(&f, NULL);
    UNTIL(&f, f.client.connected && f.server.t != NULL);
    f.server.echo = true;
    assert_true(net_address_port(tcp_local(f.client.t)) != net_address_port(tcp_local(f.server.t)));
    assert_true(net_address_same_host(tcp_local(f.server.t), tcp_local(f.client.t)));
    buf_append_str(tcp_output(f.client.t), "hello");
    tcp_flush(f.client.t);
    UNTIL(&f, f.client.in.len == 5);
    assert_memory_equal(buf_bytes(&f.client.in).p, "hello", 5);
    buf_append_str(tcp_output(f.client.t), "last words");
    tcp_close(f.client.t);
    UNTIL(&f, f.client.closed && f.server.closed);
    assert_int_equal(f.server.in.len, 15);
    assert_string_equal(f.client.error, "");
    assert_string_equal(f.server.error, "");
    stop(&f);
}

static void test_ipv4(void **state) {
    (void)state;
    echo_and_close("127.0.0.1");
}

static void test_ipv6(void **state) {
    (void)state;
    echo_and_close("::1");
}

static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t n = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &n), 0);
    return value;
}

// What the system has for the two live sockets of a connection: it notices a peer that is gone while nothing is sent,
// and output that nobody acknowledges, in the same time.
static void test_options_of_live_sockets(void **state) {
    (void)state;
    struct fixture f;
    unsigned found = 0;
    start(&f, "127.0.0.1");
    dial(&f, &(struct tcp_params){.keepalive_s = 45});
    UNTIL(&f, f.client.connected && f.server.t != NULL);
    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_in peer;
        socklen_t n = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &n) < 0 || peer.sin_family != AF_INET)
            continue;
        int idle = option(fd, IPPROTO_TCP, TCP_KEEPIDLE);
        int probes = option(fd, IPPROTO_TCP, TCP_KEEPCNT) * option(fd, IPPROTO_TCP, TCP_KEEPINTVL);
        assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(idle, ntohs(peer.sin_port) == net_address_port(tcp_listener_address(f.listener)) ? 45 : 15);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), (idle + probes) * 1000);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        found++;
    }
    assert_int_equal(found, 2);
    stop(&f);
}

static void test_source_address(void **state) {
    (void)state;
    struct fixture f;
    struct net_address source;
    char text[NET_ADDRESS_TEXT];
    start(&f, "127.0.0.1");
    assert_int_equal(net_address_parse(&source, "127.0.0.77", 0), 0);
    dial(&f, &(struct tcp_params){.source = &source});
    UNTIL(&f, f.client.connected && f.server.t != NULL);
    net_address_text(&f.from, text);
    assert_int_equal(strncmp(text, "127.0.0.77:", 11), 0);
    stop(&f);
}

static void test_source_not_ours(void **state) {
    (void)state;
    struct fixture f;
    struct net_address source;
    char error[160];
    start(&f, "127.0.0.1");
    net_address_parse(&source, "192.0.2.1", 0);
    assert_null(tcp_connect(f.loop, tcp_listener_address(f.listener), &(struct tcp_params){.source = &source}, &user,
                            &f.client, error));
    assert_string_equal(error, "tcp: bind to source address 192.0.2.1:0: Cannot assign requested address");
    stop(&f);
}

static void test_nothing_listens(void **state) {
    (void)state;
    struct fixture f;
    char text[NET_ADDRESS_TEXT], expected[200];
    start(&f, "127.0.0.1");
    struct net_address a = *tcp_listener_address(f.listener);
    tcp_listener_free(f.listener);
    f.listener = NULL;
    f.client.t = tcp_connect(f.loop, &a, NULL, &user, &f.client, NULL);
    assert_non_null(f.client.t);
    UNTIL(&f, f.client.closed);
    net_address_text(&a, text);
    snprintf(expected, sizeof expected, "tcp: connect to %s: Connection refused", text);
    assert_string_equal(f.client.error, expected);
    assert_int_equal(f.client.err, ECONNREFUSED);
    assert_int_equal(f.client.connected, 0);
    stop(&f);
}

static void test_port_taken(void **state) {
    (void)state;
    struct fixture f;
    char error[160] = "";
    start(&f, "127.0.0.1");
    assert_null(tcp_listen(f.loop, tcp_listener_address(f.listener), on_accept, &f, error));
    assert_non_null(strstr(error, "Address already in use"));
    stop(&f);
}

static void test_refused_by_acceptor(void **state) {
    (void)state;
    struct fixture f;
    start(&f, "127.0.0.1");
    f.refuse = true;
    dial(&f, NULL);
    UNTIL(&f, f.client.closed);
    assert_null(f.server.t);
    stop(&f);
}

// It is told, the connection waits, and is taken when there is a descriptor again.
static void test_no_descriptor_for_a_caller(void **state) {
    (void)state;
    struct fixture f;
    start(&f, "127.0.0.1");
    dial(&f, NULL);
    struct rlimit was, none;
    int next = dup(0);
    assert_true(next >= 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = was.rlim_max};
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    UNTIL(&f, f.accept_error != 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(f.accept_error, EMFILE);
    assert_null(f.server.t);
    UNTIL(&f, f.server.t != NULL);
    stop(&f);
}

enum { FULL = 16 * 1024 * 1024 };

// A client with so many octets to send, the server not reading.
static void start_full(struct fixture *f) {
    start(f, "127.0.0.1");
    dial(f, &(struct tcp_params){.high = 1024 * 1024, .low = 64 * 1024});
    UNTIL(f, f->client.connected && f->server.t != NULL);
    tcp_read_pause(f->server.t, true);
    assert_int_equal(buf_reserve(tcp_output(f->client.t), FULL), 0);
    memset(tcp_output(f->client.t)->mem, 'x', FULL);
    tcp_output(f->client.t)->len = FULL;
    tcp_flush(f->client.t);
}

// A reader that pauses holds the writer back: its output stays above the high mark until the reader goes on.
static void test_water_marks(void **state) {
    (void)state;
    struct fixture f;
    start_full(&f);
    loop_run_for(f.loop, 50);
    assert_int_equal(f.server.in.len, 0);
    assert_true(tcp_above_high(f.client.t));
    assert_int_equal(f.client.writable, 0);
    tcp_read_pause(f.server.t, false);
    UNTIL(&f, f.server.in.len == FULL);
    UNTIL(&f, f.client.writable == 1);
    assert_false(tcp_above_high(f.client.t));
    stop(&f);
}

// The other end of the client's connection, read without the loop.
static void read_by_hand(struct fixture *f) {
    static uint8_t octets[65536];
    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_in peer;
        socklen_t n = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &n) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == net_address_port(tcp_local(f->client.t)))
            while (recv(fd, octets, sizeof octets, MSG_DONTWAIT) > 0)
                continue;
    }
}

// All goes out in a flush, not in the loop: who waits to be told is told.
static void test_water_marks_and_flush(void **state) {
    (void)state;
    struct fixture f;
    start_full(&f);
    assert_true(tcp_above_high(f.client.t));
    for (int i = 0; i < 10000 && tcp_output(f.client.t)->len > 0; i++) {
        read_by_hand(&f);
        tcp_flush(f.client.t);
    }
    assert_int_equal(tcp_output(f.client.t)->len, 0);
    assert_int_equal(f.client.writable, 0);
    UNTIL(&f, f.client.writable == 1);
    assert_false(tcp_above_high(f.client.t));
    loop_run_for(f.loop, 50);
    assert_int_equal(f.client.writable, 1);
    stop(&f);
}

static void test_free_in_callback(void **state) {
    (void)state;
    struct fixture f;
    start(&f, "127.0.0.1");
    dial(&f, NULL);
    UNTIL(&f, f.client.connected && f.server.t != NULL);
    f.server.free_on_input = true;
    buf_append_str(tcp_output(f.client.t), "x");
    tcp_flush(f.client.t);
    UNTIL(&f, f.client.closed);
    assert_null(f.server.t);
    assert_int_equal(f.server.closed, 0);
    stop(&f);
}

// A peer that does not read: the close gives up after its time and says so.
static void test_close_timeout(void **state) {
    (void)state;
    struct fixture f;
    start(&f, "127.0.0.1");
    dial(&f, &(struct tcp_params){.flush_ms = 50});
    UNTIL(&f, f.client.connected && f.server.t != NULL);
    tcp_read_pause(f.server.t, true);
    assert_int_equal(buf_reserve(tcp_output(f.client.t), 16 * 1024 * 1024), 0);
    memset(tcp_output(f.client.t)->mem, 'x', 16 * 1024 * 1024);
    tcp_output(f.client.t)->len = 16 * 1024 * 1024;
    tcp_close(f.client.t);
    UNTIL(&f, f.client.closed);
    assert_int_equal(f.client.err, ETIMEDOUT);
    assert_non_null(strstr(f.client.error, "tcp: send to 127.0.0.1:"));
    stop(&f);
}

// A backlog that is full leaves a connection without an answer: the connect timer ends it.
static void test_connect_timeout(void **state) {
    (void)state;
    struct fixture f;
    struct net_address a;
    start(&f, "127.0.0.1");
    int fd = socket(AF_INET, SOCK_STREAM, 0), filler[3];
    net_address_parse(&a, "127.0.0.1", 0);
    socklen_t n = sizeof a;
    assert_int_equal(bind(fd, &a.sa, sizeof a.v4), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, &a.sa, &n), 0);
    for (int i = 0; i < 3; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(filler[i], &a.sa, sizeof a.v4);
    }
    f.client.t = tcp_connect(f.loop, &a, &(struct tcp_params){.connect_ms = 50}, &user, &f.client, NULL);
    UNTIL(&f, f.client.closed);
    assert_int_equal(f.client.err, ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        close(filler[i]);
    close(fd);
    stop(&f);
}

// Our address is gone: what waits to be sent is forgotten, and the other end learns it if it can.
static void test_abort(void **state) {
    (void)state;
    struct fixture f;
    start_full(&f);
    assert_true(tcp_output(f.client.t)->len > 0);
    tcp_abort(f.client.t);
    f.client.t = NULL;
    tcp_read_pause(f.server.t, false);
    UNTIL(&f, f.server.closed);
    assert_int_equal(f.server.err, ECONNRESET);
    assert_true(f.server.in.len < FULL);
    assert_int_equal(f.client.closed, 0);
    tcp_abort(NULL);
    stop(&f);
}

// With two ports to choose from, calls from one source reach any number of addresses.
static void ports_are_shared(const char *source_text, const char *const to[4]) {
    struct loop *l = loop_new();
    struct tcp_listener *listeners[4];
    struct side calls[4] = {0};
    struct fixture f = {.loop = l, .refuse = true};
    struct net_address a, source;
    char error[160] = "";
    net_address_parse(&source, source_text, 0);
    for (int k = 0; k < 4; k++) {
        net_address_parse(&a, to[k], 102);
        listeners[k] = tcp_listen(l, &a, on_accept, &f, error);
        if (listeners[k] == NULL)
            fail_msg("%s", error);
        calls[k].t = tcp_connect(l, &a, &(struct tcp_params){.source = &source}, &user, &calls[k], error);
        if (calls[k].t == NULL)
            fail_msg("call %d: %s", k, error);
    }
    for (int k = 0; k < 4; k++) {
        UNTIL(&f, calls[k].connected);
        tcp_free(calls[k].t);
        tcp_listener_free(listeners[k]);
    }
    loop_free(l);
}

static void test_ports_are_shared(void **state) {
    (void)state;
    if (!namespace_enter() || !namespace_write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40001") ||
        system("ip -6 addr add fd00::1/128 dev lo && ip -6 addr add fd00::2/128 dev lo && "
               "ip -6 addr add fd00::3/128 dev lo && ip -6 addr add fd00::4/128 dev lo") != 0)
        skip();
    ports_are_shared("127.0.0.77", (const char *const[]){"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"});
    ports_are_shared("::1", (const char *const[]){"fd00::1", "fd00::2", "fd00::3", "fd00::4"});
}

static void test_addresses(void **state) {
    (void)state;
    struct net_address a, b;
    char text[NET_ADDRESS_TEXT];
    assert_int_equal(net_address_parse(&a, "2001:db8::1", 102), 0);
    net_address_text(&a, text);
    assert_string_equal(text, "[2001:db8::1]:102");
    assert_int_equal(net_address_parse(&a, "192.0.2.7", 10102), 0);
    net_address_text(&a, text);
    assert_string_equal(text, "192.0.2.7:10102");
    assert_int_equal(net_address_parse(&b, "::ffff:192.0.2.7", 1), 0);
    assert_true(net_address_same_host(&a, &b));
    assert_int_equal(net_address_parse(&b, "192.0.2.8", 10102), 0);
    assert_false(net_address_same_host(&a, &b));
    assert_true(net_address_parse(&a, "mta.example.net", 102) < 0);
    assert_true(net_address_parse(&a, "", 102) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipv4),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_options_of_live_sockets),
        cmocka_unit_test(test_source_address),
        cmocka_unit_test(test_source_not_ours),
        cmocka_unit_test(test_nothing_listens),
        cmocka_unit_test(test_port_taken),
        cmocka_unit_test(test_refused_by_acceptor),
        cmocka_unit_test(test_no_descriptor_for_a_caller),
        cmocka_unit_test(test_water_marks),
        cmocka_unit_test(test_water_marks_and_flush),
        cmocka_unit_test(test_free_in_callback),
        cmocka_unit_test(test_close_timeout),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_ports_are_shared), // last: it moves the process into a network of its own
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
