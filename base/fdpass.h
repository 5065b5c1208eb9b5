// SPDX-License-Identifier: BSD-2-Clause
// Octets over a Unix socket with descriptors beside them (SCM_RIGHTS). Results as of send(2) and recv(2), with errno.
#ifndef BASE_FDPASS_H
#define BASE_FDPASS_H

#include <sys/types.h>

#include "base/buf.h"

// fd goes with the octets, -1: none; the caller still owns his.
ssize_t fd_send(int sock, struct bytes octets, int fd);
// The first descriptor that comes is put into *fd if that is -1 (fd NULL: none is wanted), all others are closed. They
// are closed on exec.
ssize_t fd_receive(int sock, void *octets, size_t n, int *fd);

#endif
