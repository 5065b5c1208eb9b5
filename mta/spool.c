// SPDX-License-Identifier: BSD-2-Clause
// Opening and closing a spool. The order matters: first the lock, so that nothing is touched that another daemon has;
// then the format, so that nothing is changed that we do not understand; then the mark of an unclean stop, which
// spool_close alone takes away.
#include "mta/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "mta/spool_internal.h"
#include "mta/spool_mount.h"

static int open_folder(struct spool *s, char why[SPOOL_WHY]) {
    if (!s->o.must_exist && mkdir(s->o.dir, 0700) < 0 && errno != EEXIST) {
        snprintf(why, SPOOL_WHY, "spool %s: cannot be made: %s%s", s->o.dir, strerror(errno),
                 errno == ENOENT  ? " (the folder above it is not there: make it, or mount its file system)"
                 : errno == EROFS ? " (mounted so; or the service may not write there: ReadWritePaths= in its unit)"
                                  : "");
        return ERR_SYSTEM;
    }
    s->dir = open(s->o.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0 && errno == ENOENT) {
        snprintf(why, SPOOL_WHY, "spool %s is not there: its file system is not mounted, or the folder was never made",
                 s->o.dir);
        return ERR_ABSENT;
    }
    if (s->dir < 0) {
        snprintf(why, SPOOL_WHY, "spool %s: cannot be opened: %s", s->o.dir, strerror(errno));
        return ERR_SYSTEM;
    }
    char text[200], who[160], type[MOUNT_TYPE], point[MOUNT_POINT];
    if (!spool_mount_allowed(s->dir, type, point)) {
        snprintf(
            why, SPOOL_WHY,
            "spool %s is on a network file system (%s, mounted on %s): its locks do not keep two nodes apart, and "
            "SQLite's write-ahead log does not work there, so messages would be lost. Use a local file system; for "
            "two nodes one on shared or replicated block storage, which the active node mounts",
            s->o.dir, type, point);
        return ERR_SYSTEM;
    }
    struct spool_owner owner;
    s->lock = spool_lock_take(s->dir, &owner, text);
    spool_owner_text(&owner, who);
    if (s->lock == ERR_BUSY)
        snprintf(why, SPOOL_WHY, "spool %s is in use by %s", s->o.dir, who);
    else if (s->lock < 0)
        snprintf(why, SPOOL_WHY, "spool %s %s", s->o.dir, text);
    if (s->lock == ERR_BUSY && s->o.owner != NULL)
        *s->o.owner = owner;
    return s->lock < 0 ? s->lock : ERR_OK;
}

static int open_database(struct spool *s, char why[SPOOL_WHY]) {
    char *path = mem_printf("%s/spool.db", s->o.dir);
    if (path == NULL)
        return ERR_NOMEM;
    int format = 0;
    int err = store_open(&s->writer, path, true);
    if (err == ERR_OK)
        err = store_prepare(&s->writer, &format);
    if (err == ERR_OK)
        err = store_open(&s->reader, path, false);
    mem_free(path);
    if (err == ERR_OK && fsync(s->dir) < 0)
        err = ERR_SYSTEM;
    if (err == ERR_STATE)
        snprintf(why, SPOOL_WHY,
                 "spool %s has format %d, this program knows formats up to %d: it was used by a newer version",
                 s->o.dir, format, SPOOL_FORMAT);
    else if (err == ERR_CORRUPT)
        snprintf(why, SPOOL_WHY, "spool %s: spool.db is damaged or not a spool: %s", s->o.dir,
                 sqlite3_errmsg(s->writer.db));
    else if (err < 0)
        snprintf(why, SPOOL_WHY, "spool %s: spool.db cannot be opened: %s", s->o.dir,
                 s->writer.db == NULL ? err_text(err) : sqlite3_errmsg(s->writer.db));
    return err;
}

static int read_next_id(struct spool *s) {
    sqlite3_stmt *q;
    const char *sql = "SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0),"
                      " ifnull((SELECT max(id) FROM message), 0))";
    if (sqlite3_prepare_v2(s->writer.db, sql, -1, &q, NULL) != SQLITE_OK)
        return store_error(&s->writer);
    bool row = sqlite3_step(q) == SQLITE_ROW;
    s->next_id = row ? sqlite3_column_int64(q, 0) + 1 : 0;
    int err = row ? ERR_OK : store_error(&s->writer);
    sqlite3_finalize(q);
    return err;
}

static int begin_use(struct spool *s, char why[SPOOL_WHY]) {
    // The reserve of an earlier run may be only a part of it; and where the disk is full, what follows needs its room.
    unlinkat(s->dir, "reserve", 0);
    char *mark = store_meta_get(&s->writer, "clean");
    bool clean = mark != NULL ? strcmp(mark, "yes") == 0 : s->next_id == 1;
    mem_free(mark);
    int err = store_meta_set(&s->writer, "clean", "no");
    if (err < 0) {
        snprintf(why, SPOOL_WHY, "spool %s: cannot be written: %s", s->o.dir, sqlite3_errmsg(s->writer.db));
        return err;
    }
    return spool_recover(s, clean, why);
}

static void release(struct spool *s) {
    store_close(&s->reader);
    store_close(&s->writer);
    if (s->lock >= 0)
        spool_lock_release(s->lock);
    if (s->dir >= 0)
        close(s->dir);
    mem_free((char *)s->o.dir);
    mem_free(s);
}

static int make_queues(struct spool *s) {
    int err = workq_init(&s->commits, NULL, NULL);
    if (err < 0)
        return err;
    if ((err = workq_init(&s->reads, NULL, NULL)) < 0) {
        workq_destroy(&s->commits);
        return err;
    }
    if ((err = workq_init(&s->done, s->o.notify, s->o.notify_arg)) < 0) {
        workq_destroy(&s->commits);
        workq_destroy(&s->reads);
    }
    return err;
}

int spool_open(const struct spool_options *o, struct spool **out, char why[SPOOL_WHY]) {
    snprintf(why, SPOOL_WHY, "spool %s: %s", o->dir, err_text(ERR_NOMEM));
    struct spool *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;
    s->o = *o;
    s->o.dir = mem_strdup(o->dir);
    s->dir = s->lock = -1;
    int err = s->o.dir == NULL ? ERR_NOMEM : open_folder(s, why);
    s->o.owner = NULL;
    if (err == ERR_OK) {
        spool_tell(s, &(struct spool_event){.kind = SPOOL_EVENT_LOCKED, .text = s->o.dir});
        err = open_database(s, why);
    }
    if (err == ERR_OK && (err = read_next_id(s)) < 0)
        snprintf(why, SPOOL_WHY, "spool %s: %s", o->dir, sqlite3_errmsg(s->writer.db));
    if (err == ERR_OK)
        err = begin_use(s, why);
    if (err == ERR_OK)
        err = make_queues(s);
    if (err < 0) {
        release(s);
        return err;
    }
    spool_reserve_make(s);
    *out = s;
    why[0] = 0;
    return ERR_OK;
}

void spool_tell_to(struct spool *s, void (*event)(void *arg, const struct spool_event *e), void *arg) {
    s->o.event = event;
    s->o.event_arg = arg;
}

int spool_start(struct spool *s) {
    if (s->started)
        return ERR_STATE;
    s->started = true;
    if (pthread_create(&s->commit_thread, NULL, spool_commit_main, s) != 0) {
        s->started = false;
        return ERR_SYSTEM;
    }
    if (pthread_create(&s->read_thread, NULL, spool_read_main, s) != 0) {
        workq_close(&s->commits);
        pthread_join(s->commit_thread, NULL);
        s->started = false;
        return ERR_SYSTEM;
    }
    return ERR_OK;
}

void spool_completions(struct spool *s) {
    workq_run_turn(&s->done);
}

size_t spool_pending(const struct spool *s) {
    return s->pending;
}

int spool_dirfd(const struct spool *s) {
    return s->dir;
}

// Batches and queries that no thread will ever take.
static void drop_queued(struct workq *q, void (*drop)(struct work *w)) {
    for (struct work *w = workq_take(q), *next; w != NULL; w = next) {
        next = w->next;
        drop(w);
    }
}

static void drop_batch(struct work *w) {
    spool_batch_free((struct spool_batch *)w);
}

void spool_close(struct spool *s) {
    if (s == NULL)
        return;
    s->closing = true;
    workq_close(&s->commits);
    workq_close(&s->reads);
    if (s->started) {
        pthread_join(s->commit_thread, NULL);
        pthread_join(s->read_thread, NULL);
    }
    while (workq_count(&s->done) > 0)
        spool_completions(s);
    drop_queued(&s->commits, drop_batch);
    drop_queued(&s->reads, spool_query_drop);
    workq_destroy(&s->commits);
    workq_destroy(&s->reads);
    workq_destroy(&s->done);
    store_meta_set(&s->writer, "clean", "yes");
    release(s);
}
