// SPDX-License-Identifier: BSD-2-Clause
#include "asn1/asn1c_util.h"

#include <errno.h>

#include "asn1/gen/asn_SET_OF.h"
#include "base/mem.h"

// asn1c measures the stack its decoder takes. Depth is limited before (tlv_check), so this is the second net; it leaves
// room for the larger frames of a build with AddressSanitizer.
enum { STACK_LIMIT = 600 * 1000 };

extern asn_TYPE_descriptor_t *const asn1_all_types[]; // made by generate.sh

// ---- descriptors ----

struct type_list {
    asn_TYPE_descriptor_t **type;
    size_t n, cap;
};

static int type_list_add(struct type_list *l, asn_TYPE_descriptor_t *t) {
    for (size_t i = 0; i < l->n; i++) {
        if (l->type[i] == t)
            return ERR_OK;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 512;
        void *grown = mem_realloc(l->type, cap * sizeof *l->type);
        if (grown == NULL)
            return ERR_NOMEM;
        l->type = grown;
        l->cap = cap;
    }
    l->type[l->n++] = t;
    return ERR_OK;
}

int asn1_init(void) {
    struct type_list l = {0};
    int err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && asn1_all_types[i] != NULL; i++)
        err = type_list_add(&l, asn1_all_types[i]);
    // Freeing nothing completes a descriptor, and then it shows its members, whose types may have no name.
    for (size_t i = 0; err == ERR_OK && i < l.n; i++) {
        asn_TYPE_descriptor_t *t = l.type[i];
        t->free_struct(t, NULL, 0);
        for (int m = 0; err == ERR_OK && m < t->elements_count; m++)
            err = type_list_add(&l, t->elements[m].type);
    }
    mem_free(l.type);
    return err;
}

// ---- values ----

int asn1_decode(asn_TYPE_descriptor_t *type, struct bytes in, const struct tlv_limits *limits, void **value,
                size_t *used) {
    *value = NULL;
    uint64_t total;
    int err = tlv_check(in, limits, &total);
    if (err < 0)
        return err;
    if (used == NULL && total != in.n)
        return ERR_SYNTAX;
    asn_codec_ctx_t ctx = {.max_stack_size = STACK_LIMIT};
    errno = 0;
    asn_dec_rval_t r = ber_decode(&ctx, type, value, in.p, (size_t)total);
    if (r.code != RC_OK || r.consumed != total) {
        err = r.code != RC_OK && errno == ENOMEM ? ERR_NOMEM : ERR_SYNTAX;
        asn1_free(type, *value);
        *value = NULL;
        return err;
    }
    if (used != NULL)
        *used = (size_t)total;
    return ERR_OK;
}

struct sink {
    struct buf *b;
    int err;
};

static int sink_append(const void *octets, size_t n, void *key) {
    struct sink *s = key;
    s->err = buf_append(s->b, octets, n);
    return s->err;
}

int asn1_encode(asn_TYPE_descriptor_t *type, const void *value, struct buf *b) {
    struct sink s = {.b = b};
    size_t before = b->len;
    asn_enc_rval_t r = der_encode(type, (void *)value, sink_append, &s);
    if (r.encoded >= 0)
        return ERR_OK;
    b->len = before;
    return s.err < 0 ? s.err : ERR_STATE;
}

void asn1_free(asn_TYPE_descriptor_t *type, void *value) {
    if (value != NULL)
        type->free_struct(type, value, 0);
}

int asn1_set_contents(uint8_t **buf, int *size, struct bytes v) {
    if (v.n >= INT32_MAX)
        return ERR_NOMEM;
    uint8_t *copy = mem_alloc(v.n + 1); // asn1c keeps a NUL behind strings
    if (copy == NULL)
        return ERR_NOMEM;
    if (v.n > 0)
        memcpy(copy, v.p, v.n);
    copy[v.n] = '\0';
    mem_free(*buf);
    *buf = copy;
    *size = (int)v.n;
    return ERR_OK;
}

void *asn1_member(size_t size) {
    return mem_calloc(1, size);
}

int asn1_list_add(void *list, asn_TYPE_descriptor_t *type, void *element) {
    if (element != NULL && asn_set_add(list, element) == 0)
        return ERR_OK;
    asn1_free(type, element);
    return ERR_NOMEM;
}
