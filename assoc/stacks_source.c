// SPDX-License-Identifier: BSD-2-Clause
// From which address a call starts: what is configured closest to the peer, and never an address of another node.
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "assoc/stacks_internal.h"
#include "base/err.h"

static const char *family_text(int family) {
    return family == AF_INET6 ? "IPv6" : "IPv4";
}

static bool has_family(const struct followed *f, int family) {
    for (size_t k = 0; k < f->n; k++)
        if (family == AF_UNSPEC || f->addresses[k].sa.sa_family == family)
            return true;
    return false;
}

// ---- which of several ----

// An interface that leads nowhere: lo, dummy. Its addresses are announced by routing, or stand for the machine.
static bool leads_nowhere(const char *name) {
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool known = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0;
    if (fd >= 0)
        close(fd);
    bool dummy = (r.ifr_flags & IFF_BROADCAST) != 0 && (r.ifr_flags & IFF_NOARP) != 0;
    return known && ((r.ifr_flags & IFF_LOOPBACK) != 0 || dummy);
}

static const struct local_address *entry_of(const struct assoc_stacks *all, const struct net_address *a) {
    return all->local == NULL ? NULL : local_addresses_find(all->local, a);
}

// The interface by which the system would reach it, 0: not known.
static unsigned interface_toward(const struct assoc_stacks *all, const struct net_address *to) {
    struct net_address from;
    const struct local_address *e = local_address_toward(to, &from) ? entry_of(all, &from) : NULL;
    return e == NULL ? 0 : e->if_index;
}

// Of these addresses a usable one of the family: one on the interface by which `to` is reached (NULL: any interface),
// or on lo, which stands for none. The others lead there by a detour or not at all: *first is the first of all, for who
// has to take one of them.
static const struct net_address *best(const struct assoc_stacks *all, const struct net_address *of, size_t n,
                                      int family, const struct net_address *to, const struct net_address **first) {
    unsigned want = to == NULL ? 0 : interface_toward(all, to);
    *first = NULL;
    for (size_t k = 0; k < n; k++) {
        if ((family != AF_UNSPEC && of[k].sa.sa_family != family) || !assoc_stacks_usable(all, &of[k]))
            continue;
        if (*first == NULL)
            *first = &of[k];
        const struct local_address *e = entry_of(all, &of[k]);
        if (want == 0 || e == NULL || e->if_index == want || leads_nowhere(e->if_name))
            return &of[k];
    }
    return NULL;
}

// ---- the source ----

struct question {
    int family;
    const struct net_address *to, *arrived; // to NULL: only the family is known
    size_t n_arrived;
};

// From one of these addresses or not at all. what: in words, the place of the configuration.
static int from(const struct followed *f, const char *what, const struct question *q, struct net_address *out,
                char why[ASSOC_TEXT]) {
    char text[ASSOC_TEXT];
    const struct net_address *first, *a = best(f->all, f->addresses, f->n, q->family, q->to, &first);
    if (first != NULL) {
        *out = a != NULL ? *a : *first;
        net_address_set_port(out, 0);
        snprintf(why, ASSOC_TEXT, "%s", what);
        return ERR_OK;
    }
    if (f->n > 0 && !has_family(f, q->family))
        snprintf(why, ASSOC_TEXT, "%s %.120s has no %s address", what, f->host, family_text(q->family));
    else if (followed_here(f, text) != ASSOC_STACK_FINE)
        snprintf(why, ASSOC_TEXT, "%s: %.280s", what, text);
    else
        snprintf(why, ASSOC_TEXT, "%s: no %s address of %.120s is on this machine", what, family_text(q->family),
                 f->host);
    return ERR_ABSENT;
}

static int source(const struct assoc_stack *s, const struct conf_peer *peer, const struct question *q,
                  struct net_address *out, bool *has, char why[ASSOC_TEXT]) {
    bool by_peer = peer != NULL && peer->source.host != NULL;
    const struct followed *of_peer = by_peer ? followed_find(s->all, peer->source.host) : NULL;
    *has = true;
    if (s->status.state == ASSOC_STACK_STANDBY || s->status.state == ASSOC_STACK_STARTING) {
        snprintf(why, ASSOC_TEXT, "%s", s->status.why);
        return ERR_ABSENT;
    }
    if (by_peer && of_peer == NULL) {
        snprintf(why, ASSOC_TEXT, "`source` of the peer %.120s is not followed: memory was short", peer->source.host);
        return ERR_ABSENT;
    }
    if (of_peer != NULL)
        return from(of_peer, "`source` of the peer", q, out, why);
    if (s->source != NULL)
        return from(s->source, "`source` of the stack", q, out, why);
    if (s->listen != NULL)
        return from(s->listen, "`listen on` of the stack", q, out, why);
    // A stack that listens on all addresses stands for all of the machine.
    const struct net_address *first, *a = s->conf->listen.host == NULL || q->n_arrived == 0
                                              ? NULL
                                              : best(s->all, q->arrived, q->n_arrived, q->family, q->to, &first);
    *has = a != NULL;
    if (*has) {
        *out = *a;
        net_address_set_port(out, 0);
    }
    snprintf(why, ASSOC_TEXT, "%s", *has ? "where the peer's last call came in" : "chosen by the system");
    return ERR_OK;
}

int assoc_stack_source(const struct assoc_stack *s, const struct conf_peer *peer, int family,
                       const struct net_address *arrived, struct net_address *out, bool *has, char why[ASSOC_TEXT]) {
    const struct question q = {.family = family, .arrived = arrived, .n_arrived = arrived != NULL};
    int err = source(s, peer, &q, out, has, why);
    if (err == ERR_OK)
        why[0] = 0;
    return err;
}

int assoc_stack_source_to(const struct assoc_stack *s, const struct conf_peer *peer, const struct net_address *to,
                          const struct net_address *arrived, size_t n_arrived, struct net_address *out, bool *has,
                          char why[ASSOC_TEXT]) {
    const struct question q = {.family = to->sa.sa_family, .to = to, .arrived = arrived, .n_arrived = n_arrived};
    return source(s, peer, &q, out, has, why);
}
