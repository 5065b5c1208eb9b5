// SPDX-License-Identifier: BSD-2-Clause
// Our side of tests/asn1-erlang.sh: for each line `Type hex` of standard input, the DER of what we decode from it, in
// hex, or `error <what>`.
#include <stdio.h>
#include <stdlib.h>

#include "asn1/asn1c_util.h"
#include "base/mem.h"
#include "tests/erlang/hex.h"

extern asn_TYPE_descriptor_t *const asn1_all_types[];

static asn_TYPE_descriptor_t *type_named(const char *name) {
    for (size_t i = 0; asn1_all_types[i] != NULL; i++) {
        if (strcmp(asn1_all_types[i]->name, name) == 0)
            return asn1_all_types[i];
    }
    return NULL;
}

static int recode(asn_TYPE_descriptor_t *type, struct bytes in, struct buf *out) {
    void *value;
    int err = asn1_decode(type, in, NULL, &value, NULL);
    if (err < 0)
        return err;
    err = asn1_encode(type, value, out);
    asn1_free(type, value);
    return err;
}

int main(void) {
    if (asn1_init() < 0)
        return 1;
    char *line = NULL, name[64];
    size_t cap = 0;
    while (getline(&line, &cap, stdin) > 0) {
        struct buf in = {0}, out = {0};
        int at = 0;
        if (sscanf(line, "%63s %n", name, &at) != 1 || at == 0)
            return 1;
        asn_TYPE_descriptor_t *type = type_named(name);
        int err = type == NULL ? ERR_ABSENT : hex_decode(line + at, &in);
        if (err == ERR_OK)
            err = recode(type, buf_bytes(&in), &out);
        if (err < 0)
            printf("error %s", err_text(err));
        else
            hex_print(&out);
        putchar('\n');
        buf_free(&in);
        buf_free(&out);
    }
    free(line);
    return 0;
}
