// SPDX-License-Identifier: BSD-2-Clause
// Where an envelope breaks a bound or a character set of X.411 that its decoder let pass, because a relay does better
// to pass it on: for people, events and dumps, and to refuse an envelope of our own. Decoding pays nothing for it.
#ifndef X400_P1_DEVIATION_H
#define X400_P1_DEVIATION_H

#include "x400/p1.h"

enum { P1_DEVIATIONS_MAX = 100 };

struct p1_deviation {
    const char *field;  // as in faults: "per-recipient-fields[2].recipient-name"
    const char *reason; // "surname has 45 characters, more than the 40 allowed"
};

// Up to max of them (0: P1_DEVIATIONS_MAX), in the order of the envelope; *n is 0 when there are none. Names and trace,
// which are kept as octets, are decoded here, in memory of their own. ERR_NOMEM.
int p1_deviations(struct arena *a, const struct p1_envelope *e, size_t max, struct p1_deviation **list, size_t *n);

#endif
