// SPDX-License-Identifier: BSD-2-Clause
// Bounds on text are those of memory, not of the standard: a string that is a little too long for X.411 is relayed
// rather than refused, because its originator cannot be asked; p1_deviations (x400/p1_deviation.h) tells of it. The
// bounds on counts and numbers are enforced.
#include "x400/p1_walk.h"

#include <stdarg.h>
#include <stdio.h>

int p1_fail(struct p1_reader *r, int err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->fault->text, sizeof r->fault->text, fmt, ap);
    va_end(ap);
    return err;
}

int p1_at(struct p1_reader *r, int err, const char *fmt, ...) {
    if (err >= 0)
        return err;
    char where[80], rest[sizeof r->fault->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(where, sizeof where, fmt, ap);
    va_end(ap);
    struct bytes said = bytes_str(r->fault->text);
    if (said.n == 0)
        said = bytes_str(err_text(err));
    memcpy(rest, said.p, said.n + 1);
    // "a" + "b: fault" is "a.b: fault", "a" + "[2]: fault" is "a[2]: fault", "a" + "fault" is "a: fault".
    const char *colon = strstr(rest, ": ");
    const char *joint = colon == NULL ? ": " : rest[0] == '[' ? "" : ".";
    snprintf(r->fault->text, sizeof r->fault->text, "%.79s%s%.118s", where, joint, rest);
    return err;
}

static int keep_unknown(struct p1_reader *r, struct bytes members, struct p1_table table, size_t n, struct bytes **out,
                        size_t *n_out);

static int find_row(struct p1_table table, const struct tlv *t) {
    for (size_t i = 0; i < table.n; i++)
        if (table.member[i].cls == t->cls && table.member[i].tag == t->tag)
            return (int)i;
    return -1;
}

int p1_walk_set(struct p1_reader *r, struct bytes members, struct p1_table table, void *out, struct bytes **unknown,
                size_t *n_unknown) {
    uint32_t seen = 0;
    size_t others = 0;
    struct tlv t;
    struct bytes whole, value;
    int err;
    for (struct cursor c = cursor_of(members); (err = tlv_next(&c, &t, &whole, &value)) == 0;) {
        int row = find_row(table, &t);
        if (row < 0) {
            if (unknown == NULL)
                return p1_fail(r, ERR_SYNTAX, "a member of class %d tag %u is not expected", (int)t.cls, t.tag);
            others++;
            continue;
        }
        const struct p1_member *m = &table.member[row];
        if (seen & (UINT32_C(1) << row))
            return p1_fail(r, ERR_SYNTAX, "%s: stands twice", m->name);
        seen |= UINT32_C(1) << row;
        if ((err = m->get(r, &t, whole, value, out)) < 0)
            return p1_at(r, err, "%s", m->name);
    }
    if (err != ERR_ABSENT)
        return p1_fail(r, err, "%s between the members", err_text(err));
    for (size_t i = 0; i < table.n; i++)
        if (table.member[i].mandatory && !(seen & (UINT32_C(1) << i)))
            return p1_fail(r, ERR_SYNTAX, "%s: is missing", table.member[i].name);
    return others == 0 ? 0 : keep_unknown(r, members, table, others, unknown, n_unknown);
}

static int keep_unknown(struct p1_reader *r, struct bytes members, struct p1_table table, size_t n, struct bytes **out,
                        size_t *n_out) {
    struct tlv t;
    struct bytes whole;
    if ((*out = arena_array(r->a, n, sizeof **out)) == NULL)
        return ERR_NOMEM;
    for (struct cursor c = cursor_of(members); *n_out < n && tlv_next(&c, &t, &whole, NULL) == 0;)
        if (find_row(table, &t) < 0)
            (*out)[(*n_out)++] = whole;
    return 0;
}

int p1_walk_list(struct p1_reader *r, struct bytes members, enum tlv_class cls, uint32_t tag, size_t max,
                 size_t elem_size, p1_get_fn *get, void *array, size_t *n) {
    struct tlv t;
    struct bytes whole, value;
    size_t count = 0;
    int err;
    for (struct cursor c = cursor_of(members); (err = tlv_next(&c, &t, NULL, NULL)) == 0; count++)
        if (tag != UINT32_MAX && !tlv_is(&t, cls, tag))
            return p1_fail(r, ERR_SYNTAX, "[%zu]: an element of class %d tag %u is not expected", count, (int)t.cls,
                           t.tag);
    if (err != ERR_ABSENT)
        return p1_fail(r, err, "[%zu]: %s", count, err_text(err));
    if (count > max)
        return p1_fail(r, ERR_LIMIT, "%zu elements, more than the standard's %zu", count, max);
    *n = 0;
    *(void **)array = NULL;
    if (count == 0)
        return 0;
    uint8_t *e = arena_array(r->a, count, elem_size);
    if (e == NULL)
        return ERR_NOMEM;
    *(void **)array = e;
    for (struct cursor c = cursor_of(members); *n < count; (*n)++) {
        if ((err = tlv_next(&c, &t, &whole, &value)) < 0 || (err = get(r, &t, whole, value, e + *n * elem_size)) < 0)
            return p1_at(r, err, "[%zu]", *n);
    }
    return 0;
}

int p1_get_text(struct p1_reader *r, const struct tlv *t, struct bytes value, size_t limit, struct bytes *out) {
    int err = 0;
    if (t->constructed)
        err = tlv_string(r->a, t, value, limit, out);
    else
        *out = value;
    if (err < 0)
        return err;
    if (out->n > limit)
        return p1_fail(r, ERR_LIMIT, "%zu octets, more than %zu", out->n, limit);
    return out->n > 0 ? 0 : p1_fail(r, ERR_SYNTAX, "is empty");
}
