// SPDX-License-Identifier: BSD-2-Clause
// RT-TRANSFER, the sender. In normal mode it makes an EXTERNAL of the APDU; that, or in X.410 mode the APDU as it is,
// is the stream, which is cut into slices of the checkpoint size, with a minor synchronization point after each but the
// last and never more of them unconfirmed than the window; without checkpoints it is one slice, of any size, which
// passes as it comes. Then the activity is ended. An activity that was interrupted
// goes on behind the last point confirmed. What is inferred rather than read in X.228: when the receiver reports an
// exception the activity is interrupted for a non-specific error and when there is something to go on from, else
// discarded.
#include "rfc1006/rtse_actions.h"

enum { SLICE_HEADROOM = 64 };

static uint32_t unconfirmed(const struct rtse *r) {
    return r->serial - r->recovery.serial;
}

// ---- starting and resuming ----

static void sending(struct rtse *r, uint64_t total, uint32_t timeout_ms) {
    r->total = total;
    r->slice_size = (size_t)r->checkpoint * 1024;
    r->base_serial = r->serial = r->recovery.serial;
    r->base_stream = r->recovery.stream;
    r->octets = r->recovery.octets_confirmed;
    r->kept = r->sender = true;
    r->transfer_deadline = timeout_ms == 0 ? 0 : r->now_ms + timeout_ms;
    rtse_progress(r);
}

// Without checkpoints: puts before what r->slice holds what makes one P-DATA of `octets`, the slice's among them.
static int whole_begin(struct rtse *r, uint64_t octets) {
    struct buf head = {0}, rttr = {0};
    if (r->checkpoint > 0 || r->x410)
        return ERR_OK;
    int err = tlv_put_header(&rttr, TLV_UNIVERSAL, false, TLV_OCTET_STRING, octets);
    if (err == ERR_OK)
        err = presentation_data_header(r->presentation, &head, r->context, rttr.len + octets);
    if (err == ERR_OK)
        err = buf_append(&head, rttr.mem + rttr.off, rttr.len);
    if (err == ERR_OK)
        err = buf_prepend(&r->slice, head.mem + head.off, head.len);
    buf_free(&rttr);
    buf_free(&head);
    return err;
}

// The identifiers of activities are ours to choose: numbers.
static int activity_id(struct rtse *r, struct buf *id) {
    return tlv_put_int(id, TLV_UNIVERSAL, TLV_INTEGER, r->activity + 1);
}

static int begin(struct rtse *r, struct presentation_event e, struct bytes id) {
    e.activity_id = id;
    int err = rtse_pass(r, e, NULL);
    if (err == ERR_OK) {
        r->activity++;
        rtse_activity_begin(r, id);
    }
    return err;
}

int rtse_send_start(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_arg *a = v;
    struct buf id = {0};
    buf_clear(&r->slice);
    int err = buf_headroom(&r->slice, SLICE_HEADROOM);
    if (err == ERR_OK && !r->x410)
        err = pdv_put_external_header(&r->slice, r->user_context, a->total);
    uint64_t header = r->slice.len;
    if (err == ERR_OK)
        err = whole_begin(r, header + a->total);
    if (err == ERR_OK)
        err = activity_id(r, &id);
    if (err == ERR_OK)
        err = begin(r, (struct presentation_event){.primitive = P_ACTIVITY_START}, buf_bytes(&id));
    if (err == ERR_OK) {
        r->header = header;
        r->recovery.serial = 0;
        r->recovery.octets_confirmed = r->recovery.stream = 0;
        sending(r, a->total, a->timeout_ms);
    }
    buf_free(&id);
    return err;
}

static struct bytes octets_of(const uint8_t *p, size_t n) {
    return bytes_of(n == 0 ? NULL : p, n);
}

int rtse_send_resume(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_arg *a = v;
    struct rtse_recovery old = *a->recovery;
    struct buf id = {0};
    struct session_resume resume = {.old_id = octets_of(old.activity_id, old.n_activity_id),
                                    .serial = old.serial,
                                    .same_connection = rtse_same_session(&old.session, &r->session),
                                    .calling_ref = octets_of(old.session.user, old.session.n_user),
                                    .common_ref = octets_of(old.session.common, old.session.n_common),
                                    .additional_ref = octets_of(old.session.additional, old.session.n_additional)};
    if (old.serial == 0 || old.mode != r->recovery.mode || old.octets_confirmed > a->total ||
        old.stream < old.octets_confirmed)
        return ERR_STATE;
    buf_clear(&r->slice);
    int err = buf_headroom(&r->slice, SLICE_HEADROOM);
    if (err == ERR_OK)
        err = whole_begin(r, a->total - old.octets_confirmed);
    if (err == ERR_OK)
        err = activity_id(r, &id);
    if (err == ERR_OK)
        err = begin(r, (struct presentation_event){.primitive = P_ACTIVITY_RESUME, .resume = &resume}, buf_bytes(&id));
    if (err == ERR_OK) {
        r->header = old.stream - old.octets_confirmed;
        r->recovery.serial = old.serial;
        r->recovery.octets_confirmed = old.octets_confirmed;
        r->recovery.stream = old.stream;
        sending(r, a->total, a->timeout_ms);
    }
    buf_free(&id);
    return err;
}

// ---- octets ----

// What the window lets us take.
size_t rtse_send_window(const struct rtse *r) {
    uint64_t left = r->total - r->octets;
    if (r->checkpoint > 0) {
        uint64_t window = unconfirmed(r) < r->window ? (uint64_t)(r->window - unconfirmed(r)) * r->slice_size : 0;
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
    if (err == ERR_OK && !last)
        err = rtse_pass(r, (struct presentation_event){.primitive = P_SYNC_MINOR, .explicit_cnf = true}, &r->serial);
    buf_clear(&r->slice);
    return err == ERR_OK && !last ? buf_headroom(&r->slice, SLICE_HEADROOM) : err;
}

static int slices_send(struct rtse *r, struct bytes piece) {
    int err = ERR_OK;
    while (err == ERR_OK && piece.n > 0) {
        size_t space = r->slice_size - r->slice.len, n = piece.n < space ? piece.n : space;
        err = buf_append(&r->slice, piece.p, n);
        piece = bytes_of(piece.p + n, piece.n - n);
        r->octets += n;
        if (err == ERR_OK && r->slice.len == r->slice_size && r->octets < r->total)
            err = slice_send(r, false);
    }
    return err == ERR_OK && r->octets == r->total ? slice_send(r, true) : err;
}

// Without checkpoints nothing is confirmed before the end: what the network takes is progress.
static int whole_send(struct rtse *r, struct bytes piece) {
    int err = ERR_OK;
    r->octets += piece.n;
    bool last = r->octets == r->total, first = r->slice.len > 0;
    if (first)
        err = presentation_data_piece_req(r->presentation, buf_bytes(&r->slice), last && piece.n == 0);
    buf_clear(&r->slice);
    if (err == ERR_OK && (piece.n > 0 || (last && !first)))
        err = presentation_data_piece_req(r->presentation, piece, last);
    rtse_progress(r);
    return err;
}

int rtse_send_octets(void *ctx, void *v) {
    struct rtse *r = ctx;
    struct bytes piece = ((struct rtse_arg *)v)->octets;
    int err = r->checkpoint > 0 ? slices_send(r, piece) : whole_send(r, piece);
    if (err == ERR_OK && r->octets == r->total) {
        err = rtse_pass(r, (struct presentation_event){.primitive = P_ACTIVITY_END}, &r->serial);
        if (err == ERR_OK)
            err = rtse_all_given(r);
    }
    return err < 0 ? rtse_local_fault(r, "sending a transfer", err) : ERR_OK;
}

int rtse_send_checkpoint_cnf(void *ctx, void *v) {
    struct rtse *r = ctx;
    uint32_t serial = ((struct rtse_arg *)v)->event->serial;
    if (serial <= r->recovery.serial || serial > r->serial) {
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "confirmation of synchronization point %u, open are %u to %u",
                   serial, r->recovery.serial + 1, r->serial);
        return ERR_OK;
    }
    uint64_t stream = r->base_stream + (uint64_t)(serial - r->base_serial) * r->slice_size;
    if (stream > r->header + r->octets)
        stream = r->header + r->octets;
    r->recovery.serial = serial;
    r->recovery.stream = stream;
    r->recovery.octets_confirmed = stream > r->header ? stream - r->header : 0;
    rtse_progress(r);
    r->up->checkpoint_cnf(r->user, serial, r->recovery.octets_confirmed);
    return ERR_OK;
}

int rtse_send_end_cnf(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    rtse_timers_stop(r);
    r->kept = false;
    r->recovery.octets_confirmed = r->total;
    r->up->transfer_cnf(r->user, &(struct rtse_transfer_end){.ok = true, .octets = r->total});
    return ERR_OK;
}

// ---- giving up ----

static int give_up(struct rtse *r, bool interrupt) {
    int err = rtse_pass(r,
                        (struct presentation_event){.primitive = interrupt ? P_ACTIVITY_INTERRUPT : P_ACTIVITY_DISCARD,
                                                    .reason = SESSION_REASON_LOCAL},
                        NULL);
    if (err < 0)
        return err;
    r->interrupting = interrupt;
    r->transfer_deadline = 0;
    rtse_progress(r);
    return ERR_OK;
}

// r->failure says why already when it was a timeout.
int rtse_send_discard(void *ctx, void *v) {
    struct rtse *r = ctx;
    int err = give_up(r, false);
    if (err == ERR_OK)
        r->failure = *((struct rtse_arg *)v)->failure;
    return err;
}

int rtse_send_interrupt(void *ctx, void *v) {
    struct rtse *r = ctx;
    int err = give_up(r, true);
    if (err == ERR_OK)
        r->failure = *((struct rtse_arg *)v)->failure;
    return err;
}

// One that was resumed and got no further is not tried in this way again.
static bool worth_resuming(const struct rtse *r, const struct presentation_event *e) {
    return e->primitive == P_U_EXCEPTION_REPORT && e->reason == RTSE_EXCEPTION_NON_SPECIFIC &&
           r->recovery.serial > r->base_serial;
}

int rtse_send_exception(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct presentation_event *e = ((struct rtse_arg *)v)->event;
    bool user = e->primitive == P_U_EXCEPTION_REPORT;
    stack_failure_set(&r->failure, user ? STACK_RTSE : STACK_SESSION, true, user ? e->reason : -1,
                      "rtse: the receiver refused the transfer, reason %u (%s)", user ? e->reason : 0,
                      user ? session_exception_text(e->reason) : "its session provider saw a protocol error");
    r->failure.cause = ""; // those known are of RTORJ
    int err = give_up(r, worth_resuming(r, e));
    return err < 0 ? rtse_local_fault(r, "giving up a transfer", err) : ERR_OK;
}

int rtse_send_given_up(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    rtse_timers_stop(r);
    r->kept = r->interrupting && r->recovery.serial > 0;
    r->up->transfer_cnf(r->user, &(struct rtse_transfer_end){.resumable = r->kept,
                                                             .octets = r->recovery.octets_confirmed,
                                                             .failure = &r->failure});
    return ERR_OK;
}
