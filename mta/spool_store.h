// SPDX-License-Identifier: BSD-2-Clause
// One connection to the spool's database: its tables, its statements, reading and writing rows with their checksums.
// Only the files spool_*.c include this. A connection belongs to one thread at a time.
#ifndef MTA_SPOOL_STORE_H
#define MTA_SPOOL_STORE_H

#include <sqlite3.h>

#include "base/err.h"
#include "mta/spool.h"

enum { SPOOL_FORMAT = 2, SPOOL_APPLICATION = 0x58343030 /* "X400" */ };

enum sql {
    SQL_BEGIN,
    SQL_BEGIN_READ,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVE,
    SQL_SAVE_RELEASE,
    SQL_SAVE_ROLLBACK,
    SQL_META_GET,
    SQL_META_SET,
    SQL_MESSAGE_ADD,
    SQL_MESSAGE_GET,
    SQL_MESSAGE_OPEN,
    SQL_MESSAGE_ALL,
    SQL_MESSAGE_HOLD,
    SQL_MESSAGE_FINISH,
    SQL_MESSAGE_DELETE,
    SQL_MESSAGE_OLD,
    SQL_MESSAGE_FILE,
    SQL_BODY_SET,
    SQL_BODY_GET,
    SQL_BODY_DELETE,
    SQL_RECIPIENT_ADD,
    SQL_RECIPIENT_SET,
    SQL_RECIPIENTS_GET,
    SQL_RECIPIENTS_DELETE,
    SQL_DUPLICATE_GET,
    SQL_DUPLICATE_SET,
    SQL_DUPLICATE_PURGE,
    SQL_DELIVERY_ADD,
    SQL_DELIVERY_DONE,
    SQL_DELIVERY_OPEN,
    SQL_DELIVERIES_DELETE,
    SQL_TRANSFER_SET,
    SQL_TRANSFER_DELETE,
    SQL_TRANSFER_PURGE,
    SQL_TRANSFERS,
    SQL_TRANSFER_FILE,
    SQL_COUNT
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statement[SQL_COUNT]; // prepared when first used
};

// Opens `path`; a writer makes the file and switches it to WAL with full synchronisation.
int store_open(struct store *st, const char *path, bool writer);
void store_close(struct store *st);
// Makes the tables of an empty file, and those that an older format has not; ERR_STATE: the file is of a newer format
// (*format); ERR_CORRUPT: not a spool.
int store_prepare(struct store *st, int *format);
int store_exec(struct store *st, const char *sql);
int store_pragma(struct store *st, const char *sql, int *out); // one number
// The error of the last call by kind: ERR_BUSY disk full, ERR_EXISTS a key is taken, ERR_STATE, ERR_CORRUPT, ERR_NOMEM,
// ERR_SYSTEM.
int store_error(const struct store *st);

// A statement with its parameters bound one after the other; a failure shows when it is stepped.
struct bound {
    struct store *st;
    sqlite3_stmt *s; // NULL: could not be prepared
    int at, rc;
};
struct bound store_sql(struct store *st, enum sql q);
void bind_int(struct bound *b, int64_t v);
void bind_text(struct bound *b, const char *s);   // NULL stays NULL
void bind_bytes(struct bound *b, struct bytes v); // never NULL
int store_step(struct bound *b);                  // 1 a row, 0 no more (and reset), or an error (and reset)
void store_done(struct bound *b);                 // before the last row was seen
int store_run(struct bound *b);                   // no rows wanted; the number of rows changed or an error
int store_do(struct store *st, enum sql q);

// --- rows ---
// Reads the row that SQL_MESSAGE_* stands on, and its recipients; strings in the arena. ERR_CORRUPT: a checksum
// differs, m->id is set.
int store_message_row(struct store *st, struct bound *row, struct arena *a, struct spool_message *m);
int store_body(struct store *st, struct arena *a, struct spool_message *m); // envelope and inline octets
int store_message_add(struct store *st, const struct spool_message *m);
int store_recipient_set(struct store *st, int64_t message, const struct spool_recipient *r);
char *store_meta_get(struct store *st, const char *key); // mem_free
int store_meta_set(struct store *st, const char *key, const char *value);

#endif
