// SPDX-License-Identifier: BSD-2-Clause
#include "base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

// A path, or with @ a name of the abstract namespace.
static int read_socket(struct notify *n, const char *name) {
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof n->to.sun_path)
        return ERR_SYNTAX;
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, name, len + 1);
    n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
    if (name[0] == '@')
        n->to.sun_path[0] = 0;
    return ERR_OK;
}

static uint64_t read_number(const char *text) {
    char *end = NULL;
    errno = 0;
    unsigned long long value = text == NULL || *text < '0' || *text > '9' ? 0 : strtoull(text, &end, 10);
    return errno != 0 || (end != NULL && *end != 0) ? 0 : value;
}

// The watchdog is meant for one process: WATCHDOG_PID, which is not set by managers that do not care.
static uint64_t watchdog_ms(void) {
    const char *pid = getenv("WATCHDOG_PID");
    if (pid != NULL && read_number(pid) != (uint64_t)getpid())
        return 0;
    uint64_t usec = read_number(getenv("WATCHDOG_USEC")), ms = usec / 2000;
    return usec > 0 && ms == 0 ? 1 : ms;
}

int notify_open(struct notify *n) {
    const char *name = getenv("NOTIFY_SOCKET");
    int r = ERR_OK;
    *n = (struct notify){.fd = -1};
    if (name != NULL && *name != 0) {
        r = read_socket(n, name);
        if (r == ERR_OK) {
            n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
            r = n->fd < 0 ? ERR_SYSTEM : ERR_OK;
        }
        if (r == ERR_OK)
            n->watchdog_ms = watchdog_ms();
    }
    unsetenv("NOTIFY_SOCKET"), unsetenv("WATCHDOG_USEC"), unsetenv("WATCHDOG_PID");
    return r;
}

void notify_close(struct notify *n) {
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
    n->watchdog_ms = 0;
}

static int put(struct notify *n, const char *text, size_t len) {
    if (n->fd < 0)
        return ERR_OK;
    ssize_t sent = sendto(n->fd, text, len, MSG_NOSIGNAL, (const struct sockaddr *)&n->to, n->to_len);
    return sent == (ssize_t)len ? ERR_OK : ERR_SYSTEM;
}

// Lines, the last of which is the status, without what would begin another one.
static int put_status(struct notify *n, const char *lines, const char *status) {
    char text[600];
    int len = status == NULL ? snprintf(text, sizeof text, "%s", lines)
                             : snprintf(text, sizeof text, "%sSTATUS=%s", lines, status);
    if (len < 0)
        return ERR_SYSTEM;
    if ((size_t)len >= sizeof text)
        len = sizeof text - 1;
    for (size_t k = strlen(lines); k < (size_t)len; k++)
        if (text[k] == '\n')
            text[k] = ' ';
    return put(n, text, (size_t)len);
}

int notify_ready(struct notify *n, const char *status) {
    char lines[60];
    snprintf(lines, sizeof lines, "MAINPID=%ld\nREADY=1\n", (long)getpid());
    return put_status(n, lines, status);
}

int notify_status(struct notify *n, const char *status) {
    return status == NULL ? ERR_OK : put_status(n, "", status);
}

int notify_stopping(struct notify *n, const char *status) {
    return put_status(n, "STOPPING=1\n", status);
}

int notify_watchdog(struct notify *n) {
    return put(n, "WATCHDOG=1\n", 11);
}

int notify_extend(struct notify *n, uint64_t ms) {
    char line[60];
    int len = snprintf(line, sizeof line, "EXTEND_TIMEOUT_USEC=%llu\n", (unsigned long long)ms * 1000);
    return put(n, line, (size_t)len);
}
