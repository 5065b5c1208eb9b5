// SPDX-License-Identifier: BSD-2-Clause
// The rows of transfers that are half received: RTSE's state, and what is needed to go on behind it: octets of the APDU
// so far, the caller's address, the splitter, the head. First the content is synced, then the row is committed, and
// only then a checkpoint is confirmed that depends on it; points that come meanwhile wait for the next row, one for
// all.
#include <stdio.h>

#include "base/mem.h"
#include "mta/resume_in_internal.h"

enum { HEAD_MAX = 256 * 1024 };

// ---- names ----

const char *resume_in_host(const char *address, char out[NET_ADDRESS_TEXT]) {
    const char *colon = strrchr(address, ':');
    size_t n = colon == NULL ? strlen(address) : (size_t)(colon - address);
    bool brackets = n >= 2 && address[0] == '[' && address[n - 1] == ']';
    snprintf(out, NET_ADDRESS_TEXT, "%.*s", (int)(brackets ? n - 2 : n), address + brackets);
    return out;
}

// Identifier octets are left out: a peer may write a reference as T61String in one place and as OCTET STRING in
// another.
static int put_reference(struct buf *b, const uint8_t *p, size_t n) {
    int err = buf_append_u8(b, (uint8_t)(n > 0 ? n - 1 : 0));
    return err == ERR_OK && n > 1 ? buf_append(b, p + 1, n - 1) : err;
}

int resume_in_session_key(struct buf *b, const struct rtse_session_id *s) {
    int err = put_reference(b, s->user, s->n_user);
    if (err == ERR_OK)
        err = put_reference(b, s->common, s->n_common);
    return err == ERR_OK ? put_reference(b, s->additional, s->n_additional) : err;
}

int resume_in_activity_key(struct buf *b, const struct rtse_recovery *r) {
    int err = resume_in_session_key(b, &r->session);
    return err == ERR_OK ? buf_append(b, r->activity_id, r->n_activity_id) : err;
}

// ---- rows ----

void resume_in_row_remove(struct resume_in *r, const char *peer, struct buf *key) {
    struct spool_batch *b = key->len == 0 || r->closing ? NULL : spool_batch_new(r->m->spool);
    if (b != NULL) {
        spool_batch_transfer_over(b, SPOOL_TRANSFER_IN, peer, buf_bytes(key));
        spool_commit(b, NULL, NULL);
    }
    buf_free(key);
}

static void storing_free(struct storing *s) {
    s->owner->n_storing--;
    buf_free(&s->splitter);
    buf_free(&s->key);
    mem_free(s);
}

// The transfer does not wait for it any more.
void resume_in_storing_leave(struct transfer_in *t) {
    struct storing *s = t->storing;
    t->storing = NULL;
    if (s == NULL)
        return;
    s->transfer = NULL;
    if (!s->committing)
        storing_free(s);
}

uint32_t resume_in_give_up(struct transfer_in *t) {
    uint32_t serial = t->storing == NULL || t->storing->committing ? 0 : t->storing->serial;
    if (t->storing != NULL && !t->storing->committing)
        resume_in_storing_leave(t);
    return serial;
}

static void storing_end(struct storing *s, int err) {
    struct transfer_in *t = s->transfer;
    uint32_t serial = s->serial;
    bool more = t->parked != NULL && s->fed != t->fed;
    t->storing = NULL;
    storing_free(s);
    if (err == ERR_OK && more)
        resume_in_keep(t, 0);
    else
        transfer_in_stored(t, serial, err);
}

static void on_stored(void *arg, const struct spool_result *result) {
    struct storing *s = arg;
    struct transfer_in *t = s->transfer;
    if (t == NULL) {
        storing_free(s);
        return;
    }
    s->committing = false;
    if (result->err == ERR_OK && s->forgets) {
        t->forgotten = true;
    } else if (result->err == ERR_OK) {
        struct buf key = t->row;
        t->row = s->key;
        t->row_fed = s->fed;
        s->key = key;
        if (t->twin)
            resume_in_row_remove(s->owner, t->peer, &t->row);
    } else
        EVENT_RAISE(t->m->events, mta_event(EV_SPOOL_ERROR), {"what", result->text});
    storing_end(s, result->err);
}

static int put_detail(struct buf *b, const struct transfer_in *t, const struct storing *s) {
    char host[NET_ADDRESS_TEXT];
    size_t n = strlen(resume_in_host(t->remote, host));
    int err = buf_append_u64(b, s->fed);
    if (err == ERR_OK)
        err = buf_append_u8(b, t->p1_1984);
    if (err == ERR_OK)
        err = buf_append_u8(b, (uint8_t)n);
    if (err == ERR_OK)
        err = buf_append(b, host, n);
    if (err == ERR_OK)
        err = buf_append_u32(b, (uint32_t)s->splitter.len);
    if (err == ERR_OK)
        err = buf_append(b, buf_bytes(&s->splitter).p, s->splitter.len);
    return err == ERR_OK && t->opened != NULL ? p1_encode(b, t->opened->env) : err;
}

static int row_commit(struct storing *s) {
    struct transfer_in *t = s->transfer;
    struct buf state = {0}, detail = {0};
    struct spool_batch *b = spool_batch_new(t->m->spool);
    int err = b == NULL ? ERR_NOMEM : rtse_recovery_put(&state, &s->state);
    if (err == ERR_OK)
        err = put_detail(&detail, t, s);
    if (err == ERR_OK) {
        if (t->row.len > 0 && !bytes_equal(buf_bytes(&t->row), buf_bytes(&s->key)))
            spool_batch_transfer_over(b, SPOOL_TRANSFER_IN, t->peer, buf_bytes(&t->row));
        spool_batch_transfer(b, &(struct spool_transfer){.kind = SPOOL_TRANSFER_IN,
                                                         .peer = t->peer,
                                                         .key = buf_bytes(&s->key),
                                                         .state = buf_bytes(&state),
                                                         .detail = buf_bytes(&detail),
                                                         .file = content_writer_file(t->writer),
                                                         .length = s->length,
                                                         .since = clock_utc_ms()});
        err = spool_commit(b, on_stored, s);
        b = NULL;
    }
    spool_batch_free(b);
    buf_free(&state);
    buf_free(&detail);
    s->committing = err == ERR_OK;
    return err;
}

// Were a row of that name left by a crash, the sender of another transfer could go on with it.
static int forget_commit(struct storing *s) {
    const char *peer = s->transfer->peer;
    struct spool_batch *b = spool_batch_new(s->owner->m->spool);
    if (b == NULL)
        return ERR_NOMEM;
    spool_batch_transfer_over(b, SPOOL_TRANSFER_IN, peer, buf_bytes(&s->key));
    spool_batch_transfer_over(b, SPOOL_TRANSFER_DONE, peer, buf_bytes(&s->key));
    int err = spool_commit(b, on_stored, s);
    s->committing = s->forgets = err == ERR_OK;
    return err;
}

int resume_in_keep(struct transfer_in *t, uint32_t serial) {
    if (t->storing != NULL)
        return ERR_BUSY;
    if (t->ended || t->stream == NULL || (t->twin ? t->forgotten : t->too_long))
        return ERR_ABSENT;
    struct storing *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;
    *s = (struct storing){
        .owner = t->m->resume_in, .transfer = t, .serial = serial, .length = t->appended, .fed = t->fed};
    s->owner->n_storing++;
    int err = ERR_OK;
    if (t->parked != NULL)
        s->state = t->parked->state;
    else
        err = assoc_recovery_at(t->link->assoc, serial, &s->state);
    if (err == ERR_OK)
        err = resume_in_activity_key(&s->key, &s->state);
    if (err == ERR_OK && t->twin) {
        if ((err = forget_commit(s)) != ERR_OK)
            storing_free(s);
        else
            t->storing = s;
        return err;
    }
    if (err == ERR_OK)
        err = p1_stream_save(t->stream, &s->splitter);
    if (err == ERR_OK && (s->splitter.len > HEAD_MAX || (t->opened != NULL && t->opened->arena.used > HEAD_MAX)))
        err = ERR_LIMIT;
    if (err == ERR_OK && t->writer == NULL &&
        (t->writer = content_writer_new(t->m->files, &transfer_in_writer_user, t)) == NULL)
        err = ERR_NOMEM;
    if (err != ERR_OK) {
        storing_free(s);
        return err == ERR_NOMEM ? err : ERR_ABSENT;
    }
    t->storing = s;
    content_writer_sync(t->writer);
    return ERR_OK;
}

void resume_in_progress(struct transfer_in *t, uint64_t synced) {
    struct storing *s = t->storing;
    if (s == NULL || s->committing || synced < s->length || content_writer_file(t->writer)[0] == 0)
        return;
    int err = row_commit(s);
    if (err != ERR_OK)
        storing_end(s, err);
}

bool resume_in_unpack(struct transfer_in *t, struct parked *p) {
    struct cursor c = cursor_of(buf_bytes(&p->detail));
    struct bytes host, splitter;
    uint8_t p1_1984, n;
    uint32_t length;
    if (cursor_u64(&c, &t->fed) < 0 || cursor_u8(&c, &p1_1984) < 0 || cursor_u8(&c, &n) < 0 ||
        cursor_take(&c, n, &host) < 0 || cursor_u32(&c, &length) < 0 || cursor_take(&c, length, &splitter) < 0 ||
        t->fed < p->state.octets_confirmed)
        return false;
    t->p1_1984 = p1_1984;
    t->appended = p->length;
    t->stream = p1_stream_restore(&transfer_in_stream_user, t, 0, splitter);
    if (t->stream == NULL || p1_stream_content_length(t->stream) != p->length)
        return false;
    if (cursor_left(&c) > 0 && (t->opened = opened_new(bytes_of(c.p, cursor_left(&c)), &t->fault)) == NULL)
        return false;
    t->writer = content_writer_reopen(t->m->files, &transfer_in_writer_user, t, p->file, p->length);
    t->row = p->row;
    t->row_fed = t->fed;
    p->row = (struct buf){0};
    return t->writer != NULL;
}
