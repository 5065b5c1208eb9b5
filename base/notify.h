// SPDX-License-Identifier: BSD-2-Clause
// Telling the service manager how we are: the protocol of sd_notify(3), datagrams to the socket that $NOTIFY_SOCKET
// names. Without that variable everything here does nothing, so callers need not ask. Loop thread only; a datagram to a
// manager that does not read is dropped, it never blocks.
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; // -1: nobody wants to be told
    struct sockaddr_un to;
    socklen_t to_len;
    uint64_t watchdog_ms; // notify_watchdog is wanted at least so often; 0: not. Half of what the manager waits
};

// Reads the environment and clears the variables, so that no child speaks for us. Before threads are started. Call it
// in the starting process: one that goes on in the background keeps it over fork. ERR_SYNTAX: the variable names no
// socket; ERR_SYSTEM.
int notify_open(struct notify *n);
void notify_close(struct notify *n);

// status is one line in words, shown by `systemctl status`; NULL: unchanged.
int notify_ready(struct notify *n, const char *status); // with our pid, which may not be the one that was started
int notify_status(struct notify *n, const char *status);
int notify_stopping(struct notify *n, const char *status);
int notify_watchdog(struct notify *n); // the loop turns
// The start or the stop takes longer: so much more from now.
int notify_extend(struct notify *n, uint64_t ms);

#endif
