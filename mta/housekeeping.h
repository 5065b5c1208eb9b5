// SPDX-License-Identifier: BSD-2-Clause
// Every few seconds: is there room on the disk, and what of the spool is old enough to go.
#ifndef MTA_HOUSEKEEPING_H
#define MTA_HOUSEKEEPING_H

#include "mta/mta.h"

struct housekeeping;
struct housekeeping *housekeeping_new(struct mta *m); // NULL: no memory. The first measure is on its way
void housekeeping_free(struct housekeeping *h);       // before the file thread is

#endif
