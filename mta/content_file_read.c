// SPDX-License-Identifier: BSD-2-Clause
// Reading a content: blocking in the file thread (content_source_*), and from the loop piece by piece with the next one
// read ahead (content_reader_*). The last octets are given only when the checksum of all agrees, so that a damaged
// content is never sent or delivered as if it were whole.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "mta/content_file_internal.h"

static int open_file(struct content_source *c, int dirfd) {
    if (!content_name_ok(c->ref.file))
        return ERR_CORRUPT;
    char path[sizeof "content/" + CONTENT_NAME] = "content/";
    strcat(path, c->ref.file);
    c->fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (c->fd < 0)
        return errno == ENOENT ? ERR_ABSENT : ERR_SYSTEM;
    struct stat st;
    if (fstat(c->fd, &st) < 0)
        return ERR_SYSTEM;
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != c->ref.length)
        return ERR_CORRUPT;
    posix_fadvise(c->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return ERR_OK;
}

int content_source_open(struct content_source *c, int dirfd, const struct content_ref *ref) {
    *c = (struct content_source){.ref = *ref, .fd = -1, .digest = digest_new()};
    int err = c->digest == NULL ? ERR_NOMEM : ERR_OK;
    if (err == ERR_OK && ref->file[0] != 0)
        err = open_file(c, dirfd);
    else if (err == ERR_OK && ref->octets.n != ref->length)
        err = ERR_CORRUPT;
    if (err < 0)
        content_source_close(c);
    return err;
}

static int verify(struct content_source *c) {
    uint8_t sum[CONTENT_SUM];
    if (digest_end(c->digest, sum) < 0)
        return ERR_NOMEM;
    digest_free(c->digest);
    c->digest = NULL;
    return memcmp(sum, c->ref.sum, sizeof sum) == 0 ? ERR_OK : ERR_CORRUPT;
}

static ptrdiff_t source_read(struct content_source *c, void *to, size_t n) {
    uint64_t left = c->ref.length - c->at;
    if (n > left)
        n = (size_t)left;
    if (c->fd >= 0 && n > 0) {
        ptrdiff_t got = content_read_some(c->fd, to, n);
        if (got <= 0)
            return got < 0 ? got : ERR_CORRUPT;
        n = (size_t)got;
    } else if (n > 0) {
        memcpy(to, c->ref.octets.p + c->at, n);
    }
    int err = digest_add(c->digest, bytes_of(to, n));
    c->at += n;
    if (err == ERR_OK && c->at == c->ref.length)
        err = verify(c);
    return err < 0 ? err : (ptrdiff_t)n;
}

ptrdiff_t content_source_read(struct content_source *c, void *to, size_t n) {
    if (c->err < 0 || c->digest == NULL)
        return c->err;
    ptrdiff_t got = source_read(c, to, n);
    if (got < 0)
        c->err = (int)got;
    return got;
}

void content_source_close(struct content_source *c) {
    if (c->fd >= 0)
        close(c->fd);
    digest_free(c->digest);
    c->fd = -1;
    c->digest = NULL;
}

// --- the reader ---

struct content_reader {
    struct file_job job;
    struct work answer; // a piece that was read ahead, on its way to the callback
    struct file_thread *thread;
    content_piece_cb cb;
    void *arg;
    // The loop's.
    bool busy;      // the job is under way
    bool answering; // the answer is under way, or its callback runs
    bool wanted;    // content_reader_next was called
    bool have;      // the buffer holds a piece that was not given
    bool ended, freed;
    // The job's while it is under way.
    struct content_source source;
    bool opened, last, closing;
    int err;
    uint8_t *octets; // a copy of an inline content
    uint8_t *piece;
    size_t n;
};

static void reader_run(struct file_job *j) {
    struct content_reader *r = (struct content_reader *)j;
    if (r->closing) {
        content_source_close(&r->source);
        return;
    }
    if (!r->opened) {
        struct content_ref ref = r->source.ref;
        r->opened = true;
        r->err = content_source_open(&r->source, r->thread->dir, &ref);
    }
    if (r->err < 0)
        return;
    ptrdiff_t got = content_source_read(&r->source, r->piece, CONTENT_PIECE);
    r->err = got < 0 ? (int)got : ERR_OK;
    r->n = got < 0 ? 0 : (size_t)got;
    r->last = r->source.at == r->source.ref.length;
}

static void reader_destroy(struct content_reader *r) {
    mem_free(r->octets);
    mem_free(r->piece);
    mem_free(r);
}

static void reader_post(struct content_reader *r) {
    r->busy = true;
    file_job_post(r->thread, &r->job);
}

static void reader_advance(struct content_reader *r);

static void reader_done(struct file_job *j) {
    struct content_reader *r = (struct content_reader *)j;
    if (r->closing) {
        reader_destroy(r);
        return;
    }
    r->busy = false;
    r->have = true;
    reader_advance(r);
}

static void reader_answer(struct work *w) {
    struct content_reader *r = (struct content_reader *)((char *)w - offsetof(struct content_reader, answer));
    if (!r->freed) {
        r->wanted = r->have = false;
        r->ended = r->err < 0 || r->last;
        r->cb(r->arg, r->err, bytes_of(r->piece, r->err < 0 ? 0 : r->n), r->err == ERR_OK && r->last);
    }
    r->answering = false;
    reader_advance(r);
}

// What is to be done next, once nothing is under way.
static void reader_advance(struct content_reader *r) {
    if (r->busy || r->answering)
        return;
    if (r->freed) {
        r->closing = true;
        reader_post(r);
    } else if (r->have && r->wanted) {
        r->answering = true;
        file_thread_answer(r->thread, &r->answer);
    } else if (!r->have && !r->ended) {
        reader_post(r);
    }
}

struct content_reader *content_reader_new(struct file_thread *t, const struct content_ref *ref, content_piece_cb cb,
                                          void *user) {
    struct content_reader *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    *r = (struct content_reader){.job = {.run = reader_run, .done = reader_done},
                                 .answer = {.run = reader_answer},
                                 .thread = t,
                                 .cb = cb,
                                 .arg = user,
                                 .source = {.ref = *ref, .fd = -1}};
    r->piece = mem_alloc(ref->length < CONTENT_PIECE ? (size_t)ref->length : CONTENT_PIECE);
    if (ref->file[0] == 0 && ref->octets.n > 0) {
        r->octets = mem_alloc(ref->octets.n);
        if (r->octets != NULL)
            memcpy(r->octets, ref->octets.p, ref->octets.n);
        r->source.ref.octets = bytes_of(r->octets, ref->octets.n);
    }
    if (r->piece == NULL || (r->source.ref.octets.n > 0 && r->octets == NULL && ref->file[0] == 0)) {
        reader_destroy(r);
        return NULL;
    }
    return r;
}

void content_reader_next(struct content_reader *r) {
    if (r->ended)
        return;
    r->wanted = true;
    reader_advance(r);
}

void content_reader_free(struct content_reader *r) {
    if (r == NULL)
        return;
    r->freed = true;
    reader_advance(r);
}
