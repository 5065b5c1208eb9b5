// SPDX-License-Identifier: BSD-2-Clause
// Descriptors beside octets: the first is kept, others are closed, none where none is wanted.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdpass.h"

static unsigned open_descriptors(void) {
    unsigned n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_pass(void **state) {
    (void)state;
    int s[2], in = -1, pipe_fds[2];
    char got[8];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(fd_send(s[0], bytes_str("plain"), -1), 5);
    assert_int_equal(fd_receive(s[1], got, sizeof got, &in), 5);
    assert_int_equal(in, -1);
    assert_int_equal(fd_send(s[0], bytes_str("with"), pipe_fds[1]), 4);
    assert_int_equal(fd_receive(s[1], got, sizeof got, &in), 4);
    assert_memory_equal(got, "with", 4);
    assert_true(in >= 0 && in != pipe_fds[1]);
    assert_true(fcntl(in, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(in, "x", 1), 1);
    assert_int_equal(read(pipe_fds[0], got, 1), 1);
    // One is held already, or none is wanted: what comes is closed.
    unsigned before = open_descriptors();
    int kept = in;
    assert_int_equal(fd_send(s[0], bytes_str("a"), pipe_fds[1]), 1);
    assert_int_equal(fd_receive(s[1], got, sizeof got, &in), 1);
    assert_int_equal(in, kept);
    assert_int_equal(fd_send(s[0], bytes_str("b"), pipe_fds[1]), 1);
    assert_int_equal(fd_receive(s[1], got, sizeof got, NULL), 1);
    assert_int_equal(open_descriptors(), before);
    // The other side is gone.
    close(s[0]);
    assert_int_equal(fd_receive(s[1], got, sizeof got, &in), 0);
    assert_int_equal(fd_send(s[1], bytes_str("c"), -1), -1);
    close(s[1]), close(in), close(pipe_fds[0]), close(pipe_fds[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pass)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
