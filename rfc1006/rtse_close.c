// SPDX-License-Identifier: BSD-2-Clause
// How an association of RTSE ends: RT-CLOSE by A-RELEASE, aborts by A-ABORT with an RTAB. And the turn, which is all
// tokens: P-TOKEN-PLEASE asks for it, P-CONTROL-GIVE hands it over.
#include <stdarg.h>
#include <stdio.h>

#include "rfc1006/rtse_actions.h"

// ---- faults and aborts ----

void rtse_send_rtab(struct rtse *r, int reason) {
    struct buf b = {0};
    if (r->x410 && (reason == RTSE_ABORT_PERMANENT_PROBLEM || reason == RTSE_ABORT_USER_ERROR))
        reason = RTSE_ABORT_LOCAL_SYSTEM_PROBLEM; // those are of normal mode
    if (rtse_apdu_put(r, &b, &(struct rtse_apdu){.kind = RTSE_RTAB, .reason = reason}) < 0)
        buf_clear(&b);
    acse_abort_req(r->acse, r->context, &b);
    buf_free(&b);
}

void rtse_timers_stop(struct rtse *r) {
    r->transfer_deadline = r->progress_deadline = 0;
}

// The association is over: its user hears it as the answer to RT-OPEN when that is still open.
void rtse_ended(struct rtse *r, const struct stack_failure *f) {
    bool opening = r->opening;
    rtse_close(r);
    if (opening) {
        struct rtse_open o = {.failure = *f};
        r->up->open_cnf(r->user, &o);
    } else {
        r->up->abort_ind(r->user, f);
    }
}

void rtse_fault(struct rtse *r, int reason, bool local, const char *fmt, ...) {
    struct stack_failure f;
    char what[120];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (rtse_closed(r) && !r->opening)
        return;
    rtse_send_rtab(r, reason);
    stack_failure_set(&f, STACK_RTSE, false, reason, "rtse: %s%s", local ? "" : "protocol error of the peer, ", what);
    f.local_fault = local;
    f.how = local ? STACK_FAILED : STACK_BROKEN;
    rtse_ended(r, &f);
}

int rtse_local_fault(struct rtse *r, const char *what, int err) {
    rtse_fault(r, RTSE_ABORT_LOCAL_SYSTEM_PROBLEM, true, "%s: %s", what, err_text(err));
    return ERR_OK;
}

int rtse_abort_send(void *ctx, void *v) {
    struct rtse *r = ctx;
    rtse_close(r);
    rtse_send_rtab(r, ((struct rtse_arg *)v)->reason);
    return ERR_OK;
}

static bool read_rtab(struct rtse *r, struct bytes octets, struct stack_failure *f) {
    struct rtse_apdu rtab;
    if (rtse_apdu_get(r, RTSE_RTAB, octets, &rtab) < 0)
        return false;
    stack_failure_set(f, STACK_RTSE, true, rtab.reason, "rtse: RTAB, reason %d (%s)", rtab.reason,
                      rtse_abort_text(rtab.reason));
    f->how = STACK_ABORTED;
    f->cause = ""; // those known are of RTORJ
    return rtab.reason == RTSE_ABORT_TRANSFER_COMPLETED;
}

int rtse_abort_indicate(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_arg *a = v;
    struct stack_failure f = *a->failure;
    read_rtab(r, a->octets, &f);
    rtse_ended(r, &f);
    return ERR_OK;
}

// The receiver says that the transfer was complete: its confirmation was lost before.
int rtse_abort_indicate_sending(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_arg *a = v;
    struct stack_failure f = *a->failure;
    if (read_rtab(r, a->octets, &f) && (r->base_serial > 0 || r->octets == r->total)) {
        r->kept = false;
        rtse_timers_stop(r);
        r->up->transfer_cnf(r->user, &(struct rtse_transfer_end){.ok = true, .octets = r->total});
    }
    rtse_ended(r, &f);
    return ERR_OK;
}

// ---- RT-CLOSE ----

int rtse_close_send(void *ctx, void *v) {
    (void)v;
    return acse_release_req(((struct rtse *)ctx)->acse);
}

int rtse_close_answer(void *ctx, void *v) {
    (void)v;
    return acse_release_rsp(((struct rtse *)ctx)->acse);
}

int rtse_close_indicate(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    r->up->close_ind(r->user);
    return ERR_OK;
}

int rtse_close_confirm(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    r->up->close_cnf(r->user);
    return ERR_OK;
}

// ---- the turn ----

// RTTP: the priority, an INTEGER; 0 is the highest, and what an absent one means.
int rtse_turn_ask(struct rtse *r) {
    struct buf b = {0};
    int err = tlv_put_int(&b, TLV_UNIVERSAL, TLV_INTEGER, r->priority);
    if (err == ERR_OK)
        err = presentation_event_req(r->presentation, &(struct presentation_event){.primitive = P_TOKEN_PLEASE,
                                                                                   .tokens = SESSION_TOKEN_DATA,
                                                                                   .value = &b,
                                                                                   .context = r->context});
    buf_free(&b);
    return err;
}

int rtse_turn_send(void *ctx, void *v) {
    struct rtse *r = ctx;
    r->priority = ((struct rtse_arg *)v)->serial;
    int err = rtse_skipping(r) ? ERR_OK : rtse_turn_ask(r); // session does not take it now: asked when that is over
    r->wanted |= err == ERR_OK;
    return err;
}

int rtse_turn_pass(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    int err = rtse_pass(r, (struct presentation_event){.primitive = P_CONTROL_GIVE}, NULL);
    if (err == ERR_OK)
        r->turn = false;
    return err;
}

int rtse_turn_indicate_wanted(void *ctx, void *v) {
    struct rtse *r = ctx;
    struct cursor c = cursor_of(((struct rtse_arg *)v)->event->user_data);
    struct tlv t;
    struct bytes value;
    int64_t priority;
    if (tlv_expect(&c, TLV_UNIVERSAL, TLV_INTEGER, &t, &value) < 0 || tlv_get_int(value, &priority) < 0 ||
        priority < 0 || priority > UINT32_MAX)
        priority = 0;
    if (r->turn) // else it crossed our giving it
        r->up->turn_please_ind(r->user, (uint32_t)priority);
    return ERR_OK;
}

int rtse_turn_indicate(void *ctx, void *v) {
    struct rtse *r = ctx;
    (void)v;
    r->turn = true;
    r->wanted = r->completed = false;
    r->up->turn_give_ind(r->user);
    return ERR_OK;
}
