// SPDX-License-Identifier: BSD-2-Clause
// Routing by O/R address: of all routes and delivery directories whose attributes match, the one with the most
// attributes wins; of equals a local delivery before a route, then the lower cost, then the earlier in the file.
#ifndef MTA_ROUTE_H
#define MTA_ROUTE_H

#include "conf/conf.h"
#include "x400/oraddr.h"

enum route_kind { ROUTE_NONE, ROUTE_PEER, ROUTE_LOCAL };

struct route {
    enum route_kind kind;
    const struct conf_peer *peer;
    const struct conf_deliver *deliver;
};
struct route route_find(const struct conf *c, const struct or_address *address);

// Every candidate, the winner first, each with what it matched: for `show route`.
struct route_candidate {
    struct route route;
    int matched; // attributes; -1: does not match
    unsigned cost;
    const struct or_address *pattern; // NULL: any
    struct conf_where where;
};
// out has room for n_routes + n_delivers of the configuration; returns how many match (they come first, best first).
size_t route_candidates(const struct conf *c, const struct or_address *address, struct route_candidate *out, size_t *n);

#endif
