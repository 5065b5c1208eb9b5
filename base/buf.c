// SPDX-License-Identifier: BSD-2-Clause
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"

int cursor_take(struct cursor *c, size_t n, struct bytes *out) {
    if (cursor_left(c) < n)
        return ERR_SHORT;
    *out = bytes_of(c->p, n);
    c->p += n;
    return ERR_OK;
}

int cursor_u8(struct cursor *c, uint8_t *v) {
    struct bytes b;
    if (cursor_take(c, 1, &b) < 0)
        return ERR_SHORT;
    *v = b.p[0];
    return ERR_OK;
}

int cursor_u16(struct cursor *c, uint16_t *v) {
    struct bytes b;
    if (cursor_take(c, 2, &b) < 0)
        return ERR_SHORT;
    *v = (uint16_t)(b.p[0] << 8 | b.p[1]);
    return ERR_OK;
}

int cursor_u32(struct cursor *c, uint32_t *v) {
    struct bytes b;
    if (cursor_take(c, 4, &b) < 0)
        return ERR_SHORT;
    *v = (uint32_t)b.p[0] << 24 | (uint32_t)b.p[1] << 16 | (uint32_t)b.p[2] << 8 | b.p[3];
    return ERR_OK;
}

int cursor_u64(struct cursor *c, uint64_t *v) {
    struct bytes b;
    if (cursor_take(c, 8, &b) < 0)
        return ERR_SHORT;
    *v = 0;
    for (size_t i = 0; i < 8; i++)
        *v = *v << 8 | b.p[i];
    return ERR_OK;
}

void buf_free(struct buf *b) {
    mem_free(b->mem);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b) {
    b->off = b->len = 0;
}

// Makes room for `front` octets before and `back` octets behind the content.
static int make_room(struct buf *b, size_t front, size_t back) {
    if (b->off >= front && b->cap - b->off - b->len >= back && b->mem != NULL)
        return ERR_OK;
    if (front > SIZE_MAX / 4 || back > SIZE_MAX / 4 || b->len > SIZE_MAX / 4)
        return ERR_NOMEM;
    size_t need = front + b->len + back;
    if (b->mem != NULL && need <= b->cap && b->len <= b->cap / 2) {
        memmove(b->mem + front, b->mem + b->off, b->len);
        b->off = front;
        return ERR_OK;
    }
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap += cap / 2;
    uint8_t *mem = mem_alloc(cap);
    if (mem == NULL)
        return ERR_NOMEM;
    if (b->len > 0)
        memcpy(mem + front, b->mem + b->off, b->len);
    mem_free(b->mem);
    b->mem = mem;
    b->cap = cap;
    b->off = front;
    return ERR_OK;
}

int buf_headroom(struct buf *b, size_t n) {
    return make_room(b, n, 0);
}

// Appending keeps the headroom that is there only while there is room behind; headers are prepended after.
int buf_reserve(struct buf *b, size_t n) {
    if (b->mem != NULL && b->cap - b->off - b->len >= n)
        return ERR_OK;
    return make_room(b, b->off > 128 ? 0 : b->off, n);
}

int buf_append(struct buf *b, const void *p, size_t n) {
    if (n == 0)
        return ERR_OK;
    if (buf_reserve(b, n) < 0)
        return ERR_NOMEM;
    memcpy(b->mem + b->off + b->len, p, n);
    b->len += n;
    return ERR_OK;
}

int buf_append_u8(struct buf *b, uint8_t v) {
    return buf_append(b, &v, 1);
}

int buf_append_u16(struct buf *b, uint16_t v) {
    uint8_t o[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    return buf_append(b, o, sizeof o);
}

int buf_append_u32(struct buf *b, uint32_t v) {
    uint8_t o[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    return buf_append(b, o, sizeof o);
}

int buf_append_u64(struct buf *b, uint64_t v) {
    uint8_t o[8];
    for (int i = 0; i < 8; i++)
        o[i] = (uint8_t)(v >> (56 - 8 * i));
    return buf_append(b, o, sizeof o);
}

int buf_append_str(struct buf *b, const char *s) {
    return buf_append(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || buf_reserve(b, (size_t)n + 1) < 0)
        return ERR_NOMEM;
    va_start(ap, fmt);
    vsnprintf((char *)b->mem + b->off + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return ERR_OK;
}

int buf_prepend(struct buf *b, const void *p, size_t n) {
    if (n == 0)
        return ERR_OK;
    if (make_room(b, n, 0) < 0)
        return ERR_NOMEM;
    b->off -= n;
    b->len += n;
    memcpy(b->mem + b->off, p, n);
    return ERR_OK;
}

void buf_consume(struct buf *b, size_t n) {
    if (n > b->len)
        n = b->len;
    b->off += n;
    b->len -= n;
    if (b->len == 0)
        b->off = 0;
}

const char *buf_cstr(struct buf *b) {
    if (buf_reserve(b, 1) < 0)
        return NULL;
    b->mem[b->off + b->len] = 0;
    return (const char *)b->mem + b->off;
}
