// SPDX-License-Identifier: BSD-2-Clause
// Contents on disk, and the thread that touches them. A content is streamed into the spool piece by piece and out of it
// likewise, so that its size costs no memory. Up to CONTENT_INLINE octets it stays in memory and goes into the
// message's row; beyond, it is a file in `content/`, complete and synced before anything names it.
//
// Functions belong to the loop's thread unless they say "file thread". Callbacks run in the loop, from
// file_thread_completions. Handles may be freed at any time, also in their callback; no callback comes after that.
#ifndef MTA_CONTENT_FILE_H
#define MTA_CONTENT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/workq.h"

enum {
    CONTENT_INLINE = 32 * 1024,      // octets kept in the message's row
    CONTENT_PIECE = 128 * 1024,      // at most so many at a time from a reader
    CONTENT_HIGH_WATER = 512 * 1024, // of a writer's queue: stop reading from the peer
    CONTENT_QUEUE_MAX = 4 << 20,     // of a writer's queue: an append that would exceed it is refused
    CONTENT_NAME = 40,
    CONTENT_SUM = DIGEST_SIZE // SHA-256
};

// Where a content is. A plain value; octets belongs to whoever filled it in.
struct content_ref {
    char file[CONTENT_NAME]; // in content/; "": none, the content is `octets`
    struct bytes octets;
    uint64_t length;
    uint8_t sum[CONTENT_SUM]; // of the octets
};

// --- the file thread ---
struct file_thread;
// dirfd: the spool's folder (spool_dirfd), which outlives the thread. notify is called from that thread.
struct file_thread *file_thread_new(int dirfd, void (*notify)(void *arg), void *notify_arg);
void file_thread_completions(struct file_thread *t);
// Finishes what is queued, runs its callbacks, ends the thread. Writers and readers are freed before. NULL is allowed.
void file_thread_free(struct file_thread *t);

// Any other work for that thread, such as a delivery (deliver_dir.h). Embed it; a long job does a slice (a MB, say) in
// `run` and posts itself again from there, so that others get their turn.
struct file_job {
    struct work work;
    struct file_thread *thread;
    void (*run)(struct file_job *j);  // file thread
    void (*done)(struct file_job *j); // loop; may free the job; not called when run posted the job again
    bool again;
};
void file_job_post(struct file_thread *t, struct file_job *j);
void file_job_again(struct file_job *j); // file thread, in run

// --- writing ---
struct content_writer;
struct content_writer_user {
    // Octets have left the queue: written so far, and of them synced. A paused caller goes on.
    void (*progress)(void *user, uint64_t written, uint64_t synced);
    // The answer to content_writer_finish, or at any time an error (ERR_SYSTEM, ERR_BUSY: disk full): the writer is
    // then good only for content_writer_free. ref->octets is valid until that.
    void (*finished)(void *user, int err, const struct content_ref *ref);
};
struct content_writer *content_writer_new(struct file_thread *t, const struct content_writer_user *u, void *user);
// Copies. ERR_NOMEM, or ERR_LIMIT beyond CONTENT_QUEUE_MAX.
int content_writer_append(struct content_writer *w, struct bytes piece);
bool content_writer_full(const struct content_writer *w); // above the high water: wait for progress
// No more pieces. The file is synced and named when `finished` is called; from then on it is the caller's.
void content_writer_finish(struct content_writer *w);
// From a descriptor instead of pieces (submission): `length` octets from `offset`, shared or copied by the kernel where
// it can. fd is duplicated. ERR_SHORT in `finished` when the file has fewer. Then only content_writer_free.
int content_writer_from_fd(struct content_writer *w, int fd, uint64_t offset, uint64_t length);
// Before `finished`, whatever was written is removed. NULL is allowed.
void content_writer_free(struct content_writer *w);

// Half a content, kept so that another run can go on with it (interrupted transfers). All that was appended gets into
// the file tmp/NAME, whatever its size, and is synced; a `progress` tells so.
void content_writer_sync(struct content_writer *w);
const char *content_writer_file(const struct content_writer *w); // in `progress`: NAME, "" while there is no file
void content_writer_leave(struct content_writer *w);             // frees, but the file stays
// Goes on with the first `length` octets of such a file; what is behind them is cut off. `progress` comes when its
// digest is known again; errors in `finished`: ERR_ABSENT, ERR_CORRUPT (it is shorter), ERR_SYSTEM. NULL: no memory, or
// no such name.
struct content_writer *content_writer_reopen(struct file_thread *t, const struct content_writer_user *u, void *user,
                                             const char *file, uint64_t length);

// --- reading ---
struct content_reader;
// A piece of at most CONTENT_PIECE octets; `last` when the content ends with it (a piece may be empty then). The
// checksum is verified before the last piece is given: ERR_CORRUPT, ERR_ABSENT or ERR_SYSTEM come in its place.
typedef void (*content_piece_cb)(void *user, int err, struct bytes piece, bool last);
// The ref is copied; its inline octets too.
struct content_reader *content_reader_new(struct file_thread *t, const struct content_ref *ref, content_piece_cb cb,
                                          void *user);
// One answer each; not again before it came. The next piece is read ahead meanwhile.
void content_reader_next(struct content_reader *r);
void content_reader_free(struct content_reader *r); // NULL is allowed

// Removes the file of a content, if it has one, soon.
int content_delete(struct file_thread *t, const struct content_ref *ref);
int content_delete_half(struct file_thread *t, const char *file); // one that content_writer_leave left

// --- in the file thread: blocking ---
struct content_source {
    struct content_ref ref;
    int fd;
    uint64_t at;           // octets given
    struct digest *digest; // NULL: the content was verified
    int err;               // the first failure, which stays
};
// dirfd as above. ERR_ABSENT, ERR_CORRUPT (its length differs), ERR_SYSTEM, ERR_NOMEM.
int content_source_open(struct content_source *c, int dirfd, const struct content_ref *ref);
// The number of octets, 0 at the end; or ERR_CORRUPT, ERR_SYSTEM. The last octets come only if the checksum agrees.
ptrdiff_t content_source_read(struct content_source *c, void *to, size_t n);
void content_source_close(struct content_source *c);
int file_thread_dirfd(const struct file_thread *t);

#endif
