// SPDX-License-Identifier: BSD-2-Clause
// Reliable Transfer Service Element (X.218, X.228), both modes: the terms that its user meets. The machine itself is
// driven by `stack`, which is the only one to see all layers; users include rfc1006/stack.h.
#ifndef RFC1006_RTSE_H
#define RFC1006_RTSE_H

#include <stdint.h>

#include "base/buf.h"

// How an association is made. X.410 mode is that of 1984, without presentation and association control; which protocol
// is spoken over it is said by RTORQ's application protocol.
enum rtse_mode { RTSE_NORMAL, RTSE_X410 };
enum { RTSE_PROTOCOL_P1_1984 = 1, RTSE_PROTOCOL_P1_1988 = 12 };

// Reasons of an RTORJ-APDU (RefuseReason; values as in Wireshark's dissector). In normal mode a refusal by the user
// carries user data instead; in X.410 mode the reason is all there is.
enum rtse_refuse {
    RTSE_REFUSE_BUSY = 0,
    RTSE_REFUSE_CANNOT_RECOVER = 1,
    RTSE_REFUSE_VALIDATION_FAILURE = 2,
    RTSE_REFUSE_DIALOGUE_MODE = 3,
    RTSE_REFUSE_NONE = -1, // no reason on the wire
};

// Reasons of an RTAB-APDU (AbortReason; values as in Wireshark's dissector).
enum rtse_abort {
    RTSE_ABORT_LOCAL_SYSTEM_PROBLEM = 0,
    RTSE_ABORT_INVALID_PARAMETER = 1,
    RTSE_ABORT_UNRECOGNIZED_ACTIVITY = 2,
    RTSE_ABORT_TEMPORARY_PROBLEM = 3,
    RTSE_ABORT_PROTOCOL_ERROR = 4,
    RTSE_ABORT_PERMANENT_PROBLEM = 5,
    RTSE_ABORT_USER_ERROR = 6,
    RTSE_ABORT_TRANSFER_COMPLETED = 7,
};

// Why a receiver does not want the rest of a transfer: the reasons of P-U-EXCEPTION-REPORT.
enum rtse_exception {
    RTSE_EXCEPTION_NON_SPECIFIC = 0,
    RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED = 1, // no room now: the sender tries again later
    RTSE_EXCEPTION_SEQUENCE_ERROR = 3,
    RTSE_EXCEPTION_LOCAL_USER_ERROR = 5,
    RTSE_EXCEPTION_UNRECOVERABLE_PROCEDURE_ERROR = 6,
};

enum rtse_dialogue { RTSE_MONOLOGUE = 0, RTSE_TWO_WAY_ALTERNATE = 1 };

// What one side must keep to resume an interrupted transfer on a later association. Plain octets, so that an owner can
// store it. Nothing here resumes by itself.
struct rtse_recovery {
    // The session connection identifier of the association on which the activity started, as the parameters' contents
    // were on the wire (in normal mode themselves BER).
    uint8_t user_reference[64], common_reference[64], additional_reference[4];
    uint8_t n_user_reference, n_common_reference, n_additional_reference;
    uint8_t activity_id[6]; // as on the wire
    uint8_t n_activity_id;
    uint32_t serial;           // last confirmed minor synchronization point, 0: none
    uint64_t octets_confirmed; // of the APDU's octets, those before that point
};

const char *rtse_refuse_text(int reason);    // never NULL
const char *rtse_abort_text(int reason);     // never NULL
const char *rtse_exception_text(int reason); // never NULL

#endif
