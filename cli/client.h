// SPDX-License-Identifier: BSD-2-Clause
// Talking to the daemon: one JSON object a line each way over one of its three sockets. Whatever fails is said on err.
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/buf.h"
#include "cli/command.h"

enum client_socket { CLIENT_STATUS, CLIENT_SUBMIT, CLIENT_CONTROL }; // each may do what those before it may

struct client {
    struct cli *c;
    int fd;
    const char *path;
    struct buf in;
};

// Opens the least socket that the command needs: the path given by --status, --submit or --control if any, else that of
// the configuration (-f), else the default. CLI_DONE or CLI_FAILED.
int client_open(struct client *d, struct cli *c, const struct args *a, enum client_socket least);
void client_close(struct client *d);

// Sends the request (whose reference it takes; "v" is added) and waits for the answer. fd -1: none goes with it;
// it stays the caller's. fd_in NULL: none is wanted; else -1 or one that the caller closes.
// The result, a new reference; NULL: it failed and was said.
json_t *client_ask(struct client *d, json_t *request, int fd, int *fd_in);

// Opens, asks, closes.
json_t *client_once(struct cli *c, const struct args *a, enum client_socket least, json_t *request);

#endif
