// SPDX-License-Identifier: BSD-2-Clause
// Whether a peer's `accept from` allows an address: its prefixes, and all A and AAAA records of its names, as they are
// now. The names of all peers of one configuration are watched by the resolver, which asks again when their time is
// over; while the name servers fail, what they said last counts. Loop thread only.
#ifndef ASSOC_ACCEPT_H
#define ASSOC_ACCEPT_H

#include "base/address.h"
#include "base/buf.h"
#include "base/resolver.h"
#include "conf/conf.h"

struct assoc_accept;

// Watches the names of c, whose strings must outlive it. `found` is called, never from within, when a name was resolved
// for the first time, or known not to resolve: what was pending may be decided now. NULL: no memory.
struct assoc_accept *assoc_accept_new(struct resolver *r, const struct conf *c, void (*found)(void *arg), void *arg);
void assoc_accept_free(struct assoc_accept *a); // NULL is allowed

// PENDING: no prefix allows it, and a name has not been resolved for the first time yet, which takes the resolver 10 s
// at most. A peer without `accept from` allows every address. a NULL: names allow nothing.
enum assoc_accept_verdict { ASSOC_ACCEPT_NO, ASSOC_ACCEPT_YES, ASSOC_ACCEPT_PENDING };
enum assoc_accept_verdict assoc_accept_check(const struct assoc_accept *a, const struct conf_peer *p,
                                             const struct net_address *from);

// What the peer's `accept from` lists, each name with what it leads to now, or why to nothing:
// "192.0.2.0/24, mta-b.example.net (now 198.51.100.7, 2001:db8::7), x.example.net (there is no such name)".
// Appended; a long list is cut with "and 5 more". ERR_NOMEM.
int assoc_accept_list(const struct assoc_accept *a, const struct conf_peer *p, struct buf *out);

#endif
