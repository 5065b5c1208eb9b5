// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/notify.h"

struct manager {
    int fd;
    char name[108], got[2000];
};

static void manage(struct manager *m, bool abstract) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(m->name, sizeof m->name, abstract ? "@x400d-notify-%d" : "/tmp/x400d-notify-%d", (int)getpid());
    strcpy(a.sun_path, m->name);
    unlink(m->name);
    if (abstract)
        a.sun_path[0] = 0;
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(m->fd, (struct sockaddr *)&a,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(m->name) + !abstract)),
                     0);
    setenv("NOTIFY_SOCKET", m->name, 1);
}

static const char *heard(struct manager *m) {
    ssize_t n = recv(m->fd, m->got, sizeof m->got - 1, 0);
    m->got[n > 0 ? n : 0] = 0;
    return m->got;
}

static void unmanage(struct manager *m) {
    close(m->fd);
    unlink(m->name);
}

static void a_manager_is_told(void **state) {
    (void)state;
    for (int abstract = 0; abstract < 2; abstract++) {
        struct manager m;
        struct notify n;
        char wanted[200];
        manage(&m, abstract);
        setenv("WATCHDOG_USEC", "30000000", 1);
        assert_int_equal(notify_open(&n), ERR_OK);
        assert_int_equal(n.watchdog_ms, 15000);
        assert_null(getenv("NOTIFY_SOCKET"));
        assert_null(getenv("WATCHDOG_USEC"));
        assert_int_equal(notify_ready(&n, "running as MTA-A"), ERR_OK);
        snprintf(wanted, sizeof wanted, "MAINPID=%d\nREADY=1\nSTATUS=running as MTA-A", (int)getpid());
        assert_string_equal(heard(&m), wanted);
        assert_int_equal(notify_watchdog(&n), ERR_OK);
        assert_string_equal(heard(&m), "WATCHDOG=1\n");
        assert_int_equal(notify_status(&n, "two\nlines=1\n"), ERR_OK);
        assert_string_equal(heard(&m), "STATUS=two lines=1 ");
        assert_int_equal(notify_status(&n, NULL), ERR_OK);
        assert_string_equal(heard(&m), "");
        assert_int_equal(notify_extend(&n, 60000), ERR_OK);
        assert_string_equal(heard(&m), "EXTEND_TIMEOUT_USEC=60000000\n");
        assert_int_equal(notify_stopping(&n, NULL), ERR_OK);
        assert_string_equal(heard(&m), "STOPPING=1\n");
        notify_close(&n);
        assert_int_equal(notify_watchdog(&n), ERR_OK);
        assert_string_equal(heard(&m), "");
        unmanage(&m);
    }
}

static void the_process_in_the_background_tells_its_own_pid(void **state) {
    (void)state;
    struct manager m;
    struct notify n;
    char wanted[60];
    manage(&m, false);
    assert_int_equal(notify_open(&n), ERR_OK);
    pid_t pid = fork();
    if (pid == 0)
        _exit(notify_ready(&n, NULL) == ERR_OK ? 0 : 1);
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    snprintf(wanted, sizeof wanted, "MAINPID=%d\nREADY=1\n", (int)pid);
    assert_string_equal(heard(&m), wanted);
    notify_close(&n);
    unmanage(&m);
}

static void without_a_manager_nothing_happens(void **state) {
    (void)state;
    struct notify n;
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_open(&n), ERR_OK);
    assert_int_equal(n.fd, -1);
    assert_int_equal(n.watchdog_ms, 0);
    assert_int_equal(notify_ready(&n, "x"), ERR_OK);
    assert_int_equal(notify_stopping(&n, "x"), ERR_OK);
    notify_close(&n);
}

static void names_that_are_no_socket_are_refused(void **state) {
    (void)state;
    char longer[200];
    memset(longer, 'a', sizeof longer);
    longer[0] = '/', longer[sizeof longer - 1] = 0;
    const char *const names[] = {"relative", "@", "/", "vsock:1:2", longer};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct notify n;
        setenv("NOTIFY_SOCKET", names[k], 1);
        assert_int_equal(notify_open(&n), ERR_SYNTAX);
        assert_int_equal(n.fd, -1);
        assert_int_equal(notify_watchdog(&n), ERR_OK);
        notify_close(&n);
    }
}

static void the_watchdog_of_another_process_is_not_ours(void **state) {
    (void)state;
    static const struct {
        const char *usec, *pid;
        uint64_t ms;
    } cases[] = {{"30000000", "1", 0}, {"30000000", "self", 15000},
                 {"1", NULL, 1},       {"0", NULL, 0},
                 {"", NULL, 0},        {"-5", NULL, 0},
                 {"12x", NULL, 0},     {"99999999999999999999999", NULL, 0},
                 {"3000000", "", 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct manager m;
        struct notify n;
        char self[20];
        snprintf(self, sizeof self, "%d", (int)getpid());
        manage(&m, true);
        setenv("WATCHDOG_USEC", cases[k].usec, 1);
        if (cases[k].pid != NULL)
            setenv("WATCHDOG_PID", strcmp(cases[k].pid, "self") == 0 ? self : cases[k].pid, 1);
        assert_int_equal(notify_open(&n), ERR_OK);
        assert_int_equal(n.watchdog_ms, cases[k].ms);
        notify_close(&n);
        unmanage(&m);
    }
}

static void a_manager_that_does_not_read_blocks_nobody(void **state) {
    (void)state;
    struct manager m;
    struct notify n;
    manage(&m, false);
    assert_int_equal(notify_open(&n), ERR_OK);
    int failed = 0;
    for (int k = 0; k < 5000 && failed == 0; k++)
        failed = notify_watchdog(&n) != ERR_OK;
    assert_int_equal(failed, 1);
    unmanage(&m);
    assert_int_equal(notify_watchdog(&n), ERR_SYSTEM); // gone
    notify_close(&n);
}

static void a_long_status_is_cut(void **state) {
    (void)state;
    struct manager m;
    struct notify n;
    char status[3000];
    memset(status, 'x', sizeof status);
    status[sizeof status - 1] = 0;
    manage(&m, false);
    assert_int_equal(notify_open(&n), ERR_OK);
    assert_int_equal(notify_status(&n, status), ERR_OK);
    assert_int_equal(strlen(heard(&m)), 599);
    notify_close(&n);
    unmanage(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manager_is_told),
        cmocka_unit_test(the_process_in_the_background_tells_its_own_pid),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(names_that_are_no_socket_are_refused),
        cmocka_unit_test(the_watchdog_of_another_process_is_not_ours),
        cmocka_unit_test(a_manager_that_does_not_read_blocks_nobody),
        cmocka_unit_test(a_long_status_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
