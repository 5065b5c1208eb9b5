// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: BER by hand. The first two octets of an input are pieces and limits, the rest is an element. The scanner
// that is fed in pieces, also with a save and a restore in between, and the walk over the whole agree on what is an
// element and how long; members can be stepped over, and values read.
#include "asn1/tlv.h"
#include "tests/fuzz/fuzz.h"

struct told {
    uint64_t begun, ended, octets, wholes;
    bool collect;
};

static int begin(void *ctx, unsigned depth, const struct tlv *t) {
    struct told *s = ctx;
    require(depth < TLV_DEPTH_MAX && (t->constructed || !t->indefinite));
    if (s->collect && depth > 1 && t->tag == TLV_OCTET_STRING)
        return TLV_COLLECT;
    s->begun++;
    return 0;
}
static int data(void *ctx, unsigned depth, struct bytes piece) {
    require(piece.n > 0 && depth < TLV_DEPTH_MAX);
    look(piece);
    ((struct told *)ctx)->octets += piece.n;
    return 0;
}
static int end(void *ctx, unsigned depth) {
    (void)depth;
    ((struct told *)ctx)->ended++;
    return 0;
}
static int whole(void *ctx, unsigned depth, const struct tlv *t, struct bytes b) {
    (void)depth;
    require(b.n >= t->hdr);
    look(b);
    ((struct told *)ctx)->wholes++;
    return 0;
}
static const struct tlv_stream_user user = {begin, data, end, whole};

static int scan(struct told *told, struct bytes in, size_t piece, bool restarts, const struct tlv_limits *limits,
                uint64_t *total) {
    struct tlv_stream s;
    int err = ERR_OK;
    tlv_stream_init(&s, &user, told, limits, 1000);
    while (in.n > 0 && err == ERR_OK && !s.done) {
        struct bytes b = take_some(&in, piece);
        struct buf saved = {0};
        size_t used;
        err = tlv_stream_feed(&s, b, &used);
        require(used <= b.n && (err < 0 || s.done || used == b.n));
        if (restarts && tlv_stream_save(&s, &saved) == ERR_OK) {
            struct cursor c = cursor_of(buf_bytes(&saved));
            tlv_stream_free(&s);
            tlv_stream_init(&s, &user, told, limits, 1000);
            require(tlv_stream_restore(&s, &c) == ERR_OK && cursor_left(&c) == 0);
        }
        buf_free(&saved);
    }
    *total = s.offset;
    err = err == ERR_OK && !s.done ? ERR_SHORT : err;
    tlv_stream_free(&s);
    return err;
}

static void values(struct bytes b, unsigned depth) {
    struct cursor c = cursor_of(b);
    struct tlv t;
    struct bytes v, joined;
    struct arena a = {.limit = 65536};
    while (tlv_next(&c, &t, NULL, &v) == ERR_OK) {
        int64_t n;
        uint32_t bits;
        bool flag;
        char oid[100];
        look(v);
        tlv_get_int(v, &n);
        tlv_get_bool(v, &flag);
        tlv_get_bits(v, &bits);
        tlv_oid_text(v, oid, sizeof oid);
        if (tlv_string(&a, &t, v, 1000, &joined) == ERR_OK)
            look(joined);
        if (t.constructed && depth < 6)
            values(v, depth + 1);
    }
    arena_free(&a);
}

static void restored(struct bytes in) {
    struct told t = {.begun = 0};
    struct cursor c = cursor_of(in);
    struct tlv_stream s;
    size_t used;
    tlv_stream_init(&s, &user, &t, NULL, 1000);
    if (tlv_stream_restore(&s, &c) == ERR_OK)
        tlv_stream_feed(&s, bytes_of(c.p, cursor_left(&c)), &used);
    tlv_stream_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    uint8_t how = take(&in), which = take(&in);
    if (how == 0xff) {
        restored(in);
        return 0;
    }
    const struct tlv_limits limits = {
        .depth = which & 0x1f, .elements = which & 0x20 ? 30 : 0, .size = which & 0x40 ? 200 : 0};
    struct told one = {.collect = how & 0x80}, other = one;
    uint64_t total = 0, used = 0, used_pieces = 0;
    int err = tlv_check(in, &limits, &total);
    int err_whole = scan(&one, in, in.n + 1, false, &limits, &used);
    int err_pieces = scan(&other, in, 1 + (how & 0x3f), how & 0x40, &limits, &used_pieces);
    require((err_whole == ERR_OK) == (err_pieces == ERR_OK));
    if (!one.collect)
        require((err == ERR_OK) == (err_whole == ERR_OK));
    if (err_whole == ERR_OK) {
        require(total == used && used == used_pieces && one.begun == one.ended);
        require(one.begun == other.begun && one.octets == other.octets && one.wholes == other.wholes);
    }
    values(in, 0);
    return 0;
}
