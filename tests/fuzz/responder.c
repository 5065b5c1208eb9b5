// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: a whole responder, from TPKT to RTSE, fed with what a caller sends. The first octet of an input says how
// its owner answers. The stream is given whole and once more in odd pieces.
#include "tests/fuzz/owner.h"

static void make(struct side *d, unsigned how) {
    struct stack_params p;
    stack_params_default(&p);
    p.tp_reference = 77;
    p.refuse_two_way_alternate = !(how & TWO_WAY);
    p.max_connect_data = 5000;
    *d = (struct side){.how = how};
    d->s = stack_new_responder(&p, &owner, d);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    uint8_t how = take(&in);
    compare(in, 1 + how % 11, make, how);
    return 0;
}
