// SPDX-License-Identifier: BSD-2-Clause
// A message on its way out as one run of octets: what it is made of, the same each time, begun anywhere, in both forms;
// who it does not go to; damaged contents; given up at any moment.
#include "tests/unit/mta_spool_util.h"
#include "tests/unit/x400_p1_util.h"

#include "base/mem.h"
#include "mta/outgoing.h"

enum { BIG = 300000, STEPS_MAX = 100000 };
enum { ASKED = P1_RESPONSIBILITY | P1_MTA_NON_DELIVERY_REPORT };

struct world {
    struct place p;
    int dir;
    struct file_thread *t;
    struct arena a;
    struct buf head, kept;
    struct spool_message m;
    uint32_t rcpt[2];
    struct job j;
    // of a writer
    int finished;
    // of a run
    struct outgoing *o;
    int ready, err, more, more_err;
    char why[200];
    bool free_in_ready, free_in_more;
};

static void on_written(void *user, int err, const struct content_ref *ref) {
    struct world *w = user;
    assert_int_equal(err, ERR_OK);
    w->finished++;
    w->m.content = *ref;
    if (ref->file[0] == 0) {
        assert_int_equal(buf_append(&w->kept, ref->octets.p, ref->octets.n), ERR_OK);
        w->m.content.octets = buf_bytes(&w->kept);
    }
}

static void wait_some(struct world *w) {
    assert_true(place_wait(&w->p));
    file_thread_completions(w->t);
}

static void store(struct world *w, struct bytes content) {
    static const struct content_writer_user user = {.finished = on_written};
    struct content_writer *writer = content_writer_new(w->t, &user, w);
    assert_non_null(writer);
    for (size_t at = 0; at < content.n; at += 50000) {
        size_t n = content.n - at < 50000 ? content.n - at : 50000;
        assert_int_equal(content_writer_append(writer, bytes_of(content.p + at, n)), ERR_OK);
    }
    content_writer_finish(writer);
    while (w->finished == 0)
        wait_some(w);
    content_writer_free(writer);
}

static void world_open(struct world *w, const struct p1_envelope *e, struct bytes content) {
    struct arena a = w->a;
    memset(w, 0, sizeof *w);
    w->a = a;
    place_make(&w->p);
    w->dir = open(w->p.dir, O_RDONLY | O_DIRECTORY);
    w->t = file_thread_new(w->dir, place_ring, &w->p);
    assert_non_null(w->t);
    assert_int_equal(p1_encode(&w->head, e), ERR_OK);
    if (content.p != NULL)
        store(w, content);
    w->m.envelope = buf_bytes(&w->head);
    w->rcpt[1] = 1;
    w->j = (struct job){.rcpt = w->rcpt, .n = e->type == P1_REPORT ? 1 : 2};
}

static void world_close(struct world *w) {
    outgoing_free(w->o);
    file_thread_free(w->t);
    close(w->dir);
    buf_free(&w->head);
    buf_free(&w->kept);
    place_remove(&w->p);
    arena_free(&w->a);
}

static void on_ready(void *ctx, int err, const char *why) {
    struct world *w = ctx;
    w->ready++;
    w->err = err;
    snprintf(w->why, sizeof w->why, "%s", why);
    if (w->free_in_ready) {
        outgoing_free(w->o);
        w->o = NULL;
    }
}

static void on_more(void *ctx, int err) {
    struct world *w = ctx;
    w->more++;
    w->more_err = err;
    if (w->free_in_more) {
        outgoing_free(w->o);
        w->o = NULL;
    }
}

// Made again, to the point where it is ready.
static void make(struct world *w, bool p1_1984) {
    static const struct outgoing_user user = {on_ready, on_more};
    struct outgoing_form form = {.p1_1984 = p1_1984};
    outgoing_free(w->o);
    w->ready = w->more = w->more_err = 0;
    w->o = outgoing_new(w->t, &form, &user, w);
    assert_non_null(w->o);
    outgoing_make(w->o, &w->m, &w->j);
    while (w->ready == 0)
        wait_some(w);
    assert_int_equal(w->ready, 1);
}

// All that is left, `room` octets at a time. False: it ended before.
static bool take_all(struct world *w, size_t room, struct buf *out) {
    struct bytes piece;
    for (int step = 0; outgoing_left(w->o) > 0; step++) {
        assert_true(step < STEPS_MAX);
        if (outgoing_next(w->o, room, &piece)) {
            assert_true(piece.n > 0 && piece.n <= room);
            assert_int_equal(buf_append(out, piece.p, piece.n), ERR_OK);
            continue;
        }
        for (w->more = 0; w->more == 0;)
            wait_some(w);
        if (w->o == NULL || w->more_err != ERR_OK)
            return false;
    }
    return true;
}

// The run is `want`, from wherever it is begun; with the digest of before.
static void check_run(struct world *w, bool p1_1984, struct bytes want, size_t header) {
    const uint64_t from[] = {0,          1,   header - 1,     header,     header + 1, header + CONTENT_PIECE,
                             want.n / 2, 999, want.n - 20000, want.n - 1, want.n};
    uint8_t first[DIGEST_SIZE], sum[DIGEST_SIZE];
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        struct buf got = {0};
        if (from[i] > want.n)
            continue;
        make(w, p1_1984);
        assert_int_equal(w->err, ERR_OK);
        assert_int_equal(outgoing_total(w->o), want.n);
        assert_int_equal(outgoing_digest(w->o, i == 0 ? first : sum), ERR_OK);
        assert_memory_equal(i == 0 ? first : sum, first, DIGEST_SIZE);
        assert_int_equal(outgoing_seek(w->o, want.n + 1), ERR_LIMIT);
        assert_int_equal(outgoing_seek(w->o, from[i]), ERR_OK);
        assert_int_equal(outgoing_left(w->o), want.n - from[i]);
        assert_true(take_all(w, i % 2 == 0 ? 65000 : 777, &got));
        assert_true(bytes_equal(buf_bytes(&got), bytes_of(want.p + from[i], (size_t)(want.n - from[i]))));
        buf_free(&got);
    }
}

// A P22 content with one bilaterally defined part, in indefinite lengths: its P2 differs.
static struct bytes ipm_content(struct arena *a, size_t n) {
    struct buf b = {0};
    struct bytes head = hex(a, "a080 3180 6b80 1302 4142 0000 0000 3080");
    assert_int_equal(buf_append(&b, head.p, head.n), ERR_OK);
    assert_int_equal(tlv_put_header(&b, TLV_CONTEXT, false, 14, n), ERR_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_append_u8(&b, (uint8_t)(i * i >> 5)), ERR_OK);
    assert_int_equal(buf_append(&b, "\0\0\0", 4), ERR_OK);
    struct bytes out = arena_bytes(a, buf_bytes(&b));
    buf_free(&b);
    assert_non_null(out.p);
    return out;
}

static void appended_header(struct buf *b, struct arena *a, const struct p1_envelope *e, uint64_t n) {
    size_t mine[2] = {0, 1};
    struct p1_envelope *split = NULL;
    assert_int_equal(p1_split(a, e, mine, 2, &split), ERR_OK);
    assert_int_equal(p1_apdu_header(b, split, n, NULL), ERR_OK);
}

static void a_message(void **state) {
    (void)state;
    const size_t sizes[] = {0, 1, CONTENT_INLINE, CONTENT_INLINE + 1, CONTENT_PIECE, BIG};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct world w = {0};
        struct p1_envelope *e = sample(&w.a, P1_MESSAGE, ASKED);
        uint8_t *octets = arena_alloc(&w.a, sizes[i] + 1);
        for (size_t k = 0; k < sizes[i]; k++)
            octets[k] = (uint8_t)(k * 7 >> 3);
        world_open(&w, e, bytes_of(octets, sizes[i]));
        struct buf want = {0};
        appended_header(&want, &w.a, e, sizes[i]);
        size_t header = want.len;
        assert_int_equal(buf_append(&want, octets, sizes[i]), ERR_OK);
        check_run(&w, false, buf_bytes(&want), header);
        buf_free(&want);
        world_close(&w);
    }
}

static void another_recipient_is_another_run(void **state) {
    (void)state;
    struct world w = {0};
    world_open(&w, sample(&w.a, P1_MESSAGE, ASKED), bytes_str("octets"));
    uint8_t both[DIGEST_SIZE], one[DIGEST_SIZE];
    make(&w, false);
    assert_int_equal(outgoing_digest(w.o, both), ERR_OK);
    w.j.n = 1;
    make(&w, false);
    assert_int_equal(outgoing_digest(w.o, one), ERR_OK);
    assert_memory_not_equal(both, one, DIGEST_SIZE);
    struct buf got = {0};
    assert_true(take_all(&w, 100, &got));
    struct p1_envelope *e = decoded(&w.a, buf_bytes(&got));
    assert_int_equal(e->recipient[0].indicators.set, ASKED);
    assert_int_equal(e->recipient[1].indicators.set, P1_MTA_NON_DELIVERY_REPORT);
    buf_free(&got);
    world_close(&w);
}

static void a_message_for_1984(void **state) {
    (void)state;
    static const struct downgrade_options plain = {0};
    const size_t sizes[] = {10, CONTENT_INLINE, BIG};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct world w = {0};
        struct p1_envelope *e = sample(&w.a, P1_MESSAGE, ASKED);
        struct bytes content = ipm_content(&w.a, sizes[i]);
        world_open(&w, e, content);
        struct downgrade_content *d;
        struct downgrade down;
        uint64_t n;
        uint32_t eits;
        struct buf p2 = {0}, want = {0};
        assert_int_equal(downgrade_content_new(&d, &plain), 0);
        assert_int_equal(downgrade_content_scan(d, content), 0);
        assert_int_equal(downgrade_content_begin(d, &n, &eits), 0);
        assert_int_equal(downgrade_content_convert(d, content, &p2), 0);
        downgrade_content_free(d);
        assert_int_not_equal(p2.len, content.n);
        assert_int_equal(downgrade_envelope(&w.a, &plain, e, &down), 0);
        downgrade_set_eits(down.envelope, eits);
        assert_int_equal(p1_apdu_header(&want, down.envelope, n, NULL), 0);
        size_t header = want.len;
        assert_int_equal(buf_append(&want, buf_bytes(&p2).p, p2.len), 0);
        check_run(&w, true, buf_bytes(&want), header);
        // The stored message is as it was, for a report on it.
        assert_int_equal(outgoing_opened(w.o)->env->content_type.built_in, P1_CONTENT_IPM_1988);
        buf_free(&want);
        buf_free(&p2);
        world_close(&w);
    }
}

static void whom_1984_does_not_reach(void **state) {
    (void)state;
    struct world w = {0};
    struct p1_envelope *e = sample(&w.a, P1_PROBE, ASKED);
    e->recipient[1].explicit_conversion = 11;
    world_open(&w, e, (struct bytes){0});
    make(&w, true);
    assert_int_equal(w.err, ERR_OK);
    assert_null(outgoing_refused(w.o, 0));
    assert_non_null(strstr(outgoing_refused(w.o, 1), "conversion"));
    assert_null(outgoing_refused(w.o, 2));
    w.rcpt[0] = 1;
    w.j.n = 1;
    make(&w, true);
    assert_int_equal(w.err, OUTGOING_NOBODY);
    assert_non_null(outgoing_refused(w.o, 1));
    make(&w, false);
    assert_int_equal(w.err, ERR_OK);
    assert_null(outgoing_refused(w.o, 1));
    world_close(&w);
}

// What is no IPM although its type says so: nobody gets the message, and a report goes without it.
static void a_content_without_form(void **state) {
    (void)state;
    const size_t sizes[] = {0, 5, BIG};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct world w = {0};
        uint8_t *octets = arena_alloc(&w.a, BIG);
        memset(octets, 0x55, BIG);
        world_open(&w, sample(&w.a, P1_MESSAGE, ASKED), bytes_of(octets, sizes[i]));
        make(&w, true);
        assert_int_equal(w.err, OUTGOING_NOBODY);
        for (uint32_t k = 0; k < 2; k++)
            assert_memory_equal(outgoing_refused(w.o, k), "the content: ", 13);
        assert_string_equal(w.why, outgoing_refused(w.o, 0));
        world_close(&w);
    }
    struct world w = {0};
    struct p1_envelope *e = decoded(&w.a, hex_file(&w.a, "tests/data/p1-golden-non-delivery.hex"));
    e->content_type = (struct p1_content_type){true, P1_CONTENT_IPM_1988, {NULL, 0}};
    world_open(&w, e, bytes_str("no IPM"));
    make(&w, true);
    assert_int_equal(w.err, ERR_OK);
    assert_memory_equal(outgoing_content_dropped(w.o), "the content: ", 13);
    struct buf got = {0};
    assert_true(take_all(&w, 100, &got));
    assert_null(decoded(&w.a, buf_bytes(&got))->content.p);
    buf_clear(&got);
    make(&w, false);
    assert_null(outgoing_content_dropped(w.o));
    assert_true(take_all(&w, 100, &got));
    assert_text(decoded(&w.a, buf_bytes(&got))->content, "no IPM");
    buf_free(&got);
    world_close(&w);
}

static void damaged(void **state) {
    (void)state;
    struct world w = {0};
    struct bytes content = ipm_content(&w.a, BIG);
    world_open(&w, sample(&w.a, P1_MESSAGE, ASKED), content);
    char path[160];
    snprintf(path, sizeof path, "%s/content/%s", w.p.dir, w.m.content.file);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "?", 1, BIG / 2), 1);
    close(fd);
    // Whoever resumes behind the damage does not get its end either.
    for (uint64_t from = 0; from < content.n; from += BIG - 1000) {
        struct buf got = {0};
        make(&w, false);
        assert_int_equal(w.err, ERR_OK);
        assert_int_equal(outgoing_seek(w.o, from), ERR_OK);
        assert_false(take_all(&w, 65000, &got));
        assert_int_equal(w.more_err, ERR_CORRUPT);
        assert_true(outgoing_left(w.o) > 0);
        buf_free(&got);
    }
    make(&w, true); // noticed before anything is sent
    assert_int_equal(w.err, ERR_CORRUPT);
    unlink(path);
    make(&w, true);
    assert_int_equal(w.err, ERR_ABSENT);
    w.m.envelope.n--;
    make(&w, false);
    assert_int_equal(w.err, ERR_CORRUPT);
    assert_true(w.why[0] != '\0');
    assert_null(outgoing_opened(w.o));
    world_close(&w);
}

static void given_up(void **state) {
    (void)state;
    for (int form = 0; form < 2; form++) {
        struct world w = {0};
        world_open(&w, sample(&w.a, P1_MESSAGE, ASKED), ipm_content(&w.a, BIG));
        w.free_in_ready = true;
        make(&w, form);
        assert_null(w.o);
        w.free_in_ready = false, w.free_in_more = true;
        make(&w, form);
        struct buf got = {0};
        assert_false(take_all(&w, 65000, &got));
        assert_null(w.o);
        w.free_in_more = false;
        make(&w, form); // while a piece is on its way, by world_close
        struct bytes piece;
        assert_true(outgoing_next(w.o, 10, &piece));
        buf_free(&got);
        world_close(&w);
    }
}

// Each request for memory fails once: it is told, and nothing is sent that is not whole.
static void memory_is_short(void **state) {
    (void)state;
    static const struct outgoing_user user = {on_ready, on_more};
    for (int form = 0; form < 2; form++) {
        struct world w = {0};
        world_open(&w, sample(&w.a, P1_MESSAGE, ASKED), ipm_content(&w.a, BIG));
        bool failed = true;
        for (unsigned long n = 1; failed; n++) {
            struct outgoing_form how = {.p1_1984 = form == 1};
            struct buf got = {0};
            assert_true(n < 1000);
            assert_int_equal(buf_reserve(&got, 2 * BIG), ERR_OK);
            w.ready = w.more = w.more_err = 0;
            mem_fail_at(n);
            w.o = outgoing_new(w.t, &how, &user, &w);
            failed = w.o == NULL;
            if (!failed) {
                outgoing_make(w.o, &w.m, &w.j);
                while (w.ready == 0)
                    wait_some(&w);
                failed = w.err != ERR_OK || !take_all(&w, 65000, &got);
            }
            mem_fail_at(0);
            if (failed && w.o != NULL && w.err == ERR_OK)
                assert_int_equal(w.more_err, ERR_NOMEM);
            else if (failed && w.o != NULL)
                assert_int_equal(w.err, ERR_NOMEM);
            outgoing_free(w.o);
            w.o = NULL;
            buf_free(&got);
        }
        world_close(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message),
        cmocka_unit_test(another_recipient_is_another_run),
        cmocka_unit_test(a_message_for_1984),
        cmocka_unit_test(whom_1984_does_not_reach),
        cmocka_unit_test(a_content_without_form),
        cmocka_unit_test(damaged),
        cmocka_unit_test(given_up),
        cmocka_unit_test(memory_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
