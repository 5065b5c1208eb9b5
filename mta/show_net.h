// SPDX-License-Identifier: BSD-2-Clause
// What `x400 show stacks` and `x400 show peers` see (x400(1) lists the keys). Loop thread only.
#ifndef MTA_SHOW_NET_H
#define MTA_SHOW_NET_H

#include "mta/control.h"

json_t *show_stacks(struct request *r); // show_stacks.c
json_t *show_peers(struct request *r);  // show_peers.c
struct peer;
const char *peer_state(const struct peer *p); // a word for it

// What the resolver knows of a host name: host, addresses, source, found, expires, stale, asking, error. For an address
// these are empty, and `name` is false.
json_t *show_name(const struct mta *m, const char *host);

#endif
