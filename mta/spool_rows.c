// SPDX-License-Identifier: BSD-2-Clause
// Messages and recipients to rows and back. A column list in spool_store.c and the order here go together.
#include <string.h>

#include "mta/spool_store.h"

// Reads the columns of a row one after the other.
struct columns {
    sqlite3_stmt *s;
    struct arena *a;
    int at;
    bool short_of_memory;
};

static int64_t column_int(struct columns *c) {
    return sqlite3_column_int64(c->s, c->at++);
}

static const char *column_text(struct columns *c) {
    const char *s = (const char *)sqlite3_column_text(c->s, c->at);
    bool null = sqlite3_column_type(c->s, c->at++) == SQLITE_NULL;
    const char *copy = null || s == NULL ? NULL : arena_strdup(c->a, s);
    c->short_of_memory |= !null && copy == NULL;
    return copy;
}

static struct bytes column_bytes(struct columns *c) {
    const void *p = sqlite3_column_blob(c->s, c->at);
    size_t n = (size_t)sqlite3_column_bytes(c->s, c->at++);
    struct bytes copy = arena_bytes(c->a, bytes_of(p, n));
    c->short_of_memory |= copy.p == NULL;
    return copy;
}

static int recipient_row(struct bound *row, struct arena *a, struct spool_recipient *r) {
    struct columns c = {.s = row->s, .a = a, .at = 1};
    r->number = (uint32_t)column_int(&c);
    r->address = column_text(&c);
    r->key = column_text(&c);
    r->state = (enum spool_rcpt_state)column_int(&c);
    r->next_hop = column_text(&c);
    r->reason = (int32_t)column_int(&c);
    r->diagnostic = (int32_t)column_int(&c);
    r->attempts = (uint32_t)column_int(&c);
    r->next_attempt = column_int(&c);
    r->changed = column_int(&c);
    r->last_error = column_text(&c);
    if (c.short_of_memory)
        return ERR_NOMEM;
    return column_int(&c) == 1 ? ERR_OK : ERR_CORRUPT;
}

// Room for one more at the end; the array grows by doubling, within the arena.
static bool recipient_room(struct arena *a, struct spool_message *m, size_t *cap) {
    if (m->n_recipients < *cap)
        return true;
    size_t more = *cap == 0 ? 2 : 2 * *cap;
    struct spool_recipient *grown = arena_array(a, more, sizeof *grown);
    if (grown == NULL)
        return false;
    if (m->n_recipients > 0)
        memcpy(grown, m->recipients, m->n_recipients * sizeof *grown);
    m->recipients = grown;
    *cap = more;
    return true;
}

static int recipients_get(struct store *st, struct arena *a, struct spool_message *m) {
    struct bound b = store_sql(st, SQL_RECIPIENTS_GET);
    bind_int(&b, m->id);
    m->recipients = NULL;
    m->n_recipients = 0;
    int got;
    for (size_t cap = 0; (got = store_step(&b)) == 1;) {
        int err = recipient_room(a, m, &cap) ? recipient_row(&b, a, &m->recipients[m->n_recipients++]) : ERR_NOMEM;
        if (err < 0) {
            store_done(&b);
            return err;
        }
    }
    return got;
}

int store_message_row(struct store *st, struct bound *row, struct arena *a, struct spool_message *m) {
    struct columns c = {.s = row->s, .a = a};
    *m = (struct spool_message){.id = column_int(&c)};
    m->kind = (enum spool_kind)column_int(&c);
    m->mts_id = column_text(&c);
    m->originator = column_text(&c);
    m->from_peer = column_text(&c);
    m->from_uid = column_int(&c);
    m->priority = (enum spool_priority)column_int(&c);
    m->content_type = column_text(&c);
    m->content.length = (uint64_t)column_int(&c);
    struct bytes sum = column_bytes(&c);
    m->arrived = column_int(&c);
    m->expires = column_int(&c);
    m->deferred = column_int(&c);
    const char *file = column_text(&c);
    m->finished = column_int(&c);
    m->held = column_int(&c) != 0;
    if (c.short_of_memory)
        return ERR_NOMEM;
    if (column_int(&c) != 1 || sum.n != CONTENT_SUM || (file != NULL && strlen(file) >= CONTENT_NAME))
        return ERR_CORRUPT;
    memcpy(m->content.sum, sum.p, CONTENT_SUM);
    if (file != NULL)
        strcpy(m->content.file, file);
    return recipients_get(st, a, m);
}

int store_body(struct store *st, struct arena *a, struct spool_message *m) {
    struct bound b = store_sql(st, SQL_BODY_GET);
    bind_int(&b, m->id);
    int got = store_step(&b);
    if (got <= 0) // a finished message has none
        return got < 0 ? got : m->finished != 0 ? ERR_OK : ERR_CORRUPT;
    struct columns c = {.s = b.s, .a = a};
    m->envelope = column_bytes(&c);
    m->content.octets = column_bytes(&c);
    bool good = column_int(&c) == 1;
    store_done(&b);
    if (c.short_of_memory)
        return ERR_NOMEM;
    if (!good || (m->content.file[0] == 0 && m->content.octets.n != m->content.length))
        return ERR_CORRUPT;
    return ERR_OK;
}

// The columns that change, as both statements have them last.
static void bind_fate(struct bound *b, const struct spool_recipient *r) {
    bind_int(b, r->state);
    bind_text(b, r->next_hop);
    bind_int(b, r->reason);
    bind_int(b, r->diagnostic);
    bind_int(b, r->attempts);
    bind_int(b, r->next_attempt);
    bind_int(b, r->changed);
    bind_text(b, r->last_error);
}

static int store_recipient_add(struct store *st, int64_t message, const struct spool_recipient *r) {
    struct bound b = store_sql(st, SQL_RECIPIENT_ADD);
    bind_int(&b, message);
    bind_int(&b, r->number);
    bind_text(&b, r->address);
    bind_text(&b, r->key);
    bind_fate(&b, r);
    return store_run(&b);
}

int store_recipient_set(struct store *st, int64_t message, const struct spool_recipient *r) {
    struct bound b = store_sql(st, SQL_RECIPIENT_SET);
    bind_int(&b, message);
    bind_int(&b, r->number);
    bind_fate(&b, r);
    return store_run(&b);
}

int store_message_add(struct store *st, const struct spool_message *m) {
    struct bound b = store_sql(st, SQL_MESSAGE_ADD);
    bind_int(&b, m->id);
    bind_int(&b, m->kind);
    bind_text(&b, m->mts_id);
    bind_text(&b, m->originator);
    bind_text(&b, m->from_peer);
    bind_int(&b, m->from_uid);
    bind_int(&b, m->priority);
    bind_text(&b, m->content_type);
    bind_int(&b, (int64_t)m->content.length);
    bind_bytes(&b, bytes_of(m->content.sum, CONTENT_SUM));
    bind_int(&b, m->arrived);
    bind_int(&b, m->expires);
    bind_int(&b, m->deferred);
    bind_text(&b, m->content.file[0] == 0 ? NULL : m->content.file);
    bind_int(&b, m->finished);
    bind_int(&b, m->held);
    int err = store_run(&b);
    if (err < 0)
        return err;
    b = store_sql(st, SQL_BODY_SET);
    bind_int(&b, m->id);
    bind_bytes(&b, m->envelope);
    bind_bytes(&b, m->content.file[0] == 0 ? m->content.octets : (struct bytes){0});
    err = store_run(&b);
    for (size_t i = 0; i < m->n_recipients && err >= 0; i++)
        err = store_recipient_add(st, m->id, &m->recipients[i]);
    return err;
}
