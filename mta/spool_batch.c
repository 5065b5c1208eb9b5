// SPDX-License-Identifier: BSD-2-Clause
// Building a batch, in the loop: everything is copied into the batch's arena, for the commit thread to read.

#include "base/mem.h"
#include "mta/spool_internal.h"

int64_t spool_new_id(struct spool *s) {
    return s->next_id++;
}

struct spool_batch *spool_batch_new(struct spool *s) {
    struct spool_batch *b = mem_calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->spool = s;
    b->tail = &b->ops;
    return b;
}

void spool_batch_free(struct spool_batch *b) {
    if (b == NULL)
        return;
    arena_free(&b->arena);
    mem_free(b);
}

// When memory is short the change goes into `lost`, and the batch will fail as a whole.
static struct spool_op *op_new(struct spool_batch *b, int64_t message, struct spool_op *lost,
                               int (*apply)(struct store *, const struct spool_op *, struct spool_result *)) {
    struct spool_op *op = arena_alloc(&b->arena, sizeof *op);
    if (op == NULL) {
        b->short_of_memory = true;
        op = lost;
    } else {
        *b->tail = op;
        b->tail = &op->next;
    }
    *op = (struct spool_op){.apply = apply, .message = message};
    return op;
}

static const char *copy_text(struct spool_batch *b, const char *s) {
    const char *copy = s == NULL ? NULL : arena_strdup(&b->arena, s);
    b->short_of_memory |= s != NULL && copy == NULL;
    return copy;
}

static const char *copy_required(struct spool_batch *b, const char *s) {
    return copy_text(b, s == NULL ? "" : s);
}

static struct bytes copy_bytes(struct spool_batch *b, struct bytes v) {
    struct bytes copy = arena_bytes(&b->arena, v);
    b->short_of_memory |= copy.p == NULL;
    return copy;
}

static void copy_recipient(struct spool_batch *b, struct spool_recipient *to, const struct spool_recipient *r) {
    *to = *r;
    to->address = copy_required(b, r->address);
    to->key = copy_required(b, r->key);
    to->next_hop = copy_text(b, r->next_hop);
    to->last_error = copy_text(b, r->last_error);
}

void spool_batch_duplicate(struct spool_batch *b, const struct spool_duplicate *d) {
    struct spool_op lost, *op = op_new(b, 0, &lost, spool_apply_duplicate);
    struct spool_duplicate *copy = arena_alloc(&b->arena, sizeof *copy);
    b->grows = true;
    b->short_of_memory |= copy == NULL;
    if (copy == NULL)
        return;
    *copy = *d;
    copy->peer = copy_required(b, d->peer);
    copy->identifier = copy_bytes(b, d->identifier);
    copy->fingerprint = copy_bytes(b, d->fingerprint);
    op->duplicate = copy;
}

void spool_batch_message(struct spool_batch *b, const struct spool_message *m) {
    struct spool_op lost, *op = op_new(b, m->id, &lost, spool_apply_message);
    struct spool_message *copy = arena_alloc(&b->arena, sizeof *copy);
    struct spool_recipient *recipients = arena_array(&b->arena, m->n_recipients, sizeof *recipients);
    b->grows = true;
    b->short_of_memory |= copy == NULL || recipients == NULL;
    if (copy == NULL || recipients == NULL)
        return;
    *copy = *m;
    copy->mts_id = copy_required(b, m->mts_id);
    copy->originator = copy_required(b, m->originator);
    copy->from_peer = copy_text(b, m->from_peer);
    copy->content_type = copy_text(b, m->content_type);
    copy->envelope = copy_bytes(b, m->envelope);
    if (m->content.file[0] == 0)
        copy->content.octets = copy_bytes(b, m->content.octets);
    for (size_t i = 0; i < m->n_recipients; i++)
        copy_recipient(b, &recipients[i], &m->recipients[i]);
    copy->recipients = recipients;
    op->full = copy;
}

void spool_batch_recipient(struct spool_batch *b, int64_t message, const struct spool_recipient *r) {
    struct spool_op lost, *op = op_new(b, message, &lost, spool_apply_recipient);
    struct spool_recipient *copy = arena_alloc(&b->arena, sizeof *copy);
    b->short_of_memory |= copy == NULL;
    if (copy == NULL)
        return;
    copy_recipient(b, copy, r);
    op->recipient = copy;
}

void spool_batch_hold(struct spool_batch *b, int64_t message, bool held) {
    struct spool_op lost;
    op_new(b, message, &lost, spool_apply_hold)->flag = held;
}

void spool_batch_finish(struct spool_batch *b, int64_t message, int64_t now) {
    struct spool_op lost;
    op_new(b, message, &lost, spool_apply_finish)->time = now;
}

void spool_batch_intent(struct spool_batch *b, const struct spool_intent *i) {
    struct spool_op lost, *op = op_new(b, i->message, &lost, spool_apply_intent);
    op->number = i->number;
    op->key = copy_required(b, i->dir);
    op->value = copy_required(b, i->name);
}

void spool_batch_delivered(struct spool_batch *b, int64_t message, uint32_t number) {
    struct spool_op lost;
    op_new(b, message, &lost, spool_apply_delivered)->number = number;
}

static void add_transfer(struct spool_batch *b, const struct spool_transfer *t,
                         int (*apply)(struct store *, const struct spool_op *, struct spool_result *)) {
    struct spool_op lost, *op = op_new(b, 0, &lost, apply);
    struct spool_transfer *copy = arena_alloc(&b->arena, sizeof *copy);
    b->short_of_memory |= copy == NULL;
    if (copy == NULL)
        return;
    *copy = *t;
    copy->peer = copy_required(b, t->peer);
    copy->key = copy_bytes(b, t->key);
    copy->state = copy_bytes(b, t->state);
    copy->detail = copy_bytes(b, t->detail);
    copy->file = copy_required(b, t->file);
    op->transfer = copy;
}

void spool_batch_transfer(struct spool_batch *b, const struct spool_transfer *t) {
    b->grows = true;
    add_transfer(b, t, spool_apply_transfer);
}

void spool_batch_transfer_over(struct spool_batch *b, enum spool_transfer_kind kind, const char *peer,
                               struct bytes key) {
    add_transfer(b, &(struct spool_transfer){.kind = kind, .peer = peer, .key = key}, spool_apply_transfer_over);
}

void spool_batch_transfers_purge(struct spool_batch *b, int64_t before) {
    struct spool_op lost;
    op_new(b, 0, &lost, spool_apply_transfers_purge)->time = before;
}

void spool_batch_purge(struct spool_batch *b, int64_t finished_before, int64_t seen_before) {
    struct spool_op lost, *op = op_new(b, 0, &lost, spool_apply_purge);
    op->time = finished_before;
    op->time2 = seen_before;
}

int spool_commit(struct spool_batch *b, spool_done_cb done, void *arg) {
    struct spool *s = b->spool;
    int err = b->short_of_memory ? ERR_NOMEM : s->closing ? ERR_STATE : ERR_OK;
    if (err < 0) {
        spool_batch_free(b);
        return err;
    }
    b->done = done;
    b->arg = arg;
    s->pending++;
    workq_post(&s->commits, &b->work);
    return ERR_OK;
}
