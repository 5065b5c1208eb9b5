// SPDX-License-Identifier: BSD-2-Clause
// The list of errors and warnings, and how a terminal shows it. The list is limited: after a hundred errors the
// reader has mended the first ten.
#include "conf/errors.h"

#include <string.h>

enum { ERRORS_MAX = 100, ERRORS_MEMORY = 1 << 20 };

void conf_errors_init(struct conf_errors *e) {
    *e = (struct conf_errors){0};
    arena_init(&e->arena, ERRORS_MEMORY);
}

void conf_errors_free(struct conf_errors *e) {
    arena_free(&e->arena);
    conf_errors_init(e);
}

static bool copy_text(struct arena *a, const char **to, const char *from) {
    *to = from == NULL ? NULL : arena_strdup(a, from);
    return from == NULL || *to != NULL;
}

void conf_errors_add(struct conf_errors *e, const struct conf_error *error) {
    size_t kept = e->n_errors + e->n_warnings;
    if (error->warning)
        e->n_warnings++;
    else
        e->n_errors++;
    struct conf_error *copy = kept >= ERRORS_MAX ? NULL : arena_alloc(&e->arena, sizeof *copy);
    if (copy == NULL) {
        e->full = true;
        return;
    }
    *copy = *error;
    copy->next = NULL;
    if (!copy_text(&e->arena, &copy->where.file, error->where.file) ||
        !copy_text(&e->arena, &copy->text, error->text) || !copy_text(&e->arena, &copy->source, error->source) ||
        !copy_text(&e->arena, &copy->hint, error->hint)) {
        e->full = true;
        return;
    }
    if (e->last == NULL)
        e->first = copy;
    else
        e->last->next = copy;
    e->last = copy;
}

static void print_place(const struct conf_where *w, FILE *out) {
    if (w->file == NULL)
        return;
    fputs(w->file, out);
    if (w->line > 0)
        fprintf(out, ":%u", w->line);
    if (w->line > 0 && w->column > 0)
        fprintf(out, ":%u", w->column);
    fputs(": ", out);
}

// Octets that a terminal would obey are shown as a dot.
static void print_line(const char *text, FILE *out) {
    for (; *text != '\0'; text++)
        putc(((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7F ? '.' : *text, out);
    putc('\n', out);
}

// The caret stands under its character: tabs stay tabs, and the second and later octets of a UTF-8 character take no
// room.
static void print_source(const struct conf_error *e, FILE *out) {
    fprintf(out, "%5u | ", e->where.line);
    print_line(e->source, out);
    fputs("      | ", out);
    for (size_t i = 0; i < e->caret && e->source[i] != '\0'; i++) {
        if (e->source[i] == '\t')
            putc('\t', out);
        else if (((unsigned char)e->source[i] & 0xC0) != 0x80)
            putc(' ', out);
    }
    fputs("^\n", out);
}

static void print_hint(const char *hint, FILE *out) {
    while (*hint != '\0') {
        size_t n = strcspn(hint, "\n");
        fprintf(out, "      = %.*s\n", (int)n, hint);
        hint += n;
        if (*hint == '\n')
            hint++;
    }
}

void conf_errors_print(const struct conf_errors *e, FILE *out) {
    for (const struct conf_error *i = e->first; i != NULL; i = i->next) {
        print_place(&i->where, out);
        fprintf(out, "%s: %s\n", i->warning ? "warning" : "error", i->text);
        if (i->source != NULL)
            print_source(i, out);
        if (i->hint != NULL)
            print_hint(i->hint, out);
    }
    if (e->full)
        fprintf(out, "... and more: %zu errors, %zu warnings in all\n", e->n_errors, e->n_warnings);
}
