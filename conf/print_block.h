// SPDX-License-Identifier: BSD-2-Clause
// One block or line of a configuration as text. Private to this room.
#ifndef CONF_PRINT_BLOCK_H
#define CONF_PRINT_BLOCK_H

#include "base/buf.h"
#include "conf/conf.h"

struct printer {
    struct buf *out;
    bool secrets; // else an inline password is ***
    int err;      // the first that happened
};

void print_mta(struct printer *p, const struct conf_mta *m);
void print_stack(struct printer *p, const struct conf_stack *s);
void print_peer(struct printer *p, const struct conf_peer *peer);
void print_route(struct printer *p, const struct conf_route *r);
void print_deliver(struct printer *p, const struct conf_deliver *d);

#endif
