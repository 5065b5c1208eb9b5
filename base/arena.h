// SPDX-License-Identifier: BSD-2-Clause
// An arena: everything that belongs to one message or one configuration is allocated together and freed together.
// A limit keeps a peer from making us allocate without bound; at the limit allocation returns NULL.
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/buf.h"

struct arena_block;
struct arena {
    struct arena_block *blocks;
    size_t used, limit; // octets given out, and at most (0: no limit)
};

// Zero-initialised is an empty arena without limit.
void arena_init(struct arena *a, size_t limit);
void arena_free(struct arena *a); // and makes it empty; the limit stays
void arena_wipe(struct arena *a); // the same, and overwrites it first: for what held passwords

void *arena_alloc(struct arena *a, size_t size);           // aligned for any type, zeroed
void *arena_array(struct arena *a, size_t n, size_t size); // checked for overflow
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const void *s, size_t n);
struct bytes arena_bytes(struct arena *a, struct bytes b); // a copy; p is NULL when memory is short, never else
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
