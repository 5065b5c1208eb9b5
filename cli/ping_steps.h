// SPDX-License-Identifier: BSD-2-Clause
// What each step of `x400 ping` negotiated, as a line and as JSON.
#ifndef CLI_PING_STEPS_H
#define CLI_PING_STEPS_H

#include <jansson.h>

#include "assoc/assoc.h"
#include "base/arena.h"

// In words; detail is what assoc_user.step was given. NULL when memory is short.
const char *ping_step_text(struct arena *arena, const struct assoc *a, enum assoc_step s, const char *detail);
// Members with stable names; an empty object where there is nothing to say. NULL when memory is short.
json_t *ping_step_json(const struct assoc *a, enum assoc_step s);

#endif
