// SPDX-License-Identifier: BSD-2-Clause
// Contents into the spool and out of it: small and large, from pieces and descriptors, damaged, abandoned, on a full
// disk.
#include "tests/unit/mta_spool_util.h"

#include <dirent.h>
#include <sys/resource.h>

enum { BIG = 3 * 1024 * 1024 + 17 };

struct box {
    struct place p;
    int dir;
    struct file_thread *t;
    // of a writer
    struct content_writer *w;
    int finished, err, progressed;
    uint64_t written, synced;
    struct content_ref ref;
    struct buf kept; // the inline octets
    // of a reader
    struct content_reader *r;
    struct buf got;
    bool last;
    int read_err, pieces;
};

static void box_open(struct box *x) {
    memset(x, 0, sizeof *x);
    place_make(&x->p);
    x->dir = open(x->p.dir, O_RDONLY | O_DIRECTORY);
    x->t = file_thread_new(x->dir, place_ring, &x->p);
    assert_non_null(x->t);
}

static void box_close(struct box *x) {
    file_thread_free(x->t);
    close(x->dir);
    buf_free(&x->kept);
    buf_free(&x->got);
    place_remove(&x->p);
}

static unsigned files_in(struct box *x, const char *folder) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", x->p.dir, folder);
    DIR *d = opendir(path);
    assert_non_null(d);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void on_progress(void *user, uint64_t written, uint64_t synced) {
    struct box *x = user;
    assert_true(synced <= written);
    assert_true(written >= x->written);
    x->written = written;
    x->synced = synced;
    x->progressed++;
}

static void on_finished(void *user, int err, const struct content_ref *ref) {
    struct box *x = user;
    x->finished++;
    x->err = err;
    x->ref = *ref;
    if (err == ERR_OK && ref->file[0] == 0) {
        assert_int_equal(buf_append(&x->kept, ref->octets.p, ref->octets.n), ERR_OK);
        x->ref.octets = buf_bytes(&x->kept);
    }
}

static const struct content_writer_user user = {.progress = on_progress, .finished = on_finished};

static void wait_finished(struct box *x) {
    while (x->finished == 0) {
        assert_true(place_wait(&x->p));
        file_thread_completions(x->t);
    }
    assert_int_equal(x->finished, 1);
}

static void pattern(uint8_t *to, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(i * 2654435761U >> 13);
}

static void write_pieces(struct box *x, size_t total, size_t piece) {
    uint8_t *octets = malloc(total + 1);
    assert_non_null(octets);
    pattern(octets, total);
    x->written = 0;
    x->w = content_writer_new(x->t, &user, x);
    assert_non_null(x->w);
    for (size_t at = 0; at < total; at += piece) {
        size_t n = total - at < piece ? total - at : piece;
        assert_int_equal(content_writer_append(x->w, bytes_of(octets + at, n)), ERR_OK);
        while (content_writer_full(x->w)) {
            assert_true(place_wait(&x->p));
            file_thread_completions(x->t);
        }
    }
    content_writer_finish(x->w);
    assert_int_equal(content_writer_append(x->w, bytes_of(octets, 1)), ERR_STATE);
    wait_finished(x);
    content_writer_free(x->w);
    uint8_t sum[CONTENT_SUM];
    digest_sha256(bytes_of(octets, total), sum);
    free(octets);
    assert_int_equal(x->err, ERR_OK);
    assert_int_equal(x->ref.length, total);
    assert_memory_equal(x->ref.sum, sum, sizeof sum);
}

static void on_piece(void *arg, int err, struct bytes piece, bool last) {
    struct box *x = arg;
    x->pieces++;
    x->read_err = err;
    x->last = last;
    assert_true(piece.n <= CONTENT_PIECE);
    assert_int_equal(buf_append(&x->got, piece.p, piece.n), ERR_OK);
    if (err == ERR_OK && !last)
        content_reader_next(x->r);
}

static void read_back(struct box *x) {
    buf_clear(&x->got);
    x->pieces = x->read_err = 0;
    x->last = false;
    x->r = content_reader_new(x->t, &x->ref, on_piece, x);
    assert_non_null(x->r);
    content_reader_next(x->r);
    while (!x->last && x->read_err == ERR_OK) {
        assert_true(place_wait(&x->p));
        file_thread_completions(x->t);
    }
    content_reader_free(x->r);
}

static void expect_pattern(struct box *x, size_t total) {
    uint8_t *octets = malloc(total + 1);
    assert_non_null(octets);
    pattern(octets, total);
    assert_int_equal(x->read_err, ERR_OK);
    assert_true(x->last);
    assert_int_equal(x->got.len, total);
    if (total > 0)
        assert_memory_equal(buf_bytes(&x->got).p, octets, total);
    free(octets);
}

static void test_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, CONTENT_INLINE - 1, CONTENT_INLINE, CONTENT_INLINE + 1, CONTENT_PIECE, BIG};
    static const size_t pieces[] = {700, 65521, BIG};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
            struct box x;
            box_open(&x);
            write_pieces(&x, sizes[i], pieces[k]);
            bool file = sizes[i] > CONTENT_INLINE;
            assert_int_equal(x.ref.file[0] != 0, file);
            assert_int_equal(files_in(&x, "content"), file);
            assert_int_equal(files_in(&x, "tmp"), 0);
            read_back(&x);
            expect_pattern(&x, sizes[i]);
            assert_int_equal(x.pieces, sizes[i] == 0 ? 1 : (sizes[i] + CONTENT_PIECE - 1) / CONTENT_PIECE);
            assert_int_equal(content_delete(x.t, &x.ref), ERR_OK);
            file_thread_free(x.t);
            assert_int_equal(files_in(&x, "content"), 0);
            x.t = NULL;
            box_close(&x);
        }
    }
}

static void harm(struct box *x, off_t cut, off_t flip) {
    char path[160];
    snprintf(path, sizeof path, "%s/content/%s", x->p.dir, x->ref.file);
    if (cut >= 0) {
        assert_int_equal(truncate(path, cut), 0);
        return;
    }
    int fd = open(path, O_RDWR);
    uint8_t c;
    assert_int_equal(pread(fd, &c, 1, flip), 1);
    c ^= 0x10;
    assert_int_equal(pwrite(fd, &c, 1, flip), 1);
    close(fd);
}

static void test_damage(void **state) {
    (void)state;
    const off_t flips[] = {0, BIG / 2, BIG - 1};
    for (size_t i = 0; i < 3; i++) {
        struct box x;
        box_open(&x);
        write_pieces(&x, BIG, 60000);
        harm(&x, -1, flips[i]);
        read_back(&x);
        assert_int_equal(x.read_err, ERR_CORRUPT);
        assert_false(x.last);
        assert_true(x.got.len < BIG); // never all of it
        harm(&x, BIG - 1, 0);
        read_back(&x);
        assert_int_equal(x.read_err, ERR_CORRUPT);
        assert_int_equal(x.got.len, 0);
        assert_int_equal(content_delete(x.t, &x.ref), ERR_OK);
        read_back(&x);
        assert_int_equal(x.read_err, ERR_ABSENT);
        strcpy(x.ref.file, "../spool.db");
        assert_int_equal(content_delete(x.t, &x.ref), ERR_SYNTAX);
        read_back(&x);
        assert_int_equal(x.read_err, ERR_CORRUPT);
        box_close(&x);
    }
    struct box x;
    box_open(&x);
    write_pieces(&x, 100, 100);
    x.kept.mem[x.kept.off + 50] ^= 1;
    read_back(&x);
    assert_int_equal(x.read_err, ERR_CORRUPT);
    assert_int_equal(x.got.len, 0);
    box_close(&x);
}

static void from_fd(struct box *x, int fd, uint64_t offset, uint64_t length) {
    x->finished = 0;
    buf_clear(&x->kept);
    x->w = content_writer_new(x->t, &user, x);
    assert_non_null(x->w);
    assert_int_equal(content_writer_from_fd(x->w, fd, offset, length), ERR_OK);
    assert_int_equal(content_writer_append(x->w, bytes_str("x")), ERR_STATE);
    wait_finished(x);
    content_writer_free(x->w);
}

static void test_from_fd(void **state) {
    (void)state;
    struct box x;
    box_open(&x);
    char path[128];
    snprintf(path, sizeof path, "%s/submitted", x.p.dir);
    uint8_t *octets = malloc(BIG);
    assert_non_null(octets);
    pattern(octets, BIG);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(fd, "head", 4), 4);
    assert_int_equal(write(fd, octets, BIG), BIG);
    free(octets);
    static const uint64_t sizes[] = {0, 1, CONTENT_INLINE, CONTENT_INLINE + 1, BIG};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        from_fd(&x, fd, 4, sizes[i]);
        assert_int_equal(x.err, ERR_OK);
        assert_int_equal(x.ref.length, sizes[i]);
        read_back(&x);
        expect_pattern(&x, sizes[i]);
    }
    assert_int_equal(files_in(&x, "content"), 2);
    from_fd(&x, fd, 5, BIG);
    assert_int_equal(x.err, ERR_SHORT);
    from_fd(&x, fd, BIG, 100);
    assert_int_equal(x.err, ERR_SHORT);
    from_fd(&x, x.dir, 0, 100); // no file
    assert_int_equal(x.err, ERR_SYSTEM);
    assert_int_equal(files_in(&x, "content"), 2);
    assert_int_equal(files_in(&x, "tmp"), 0);
    int other[2]; // nothing the kernel can copy from at an offset
    assert_int_equal(pipe(other), 0);
    from_fd(&x, other[0], 0, BIG);
    assert_true(x.err < 0);
    close(other[0]);
    close(other[1]);
    struct content_writer *w = content_writer_new(x.t, &user, &x);
    assert_int_equal(content_writer_from_fd(w, -1, 0, 1), ERR_SYSTEM);
    assert_int_equal(content_writer_from_fd(w, fd, UINT64_MAX, 1), ERR_LIMIT);
    assert_int_equal(content_writer_from_fd(w, fd, 1, UINT64_MAX), ERR_LIMIT);
    content_writer_free(w);
    close(fd);
    box_close(&x);
}

static void test_abandoned(void **state) {
    (void)state;
    struct box x;
    box_open(&x);
    static uint8_t octets[CONTENT_QUEUE_MAX];
    struct content_writer *w = content_writer_new(x.t, &user, &x); // before anything is on disk
    assert_int_equal(content_writer_append(w, bytes_of(octets, 10)), ERR_OK);
    content_writer_free(w);
    w = content_writer_new(x.t, &user, &x); // while the first chunk is being written
    assert_int_equal(content_writer_append(w, bytes_of(octets, BIG)), ERR_OK);
    assert_true(content_writer_full(w));
    assert_int_equal(content_writer_append(w, bytes_of(octets, sizeof octets)), ERR_LIMIT);
    content_writer_free(w);
    w = content_writer_new(x.t, &user, &x); // finished, its owner gone before the answer
    assert_int_equal(content_writer_append(w, bytes_of(octets, BIG)), ERR_OK);
    content_writer_finish(w);
    content_writer_free(w);
    w = content_writer_new(x.t, &user, &x); // idle with a file
    assert_int_equal(content_writer_append(w, bytes_of(octets, BIG)), ERR_OK);
    while (x.progressed == 0) {
        assert_true(place_wait(&x.p));
        file_thread_completions(x.t);
    }
    assert_true(files_in(&x, "tmp") >= 1);
    content_writer_free(w);
    assert_int_equal(x.finished, 0);
    // A reader that is freed in its callback's way, too.
    write_pieces(&x, BIG, 60000);
    x.r = content_reader_new(x.t, &x.ref, on_piece, &x);
    content_reader_next(x.r);
    content_reader_free(x.r);
    x.r = content_reader_new(x.t, &x.ref, on_piece, &x);
    content_reader_free(x.r);
    file_thread_free(x.t);
    x.t = NULL;
    assert_int_equal(x.pieces, 0);
    assert_int_equal(files_in(&x, "tmp"), 0);
    assert_int_equal(files_in(&x, "content"), 1);
    box_close(&x);
}

// A file that may not grow stands for a disk that is full: in a child, because the limit is the process's.
static void test_full(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
        struct box x;
        box_open(&x);
        uint8_t *octets = calloc(1, BIG);
        x.w = content_writer_new(x.t, &user, &x);
        content_writer_append(x.w, bytes_of(octets, BIG));
        wait_finished(&x);
        bool good = x.err == ERR_BUSY && x.ref.file[0] == 0 && files_in(&x, "tmp") == 0 &&
                    content_writer_append(x.w, bytes_of(octets, 1)) == ERR_STATE;
        content_writer_finish(x.w);
        content_writer_free(x.w);
        x.finished = 0;
        write_pieces(&x, 1 << 20, 65536); // what fits goes on
        free(octets);
        box_close(&x);
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

// What no message names is swept away when the spool is opened; what one names stays.
static void test_orphans(void **state) {
    (void)state;
    struct box x;
    box_open(&x);
    write_pieces(&x, BIG, 60000);
    struct content_ref kept = x.ref;
    x.finished = 0;
    write_pieces(&x, BIG, 60000);
    struct spool *s = place_start(&x.p);
    // Opening swept both away, as no message named them: name one that is written now.
    assert_int_equal(files_in(&x, "content"), 0);
    x.finished = 0;
    write_pieces(&x, BIG, 60000);
    kept = x.ref;
    x.finished = 0;
    write_pieces(&x, BIG, 60000);
    struct sample m;
    int64_t id = spool_new_id(s);
    sample_fill(&m, id);
    m.m.content = kept;
    struct spool_batch *b = spool_batch_new(s);
    spool_batch_message(b, &m.m);
    assert_int_equal(place_commit(&x.p, s, b), ERR_OK);
    spool_close(s);
    assert_int_equal(files_in(&x, "content"), 2);
    s = place_start(&x.p);
    assert_int_equal(files_in(&x, "content"), 1);
    x.ref = kept;
    read_back(&x);
    expect_pattern(&x, BIG);
    b = spool_batch_new(s);
    spool_batch_finish(b, id, 9);
    assert_int_equal(place_commit(&x.p, s, b), ERR_OK);
    spool_close(s);
    s = place_open(&x.p); // the owner died between the commit and content_delete
    assert_int_equal(files_in(&x, "content"), 0);
    spool_close(s);
    box_close(&x);
}

struct slices {
    struct file_job job;
    int ran, done;
};

static void slice_run(struct file_job *j) {
    struct slices *s = (struct slices *)j;
    if (++s->ran < 5)
        file_job_again(j);
}

static void slice_done(struct file_job *j) {
    ((struct slices *)j)->done++;
}

static void test_jobs(void **state) {
    (void)state;
    struct box x;
    box_open(&x);
    struct slices s = {.job = {.run = slice_run, .done = slice_done}};
    file_job_post(x.t, &s.job);
    while (s.done == 0) {
        assert_true(place_wait(&x.p));
        file_thread_completions(x.t);
    }
    assert_int_equal(s.ran, 5);
    file_job_post(x.t, &s.job); // what is queued at the end is finished
    file_thread_free(x.t);
    assert_int_equal(s.done, 2);
    x.t = NULL;
    box_close(&x);
}

static void wait_synced(struct box *x, uint64_t n) {
    while (x->finished == 0 && (x->progressed == 0 || x->synced < n)) {
        assert_true(place_wait(&x->p));
        file_thread_completions(x->t);
    }
}

// A content that is begun, synced and not finished.
static void leave_half(struct box *x, struct bytes octets, char file[CONTENT_NAME]) {
    x->w = content_writer_new(x->t, &user, x);
    assert_int_equal(content_writer_append(x->w, octets), ERR_OK);
    content_writer_sync(x->w);
    wait_synced(x, octets.n);
    assert_int_equal(x->synced, octets.n);
    snprintf(file, CONTENT_NAME, "%s", content_writer_file(x->w));
    content_writer_leave(x->w);
}

// Half a content is left, with more behind what is gone on from; another writer ends it.
static void test_half(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 100, CONTENT_INLINE, CONTENT_INLINE + 1, BIG / 2};
    struct bytes whole = {0};
    uint8_t *p = malloc(BIG), sum[CONTENT_SUM];
    assert_non_null(p);
    for (size_t i = 0; i < BIG; i++)
        p[i] = (uint8_t)(i * 31 + i / 257);
    whole = bytes_of(p, BIG);
    digest_sha256(whole, sum);
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        struct box x;
        char file[CONTENT_NAME];
        size_t n = lengths[k], more = n + 5000;
        box_open(&x);
        leave_half(&x, bytes_of(p, more), file);
        file_thread_free(x.t); // another run
        x.t = file_thread_new(x.dir, place_ring, &x.p);
        assert_int_equal(files_in(&x, "tmp"), 1);
        x.written = x.synced = 0;
        x.progressed = 0;
        x.w = content_writer_reopen(x.t, &user, &x, file, n);
        assert_non_null(x.w);
        for (size_t at = n, piece; at < BIG; at += piece) {
            piece = BIG - at < 70000 ? BIG - at : 70000;
            while (content_writer_append(x.w, bytes_of(p + at, piece)) == ERR_LIMIT)
                wait_synced(&x, x.synced + 1);
        }
        content_writer_finish(x.w);
        wait_finished(&x);
        assert_int_equal(x.err, ERR_OK);
        assert_int_equal(x.ref.length, BIG);
        assert_memory_equal(x.ref.sum, sum, CONTENT_SUM);
        assert_string_equal(x.ref.file, file);
        assert_int_equal(files_in(&x, "tmp"), 0);
        assert_int_equal(files_in(&x, "content"), 1);
        content_writer_free(x.w);
        box_close(&x);
    }
    free(p);
}

// What is shorter than was said, or not there, is not gone on with; what is not wanted any more is removed.
static void test_half_gone(void **state) {
    (void)state;
    struct box x;
    char file[CONTENT_NAME];
    box_open(&x);
    assert_null(content_writer_reopen(x.t, &user, &x, "../content/x", 1));
    x.w = content_writer_reopen(x.t, &user, &x, "0123456789abcdef", 1);
    wait_finished(&x);
    assert_int_equal(x.err, ERR_ABSENT);
    content_writer_free(x.w);
    x.finished = 0;
    leave_half(&x, bytes_str("octets"), file);
    x.w = content_writer_reopen(x.t, &user, &x, file, 7);
    wait_finished(&x);
    assert_int_equal(x.err, ERR_CORRUPT);
    content_writer_free(x.w);
    file_thread_free(x.t);
    x.t = file_thread_new(x.dir, place_ring, &x.p);
    assert_int_equal(files_in(&x, "tmp"), 0);
    x.finished = 0;
    x.progressed = 0;
    x.written = x.synced = 0;
    leave_half(&x, bytes_str("octets"), file);
    assert_int_equal(content_delete_half(x.t, file), ERR_OK);
    file_thread_free(x.t);
    x.t = file_thread_new(x.dir, place_ring, &x.p);
    assert_int_equal(files_in(&x, "tmp"), 0);
    box_close(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_damage), cmocka_unit_test(test_from_fd),
        cmocka_unit_test(test_abandoned), cmocka_unit_test(test_full),   cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_jobs),      cmocka_unit_test(test_half),   cmocka_unit_test(test_half_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
