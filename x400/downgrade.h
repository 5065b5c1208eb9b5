// SPDX-License-Identifier: BSD-2-Clause
// Towards peers that speak P1 of 1984, and from them.
//
// The MPDUs of X.411 (1984) have the tags of the MTS-APDU; they lack the extensions, extended content types and
// encoded information types, attributes of O/R addresses beyond the built-in ones, other-actions in the trace, and
// content type and encoded information types in reports. So p1_decode, p1_stream and p1_apdu_header serve both years;
// what makes an envelope one of 1984 is what is left out of it here. Nor does the bind differ (x400/bind.h, bare).
//
// Sources: RFC 1328, 3.1 and 3.2 (addresses); RFC 2156, appendix B (1984 is a proper subset of 1988); the ASN.1 of P1
// and P2 of 1984 as published with the ISODE and PP packages. Annex B of X.419 could not be read: what is refused and
// what is dropped is inferred, except that diagnostic 47 exists for it, and is told in downgrade.c.
#ifndef X400_DOWNGRADE_H
#define X400_DOWNGRADE_H

#include "x400/oraddr.h"
#include "x400/p1.h"

// What becomes of a recipient that cannot be reached so: unable-to-transfer, unable-to-downgrade.
enum { DOWNGRADE_REASON = 1, DOWNGRADE_DIAGNOSTIC = 47 };

enum { DOWNGRADE_REFUSED = 1 }; // a result that is no error: 1984 has no form for it

struct downgrade_options {
    bool strict; // no attribute of 1988 is turned into a domain-defined one: such addresses are refused
    // Ours in the world of 1984, without domain-defined attributes: addresses with other attributes of 1988 than a
    // common name are written as one of X400-88 below it (RFC 1328, 3.1). NULL: there is none, they are refused.
    const struct or_address *relay;
};

// ---- addresses: ORName TLVs ----

// out is a view of in where nothing had to change, or in the arena. 0, DOWNGRADE_REFUSED with *why (constant text),
// ERR_NOMEM.
int downgrade_name(struct arena *a, const struct downgrade_options *o, struct bytes in, struct bytes *out,
                   const char **why);
// The way back: a common name from "Common" where that is the only domain-defined attribute and no common name is
// there, and the whole address from X400-88 below the relay. Everything else stays as it is. 0 or ERR_NOMEM.
int upgrade_name(struct arena *a, const struct downgrade_options *o, struct bytes in, struct bytes *out);

// ---- envelopes ----

struct downgrade {
    struct p1_envelope *envelope; // NULL: it goes to nobody (a report: it cannot be sent at all)
    // One for each recipient of the original: why this one, for whom we were responsible, is refused; NULL: it is not.
    // For a report one only, for the whole.
    const char **refused;
    size_t n_refused; // how many are not NULL
    // The content is P22 and goes through downgrade_content; in the envelope its type is P2 already. Where that
    // refuses, so are all recipients; a report goes without its returned content.
    bool convert_content;
};

// original as it is to be sent, its own trace element and all; it is not changed, and shares its octets. Encode the
// result with p1_apdu_header. ERR_NOMEM.
int downgrade_envelope(struct arena *a, const struct downgrade_options *o, const struct p1_envelope *original,
                       struct downgrade *out);
// The encoded information types of a converted content, as downgrade_content_begin tells them.
static inline void downgrade_set_eits(struct p1_envelope *e, uint32_t built_in) {
    e->original_eits = (struct p1_eits){.present = true, .built_in = built_in};
}

// What came from such a peer, in place: upgrade_name for all names; members that P1 of 1984 does not list are left out,
// as no peer of 1988 takes them. ERR_NOMEM.
int upgrade_envelope(struct arena *a, const struct downgrade_options *o, struct p1_envelope *e);

// ---- contents: P22 to P2 ----
// In two passes over the spooled content, because the length has to be told before the first octet: the first (scan)
// finds out whether it can be done and how long the result is, and keeps a few octets for each body part and none of
// the content; the second (convert) makes the result as the content is read again. Memory is that of one heading and
// twice a piece. A transfer that is resumed makes the second pass anew and drops what was sent.
//
// Heading: extensions go, names are downgraded (one that cannot be becomes a free-form name, and its notification
// requests go). Body: basic parts stay to the octet; IA5, teletex and general text, and files that say that they are
// UTF-8 text, become IA5 text where they are ASCII, teletex where T.61 holds them; other files and external
// bilaterally defined parts become bilaterally defined [14]; forwarded messages are downgraded within, and keep their
// delivery time, not their delivery envelope. Refused are texts beyond T.61 in general text, other external parts and
// other notifications than receipt and non-receipt.
struct downgrade_content;

// ERR_NOMEM. o (and its relay) must live as long.
int downgrade_content_new(struct downgrade_content **out, const struct downgrade_options *o);
void downgrade_content_free(struct downgrade_content *d); // NULL is allowed

// First pass: pieces of any size. 0; DOWNGRADE_REFUSED, final; ERR_NOMEM, final.
int downgrade_content_scan(struct downgrade_content *d, struct bytes piece);
// Its end, and the beginning of a second pass. length: octets of the result; eits: those of its body parts, for
// downgrade_set_eits; either may be NULL. 0, DOWNGRADE_REFUSED, ERR_NOMEM.
int downgrade_content_begin(struct downgrade_content *d, uint64_t *length, uint32_t *eits);
const char *downgrade_content_why(const struct downgrade_content *d); // of a refusal, for people; "" when there is none

// Second pass: appends what the piece gives, now and then nothing. 0; ERR_CORRUPT: other octets than before; ERR_NOMEM.
int downgrade_content_convert(struct downgrade_content *d, struct bytes piece, struct buf *out);
int downgrade_content_end(struct downgrade_content *d); // ERR_CORRUPT: the length is not that of the first pass

#endif
