// SPDX-License-Identifier: BSD-2-Clause
// Names to addresses, asynchronously: hosts file and DNS through c-ares. A wrapper, and the only place that knows
// c-ares. Loop thread only.
#ifndef BASE_RESOLVER_H
#define BASE_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/loop.h"

struct resolver;
struct resolver_query;

struct resolver_answer {
    const struct net_address *addresses; // all of A and AAAA, in the resolver's order; with the port asked for
    size_t n;
    unsigned ttl_s;    // of the shortest; 0 for a numeric address or the hosts file
    const char *error; // NULL, or why there are none: "name not found: mta.example.net"
};
typedef void (*resolver_cb)(void *arg, const struct resolver_answer *answer);

struct resolver *resolver_new(struct loop *l); // NULL: no memory, or no usable system configuration
void resolver_free(struct resolver *r);        // queries under way are answered with an error first

// cb is called once, never from within resolver_ask. NULL when memory is short. family AF_UNSPEC: both.
struct resolver_query *resolver_ask(struct resolver *r, const char *name, uint16_t port, int family, resolver_cb cb,
                                    void *arg);
void resolver_cancel(struct resolver_query *q); // cb is not called any more

#endif
