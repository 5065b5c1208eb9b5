// SPDX-License-Identifier: BSD-2-Clause
// Splits an MTS-APDU as it arrives: the head (see p1.h) is collected under a limit, the content of a message or the
// returned content of a report goes on in pieces and is never held. Definite and indefinite lengths, whole or chunked
// octet strings.
#ifndef X400_P1_STREAM_H
#define X400_P1_STREAM_H

#include "asn1/tlv.h"
#include "x400/p1.h"

enum { P1_HEAD_LIMIT = 8 * 1024 * 1024 };

// A callback that returns less than 0 stops the splitter with that result. It must not free the splitter: that is for
// the caller of p1_stream_feed, when it has returned.
struct p1_stream_user {
    // The head, once: for a message before its content, for a report or probe at the end of the APDU (the returned
    // content of a report comes before). Valid until the callback returns; copy it into the arena to decode it.
    int (*head)(void *ctx, enum p1_type type, struct bytes head);
    int (*content)(void *ctx, struct bytes piece); // never empty
};

struct p1_stream;

// head_limit 0: P1_HEAD_LIMIT. NULL when memory is short.
struct p1_stream *p1_stream_new(const struct p1_stream_user *user, void *ctx, size_t head_limit);
void p1_stream_free(struct p1_stream *s);

// The next octets of the APDU. 0; ERR_SYNTAX: not an MTS-APDU, or octets after its end; ERR_LIMIT: the head is too
// large; ERR_NOMEM; or what a callback returned. An error is final.
int p1_stream_feed(struct p1_stream *s, struct bytes piece);
bool p1_stream_complete(const struct p1_stream *s);
uint64_t p1_stream_content_length(const struct p1_stream *s); // octets of content so far

// How far it is, as octets to be stored: appended. Only from the content on: ERR_STATE before it, in another member
// of a report, of a probe, and after an error. ERR_NOMEM.
int p1_stream_save(const struct p1_stream *s, struct buf *b);
// Goes on from there. The head of a message is not told again; that of a report comes at its end, as always. NULL:
// memory is short, or these are not the octets of a splitter that can be there.
struct p1_stream *p1_stream_restore(const struct p1_stream_user *user, void *ctx, size_t head_limit,
                                    struct bytes saved);

const char *p1_stream_fault(const struct p1_stream *s); // what was wrong; "" when nothing was

#endif
