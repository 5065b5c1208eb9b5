// SPDX-License-Identifier: BSD-2-Clause
// What a batch's changes do to the rows, in the commit thread, inside its transaction. 0 or an error; ERR_EXISTS,
// ERR_ABSENT and ERR_STATE undo only the batch, any other error the whole transaction. ERR_EXISTS means a duplicate or
// an item's name, nothing else.
#include "mta/spool_internal.h"

static int exactly_one(int changed) {
    return changed < 0 ? changed : changed == 0 ? ERR_ABSENT : ERR_OK;
}

static int run_for(struct store *st, enum sql q, int64_t message) {
    struct bound b = store_sql(st, q);
    bind_int(&b, message);
    return store_run(&b);
}

int spool_apply_duplicate(struct store *st, const struct spool_op *op, struct spool_result *r) {
    (void)r;
    const struct spool_duplicate *d = op->duplicate;
    struct bound b = store_sql(st, SQL_DUPLICATE_GET);
    bind_text(&b, d->peer);
    bind_bytes(&b, d->identifier);
    bind_bytes(&b, d->fingerprint);
    int got = store_step(&b);
    if (got < 0)
        return got;
    if (got == 1) {
        int64_t seen = sqlite3_column_int64(b.s, 0);
        store_done(&b);
        if (seen > d->seen - d->window)
            return ERR_EXISTS;
    }
    b = store_sql(st, SQL_DUPLICATE_SET);
    bind_text(&b, d->peer);
    bind_bytes(&b, d->identifier);
    bind_bytes(&b, d->fingerprint);
    bind_int(&b, d->seen);
    return exactly_one(store_run(&b));
}

int spool_apply_message(struct store *st, const struct spool_op *op, struct spool_result *r) {
    (void)r;
    int err = store_message_add(st, op->full);
    return err == ERR_EXISTS ? ERR_STATE : err < 0 ? err : ERR_OK;
}

int spool_apply_recipient(struct store *st, const struct spool_op *op, struct spool_result *r) {
    (void)r;
    return exactly_one(store_recipient_set(st, op->message, op->recipient));
}

int spool_apply_hold(struct store *st, const struct spool_op *op, struct spool_result *r) {
    (void)r;
    struct bound b = store_sql(st, SQL_MESSAGE_HOLD);
    bind_int(&b, op->message);
    bind_int(&b, op->flag);
    return exactly_one(store_run(&b));
}

int spool_apply_finish(struct store *st, const struct spool_op *op, struct spool_result *r) {
    (void)r;
    struct bound b = store_sql(st, SQL_MESSAGE_FINISH);
    bind_int(&b, op->message);
    bind_int(&b, op->time);
    int err = exactly_one(store_run(&b));
    if (err == ERR_OK && (err = run_for(st, SQL_BODY_DELETE, op->message)) > 0)
        err = ERR_OK;
    return err;
}

int spool_apply_intent(struct store *st, const struct spool_op *op, struct spool_result *r) {
    (void)r;
    struct bound b = store_sql(st, SQL_DELIVERY_ADD);
    bind_int(&b, op->message);
    bind_int(&b, op->number);
    bind_text(&b, op->key);
    bind_text(&b, op->value);
    return exactly_one(store_run(&b));
}

int spool_apply_delivered(struct store *st, const struct spool_op *op, struct spool_result *r) {
    (void)r;
    struct bound b = store_sql(st, SQL_DELIVERY_DONE);
    bind_int(&b, op->message);
    bind_int(&b, op->number);
    return exactly_one(store_run(&b));
}

int spool_apply_transfer(struct store *st, const struct spool_op *op, struct spool_result *r) {
    (void)r;
    const struct spool_transfer *t = op->transfer;
    struct bound b = store_sql(st, SQL_TRANSFER_SET);
    bind_int(&b, t->kind);
    bind_text(&b, t->peer);
    bind_bytes(&b, t->key);
    bind_bytes(&b, t->state);
    bind_bytes(&b, t->detail);
    bind_text(&b, t->file);
    bind_int(&b, (int64_t)t->length);
    bind_int(&b, t->since);
    return exactly_one(store_run(&b));
}

int spool_apply_transfer_over(struct store *st, const struct spool_op *op, struct spool_result *r) {
    (void)r;
    const struct spool_transfer *t = op->transfer;
    struct bound b = store_sql(st, SQL_TRANSFER_DELETE);
    bind_int(&b, t->kind);
    bind_text(&b, t->peer);
    bind_bytes(&b, t->key);
    int removed = store_run(&b);
    return removed < 0 ? removed : ERR_OK;
}

int spool_apply_transfers_purge(struct store *st, const struct spool_op *op, struct spool_result *r) {
    (void)r;
    struct bound b = store_sql(st, SQL_TRANSFER_PURGE);
    bind_int(&b, op->time);
    int removed = store_run(&b);
    return removed < 0 ? removed : ERR_OK;
}

// Every row of a message.
static int delete_message(struct store *st, int64_t message) {
    static const enum sql parts[] = {SQL_DELIVERIES_DELETE, SQL_RECIPIENTS_DELETE, SQL_BODY_DELETE};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int err = run_for(st, parts[i], message);
        if (err < 0)
            return err;
    }
    return exactly_one(run_for(st, SQL_MESSAGE_DELETE, message));
}

int spool_apply_purge(struct store *st, const struct spool_op *op, struct spool_result *r) {
    for (size_t i = 0; i < SPOOL_PURGE_MAX; i++) {
        struct bound b = store_sql(st, SQL_MESSAGE_OLD);
        bind_int(&b, op->time);
        int got = store_step(&b);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        int64_t old = sqlite3_column_int64(b.s, 0);
        store_done(&b);
        int err = delete_message(st, old);
        if (err < 0)
            return err;
        r->purged++;
    }
    struct bound b = store_sql(st, SQL_DUPLICATE_PURGE);
    bind_int(&b, op->time2);
    bind_int(&b, SPOOL_PURGE_MAX);
    int removed = store_run(&b);
    if (removed > 0)
        r->purged += (size_t)removed;
    return removed < 0 ? removed : ERR_OK;
}
