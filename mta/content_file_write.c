// SPDX-License-Identifier: BSD-2-Clause
// Writing a content. The loop collects pieces in `pending`; whenever the file thread has finished the last chunk it
// gets all of them at once. Until a content has outgrown CONTENT_INLINE no file is made. A file is written as tmp/NAME,
// synced every few MB (one long sync at the end would delay every commit on the same disk), then renamed to
// content/NAME.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "mta/content_file_internal.h"

enum { SYNC_EVERY = 4 << 20, COPY_SLICE = 1 << 20 };

struct content_writer {
    struct file_job job; // at most one is under way
    struct file_thread *thread;
    struct content_writer_user user;
    void *arg;
    // The loop's.
    struct buf pending;
    uint64_t appended;
    size_t given;   // octets of the chunk
    bool busy;      // the job is under way
    bool finishing; // no more pieces
    bool ended;     // `finished` was called
    bool freed;     // by its owner; what is left is to clean up
    bool leaving;   // the file stays then
    bool sync_soon; // with the next chunk
    // The job's while it is under way.
    struct buf chunk;
    bool final;    // the chunk ends the content
    bool sync;     // the chunk, and all before it
    bool reopen;   // the file was there before: `from` octets of `written` are digested
    bool discard;  // the job is to remove what was written
    bool named;    // the file is in content/
    int fd;        // -1: no file yet
    int source;    // from_fd: read from here; -1: pieces
    bool by_hand;  // the kernel cannot copy between these files
    uint64_t from; // offset in source
    uint64_t left; // octets still to be copied
    uint64_t written, synced;
    struct digest *sum;
    int err;
    struct content_ref ref;
};

// --- in the file thread ---

static int make_file(struct content_writer *w) {
    uint8_t random[16];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return ERR_SYSTEM;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(w->ref.file + 2 * i, 3, "%02x", random[i]);
    w->fd = openat(w->thread->tmp, w->ref.file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (w->fd >= 0)
        return ERR_OK;
    int err = content_error(errno);
    w->ref.file[0] = 0;
    return err;
}

static int sync_file(struct content_writer *w) {
    if (fdatasync(w->fd) < 0)
        return content_error(errno);
    w->synced = w->written;
    return ERR_OK;
}

static int name_file(struct content_writer *w) {
    int err = sync_file(w);
    if (err < 0)
        return err;
    if (renameat(w->thread->tmp, w->ref.file, w->thread->content, w->ref.file) < 0)
        return content_error(errno);
    w->named = true;
    if (fsync(w->thread->content) < 0)
        return content_error(errno);
    close(w->fd);
    w->fd = -1;
    return ERR_OK;
}

static void remove_file(struct content_writer *w) {
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    if (w->ref.file[0] != 0)
        unlinkat(w->named ? w->thread->content : w->thread->tmp, w->ref.file, 0);
    w->ref.file[0] = 0;
}

static int end_content(struct content_writer *w) {
    int err = digest_end(w->sum, w->ref.sum);
    w->ref.length = w->written;
    return err < 0 || w->fd < 0 ? err : name_file(w);
}

static int write_chunk(struct content_writer *w) {
    struct bytes b = buf_bytes(&w->chunk);
    int err = digest_add(w->sum, b);
    if (err < 0)
        return err;
    bool small = w->fd < 0 && w->final && b.n <= CONTENT_INLINE;
    if (!small) {
        if (w->fd < 0 && (err = make_file(w)) < 0)
            return err;
        if ((err = content_write_all(w->fd, b.p, b.n)) < 0)
            return err;
    }
    w->written += b.n;
    if (w->fd >= 0 && (w->sync || w->written - w->synced >= SYNC_EVERY) && (err = sync_file(w)) < 0)
        return err;
    return w->final ? end_content(w) : ERR_OK;
}

static int open_again(struct content_writer *w) {
    struct stat st;
    w->fd = openat(w->thread->tmp, w->ref.file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (w->fd < 0 || fstat(w->fd, &st) < 0)
        return errno == ENOENT ? ERR_ABSENT : ERR_SYSTEM;
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < w->written)
        return ERR_CORRUPT;
    return ftruncate(w->fd, (off_t)w->written) < 0 ? content_error(errno) : ERR_OK;
}

static int digest_copied(struct content_writer *w, uint64_t from, size_t n);

// What is there already is read for its digest, a slice at a time.
static int reopen_slice(struct content_writer *w) {
    int err = w->fd < 0 ? open_again(w) : ERR_OK;
    uint64_t left = w->written - w->from;
    size_t slice = left < COPY_SLICE ? (size_t)left : COPY_SLICE;
    if (err == ERR_OK)
        err = digest_copied(w, w->from, slice);
    if (err < 0)
        return err;
    w->from += slice;
    if (w->from < w->written) {
        file_job_again(&w->job);
        return ERR_OK;
    }
    w->reopen = false;
    buf_clear(&w->chunk);
    return lseek(w->fd, (off_t)w->written, SEEK_SET) < 0 ? ERR_SYSTEM : ERR_OK;
}

// Copies at most n octets from source to the file, without their passing through us where the kernel can.
static ptrdiff_t copy_some(struct content_writer *w, size_t n) {
    off_t from = (off_t)w->from;
    if (!w->by_hand) {
        ssize_t got = copy_file_range(w->source, &from, w->fd, NULL, n, 0);
        if (got >= 0)
            return got;
        if (errno != EXDEV && errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP)
            return content_error(errno);
        w->by_hand = true;
    }
    buf_clear(&w->chunk);
    if (buf_reserve(&w->chunk, CONTENT_PIECE) < 0)
        return ERR_NOMEM;
    ssize_t got = pread(w->source, w->chunk.mem, n < CONTENT_PIECE ? n : CONTENT_PIECE, from);
    if (got < 0)
        return ERR_SYSTEM;
    int err = content_write_all(w->fd, w->chunk.mem, (size_t)got);
    return err < 0 ? err : got;
}

// The digest is taken of our copy: the submitter may still be changing his file.
static int digest_copied(struct content_writer *w, uint64_t from, size_t n) {
    buf_clear(&w->chunk);
    if (buf_reserve(&w->chunk, CONTENT_PIECE) < 0)
        return ERR_NOMEM;
    for (size_t done = 0; done < n;) {
        size_t want = n - done < CONTENT_PIECE ? n - done : CONTENT_PIECE;
        ssize_t got = pread(w->fd, w->chunk.mem, want, (off_t)(from + done));
        if (got <= 0)
            return ERR_SYSTEM;
        if (digest_add(w->sum, bytes_of(w->chunk.mem, (size_t)got)) < 0)
            return ERR_NOMEM;
        done += (size_t)got;
    }
    return ERR_OK;
}

static int copy_slice(struct content_writer *w) {
    int err;
    if (w->fd < 0 && (err = make_file(w)) < 0)
        return err;
    for (size_t slice = 0; slice < COPY_SLICE && w->left > 0;) {
        size_t want = w->left < COPY_SLICE - slice ? (size_t)w->left : COPY_SLICE - slice;
        ptrdiff_t got = copy_some(w, want);
        if (got <= 0)
            return got < 0 ? (int)got : ERR_SHORT;
        if ((err = digest_copied(w, w->written, (size_t)got)) < 0)
            return err;
        w->from += (size_t)got;
        w->left -= (size_t)got;
        w->written += (size_t)got;
        slice += (size_t)got;
    }
    if (w->written - w->synced >= SYNC_EVERY && (err = sync_file(w)) < 0)
        return err;
    if (w->left > 0) {
        file_job_again(&w->job);
        return ERR_OK;
    }
    return end_content(w);
}

// A small one is read into the chunk and goes the way of the pieces.
static int copy_small(struct content_writer *w) {
    if (buf_reserve(&w->chunk, (size_t)w->left) < 0)
        return ERR_NOMEM;
    while (w->left > 0) {
        ssize_t got = pread(w->source, w->chunk.mem + w->chunk.len, (size_t)w->left, (off_t)w->from);
        if (got <= 0)
            return got < 0 ? ERR_SYSTEM : ERR_SHORT;
        w->chunk.len += (size_t)got;
        w->from += (size_t)got;
        w->left -= (size_t)got;
    }
    return write_chunk(w);
}

static void writer_run(struct file_job *j) {
    struct content_writer *w = (struct content_writer *)j;
    if (w->discard) {
        remove_file(w);
        return;
    }
    if (w->err < 0)
        return;
    if (w->reopen)
        w->err = reopen_slice(w);
    else if (w->source < 0)
        w->err = write_chunk(w);
    else if (w->fd < 0 && w->left <= CONTENT_INLINE)
        w->err = copy_small(w);
    else
        w->err = copy_slice(w);
    if (w->err < 0)
        remove_file(w);
}

// --- in the loop ---

static void writer_destroy(struct content_writer *w) {
    if (w->fd >= 0)
        close(w->fd);
    if (w->source >= 0)
        close(w->source);
    digest_free(w->sum);
    buf_free(&w->pending);
    buf_free(&w->chunk);
    mem_free(w);
}

static void writer_post(struct content_writer *w) {
    w->busy = true;
    file_job_post(w->thread, &w->job);
}

// Gives the file thread what has come in.
static void writer_push(struct content_writer *w) {
    struct buf empty = w->chunk;
    w->chunk = w->pending;
    w->pending = empty;
    buf_clear(&w->pending);
    w->given = w->chunk.len;
    w->final = w->finishing;
    w->sync = w->sync_soon;
    w->sync_soon = false;
    writer_post(w);
}

// An owner that frees the writer in a callback only sets `freed`: `busy` is still true then.
static void writer_done(struct file_job *j) {
    struct content_writer *w = (struct content_writer *)j;
    if (w->discard) {
        writer_destroy(w);
        return;
    }
    if (!w->freed && (w->final || w->err < 0)) {
        w->ended = w->final && w->err == ERR_OK;
        if (w->ref.file[0] == 0)
            w->ref.octets = buf_bytes(&w->chunk);
        w->user.finished(w->arg, w->err, &w->ref);
    } else if (!w->freed && w->user.progress != NULL) {
        buf_clear(&w->chunk);
        w->given = 0; // content_writer_full is asked from within
        w->user.progress(w->arg, w->written, w->synced);
    }
    w->busy = false;
    if (w->freed) {
        w->freed = false;
        content_writer_free(w);
    } else if (!w->final && w->err == ERR_OK && (w->pending.len > 0 || w->finishing || w->sync_soon)) {
        writer_push(w);
    }
}

struct content_writer *content_writer_new(struct file_thread *t, const struct content_writer_user *u, void *user) {
    struct content_writer *w = mem_calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->thread = t;
    w->user = *u;
    w->arg = user;
    w->fd = w->source = -1;
    w->job.run = writer_run;
    w->job.done = writer_done;
    w->sum = digest_new();
    if (w->sum == NULL) {
        mem_free(w);
        return NULL;
    }
    return w;
}

static size_t writer_queued(const struct content_writer *w) {
    return w->pending.len + (w->busy ? w->given : 0);
}

bool content_writer_full(const struct content_writer *w) {
    return writer_queued(w) > CONTENT_HIGH_WATER;
}

int content_writer_append(struct content_writer *w, struct bytes piece) {
    if (w->finishing || (!w->busy && w->err < 0))
        return ERR_STATE;
    if (piece.n > CONTENT_QUEUE_MAX || writer_queued(w) + piece.n > CONTENT_QUEUE_MAX)
        return ERR_LIMIT;
    if (buf_append(&w->pending, piece.p, piece.n) < 0)
        return ERR_NOMEM;
    w->appended += piece.n;
    if (!w->busy && w->appended > CONTENT_INLINE)
        writer_push(w);
    return ERR_OK;
}

void content_writer_finish(struct content_writer *w) {
    if (w->finishing || (!w->busy && w->err < 0))
        return;
    w->finishing = true;
    if (!w->busy)
        writer_push(w);
}

void content_writer_sync(struct content_writer *w) {
    if (w->finishing || (!w->busy && w->err < 0))
        return;
    w->sync_soon = true;
    if (!w->busy)
        writer_push(w);
}

const char *content_writer_file(const struct content_writer *w) {
    return w->ref.file;
}

struct content_writer *content_writer_reopen(struct file_thread *t, const struct content_writer_user *u, void *user,
                                             const char *file, uint64_t length) {
    struct content_writer *w = content_name_ok(file) ? content_writer_new(t, u, user) : NULL;
    if (w == NULL)
        return NULL;
    snprintf(w->ref.file, sizeof w->ref.file, "%s", file);
    w->appended = w->written = w->synced = length;
    w->reopen = true;
    writer_post(w);
    return w;
}

int content_writer_from_fd(struct content_writer *w, int fd, uint64_t offset, uint64_t length) {
    if (w->finishing || w->appended > 0)
        return ERR_STATE;
    if (offset > INT64_MAX || length > INT64_MAX - offset)
        return ERR_LIMIT;
    w->source = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (w->source < 0)
        return ERR_SYSTEM;
    w->from = offset;
    w->left = length;
    w->finishing = w->final = true;
    writer_post(w);
    return ERR_OK;
}

void content_writer_free(struct content_writer *w) {
    if (w == NULL)
        return;
    if (w->busy) {
        w->freed = true;
    } else if (!w->ended && !w->leaving && w->ref.file[0] != 0) {
        w->discard = true;
        writer_post(w);
    } else {
        writer_destroy(w);
    }
}

void content_writer_leave(struct content_writer *w) {
    w->leaving = true;
    content_writer_free(w);
}
