// SPDX-License-Identifier: BSD-2-Clause
// What the fuzz targets share: a demand that holds in every build, and looking at octets.
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(what)                                                                                                  \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                                         \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

// Octets that were handed out are there to be read.
static inline void look(struct bytes b) {
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < b.n; i++)
        sum = (uint8_t)(sum + b.p[i]);
}

// Takes one octet of the input, 0 at its end.
static inline uint8_t take(struct bytes *in) {
    if (in->n == 0)
        return 0;
    uint8_t v = *in->p;
    *in = bytes_of(in->p + 1, in->n - 1);
    return v;
}

static inline struct bytes take_some(struct bytes *in, size_t n) {
    struct bytes out = bytes_of(in->p, n < in->n ? n : in->n);
    *in = bytes_of(in->p + out.n, in->n - out.n);
    return out;
}

#endif
