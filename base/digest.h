// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 of octets, from libcrypto (whose headers clash with base/err.h, so that only digest.c includes them).
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/buf.h"

enum { DIGEST_SIZE = 32 };
void digest_sha256(struct bytes b, uint8_t out[DIGEST_SIZE]);

// The same over octets that come in pieces. 0, or ERR_NOMEM; NULL when memory is short. Ended once, freed always.
struct digest;
struct digest *digest_new(void);
int digest_add(struct digest *d, struct bytes b);
int digest_end(struct digest *d, uint8_t out[DIGEST_SIZE]);
void digest_free(struct digest *d); // NULL is allowed

#endif
