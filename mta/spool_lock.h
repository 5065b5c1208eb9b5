// SPDX-License-Identifier: BSD-2-Clause
// Whose spool it is. A kernel lock, which ends with its holder and never by age; the text in the file only says who has
// it, and is taken away when the lock is given back.
#ifndef MTA_SPOOL_LOCK_H
#define MTA_SPOOL_LOCK_H

enum { SPOOL_HOST = 65 };
struct spool_owner {
    char host[SPOOL_HOST]; // "": not known
    long pid;              // 0: not known
    char since[24];        // 2026-11-21T03:00:00Z; "": not known
};

// A descriptor, which is closed with spool_lock_release. ERR_BUSY: another has it, and *owner says who, as far as it
// said so itself. ERR_SYSTEM: errno; `why` says in words what to do when the file system has no locks.
int spool_lock_take(int dir, struct spool_owner *owner, char why[200]);
void spool_lock_release(int lock);
void spool_owner_text(const struct spool_owner *o,
                      char out[160]); // "process 12 on node1 since …", or that it is not known

#endif
