// SPDX-License-Identifier: BSD-2-Clause
// Octets as the two codecs beside Erlang's read and write them: hexadecimal, up to the end of a line.
#ifndef TESTS_ERLANG_HEX_H
#define TESTS_ERLANG_HEX_H

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

static inline int hex_decode(const char *hex, struct buf *out) {
    for (; hex[0] != '\0' && hex[0] != '\n'; hex += 2) {
        unsigned v;
        if (hex[1] == '\0' || sscanf(hex, "%2x", &v) != 1)
            return ERR_SYNTAX;
        if (buf_append_u8(out, (uint8_t)v) < 0)
            return ERR_NOMEM;
    }
    return ERR_OK;
}

static inline void hex_print(const struct buf *b) {
    for (size_t i = 0; i < b->len; i++)
        printf("%02X", buf_bytes(b).p[i]);
}

#endif
