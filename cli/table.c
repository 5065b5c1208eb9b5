// SPDX-License-Identifier: BSD-2-Clause
#include "cli/table.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "x400/charset.h"

enum { GAP = 2, FIELD_WIDTH = 16, ITEM_WIDTH = 14, LINE_WIDTH = 100 };

// ---- text ----

// Control characters, and the marks that turn the direction of writing, could make a terminal show something else
// than what is there.
static bool harmful(uint32_t ch) {
    return ch < 0x20 || (ch >= 0x7F && ch < 0xA0) || (ch >= 0x200B && ch <= 0x200F) || (ch >= 0x2028 && ch <= 0x202E) ||
           (ch >= 0x2066 && ch <= 0x2069) || ch == 0xFEFF;
}

const char *text_clean(struct arena *a, const char *text) {
    struct buf b = {0};
    const char *p = text, *end = text + strlen(text);
    int err = buf_reserve(&b, (size_t)(end - p) + 1);
    while (p < end && err == 0) {
        uint32_t ch = charset_utf8_next(&p, end);
        err = ch == '\n'    ? buf_append_str(&b, "\\n")
              : harmful(ch) ? buf_printf(&b, ch < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)ch)
                            : charset_utf8_put(&b, ch);
    }
    const char *s = err < 0 ? NULL : buf_cstr(&b);
    s = s == NULL ? NULL : arena_strdup(a, s);
    buf_free(&b);
    return s == NULL ? "" : s;
}

int text_width(const char *text) {
    int width = 0;
    const char *p = text, *end = text + strlen(text);
    while (p < end) {
        int w = wcwidth((wchar_t)charset_utf8_next(&p, end));
        width += w < 0 ? 1 : w; // a locale without it: most characters are one wide
    }
    return width;
}

void text_caret(const struct cli *c, const char *text, size_t n) {
    const char *p = text, *end = text + strlen(text);
    struct arena *a = c->arena;
    int before = 0;
    for (size_t k = 1; k < n && p < end; k++) {
        const char *from = p;
        charset_utf8_next(&p, end);
        char *one = arena_strndup(a, from, (size_t)(p - from));
        before += one == NULL ? 1 : text_width(text_clean(a, one));
    }
    fprintf(c->err, "  %s\n  %*s^\n", text_clean(a, text), before, "");
}

// ---- colour ----

const char *paint_on(const struct cli *c, enum paint p) {
    static const char *const codes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[33m"};
    return c->colour ? codes[p] : "";
}

const char *paint_off(const struct cli *c, enum paint p) {
    return c->colour && p != PAINT_NONE ? "\033[0m" : "";
}

// ---- values ----

static const char *or_empty(const char *s) {
    return s == NULL ? "" : s;
}

const char *text_time(const struct cli *c, int64_t ms) {
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char text[40];
    if (ms == 0)
        return "never";
    if (localtime_r(&s, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return "?";
    return or_empty(arena_strdup(c->arena, text));
}

const char *text_ago(const struct cli *c, int64_t ms) {
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    int64_t away = cli_now_ms(c) - ms, size = away < 0 ? -away : away;
    if (ms == 0)
        return "never";
    for (size_t k = 0; k < sizeof units / sizeof *units; k++)
        if (size >= 2 * units[k].ms || (k == 3 && size >= units[k].ms))
            return or_empty(arena_printf(c->arena, "%s%lld %s%s", away < 0 ? "in " : "",
                                         (long long)(size / units[k].ms), units[k].name, away < 0 ? "" : " ago"));
    return "now";
}

const char *text_time_ago(const struct cli *c, int64_t ms) {
    return ms == 0 ? "never" : or_empty(arena_printf(c->arena, "%s (%s)", text_time(c, ms), text_ago(c, ms)));
}

const char *text_size(const struct cli *c, int64_t octets) {
    static const char *const units[] = {"KB", "MB", "GB", "TB"};
    if (octets < 1000)
        return or_empty(arena_printf(c->arena, "%lld B", (long long)octets));
    double v = (double)octets / 1000;
    size_t k = 0;
    for (; v >= 999.95 && k < 3; k++)
        v /= 1000;
    return or_empty(arena_printf(c->arena, "%.*f %s", v < 10 ? 1 : 0, v, units[k]));
}

// ---- tables ----

void table_init(struct table *t, const struct cli *c, const struct column *columns, size_t n_columns) {
    *t = (struct table){.c = c, .columns = columns, .n_columns = n_columns};
}

void table_add(struct table *t, enum paint paint, const char *text) {
    if (t->n == t->cap) {
        size_t cap = t->cap == 0 ? 64 : 2 * t->cap;
        struct cell *more = arena_array(t->c->arena, cap, sizeof *more);
        if (more == NULL) {
            t->failed = true;
            return;
        }
        if (t->n > 0)
            memcpy(more, t->cells, t->n * sizeof *more);
        t->cells = more;
        t->cap = cap;
    }
    t->cells[t->n++] = (struct cell){text == NULL || *text == 0 ? "-" : text_clean(t->c->arena, text), paint};
}

void table_addf(struct table *t, enum paint paint, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    table_add(t, paint, text);
}

static void print_cell(const struct table *t, size_t column, const char *text, enum paint paint, int width) {
    FILE *out = t->c->out;
    bool last = column + 1 == t->n_columns, right = t->columns[column].right;
    int pad = width - text_width(text);
    fprintf(out, "%*s%s%s%s", right ? pad : 0, "", paint_on(t->c, paint), text, paint_off(t->c, paint));
    if (!last)
        fprintf(out, "%*s", (right ? 0 : pad) + GAP, "");
}

int table_print(struct table *t, const char *none) {
    FILE *out = t->c->out;
    int *width = arena_array(t->c->arena, t->n_columns, sizeof *width);
    if (t->failed || width == NULL)
        return cli_fail(t->c, "memory is short");
    if (t->n == 0) {
        fprintf(out, "%s\n", none);
        return CLI_DONE;
    }
    for (size_t k = 0; k < t->n_columns; k++)
        width[k] = text_width(t->columns[k].title);
    for (size_t k = 0; k < t->n; k++) {
        int w = text_width(t->cells[k].text);
        if (w > width[k % t->n_columns])
            width[k % t->n_columns] = w;
    }
    for (size_t k = 0; k < t->n_columns; k++)
        print_cell(t, k, t->columns[k].title, PAINT_BOLD, width[k]);
    fputc('\n', out);
    for (size_t k = 0; k < t->n; k++) {
        print_cell(t, k % t->n_columns, t->cells[k].text, t->cells[k].paint, width[k % t->n_columns]);
        if (k % t->n_columns + 1 == t->n_columns)
            fputc('\n', out);
    }
    return CLI_DONE;
}

// ---- fields ----

void field(const struct cli *c, const char *name, enum paint paint, const char *fmt, ...) {
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    int pad = FIELD_WIDTH - text_width(name) - 1;
    fprintf(c->out, "%s%s:%s%*s%s%s%s\n", paint_on(c, PAINT_DIM), name, paint_off(c, PAINT_DIM), pad < 1 ? 1 : pad, "",
            paint_on(c, paint), *text == 0 ? "-" : text_clean(c->arena, text), paint_off(c, paint));
}

// The octets of a first line: up to the last blank within width columns, or the first one there is.
static size_t line_of(const char *text, int width) {
    const char *p = text, *end = text + strlen(text), *blank = NULL;
    for (int w = 0; p < end;) {
        blank = *p == ' ' ? p : blank;
        int one = wcwidth((wchar_t)charset_utf8_next(&p, end));
        w += one < 0 ? 1 : one;
        if (w > width && blank != NULL)
            return (size_t)(blank - text);
    }
    return (size_t)(end - text);
}

void item(const struct cli *c, const char *name, enum paint paint, const char *fmt, ...) {
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char *rest = text_clean(c->arena, text);
    fprintf(c->out, "  %s%-*s%s", paint_on(c, PAINT_DIM), ITEM_WIDTH, name, paint_off(c, PAINT_DIM));
    for (bool first = true; first || *rest != 0; first = false) {
        size_t n = line_of(rest, LINE_WIDTH - ITEM_WIDTH - 2);
        fprintf(c->out, "%*s%s%.*s%s\n", first ? 0 : ITEM_WIDTH + 2, "", paint_on(c, paint), (int)n, rest,
                paint_off(c, paint));
        rest += n + (rest[n] == ' ');
    }
}

void title(const struct cli *c, const char *text) {
    fprintf(c->out, "%s%s%s\n", paint_on(c, PAINT_BOLD), text_clean(c->arena, text), paint_off(c, PAINT_BOLD));
}
