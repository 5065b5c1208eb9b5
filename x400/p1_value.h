// SPDX-License-Identifier: BSD-2-Clause
// Values that P1 fields are made of (X.411, modules MTSAbstractService and MTAAbstractService).
// Octets are views into what was decoded, or live in the arena of the message. "TLV" in a comment means a complete
// encoding with tag and length; names and identifiers are kept so, to be relayed to the octet (x400/oraddr.h and
// x400/mtsid.h read them).
#ifndef X400_P1_VALUE_H
#define X400_P1_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "asn1/tlv.h"
#include "asn1/validate.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

// What was wrong, for a log or a report: the path of the field and the fault,
// as in "per-recipient-fields[2].recipient-name: element is missing".
struct p1_fault {
    char text[200];
};

// UTCTime. All zero: absent. On encoding `text` is repeated when it still says `seconds`.
struct p1_time {
    bool present;
    int64_t seconds;   // since 1970-01-01 00:00:00 UTC
    struct bytes text; // as received
};

// A BIT STRING of named bits: bit i is 1 << i. All zero: absent. On encoding `raw` is repeated when it still says
// `set`.
struct p1_bits {
    uint32_t set;
    struct bytes raw; // contents as received, with the octet that counts unused bits
};

// BuiltInContentType
enum {
    P1_CONTENT_UNIDENTIFIED = 0,
    P1_CONTENT_EXTERNAL = 1,
    P1_CONTENT_IPM_1984 = 2,  // P2
    P1_CONTENT_IPM_1988 = 22, // P22
    P1_CONTENT_EDI = 35,
    P1_CONTENT_VOICE = 40
};

struct p1_content_type {
    bool present;
    int built_in;     // when oid is empty
    struct bytes oid; // contents of the OBJECT IDENTIFIER of an extended type
};

// EncodedInformationTypes. `raw` is what is encoded when it is not NULL: who changes the rest clears it.
struct p1_eits {
    bool present;
    uint32_t built_in;      // 0 unknown, 1 telex, 2 ia5-text, 3 g3-facsimile … 9 mixed-mode
    struct bytes *extended; // contents of OBJECT IDENTIFIERs
    size_t n_extended;
    struct bytes raw; // TLV
};

// ---- time ----

// YYMMDDhhmm[ss](Z|+hhmm|-hhmm), without any zone UTC; years 1976 to 2075. The window is fixed, 50 years around 2026,
// rather than one that moves with the clock: what is stored reads the same on every day and on every node, whatever its
// clock says, and the times of messages lie within months of their handling. ERR_SYNTAX.
int p1_time_parse(struct bytes text, int64_t *seconds);
int p1_time_text(int64_t seconds, char out[14]); // YYMMDDhhmmssZ and a NUL; ERR_LIMIT: not in those years
int p1_time_iso(int64_t seconds, char out[21]);  // for people: YYYY-MM-DDThh:mm:ssZ and a NUL
static inline struct p1_time p1_time_of(int64_t seconds) {
    return (struct p1_time){true, seconds, {NULL, 0}};
}

// ---- encoding of values, appended; 0 or ERR_NOMEM ----
int p1_put_time(struct buf *b, enum tlv_class cls, uint32_t tag, const struct p1_time *t);
int p1_put_bits(struct buf *b, enum tlv_class cls, uint32_t tag, const struct p1_bits *v, unsigned min_bits);
int p1_put_eits(struct buf *b, const struct p1_eits *e);
int p1_put_raw(struct buf *b, struct bytes raw);

// The contents of an OBJECT IDENTIFIER from its dotted form; p NULL: it is none, or memory is short.
struct bytes p1_oid(struct arena *a, const char *dotted);

// ---- decoding of values: ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM ----
int p1_get_time(struct arena *a, const struct tlv *t, struct bytes value, struct p1_time *out);
int p1_get_bits(const struct tlv *t, struct bytes value, struct p1_bits *out);
int p1_get_eits(struct arena *a, struct bytes whole, struct p1_eits *out);
int p1_get_code(const struct tlv *t, struct bytes value, int max, int *out); // a primitive INTEGER or ENUMERATED 0..max

#endif
