// SPDX-License-Identifier: BSD-2-Clause
// For the P1 decoders only: walks SETs by a table of their members and lists by a function, and says where a fault is.
#ifndef X400_P1_WALK_H
#define X400_P1_WALK_H

#include "x400/p1_value.h"

struct p1_reader {
    struct arena *a;
    struct p1_fault *fault; // never NULL
};

// Sets the fault's text, or puts a path before it; returns err. p1_at does nothing when err is 0.
int p1_fail(struct p1_reader *r, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int p1_at(struct p1_reader *r, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

typedef int p1_get_fn(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out);

struct p1_member {
    enum tlv_class cls;
    uint32_t tag;
    bool mandatory;
    const char *name;
    p1_get_fn *get;
};
struct p1_table {
    const struct p1_member *member;
    size_t n; // at most 32
};
#define P1_TABLE(rows) ((struct p1_table){(rows), sizeof(rows) / sizeof((rows)[0])})

// Members of a SET in any order, each at most once. Others go to *unknown (their TLVs), or are refused when it is NULL.
int p1_walk_set(struct p1_reader *r, struct bytes members, struct p1_table table, void *out, struct bytes **unknown,
                size_t *n_unknown);

// SEQUENCE OF, SET OF: at most max elements of the given universal or application tag (any: UINT32_MAX), each of
// elem_size octets read by get into a new array.
int p1_walk_list(struct p1_reader *r, struct bytes members, enum tlv_class cls, uint32_t tag, size_t max,
                 size_t elem_size, p1_get_fn *get, void *array, size_t *n);

// Text of any string type, joined when it came in segments; longer than the limit is ERR_LIMIT, empty ERR_SYNTAX.
int p1_get_text(struct p1_reader *r, const struct tlv *t, struct bytes value, size_t limit, struct bytes *out);

#endif
