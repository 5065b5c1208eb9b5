// SPDX-License-Identifier: BSD-2-Clause
// Two channels of c-ares: one reads the hosts file, which is done at once, and one asks the name servers, so that it is
// known who answered. The order is fixed, whatever nsswitch.conf says. c-ares 1.18 reads resolv.conf once: when the
// file changed, both channels are made anew.
#include "base/resolver_dns.h"

#include <ares.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"

enum { TIMEOUT_MS = 1500, TRIES = 2 }; // each server at once, then each again with twice the time

static const char *const files[] = {"/etc/resolv.conf", "/etc/hosts"};
enum { N_FILES = sizeof files / sizeof *files };

struct watched {
    LIST_ENTRY(watched) link;
    struct dns *d;
    ares_channel channel; // whose socket it is
    ares_socket_t fd;
    struct loop_io *io;
};

struct dns {
    struct loop *loop;
    dns_cb cb;
    bool library, ready;
    ares_channel hosts, servers;
    enum dns_verdict destroyed; // what lookups end with when their channel is destroyed
    struct loop_timer *timer;
    LIST_HEAD(watched_head, watched) sockets;
    struct stat was[N_FILES];
    char servers_text[DNS_SERVERS_TEXT];
};

struct lookup {
    struct dns *d;
    const char *name;
    void *arg;
    bool in_hosts;
};

// ---- c-ares and the loop ----

// c-ares keeps its own time-outs: ask it again when they are due.
static void rearm(struct dns *d) {
    struct timeval tv, *t = ares_timeout(d->servers, NULL, &tv);
    if (t == NULL)
        loop_timer_at(d->timer, 0);
    else
        loop_timer_in(d->timer, (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_usec / 1000 + 1);
}

static void on_timer(void *arg) {
    struct dns *d = arg;
    ares_process_fd(d->servers, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    rearm(d);
}

static void on_socket(void *arg, bool readable, bool writable) {
    struct watched *w = arg; // may be gone after ares_process_fd
    struct dns *d = w->d;
    ares_socket_t fd = w->fd;
    ares_process_fd(w->channel, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
    rearm(d);
}

static void unwatch(struct watched *w) {
    LIST_REMOVE(w, link);
    loop_io_free(w->io);
    mem_free(w);
}

static void on_socket_state(void *arg, ares_socket_t fd, int read, int write) {
    struct dns *d = arg;
    struct watched *w;
    LIST_FOREACH(w, &d->sockets, link) {
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
        *w = (struct watched){.d = d, .channel = d->servers, .fd = fd, .io = loop_io_new(d->loop, fd, on_socket, w)};
        if (w->io == NULL) {
            mem_free(w);
            return;
        }
        LIST_INSERT_HEAD(&d->sockets, w, link);
    }
    loop_io_want(w->io, read != 0, write != 0);
}

// ---- the files ----

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool files_changed(struct dns *d) {
    bool changed = false;
    for (int k = 0; k < N_FILES; k++) {
        struct stat now = {0}; // a file that is not there is all zeros
        if (stat(files[k], &now) < 0)
            memset(&now, 0, sizeof now);
        changed = changed || !same_file(&now, &d->was[k]);
        d->was[k] = now;
    }
    return changed;
}

static void servers_text(struct dns *d) {
    struct ares_addr_node *all = NULL;
    size_t n = 0;
    d->servers_text[0] = 0;
    if (ares_get_servers(d->servers, &all) != ARES_SUCCESS)
        return;
    for (const struct ares_addr_node *s = all; s != NULL && n < sizeof d->servers_text; s = s->next) {
        char text[64] = "?";
        ares_inet_ntop(s->family, &s->addr, text, sizeof text);
        n += (size_t)snprintf(d->servers_text + n, sizeof d->servers_text - n, "%s%s", n > 0 ? ", " : "", text);
    }
    ares_free_data(all);
}

static int open_channels(struct dns *d, ares_channel *hosts, ares_channel *servers) {
    char by_file[] = "f", by_dns[] = "b";
    struct ares_options o = {.timeout = TIMEOUT_MS,
                             .tries = TRIES,
                             .sock_state_cb = on_socket_state,
                             .sock_state_cb_data = d,
                             .lookups = by_file};
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
    if (ares_init_options(hosts, &o, mask) != ARES_SUCCESS)
        return ERR_NOMEM;
    o.lookups = by_dns;
    if (ares_init_options(servers, &o, mask) == ARES_SUCCESS)
        return ERR_OK;
    ares_destroy(*hosts);
    return ERR_NOMEM;
}

struct dns *dns_new(struct loop *l, dns_cb cb) {
    struct dns *d = mem_calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    *d = (struct dns){.loop = l, .cb = cb, .timer = loop_timer_new(l, on_timer, d)};
    LIST_INIT(&d->sockets);
    d->library = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
    files_changed(d);
    d->ready = d->library && d->timer != NULL && open_channels(d, &d->hosts, &d->servers) == ERR_OK;
    if (!d->ready) {
        dns_free(d);
        return NULL;
    }
    servers_text(d);
    return d;
}

void dns_free(struct dns *d) {
    if (d == NULL)
        return;
    d->destroyed = DNS_ENDED;
    if (d->ready) {
        ares_destroy(d->hosts);
        ares_destroy(d->servers);
    }
    while (!LIST_EMPTY(&d->sockets))
        unwatch(LIST_FIRST(&d->sockets));
    loop_timer_free(d->timer);
    if (d->library)
        ares_library_cleanup();
    mem_free(d);
}

bool dns_reread(struct dns *d) {
    ares_channel hosts, servers, old_hosts = d->hosts, old_servers = d->servers;
    struct stat was[N_FILES];
    memcpy(was, d->was, sizeof was);
    if (!files_changed(d))
        return false;
    if (open_channels(d, &hosts, &servers) != ERR_OK) { // memory is short: next time
        memcpy(d->was, was, sizeof was);
        return false;
    }
    d->hosts = hosts;
    d->servers = servers;
    servers_text(d);
    d->destroyed = DNS_RESTART;
    ares_destroy(old_hosts);
    ares_destroy(old_servers);
    rearm(d);
    return true;
}

const char *dns_servers(const struct dns *d) {
    return d->servers_text;
}

// ---- lookups ----

static void collect(struct dns_result *r, const struct ares_addrinfo *info) {
    for (const struct ares_addrinfo_node *n = info->nodes; n != NULL && r->n < DNS_ADDRESSES_MAX; n = n->ai_next) {
        if ((n->ai_family != AF_INET && n->ai_family != AF_INET6) || (size_t)n->ai_addrlen > sizeof(struct net_address))
            continue;
        unsigned ttl = n->ai_ttl < 0 ? 0 : (unsigned)n->ai_ttl;
        memset(&r->addresses[r->n], 0, sizeof r->addresses[0]);
        memcpy(&r->addresses[r->n], n->ai_addr, (size_t)n->ai_addrlen);
        if (r->n++ == 0 || ttl < r->ttl_s)
            r->ttl_s = ttl;
    }
}

static void explain(const struct lookup *l, struct dns_result *r, int status) {
    const char *servers = l->d->servers_text;
    size_t size = sizeof r->error;
    r->verdict = DNS_FAILED;
    switch (status) {
    case ARES_ENOTFOUND:
        r->verdict = DNS_ABSENT;
        snprintf(r->error, size, "%s: there is no such name, says DNS (%s) and the hosts file", l->name, servers);
        break;
    case ARES_SUCCESS:
    case ARES_ENODATA:
        r->verdict = DNS_ABSENT;
        snprintf(r->error, size, "%s: the name has no address, says DNS (%s)", l->name, servers);
        break;
    case ARES_EBADNAME:
        r->verdict = DNS_ABSENT;
        snprintf(r->error, size, "%s: not a host name", l->name);
        break;
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED: // both also when every server answered SERVFAIL
        snprintf(r->error, size, "%s: no name server gives an answer (asked: %s)", l->name, servers);
        break;
    default:
        snprintf(r->error, size, "%s: the name servers (%s) cannot tell: %s", l->name, servers, ares_strerror(status));
    }
}

static void ask_servers(struct lookup *l);

static void on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *info) {
    (void)timeouts;
    struct lookup *l = arg;
    struct dns_result r = {.verdict = DNS_FOUND, .source = l->in_hosts ? RESOLVER_HOSTS : RESOLVER_DNS};
    if (status == ARES_SUCCESS && info != NULL)
        collect(&r, info);
    if (info != NULL)
        ares_freeaddrinfo(info);
    if (status == ARES_EDESTRUCTION) {
        r.verdict = l->d->destroyed;
        snprintf(r.error, sizeof r.error, "%s: the program is ending", l->name);
    } else if (r.n == 0 && l->in_hosts) {
        ask_servers(l);
        return;
    } else if (r.n == 0)
        explain(l, &r, status);
    struct dns *d = l->d;
    arg = l->arg;
    mem_free(l);
    d->cb(arg, &r);
}

// Both families are asked for at once, and sorted as RFC 6724 says.
static const struct ares_addrinfo_hints both = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

static void ask_servers(struct lookup *l) {
    struct dns *d = l->d;
    l->in_hosts = false;
    ares_getaddrinfo(d->servers, l->name, NULL, &both, on_addrinfo, l);
    rearm(d);
}

int dns_ask(struct dns *d, const char *name, void *arg) {
    struct lookup *l = mem_calloc(1, sizeof *l);
    if (l == NULL)
        return ERR_NOMEM;
    *l = (struct lookup){.d = d, .name = name, .arg = arg, .in_hosts = true};
    ares_getaddrinfo(d->hosts, name, NULL, &both, on_addrinfo, l);
    return ERR_OK;
}
