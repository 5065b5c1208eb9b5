// SPDX-License-Identifier: BSD-2-Clause
// RT-TRANSFER, the receiver. It takes the APDU out of the stream as octets come, holding nothing but headers and, for
// each synchronization point that its user has not confirmed, where it stood there. A sender that resumes may go back
// to a point before the last one confirmed, because the confirmation was lost: the octets that come again are dropped.
#include "base/mem.h"
#include "rfc1006/rtse_actions.h"

static uint32_t unconfirmed(const struct rtse *r) {
    return r->serial - r->recovery.serial;
}

int rtse_receive_start(void *ctx, void *v) {
    struct rtse *r = ctx;
    rtse_activity_begin(r, ((struct rtse_arg *)v)->event->activity_id);
    r->recovery.serial = r->serial = r->base_serial = 0;
    r->recovery.octets_confirmed = r->octets = 0;
    r->recovery.stream = r->stream = r->skip = 0;
    r->recovery.mark.valid = false;
    r->kept = true;
    r->sender = r->completed = false;
    pdv_stream_reset(&r->external);
    rtse_progress(r);
    if (r->x410)
        r->up->transfer_begin(r->user, PDV_NO_CONTEXT);
    return ERR_OK;
}

// ---- resuming ----

static int exception(struct rtse *r, int reason) {
    return rtse_pass(r, (struct presentation_event){.primitive = P_U_EXCEPTION_REPORT, .reason = (uint8_t)reason},
                     NULL);
}

static void keep(uint8_t *to, uint8_t *n, size_t size, struct bytes from) {
    *n = (uint8_t)(from.n < size ? from.n : size);
    if (*n > 0)
        memcpy(to, from.p, *n);
}

// The user answers in resume_ind; one that does not has nothing to resume.
int rtse_receive_resume(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct presentation_event *e = ((struct rtse_arg *)v)->event;
    const struct session_resume *s = e->resume;
    struct rtse_recovery old = {.session = r->session, .mode = r->recovery.mode, .serial = s->serial};
    if (!s->same_connection) {
        old.session = (struct rtse_session_id){.n_user = 0};
        keep(old.session.user, &old.session.n_user, sizeof old.session.user, s->calling_ref);
        keep(old.session.common, &old.session.n_common, sizeof old.session.common, s->common_ref);
        keep(old.session.additional, &old.session.n_additional, sizeof old.session.additional, s->additional_ref);
    }
    keep(old.activity_id, &old.n_activity_id, sizeof old.activity_id, s->old_id);
    uint8_t id[sizeof old.activity_id], n_id; // the user may overwrite what the event points to
    keep(id, &n_id, sizeof id, e->activity_id);
    r->completed = false;
    rtse_progress(r);
    r->serial = r->base_serial = s->serial;
    r->up->resume_ind(r->user, &old);
    if (rtse_resuming(r)) {
        r->kept = false;
        return rtse_resume_refuse(r, RTSE_RESUME_UNKNOWN);
    }
    if (rtse_receiving(r))
        rtse_activity_begin(r, bytes_of(id, n_id));
    return ERR_OK;
}

// What was received up to point `serial`, said by what is kept of the last one confirmed.
static bool reaches(const struct rtse_recovery *s, uint32_t serial) {
    return serial > 0 && serial <= s->serial && s->serial - serial < RTSE_POINTS &&
           s->at[serial % RTSE_POINTS] <= s->stream && s->octets_confirmed <= s->stream;
}

int rtse_receive_resume_rsp(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_recovery *s = ((struct rtse_arg *)v)->recovery;
    if (s->mode != r->recovery.mode || !reaches(s, r->base_serial) ||
        (!r->x410 && pdv_stream_restore(&r->external, &s->mark) < 0))
        return ERR_ABSENT;
    r->recovery = *s;
    r->recovery.serial = r->base_serial;
    r->stream = s->at[r->base_serial % RTSE_POINTS];
    r->skip = s->stream - r->stream;
    r->octets = s->octets_confirmed;
    r->kept = true;
    r->sender = false;
    return ERR_OK;
}

int rtse_receive_resume_refuse(void *ctx, void *v) {
    struct rtse *r = ctx;
    int err = exception(r, ((struct rtse_arg *)v)->reason);
    return err < 0 ? rtse_local_fault(r, "refusing to resume a transfer", err) : ERR_OK;
}

// Inferred from the name of the reason; our own sender takes it for the confirmation that was lost.
int rtse_receive_completed(void *ctx, void *v) {
    struct rtse *r = ctx;
    struct stack_failure f;
    (void)v;
    rtse_send_rtab(r, RTSE_ABORT_TRANSFER_COMPLETED);
    stack_failure_set(&f, STACK_RTSE, false, RTSE_ABORT_TRANSFER_COMPLETED,
                      "rtse: the peer resumed or discarded a transfer that is complete here; it was told so by RTAB");
    rtse_ended(r, &f);
    return ERR_OK;
}

// ---- checkpoints ----

static int points_make(struct rtse *r) {
    if (r->points != NULL)
        return ERR_OK;
    uint32_t n = 2 * r->window + 2; // some senders exceed the window
    r->n_points = n < RTSE_POINTS ? n : RTSE_POINTS;
    r->points = mem_calloc(r->n_points, sizeof *r->points);
    return r->points == NULL ? ERR_NOMEM : ERR_OK;
}

static int confirm(struct rtse *r, uint32_t serial) {
    return rtse_pass(r, (struct presentation_event){.primitive = P_SYNC_MINOR, .response = true, .serial = serial},
                     NULL);
}

int rtse_receive_checkpoint(void *ctx, void *v) {
    struct rtse *r = ctx;
    uint32_t serial = ((struct rtse_arg *)v)->event->serial;
    int err = points_make(r);
    if (err < 0)
        return rtse_local_fault(r, "receiving a transfer", err);
    rtse_progress(r);
    r->serial = serial;
    if (r->stream <= r->recovery.stream) { // it comes again: safe already
        r->recovery.serial = serial;
        r->recovery.at[serial % RTSE_POINTS] = r->stream;
        err = confirm(r, serial);
        return err < 0 ? rtse_local_fault(r, "receiving a transfer", err) : ERR_OK;
    }
    if (unconfirmed(r) > r->n_points) {
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "%u synchronization points open, the window is %u",
                   unconfirmed(r), r->window);
        return ERR_OK;
    }
    struct rtse_point *p = &r->points[serial % r->n_points];
    *p = (struct rtse_point){.stream = r->stream, .octets = r->octets};
    pdv_stream_mark(&r->external, &p->mark);
    r->up->checkpoint_ind(r->user, serial, r->octets);
    return ERR_OK;
}

// What is kept once the points up to `serial` are confirmed.
static void point_note(const struct rtse *r, uint32_t serial, struct rtse_recovery *k) {
    for (uint32_t s = k->serial + 1; s <= serial; s++)
        k->at[s % RTSE_POINTS] = r->points[s % r->n_points].stream;
    const struct rtse_point *p = &r->points[serial % r->n_points];
    k->serial = serial;
    k->stream = p->stream;
    k->octets_confirmed = p->octets;
    k->mark = p->mark;
}

int rtse_recovery_at(const struct rtse *r, uint32_t serial, struct rtse_recovery *out) {
    if (!r->kept || serial > r->serial || (serial > r->recovery.serial && !r->sender && r->points == NULL))
        return ERR_ABSENT;
    *out = r->recovery;
    if (serial > r->recovery.serial && !r->sender)
        point_note(r, serial, out);
    return ERR_OK;
}

int rtse_receive_checkpoint_rsp(void *ctx, void *v) {
    struct rtse *r = ctx;
    uint32_t serial = ((struct rtse_arg *)v)->serial;
    if (serial > r->serial)
        return ERR_STATE;
    if (serial <= r->recovery.serial)
        return ERR_OK; // confirmed with a later one
    int err = confirm(r, serial);
    if (err == ERR_OK) {
        point_note(r, serial, &r->recovery);
        rtse_progress(r);
    }
    return err;
}

// ---- ends ----

int rtse_receive_end(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    rtse_timers_stop(r);
    if (r->skip > 0 || (!r->x410 && pdv_stream_end(&r->external) < 0))
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false,
                   "the activity ended in the middle of its APDU, after %llu octets", (unsigned long long)r->octets);
    else
        r->up->transfer_end(r->user, &(struct rtse_transfer_end){.ok = true, .octets = r->octets});
    return ERR_OK;
}

int rtse_receive_end_rsp(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    int err = rtse_pass(r, (struct presentation_event){.primitive = P_ACTIVITY_END, .response = true}, NULL);
    if (err == ERR_OK) {
        r->kept = false;
        r->completed = true;
    }
    return err;
}

int rtse_receive_refuse(void *ctx, void *v) {
    struct rtse *r = ctx;
    int err = exception(r, ((struct rtse_arg *)v)->reason);
    if (err == ERR_OK) {
        r->kept = false;
        rtse_progress(r);
    }
    return err;
}

int rtse_receive_skip_end(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct presentation_event *e = ((struct rtse_arg *)v)->event;
    rtse_timers_stop(r);
    int err = rtse_pass(r, (struct presentation_event){.primitive = e->primitive, .response = true}, NULL);
    if (err == ERR_OK && r->wanted) // a question that crossed it was dropped by session
        err = rtse_turn_ask(r);
    return err < 0 ? rtse_local_fault(r, "answering a transfer given up", err) : ERR_OK;
}

int rtse_receive_given_up(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct presentation_event *e = ((struct rtse_arg *)v)->event;
    struct stack_failure f;
    bool discarded = e->primitive == P_ACTIVITY_DISCARD;
    stack_failure_set(&f, STACK_RTSE, true, e->reason, "rtse: the sender %s the transfer, reason %u (%s)",
                      discarded ? "discarded" : "interrupted", e->reason, session_exception_text(e->reason));
    f.cause = ""; // those known are of RTORJ
    r->kept = !discarded && r->recovery.serial > 0;
    bool resumable = r->kept;
    uint64_t octets = r->octets;
    rtse_receive_skip_end(ctx, v);
    if (rtse_closed(r)) // it could not be answered
        return ERR_OK;
    r->up->transfer_end(r->user, &(struct rtse_transfer_end){.resumable = resumable, .octets = octets, .failure = &f});
    return ERR_OK;
}

// Responsibility is taken. An interruption changes nothing: when the sender resumes, it is told. A discard cannot be
// undone otherwise than by the RTAB that says so; a peer of 1984 does not know its reason, and will send again.
int rtse_receive_too_late(void *ctx, void *v) {
    struct rtse *r = ctx;
    r->completed = false;
    if (((struct rtse_arg *)v)->event->primitive == P_ACTIVITY_DISCARD && r->protocol != RTSE_PROTOCOL_P1_1984) {
        rtse_close(r);
        return rtse_receive_completed(ctx, v);
    }
    return rtse_receive_skip_end(ctx, v);
}

// ---- the octets of RTTR-APDUs, and those of the EXTERNAL in them ----

static int rttr_begin(void *ctx, unsigned depth, const struct tlv *t) {
    (void)ctx;
    (void)depth;
    return tlv_is(t, TLV_UNIVERSAL, TLV_OCTET_STRING) ? ERR_OK : ERR_SYNTAX;
}

static int rttr_data(void *ctx, unsigned depth, struct bytes piece) {
    (void)depth;
    return rtse_receive_stream(ctx, piece);
}

const struct tlv_stream_user rtse_rttr_user = {.begin = rttr_begin, .data = rttr_data};

static int external_begin(void *ctx, int64_t context) {
    struct rtse *r = ctx;
    if (context != PDV_NO_CONTEXT && !presentation_has_context(r->presentation, context))
        return ERR_SYNTAX;
    r->up->transfer_begin(r->user, context);
    return rtse_receiving(r) || rtse_skipping(r) ? ERR_OK : ERR_STATE; // the user may have aborted
}

static int external_data(void *ctx, struct bytes piece) {
    struct rtse *r = ctx;
    if (!rtse_receiving(r))
        return rtse_skipping(r) ? ERR_OK : ERR_STATE;
    r->octets += piece.n;
    r->up->transfer_data(r->user, piece);
    return rtse_receiving(r) || rtse_skipping(r) ? ERR_OK : ERR_STATE;
}

static int external_end(void *ctx) {
    (void)ctx;
    return ERR_OK;
}

const struct pdv_user rtse_external_user = {external_begin, external_data, external_end};

int rtse_receive_stream(struct rtse *r, struct bytes piece) {
    size_t again = r->skip < piece.n ? (size_t)r->skip : piece.n;
    r->stream += piece.n;
    r->skip -= again;
    piece = bytes_of(piece.p + again, piece.n - again);
    if (piece.n == 0)
        return ERR_OK;
    return r->x410 ? external_data(r, piece) : pdv_stream_feed(&r->external, piece);
}
