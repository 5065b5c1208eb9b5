// SPDX-License-Identifier: BSD-2-Clause
// Octets: a view of them, a checked cursor to read them, a growing buffer to write them.
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// A view of octets that somebody else owns. p may be NULL when n is 0: "present and empty" and "absent" are
// told apart by p alone, where a header says that it matters.
struct bytes {
    const uint8_t *p;
    size_t n;
};

static inline struct bytes bytes_of(const void *p, size_t n) {
    return (struct bytes){p, n};
}
static inline struct bytes bytes_str(const char *s) {
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}
static inline bool bytes_equal(struct bytes a, struct bytes b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

// Reads octets in order. Every function returns 0, or ERR_SHORT and leaves the cursor where it was.
struct cursor {
    const uint8_t *p, *end;
};

static inline struct cursor cursor_of(struct bytes b) {
    return (struct cursor){b.p, b.n ? b.p + b.n : b.p};
}
static inline size_t cursor_left(const struct cursor *c) {
    return (size_t)(c->end - c->p);
}
int cursor_u8(struct cursor *c, uint8_t *v);
int cursor_u16(struct cursor *c, uint16_t *v); // big endian, as all of OSI
int cursor_u32(struct cursor *c, uint32_t *v);
int cursor_u64(struct cursor *c, uint64_t *v);
int cursor_take(struct cursor *c, size_t n, struct bytes *out); // out points into the input

// A growing buffer with room to prepend headers in front: a layer writes its user's data once and every layer
// below puts its header before it. Zero-initialised is empty. After a failed call the content is unchanged.
struct buf {
    uint8_t *mem;
    size_t off, len, cap; // the content is mem[off .. off+len)
};

void buf_free(struct buf *b);              // and makes it empty
void buf_clear(struct buf *b);             // empty, memory kept
int buf_headroom(struct buf *b, size_t n); // at least n octets can be prepended without moving
int buf_reserve(struct buf *b, size_t n);  // at least n octets can be appended without moving
int buf_append(struct buf *b, const void *p, size_t n);
int buf_append_u8(struct buf *b, uint8_t v);
int buf_append_u16(struct buf *b, uint16_t v);
int buf_append_u32(struct buf *b, uint32_t v);
int buf_append_u64(struct buf *b, uint64_t v);
int buf_append_str(struct buf *b, const char *s); // without its terminating NUL
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_prepend(struct buf *b, const void *p, size_t n);
void buf_consume(struct buf *b, size_t n); // drop n octets from the front, n <= len
const char *buf_cstr(struct buf *b);       // NUL-terminated view, NULL when memory is short

static inline struct bytes buf_bytes(const struct buf *b) {
    return (struct bytes){b->mem == NULL ? NULL : b->mem + b->off, b->len};
}

#endif
