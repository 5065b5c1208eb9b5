// SPDX-License-Identifier: BSD-2-Clause
// Arenas: alignment, zeroed memory, the limit, and that freeing or wiping leaves an empty arena that works.
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"

static void memory(void **state) {
    (void)state;
    struct arena a = {0};
    for (size_t size = 1; size < 20000; size = size * 3 + 1) {
        uint8_t *p = arena_alloc(&a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xA5, size);
    }
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    assert_non_null(arena_bytes(&a, (struct bytes){0}).p); // present and empty
    arena_free(&a);
    assert_int_equal(a.used, 0);
}

static void limit(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 256);
    assert_null(arena_alloc(&a, 257));
    assert_non_null(arena_alloc(&a, 200));
    assert_null(arena_alloc(&a, 100));
    assert_null(arena_printf(&a, "%200d", 1));
    arena_free(&a);
    assert_non_null(arena_alloc(&a, 256)); // the limit stayed, the count began anew
    assert_null(arena_alloc(&a, 1));
    arena_free(&a);
}

static void wiped(void **state) {
    (void)state;
    struct arena a = {0};
    assert_string_equal(arena_strdup(&a, "secret"), "secret");
    assert_non_null(arena_alloc(&a, 100000));
    arena_wipe(&a);
    assert_null(a.blocks);
    assert_int_equal(a.used, 0);
    arena_wipe(&a);
    mem_fail_at(1);
    assert_null(arena_alloc(&a, 1));
    assert_non_null(arena_alloc(&a, 1));
    arena_wipe(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory), cmocka_unit_test(limit), cmocka_unit_test(wiped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
