// SPDX-License-Identifier: BSD-2-Clause
// The names of `accept from`, each watched once however many peers list it, sorted to be found.
#include "assoc/accept.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

enum { LIST_MAX = 6, ADDRESSES_MAX = 4 }; // that are shown

struct name {
    struct assoc_accept *owner;
    const char *text; // the configuration's
    struct resolver_query *watch;
    bool known; // resolved once, with whatever outcome
    struct net_address *addresses;
    size_t n;
    char *error; // n is 0; NULL: memory is short
};

struct assoc_accept {
    struct name *names;
    size_t n;
    void (*found)(void *arg);
    void *arg;
};

static int compare_names(const void *a, const void *b) {
    return strcasecmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static const struct name *find(const struct assoc_accept *a, const char *text) {
    struct name key = {.text = text};
    return a == NULL || a->n == 0 ? NULL : bsearch(&key, a->names, a->n, sizeof key, compare_names);
}

static void on_answer(void *arg, const struct resolver_answer *answer) {
    struct name *n = arg;
    bool first = !n->known;
    mem_free(n->addresses);
    mem_free(n->error);
    n->error = answer->n > 0 || answer->error == NULL ? NULL : mem_strdup(answer->error);
    n->addresses = answer->n == 0 ? NULL : mem_calloc(answer->n, sizeof *n->addresses);
    n->n = n->addresses == NULL ? 0 : answer->n;
    if (n->n > 0)
        memcpy(n->addresses, answer->addresses, n->n * sizeof *n->addresses);
    n->known = true;
    if (first)
        n->owner->found(n->owner->arg);
}

// Once each. False: no memory.
static bool collect(struct assoc_accept *a, const struct conf *c) {
    size_t most = 0;
    for (size_t i = 0; i < c->n_peers; i++)
        most += c->peers[i].n_accept_names;
    a->names = mem_calloc(most + 1, sizeof *a->names);
    if (a->names == NULL)
        return false;
    for (size_t i = 0; i < c->n_peers; i++)
        for (size_t k = 0; k < c->peers[i].n_accept_names; k++)
            a->names[a->n++] = (struct name){.owner = a, .text = c->peers[i].accept_names[k]};
    qsort(a->names, a->n, sizeof *a->names, compare_names);
    size_t kept = 0;
    for (size_t i = 0; i < a->n; i++)
        if (kept == 0 || compare_names(&a->names[kept - 1], &a->names[i]) != 0)
            a->names[kept++] = a->names[i];
    a->n = kept;
    return true;
}

struct assoc_accept *assoc_accept_new(struct resolver *r, const struct conf *c, void (*found)(void *arg), void *arg) {
    struct assoc_accept *a = mem_calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->found = found;
    a->arg = arg;
    bool good = collect(a, c);
    for (size_t i = 0; i < a->n && good; i++) {
        struct name *n = &a->names[i];
        n->watch = resolver_watch(r, n->text, 0, AF_UNSPEC, on_answer, n);
        good = n->watch != NULL;
    }
    if (good)
        return a;
    assoc_accept_free(a);
    return NULL;
}

void assoc_accept_free(struct assoc_accept *a) {
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n; i++) {
        resolver_cancel(a->names[i].watch);
        mem_free(a->names[i].addresses);
        mem_free(a->names[i].error);
    }
    mem_free(a->names);
    mem_free(a);
}

enum assoc_accept_verdict assoc_accept_check(const struct assoc_accept *a, const struct conf_peer *p,
                                             const struct net_address *from) {
    if (conf_peer_accepts(p, &from->sa))
        return ASSOC_ACCEPT_YES;
    enum assoc_accept_verdict verdict = ASSOC_ACCEPT_NO;
    for (size_t i = 0; i < p->n_accept_names; i++) {
        const struct name *n = find(a, p->accept_names[i]);
        for (size_t k = 0; n != NULL && k < n->n; k++)
            if (net_address_same_host(&n->addresses[k], from))
                return ASSOC_ACCEPT_YES;
        if (n != NULL && !n->known)
            verdict = ASSOC_ACCEPT_PENDING;
    }
    return verdict;
}

// ---- in words ----

// "mta.example.net: there is no such name" without the name, which stands there already.
static const char *reason(const struct name *n) {
    size_t length = strlen(n->text);
    if (n->error == NULL)
        return "memory was short";
    if (strncasecmp(n->error, n->text, length) == 0 && strncmp(n->error + length, ": ", 2) == 0)
        return n->error + length + 2;
    return n->error;
}

static int put_name(struct buf *out, const char *text, const struct name *n) {
    if (n == NULL || !n->known)
        return buf_printf(out, "%s (not resolved yet)", text);
    if (n->n == 0)
        return buf_printf(out, "%s (%s)", text, reason(n));
    int err = buf_printf(out, "%s (now", text);
    for (size_t k = 0; k < n->n && k < ADDRESSES_MAX && err == ERR_OK; k++) {
        char host[NET_ADDRESS_TEXT];
        err = buf_printf(out, "%s %s", k == 0 ? "" : ",", net_address_host_text(&n->addresses[k], host));
    }
    if (n->n > ADDRESSES_MAX && err == ERR_OK)
        err = buf_printf(out, " and %zu more", n->n - ADDRESSES_MAX);
    return err == ERR_OK ? buf_append_str(out, ")") : err;
}

int assoc_accept_list(const struct assoc_accept *a, const struct conf_peer *p, struct buf *out) {
    size_t all = p->n_accept + p->n_accept_names;
    size_t shown = all > LIST_MAX ? LIST_MAX : all;
    char prefix[CONF_PREFIX_TEXT];
    int err = ERR_OK;
    for (size_t i = 0; i < shown && err == ERR_OK; i++) { // names first: what they lead to is what one cannot see
        if (i > 0)
            err = buf_append_str(out, ", ");
        if (err == ERR_OK && i < p->n_accept_names)
            err = put_name(out, p->accept_names[i], find(a, p->accept_names[i]));
        else if (err == ERR_OK)
            err = buf_append_str(out, conf_prefix_text(&p->accept[i - p->n_accept_names], prefix));
    }
    if (all > shown && err == ERR_OK)
        err = buf_printf(out, " and %zu more", all - shown);
    return err;
}
