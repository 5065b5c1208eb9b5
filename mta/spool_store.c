// SPDX-License-Identifier: BSD-2-Clause
// The connection and its statements. Every row that a message's fate hangs on ends with a checksum over its other
// columns (row_sum, a function we give to SQLite), computed by the statement that writes it and compared by the one
// that reads it.
#include "mta/spool_store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "mta/content_file_internal.h"

// In WITHOUT ROWID tables the columns of the key come first, in its order: SQLite 3.40's quick_check wants it so.
static const char SCHEMA[] =
    "CREATE TABLE meta(key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE message(id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, mts_id TEXT NOT NULL,"
    " originator TEXT NOT NULL, from_peer TEXT, from_uid INTEGER NOT NULL, priority INTEGER NOT NULL, content_type "
    "TEXT,"
    " content_length INTEGER NOT NULL, content_sum BLOB NOT NULL, arrived INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " deferred INTEGER NOT NULL, content_file TEXT, finished INTEGER NOT NULL, held INTEGER NOT NULL,"
    " sum INTEGER NOT NULL) STRICT;"
    "CREATE INDEX message_open ON message(id) WHERE finished = 0;"
    "CREATE INDEX message_finished ON message(finished) WHERE finished > 0;"
    "CREATE INDEX message_file ON message(content_file) WHERE content_file IS NOT NULL;"
    "CREATE TABLE body(message INTEGER PRIMARY KEY, envelope BLOB NOT NULL, content BLOB NOT NULL,"
    " sum INTEGER NOT NULL) STRICT;"
    "CREATE TABLE recipient(message INTEGER NOT NULL, number INTEGER NOT NULL, address TEXT NOT NULL,"
    " address_key TEXT NOT NULL, state INTEGER NOT NULL, next_hop TEXT, reason INTEGER NOT NULL,"
    " diagnostic INTEGER NOT NULL, attempts INTEGER NOT NULL, next_attempt INTEGER NOT NULL, changed INTEGER NOT NULL,"
    " last_error TEXT, sum INTEGER NOT NULL, PRIMARY KEY(message, number)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE duplicate(peer TEXT NOT NULL, identifier BLOB NOT NULL, fingerprint BLOB NOT NULL,"
    " seen INTEGER NOT NULL, PRIMARY KEY(peer, identifier, fingerprint)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX duplicate_seen ON duplicate(seen);"
    "CREATE TABLE delivery(message INTEGER NOT NULL, number INTEGER NOT NULL, dir TEXT NOT NULL, name TEXT NOT NULL,"
    " done INTEGER NOT NULL, PRIMARY KEY(message, number), UNIQUE(dir, name)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX delivery_open ON delivery(message) WHERE done = 0;";

// Of format 2.
static const char TRANSFERS[] =
    "CREATE TABLE transfer(kind INTEGER NOT NULL, peer TEXT NOT NULL, key BLOB NOT NULL, state BLOB NOT NULL,"
    " detail BLOB NOT NULL, file TEXT NOT NULL, length INTEGER NOT NULL, since INTEGER NOT NULL, sum INTEGER NOT NULL,"
    " PRIMARY KEY(kind, peer, key)) STRICT;"
    "CREATE INDEX transfer_since ON transfer(since);"
    "CREATE INDEX transfer_file ON transfer(file) WHERE file <> '';";

#define MESSAGE_FIXED                                                                                                  \
    "id, kind, mts_id, originator, from_peer, from_uid, priority, content_type, content_length, content_sum, arrived," \
    " expires, deferred"
#define MESSAGE_SUMMED MESSAGE_FIXED ", content_file, finished, held"
#define MESSAGE_SELECT "SELECT " MESSAGE_SUMMED ", sum IS row_sum(" MESSAGE_SUMMED ") FROM message "
#define TRANSFER_SUMMED "kind, peer, key, state, detail, file, length, since"
#define RECIPIENT_FIXED "message, number, address, address_key"
#define RECIPIENT_SUMMED                                                                                               \
    RECIPIENT_FIXED ", state, next_hop, reason, diagnostic, attempts, next_attempt, changed, last_error"

static const char *const SQL[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVE] = "SAVEPOINT batch",
    [SQL_SAVE_RELEASE] = "RELEASE batch",
    [SQL_SAVE_ROLLBACK] = "ROLLBACK TO batch",
    [SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [SQL_META_SET] = "INSERT OR REPLACE INTO meta VALUES(?1, ?2)",
    [SQL_MESSAGE_ADD] = "INSERT INTO message(" MESSAGE_SUMMED
                        ", sum) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
                        " row_sum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16))",
    [SQL_MESSAGE_GET] = MESSAGE_SELECT "WHERE id = ?1",
    [SQL_MESSAGE_OPEN] = MESSAGE_SELECT "INDEXED BY message_open WHERE finished = 0 AND id > ?1 ORDER BY id",
    [SQL_MESSAGE_ALL] = MESSAGE_SELECT "WHERE id > ?1 ORDER BY id",
    [SQL_MESSAGE_HOLD] =
        "UPDATE message SET held = ?2, sum = row_sum(" MESSAGE_FIXED ", content_file, finished, ?2) WHERE id = ?1",
    [SQL_MESSAGE_FINISH] = "UPDATE message SET finished = ?2, content_file = NULL, sum = row_sum(" MESSAGE_FIXED
                           ", NULL, ?2, held) WHERE id = ?1 AND finished = 0",
    [SQL_MESSAGE_DELETE] = "DELETE FROM message WHERE id = ?1",
    [SQL_MESSAGE_OLD] =
        "SELECT id FROM message INDEXED BY message_finished WHERE finished > 0 AND finished < ?1 LIMIT 1",
    [SQL_MESSAGE_FILE] = "SELECT 1 FROM message WHERE content_file = ?1",
    [SQL_BODY_SET] = "INSERT INTO body VALUES(?1, ?2, ?3, row_sum(?1, ?2, ?3))",
    [SQL_BODY_GET] =
        "SELECT envelope, content, sum IS row_sum(message, envelope, content) FROM body WHERE message = ?1",
    [SQL_BODY_DELETE] = "DELETE FROM body WHERE message = ?1",
    [SQL_RECIPIENT_ADD] =
        "INSERT INTO recipient(" RECIPIENT_SUMMED ", sum) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
        " row_sum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12))",
    [SQL_RECIPIENT_SET] = "UPDATE recipient SET state = ?3, next_hop = ?4, reason = ?5, diagnostic = ?6, attempts = "
                          "?7, next_attempt = ?8,"
                          " changed = ?9, last_error = ?10, sum = row_sum(" RECIPIENT_FIXED
                          ", ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) WHERE message = ?1 AND number = ?2",
    [SQL_RECIPIENTS_GET] = "SELECT " RECIPIENT_SUMMED ", sum IS row_sum(" RECIPIENT_SUMMED
                           ") FROM recipient WHERE message = ?1 ORDER BY number",
    [SQL_RECIPIENTS_DELETE] = "DELETE FROM recipient WHERE message = ?1",
    [SQL_DUPLICATE_GET] = "SELECT seen FROM duplicate WHERE peer = ?1 AND identifier = ?2 AND fingerprint = ?3",
    [SQL_DUPLICATE_SET] = "INSERT OR REPLACE INTO duplicate VALUES(?1, ?2, ?3, ?4)",
    [SQL_DUPLICATE_PURGE] = ("DELETE FROM duplicate WHERE (peer, identifier, fingerprint) IN"
                             " (SELECT peer, identifier, fingerprint FROM duplicate WHERE seen < ?1 LIMIT ?2)"),
    [SQL_DELIVERY_ADD] = "INSERT INTO delivery VALUES(?1, ?2, ?3, ?4, 0)",
    [SQL_DELIVERY_DONE] = "UPDATE delivery SET done = 1 WHERE message = ?1 AND number = ?2",
    [SQL_DELIVERY_OPEN] = "SELECT message, number, dir, name FROM delivery INDEXED BY delivery_open WHERE done = 0",
    [SQL_TRANSFER_SET] = "INSERT OR REPLACE INTO transfer VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
                         " row_sum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8))",
    [SQL_TRANSFER_DELETE] = "DELETE FROM transfer WHERE kind = ?1 AND peer = ?2 AND key = ?3",
    [SQL_TRANSFER_PURGE] = "DELETE FROM transfer WHERE since < ?1",
    [SQL_TRANSFERS] =
        "SELECT " TRANSFER_SUMMED ", sum IS row_sum(" TRANSFER_SUMMED ") FROM transfer ORDER BY kind, peer, key",
    [SQL_TRANSFER_FILE] = "SELECT 1 FROM transfer WHERE file = ?1 AND file <> ''",
    [SQL_DELIVERIES_DELETE] = "DELETE FROM delivery WHERE message = ?1",
};

// --- the checksum ---

static int sum_value(struct digest *sum, sqlite3_value *v) {
    int type = sqlite3_value_type(v);
    int64_t number = type == SQLITE_INTEGER ? sqlite3_value_int64(v) : 0;
    const void *p = type == SQLITE_BLOB ? sqlite3_value_blob(v) : sqlite3_value_text(v);
    int64_t length = type == SQLITE_INTEGER ? 0 : sqlite3_value_bytes(v);
    int64_t head[3] = {type, number, length};
    if (digest_add(sum, bytes_of(head, sizeof head)) < 0)
        return ERR_NOMEM;
    return length == 0 ? ERR_OK : digest_add(sum, bytes_of(p, (size_t)length));
}

// Values with their types and lengths, so that no two rows look alike; eight octets of the digest are enough against
// decay.
static void row_sum(sqlite3_context *c, int n, sqlite3_value **values) {
    uint8_t out[CONTENT_SUM];
    int64_t result;
    struct digest *sum = digest_new();
    int err = sum == NULL ? ERR_NOMEM : ERR_OK;
    for (int i = 0; i < n && err == ERR_OK; i++)
        err = sum_value(sum, values[i]);
    if (err == ERR_OK)
        err = digest_end(sum, out);
    digest_free(sum);
    if (err < 0) {
        sqlite3_result_error_nomem(c);
        return;
    }
    memcpy(&result, out, sizeof result);
    sqlite3_result_int64(c, result);
}

// --- the connection ---

int store_error(const struct store *st) {
    int rc = sqlite3_extended_errcode(st->db);
    int e = sqlite3_system_errno(st->db);
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return ERR_OK;
    case SQLITE_FULL: return ERR_BUSY;
    case SQLITE_IOERR: return e == ENOSPC || e == EDQUOT || e == EFBIG ? ERR_BUSY : ERR_SYSTEM;
    case SQLITE_CONSTRAINT:
        // Only a key that is taken; a value of the wrong kind must never look like a duplicate.
        return rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_ROWID
                   ? ERR_EXISTS
                   : ERR_STATE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_CORRUPT;
    case SQLITE_NOMEM: return ERR_NOMEM;
    default: return ERR_SYSTEM;
    }
}

int store_exec(struct store *st, const char *sql) {
    return sqlite3_exec(st->db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : store_error(st);
}

int store_open(struct store *st, const char *path, bool writer) {
    *st = (struct store){0};
    int flags = writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
    int rc = sqlite3_open_v2(path, &st->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (rc != SQLITE_OK)
        return st->db == NULL ? ERR_NOMEM : store_error(st);
    sqlite3_extended_result_codes(st->db, 1);
    sqlite3_busy_timeout(st->db, 10000); // only ourselves, during a checkpoint
    const int function = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    if (sqlite3_create_function_v2(st->db, "row_sum", -1, function, NULL, row_sum, NULL, NULL, NULL) != SQLITE_OK)
        return store_error(st);
    // The journal is emptied into the database every 8 MB, for which a full disk must still have room: the reserve.
    return store_exec(st, writer ? "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
                                   "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 8388608;"
                                   "PRAGMA wal_autocheckpoint = 2000; PRAGMA cache_size = -16384;"
                                   "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON"
                                 : "PRAGMA query_only = ON; PRAGMA cell_size_check = ON");
}

void store_close(struct store *st) {
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(st->statement[i]);
    sqlite3_close(st->db);
    *st = (struct store){0};
}

int store_pragma(struct store *st, const char *sql, int *out) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(st->db, sql, -1, &s, NULL) != SQLITE_OK)
        return store_error(st);
    bool row = sqlite3_step(s) == SQLITE_ROW;
    *out = row ? sqlite3_column_int(s, 0) : 0;
    int err = row ? ERR_OK : store_error(st);
    sqlite3_finalize(s);
    return err;
}

// A spool of an older version gets what it has not.
static int upgrade(struct store *st, int *format) {
    int err = store_do(st, SQL_BEGIN);
    if (err == ERR_OK)
        err = store_exec(st, TRANSFERS);
    if (err == ERR_OK)
        err = store_exec(st, "PRAGMA user_version = 2");
    if (err == ERR_OK)
        err = store_do(st, SQL_COMMIT);
    if (err == ERR_OK)
        *format = 2;
    return err;
}

int store_prepare(struct store *st, int *format) {
    int application, tables;
    int err = store_pragma(st, "PRAGMA application_id", &application);
    if (err == ERR_OK)
        err = store_pragma(st, "PRAGMA user_version", format);
    if (err == ERR_OK)
        err = store_pragma(st, "SELECT count(*) FROM sqlite_schema", &tables);
    if (err < 0)
        return err;
    if (tables == 0 && application == 0) {
        char sql[128];
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;", SPOOL_APPLICATION,
                 SPOOL_FORMAT);
        if ((err = store_do(st, SQL_BEGIN)) < 0 || (err = store_exec(st, SCHEMA)) < 0 ||
            (err = store_exec(st, TRANSFERS)) < 0 || (err = store_exec(st, sql)) < 0)
            return err;
        *format = SPOOL_FORMAT;
        return store_do(st, SQL_COMMIT);
    }
    if (application != SPOOL_APPLICATION || *format < 1)
        return ERR_CORRUPT;
    if (*format == 1)
        return upgrade(st, format);
    return *format > SPOOL_FORMAT ? ERR_STATE : ERR_OK;
}

// --- statements ---

struct bound store_sql(struct store *st, enum sql q) {
    struct bound b = {.st = st, .s = st->statement[q]};
    if (b.s == NULL) {
        b.rc = sqlite3_prepare_v3(st->db, SQL[q], -1, SQLITE_PREPARE_PERSISTENT, &b.s, NULL);
        st->statement[q] = b.s;
    }
    return b;
}

static void bound_note(struct bound *b, int rc) {
    if (b->rc == SQLITE_OK)
        b->rc = rc;
}

void bind_int(struct bound *b, int64_t v) {
    bound_note(b, sqlite3_bind_int64(b->s, ++b->at, v));
}

void bind_text(struct bound *b, const char *s) {
    bound_note(b, sqlite3_bind_text(b->s, ++b->at, s, -1, SQLITE_STATIC));
}

void bind_bytes(struct bound *b, struct bytes v) {
    bound_note(b, sqlite3_bind_blob64(b->s, ++b->at, v.n == 0 ? "" : (const void *)v.p, v.n, SQLITE_STATIC));
}

void store_done(struct bound *b) {
    sqlite3_reset(b->s);
    sqlite3_clear_bindings(b->s);
}

int store_step(struct bound *b) {
    if (b->s == NULL) {
        int bad = store_error(b->st);
        return bad < 0 ? bad : ERR_SYSTEM;
    }
    int err = b->rc == SQLITE_OK ? ERR_OK : ERR_NOMEM;
    int rc = err < 0 ? SQLITE_DONE : sqlite3_step(b->s);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        err = store_error(b->st);
    store_done(b);
    return err;
}

int store_run(struct bound *b) {
    int got = store_step(b);
    if (got > 0)
        store_done(b);
    return got < 0 ? got : sqlite3_changes(b->st->db);
}

int store_do(struct store *st, enum sql q) {
    struct bound b = store_sql(st, q);
    int err = store_run(&b);
    return err < 0 ? err : ERR_OK;
}

char *store_meta_get(struct store *st, const char *key) {
    struct bound b = store_sql(st, SQL_META_GET);
    bind_text(&b, key);
    if (store_step(&b) <= 0)
        return NULL;
    char *value = mem_strdup((const char *)sqlite3_column_text(b.s, 0));
    store_done(&b);
    return value;
}

int store_meta_set(struct store *st, const char *key, const char *value) {
    struct bound b = store_sql(st, SQL_META_SET);
    bind_text(&b, key);
    bind_text(&b, value);
    return store_run(&b);
}
