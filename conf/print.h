// SPDX-License-Identifier: BSD-2-Clause
// A configuration as text: the effective one with its defaults written out, and the difference of two.
#ifndef CONF_PRINT_H
#define CONF_PRINT_H

#include "base/buf.h"
#include "conf/conf.h"

enum conf_print_flags {
    CONF_PRINT_SECRETS = 1, // passwords that stand in the file itself are printed
    CONF_PRINT_MASKED = 2,  // they are printed as ***, which does not parse back: for logs and humans
};

// Appends text that parses back to the same configuration. Without a flag a password that stands in the file itself is
// refused: ERR_STATE, and *why (when not NULL) is the place of its block. Paths are printed absolute.
int conf_print(const struct conf *c, unsigned flags, struct buf *out, struct conf_where *why);

// Appends "new peer \"x\"", "removed stack \"y\"" or "changed ..." for each block that differs, and below the last its
// lines with "-" and "+"; routes and deliveries are a block each. Nothing when the two are the same. No password is
// shown, only "~ the local password".
int conf_diff(const struct conf *from, const struct conf *to, struct buf *out);

// Whether two blocks say the same, passwords included: what a reload may leave running.
bool conf_stack_equal(const struct conf_stack *a, const struct conf_stack *b);
bool conf_peer_equal(const struct conf_peer *a, const struct conf_peer *b);

#endif
