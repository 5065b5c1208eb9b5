// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 of octets, from libcrypto (whose headers clash with base/err.h, so that only digest.c includes them).
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/buf.h"

enum { DIGEST_SIZE = 32 };
void digest_sha256(struct bytes b, uint8_t out[DIGEST_SIZE]);

#endif
