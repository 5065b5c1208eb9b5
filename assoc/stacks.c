// SPDX-License-Identifier: BSD-2-Clause
// All stacks: the names that they and the peers' sources follow, and the machine's addresses. What changes is looked at
// by each stack.
#include "assoc/stacks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assoc/stacks_internal.h"
#include "base/err.h"
#include "base/mem.h"

static void look_all(struct assoc_stacks *all) {
    struct assoc_stack *s;
    LIST_FOREACH(s, &all->stacks, link)
        stack_look(s);
}

static void tell_came(const struct followed *f) {
    if (f->all->came != NULL)
        f->all->came(f->all->came_arg, f->host);
}

// ---- the machine's addresses ----

static void on_local_address(void *arg, enum local_address_change change, const struct local_address *a) {
    struct assoc_stacks *all = arg;
    struct assoc_stack *s;
    if (change == LOCAL_ADDRESS_GONE)
        LIST_FOREACH(s, &all->stacks, link)
            stack_address_gone(s, &a->address);
    look_all(all);
    const struct followed *f;
    if (change == LOCAL_ADDRESS_USABLE)
        LIST_FOREACH(f, &all->followed, link)
            for (size_t k = 0; k < f->n; k++)
                if (net_address_same_host(&f->addresses[k], &a->address))
                    tell_came(f);
}

// What is not listed is here all the same when it is in 127.0.0.0/8, or where a route of type local leads to it: what
// is sent there has itself as its source. (To bind to it tells nothing where net.ipv4.ip_nonlocal_bind is set.)
static bool is_local(const struct net_address *a) {
    if (a->sa.sa_family == AF_INET && ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
        return true;
    struct net_address from;
    return local_address_toward(a, &from) && net_address_same_host(&from, a);
}

bool assoc_stacks_usable(const struct assoc_stacks *all, const struct net_address *a) {
    if (all->local == NULL)
        return true;
    const struct local_address *have = local_addresses_find(all->local, a);
    return have != NULL ? local_address_is_usable(have) : is_local(a);
}

bool assoc_stacks_has(const struct assoc_stacks *all, const struct net_address *a) {
    return (all->local != NULL && local_addresses_find(all->local, a) != NULL) || is_local(a);
}

const char *assoc_stacks_blind(const struct assoc_stacks *all) {
    return all->local == NULL ? all->blind : NULL;
}

// ---- names ----

static bool same_addresses(const struct followed *f, const struct resolver_answer *answer) {
    for (size_t k = 0; k < f->n && k < answer->n; k++)
        if (!net_address_equal(&f->addresses[k], &answer->addresses[k]))
            return false;
    return f->n == answer->n;
}

static void on_name(void *arg, const struct resolver_answer *answer) {
    struct followed *f = arg;
    bool news = !f->answered || (answer->n > 0 && !same_addresses(f, answer));
    f->answered = true;
    snprintf(f->error, sizeof f->error, "%s", answer->n > 0 || answer->error == NULL ? "" : answer->error);
    if (answer->n > 0) { // a name that vanished is more likely a mistake in the zone than the wish to stop the mail
        f->n = answer->n < ASSOC_STACK_ADDRESSES ? answer->n : ASSOC_STACK_ADDRESSES;
        memcpy(f->addresses, answer->addresses, f->n * sizeof *f->addresses);
    }
    look_all(f->all);
    if (news)
        tell_came(f);
}

struct followed *followed_find(const struct assoc_stacks *all, const char *host) {
    struct followed *f;
    LIST_FOREACH(f, &all->followed, link) {
        if (strcmp(f->host, host) == 0)
            break;
    }
    return f;
}

struct followed *followed_get(struct assoc_stacks *all, const char *host) {
    struct followed *f = followed_find(all, host);
    if (f != NULL) {
        f->refs++;
        return f;
    }
    f = mem_calloc(1, sizeof *f);
    if (f == NULL || (f->host = mem_strdup(host)) == NULL) {
        mem_free(f);
        return NULL;
    }
    f->all = all;
    f->refs = 1;
    f->numeric = f->answered = net_address_parse(&f->addresses[0], host, 0) == ERR_OK;
    f->n = f->numeric;
    if (!f->numeric)
        f->watch = resolver_watch(all->resolver, host, 0, AF_UNSPEC, on_name, f);
    if (!f->numeric && f->watch == NULL) {
        mem_free(f->host);
        mem_free(f);
        return NULL;
    }
    LIST_INSERT_HEAD(&all->followed, f, link);
    return f;
}

void followed_put(struct followed *f) {
    if (f == NULL || --f->refs > 0)
        return;
    LIST_REMOVE(f, link);
    resolver_cancel(f->watch);
    mem_free(f->host);
    mem_free(f);
}

static void list_addresses(const struct followed *f, char out[ASSOC_TEXT]) {
    size_t at = (size_t)snprintf(out, ASSOC_TEXT / 2, "%s", f->host);
    char text[NET_ADDRESS_TEXT];
    for (size_t k = 0; !f->numeric && k < f->n && at < ASSOC_TEXT / 2; k++)
        at += (size_t)snprintf(out + at, ASSOC_TEXT / 2 - at, "%s%s%s", k == 0 ? " (" : ", ",
                               net_address_host_text(&f->addresses[k], text), k + 1 == f->n ? ")" : "");
}

enum assoc_stack_reason followed_here(const struct followed *f, char why[ASSOC_TEXT]) {
    char text[NET_ADDRESS_TEXT], all[ASSOC_TEXT] = "";
    enum assoc_stack_reason found = ASSOC_STACK_ABSENT;
    why[0] = 0;
    if (f->n == 0 && !f->answered) {
        snprintf(why, ASSOC_TEXT, "%.100s is being resolved", f->host);
        return ASSOC_STACK_RESOLVING;
    }
    if (f->n == 0) {
        snprintf(why, ASSOC_TEXT, "%s", f->error[0] != 0 ? f->error : "the name has no address");
        return ASSOC_STACK_UNRESOLVED;
    }
    for (size_t k = 0; k < f->n; k++) {
        const struct net_address *a = &f->addresses[k];
        if (assoc_stacks_usable(f->all, a)) {
            why[0] = 0;
            return ASSOC_STACK_FINE;
        }
        const struct local_address *l = local_addresses_find(f->all->local, a); // else every address were usable
        if (l == NULL || (found != ASSOC_STACK_ABSENT && !l->duplicate))
            continue;
        found = l->duplicate ? ASSOC_STACK_DUPLICATE : ASSOC_STACK_TENTATIVE;
        snprintf(why, ASSOC_TEXT, "%s on %s is %s", net_address_host_text(a, text), l->if_name,
                 l->duplicate ? "not usable: another host on the network has it, too (duplicate address detection)"
                              : "not usable yet: the system still looks whether another host has it, too (duplicate "
                                "address detection)");
    }
    if (found == ASSOC_STACK_ABSENT) {
        list_addresses(f, all);
        snprintf(why, ASSOC_TEXT, "%.250s is not on this machine", all);
    }
    return found;
}

int assoc_stacks_follow(struct assoc_stacks *all, const char *host) {
    return host == NULL || followed_get(all, host) != NULL ? ERR_OK : ERR_NOMEM;
}

void assoc_stacks_unfollow(struct assoc_stacks *all, const char *host) {
    if (host != NULL)
        followed_put(followed_find(all, host));
}

bool assoc_stacks_pending(const struct assoc_stacks *all, const char *host) {
    const struct followed *f = host == NULL ? NULL : followed_find(all, host);
    return f != NULL && !f->answered;
}

void assoc_stacks_tell(struct assoc_stacks *all, void (*came)(void *arg, const char *host), void *arg) {
    all->came = came;
    all->came_arg = arg;
}

bool assoc_stacks_starting(const struct assoc_stacks *all) {
    const struct followed *f;
    LIST_FOREACH(f, &all->followed, link) {
        if (!f->answered)
            return true;
    }
    return false;
}

// ---- life ----

struct assoc_stacks *assoc_stacks_new(struct loop *l, struct resolver *r) {
    struct assoc_stacks *all = mem_calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    all->loop = l;
    all->resolver = r;
    LIST_INIT(&all->followed);
    LIST_INIT(&all->stacks);
    all->local = local_addresses_new(l, on_local_address, all);
    if (all->local == NULL)
        snprintf(all->blind, sizeof all->blind, "the system does not tell which addresses this machine has: %s",
                 strerror(errno));
    return all;
}

void assoc_stacks_free(struct assoc_stacks *all) {
    if (all == NULL)
        return;
    for (struct followed *f; (f = LIST_FIRST(&all->followed)) != NULL;) { // of peers
        f->refs = 1;
        followed_put(f);
    }
    local_addresses_free(all->local);
    mem_free(all);
}

struct assoc_stack *assoc_stack_find(const struct assoc_stacks *all, const char *name) {
    struct assoc_stack *s;
    LIST_FOREACH(s, &all->stacks, link) {
        if (strcmp(s->conf->name, name) == 0)
            break;
    }
    return s;
}
