// SPDX-License-Identifier: BSD-2-Clause
// Which pair the next call to a peer tries first, and for how long.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mta/amgr_call.h"

static void remembered(void **state) {
    (void)state;
    struct call_path c = {0};
    assert_false(call_path_counts(&c, 0));
    call_path_came(&c, "net3", "10.3.0.1:40000", "10.3.0.2:102", 1000);
    assert_true(call_path_counts(&c, 1000));
    assert_string_equal(c.stack, "net3");
    assert_string_equal(c.remote, "10.3.0.2:102");
    assert_true(c.since_utc > 0);
    assert_true(call_path_counts(&c, 1000 + CALL_PATH_MS - 1));
    assert_false(call_path_counts(&c, 1000 + CALL_PATH_MS));
}

// Calls over the remembered pair do not lengthen its time, or a preferred network that is back would never be seen.
static void configured_order_comes_again(void **state) {
    (void)state;
    struct call_path c = {0};
    call_path_came(&c, "net3", "", "10.3.0.2:102", 1000);
    for (uint64_t now = 2000; now < 1000 + CALL_PATH_MS; now += 60000) {
        assert_true(call_path_counts(&c, now));
        call_path_came(&c, "net3", "", "10.3.0.2:102", now);
    }
    assert_false(call_path_counts(&c, 1000 + CALL_PATH_MS));
    // tried anew: the preferred one is still away
    int64_t since = c.since_utc = 1;
    call_path_came(&c, "net3", "", "10.3.0.2:102", 2000 + CALL_PATH_MS);
    assert_int_equal(c.since_utc, since);
    assert_true(call_path_counts(&c, 1999 + 2 * (uint64_t)CALL_PATH_MS));
    assert_false(call_path_counts(&c, 2000 + 2 * (uint64_t)CALL_PATH_MS));
    // and now it is back
    call_path_came(&c, "net1", "", "10.1.0.2:102", 3000 + 2 * (uint64_t)CALL_PATH_MS);
    assert_true(call_path_counts(&c, 3000 + 2 * (uint64_t)CALL_PATH_MS));
    assert_string_equal(c.stack, "net1");
    assert_true(c.since_utc > since);
}

static void the_last_that_worked(void **state) {
    (void)state;
    struct call_path c = {0};
    call_path_came(&c, "net1", "", "10.1.0.2:102", 1000);
    call_path_came(&c, "net1", "", "10.1.0.3:102", 5000); // the first failed
    assert_string_equal(c.remote, "10.1.0.3:102");
    assert_true(call_path_counts(&c, 4999 + CALL_PATH_MS));
    assert_false(call_path_counts(&c, 5000 + CALL_PATH_MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembered),
        cmocka_unit_test(configured_order_comes_again),
        cmocka_unit_test(the_last_that_worked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
