// SPDX-License-Identifier: BSD-2-Clause
// For the P1 tests: hexadecimal input, files of it, names and identifiers to build envelopes from.
#ifndef X400_P1_UTIL_H
#define X400_P1_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "x400/p1.h"

static inline int hex_digit(int c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// Blanks and line ends are skipped, '#' begins a comment to the end of its line.
static inline struct bytes hex(struct arena *a, const char *text) {
    uint8_t *out = arena_alloc(a, strlen(text) / 2 + 1);
    size_t n = 0;
    assert_non_null(out);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '#') {
            p += strcspn(p, "\n");
            if (*p == '\0')
                break;
        } else if (hex_digit(p[0]) >= 0) {
            assert_true(hex_digit(p[1]) >= 0);
            out[n++] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
            p++;
        }
    }
    return bytes_of(out, n);
}

static inline struct bytes hex_file(struct arena *a, const char *path) {
    FILE *f = fopen(path, "r");
    char text[65536];
    if (f == NULL)
        fail_msg("cannot open %s", path);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    return hex(a, text);
}

static inline void assert_bytes(struct bytes got, struct bytes want) {
    if (!bytes_equal(got, want)) {
        for (size_t i = 0; i < got.n; i++)
            fprintf(stderr, "%02x", got.p[i]);
        fprintf(stderr, "\n");
    }
    assert_true(bytes_equal(got, want));
}

static inline void assert_text(struct bytes got, const char *want) {
    assert_non_null(got.p);
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

// GB / TEST / PPA, GB / TEST / PPB
#define DOMAIN_A "6313 6104 1302 4742 6206 1304 54455354 1303 505041"
#define DOMAIN_B "6313 6104 1302 4742 6206 1304 54455354 1303 505042"
// C=GB;A=TEST;P=PPA;O=ALPHA;S=jones and C=GB;A=TEST;P=PPB;O=BETA;S=smith
#define JONES "6027 3025 6104 1302 4742 6206 1304 54455354 a205 1303 505041 8305 414c504841 a507 8005 6a6f6e6573"
#define SMITH "6026 3024 6104 1302 4742 6206 1304 54455354 a205 1303 505042 8304 42455441 a507 8005 736d697468"
// identifiers "m-1" and "r-1" of A and B
#define ID_M "641a" DOMAIN_A "1603 6d2d31"
#define ID_R "641a" DOMAIN_B "1603 722d31"

static inline struct p1_envelope *decoded(struct arena *a, struct bytes apdu) {
    struct p1_envelope *e = NULL;
    struct p1_fault fault;
    int err = p1_decode(a, apdu, &e, &fault);
    if (err < 0)
        fail_msg("%s: %s", err_text(err), fault.text);
    return e;
}

// An APDU with its content (p NULL: none).
static inline void put_whole(struct buf *b, const struct p1_envelope *e, struct bytes content) {
    uint64_t total;
    assert_int_equal(p1_apdu_header(b, e, content.p == NULL ? P1_NO_CONTENT : content.n, &total), 0);
    assert_int_equal(buf_append(b, content.p, content.n), 0);
    assert_int_equal(b->len, total);
}

// Takes away an extension, in place.
static inline void without(struct p1_extensions *x, int type) {
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++)
        if (x->item[i].type != type)
            x->item[n++] = x->item[i];
    x->n = n;
}

// A message or probe from jones to smith and a second recipient, with one trace element; report bits as given.
static inline struct p1_envelope *sample(struct arena *a, enum p1_type type, uint32_t indicators) {
    struct p1_envelope *e = p1_envelope_new(a, type);
    assert_non_null(e);
    e->identifier = hex(a, ID_M);
    e->originator = hex(a, JONES);
    e->content_type = (struct p1_content_type){true, P1_CONTENT_IPM_1988, {NULL, 0}};
    e->content_identifier = bytes_str("golden");
    e->original_eits = (struct p1_eits){.present = true, .built_in = 1 << 2};
    struct trace_element here = {.domain = hex(a, DOMAIN_A), .arrival = p1_time_of(1795170876)};
    assert_int_equal(trace_add(a, &e->trace, &here, false), 0);
    e->n_recipients = 2;
    e->recipient = arena_array(a, 2, sizeof *e->recipient);
    assert_non_null(e->recipient);
    for (int i = 0; i < 2; i++) {
        struct p1_recipient *p = &e->recipient[i];
        p->name = i == 0 ? hex(a, SMITH) : hex(a, JONES);
        p->number = i + 1;
        p->indicators.set = indicators;
        p->explicit_conversion = P1_NO_CONVERSION;
        p->fate.diagnostic = P1_NO_DIAGNOSTIC;
    }
    return e;
}

#endif
