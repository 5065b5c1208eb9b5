// SPDX-License-Identifier: BSD-2-Clause
// The one place that asks the C library for memory, so that a test can make the Nth request fail.
// All return NULL when memory is short; every caller checks.
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);
void *mem_calloc(size_t n, size_t size);
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *s);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void mem_free(void *p);

// Test hook: the Nth allocation from now (1 = the next) fails, once; 0 switches it off.
void mem_fail_at(unsigned long n);

#endif
