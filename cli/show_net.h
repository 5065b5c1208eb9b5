// SPDX-License-Identifier: BSD-2-Clause
// Shared by `x400 show stacks` and `x400 show peers`: which of the daemon's objects are shown, and what was resolved.
#ifndef CLI_SHOW_NET_H
#define CLI_SHOW_NET_H

#include "cli/client.h"
#include "cli/table.h"

// The daemon's list of that, only of the names that were given as words. NULL: it failed, or there is no such, and was
// said. A new reference.
json_t *show_net_ask(struct cli *c, const struct args *a, const char *what, const char *one);

// "192.0.2.7, 2001:db8::7 (DNS, expires in 5 min)", or why there are none; of an address, itself.
const char *show_net_name(const struct cli *c, const json_t *name);
const char *show_net_list(const struct cli *c, const json_t *texts); // joined by ", "; "" for none

#endif
