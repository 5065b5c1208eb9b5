// SPDX-License-Identifier: BSD-2-Clause
// Inside the presentation layer only: what its state table (presentation.c) and its face towards session
// (presentation_session.c) share.
#ifndef RFC1006_PRESENTATION_FSM_H
#define RFC1006_PRESENTATION_FSM_H

#include "rfc1006/presentation.h"

enum presentation_state { IDLE, AWAIT_CPA, AWAIT_RESPONSE, CONNECTED, N_STATES };
enum presentation_step {
    CONNECT_REQ, // requests and responses of the users above, up to ...
    CONNECT_RSP,
    CONNECT_RSP_REFUSE,
    RELEASE_REQ,
    RELEASE_RSP,
    U_ABORT_REQ,
    DATA_REQ,
    EVENT_REQ, // ... here
    CP,
    CPA,
    CPR,
    S_REFUSE, // a session refusal without CPR
    RELEASE_IND,
    RELEASE_CNF,
    ARU,
    ARP,
    S_P_ABORT,
    DATA_IND,
    EVENT_IND,
    N_EVENTS
};

// What an event carries, as far as it needs.
struct presentation_arg {
    const struct presentation_connect *connect;
    const struct session_connect *session_connect;
    struct presentation_ppdu *ppdu;
    const struct stack_failure *failure;
    struct presentation_event *passing;
    int32_t context;
    struct buf *buf;
    struct bytes octets;
    bool last; // octets end an SSDU
};

enum { ARP_UNRECOGNIZED_PPDU = 1, ARP_UNEXPECTED_PPDU = 2, ARP_UNEXPECTED_PRIMITIVE = 3, ARP_INVALID_VALUE = 6 };
enum { CPR_CONGESTION = 1, CPR_VERSION = 4, CPR_USER_DATA_NOT_READABLE = 6 };

// The one value in the user data of anything but P-DATA, and its context. p NULL when there is none or it cannot be
// read.
struct bytes presentation_value_of(struct presentation *p, struct bytes user_data, int64_t *context);
// A fault of the peer: ARP, and the users above get a P-P-ABORT indication.
void presentation_fault(struct presentation *p, int reason, int event, const char *what);
// Refuses a connection before any user above has seen it. cpr NULL: without CPR.
void presentation_refuse(struct presentation *p, uint8_t session_reason, struct presentation_ppdu *cpr,
                         const struct stack_failure *f);

#endif
