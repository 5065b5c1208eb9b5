// SPDX-License-Identifier: BSD-2-Clause
#include "assoc/pairs.h"

#include <string.h>

// The wanted pair among what is known now.
static bool find_first(const struct assoc_pairs *p, struct assoc_pair *out) {
    char text[NET_ADDRESS_TEXT];
    for (size_t s = 0; s < p->n_via; s++) {
        if (p->first_stack != NULL && strcmp(p->via[s]->name, p->first_stack) != 0)
            continue;
        for (size_t t = 0; t < p->n_targets; t++)
            for (size_t k = 0; p->targets[t].known && k < p->targets[t].n; k++)
                if (strcmp(net_address_text(&p->targets[t].addresses[k], text), p->first_remote) == 0) {
                    *out = (struct assoc_pair){p->via[s], &p->targets[t].addresses[k]};
                    return true;
                }
    }
    return false;
}

static bool all_known(const struct assoc_pairs *p) {
    size_t t = 0;
    while (t < p->n_targets && p->targets[t].known)
        t++;
    return t == p->n_targets;
}

// The address stands earlier in the order, too. All before it are known.
static bool repeated(const struct assoc_pairs *p) {
    const struct net_address *a = &p->targets[p->target].addresses[p->address];
    for (size_t t = 0; t <= p->target; t++)
        for (size_t k = 0; k < (t < p->target ? p->targets[t].n : p->address); k++)
            if (net_address_equal(&p->targets[t].addresses[k], a))
                return true;
    return false;
}

static bool was_first(const struct assoc_pairs *p, const struct assoc_pair *pair) {
    return p->first.stack == pair->stack && net_address_equal(p->first.remote, pair->remote);
}

static enum assoc_pairs_next next_in_order(struct assoc_pairs *p, struct assoc_pair *out,
                                           const struct assoc_target **failed) {
    for (; p->stack < p->n_via; p->stack++, p->target = 0)
        for (; p->target < p->n_targets; p->target++, p->address = 0) {
            const struct assoc_target *t = &p->targets[p->target];
            if (!t->known)
                return ASSOC_PAIRS_WAIT;
            if (t->n == 0 && p->target >= p->failed) {
                p->failed = p->target + 1;
                *failed = t;
                return ASSOC_PAIRS_NAME;
            }
            for (; p->address < t->n; p->address++) {
                struct assoc_pair pair = {p->via[p->stack], &t->addresses[p->address]};
                if (repeated(p) || was_first(p, &pair))
                    continue;
                p->address++;
                *out = pair;
                return ASSOC_PAIRS_PAIR;
            }
        }
    return ASSOC_PAIRS_END;
}

enum assoc_pairs_next assoc_pairs_next(struct assoc_pairs *p, struct assoc_pair *out,
                                       const struct assoc_target **failed) {
    if (!p->first_over && p->first_remote != NULL) {
        bool found = find_first(p, &p->first);
        if (!found && !all_known(p))
            return ASSOC_PAIRS_WAIT;
        p->first_over = true;
        if (found) {
            *out = p->first;
            return ASSOC_PAIRS_PAIR;
        }
    }
    return next_in_order(p, out, failed);
}
