// SPDX-License-Identifier: BSD-2-Clause
#include "base/digest.h"

#include <openssl/evp.h>

enum { NO_MEMORY = -1 }; // ERR_NOMEM of base/err.h

void digest_sha256(struct bytes b, uint8_t out[DIGEST_SIZE]) {
    unsigned n = DIGEST_SIZE;
    EVP_Digest(b.n == 0 ? "" : (const void *)b.p, b.n, out, &n, EVP_sha256(), NULL);
}

// A struct digest is libcrypto's context under another name.
struct digest *digest_new(void) {
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1)
        return (struct digest *)c;
    EVP_MD_CTX_free(c);
    return NULL;
}

int digest_add(struct digest *d, struct bytes b) {
    return b.n == 0 || EVP_DigestUpdate((EVP_MD_CTX *)d, b.p, b.n) == 1 ? 0 : NO_MEMORY;
}

int digest_end(struct digest *d, uint8_t out[DIGEST_SIZE]) {
    return EVP_DigestFinal_ex((EVP_MD_CTX *)d, out, NULL) == 1 ? 0 : NO_MEMORY;
}

void digest_free(struct digest *d) {
    EVP_MD_CTX_free((EVP_MD_CTX *)d);
}
