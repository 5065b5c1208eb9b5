// SPDX-License-Identifier: BSD-2-Clause
// The words of one configuration file. Words are bare; names and texts stand in quotes (\" and \\ escape); # begins a
// comment; a statement ends with its line unless the line ends with a backslash.
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include "base/arena.h"

struct lex_loc {
    unsigned line, column; // from 1
    unsigned length;       // octets of the token
};

struct lex {
    struct arena *arena; // of the token's texts
    const char *text, *end;
    const char *p, *line_start;
    unsigned line;
    bool line_used;    // a token stood on this line: its end is a token
    const char *error; // after T_CONF_error: what is wrong with the character or text there
    const char *hint;
    bool nomem; // memory was short; the file seemed to end there
};

// The text must stay; it need not be NUL-terminated.
void lex_init(struct lex *l, struct arena *a, const char *text, size_t n);

union CONF_STYPE;
int lex_next(struct lex *l, union CONF_STYPE *value, struct lex_loc *loc); // a token of conf/grammar.h

// Reads over the rest of a block of which the { was read, up to before its }.
void lex_skip_block(struct lex *l);

const char *lex_word(int token); // the word of a keyword, NULL for other tokens
const char *lex_name(int token); // how an error message calls a token

// A token as it stands in the file; NULL when memory is short.
char *lex_text(const struct lex *l, struct arena *a, struct lex_loc loc);

// The line of a token as it may be shown, with *** for what may be a password, and where in it the token begins. NULL
// when memory is short.
const char *lex_line(const struct lex *l, struct arena *a, struct lex_loc loc, size_t *caret);

#endif
