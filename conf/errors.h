// SPDX-License-Identifier: BSD-2-Clause
// What there is to say about a configuration: errors and warnings, each with its place, in the order of the places
// where they were found.
#ifndef CONF_ERRORS_H
#define CONF_ERRORS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"

struct conf_where {
    const char *file; // NULL: no place in a file
    unsigned line;    // from 1; 0: the file as a whole
    unsigned column;  // from 1, in octets; 0: the line as a whole
};

struct conf_error {
    bool warning;
    struct conf_where where;
    const char *text;   // one line, without the place
    const char *source; // the line of the file, anything that may be a password in it as ***; NULL when there is none
    size_t caret;       // the octet of source to point at
    const char *hint;   // what to write instead, an example or another place; may have several lines; NULL: none
    struct conf_error *next;
};

struct conf_errors {
    struct arena arena;
    struct conf_error *first, *last;
    size_t n_errors, n_warnings;
    bool full; // more than was worth keeping, or memory ran short: the list is not complete
};

void conf_errors_init(struct conf_errors *e);
void conf_errors_free(struct conf_errors *e);

// Adds one; what is given is copied. caret counts only with a source. hint may be NULL.
void conf_errors_add(struct conf_errors *e, const struct conf_error *error);

// The way a terminal shows them:
//   x400d.conf:12:5: error: unknown word "conect"
//      12 |     conect host mta-b.example.net port 102
//         |     ^
//         = did you mean "connect"?
void conf_errors_print(const struct conf_errors *e, FILE *out);

#endif
