// SPDX-License-Identifier: BSD-2-Clause
// SPDUs: identifiers, parameters, encoding and decoding. Private to the session layer. Codes as in Wireshark's
// packet-ses.h, checked against the captures; those of connect data in overflow (SI 15 and 16, PI 60) and the use of
// the Enclosure Item there as in the X.225 stack of Wildboar Software.
#ifndef RFC1006_SESSION_CODEC_H
#define RFC1006_SESSION_CODEC_H

#include "base/buf.h"

enum spdu_si { // some stand for two SPDUs: which one is told by what came before it in the TSDU
    SI_ER = 0,
    SI_GT = 1, // as the first of a TSDU; else DT
    SI_DT = 1,
    SI_PT = 2,
    SI_FN = 9,
    SI_DN = 10,
    SI_RF = 12,
    SI_CN = 13,
    SI_AC = 14,
    SI_CDO = 15,
    SI_OA = 16,
    SI_GTC = 21,
    SI_GTA = 22,
    SI_AB = 25, // as the first of a TSDU; else AI
    SI_AI = 25,
    SI_AA = 26, // as the first of a TSDU; else AIA
    SI_AIA = 26,
    SI_AR = 29,
    SI_AE = 41, // without a Sync Type Item; with it MAJOR SYNC POINT
    SI_AEA = 42,
    SI_AS = 45,
    SI_ED = 48,
    SI_MIP = 49,
    SI_MIA = 50,
    SI_AD = 57,
    SI_ADA = 58,
};

enum spdu_pi {
    PGI_CONNECTION_ID = 1,
    PGI_CONNECT_ACCEPT = 5,
    PI_CALLED_REF = 9,
    PI_CALLING_REF = 10,
    PI_COMMON_REF = 11,
    PI_ADDITIONAL_REF = 12,
    PI_SYNC_TYPE = 15,
    PI_TOKEN_ITEM = 16,
    PI_TRANSPORT_DISCONNECT = 17,
    PI_PROTOCOL_OPTIONS = 19,
    PI_REQUIREMENTS = 20,
    PI_TSDU_MAX = 21,
    PI_VERSION = 22,
    PI_INITIAL_SERIAL = 23,
    PI_ENCLOSURE = 25,
    PI_TOKEN_SETTING = 26,
    PGI_LINKING = 33,
    PI_ACTIVITY_ID = 41,
    PI_SERIAL = 42,
    PI_MIA_DATA = 46, // user data of MIA: ISODE's code and its reading of the table of X.225
    PI_REFLECT = 49,
    PI_REASON = 50,
    PI_CALLING_SSEL = 51,
    PI_CALLED_SSEL = 52,
    PI_DATA_OVERFLOW = 60,
    PGI_USER_DATA = 193,
    PGI_EXTENDED_USER_DATA = 194,
};

enum { ENCLOSURE_BEGIN = 1, ENCLOSURE_END = 2 };
enum { // Transport Disconnect
    TD_RELEASED = 0x01,
    TD_USER_ABORT = 0x02,
    TD_PROTOCOL_ERROR = 0x04,
    TD_NO_REASON = 0x08,
    TD_RESTRICTION = 0x10,
};
enum {
    SPDU_USER_DATA_V1 = 512,                             // user data of most SPDUs in version 1, and of CN's User Data
    SPDU_ABORT_DATA_V1 = 9,                              // of AB in version 1
    SPDU_CONNECT_DATA = 10240,                           // of CN's Extended User Data
    SPDU_LENGTH_MAX = 65535,                             // of the parameters of an SPDU
    SPDU_PARAMS_MAX = 512,                               // of what we send, without user data
    SPDU_HEAD_MAX = 2 + 4 + SPDU_PARAMS_MAX + 3 + 4 + 1, // all before the user data
    SPDU_SERIAL_MAX = 999999,
};
enum { SPDU_UNSEGMENTED = 255, SPDU_NO_REASON = -1 };
enum { OPTION_EXTENDED_CONCATENATION = 1 };

// The parameters of an SPDU, decoded. has: bit (PI number) set when it was there; octets: p NULL when absent.
struct spdu {
    uint64_t has;
    struct bytes calling_ref, called_ref, common_ref, additional_ref, calling_ssel, called_ssel;
    struct bytes activity_id, old_activity_id, user_data;
    uint32_t serial, link_serial, initial_serial;
    uint16_t tsdu_to_responder, tsdu_to_initiator, requirements;
    uint8_t versions, token_setting, token_item, transport_disconnect, sync_type, enclosure, reason, options;
    bool link; // PGI_LINKING was there
};
static inline bool spdu_has(const struct spdu *s, enum spdu_pi pi) {
    return pi < 64 && (s->has >> pi & 1) != 0;
}

// Decodes the parameter field of the SPDU `si`. What is absent has the standard's default. Unknown parameters are
// ignored. ERR_SYNTAX: `error` says why.
int spdu_read(uint8_t si, struct bytes params, struct spdu *out, char *error, size_t error_size);
const char *spdu_name(uint8_t si, bool first); // "ACTIVITY START (AS)"; first of its TSDU?

// Parameters to be sent, without user data. Everything put has a bound that its caller checked or is a number.
struct spdu_out {
    uint8_t p[SPDU_PARAMS_MAX];
    size_t n, pgi; // pgi: where the open group's length octet is
};
void spdu_put(struct spdu_out *o, uint8_t pi, struct bytes v);
void spdu_put_u8(struct spdu_out *o, uint8_t pi, uint8_t v);
void spdu_put_u16(struct spdu_out *o, uint8_t pi, uint16_t v);
void spdu_put_serial(struct spdu_out *o, uint8_t pi, uint32_t v); // ASCII digits
void spdu_group_begin(struct spdu_out *o, uint8_t pgi);
void spdu_group_end(struct spdu_out *o);

// An SPDU to be sent. REFUSE has its user data behind the reason, in one parameter.
struct spdu_tx {
    uint8_t si;
    uint8_t data_pi; // the parameter that user data go into, 0: it has none
    uint8_t prefix;  // SI_GT or SI_PT: in front as the category 0 SPDU of basic concatenation; 0: none
    int reason;      // of REFUSE, else SPDU_NO_REASON
    struct spdu_out out;
};
// Writes all that comes before `n_data` octets of user data. enclosure: SPDU_UNSEGMENTED, or the Enclosure Item of a
// segment, of which the first alone has the parameters. 0 when it is longer than an SPDU may be.
size_t spdu_head(uint8_t head[SPDU_HEAD_MAX], const struct spdu_tx *t, uint8_t enclosure, size_t n_data);
size_t spdu_room(const struct spdu_tx *t, size_t tsdu_max, bool first); // user data for a segment; 0: none fit

#endif
