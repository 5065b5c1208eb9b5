// SPDX-License-Identifier: BSD-2-Clause
// The tree of a dump: values put into it, and its form for people. There a key is "content-type:", an object stands
// indented below its key, and a text of several lines behind bars.
#include <string.h>

#include "base/err.h"
#include "cli/dump.h"
#include "cli/table.h"
#include "x400/charset.h"

enum { HEX_SHOWN = 64, INDENT = 2 };

// ---- putting ----

json_t *dump_bytes(struct bytes text) {
    struct buf b = {0};
    json_t *v = NULL;
    if (charset_decode(CHARSET_UTF8, NULL, 0, text, &b) == ERR_OK)
        v = json_stringn(b.len == 0 ? "" : (const char *)buf_bytes(&b).p, b.len);
    buf_free(&b);
    return v;
}

void dump_put_bytes(json_t *o, const char *key, struct bytes text) {
    if (text.p != NULL)
        json_object_set_new(o, key, dump_bytes(text));
}

void dump_put(json_t *o, const char *key, const char *text) {
    if (text != NULL)
        dump_put_bytes(o, key, bytes_str(text));
}

void dump_put_hex(json_t *o, const char *key, struct bytes octets) {
    struct buf b = {0};
    if (octets.p == NULL)
        return;
    for (size_t k = 0; k < octets.n && k < HEX_SHOWN; k++)
        buf_printf(&b, "%02x", octets.p[k]);
    if (octets.n > HEX_SHOWN)
        buf_printf(&b, "… (%zu octets)", octets.n);
    dump_put_buf(o, key, &b);
}

void dump_put_flag(json_t *o, const char *key, bool yes) {
    if (yes)
        json_object_set_new(o, key, json_true());
}

void dump_put_time(json_t *o, const char *key, const struct p1_time *t) {
    char iso[21];
    if (t->present && p1_time_iso(t->seconds, iso) == ERR_OK)
        dump_put(o, key, iso);
}

void dump_put_buf(json_t *o, const char *key, struct buf *b) {
    if (b->len > 0)
        dump_put_bytes(o, key, buf_bytes(b));
    buf_free(b);
}

void dump_put_list(json_t *o, const char *key, json_t *list) {
    if (json_array_size(list) > 0)
        json_object_set(o, key, list);
    json_decref(list);
}

// ---- printing ----

static void print_key(const struct cli *c, const char *key, int indent, size_t number) {
    char text[80];
    snprintf(text, sizeof text, "%s", key);
    for (char *p = text; *p != 0; p++)
        *p = *p == '_' ? '-' : *p;
    fprintf(c->out, "%*s%s%s", indent, "", paint_on(c, PAINT_DIM), text);
    if (number > 0)
        fprintf(c->out, " %zu", number);
    fprintf(c->out, ":%s", paint_off(c, PAINT_DIM));
}

static void print_lines(const struct cli *c, const char *text, int indent) {
    fputc('\n', c->out);
    while (*text != 0) {
        size_t n = strcspn(text, "\n"), shown = n > 0 && text[n - 1] == '\r' ? n - 1 : n;
        char *line = arena_strndup(c->arena, text, shown);
        fprintf(c->out, "%*s| %s\n", indent, "", line == NULL ? "" : text_clean(c->arena, line));
        text += n + (text[n] == '\n');
    }
}

static void print_value(const struct cli *c, const json_t *v, int indent);

static void print_scalar(const struct cli *c, const json_t *v, int indent) {
    const char *text = json_string_value(v);
    if (text != NULL && strchr(text, '\n') != NULL) {
        print_lines(c, text, indent);
        return;
    }
    if (text != NULL)
        fprintf(c->out, " %s\n", text_clean(c->arena, text));
    else if (json_is_integer(v))
        fprintf(c->out, " %lld\n", (long long)json_integer_value(v));
    else
        fprintf(c->out, " %s\n", json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "-");
}

// Objects one by one with their number, other values a line each.
static void print_array(const struct cli *c, const char *key, const json_t *list, int indent) {
    size_t k;
    json_t *v;
    if (json_is_object(json_array_get(list, 0))) {
        json_array_foreach((json_t *)list, k, v) {
            print_key(c, key, indent, k + 1);
            print_value(c, v, indent + INDENT);
        }
        return;
    }
    print_key(c, key, indent, 0);
    if (json_array_size(list) == 1) {
        print_scalar(c, json_array_get(list, 0), indent + INDENT);
        return;
    }
    fputc('\n', c->out);
    json_array_foreach((json_t *)list, k, v) {
        fprintf(c->out, "%*s-", indent + INDENT, "");
        print_scalar(c, v, indent + 2 * INDENT);
    }
}

static void print_members(const struct cli *c, const json_t *o, int indent) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)o, key, v) {
        if (json_is_array(v))
            print_array(c, key, v, indent);
        else {
            print_key(c, key, indent, 0);
            print_value(c, v, indent + INDENT);
        }
    }
}

static void print_value(const struct cli *c, const json_t *v, int indent) {
    if (json_is_object(v)) {
        fputc('\n', c->out);
        print_members(c, v, indent);
    } else
        print_scalar(c, v, indent);
}

void dump_print(const struct cli *c, const json_t *tree, int indent) {
    print_members(c, tree, indent);
}
