// SPDX-License-Identifier: BSD-2-Clause
#include "mta/route.h"

#include <stdlib.h>

static struct route_candidate of_route(const struct conf_route *r, const struct or_address *address) {
    int matched = r->pattern == NULL ? 0 : or_address_match(r->pattern, address);
    return (struct route_candidate){{ROUTE_PEER, r->peer, NULL}, matched, r->cost, r->pattern, r->where};
}

static struct route_candidate of_deliver(const struct conf_deliver *d, const struct or_address *address) {
    int matched = d->pattern == NULL ? 0 : or_address_match(d->pattern, address);
    return (struct route_candidate){{ROUTE_LOCAL, NULL, d}, matched, 0, d->pattern, d->where};
}

// Less than 0: a comes before b. Equal ones keep the order of the file.
static int better(const struct route_candidate *a, const struct route_candidate *b) {
    if (a->matched != b->matched)
        return b->matched - a->matched;
    if (a->route.kind != b->route.kind)
        return a->route.kind == ROUTE_LOCAL ? -1 : 1;
    return a->cost < b->cost ? -1 : a->cost > b->cost;
}

struct route route_find(const struct conf *c, const struct or_address *address) {
    struct route_candidate best = {.matched = -1};
    for (size_t i = 0; i < c->n_delivers; i++) {
        struct route_candidate d = of_deliver(&c->delivers[i], address);
        if (d.matched >= 0 && (best.matched < 0 || better(&d, &best) < 0))
            best = d;
    }
    for (size_t i = 0; i < c->n_routes; i++) {
        struct route_candidate r = of_route(&c->routes[i], address);
        if (r.matched >= 0 && (best.matched < 0 || better(&r, &best) < 0))
            best = r;
    }
    return best.route;
}

size_t route_candidates(const struct conf *c, const struct or_address *address, struct route_candidate *out,
                        size_t *n) {
    *n = 0;
    size_t matching = 0;
    for (size_t i = 0; i < c->n_delivers + c->n_routes; i++) {
        struct route_candidate k =
            i < c->n_delivers ? of_deliver(&c->delivers[i], address) : of_route(&c->routes[i - c->n_delivers], address);
        size_t at = (*n)++;
        for (; at > 0 && better(&k, &out[at - 1]) < 0; at--) // insertion keeps equals in order
            out[at] = out[at - 1];
        out[at] = k;
        matching += k.matched >= 0;
    }
    return matching;
}
