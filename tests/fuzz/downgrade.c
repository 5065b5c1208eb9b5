// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: from P1 of 1988 to P1 of 1984 and back. The first octet of an input says what the rest is, an envelope
// or a P22 content, and how: strict, with an address of ours as a relay, in which pieces. A content is as long as was
// told before, the same each time, and still an interpersonal message; an envelope that is made can be read.
#include "x400/downgrade.h"
#include "tests/fuzz/fuzz.h"
#include "x400/ipm_stream.h"

enum { STRICT = 1, RELAY = 2, CONTENT = 4 };

static int feed(struct downgrade_content *d, struct bytes in, size_t piece, struct buf *out) {
    int err = ERR_OK;
    while (in.n > 0 && err == ERR_OK) {
        struct bytes b = take_some(&in, piece);
        err = out == NULL ? downgrade_content_scan(d, b) : downgrade_content_convert(d, b, out);
    }
    return err;
}

static bool readable(struct bytes content) {
    static const struct ipm_reader_user nobody = {.heading = NULL};
    struct ipm_reader *r = ipm_reader_new(&nobody, NULL, NULL);
    require(r != NULL);
    bool is = ipm_reader_feed(r, content) == ERR_OK && ipm_reader_end(r) == ERR_OK;
    ipm_reader_free(r);
    return is;
}

static void content(const struct downgrade_options *o, struct bytes in, size_t piece) {
    struct downgrade_content *d;
    struct buf whole = {0}, pieces = {0};
    uint64_t length = 0;
    require(downgrade_content_new(&d, o) == ERR_OK);
    int err = feed(d, in, piece, NULL);
    if (err == ERR_OK)
        err = downgrade_content_begin(d, &length, NULL);
    require(err == ERR_OK || (err == DOWNGRADE_REFUSED && downgrade_content_why(d)[0] != '\0'));
    if (err == ERR_OK) {
        require(feed(d, in, in.n + 1, &whole) == ERR_OK && downgrade_content_end(d) == ERR_OK);
        require(downgrade_content_begin(d, &length, NULL) == ERR_OK && length == whole.len);
        require(feed(d, in, piece, &pieces) == ERR_OK && downgrade_content_end(d) == ERR_OK);
        require(bytes_equal(buf_bytes(&whole), buf_bytes(&pieces)));
        require(!readable(in) || readable(buf_bytes(&whole))); // basic parts go on as they are, right or wrong
    }
    downgrade_content_free(d);
    buf_free(&whole);
    buf_free(&pieces);
}

static void again(struct arena *a, const struct p1_envelope *e) {
    struct p1_envelope *same;
    struct p1_fault fault = {""};
    struct buf b = {0};
    require(p1_encode(&b, e) == ERR_OK);
    int err = p1_decode(a, buf_bytes(&b), &same, &fault);
    if (err != ERR_OK)
        fprintf(stderr, "%s\n", fault.text);
    require(err == ERR_OK && same->n_recipients == e->n_recipients);
    buf_free(&b);
}

static void envelope(struct arena *a, const struct downgrade_options *o, struct bytes in) {
    struct p1_envelope *e;
    struct downgrade d;
    if (p1_decode(a, in, &e, NULL) != ERR_OK)
        return;
    require(downgrade_envelope(a, o, e, &d) == ERR_OK);
    for (size_t i = 0; i < (e->type == P1_REPORT ? 1 : e->n_recipients); i++)
        require(d.refused[i] == NULL || d.refused[i][0] != '\0');
    if (d.envelope != NULL) {
        require(d.envelope->extensions.n == 0);
        again(a, d.envelope);
    }
    require(upgrade_envelope(a, o, e) == ERR_OK);
    again(a, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    uint8_t how = take(&in);
    struct arena a = {.limit = 8 << 20};
    struct or_address relay;
    struct downgrade_options o = {.strict = how & STRICT};
    require(or_address_parse(&a, "C=GB;A=TEST;O=RELAY", &relay, NULL) == ERR_OK);
    if (how & RELAY)
        o.relay = &relay;
    if (how & CONTENT)
        content(&o, in, 1 + (how >> 3));
    else
        envelope(&a, &o, in);
    arena_free(&a);
    return 0;
}
