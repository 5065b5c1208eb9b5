// SPDX-License-Identifier: BSD-2-Clause
// Presentation data values: the User-data of PPDUs and SSDUs (X.226: simply or fully encoded, PDV-lists with
// single-ASN1-type, octet-aligned or arbitrary values) and EXTERNAL, which holds a value in the same three
// ways. Read by pushing octets, so that a value of any size costs no memory; written with definite lengths. Results: 0,
// ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM, ERR_SHORT (the end came too early).
#ifndef RFC1006_PRESENTATION_PDV_H
#define RFC1006_PRESENTATION_PDV_H

#include "asn1/tlv.h"
#include "rfc1006/pdv_mark.h"

enum pdv_kind { PDV_USER_DATA, PDV_EXTERNAL };

enum { PDV_NO_CONTEXT = -1 }; // simply encoded, or an EXTERNAL without indirect reference

struct pdv_user {
    int (*begin)(void *ctx, int64_t context);   // a value follows; its presentation context
    int (*data)(void *ctx, struct bytes piece); // single-ASN1-type: of the encoding of the value, else of its octets
    int (*end)(void *ctx);
};

struct pdv_stream {
    enum pdv_kind kind;
    const struct pdv_user *user;
    void *ctx;
    struct tlv_stream tlv;
    int64_t context;
    uint8_t form; // of the value being read: 0, 1, 2 as its tag; PDV_FORM_NONE
    bool had_value, bits_begin;
    bool raw_seen, raw_open; // single-ASN1-type: the value has begun; it is not complete
    unsigned level;          // depth of the members of the PDV-list or EXTERNAL
    uint64_t raw_from;       // offset from which the encoding has not been passed on
    const uint8_t *in;       // octets being fed, the first of them is at offset in_at
    uint64_t in_at;
};

void pdv_stream_init(struct pdv_stream *p, enum pdv_kind kind, const struct pdv_user *user, void *ctx);
void pdv_stream_reset(struct pdv_stream *p); // for another SSDU or APDU
void pdv_stream_free(struct pdv_stream *p);
int pdv_stream_feed(struct pdv_stream *p, struct bytes in); // also ERR_SYNTAX for octets after the end
int pdv_stream_end(const struct pdv_stream *p);             // no more octets: 0 when it was complete

// Between two pieces: where reading stands, and going on from there with what follows. The mark is invalid inside of
// what is held whole (contexts, syntaxes), and deeper than PDV_MARK_DEPTH. ERR_SYNTAX: a mark that cannot be one.
void pdv_stream_mark(const struct pdv_stream *p, struct pdv_mark *m);
int pdv_stream_restore(struct pdv_stream *p, const struct pdv_mark *m);

// User-data held in memory: the value of its first PDV-list, as in pdv_user.data. Octets in segments: ERR_SYNTAX.
int pdv_first(struct bytes user_data, int64_t *context, struct bytes *value);
// An EXTERNAL held in memory, likewise.
int pdv_external(struct bytes external, int64_t *context, struct bytes *value);

// Makes of the value in b (one ASN.1 encoding) a fully encoded User-data.
int pdv_wrap_user_data(struct buf *b, int32_t context);
// Appends what comes before a value of `total` octets in a fully encoded User-data; nothing comes after it.
int pdv_put_user_data_header(struct buf *b, int32_t context, uint64_t total);
// Makes of it an EXTERNAL. ber: with BER as direct reference.
int pdv_wrap_external(struct buf *b, int32_t context, bool ber);
// Appends what comes before a value of `total` octets in an EXTERNAL; nothing comes after it.
int pdv_put_external_header(struct buf *b, int32_t context, uint64_t total);

#endif
