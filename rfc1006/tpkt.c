// SPDX-License-Identifier: BSD-2-Clause
// TPKT: see tpkt.h. RFC 1006 wants the reserved octet to be 0; peers that send something else are accepted.
#include "rfc1006/tpkt.h"

#include <stdio.h>

#include "base/err.h"

enum { TPKT_VERSION = 3 };

// The header is complete: its version and length, or ERR_SYNTAX with words.
static int header_read(struct tpkt *t) {
    size_t length = (size_t)t->header[2] << 8 | t->header[3];
    if (t->header[0] != TPKT_VERSION) {
        snprintf(t->error, sizeof t->error, "tpkt: version %u where 3 was expected", t->header[0]);
        return ERR_SYNTAX;
    }
    if (length < TPKT_MIN) {
        snprintf(t->error, sizeof t->error, "tpkt: length %zu, less than the smallest packet of %d octets", length,
                 TPKT_MIN);
        return ERR_SYNTAX;
    }
    t->left = length - TPKT_HEADER;
    return ERR_OK;
}

int tpkt_input(struct tpkt *t, struct bytes in, const struct tpkt_user *u, void *user) {
    int r;
    while (in.n > 0) {
        if (t->left == 0) {
            t->header[t->n_header++] = *in.p++;
            in.n--;
            // A wrong first octet is told at once: another protocol may never send three more.
            if (t->n_header == 1 && t->header[0] != TPKT_VERSION)
                return header_read(t);
            if (t->n_header < TPKT_HEADER)
                continue;
            t->n_header = 0;
            if ((r = header_read(t)) < 0 || (r = u->begin(user, t->left)) < 0)
                return r;
            continue;
        }
        struct bytes piece = bytes_of(in.p, in.n < t->left ? in.n : t->left);
        in.p += piece.n;
        in.n -= piece.n;
        t->left -= piece.n;
        if ((r = u->data(user, piece, t->left == 0)) < 0)
            return r;
    }
    return ERR_OK;
}

int tpkt_header_append(struct buf *out, size_t payload) {
    size_t length = payload + TPKT_HEADER;
    if (length < TPKT_MIN || length > TPKT_MAX)
        return ERR_LIMIT;
    uint8_t h[TPKT_HEADER] = {TPKT_VERSION, 0, (uint8_t)(length >> 8), (uint8_t)length};
    return buf_append(out, h, sizeof h);
}
