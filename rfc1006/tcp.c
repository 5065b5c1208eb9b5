// SPDX-License-Identifier: BSD-2-Clause
// TCP: see tcp.h. One connection is a descriptor, an output buffer and two timers: one for the step it is in, one that
// reports from the loop what was found inside a call of the user.
#include "rfc1006/tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

enum { READ_SIZE = 65536, READS_A_TURN = 4, ACCEPTS_A_TURN = 16, BACKLOG = 128, ACCEPT_RETRY_MS = 200 };
enum { HIGH_DEFAULT = 256 * 1024, LOW_DEFAULT = 64 * 1024, KEEPALIVE_S = 15, FLUSH_MS = 5000 };
// A reset answers the first probe when the address is another node's. Silence ends the connection after the longer
// time: it may be the network's, and short.
enum { KEEPALIVE_INTERVAL_S = 5, KEEPALIVE_PROBES = 15 };

enum tcp_state { CONNECTING, OPEN, FLUSHING, SHUT, CLOSED };

struct tcp {
    struct loop *loop;
    int fd;
    struct loop_io *io;
    struct loop_timer *timer, *soon;
    const struct tcp_user *up;
    void *user;
    struct tcp_params params;
    struct net_address local, remote;
    struct buf out;
    enum tcp_state state;
    bool above, paused;
    int err;          // why it is closed, 0: in order
    const char *what; // what failed, a constant
    bool *gone;       // set by tcp_free while a callback runs
};

// --- a connection

// Runs a callback after which the connection may be gone: true when it is still there.
#define CALL(t, callback, ...)                                                                                         \
    __extension__({                                                                                                    \
        bool gone_ = false, *outer_ = (t)->gone;                                                                       \
        (t)->gone = &gone_;                                                                                            \
        if ((t)->up->callback != NULL)                                                                                 \
            (t)->up->callback(__VA_ARGS__);                                                                            \
        if (!gone_)                                                                                                    \
            (t)->gone = outer_;                                                                                        \
        else if (outer_ != NULL)                                                                                       \
            *outer_ = true;                                                                                            \
        !gone_;                                                                                                        \
    })

static void want_update(struct tcp *t) {
    bool read = (t->state == OPEN && !t->paused) || t->state == FLUSHING || t->state == SHUT;
    bool more = t->out.len > 0 || t->above; // above: who was told to stop is to be told from the loop
    bool write = t->state == CONNECTING || (more && (t->state == OPEN || t->state == FLUSHING));
    if (t->io != NULL)
        loop_io_want(t->io, read, write);
}

static void descriptor_close(struct tcp *t) {
    loop_io_free(t->io);
    t->io = NULL;
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}

static void closed_report(void *arg) {
    struct tcp *t = arg;
    char text[200], to[NET_ADDRESS_TEXT];
    net_address_text(&t->remote, to);
    if (t->what != NULL)
        snprintf(text, sizeof text, "tcp: %s %s: %s", t->what, to, strerror(t->err));
    t->up->closed(t->user, t->err, t->what != NULL ? text : NULL); // may free t
}

// The connection is over; `closed` is called from the loop.
static void closed_soon(struct tcp *t, int err, const char *what) {
    if (t->state == CLOSED)
        return;
    t->state = CLOSED;
    t->err = err;
    t->what = what;
    descriptor_close(t);
    loop_timer_at(t->timer, 0);
    loop_timer_in(t->soon, 0);
}

static void output_write(struct tcp *t) {
    while (t->out.len > 0) {
        struct bytes b = buf_bytes(&t->out);
        ssize_t n = send(t->fd, b.p, b.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0) {
            closed_soon(t, errno, "send to");
            return;
        }
        buf_consume(&t->out, (size_t)n);
    }
    if (t->out.len > t->params.high)
        t->above = true;
    if (t->out.len == 0 && t->state == FLUSHING) {
        shutdown(t->fd, SHUT_WR);
        t->state = SHUT;
    }
    want_update(t);
}

static void addresses_learn(struct tcp *t) {
    socklen_t n = sizeof t->local;
    getsockname(t->fd, &t->local.sa, &n);
    n = sizeof t->remote;
    getpeername(t->fd, &t->remote.sa, &n);
}

static void connect_done(struct tcp *t) {
    int err = 0;
    socklen_t n = sizeof err;
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
        err = errno;
    if (err != 0) {
        closed_soon(t, err, "connect to");
        return;
    }
    loop_timer_at(t->timer, 0);
    addresses_learn(t);
    t->state = OPEN;
    want_update(t);
    if (CALL(t, connected, t->user) && t->state != CLOSED)
        output_write(t);
}

// After tcp_close what still arrives is dropped: only the peer's end is waited for.
static void input_read(struct tcp *t) {
    uint8_t in[READ_SIZE];
    for (int i = 0; i < READS_A_TURN && t->state != CLOSED && !(t->paused && t->state == OPEN); i++) {
        ssize_t n = recv(t->fd, in, sizeof in, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0) {
            bool orderly = n == 0 || t->state == SHUT;
            closed_soon(t, orderly ? 0 : errno, orderly ? NULL : "receive from");
            return;
        }
        if (t->state == OPEN && !CALL(t, input, t->user, bytes_of(in, (size_t)n)))
            return;
    }
}

static void io_ready(void *arg, bool readable, bool writable) {
    struct tcp *t = arg;
    if (t->state == CONNECTING) {
        connect_done(t);
        return;
    }
    if (writable && (t->out.len > 0 || t->above)) {
        output_write(t);
        if (t->above && t->out.len <= t->params.low && t->state == OPEN) {
            t->above = false;
            want_update(t);
            if (!CALL(t, writable, t->user))
                return;
        }
    }
    if (readable && t->state != CLOSED)
        input_read(t);
}

static void step_timeout(void *arg) {
    struct tcp *t = arg;
    if (t->state == CONNECTING)
        closed_soon(t, ETIMEDOUT, "connect to");
    else if (t->state == FLUSHING)
        closed_soon(t, ETIMEDOUT, "send to");
    else if (t->state == SHUT)
        closed_soon(t, 0, NULL);
}

// Linux takes up the idle time at once (TCP_KEEPIDLE), but not the interval: that goes first.
static void keepalive_set(int fd, int idle, int interval) {
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
}

static void options_set(int fd, const struct tcp_params *p) {
    int on = 1, probes = KEEPALIVE_PROBES;
    // Also output that nobody acknowledges ends the connection, as when our own address was taken away.
    unsigned user_timeout = (p->keepalive_s + KEEPALIVE_INTERVAL_S * KEEPALIVE_PROBES) * 1000;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    keepalive_set(fd, (int)p->keepalive_s, KEEPALIVE_INTERVAL_S);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
}

// A connection around a descriptor, which is closed when this fails.
static struct tcp *tcp_new(struct loop *l, int fd, enum tcp_state state, const struct tcp_params *p,
                           const struct tcp_user *up, void *user) {
    struct tcp *t = mem_calloc(1, sizeof *t);
    if (t == NULL) {
        close(fd);
        return NULL;
    }
    *t = (struct tcp){.loop = l, .fd = fd, .up = up, .user = user, .state = state};
    if (p != NULL)
        t->params = *p;
    t->params.source = NULL; // not ours to keep
    if (t->params.high == 0)
        t->params.high = HIGH_DEFAULT;
    if (t->params.low == 0 || t->params.low >= t->params.high)
        t->params.low = t->params.high < HIGH_DEFAULT ? t->params.high / 4 : LOW_DEFAULT;
    if (t->params.keepalive_s == 0)
        t->params.keepalive_s = KEEPALIVE_S;
    if (t->params.flush_ms == 0)
        t->params.flush_ms = FLUSH_MS;
    options_set(fd, &t->params);
    t->io = loop_io_new(l, fd, io_ready, t);
    t->timer = loop_timer_new(l, step_timeout, t);
    t->soon = loop_timer_new(l, closed_report, t);
    if (t->io == NULL || t->timer == NULL || t->soon == NULL) {
        tcp_free(t);
        return NULL;
    }
    return t;
}

// No connection or listener came of it: err is put into words, and into errno.
static void failed(int fd, char error[160], const char *what, const struct net_address *a, int err) {
    char text[NET_ADDRESS_TEXT];
    net_address_text(a, text);
    if (error != NULL)
        snprintf(error, 160, "tcp: %s %s: %s", what, text, strerror(err));
    if (fd >= 0)
        close(fd);
    errno = err;
}

struct tcp *tcp_connect(struct loop *l, const struct net_address *to, const struct tcp_params *p,
                        const struct tcp_user *up, void *user, char error[160]) {
    int on = 1, fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        failed(fd, error, "socket for", to, errno);
        return NULL;
    }
    const struct net_address *source = p != NULL ? p->source : NULL;
    if (source != NULL) {
        // The port is chosen when the system knows the other end, too: one port serves calls to any number of peers.
        // The option is of the level IP for both families (ip(7)).
        if (net_address_port(source) == 0)
            setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        else
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, &source->sa, net_address_len(source)) < 0) {
            failed(fd, error, "bind to source address", source, errno);
            return NULL;
        }
    }
    if (connect(fd, &to->sa, net_address_len(to)) < 0 && errno != EINPROGRESS) {
        failed(fd, error, "connect to", to, errno);
        return NULL;
    }
    struct tcp *t = tcp_new(l, fd, CONNECTING, p, up, user);
    if (t == NULL) {
        failed(-1, error, "connect to", to, ENOMEM);
        return NULL;
    }
    t->remote = *to;
    socklen_t n = sizeof t->local;
    getsockname(t->fd, &t->local.sa, &n); // which the system has chosen by now
    if (t->params.connect_ms != 0)
        loop_timer_in(t->timer, t->params.connect_ms);
    want_update(t);
    return t;
}

struct tcp *tcp_accept(struct loop *l, int fd, const struct tcp_params *p, const struct tcp_user *up, void *user) {
    struct tcp *t = tcp_new(l, fd, OPEN, p, up, user);
    if (t == NULL)
        return NULL;
    addresses_learn(t);
    want_update(t);
    return t;
}

void tcp_free(struct tcp *t) {
    if (t == NULL)
        return;
    if (t->gone != NULL)
        *t->gone = true;
    descriptor_close(t);
    loop_timer_free(t->timer);
    loop_timer_free(t->soon);
    buf_free(&t->out);
    mem_free(t);
}

// With a linger time of 0, close(2) leaves nothing behind but a reset. Over IPv4 that does not leave without the
// address; over IPv6 it does (measured with Linux 6.18), unless the only way out is the loopback interface, which leads
// nowhere.
void tcp_abort(struct tcp *t) {
    if (t != NULL && t->fd >= 0) {
        setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1, .l_linger = 0}, sizeof(struct linger));
        setsockopt(t->fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo");
    }
    tcp_free(t);
}

void tcp_close(struct tcp *t) {
    if (t->state == CONNECTING)
        closed_soon(t, 0, NULL);
    if (t->state != OPEN)
        return;
    t->state = FLUSHING;
    loop_timer_in(t->timer, t->params.flush_ms);
    output_write(t);
}

struct buf *tcp_output(struct tcp *t) {
    return &t->out;
}

void tcp_flush(struct tcp *t) {
    if (t->state == OPEN)
        output_write(t);
}

bool tcp_above_high(const struct tcp *t) {
    return t->above || t->out.len > t->params.high;
}

void tcp_read_pause(struct tcp *t, bool pause) {
    t->paused = pause;
    want_update(t);
}

const struct net_address *tcp_local(const struct tcp *t) {
    return &t->local;
}

void tcp_probe(struct tcp *t, bool on) {
    if (t->fd >= 0 && on)
        keepalive_set(t->fd, 1, 1);
    else if (t->fd >= 0)
        keepalive_set(t->fd, (int)t->params.keepalive_s, KEEPALIVE_INTERVAL_S);
}

bool tcp_sign(const struct tcp *t, struct tcp_sign *out) {
    struct tcp_info i = {0};
    socklen_t n = sizeof i;
    if (t->state == CONNECTING || t->fd < 0 || getsockopt(t->fd, IPPROTO_TCP, TCP_INFO, &i, &n) < 0)
        return false;
    uint32_t ack = i.tcpi_last_ack_recv, data = i.tcpi_last_data_recv;
    *out = (struct tcp_sign){.silent_ms = ack < data ? ack : data,
                             .rtt_ms = i.tcpi_rtt / 1000,
                             .unanswered = i.tcpi_unacked > 0 ? i.tcpi_retransmits : i.tcpi_probes};
    return true;
}

// --- listening

struct tcp_listener {
    int fd;
    struct loop_io *io;
    struct loop_timer *retry;
    struct net_address on;
    tcp_accept_cb cb;
    void *arg;
    bool *gone;
};

static void accept_ready(void *arg, bool readable, bool writable) {
    struct tcp_listener *t = arg;
    bool gone = false;
    (void)readable;
    (void)writable;
    for (int i = 0; i < ACCEPTS_A_TURN && !gone; i++) {
        struct net_address from = {0};
        socklen_t n = sizeof from;
        int fd = accept4(t->fd, &from.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int err = fd < 0 ? errno : 0;
        if (err_is_shortage(err)) { // it stays in the backlog, and asking again at once would only spin
            loop_io_want(t->io, false, false);
            loop_timer_in(t->retry, ACCEPT_RETRY_MS);
        }
        if (err != 0 && err != EAGAIN && err != EINTR)
            t->cb(t->arg, -err, NULL);
        if (err != 0)
            return;
        t->gone = &gone;
        if (!t->cb(t->arg, fd, &from))
            close(fd);
        if (!gone)
            t->gone = NULL;
    }
}

static void accept_again(void *arg) {
    struct tcp_listener *t = arg;
    loop_io_want(t->io, true, false);
}

// The socket, bound and listening, or -1 with errno.
static int listen_socket(const struct net_address *on) {
    int yes = 1, fd = socket(on->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    // Connections of before that are not quite over do not stand in the way, as after an address came back.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (on->sa.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (bind(fd, &on->sa, net_address_len(on)) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}

struct tcp_listener *tcp_listen(struct loop *l, const struct net_address *on, tcp_accept_cb cb, void *arg,
                                char error[160]) {
    int fd = listen_socket(on);
    if (fd < 0) {
        failed(fd, error, "listen on", on, errno);
        return NULL;
    }
    struct tcp_listener *t = mem_calloc(1, sizeof *t);
    if (t == NULL)
        close(fd);
    else {
        *t = (struct tcp_listener){.fd = fd, .on = *on, .cb = cb, .arg = arg};
        socklen_t n = sizeof t->on;
        getsockname(fd, &t->on.sa, &n);
        t->io = loop_io_new(l, fd, accept_ready, t);
        t->retry = loop_timer_new(l, accept_again, t);
        if (t->io != NULL && t->retry != NULL && loop_io_want(t->io, true, false) >= 0)
            return t;
        tcp_listener_free(t);
    }
    failed(-1, error, "listen on", on, ENOMEM);
    return NULL;
}

const struct net_address *tcp_listener_address(const struct tcp_listener *t) {
    return &t->on;
}

void tcp_listener_free(struct tcp_listener *t) {
    if (t == NULL)
        return;
    if (t->gone != NULL)
        *t->gone = true;
    loop_io_free(t->io);
    loop_timer_free(t->retry);
    close(t->fd);
    mem_free(t);
}
