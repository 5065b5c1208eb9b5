// SPDX-License-Identifier: BSD-2-Clause
// RT-TRANSFER, both sides. The sender makes an EXTERNAL of the APDU and cuts it into RTTR-APDUs of the checkpoint size,
// with a minor synchronization point after each but the last, never more of them unconfirmed than the window; then it
// ends the activity. The receiver undoes that as octets come, holding nothing but headers. What is inferred rather than
// read in X.228 follows an old open implementation: after an exception report the sender discards the activity.
#include "rfc1006/rtse_actions.h"

enum { SLICE_HEADROOM = 64 };

void rtse_progress(struct rtse *r) {
    r->deadline = r->timeout_ms == 0 ? 0 : r->now_ms + r->timeout_ms;
}

static int local_fault(struct rtse *r, const char *what, int err) {
    rtse_fault(r, RTSE_ABORT_LOCAL_SYSTEM_PROBLEM, true, "%s: %s", what, err_text(err));
    return ERR_OK;
}

static int passing(struct rtse *r, struct presentation_event e, uint32_t *serial) {
    int err = presentation_event_req(r->presentation, &e);
    if (err == ERR_OK && serial != NULL)
        *serial = e.serial;
    return err;
}

// ---- sender ----

static void activity_begin(struct rtse *r, struct bytes id) {
    r->recovery.n_activity_id =
        (uint8_t)(id.n < sizeof r->recovery.activity_id ? id.n : sizeof r->recovery.activity_id);
    memcpy(r->recovery.activity_id, id.p, r->recovery.n_activity_id);
    r->recovery.serial = 0;
    r->recovery.octets_confirmed = 0;
    r->serial = 0;
    r->octets = 0;
    rtse_progress(r);
}

int rtse_send_start(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_arg *a = v;
    struct buf id = {0};
    buf_clear(&r->slice);
    int err = buf_headroom(&r->slice, SLICE_HEADROOM);
    if (err == ERR_OK && !r->x410)
        err = pdv_put_external_header(&r->slice, r->user_context, a->total);
    r->header = r->slice.len;
    if (r->checkpoint > 0)
        r->slice_size = (size_t)r->checkpoint * 1024;
    else
        r->slice_size = a->total <= RTSE_WHOLE_MAX ? (size_t)(a->total + r->header) : RTSE_PIECE;
    if (err == ERR_OK)
        err = tlv_put_int(&id, TLV_UNIVERSAL, TLV_INTEGER, ++r->activity);
    if (err == ERR_OK)
        err =
            passing(r, (struct presentation_event){.primitive = P_ACTIVITY_START, .activity_id = buf_bytes(&id)}, NULL);
    if (err == ERR_OK) {
        r->total = a->total;
        r->timeout_ms = a->timeout_ms;
        activity_begin(r, buf_bytes(&id));
    }
    buf_free(&id);
    return err;
}

static uint32_t unconfirmed(const struct rtse *r) {
    return r->serial - r->recovery.serial;
}

// What the window lets us take.
size_t rtse_send_window(const struct rtse *r) {
    uint64_t left = r->total - r->octets;
    if (r->checkpoint > 0) {
        uint64_t window = (uint64_t)(r->window - unconfirmed(r)) * r->slice_size;
        uint64_t open = window > r->slice.len ? window - r->slice.len : 0;
        left = left < open ? left : open;
    }
    return left < SIZE_MAX ? (size_t)left : SIZE_MAX;
}

// The same, but no more than the output should hold.
size_t rtse_send_room(const struct rtse *r) {
    size_t window = rtse_send_window(r), high = r->params.output_high;
    if (r->output->len >= high)
        return 0;
    return window < high - r->output->len ? window : high - r->output->len;
}

static int slice_send(struct rtse *r, bool last) {
    int err = r->x410 ? ERR_OK : tlv_wrap(&r->slice, 0, TLV_UNIVERSAL, false, TLV_OCTET_STRING);
    if (err == ERR_OK)
        err = presentation_data_req(r->presentation, r->context, &r->slice);
    if (err == ERR_OK && !last && r->checkpoint > 0)
        err = passing(r, (struct presentation_event){.primitive = P_SYNC_MINOR, .explicit_cnf = true}, &r->serial);
    buf_clear(&r->slice);
    return err == ERR_OK && !last ? buf_headroom(&r->slice, SLICE_HEADROOM) : err;
}

int rtse_send_octets(void *ctx, void *v) {
    struct rtse *r = ctx;
    struct bytes piece = ((struct rtse_arg *)v)->octets;
    int err = ERR_OK;
    while (err == ERR_OK && piece.n > 0) {
        size_t space = r->slice_size - r->slice.len, n = piece.n < space ? piece.n : space;
        err = buf_append(&r->slice, piece.p, n);
        piece = bytes_of(piece.p + n, piece.n - n);
        r->octets += n;
        if (err == ERR_OK && r->slice.len == r->slice_size && r->octets < r->total)
            err = slice_send(r, false);
    }
    if (err == ERR_OK && r->octets == r->total) {
        err = slice_send(r, true);
        if (err == ERR_OK)
            err = passing(r, (struct presentation_event){.primitive = P_ACTIVITY_END}, &r->serial);
        if (err == ERR_OK)
            err = rtse_all_given(r);
    }
    if (err < 0)
        return local_fault(r, "sending a transfer", err);
    rtse_progress(r);
    return ERR_OK;
}

// The octets of the APDU before synchronization point `serial`.
static uint64_t octets_before(const struct rtse *r, uint32_t serial) {
    uint64_t n = (uint64_t)serial * r->slice_size;
    n = n > r->header ? n - r->header : 0;
    return n < r->octets ? n : r->octets;
}

int rtse_send_checkpoint_cnf(void *ctx, void *v) {
    struct rtse *r = ctx;
    uint32_t serial = ((struct rtse_arg *)v)->event->serial;
    if (serial <= r->recovery.serial || serial > r->serial) {
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "confirmation of synchronization point %u, open are %u to %u",
                   serial, r->recovery.serial + 1, r->serial);
        return ERR_OK;
    }
    r->recovery.serial = serial;
    r->recovery.octets_confirmed = octets_before(r, serial);
    rtse_progress(r);
    r->up->checkpoint_cnf(r->user, serial, r->recovery.octets_confirmed);
    return ERR_OK;
}

int rtse_send_end_cnf(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    r->deadline = 0;
    r->recovery.serial = r->serial;
    r->recovery.octets_confirmed = r->total;
    r->up->transfer_cnf(r->user, &(struct rtse_transfer_end){.ok = true, .octets = r->total});
    return ERR_OK;
}

static int discard(struct rtse *r) {
    int err =
        passing(r, (struct presentation_event){.primitive = P_ACTIVITY_DISCARD, .reason = SESSION_REASON_LOCAL}, NULL);
    if (err == ERR_OK)
        rtse_progress(r);
    return err;
}

// r->failure says why already when it was a timeout.
int rtse_send_discard(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_arg *a = v;
    int err = discard(r);
    if (err == ERR_OK)
        r->failure = *a->failure;
    return err;
}

int rtse_send_exception(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct presentation_event *e = ((struct rtse_arg *)v)->event;
    bool user = e->primitive == P_U_EXCEPTION_REPORT;
    stack_failure_set(&r->failure, user ? STACK_RTSE : STACK_SESSION, true, user ? e->reason : -1,
                      "rtse: the receiver refused the transfer, reason %u (%s)", user ? e->reason : 0,
                      user ? session_exception_text(e->reason) : "its session provider saw a protocol error");
    int err = discard(r);
    return err < 0 ? local_fault(r, "discarding a transfer", err) : ERR_OK;
}

int rtse_send_discard_cnf(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    r->deadline = 0;
    r->up->transfer_cnf(r->user,
                        &(struct rtse_transfer_end){.octets = r->recovery.octets_confirmed, .failure = &r->failure});
    return ERR_OK;
}

// ---- receiver ----

int rtse_receive_start(void *ctx, void *v) {
    struct rtse *r = ctx;
    r->timeout_ms = r->params.transfer_timeout_ms;
    activity_begin(r, ((struct rtse_arg *)v)->event->activity_id);
    pdv_stream_reset(&r->external);
    if (r->x410)
        r->up->transfer_begin(r->user, PDV_NO_CONTEXT);
    return ERR_OK;
}

static int exception(struct rtse *r, int reason) {
    return passing(r, (struct presentation_event){.primitive = P_U_EXCEPTION_REPORT, .reason = (uint8_t)reason}, NULL);
}

// There is never anything to resume: the sender is told so, and discards the activity.
int rtse_receive_resume(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    int err = exception(r, RTSE_EXCEPTION_UNRECOVERABLE_PROCEDURE_ERROR);
    return err < 0 ? local_fault(r, "refusing to resume a transfer", err) : ERR_OK;
}

int rtse_receive_checkpoint(void *ctx, void *v) {
    struct rtse *r = ctx;
    uint32_t serial = ((struct rtse_arg *)v)->event->serial;
    r->serial = serial;
    if (unconfirmed(r) > RTSE_UNCONFIRMED_MAX) {
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "%u synchronization points open, the window is %u",
                   unconfirmed(r), r->window);
        return ERR_OK;
    }
    r->octets_at[serial % RTSE_UNCONFIRMED_MAX] = r->octets;
    rtse_progress(r);
    r->up->checkpoint_ind(r->user, serial, r->octets);
    return ERR_OK;
}

int rtse_receive_checkpoint_rsp(void *ctx, void *v) {
    struct rtse *r = ctx;
    uint32_t serial = ((struct rtse_arg *)v)->serial;
    if (serial > r->serial)
        return ERR_STATE;
    if (serial <= r->recovery.serial)
        return ERR_OK; // confirmed with a later one
    int err =
        passing(r, (struct presentation_event){.primitive = P_SYNC_MINOR, .response = true, .serial = serial}, NULL);
    if (err < 0)
        return err;
    r->recovery.serial = serial;
    r->recovery.octets_confirmed = r->octets_at[serial % RTSE_UNCONFIRMED_MAX];
    return ERR_OK;
}

int rtse_receive_end(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    r->deadline = 0;
    if (!r->x410 && pdv_stream_end(&r->external) < 0)
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false,
                   "the activity ended in the middle of its APDU, after %llu octets", (unsigned long long)r->octets);
    else
        r->up->transfer_end(r->user, &(struct rtse_transfer_end){.ok = true, .octets = r->octets});
    return ERR_OK;
}

int rtse_receive_end_rsp(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    return passing(r, (struct presentation_event){.primitive = P_ACTIVITY_END, .response = true}, NULL);
}

int rtse_receive_refuse(void *ctx, void *v) {
    struct rtse *r = ctx;
    return exception(r, ((struct rtse_arg *)v)->reason);
}

int rtse_receive_skip_end(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct presentation_event *e = ((struct rtse_arg *)v)->event;
    r->deadline = 0;
    int err = passing(r, (struct presentation_event){.primitive = e->primitive, .response = true}, NULL);
    return err < 0 ? local_fault(r, "answering a discarded transfer", err) : ERR_OK;
}

int rtse_receive_given_up(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct presentation_event *e = ((struct rtse_arg *)v)->event;
    struct stack_failure f;
    stack_failure_set(&f, STACK_RTSE, true, e->reason, "rtse: the sender %s the transfer, reason %u (%s)",
                      e->primitive == P_ACTIVITY_DISCARD ? "discarded" : "interrupted", e->reason,
                      session_exception_text(e->reason));
    rtse_receive_skip_end(ctx, v);
    r->up->transfer_end(r->user, &(struct rtse_transfer_end){.octets = r->octets, .failure = &f});
    return ERR_OK;
}

// ---- the octets of RTTR-APDUs, and those of the EXTERNAL in them ----

static int rttr_begin(void *ctx, unsigned depth, const struct tlv *t) {
    (void)ctx;
    (void)depth;
    return tlv_is(t, TLV_UNIVERSAL, TLV_OCTET_STRING) ? ERR_OK : ERR_SYNTAX;
}

static int rttr_data(void *ctx, unsigned depth, struct bytes piece) {
    struct rtse *r = ctx;
    (void)depth;
    return pdv_stream_feed(&r->external, piece);
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
