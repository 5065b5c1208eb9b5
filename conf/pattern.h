// SPDX-License-Identifier: BSD-2-Clause
// The words of O/R attributes. Private to this room.
#ifndef CONF_PATTERN_H
#define CONF_PATTERN_H

#include "conf/draft.h"

// The word of an attribute (enum or_attr); NULL: it has none, or is domain-defined.
const char *pattern_word(int attr);

#endif
