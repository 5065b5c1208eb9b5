// SPDX-License-Identifier: BSD-2-Clause
// Is there room on the spool's file system? Below a reserve of free size or inodes new transfers and submissions are
// refused; above it, with some distance so that the answer does not flutter, they are taken again.
#ifndef MTA_DISKSPACE_H
#define MTA_DISKSPACE_H

#include <stdbool.h>
#include <stdint.h>

struct diskspace_sample {
    uint64_t size, free;          // octets; free to us, not to root
    uint64_t inodes, inodes_free; // 0 inodes: the file system does not count them
};
struct diskspace {
    unsigned percent; // of size and of inodes to stay free
    uint64_t minimum; // octets to stay free
    bool low;
};

void diskspace_init(struct diskspace *d);                     // 5 %, at least 256 MB
int diskspace_measure(int dirfd, struct diskspace_sample *s); // file thread. ERR_SYSTEM
// Low becomes true below the reserve and false again a tenth above it; the answer is also in d->low. A file system too
// small to ever have the reserve free counts as low.
bool diskspace_low(struct diskspace *d, const struct diskspace_sample *s);

#endif
