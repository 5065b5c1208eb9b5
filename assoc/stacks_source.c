// SPDX-License-Identifier: BSD-2-Clause
// From which address a call starts: what is configured closest to the peer, and never an address of another node.
#include <stdio.h>
#include <string.h>

#include "assoc/stacks_internal.h"
#include "base/err.h"

static const char *family_text(int family) {
    return family == AF_INET6 ? "IPv6" : "IPv4";
}

static bool has_family(const struct followed *f, int family) {
    for (size_t k = 0; k < f->n; k++)
        if (f->addresses[k].sa.sa_family == family)
            return true;
    return false;
}

// From one of these addresses or not at all.
static int from(const struct followed *f, const char *what, int family, struct net_address *out, char why[ASSOC_TEXT]) {
    char text[ASSOC_TEXT];
    const struct net_address *a = followed_usable(f, family);
    if (a != NULL) {
        *out = *a;
        return ERR_OK;
    }
    if (f->n > 0 && !has_family(f, family))
        snprintf(why, ASSOC_TEXT, "%s %.120s has no %s address", what, f->host, family_text(family));
    else if (followed_here(f, text) != ASSOC_STACK_FINE)
        snprintf(why, ASSOC_TEXT, "%s: %.280s", what, text);
    else
        snprintf(why, ASSOC_TEXT, "%s: no %s address of %.120s is on this machine", what, family_text(family), f->host);
    return ERR_ABSENT;
}

static void plain(const struct net_address *a, struct net_address *out) {
    *out = *a;
    if (a->sa.sa_family == AF_INET6)
        out->v6.sin6_port = 0;
    else
        out->v4.sin_port = 0;
}

// Where the peer's last call came in: for a stack that listens on any, which stands for all addresses of the machine.
static bool from_arrived(const struct assoc_stack *s, int family, const struct net_address *arrived) {
    return arrived != NULL && arrived->sa.sa_family == family && s->conf->listen.host != NULL && s->listen == NULL &&
           assoc_stacks_usable(s->all, arrived);
}

int assoc_stack_source(const struct assoc_stack *s, const struct conf_peer *peer, int family,
                       const struct net_address *arrived, struct net_address *out, bool *has, char why[ASSOC_TEXT]) {
    const struct followed *of_peer =
        peer == NULL || peer->source.host == NULL ? NULL : followed_find(s->all, peer->source.host);
    why[0] = 0;
    *has = true;
    if (s->status.state == ASSOC_STACK_STANDBY || s->status.state == ASSOC_STACK_STARTING) {
        snprintf(why, ASSOC_TEXT, "%s", s->status.why);
        return ERR_ABSENT;
    }
    if (of_peer != NULL)
        return from(of_peer, "`source` of the peer", family, out, why);
    if (s->source != NULL)
        return from(s->source, "`source` of the stack", family, out, why);
    if (s->listen != NULL)
        return from(s->listen, "`listen on` of the stack", family, out, why);
    *has = from_arrived(s, family, arrived);
    if (*has)
        plain(arrived, out);
    return ERR_OK;
}
