// SPDX-License-Identifier: BSD-2-Clause
// Whom `x400 ping` calls, as a peer's configuration made of a block of the file, or of the command line alone.
#ifndef CLI_PING_PEER_H
#define CLI_PING_PEER_H

#include "cli/command.h"
#include "conf/conf.h"

struct ping_peer {
    const struct conf_peer *peer; // the copy
    struct conf *conf;            // NULL: the command line says everything
    struct arena passwords;       // wiped
    struct conf_peer copy;        // with what the options change
    struct conf_endpoint endpoint;
    struct conf_stack stack;
    const struct conf_stack *via[1];
    struct conf_password password, remote_password;
};

// pp must stay where it is while peer is used. CLI_DONE, or CLI_FAILED and CLI_USAGE, said.
int ping_peer_make(struct cli *c, const struct args *a, struct ping_peer *pp);
void ping_peer_free(struct ping_peer *pp);

#endif
