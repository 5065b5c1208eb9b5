// SPDX-License-Identifier: BSD-2-Clause
#include "base/digest.h"

#include <openssl/evp.h>

void digest_sha256(struct bytes b, uint8_t out[DIGEST_SIZE]) {
    unsigned n = DIGEST_SIZE;
    EVP_Digest(b.n == 0 ? "" : (const void *)b.p, b.n, out, &n, EVP_sha256(), NULL);
}
