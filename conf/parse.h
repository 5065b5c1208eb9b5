// SPDX-License-Identifier: BSD-2-Clause
// What the grammar calls besides the draft: its tokens, and what to say of one that does not fit. Private to this room.
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "conf/draft.h"

enum { PARSE_EXPECTED_MAX = 64 };

union CONF_STYPE;
int parse_token(union CONF_STYPE *value, struct lex_loc *loc, struct draft *d);

// Reports a token that does not fit here; expected are the tokens that would.
void parse_unexpected(struct draft *d, struct lex_loc loc, int token, const int *expected, size_t n);

#endif
