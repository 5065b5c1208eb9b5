// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: an MTS-APDU as it comes from a peer. The first octet of an input says in which pieces, and where the
// splitter is saved and restored; with its highest bit the rest is such a saved splitter, and octets for it. What is
// split is the same in any pieces; a head that is decoded can be written and read again, and all of it be asked for.
#include "tests/fuzz/fuzz.h"
#include "x400/p1_deviation.h"
#include "x400/p1_stream.h"

struct split {
    struct buf head, content;
    unsigned heads;
    int result;
};

static int on_head(void *ctx, enum p1_type type, struct bytes head) {
    struct split *s = ctx;
    require(type <= P1_PROBE && s->heads++ == 0);
    return buf_append(&s->head, head.p, head.n);
}
static int on_content(void *ctx, struct bytes piece) {
    struct split *s = ctx;
    require(piece.n > 0);
    return buf_append(&s->content, piece.p, piece.n);
}
static const struct p1_stream_user stream_user = {on_head, on_content};

// As a daemon that is stopped and started again.
static struct p1_stream *again(struct p1_stream *p, struct split *s) {
    struct buf saved = {0};
    if (p1_stream_save(p, &saved) == ERR_OK) {
        p1_stream_free(p);
        p = p1_stream_restore(&stream_user, s, 4096, buf_bytes(&saved));
        require(p != NULL);
    }
    buf_free(&saved);
    return p;
}

static void split(struct split *s, struct bytes in, size_t piece, bool restarts) {
    struct p1_stream *p = p1_stream_new(&stream_user, s, 4096);
    require(p != NULL);
    while (in.n > 0 && s->result == ERR_OK) {
        s->result = p1_stream_feed(p, take_some(&in, piece));
        if (restarts)
            p = again(p, s);
    }
    require((s->result == ERR_OK) == (p1_stream_fault(p)[0] == '\0'));
    if (s->result == ERR_OK && !p1_stream_complete(p))
        s->result = ERR_SHORT;
    require(s->result != ERR_OK || (s->heads == 1 && p1_stream_content_length(p) == s->content.len));
    p1_stream_free(p);
}

static void restore(struct bytes in) {
    struct split s = {.heads = 0};
    struct bytes saved = take_some(&in, (size_t)take(&in) * 2);
    struct p1_stream *p = p1_stream_restore(&stream_user, &s, 4096, saved);
    if (p != NULL) {
        p1_stream_feed(p, in);
        look(bytes_str(p1_stream_fault(p)));
    }
    p1_stream_free(p);
    buf_free(&s.head);
    buf_free(&s.content);
}

static void look_extensions(struct arena *a, struct p1_extensions *x) {
    struct buf b = {0};
    for (int type = 1; type <= P1_EXT_LAST; type++) {
        struct p1_history history;
        struct p1_time time;
        struct bytes v, w;
        const int *methods;
        size_t n;
        int code;
        p1_extension_code(x, type, &code);
        p1_extension_time(a, x, type, &time);
        p1_extension_methods(a, x, &methods, &n);
        if (p1_extension_text(a, x, type, &v) == ERR_OK || p1_extension_orname(x, type, &v) == ERR_OK)
            look(v);
        if (p1_extension_reporting_mta(a, x, &v, &w) == ERR_OK)
            look(v), look(w);
        if (p1_history(a, x, type, &history) == ERR_OK)
            require(history.n == 0 || p1_history_set(a, x, type, &history) != ERR_SYNTAX);
    }
    struct trace t;
    if (p1_internal_trace(a, x, &t) == ERR_OK)
        require(trace_print(&b, &t) == ERR_OK);
    for (size_t i = 0; i < x->n; i++)
        require(p1_extension_name(&b, &x->item[i]) == ERR_OK);
    p1_extension_unsupported(x, P1_FOR_TRANSFER);
    buf_free(&b);
}

static void look_envelope(struct arena *a, struct p1_envelope *e) {
    struct p1_deviation *list;
    struct buf b = {0};
    size_t n;
    uint64_t total;
    int err = p1_deviations(a, e, 0, &list, &n);
    require(err == ERR_OK && n <= P1_DEVIATIONS_MAX);
    for (size_t i = 0; i < n; i++)
        require(list[i].field != NULL && list[i].reason[0] != '\0');
    require(p1_fingerprint(&b, e) == ERR_OK);
    buf_clear(&b);
    require(p1_apdu_header(&b, e, e->type == P1_PROBE ? P1_NO_CONTENT : 1000, &total) == ERR_OK && total >= b.len);
    require(trace_print(&b, &e->trace) == ERR_OK);
    look_extensions(a, &e->extensions);
    for (size_t i = 0; i < e->n_recipients; i++)
        look_extensions(a, &e->recipient[i].extensions);
    buf_free(&b);
}

static void decode(struct bytes head) {
    struct arena a = {.limit = 4 << 20}, again_arena = {.limit = 4 << 20};
    struct p1_envelope *e, *same;
    struct p1_fault fault;
    struct buf first = {0}, second = {0};
    int err = p1_decode(&a, head, &e, &fault);
    require(err == ERR_OK || fault.text[0] != '\0');
    if (err == ERR_OK) {
        require(p1_encode(&first, e) == ERR_OK);
        require(p1_decode(&again_arena, buf_bytes(&first), &same, &fault) == ERR_OK);
        require(p1_encode(&second, same) == ERR_OK && bytes_equal(buf_bytes(&first), buf_bytes(&second)));
        require(same->n_recipients == e->n_recipients && same->trace.n == e->trace.n);
        look_envelope(&a, e);
    }
    buf_free(&first);
    buf_free(&second);
    arena_free(&a);
    arena_free(&again_arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    uint8_t how = take(&in);
    struct split whole = {.heads = 0}, pieces = {.heads = 0};
    if (how & 0x80) {
        restore(in);
        return 0;
    }
    split(&whole, in, in.n + 1, false);
    split(&pieces, in, 1 + (how & 0x3f), how & 0x40);
    require((whole.result == ERR_OK) == (pieces.result == ERR_OK));
    if (whole.result == ERR_OK) {
        require(bytes_equal(buf_bytes(&whole.head), buf_bytes(&pieces.head)));
        require(bytes_equal(buf_bytes(&whole.content), buf_bytes(&pieces.content)));
    }
    if (whole.heads > 0)
        decode(buf_bytes(&whole.head));
    decode(in);
    buf_free(&whole.head);
    buf_free(&whole.content);
    buf_free(&pieces.head);
    buf_free(&pieces.content);
    return 0;
}
