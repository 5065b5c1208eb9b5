// SPDX-License-Identifier: BSD-2-Clause
// What is checked when the spool is opened. SQLite has put the last complete transaction in place by then; after an
// unclean stop we look further: the database's own structure (while it is small enough to be read in seconds), the
// checksum of every unfinished message, and that its content is there. Damaged rows are left as they are, for the
// operator: they are told, and never loaded, so never sent.
// Files that no message names, and no transfer that may be resumed, are removed at every start.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mta/spool_internal.h"

enum { STRUCTURE_CHECK_MAX = 256 << 20 };

struct recovery {
    struct spool *s;
    struct spool_event e;
};

static void checking(struct recovery *r, const char *what) {
    spool_tell(r->s, &(struct spool_event){.kind = SPOOL_EVENT_RECOVERY_CHECKING, .text = what});
}

static void damaged(struct recovery *r, int64_t message, const char *what) {
    r->e.counts.damaged++;
    spool_tell(r->s, &(struct spool_event){.kind = SPOOL_EVENT_DAMAGED, .message = message, .text = what});
}

static int check_structure(struct recovery *r) {
    struct stat st;
    if (fstatat(r->s->dir, "spool.db", &st, 0) < 0 || st.st_size > STRUCTURE_CHECK_MAX)
        return ERR_OK;
    checking(r, "database");
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(r->s->writer.db, "PRAGMA quick_check(20)", -1, &s, NULL) != SQLITE_OK)
        return store_error(&r->s->writer);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *line = (const char *)sqlite3_column_text(s, 0);
        if (line != NULL && strcmp(line, "ok") != 0)
            damaged(r, 0, line);
    }
    int err = store_error(&r->s->writer);
    sqlite3_finalize(s);
    return err;
}

static void check_content(struct recovery *r, const struct spool_message *m) {
    char path[sizeof "content/" + CONTENT_NAME];
    struct stat st;
    snprintf(path, sizeof path, "content/%s", m->content.file);
    if (fstatat(r->s->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        damaged(r, m->id, "its content is missing");
    else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != m->content.length)
        damaged(r, m->id, "its content has not the length it had");
}

static int check_message(struct recovery *r, struct bound *row, struct arena *a) {
    struct spool_message m;
    int err = store_message_row(&r->s->writer, row, a, &m);
    if (err == ERR_OK)
        err = store_body(&r->s->writer, a, &m);
    if (err == ERR_CORRUPT)
        damaged(r, m.id, "a row does not agree with its checksum");
    if (err < 0)
        return err == ERR_CORRUPT ? ERR_OK : err;
    r->e.counts.messages++;
    for (size_t i = 0; i < m.n_recipients; i++)
        r->e.counts.recipients += m.recipients[i].state < SPOOL_RCPT_FINAL;
    if (m.content.file[0] != 0)
        check_content(r, &m);
    return ERR_OK;
}

static int check_messages(struct recovery *r) {
    checking(r, "messages");
    struct arena a = {0};
    struct bound b = store_sql(&r->s->writer, SQL_MESSAGE_OPEN);
    bind_int(&b, 0);
    int err = store_step(&b);
    while (err == 1) {
        int bad = check_message(r, &b, &a);
        arena_free(&a);
        if (bad < 0) {
            store_done(&b);
            return bad;
        }
        err = store_step(&b);
    }
    return err;
}

static int check_intents(struct recovery *r) {
    checking(r, "deliveries");
    struct bound b = store_sql(&r->s->writer, SQL_DELIVERY_OPEN);
    int got;
    while ((got = store_step(&b)) == 1)
        r->e.counts.intents++;
    return got;
}

// 1: a row names it; 0: none does.
static int is_named(struct spool *s, enum sql query, const char *name) {
    struct bound b = store_sql(&s->writer, query);
    bind_text(&b, name);
    int got = store_step(&b);
    if (got == 1)
        store_done(&b);
    return got;
}

static int sweep(struct recovery *r, const char *folder, enum sql named_by) {
    int fd = openat(r->s->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? ERR_OK : ERR_SYSTEM;
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        close(fd);
        return ERR_NOMEM;
    }
    int err = ERR_OK;
    for (struct dirent *e; err == ERR_OK && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        int named = is_named(r->s, named_by, e->d_name);
        if (named < 0)
            err = named;
        else if (named == 0 && unlinkat(dirfd(d), e->d_name, 0) == 0)
            r->e.counts.orphans++;
    }
    closedir(d);
    return err;
}

int spool_recover(struct spool *s, bool clean, char why[SPOOL_WHY]) {
    struct recovery r = {.s = s, .e = {.kind = SPOOL_EVENT_RECOVERY_DONE}};
    int err = ERR_OK;
    if (!clean) {
        spool_tell(s, &(struct spool_event){.kind = SPOOL_EVENT_RECOVERY_BEGUN, .text = s->o.dir});
        err = check_structure(&r);
        if (err == ERR_OK)
            err = check_messages(&r);
        if (err == ERR_OK)
            err = check_intents(&r);
        if (err == ERR_OK)
            checking(&r, "contents");
    }
    // With a row damaged, a content that nothing names may still be somebody's.
    if (err == ERR_OK && r.e.counts.damaged == 0)
        err = sweep(&r, "content", SQL_MESSAGE_FILE);
    if (err == ERR_OK)
        err = sweep(&r, "tmp", SQL_TRANSFER_FILE);
    if (err < 0) {
        snprintf(why, SPOOL_WHY, "spool %s: recovery failed: %s", s->o.dir, sqlite3_errmsg(s->writer.db));
        return err;
    }
    s->checked = !clean;
    r.e.text = s->o.dir;
    if (!clean)
        spool_tell(s, &r.e);
    return ERR_OK;
}
