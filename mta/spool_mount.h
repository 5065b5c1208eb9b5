// SPDX-License-Identifier: BSD-2-Clause
// What kind of file system a spool lies on. On a network file system it is refused: the kernel's lock may hold on one
// node only (and both believe that they have it), a write that was synced may be seen late or in another order by the
// other node, and SQLite's write-ahead log needs memory shared by all who have the database open (https://sqlite.org/
// wal.html: "WAL does not work over a network filesystem"). Folders of a virtual machine's host count as such. Cluster
// file systems on shared block devices (gfs2, ocfs2) are no network file systems: their locks are the cluster's.
#ifndef MTA_SPOOL_MOUNT_H
#define MTA_SPOOL_MOUNT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

enum { MOUNT_TYPE = 64, MOUNT_POINT = 160 };

bool spool_mount_is_network(const char *type); // "nfs4", "fuse.sshfs"
// Which mount has that absolute path, from the octets of /proc/self/mountinfo (proc(5)): the longest mount point, of
// equal ones the last, which lies on top. A long mount point is cut in `point`. False: none, or nothing that can be
// read.
bool spool_mount_find(struct bytes mountinfo, const char *path, char type[MOUNT_TYPE], char point[MOUNT_POINT]);

// The folder that is open as `dir`. False: it is on a network file system; type and point say on which ("": not known).
bool spool_mount_allowed(int dir, char type[MOUNT_TYPE], char point[MOUNT_POINT]);

#endif
