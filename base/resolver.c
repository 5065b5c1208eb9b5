// SPDX-License-Identifier: BSD-2-Clause
// What is known of each name (an entry), who waits for it or watches it (queries), and when it is asked for again.
// resolver_dns.c asks; here it is remembered. Callbacks come from a notifier, so never from within a call of theirs.
#include "base/resolver.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/resolver_dns.h"

enum {
    ENTRIES_MAX = 1024,    // names; the one that was not asked for the longest makes room
    ANSWER_MS = 10000,     // a lookup is answered by then
    ABSENT_MS = 10000,     // how long it is believed that there is none
    FAILED_MS = 5000,      // how long nobody is asked after a failure
    STALE_MS = 86400000,   // how long old addresses serve while the servers fail
    TTL_MAX_S = 86400,     // of what a server may say
    WATCH_MIN_MS = 1000,   // a watched name is not asked for more often
    LOOK_MS = 1000,        // the files are not looked at more often
    WATCHED_LOOK_MS = 3000 // and while a name is watched, as often
};

TAILQ_HEAD(queries, resolver_query);

struct entry {
    TAILQ_ENTRY(entry) link;
    struct resolver *r;
    char *name;
    struct queries queries;
    struct net_address *addresses; // port 0
    size_t n;
    enum resolver_source source;
    char *error;       // of the last lookup, NULL: it found something
    bool asking;       // a lookup is under way
    bool overdue;      // and those who waited for it were told that it takes too long
    bool known;        // there is an answer of some kind
    bool stale;        // the addresses are from before the failure
    int64_t found_utc; // when the addresses were found
    uint64_t found;    // the same, monotonic
    uint64_t expires;  // monotonic; 0: not
    struct loop_timer *timer;
};

struct resolver_query {
    TAILQ_ENTRY(resolver_query) link;  // of its entry
    TAILQ_ENTRY(resolver_query) ready; // of those to be told
    struct resolver *r;
    struct entry *e; // NULL: a numeric address
    struct net_address numeric;
    uint16_t port;
    int family;
    resolver_cb cb; // NULL: cancelled while it is being told
    void *arg;
    bool watch, told, is_ready, telling;
};

struct resolver {
    struct loop *loop;
    struct dns *dns;
    struct loop_notifier *notifier;
    struct loop_timer *look; // at the files, while there are watches
    uint64_t looked, rereads;
    size_t n_entries, n_watches, n_ready;
    bool ending;
    TAILQ_HEAD(entries, entry) entries; // asked for last: first
    struct queries ready, numeric;      // those to be told; those that have no entry
};

const char *resolver_source_text(enum resolver_source s) {
    return s == RESOLVER_HOSTS ? "hosts file" : s == RESOLVER_DNS ? "DNS" : "-";
}

// ---- telling ----

static void make_ready(struct resolver_query *q) {
    if (q->is_ready)
        return;
    q->is_ready = true;
    q->r->n_ready++;
    TAILQ_INSERT_TAIL(&q->r->ready, q, ready);
    loop_notify(q->r->notifier);
}

static void take_ready(struct resolver_query *q) {
    TAILQ_REMOVE(&q->r->ready, q, ready);
    q->r->n_ready--;
    q->is_ready = false;
}

static void query_unlink(struct resolver_query *q) {
    if (q->is_ready)
        take_ready(q);
    TAILQ_REMOVE(q->e != NULL ? &q->e->queries : &q->r->numeric, q, link);
    q->e = NULL;
}

static size_t with_port(const struct resolver_query *q, struct net_address out[static DNS_ADDRESSES_MAX]) {
    const struct net_address *from = q->e == NULL ? &q->numeric : q->e->addresses;
    size_t all = q->e == NULL ? 1 : q->e->n, n = 0;
    for (size_t k = 0; k < all && n < DNS_ADDRESSES_MAX; k++) {
        if (q->e != NULL && q->family != AF_UNSPEC && from[k].sa.sa_family != q->family)
            continue;
        out[n] = from[k];
        net_address_set_port(&out[n], q->port);
        n++;
    }
    return n;
}

static void tell(struct resolver_query *q) {
    struct net_address addresses[DNS_ADDRESSES_MAX];
    char error[600];
    const struct entry *e = q->e;
    struct resolver_answer a = {.addresses = addresses, .n = with_port(q, addresses)};
    if (e != NULL) {
        uint64_t now = loop_now_ms(q->r->loop);
        a.ttl_s = e->n > 0 && e->expires > now ? (unsigned)((e->expires - now + 999) / 1000) : 0;
        a.stale = e->stale;
        if (e->n > 0)
            snprintf(error, sizeof error, "%s: the name has no address of IPv%c", e->name,
                     q->family == AF_INET6 ? '6' : '4');
        else
            snprintf(error, sizeof error, "%s", e->error != NULL ? e->error : "the resolver is short of memory");
    }
    if (q->r->ending) {
        a.n = 0;
        snprintf(error, sizeof error, "the program is ending");
    }
    a.error = a.n > 0 ? NULL : error;
    if (!q->watch)
        query_unlink(q);
    q->telling = q->told = true;
    q->cb(q->arg, &a);
    q->telling = false;
    if (!q->watch || q->cb == NULL)
        mem_free(q);
}

static void on_ready(void *arg) {
    struct resolver *r = arg;
    // what becomes ready meanwhile has its turn in the next
    for (size_t n = r->n_ready; n > 0 && !TAILQ_EMPTY(&r->ready); n--) {
        struct resolver_query *q = TAILQ_FIRST(&r->ready);
        take_ready(q);
        tell(q);
    }
}

// ---- entries ----

static void entry_free(struct entry *e) {
    TAILQ_REMOVE(&e->r->entries, e, link);
    e->r->n_entries--;
    loop_timer_free(e->timer);
    mem_free(e->addresses);
    mem_free(e->error);
    mem_free(e->name);
    mem_free(e);
}

static bool has_watch(const struct entry *e) {
    const struct resolver_query *q;
    TAILQ_FOREACH(q, &e->queries, link) {
        if (q->watch)
            return true;
    }
    return false;
}

static bool fresh(const struct entry *e) {
    return e->known && (e->expires == 0 || loop_now_ms(e->r->loop) < e->expires);
}

static void set_error(struct entry *e, const char *text) {
    mem_free(e->error);
    e->error = text == NULL ? NULL : mem_strdup(text);
}

static bool same_set(const struct entry *e, const struct dns_result *r) {
    if (e->n != r->n)
        return false;
    for (size_t k = 0; k < r->n; k++) {
        size_t j = 0;
        while (j < e->n && (e->addresses[j].sa.sa_family != r->addresses[k].sa.sa_family ||
                            !net_address_same_host(&e->addresses[j], &r->addresses[k])))
            j++;
        if (j == e->n)
            return false;
    }
    return true;
}

// With watches, when to ask again; while asked, when to give up.
static void arm(struct entry *e, uint64_t now) {
    if (e->asking && !e->overdue)
        return; // set when it was asked
    if (e->expires == 0 || !has_watch(e))
        loop_timer_at(e->timer, 0);
    else
        loop_timer_at(e->timer, e->expires > now + WATCH_MIN_MS ? e->expires : now + WATCH_MIN_MS);
}

// Tells who waits, and if it changed who watches; who watches only since a moment ago in any case.
static void wake(struct entry *e, bool changed) {
    struct resolver_query *q;
    TAILQ_FOREACH(q, &e->queries, link) {
        if (changed || !q->watch || !q->told)
            make_ready(q);
    }
}

static int keep_found(struct entry *e, const struct dns_result *r, uint64_t now, bool *changed) {
    struct net_address *all = mem_alloc(r->n * sizeof *all);
    if (all == NULL)
        return ERR_NOMEM;
    *changed = !same_set(e, r);
    memcpy(all, r->addresses, r->n * sizeof *all);
    mem_free(e->addresses);
    e->addresses = all;
    e->n = r->n;
    e->source = r->source;
    e->stale = false;
    e->found = now;
    e->found_utc = clock_utc_ms();
    e->expires = r->source == RESOLVER_HOSTS ? 0 : now + (uint64_t)(r->ttl_s < TTL_MAX_S ? r->ttl_s : TTL_MAX_S) * 1000;
    set_error(e, NULL);
    return ERR_OK;
}

// Whether it changed what is to be told.
static bool keep_failed(struct entry *e, bool absent, const char *error, uint64_t now) {
    bool changed = e->n == 0 ? e->error == NULL || strcmp(e->error, error) != 0 : absent || now - e->found > STALE_MS;
    if (e->n > 0 && changed) {
        e->n = 0;
        e->source = RESOLVER_NOWHERE;
    }
    e->stale = e->n > 0;
    e->expires = now + (absent ? ABSENT_MS : FAILED_MS);
    set_error(e, error);
    return changed;
}

static void entry_ask(struct entry *e);

static void on_result(void *arg, const struct dns_result *r) {
    struct entry *e = arg;
    uint64_t now = loop_now_ms(e->r->loop);
    bool changed = false;
    e->asking = false;
    if (r->verdict == DNS_RESTART) {
        entry_ask(e);
        return;
    }
    if (r->verdict == DNS_FOUND) {
        if (keep_found(e, r, now, &changed) != ERR_OK)
            changed = keep_failed(e, false, "memory is short", now);
    } else
        changed = keep_failed(e, r->verdict == DNS_ABSENT, r->error, now);
    e->known = true;
    e->overdue = false;
    wake(e, changed);
    arm(e, now);
}

static void entry_ask(struct entry *e) {
    uint64_t now = loop_now_ms(e->r->loop);
    if (e->asking && !e->overdue)
        return;
    e->overdue = false;
    loop_timer_at(e->timer, now + ANSWER_MS);
    if (e->asking) // the late one: those who came after its end wait for it as long as the others did
        return;
    e->asking = true;
    if (dns_ask(e->r->dns, e->name, e) != ERR_OK) {
        e->asking = false;
        bool changed = keep_failed(e, false, "memory is short", now);
        e->known = true;
        wake(e, changed);
        arm(e, now);
    }
}

static void on_entry_timer(void *arg) {
    struct entry *e = arg;
    if (!e->asking) {
        entry_ask(e);
        return;
    }
    char error[DNS_SERVERS_TEXT + 300];
    snprintf(error, sizeof error, "%s: no name server gives an answer (asked: %s)", e->name, dns_servers(e->r->dns));
    uint64_t now = loop_now_ms(e->r->loop);
    bool changed = keep_failed(e, false, error, now);
    e->overdue = e->known = true;
    wake(e, changed);
    arm(e, now);
}

static bool same_name(const char *a, const char *b) {
    while (*a != 0 && tolower((unsigned char)*a) == tolower((unsigned char)*b))
        a++, b++;
    return *a == *b;
}

static struct entry *entry_find(const struct resolver *r, const char *name) {
    struct entry *e;
    TAILQ_FOREACH(e, &r->entries, link) {
        if (same_name(e->name, name))
            return e;
    }
    return NULL;
}

static bool make_room(struct resolver *r) {
    struct entry *e;
    if (r->n_entries < ENTRIES_MAX)
        return true;
    TAILQ_FOREACH_REVERSE(e, &r->entries, entries, link) {
        if (!e->asking && TAILQ_EMPTY(&e->queries)) {
            entry_free(e);
            return true;
        }
    }
    return false;
}

static struct entry *entry_get(struct resolver *r, const char *name) {
    struct entry *e = entry_find(r, name);
    if (e != NULL) {
        TAILQ_REMOVE(&r->entries, e, link);
        TAILQ_INSERT_HEAD(&r->entries, e, link);
        return e;
    }
    if (!make_room(r) || (e = mem_calloc(1, sizeof *e)) == NULL)
        return NULL;
    *e = (struct entry){.r = r, .name = mem_strdup(name), .timer = loop_timer_new(r->loop, on_entry_timer, e)};
    TAILQ_INIT(&e->queries);
    TAILQ_INSERT_HEAD(&r->entries, e, link);
    r->n_entries++;
    if (e->name != NULL && e->timer != NULL)
        return e;
    entry_free(e);
    return NULL;
}

// ---- the files ----

static void look_at_files(struct resolver *r) {
    uint64_t now = loop_now_ms(r->loop);
    if (now - r->looked < LOOK_MS)
        return;
    r->looked = now;
    if (!dns_reread(r->dns))
        return;
    r->rereads++;
    struct entry *e;
    TAILQ_FOREACH(e, &r->entries, link) {
        e->expires = now;
        if (has_watch(e))
            entry_ask(e);
    }
}

static void on_look(void *arg) {
    struct resolver *r = arg;
    look_at_files(r);
    loop_timer_in(r->look, WATCHED_LOOK_MS);
}

// ---- asking ----

static struct resolver_query *query_new(struct resolver *r, const char *name, uint16_t port, int family, resolver_cb cb,
                                        void *arg, bool watch) {
    struct resolver_query *q = r->ending ? NULL : mem_calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    *q = (struct resolver_query){.r = r, .port = port, .family = family, .cb = cb, .arg = arg, .watch = watch};
    if (net_address_parse(&q->numeric, name, port) == ERR_OK) {
        TAILQ_INSERT_TAIL(&r->numeric, q, link);
        make_ready(q);
        return q;
    }
    look_at_files(r);
    q->e = entry_get(r, name);
    if (q->e == NULL) {
        mem_free(q);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&q->e->queries, q, link);
    if (fresh(q->e))
        make_ready(q);
    else
        entry_ask(q->e);
    arm(q->e, loop_now_ms(r->loop));
    return q;
}

struct resolver_query *resolver_ask(struct resolver *r, const char *name, uint16_t port, int family, resolver_cb cb,
                                    void *arg) {
    return query_new(r, name, port, family, cb, arg, false);
}

struct resolver_query *resolver_watch(struct resolver *r, const char *name, uint16_t port, int family, resolver_cb cb,
                                      void *arg) {
    struct resolver_query *q = query_new(r, name, port, family, cb, arg, true);
    if (q != NULL && r->n_watches++ == 0)
        loop_timer_in(r->look, WATCHED_LOOK_MS);
    return q;
}

void resolver_cancel(struct resolver_query *q) {
    if (q == NULL)
        return;
    struct entry *e = q->e;
    if (q->watch && q->cb != NULL && --q->r->n_watches == 0)
        loop_timer_at(q->r->look, 0);
    query_unlink(q);
    q->cb = NULL;
    if (e != NULL)
        arm(e, loop_now_ms(e->r->loop));
    if (!q->telling)
        mem_free(q);
}

// ---- showing ----

static void view(const struct entry *e, struct resolver_view *out) {
    uint64_t now = loop_now_ms(e->r->loop);
    *out = (struct resolver_view){.name = e->name,
                                  .addresses = e->addresses,
                                  .n = e->n,
                                  .source = e->source,
                                  .asking = e->asking,
                                  .stale = e->stale,
                                  .found_utc_ms = e->n > 0 ? e->found_utc : 0,
                                  .error = e->error};
    if (e->known && e->expires != 0)
        out->expires_utc_ms = clock_utc_ms() + (int64_t)(e->expires - now);
}

bool resolver_look(const struct resolver *r, const char *name, struct resolver_view *out) {
    const struct entry *e = entry_find(r, name);
    if (e != NULL)
        view(e, out);
    return e != NULL;
}

void resolver_each(const struct resolver *r, bool (*cb)(void *arg, const struct resolver_view *v), void *arg) {
    const struct entry *e;
    struct resolver_view v;
    TAILQ_FOREACH(e, &r->entries, link) {
        view(e, &v);
        if (!cb(arg, &v))
            return;
    }
}

const char *resolver_servers(const struct resolver *r) {
    return dns_servers(r->dns);
}

uint64_t resolver_rereads(const struct resolver *r) {
    return r->rereads;
}

// ---- life ----

struct resolver *resolver_new(struct loop *l) {
    struct resolver *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    *r = (struct resolver){.loop = l,
                           .dns = dns_new(l, on_result),
                           .notifier = loop_notifier_new(l, on_ready, r),
                           .look = loop_timer_new(l, on_look, r),
                           .looked = loop_now_ms(l)};
    TAILQ_INIT(&r->entries);
    TAILQ_INIT(&r->ready);
    TAILQ_INIT(&r->numeric);
    if (r->dns != NULL && r->notifier != NULL && r->look != NULL)
        return r;
    resolver_free(r);
    return NULL;
}

void resolver_free(struct resolver *r) {
    if (r == NULL)
        return;
    r->ending = true;
    dns_free(r->dns); // which ends what is being asked
    for (struct resolver_query *q; (q = TAILQ_FIRST(&r->ready)) != NULL;) {
        take_ready(q);
        if (q->watch)
            resolver_cancel(q);
        else
            tell(q);
    }
    while (!TAILQ_EMPTY(&r->numeric))
        resolver_cancel(TAILQ_FIRST(&r->numeric));
    while (!TAILQ_EMPTY(&r->entries)) {
        struct entry *e = TAILQ_FIRST(&r->entries);
        while (!TAILQ_EMPTY(&e->queries))
            resolver_cancel(TAILQ_FIRST(&e->queries));
        entry_free(e);
    }
    loop_notifier_free(r->notifier);
    loop_timer_free(r->look);
    mem_free(r);
}
