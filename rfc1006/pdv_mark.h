// SPDX-License-Identifier: BSD-2-Clause
// How far a value has been read: what a pdv_stream needs to go on in the middle of an APDU, on a later association.
#ifndef RFC1006_PDV_MARK_H
#define RFC1006_PDV_MARK_H

#include <stdbool.h>
#include <stdint.h>

enum { PDV_MARK_DEPTH = 24, PDV_MARK_HEAD = 14 }; // elements open at most, octets of a header that came in part

struct pdv_mark {
    bool valid; // false: there is no way to go on from here
    bool had_value, bits_begin, raw_seen, raw_open, in_primitive, done;
    uint8_t form, level, depth, n_head;
    uint8_t head[PDV_MARK_HEAD];
    uint32_t indefinite; // bit n: the open element at depth n is of indefinite length
    int64_t context;
    uint64_t offset, raw_from, elements;
    uint64_t end[PDV_MARK_DEPTH];
};

#endif
