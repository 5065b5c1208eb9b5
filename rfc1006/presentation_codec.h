// SPDX-License-Identifier: BSD-2-Clause
// The PPDUs that are carried by session connect, refuse and abort: CP, CPA, CPR, ARU, ARP (X.226). They are small and
// held whole; their User-data stay encoded. In X.410 mode they hold the members of an APDU of RTSE and nothing else
// (CP, CPA: SET { mode, [1] SET { members } }; CPR, ARU: SET { members }), there is no ARP, and data have no PPDU at
// all. Decoded octets point into the input. Decoders return 0, ERR_SYNTAX or ERR_LIMIT; encoders 0 or ERR_NOMEM.
#ifndef RFC1006_PRESENTATION_CODEC_H
#define RFC1006_PRESENTATION_CODEC_H

#include <stdbool.h>

#include "asn1/tlv.h"

enum { PRESENTATION_CONTEXTS = 64 }; // proposed at most

enum presentation_result {
    PRESENTATION_ACCEPTANCE = 0,
    PRESENTATION_USER_REJECTION = 1,
    PRESENTATION_PROVIDER_REJECTION = 2
};
enum presentation_rejection { // provider-reason of one context
    PRESENTATION_REJECT_NOT_SPECIFIED = 0,
    PRESENTATION_REJECT_ABSTRACT_SYNTAX = 1,
    PRESENTATION_REJECT_TRANSFER_SYNTAXES = 2,
    PRESENTATION_REJECT_DCS_LIMIT = 3,
};

struct presentation_context {
    int32_t id;
    struct bytes abstract_syntax; // object identifier, contents
    bool ber;                     // BER is among the transfer syntaxes proposed
    uint8_t result;               // enum presentation_result
    int8_t reason;                // enum presentation_rejection, -1: none
};

struct presentation_ppdu {
    bool normal_mode;                       // else X.410 mode
    bool version_1;                         // protocol version 1 is proposed or chosen
    struct bytes calling_psel, called_psel; // p NULL: absent. In CPA and CPR called is the responding selector
    size_t n_contexts;
    struct presentation_context contexts[PRESENTATION_CONTEXTS];
    int provider_reason;    // CPR, ARP: -1 when absent
    int event;              // ARP: event-identifier, -1 when absent
    struct bytes user_data; // normal mode: the User-data element; X.410 mode: the members; p NULL: absent
};

int presentation_cp_decode(struct bytes in, struct presentation_ppdu *out);
int presentation_cpa_decode(struct bytes in, struct presentation_ppdu *out);
int presentation_cpr_decode(struct bytes in, struct presentation_ppdu *out);

enum presentation_abort_kind { PRESENTATION_ARU, PRESENTATION_ARP };
int presentation_abort_decode(struct bytes in, enum presentation_abort_kind *kind, struct presentation_ppdu *out);

// These wrap the User-data that are in b already (empty: none).
int presentation_cp_encode(struct buf *b, const struct presentation_ppdu *p);
int presentation_cpa_encode(struct buf *b, const struct presentation_ppdu *p);
int presentation_cpr_encode(struct buf *b, const struct presentation_ppdu *p);
// ids: the contexts used in the user data, one here.
int presentation_aru_encode(struct buf *b, int32_t context);
int presentation_arp_encode(struct buf *b, int provider_reason, int event);
// X.410 mode: a CP or CPA, a CPR or ARU, of the members that are in b.
int presentation_x410_connect_encode(struct buf *b);
int presentation_x410_encode(struct buf *b);

// Members that ACSE's APDUs have in the same form: an INTEGER from 0 to INT32_MAX, and protocol-version.
int presentation_get_int(struct bytes v, int *out);
int presentation_get_version(const struct tlv *t, struct bytes v, bool *version_1);

const char *presentation_provider_reason_text(int reason); // of a CPR, never NULL
const char *presentation_abort_text(int reason);           // of an ARP, never NULL
const char *presentation_rejection_text(int reason);       // of a context, never NULL

#endif
