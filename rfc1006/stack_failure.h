// SPDX-License-Identifier: BSD-2-Clause
// Layers of the stack by name, and why an association ended or never began, as it is handed from layer to layer
// upwards.
#ifndef RFC1006_STACK_FAILURE_H
#define RFC1006_STACK_FAILURE_H

#include <stdbool.h>

enum stack_layer {
    STACK_NETWORK,
    STACK_TRANSPORT,
    STACK_SESSION,
    STACK_PRESENTATION,
    STACK_ASSOCIATION,
    STACK_RTSE,
    STACK_N_LAYERS
};

// How it ended, as far as that helps to say why. Set by stack_failure_set: refused, when the peer gave a reason.
enum stack_how {
    STACK_FAILED,  // the text says it
    STACK_REFUSED, // by a PDU that answers our connect; reason is its code
    STACK_ABORTED, // by a PDU of the peer that ends what there is: ER, ABORT, ARP, ABRT, RTAB
    STACK_BROKEN,  // the peer broke the protocol: we ended it
    STACK_SILENT,  // the peer did not answer in time
    STACK_CLOSED   // the connection below was closed
};

// reason is the standard's code of that layer (of AARE: 100 times the source, and the diagnostic), -1 when it has none.
struct stack_failure {
    enum stack_layer layer;
    bool by_peer;     // the peer said so; else we found it
    bool local_fault; // our own trouble (memory): says nothing about the peer
    enum stack_how how;
    int reason;
    char text[160];    // "session: REFUSE, reason 129 (called session selector unknown)"
    const char *cause; // a likely cause in plain words, never NULL, may be ""
};

// by_peer as given, local_fault false, the cause by layer and reason. The text is cut to fit.
void stack_failure_set(struct stack_failure *f, enum stack_layer layer, bool by_peer, int reason, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
