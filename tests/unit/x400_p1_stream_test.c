// SPDX-License-Identifier: BSD-2-Clause
// The splitter: the same head and content wherever the octets are cut, all encodings, limits, and no memory for
// content.
#include "x400_p1_util.h"

#include "x400/p1_stream.h"

struct got {
    struct arena a;
    struct bytes head;
    enum p1_type type;
    int heads;
    struct buf content;
    uint64_t content_octets;
    bool keep;
    int head_result;
};

static int on_head(void *ctx, enum p1_type type, struct bytes head) {
    struct got *g = ctx;
    g->heads++;
    g->type = type;
    g->head = arena_bytes(&g->a, head);
    return g->head_result;
}

static int on_content(void *ctx, struct bytes piece) {
    struct got *g = ctx;
    assert_true(piece.n > 0);
    g->content_octets += piece.n;
    return g->keep ? buf_append(&g->content, piece.p, piece.n) : 0;
}

static const struct p1_stream_user user = {on_head, on_content};

static void got_free(struct got *g) {
    buf_free(&g->content);
    arena_free(&g->a);
}

// Feeds the APDU in two pieces; each is copied so that reading beyond it shows.
static void split_at(struct bytes apdu, size_t at, struct got *g) {
    *g = (struct got){.keep = true};
    struct p1_stream *s = p1_stream_new(&user, g, 0);
    uint8_t *first = malloc(at + 1), *second = malloc(apdu.n - at + 1);
    assert_true(s != NULL && first != NULL && second != NULL);
    memcpy(first, apdu.p, at);
    memcpy(second, apdu.p + at, apdu.n - at);
    assert_int_equal(p1_stream_feed(s, bytes_of(first, at)), 0);
    assert_int_equal(p1_stream_complete(s), at == apdu.n);
    assert_int_equal(p1_stream_feed(s, bytes_of(second, apdu.n - at)), 0);
    assert_true(p1_stream_complete(s));
    assert_int_equal(p1_stream_content_length(s), g->content.len);
    assert_string_equal(p1_stream_fault(s), "");
    assert_int_equal(g->heads, 1);
    p1_stream_free(s);
    free(first);
    free(second);
}

// Cut at `at` and saved; another splitter goes on. False: it could not be saved: the content
// had not begun, or of a report another member was being collected.
static bool saved_at(struct bytes apdu, size_t at, struct got *g) {
    *g = (struct got){.keep = true};
    struct buf saved = {0};
    struct p1_stream *s = p1_stream_new(&user, g, 0);
    assert_non_null(s);
    assert_int_equal(p1_stream_feed(s, bytes_of(apdu.p, at)), 0);
    int err = p1_stream_save(s, &saved);
    p1_stream_free(s);
    if (err == 0) {
        s = p1_stream_restore(&user, g, 0, buf_bytes(&saved));
        assert_non_null(s);
        assert_int_equal(p1_stream_content_length(s), g->content.len);
        assert_int_equal(p1_stream_complete(s), at == apdu.n);
        assert_int_equal(p1_stream_feed(s, bytes_of(apdu.p + at, apdu.n - at)), 0);
        assert_true(p1_stream_complete(s));
        assert_int_equal(g->heads, 1);
        p1_stream_free(s);
    } else {
        assert_int_equal(err, ERR_STATE);
        assert_int_equal(saved.len, 0);
        assert_true(g->heads == 0 || g->content.len == 0);
    }
    buf_free(&saved);
    return err == 0;
}

static void same_at_every_split(struct bytes apdu, struct bytes content, enum p1_type type) {
    size_t saved = 0;
    for (size_t at = 0; at <= apdu.n; at++) {
        struct got g;
        if (saved_at(apdu, at, &g)) {
            saved++;
            assert_int_equal(g.type, type);
            assert_bytes(buf_bytes(&g.content), content);
        }
        got_free(&g);
    }
    assert_true(content.n == 0 || saved > content.n);
    for (size_t at = 0; at <= apdu.n; at++) {
        struct got g;
        split_at(apdu, at, &g);
        assert_int_equal(g.type, type);
        assert_bytes(buf_bytes(&g.content), content);
        struct p1_envelope *e = decoded(&g.a, g.head);
        assert_int_equal(e->type, type);
        assert_null(e->content.p);
        got_free(&g);
    }
    // And octet by octet.
    struct got g = {.keep = true};
    struct p1_stream *s = p1_stream_new(&user, &g, 0);
    assert_non_null(s);
    for (size_t i = 0; i < apdu.n; i++)
        assert_int_equal(p1_stream_feed(s, bytes_of(apdu.p + i, 1)), 0);
    assert_true(p1_stream_complete(s));
    assert_bytes(buf_bytes(&g.content), content);
    p1_stream_free(s);
    got_free(&g);
}

static void captured_message_at_every_split(void **state) {
    (void)state;
    struct arena a = {0};
    struct bytes apdu = hex_file(&a, "tests/data/p1-message.hex");
    same_at_every_split(apdu, decoded(&a, apdu)->content, P1_MESSAGE);
    arena_free(&a);
}

// A whole APDU of ours around this content.
static void put_apdu(struct buf *b, const struct p1_envelope *e, const char *content) {
    uint64_t total;
    uint64_t len = content == NULL ? P1_NO_CONTENT : strlen(content);
    assert_int_equal(p1_apdu_header(b, e, len, &total), 0);
    if (content != NULL)
        assert_int_equal(buf_append_str(b, content), 0);
    assert_int_equal(b->len, total);
}

static struct p1_envelope *sample_report(struct arena *a) {
    struct p1_envelope *m = sample(a, P1_MESSAGE, P1_MTA_NON_DELIVERY_REPORT);
    struct p1_envelope *r = p1_envelope_new(a, P1_REPORT);
    assert_non_null(r);
    r->identifier = hex(a, ID_R);
    r->originator = m->originator;
    r->trace = m->trace;
    r->report->subject = m->identifier;
    r->recipient = m->recipient;
    r->n_recipients = 1;
    r->recipient[0].arrival = p1_time_of(1795170876);
    r->recipient[0].fate = (struct p1_fate){.reason = 1, .diagnostic = 0};
    return r;
}

static void definite_forms_at_every_split(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct p1_envelope *e = sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    put_apdu(&b, e, "some content");
    same_at_every_split(buf_bytes(&b), bytes_str("some content"), P1_MESSAGE);
    buf_clear(&b);
    put_apdu(&b, e, "");
    same_at_every_split(buf_bytes(&b), bytes_of(NULL, 0), P1_MESSAGE);
    buf_clear(&b);
    put_apdu(&b, sample(&a, P1_PROBE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT), NULL);
    same_at_every_split(buf_bytes(&b), bytes_of(NULL, 0), P1_PROBE);
    buf_clear(&b);
    put_apdu(&b, sample_report(&a), NULL);
    same_at_every_split(buf_bytes(&b), bytes_of(NULL, 0), P1_REPORT);
    buf_clear(&b);
    put_apdu(&b, sample_report(&a), "returned");
    same_at_every_split(buf_bytes(&b), bytes_str("returned"), P1_REPORT);
    buf_free(&b);
    arena_free(&a);
}

// [1] constructed in the middle of the SET, with nested segments and indefinite lengths all over.
static void returned_content_in_segments(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct p1_envelope *r = sample_report(&a);
    put_apdu(&b, r, "Z");
    // The last three octets are the returned content: leave them out and put segments first instead; the two enclosing
    // lengths become indefinite.
    struct bytes whole = buf_bytes(&b);
    struct cursor c = cursor_of(whole);
    struct tlv t;
    struct bytes value, envelope, members;
    assert_int_equal(tlv_next(&c, &t, NULL, &value), 0);
    c = cursor_of(value);
    assert_int_equal(tlv_next(&c, &t, &envelope, NULL), 0);
    assert_int_equal(tlv_next(&c, &t, NULL, &members), 0);
    struct buf out = {0};
    assert_int_equal(buf_append(&out, "\xA1\x80", 2), 0);
    assert_int_equal(buf_append(&out, envelope.p, envelope.n), 0);
    assert_int_equal(buf_append(&out, "\x31\x80", 2), 0);
    struct bytes segments = hex(&a, "a180 0402 6162 2480 0401 63 0000 2403 0401 64 0000");
    assert_int_equal(buf_append(&out, segments.p, segments.n), 0);
    assert_int_equal(buf_append(&out, members.p, members.n - 3), 0);
    assert_int_equal(buf_append(&out, "\0\0\0\0", 4), 0);
    same_at_every_split(buf_bytes(&out), bytes_str("abcd"), P1_REPORT);
    assert_bytes(decoded(&a, buf_bytes(&out))->content, bytes_str("abcd"));
    buf_free(&b);
    buf_free(&out);
    arena_free(&a);
}

// The same for a message: its content in segments, of definite and indefinite lengths.
static void content_in_segments(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0};
    struct tlv t;
    assert_int_equal(p1_encode(&b, sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT)), 0);
    assert_int_equal(tlv_header(buf_bytes(&b), &t), 0);
    buf_consume(&b, t.hdr);
    struct bytes segments = hex(&a, "2480 0402 6162 2480 0401 63 0000 2403 0401 64 0000 0000");
    assert_int_equal(buf_append(&b, segments.p, segments.n), 0);
    assert_int_equal(buf_prepend(&b, "\xA0\x80", 2), 0);
    same_at_every_split(buf_bytes(&b), bytes_str("abcd"), P1_MESSAGE);
    buf_free(&b);
    arena_free(&a);
}

// Whatever the stored octets are, what is restored from them ends in an error, or takes what it can.
static void saved_octets_that_decayed(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf b = {0}, saved = {0};
    put_apdu(&b, sample(&a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT), "some content");
    struct got g = {.keep = false};
    struct p1_stream *s = p1_stream_new(&user, &g, 0);
    assert_int_equal(p1_stream_feed(s, bytes_of(buf_bytes(&b).p, b.len - 5)), 0);
    assert_int_equal(p1_stream_save(s, &saved), 0);
    p1_stream_free(s);
    for (size_t n = 0; n < saved.len; n++)
        assert_null(p1_stream_restore(&user, &g, 0, bytes_of(buf_bytes(&saved).p, n)));
    assert_int_equal(buf_append_u8(&saved, 0), 0);
    assert_null(p1_stream_restore(&user, &g, 0, buf_bytes(&saved)));
    saved.len--;
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * saved.len; bit++) {
        saved.mem[saved.off + bit / 8] ^= (uint8_t)(1 << bit % 8);
        s = p1_stream_restore(&user, &g, 0, buf_bytes(&saved));
        refused += s == NULL;
        if (s != NULL)
            p1_stream_feed(s, bytes_of(buf_bytes(&b).p + b.len - 5, 5));
        p1_stream_free(s);
        saved.mem[saved.off + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_in_range(refused, saved.len, 8 * saved.len);
    buf_free(&b);
    buf_free(&saved);
    got_free(&g);
    arena_free(&a);
}

static void fifty_megabytes_in_constant_memory(void **state) {
    (void)state;
    struct got g = {.keep = false};
    struct buf b = {0};
    uint64_t total, size = 50 * 1024 * 1024;
    static uint8_t piece[65536];
    struct p1_envelope *e = sample(&g.a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    assert_int_equal(p1_apdu_header(&b, e, size, &total), 0);
    assert_int_equal(total, b.len + size);
    // The content alone is larger than the head limit by far: nothing of it may be held.
    struct p1_stream *s = p1_stream_new(&user, &g, 4096);
    assert_non_null(s);
    assert_int_equal(p1_stream_feed(s, buf_bytes(&b)), 0);
    assert_int_equal(g.heads, 1);
    for (uint64_t left = size; left > 0; left -= sizeof piece)
        assert_int_equal(p1_stream_feed(s, bytes_of(piece, sizeof piece)), 0);
    assert_true(p1_stream_complete(s));
    assert_int_equal(g.content_octets, size);
    p1_stream_free(s);
    buf_free(&b);
    got_free(&g);
}

// Segments of 1,000 octets in an indefinite string, as an MTA without a size at hand sends them.
static void chunked_content(void **state) {
    (void)state;
    struct got g = {.keep = true};
    struct buf b = {0};
    struct p1_envelope *e = sample(&g.a, P1_MESSAGE, P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT);
    assert_int_equal(p1_encode(&b, e), 0);
    struct bytes head = buf_bytes(&b);
    struct tlv t;
    assert_int_equal(tlv_header(head, &t), 0);
    struct p1_stream *s = p1_stream_new(&user, &g, 0);
    assert_int_equal(p1_stream_feed(s, bytes_str("\xA0\x80")), 0);
    assert_int_equal(p1_stream_feed(s, bytes_of(head.p + t.hdr, head.n - t.hdr)), 0);
    assert_int_equal(p1_stream_feed(s, bytes_str("\x24\x80")), 0);
    uint8_t chunk[1004] = {0x04, 0x82, 0x03, 0xE8};
    for (int i = 0; i < 100; i++) {
        memset(chunk + 4, i, 1000);
        assert_int_equal(p1_stream_feed(s, bytes_of(chunk, sizeof chunk)), 0);
    }
    assert_int_equal(p1_stream_feed(s, bytes_of("\0\0\0", 3)), 0);
    assert_false(p1_stream_complete(s));
    assert_int_equal(p1_stream_feed(s, bytes_of("\0", 1)), 0);
    assert_true(p1_stream_complete(s));
    assert_int_equal(g.content.len, 100 * 1000);
    assert_int_equal(buf_bytes(&g.content).p[99999], 99);
    p1_stream_free(s);
    buf_free(&b);
    got_free(&g);
}

static void refused(const char *text, size_t limit, int want, const char *fault) {
    struct got g = {.keep = true};
    struct p1_stream *s = p1_stream_new(&user, &g, limit);
    assert_non_null(s);
    int err = p1_stream_feed(s, hex(&g.a, text));
    assert_string_equal(p1_stream_fault(s), fault);
    assert_int_equal(err, want);
    assert_false(p1_stream_complete(s));
    assert_true(p1_stream_feed(s, bytes_str("x")) < 0); // an error is final
    p1_stream_free(s);
    got_free(&g);
}

static void bad_frames_are_refused(void **state) {
    (void)state;
    refused("3003", 0, ERR_SYNTAX, "MTS-APDU: neither message [0], report [1] nor probe [2]");
    refused("8000", 0, ERR_SYNTAX, "MTS-APDU: neither message [0], report [1] nor probe [2]");
    refused("a080 3000", 0, ERR_SYNTAX, "MTS-APDU: the envelope is not a SET");
    refused("a080 3100 0500", 0, ERR_SYNTAX, "MTS-APDU: the content is not an OCTET STRING");
    refused("a080 3100 0400 0400", 0, ERR_SYNTAX, "MTS-APDU: more than envelope and content");
    refused("a080 3100 2480 0500", 0, ERR_SYNTAX, "MTS-APDU: a segment of the content is not an OCTET STRING");
    refused("a002 3100", 0, ERR_SYNTAX, "MTS-APDU: the message ends without its content");
    refused("a102 3100", 0, ERR_SYNTAX, "MTS-APDU: the report ends without its content");
    refused("a180 3100 0400", 0, ERR_SYNTAX, "MTS-APDU: the report content is not a SET");
    refused("a180 3100 3180 8100 8100", 0, ERR_SYNTAX, "MTS-APDU: the returned content stands twice");
    refused("a004 3100 0400 00", 0, ERR_SYNTAX, "MTS-APDU: octets after its end");
    refused("a003 3105", 0, ERR_SYNTAX, "MTS-APDU: malformed encoding near octet 2");
    refused("a080 3182 2000", 4096, ERR_LIMIT, "MTS-APDU: the envelope is larger than 4096 octets, or nested too deep");
    refused("a282 2000", 4096, ERR_LIMIT, "MTS-APDU: the envelope is larger than 4096 octets, or nested too deep");
    refused("a080 3187 ffffffffffffff", 0, ERR_LIMIT,
            "MTS-APDU: the envelope is larger than 8388608 octets, or nested too deep");
}

// Many small members of a report add up.
static void limit_counts_all_members(void **state) {
    (void)state;
    struct got g = {.keep = false};
    struct p1_stream *s = p1_stream_new(&user, &g, 4096);
    assert_int_equal(p1_stream_feed(s, hex(&g.a, "a180 3100 3180")), 0);
    int err = 0;
    for (int i = 0; i < 200 && err == 0; i++)
        err = p1_stream_feed(s, hex(&g.a, "a21e 0000000000000000000000000000000000000000000000000000000000"));
    assert_int_equal(err, ERR_SYNTAX); // an end-of-contents in a definite element
    p1_stream_free(s);
    s = p1_stream_new(&user, &g, 4096);
    assert_int_equal(p1_stream_feed(s, hex(&g.a, "a180 3100 3180")), 0);
    err = 0;
    for (int i = 0; i < 200 && err == 0; i++)
        err = p1_stream_feed(s, hex(&g.a, "821e 000000000000000000000000000000000000000000000000000000000000"));
    assert_int_equal(err, ERR_LIMIT);
    p1_stream_free(s);
    got_free(&g);
}

static void a_callback_stops_it(void **state) {
    (void)state;
    struct got g = {.keep = false, .head_result = ERR_BUSY};
    struct p1_stream *s = p1_stream_new(&user, &g, 0);
    assert_int_equal(p1_stream_feed(s, hex_file(&g.a, "tests/data/p1-message.hex")), ERR_BUSY);
    assert_string_equal(p1_stream_fault(s), "");
    assert_false(p1_stream_complete(s));
    assert_int_equal(g.content_octets, 0);
    p1_stream_free(s);
    got_free(&g);
}

// Whatever decodes as a whole also splits, into a head that decodes and the same content.
static void flipped_bits_split_as_they_decode(void **state) {
    (void)state;
    struct arena keep = {0};
    struct bytes apdu = hex_file(&keep, "tests/data/p1-message.hex");
    size_t good = 0;
    for (size_t bit = 0; bit < apdu.n * 8; bit++) {
        struct got g = {.keep = true};
        struct p1_envelope *whole, *head;
        struct p1_stream *s = p1_stream_new(&user, &g, 0);
        struct bytes copy = arena_bytes(&g.a, apdu);
        assert_true(s != NULL && copy.p != NULL);
        ((uint8_t *)copy.p)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int err = p1_stream_feed(s, copy);
        assert_true(err == 0 || p1_stream_fault(s)[0] != '\0');
        if (p1_decode(&g.a, copy, &whole, NULL) == 0) {
            assert_true(p1_stream_complete(s));
            assert_int_equal(p1_decode(&g.a, g.head, &head, NULL), 0);
            if (whole->type == P1_MESSAGE)
                assert_bytes(buf_bytes(&g.content), whole->content);
            good++;
        }
        p1_stream_free(s);
        got_free(&g);
    }
    assert_in_range(good, 1000, apdu.n * 8);
    arena_free(&keep);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_message_at_every_split),    cmocka_unit_test(definite_forms_at_every_split),
        cmocka_unit_test(returned_content_in_segments),       cmocka_unit_test(chunked_content),
        cmocka_unit_test(fifty_megabytes_in_constant_memory), cmocka_unit_test(bad_frames_are_refused),
        cmocka_unit_test(limit_counts_all_members),           cmocka_unit_test(a_callback_stops_it),
        cmocka_unit_test(flipped_bits_split_as_they_decode),  cmocka_unit_test(content_in_segments),
        cmocka_unit_test(saved_octets_that_decayed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
