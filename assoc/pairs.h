// SPDX-License-Identifier: BSD-2-Clause
// In which order a call tries its pairs of stack and remote address: for each stack of `via` in turn, all addresses of
// the peer, as `connect` and the answers of the resolver have them. One pair may be wanted first; then the others
// follow in that order. An address that is there twice is tried once over each stack.
//
// The order is followed while names are still being resolved: only a name whose turn it is is waited for. No clock, no
// sockets, no allocation; the targets belong to the caller.
#ifndef ASSOC_PAIRS_H
#define ASSOC_PAIRS_H

#include "base/address.h"
#include "conf/conf.h"

struct assoc_target { // one endpoint of the peer
    bool known;       // resolved, or it failed
    struct net_address *addresses;
    size_t n;          // 0 and known: it has none
    const char *error; // then: why
};

struct assoc_pair {
    const struct conf_stack *stack;
    const struct net_address *remote;
};

struct assoc_pairs {
    const struct conf_stack *const *via;
    size_t n_via;
    const struct assoc_target *targets;
    size_t n_targets;
    const char *first_stack, *first_remote; // wanted first, "192.0.2.1:102"; stack NULL: any; remote NULL: none is
    // how far it is; 0 at the beginning
    bool first_over; // the wanted pair was given, or is none of these
    struct assoc_pair first;
    size_t stack, target, address; // next in the order
    size_t failed;                 // targets without an address that were told
};

enum assoc_pairs_next {
    ASSOC_PAIRS_PAIR, // *out is next
    ASSOC_PAIRS_NAME, // the turn of a target that has no address, *failed; once for each
    ASSOC_PAIRS_WAIT, // ask again when another target is known
    ASSOC_PAIRS_END
};
enum assoc_pairs_next assoc_pairs_next(struct assoc_pairs *p, struct assoc_pair *out,
                                       const struct assoc_target **failed);

#endif
