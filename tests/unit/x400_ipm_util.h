// SPDX-License-Identifier: BSD-2-Clause
// A reader's user that remembers everything, names, and reading in pieces: shared by the tests of interpersonal
// messages.
#ifndef TESTS_X400_IPM_UTIL_H
#define TESTS_X400_IPM_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "asn1/tlv.h"
#include "asn1/validate.h"
#include "base/buf.h"
#include "base/err.h"
#include "tests/unit/x400_ipm_print.h"
#include "x400/ipm.h"
#include "x400/ipm_stream.h"

enum { SEEN_MAX = 32 };

struct seen_part {
    struct ipm_part part; // texts copied into the arena
    struct buf data;
    uint64_t warnings;
    bool ended;
};

struct seen {
    struct arena arena;
    struct seen_part parts[SEEN_MAX];
    size_t n_parts, n_headings, n_notifications;
    unsigned heading_level[SEEN_MAX];
    struct buf headings[SEEN_MAX]; // printed
    struct buf notification;       // printed
    uint64_t octets;
    bool count_only; // do not keep data
};

static const char *seen_copy(struct seen *s, const char *text) {
    return text == NULL ? NULL : arena_strdup(&s->arena, text);
}

static int seen_heading(void *ctx, const char *number, unsigned level, const struct ipm_heading *h) {
    struct seen *s = ctx;
    assert_non_null(number);
    if (s->n_headings < SEEN_MAX) {
        s->heading_level[s->n_headings] = level;
        print_heading(&s->headings[s->n_headings], h);
    }
    s->n_headings++;
    return 0;
}

static int seen_begin(void *ctx, const struct ipm_part *part) {
    struct seen *s = ctx;
    if (s->n_parts == SEEN_MAX)
        return ERR_LIMIT;
    struct ipm_part *p = &s->parts[s->n_parts++].part;
    *p = *part;
    p->number = seen_copy(s, part->number);
    p->type_name = seen_copy(s, part->type_name);
    p->oid = seen_copy(s, part->oid);
    p->file_name = seen_copy(s, part->file_name);
    p->fallback_name = seen_copy(s, part->fallback_name);
    p->description = seen_copy(s, part->description);
    p->delivery_text = seen_copy(s, part->delivery_text);
    return 0;
}

static struct seen_part *seen_find(struct seen *s, const char *number) {
    for (size_t i = 0; i < s->n_parts; i++)
        if (strcmp(s->parts[i].part.number, number) == 0)
            return &s->parts[i];
    fail_msg("no part %s", number);
    return NULL;
}

static int seen_data(void *ctx, const struct ipm_part *part, struct bytes piece) {
    struct seen *s = ctx;
    assert_true(piece.n > 0);
    s->octets += piece.n;
    return s->count_only ? 0 : buf_append(&seen_find(s, part->number)->data, piece.p, piece.n);
}

static int seen_end(void *ctx, const struct ipm_part *part, uint64_t warnings) {
    struct seen_part *p = seen_find(ctx, part->number);
    assert_false(p->ended);
    p->ended = true;
    p->warnings = warnings;
    return 0;
}

static int seen_notification(void *ctx, const struct ipm_notification *n) {
    struct seen *s = ctx;
    s->n_notifications++;
    print_notification(&s->notification, n);
    return 0;
}

__attribute__((unused)) static const struct ipm_reader_user seen_user = {seen_heading, seen_begin, seen_data, seen_end,
                                                                         seen_notification};

static inline void seen_free(struct seen *s) {
    for (size_t i = 0; i < SEEN_MAX; i++) {
        buf_free(&s->parts[i].data);
        buf_free(&s->headings[i]);
    }
    buf_free(&s->notification);
    arena_free(&s->arena);
    *s = (struct seen){0};
}

// Reads a content in pieces of `piece` octets (0: at once).
static inline int seen_read(struct seen *s, struct bytes content, size_t piece, const struct ipm_limits *limits) {
    struct ipm_reader *r = ipm_reader_new(&seen_user, s, limits);
    assert_non_null(r);
    int err = ERR_OK;
    for (size_t at = 0; at < content.n && err == ERR_OK;) {
        size_t n = piece == 0 || piece > content.n - at ? content.n - at : piece;
        err = ipm_reader_feed(r, bytes_of(content.p + at, n));
        at += n;
    }
    if (err == ERR_OK)
        err = ipm_reader_end(r);
    ipm_reader_free(r);
    return err;
}

static inline void seen_assert_data(struct seen *s, const char *number, const char *data) {
    assert_string_equal(buf_cstr(&seen_find(s, number)->data), data);
}

static inline void seen_assert_line(struct buf *printed, const char *line) {
    if (strstr(buf_cstr(printed), line) == NULL)
        fail_msg("no line \"%s\" in:\n%s", line, buf_cstr(printed));
}

// ---- contents by hand ----

static inline void hex_append(struct buf *b, const char *hex) {
    unsigned v;
    int n;
    for (; sscanf(hex, " %2x%n", &v, &n) == 1; hex += n)
        buf_append_u8(b, (uint8_t)v);
}

static inline void hex_file(struct buf *b, const char *path) {
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char line[256];
    while (fgets(line, sizeof line, f) != NULL)
        hex_append(b, line);
    fclose(f);
}

// ORName: surname, organization ALPHA, PRMD PPA, ADMD TEST, country GB.
static inline struct bytes test_name(struct arena *a, const char *surname) {
    struct buf b = {0};
    tlv_put(&b, TLV_CONTEXT, false, 0, bytes_str(surname));
    tlv_wrap(&b, 0, TLV_CONTEXT, true, 5);
    struct buf all = {0};
    hex_append(&all, "6104 1302 4742 6206 1304 54455354 a205 1303 505041 8305 414c504841");
    buf_append(&all, b.mem + b.off, b.len);
    tlv_wrap(&all, 0, TLV_UNIVERSAL, true, TLV_SEQUENCE);
    tlv_wrap(&all, 0, TLV_APPLICATION, true, 0);
    struct bytes copy = arena_bytes(a, buf_bytes(&all));
    buf_free(&b);
    buf_free(&all);
    return copy;
}

// A file of `size` octets that follow a pattern.
struct pattern {
    uint64_t at, size;
    size_t most; // octets a read gives at most; 0: no limit
};

static inline uint8_t pattern_octet(uint64_t at) {
    return (uint8_t)(at * 7 + at / 251);
}

static inline ptrdiff_t pattern_read(void *ctx, uint8_t *out, size_t n) {
    struct pattern *p = ctx;
    if (n > p->size - p->at)
        n = (size_t)(p->size - p->at);
    if (p->most != 0 && n > p->most)
        n = p->most;
    for (size_t i = 0; i < n; i++)
        out[i] = pattern_octet(p->at + i);
    p->at += n;
    return (ptrdiff_t)n;
}

// The whole content, read with buffers of `cap` octets.
static inline int write_all(struct ipm_writer *w, size_t cap, struct buf *out) {
    uint8_t chunk[8192];
    size_t n;
    int err;
    while ((err = ipm_writer_read(w, chunk, cap < sizeof chunk ? cap : sizeof chunk, &n)) == ERR_OK && n > 0)
        assert_int_equal(buf_append(out, chunk, n), 0);
    return err;
}

#endif
