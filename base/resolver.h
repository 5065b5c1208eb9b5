// SPDX-License-Identifier: BSD-2-Clause
// Names to addresses, asynchronously: hosts file and DNS through c-ares. A wrapper, and the only place that knows
// c-ares. Loop thread only.
#ifndef BASE_RESOLVER_H
#define BASE_RESOLVER_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/loop.h"

struct resolver;
struct resolver_query;

// An address with its port: sockaddr_in or sockaddr_in6.
struct net_address {
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

enum { NET_ADDRESS_TEXT = 80 }; // "192.0.2.1:102", "[2001:db8::1]:102"
socklen_t net_address_len(const struct net_address *a);
const char *net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT]);      // with port
const char *net_address_host_text(const struct net_address *a, char out[NET_ADDRESS_TEXT]); // without
int net_address_parse(const char *host, uint16_t port, struct net_address *out); // ERR_SYNTAX: not a numeric address
int net_address_same_host(const struct net_address *a, const struct net_address *b); // non-zero: the same

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
