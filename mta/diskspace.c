// SPDX-License-Identifier: BSD-2-Clause
#include "mta/diskspace.h"

#include <sys/statvfs.h>

#include "base/err.h"

void diskspace_init(struct diskspace *d) {
    *d = (struct diskspace){.percent = 5, .minimum = 256 << 20};
}

int diskspace_measure(int dirfd, struct diskspace_sample *s) {
    struct statvfs fs;
    if (fstatvfs(dirfd, &fs) < 0)
        return ERR_SYSTEM;
    *s = (struct diskspace_sample){.size = (uint64_t)fs.f_blocks * fs.f_frsize,
                                   .free = (uint64_t)fs.f_bavail * fs.f_frsize,
                                   .inodes = fs.f_files,
                                   .inodes_free = fs.f_favail};
    return ERR_OK;
}

bool diskspace_low(struct diskspace *d, const struct diskspace_sample *s) {
    uint64_t octets = s->size / 100 * d->percent;
    uint64_t inodes = s->inodes / 100 * d->percent;
    if (octets < d->minimum)
        octets = d->minimum;
    if (d->low) {
        octets += octets / 10;
        inodes += inodes / 10;
    }
    d->low = s->free < octets || s->inodes_free < inodes;
    return d->low;
}
