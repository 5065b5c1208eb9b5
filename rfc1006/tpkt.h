// SPDX-License-Identifier: BSD-2-Clause
// TPKT (RFC 1006): the packets that carry TPDUs over a stream of octets. A header is version 3, a reserved octet and a
// length of 16 bits that includes the header, 7..65,535. The payload is passed on as it arrives, never held.
#ifndef RFC1006_TPKT_H
#define RFC1006_TPKT_H

#include "base/buf.h"

enum { TPKT_HEADER = 4, TPKT_MIN = 7, TPKT_MAX = 65535 };

struct tpkt_user {
    // A header was read; `size` octets of payload follow. A negative result ends tpkt_input with it.
    int (*begin)(void *user, size_t size);
    int (*data)(void *user, struct bytes piece, bool last); // the payload; piece is never empty
};

// The state between two calls of tpkt_input. Zero-initialised is the start of a stream.
struct tpkt {
    uint8_t header[TPKT_HEADER];
    uint8_t n_header; // octets of it that are here
    size_t left;      // octets of payload still to come
    char error[80];   // what is wrong with the stream, after ERR_SYNTAX from tpkt_input itself
};

// Takes the next octets of the stream. ERR_SYNTAX: not TPKT (`error` says why), or the negative result of a callback.
int tpkt_input(struct tpkt *t, struct bytes in, const struct tpkt_user *u, void *user);
int tpkt_header_append(struct buf *out, size_t payload); // ERR_LIMIT when the packet were too long, ERR_NOMEM

#endif
