// SPDX-License-Identifier: BSD-2-Clause
// What a stack is told at its making, and what it negotiated: parameters of all its layers in one place. In selectors
// and references p == NULL means absent, n == 0 with p != NULL present and empty. Users include rfc1006/stack.h.
#ifndef RFC1006_STACK_PARAMS_H
#define RFC1006_STACK_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "rfc1006/rtse.h"

struct stack_address {
    struct bytes tsel, ssel, psel;
};

// The session connection identifier. In normal mode the contents of user and common reference are BER values
// (T61String or OCTET STRING, UTCTime); they travel as they are given here.
struct stack_reference {
    struct bytes user, common, additional;
};

enum stack_syntax { STACK_SYNTAX_ACSE, STACK_SYNTAX_RTSE, STACK_SYNTAX_USER, STACK_N_SYNTAXES };

struct stack_params {
    // Initiator: what is sent; responder: `called` is what is answered, if present.
    struct stack_address called, calling;
    uint32_t tpdu_size;    // proposed or at most accepted, octets with header; 0: the default of RFC 1006
    bool tpdu_size_absent; // propose nothing (65,531 then applies)
    uint16_t tp_reference; // our transport reference, 0: a random one
    uint16_t tsdu_to_responder, tsdu_to_initiator; // session TSDU maximum sizes, 0: unlimited
    struct stack_reference reference; // initiator: proposed; responder: answered when present, else the peer's
    struct {                          // initiator: the presentation contexts in the order they are proposed
        int32_t id;                   // odd
        enum stack_syntax syntax;
    } contexts[STACK_N_SYNTAXES];
    struct bytes rtse_syntax, user_syntax, application_context; // object identifiers, contents octets
    // Initiator. X.410 mode has no contexts, no application context and no P-selectors but the protocol,
    // RTSE_PROTOCOL_*.
    enum rtse_mode mode;
    int protocol;
    enum rtse_dialogue dialogue;                     // initiator: proposed
    bool initial_turn_responder;                     // initiator: the responder has it at first
    bool refuse_monologue, refuse_two_way_alternate; // responder
    struct bytes implementation_information;         // ACSE, GraphicString; absent: not sent
    uint32_t checkpoint; // K octets between checkpoints, 0: none. Initiator proposes; responder takes at most this
    uint32_t window;     // unconfirmed checkpoints, the same
    // Limits of what a peer can make us hold.
    uint32_t max_connect_data; // of one connect, accept, refuse or abort, octets
    uint32_t output_high;      // stack_transfer_data gives no room while more than this waits in stack_output()
    // Timers, 0: none.
    uint32_t open_timeout_ms;    // from the first octet until RT-OPEN is confirmed (initiator) or indicated (responder)
    uint32_t release_timeout_ms; // from RT-CLOSE request to its confirm, and for the peer to disconnect after our abort
    uint32_t transfer_timeout_ms; // from the start of a transfer to its confirm: the default of stack_rt_transfer_req
    // During a transfer, without a confirmation (sender; without checkpoints: without the network taking an octet) or
    // without an octet (receiver): the association is aborted.
    uint32_t no_progress_ms;
};

// Contexts 1 ACSE, 3 RTSE, 5 user (2.6.0.2.12, 2.6.0.2.7), application context mts-transfer, checkpoint 30, window 5,
// monologue, the other dialogue refused, no selectors, TPDU size by default, unlimited TSDUs, generated references.
void stack_params_default(struct stack_params *p);

// What was negotiated. at_ms is the time a layer was up, 0: it is not.
struct stack_negotiated {
    struct stack_address called, calling; // as the peer's connect or ours had them
    struct {
        uint64_t at_ms;
        uint32_t tpdu_size;
        uint16_t local_reference, remote_reference;
    } transport;
    struct {
        uint64_t at_ms;
        uint8_t version;
        uint16_t functional_units;
        uint32_t tsdu_to_responder, tsdu_to_initiator; // 0: unlimited
        struct stack_reference reference;
    } session;
    struct {
        uint64_t at_ms;
        size_t n_contexts;
        struct {
            int32_t id;
            char abstract_syntax[48]; // dotted
            bool accepted;
        } contexts[8]; // in the order proposed; when there are more, not all that were refused
    } presentation;
    struct {
        uint64_t at_ms;
        char application_context[48]; // dotted
        char implementation[80];      // the peer's implementation-information, printable, "": none
    } association;
    struct {
        uint64_t at_ms;
        uint32_t checkpoint, window; // agreed
        enum rtse_dialogue dialogue;
        enum rtse_mode mode;
        int protocol; // X.410 mode, 0: not said
    } rtse;
};

#endif
