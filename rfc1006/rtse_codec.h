// SPDX-License-Identifier: BSD-2-Clause
// The APDUs of RTSE but RTTR, which is streamed (X.228; tags as in Wireshark's dissector and
// captures): RTORQ, RTOAC, RTORJ, RTAB. Decoded octets point into the input. Decoders return 0 or ERR_SYNTAX; encoders
// 0 or ERR_NOMEM.
#ifndef RFC1006_RTSE_CODEC_H
#define RFC1006_RTSE_CODEC_H

#include "asn1/tlv.h"
#include "rfc1006/rtse.h"

enum rtse_kind { RTSE_RTORQ = 16, RTSE_RTOAC = 17, RTSE_RTORJ = 18, RTSE_RTAB = 22 }; // the context tags

struct rtse_apdu {
    enum rtse_kind kind;
    uint32_t checkpoint, window; // RTORQ, RTOAC; their defaults are 0 and 3
    int dialogue;                // RTORQ: enum rtse_dialogue
    bool recover;                // RTORQ, RTOAC: connection data are `recover`
    struct bytes session_id;     // ... the members of its SessionConnectionIdentifier
    int protocol;                // RTORQ: applicationProtocol, 0: absent
    int reason;                  // RTORJ: -1 when absent; RTAB: default 0
    struct bytes user_data;      // p NULL: absent
};

int rtse_apdu_decode(struct bytes in, struct rtse_apdu *out);
int rtse_apdu_encode(struct buf *b, const struct rtse_apdu *a); // appends
// X.410 mode: the members alone, without the APDU's own tag.
int rtse_members_decode(enum rtse_kind kind, struct bytes in, struct rtse_apdu *out);
int rtse_members_encode(struct buf *b, const struct rtse_apdu *a);
// The members of a SessionConnectionIdentifier. ERR_SYNTAX, ERR_LIMIT.
int rtse_session_id_encode(struct buf *b, const struct rtse_session_id *id);
int rtse_session_id_decode(struct bytes in, struct rtse_session_id *out);

#endif
