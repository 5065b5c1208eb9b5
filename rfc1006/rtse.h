// SPDX-License-Identifier: BSD-2-Clause
// Reliable Transfer Service Element (X.218, X.228), both modes: the terms that its user meets. The machine itself is
// driven by `stack`, which is the only one to see all layers; users include rfc1006/stack.h.
#ifndef RFC1006_RTSE_H
#define RFC1006_RTSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "rfc1006/pdv_mark.h"

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

// Why a receiver cannot resume a transfer: it does not know the activity, or not so far; or it has all of it already,
// and took responsibility.
enum rtse_no_resume { RTSE_RESUME_UNKNOWN, RTSE_RESUME_COMPLETED };

enum rtse_dialogue { RTSE_MONOLOGUE = 0, RTSE_TWO_WAY_ALTERNATE = 1 };

// The session connection identifier: the parameters' contents as they were on the wire, themselves BER (user reference
// T61String or OCTET STRING, common reference UTCTime, additional reference T61String).
struct rtse_session_id {
    uint8_t user[64], common[64], additional[4];
    uint8_t n_user, n_common, n_additional;
};

enum { RTSE_POINTS = 256 }; // more than a window: points that a sender may go back to

// What one side must keep to resume an interrupted transfer, on the same association or a later one. Nothing here
// resumes by itself. A sender goes on behind the octets confirmed, a receiver has them in safety.
struct rtse_recovery {
    struct rtse_session_id session; // of the association on which the activity was started or last resumed
    uint8_t activity_id[6];         // as on the wire
    uint8_t n_activity_id;
    enum rtse_mode mode;
    uint32_t serial;           // last confirmed minor synchronization point, 0: none, and nothing to resume
    uint64_t octets_confirmed; // of the APDU's octets
    // RTSE's own. The stream is the APDU and, in normal mode, the EXTERNAL around it.
    uint64_t stream;          // octets of it confirmed
    uint64_t at[RTSE_POINTS]; // receiver: octets of it before a point, by serial modulo RTSE_POINTS
    struct pdv_mark mark;     // receiver: how far the EXTERNAL is read
};

// The same as octets, to be stored: appended. ERR_NOMEM. Read back: ERR_SYNTAX, also for those of another version.
int rtse_recovery_put(struct buf *b, const struct rtse_recovery *r);
int rtse_recovery_get(struct bytes in, struct rtse_recovery *out);

// Whether both name the same session connection, activity. T61String and OCTET STRING are not told apart: a peer may
// write its reference in one way in CONNECT and in the other in RTORQ.
bool rtse_same_session(const struct rtse_session_id *a, const struct rtse_session_id *b);
bool rtse_same_activity(const struct rtse_recovery *a, const struct rtse_recovery *b);

const char *rtse_refuse_text(int reason); // never NULL
const char *rtse_abort_text(int reason);  // never NULL

#endif
