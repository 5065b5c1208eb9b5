// SPDX-License-Identifier: BSD-2-Clause
#include "base/resolver.h"

#include <ares.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/err.h"
#include "base/mem.h"

enum { ADDRESSES_MAX = 64 }; // of one name

struct watched {
    LIST_ENTRY(watched) link;
    struct resolver *r;
    ares_socket_t fd;
    struct loop_io *io;
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct loop_timer *timer;
    LIST_HEAD(watched_head, watched) sockets;
    LIST_HEAD(query_head, resolver_query) queries;
};

struct resolver_query {
    LIST_ENTRY(resolver_query) link;
    resolver_cb cb; // NULL: cancelled
    void *arg;
    char *name;
    uint16_t port;
    struct loop_timer *soon; // carries an answer that was there at once out of resolver_ask
    struct net_address addresses[ADDRESSES_MAX];
    size_t n;
    unsigned ttl_s;
    char error[300];
};

// c-ares keeps its own time-outs: ask it again when they are due.
static void rearm(struct resolver *r) {
    struct timeval tv, *t = ares_timeout(r->channel, NULL, &tv);
    if (t == NULL)
        loop_timer_at(r->timer, 0);
    else
        loop_timer_in(r->timer, (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_usec / 1000 + 1);
}

static void on_timer(void *arg) {
    struct resolver *r = arg;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    rearm(r);
}

static void on_socket(void *arg, bool readable, bool writable) {
    struct watched *w = arg; // may be gone after ares_process_fd
    struct resolver *r = w->r;
    ares_socket_t fd = w->fd;
    ares_process_fd(r->channel, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
    rearm(r);
}

static void unwatch(struct watched *w) {
    LIST_REMOVE(w, link);
    loop_io_free(w->io);
    mem_free(w);
}

static void on_socket_state(void *arg, ares_socket_t fd, int read, int write) {
    struct resolver *r = arg;
    struct watched *w;
    LIST_FOREACH(w, &r->sockets, link) {
        if (w->fd == fd)
            break;
    }
    if (!read && !write) {
        if (w != NULL)
            unwatch(w);
        return;
    }
    if (w == NULL) {
        w = mem_calloc(1, sizeof *w);
        if (w == NULL)
            return; // the query ends by its own time-out
        *w = (struct watched){.r = r, .fd = fd, .io = loop_io_new(r->loop, fd, on_socket, w)};
        if (w->io == NULL) {
            mem_free(w);
            return;
        }
        LIST_INSERT_HEAD(&r->sockets, w, link);
    }
    loop_io_want(w->io, read != 0, write != 0);
}

struct resolver *resolver_new(struct loop *l) {
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return NULL;
    struct resolver *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        goto fail;
    r->loop = l;
    LIST_INIT(&r->sockets);
    LIST_INIT(&r->queries);
    r->timer = loop_timer_new(l, on_timer, r);
    struct ares_options o = {.sock_state_cb = on_socket_state, .sock_state_cb_data = r, .timeout = 2000, .tries = 3};
    if (r->timer != NULL &&
        ares_init_options(&r->channel, &o, ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) ==
            ARES_SUCCESS)
        return r;
    loop_timer_free(r->timer);
    mem_free(r);
fail:
    ares_library_cleanup();
    return NULL;
}

static void query_free(struct resolver_query *q) {
    LIST_REMOVE(q, link);
    loop_timer_free(q->soon);
    mem_free(q->name);
    mem_free(q);
}

static void answer(void *arg) {
    struct resolver_query *q = arg;
    if (q->cb != NULL) {
        struct resolver_answer a = {q->addresses, q->n, q->ttl_s, q->n > 0 ? NULL : q->error};
        q->cb(q->arg, &a);
    }
    query_free(q);
}

void resolver_free(struct resolver *r) {
    if (r == NULL)
        return;
    ares_destroy(r->channel);
    while (!LIST_EMPTY(&r->queries)) // answered already, but not yet told
        answer(LIST_FIRST(&r->queries));
    while (!LIST_EMPTY(&r->sockets))
        unwatch(LIST_FIRST(&r->sockets));
    loop_timer_free(r->timer);
    mem_free(r);
    ares_library_cleanup();
}

static void collect(struct resolver_query *q, const struct ares_addrinfo *info) {
    for (const struct ares_addrinfo_node *n = info->nodes; n != NULL && q->n < ADDRESSES_MAX; n = n->ai_next) {
        if ((size_t)n->ai_addrlen > sizeof(struct net_address))
            continue;
        struct net_address *a = &q->addresses[q->n];
        memset(a, 0, sizeof *a);
        memcpy(a, n->ai_addr, (size_t)n->ai_addrlen);
        if (a->sa.sa_family == AF_INET)
            a->v4.sin_port = htons(q->port);
        else if (a->sa.sa_family == AF_INET6)
            a->v6.sin6_port = htons(q->port);
        else
            continue;
        if (q->n == 0 || (unsigned)n->ai_ttl < q->ttl_s)
            q->ttl_s = n->ai_ttl < 0 ? 0 : (unsigned)n->ai_ttl;
        q->n++;
    }
}

static void on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *info) {
    (void)timeouts;
    struct resolver_query *q = arg;
    if (q->cb == NULL) {
        if (info != NULL)
            ares_freeaddrinfo(info);
        query_free(q);
        return;
    }
    if (status == ARES_SUCCESS && info != NULL)
        collect(q, info);
    if (info != NULL)
        ares_freeaddrinfo(info);
    if (q->n == 0)
        snprintf(q->error, sizeof q->error, "%s: %s", q->name,
                 status == ARES_SUCCESS ? "the name has no address" : ares_strerror(status));
    if (status == ARES_EDESTRUCTION)
        answer(q);
    else
        loop_timer_in(q->soon, 0);
}

struct resolver_query *resolver_ask(struct resolver *r, const char *name, uint16_t port, int family, resolver_cb cb,
                                    void *arg) {
    struct resolver_query *q = mem_calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    *q = (struct resolver_query){.cb = cb, .arg = arg, .name = mem_strdup(name), .port = port};
    LIST_INSERT_HEAD(&r->queries, q, link);
    q->soon = loop_timer_new(r->loop, answer, q);
    if (q->name == NULL || q->soon == NULL) {
        query_free(q);
        return NULL;
    }
    if (net_address_parse(&q->addresses[0], name, port) == ERR_OK) {
        q->n = 1;
        loop_timer_in(q->soon, 0);
        return q;
    }
    // Both families are asked for at once; AF_UNSPEC sorts them as RFC 6724 says.
    struct ares_addrinfo_hints hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    ares_getaddrinfo(r->channel, name, NULL, &hints, on_addrinfo, q);
    rearm(r);
    return q;
}

void resolver_cancel(struct resolver_query *q) {
    if (q != NULL)
        q->cb = NULL;
}
