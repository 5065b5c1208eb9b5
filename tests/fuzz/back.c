// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: implementation-information as a peer sends it. What can be called can be declared, and reads the same.
#include "assoc/back.h"
#include "base/address.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct assoc_back b, same;
    char text[ASSOC_BACK_TEXT];
    if (assoc_back_parse(bytes_of(octets, size), &b) != ERR_OK) {
        require(!b.declares && !b.is_bind_back);
        return 0;
    }
    require(strlen(b.shown) < sizeof b.shown && (b.fault == NULL || b.host[0] == 0));
    if (!b.declares || b.fault != NULL)
        return 0;
    require(assoc_back_declare(b.host, b.family, b.port, text) == ERR_OK);
    require(assoc_back_parse(bytes_str(text), &same) == ERR_OK && same.fault == NULL);
    require(strcmp(same.host, b.host) == 0 && same.family == b.family && same.port == b.port);
    return 0;
}
