// SPDX-License-Identifier: BSD-2-Clause
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_SIZE = 1024 - 64, BLOCK_SIZE = 4096 - 64 }; // many arenas stay small: 100,000 changes of the queue, say

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) uint8_t mem[];
};

void arena_init(struct arena *a, size_t limit) {
    *a = (struct arena){.limit = limit};
}

void arena_free(struct arena *a) {
    struct arena_block *b = a->blocks;
    while (b != NULL) {
        struct arena_block *next = b->next;
        mem_free(b);
        b = next;
    }
    a->blocks = NULL;
    a->used = 0;
}

void arena_wipe(struct arena *a) {
    for (struct arena_block *b = a->blocks; b != NULL; b = b->next)
        explicit_bzero(b->mem, b->size);
    arena_free(a);
}

void *arena_alloc(struct arena *a, size_t size) {
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX - align - sizeof(struct arena_block))
        return NULL;
    size = (size + align - 1) / align * align;
    if (a->limit != 0 && size > a->limit - (a->used < a->limit ? a->used : a->limit))
        return NULL;
    struct arena_block *b = a->blocks;
    if (b == NULL || b->size - b->used < size) {
        size_t block = a->used < FIRST_SIZE ? FIRST_SIZE : BLOCK_SIZE;
        bool alone = size > block / 4;
        size_t cap = alone ? size : block;
        struct arena_block *fresh = mem_alloc(sizeof *fresh + cap);
        if (fresh == NULL)
            return NULL;
        fresh->used = 0;
        fresh->size = cap;
        // A block made for one large object goes behind the current one, which keeps serving small ones.
        if (b != NULL && alone) {
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            a->blocks = fresh;
        }
        b = fresh;
    }
    void *p = b->mem + b->used;
    b->used += size;
    a->used += size;
    return memset(p, 0, size);
}

void *arena_array(struct arena *a, size_t n, size_t size) {
    if (size != 0 && n > SIZE_MAX / size)
        return NULL;
    return arena_alloc(a, n * size);
}

char *arena_strndup(struct arena *a, const void *s, size_t n) {
    char *copy = n == SIZE_MAX ? NULL : arena_alloc(a, n + 1);
    if (copy != NULL && n > 0)
        memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s) {
    return arena_strndup(a, s, strlen(s));
}

struct bytes arena_bytes(struct arena *a, struct bytes b) {
    char *copy = arena_strndup(a, b.p, b.n);
    return bytes_of(copy, copy == NULL ? 0 : b.n);
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (s == NULL)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}
