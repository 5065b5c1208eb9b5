// SPDX-License-Identifier: BSD-2-Clause
// Output for people: tables aligned by what a terminal shows (UTF-8, wide characters), colours when they are wanted,
// times, sizes. Text that came from elsewhere is cleaned: control characters never reach the terminal raw.
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/cli.h"

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_DIM, PAINT_GOOD, PAINT_BAD, PAINT_WARN };

struct column {
    const char *title;
    bool right; // numbers
};

struct table {
    const struct cli *c;
    const struct column *columns;
    size_t n_columns;
    struct cell {
        const char *text;
        enum paint paint;
    } * cells;
    size_t n, cap;
    bool failed; // memory was short
};

void table_init(struct table *t, const struct cli *c, const struct column *columns, size_t n_columns);
// The next cell, row by row. text is cleaned and copied; NULL or "" shows "-".
void table_add(struct table *t, enum paint paint, const char *text);
void table_addf(struct table *t, enum paint paint, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
// Prints it, or `none` and a newline when it has no row. CLI_DONE or CLI_FAILED.
int table_print(struct table *t, const char *none);

// "name:  value" lines, the values below each other.
void field(const struct cli *c, const char *name, enum paint paint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
// The same indented, below a title; a long value goes on in lines of at most 100 columns.
void item(const struct cli *c, const char *name, enum paint paint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void title(const struct cli *c, const char *text); // a bold line

const char *paint_on(const struct cli *c, enum paint p); // the escape sequence, "" without colour
const char *paint_off(const struct cli *c, enum paint p);

// All from the arena, never NULL ("" when memory is short).
const char *text_clean(struct arena *a, const char *text);        // control characters as \x1b, line ends as \n
const char *text_time(const struct cli *c, int64_t ms);           // "2026-11-20 10:34:36", local; "never" for 0
const char *text_ago(const struct cli *c, int64_t ms);            // "5 min ago", "in 2 h"; "never" for 0
const char *text_time_ago(const struct cli *c, int64_t ms);       // both
const char *text_size(const struct cli *c, int64_t octets);       // "1.5 MB"
int text_width(const char *text);                                 // columns
void text_caret(const struct cli *c, const char *text, size_t n); // the text, and ^ below its n-th character from 1

#endif
