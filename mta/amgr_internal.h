// SPDX-License-Identifier: BSD-2-Clause
// Shared by the calling (amgr.c) and the answering (amgr_listen.c) half of the association manager.
#ifndef MTA_AMGR_INTERNAL_H
#define MTA_AMGR_INTERNAL_H

#include "mta/amgr.h"

struct listening {
    LIST_ENTRY(listening) link;
    struct amgr *a;
    struct held_conf *held;
    const struct conf_stack *conf;
    struct assoc_listener *listener;
    struct loop_timer *retry;
    char error[ASSOC_TEXT];
    int64_t since_utc, last_call_utc;
    char last_caller[NET_ADDRESS_TEXT], last_result[60];
};

struct amgr {
    struct mta *m;
    LIST_HEAD(, peer) peers;
    LIST_HEAD(, listening) listenings;
    uint64_t made; // associations
    bool started;
    struct loop_timer *patience; // while stopping: then what is still busy is aborted
    void (*stopped)(void *arg);
    void *stopped_arg;
};

struct link *link_new(struct peer *p, bool outgoing); // NULL: no memory; the association is set by the caller
void link_up(struct link *l);
void link_drop(struct link *l); // when the loop runs no more
void on_link_ended(void *ctx, const struct assoc_failure *f);
void amgr_take_peers(struct amgr *a); // follows the configuration in force
void peer_abort(struct peer *p);      // all its associations, whatever they do
void amgr_check_stopped(struct amgr *a);

#endif
