// SPDX-License-Identifier: BSD-2-Clause
// Tracing peers while the program runs: every PDU of their associations in words (rfc1006/pdu.h), the bind, the
// messages that pass, and the steps of the state machines. Costs nothing while assoc_env.trace is NULL. Passwords are
// never in a line, nor any other user data.
#ifndef ASSOC_TRACE_H
#define ASSOC_TRACE_H

#include "assoc/assoc.h"

// What a line is of; the first six as in enum stack_layer, without the network.
enum trace_layer {
    TRACE_CONNECTION,
    TRACE_TRANSPORT,
    TRACE_SESSION,
    TRACE_PRESENTATION,
    TRACE_ASSOCIATION,
    TRACE_RTSE,
    TRACE_BIND,
    TRACE_P1,
    TRACE_LAYERS
};
const char *trace_layer_name(enum trace_layer l);             // "session"
bool trace_layer_find(const char *name, enum trace_layer *l); // by its name

enum trace_way { TRACE_SENT, TRACE_RECEIVED, TRACE_STATE };

struct assoc_trace_line {
    const char *local, *remote; // valid during the call
    bool initiator;
    int64_t utc_ms;
    enum trace_layer layer;
    enum trace_way way;
    const char *text; // UTF-8 as far as the peer's names are
};

struct assoc_trace {
    void *ctx;
    bool (*wanted)(void *ctx, const char *peer); // its name in the configuration
    void (*line)(void *ctx, const char *peer, const struct assoc_trace_line *l);
};

// Whose an answered caller is, once that is known, or to which peer it comes nearest: what it did so far is told then.
// assoc_accept does so by itself; call it before assoc_refuse.
void assoc_watch_peer(struct assoc *a, const struct conf_peer *peer);

// For assoc.c.
void assoc_watch_begin(struct assoc *a); // its stack was made
void assoc_watch_octets(struct assoc *a, bool sent, struct bytes octets);
void assoc_watch_free(struct assoc *a);

#endif
