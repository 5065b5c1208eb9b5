// SPDX-License-Identifier: BSD-2-Clause
// RT-OPEN: RTORQ, RTOAC and RTORJ travel as user information of A-ASSOCIATE. Two-way alternate and recovery are refused
// as the standard provides: RTORJ with their reason.
#include "rfc1006/rtse_actions.h"

int rtse_apdu_put(const struct rtse *r, struct buf *b, const struct rtse_apdu *a) {
    return r->x410 ? rtse_members_encode(b, a) : rtse_apdu_encode(b, a);
}

int rtse_apdu_get(const struct rtse *r, enum rtse_kind kind, struct bytes in, struct rtse_apdu *out) {
    if (in.p == NULL)
        return ERR_ABSENT;
    int err = r->x410 ? rtse_members_decode(kind, in, out) : rtse_apdu_decode(in, out);
    return err == ERR_OK && out->kind != kind ? ERR_SYNTAX : err;
}

static void keep_reference(uint8_t *to, uint8_t *n, size_t size, struct bytes from) {
    *n = (uint8_t)(from.n < size ? from.n : size);
    if (*n > 0)
        memcpy(to, from.p, *n);
}

// The session connection identifier: user reference is the calling one, by which both sides know the connection.
static void keep_references(struct rtse *r, const struct session_connect *s) {
    struct rtse_recovery *k = &r->recovery;
    keep_reference(k->user_reference, &k->n_user_reference, sizeof k->user_reference, s->calling_ref);
    keep_reference(k->common_reference, &k->n_common_reference, sizeof k->common_reference, s->common_ref);
    keep_reference(k->additional_reference, &k->n_additional_reference, sizeof k->additional_reference,
                   s->additional_ref);
}

// Smaller of the two proposals; 0 stands for no checkpoints, in which case there are none.
static uint32_t agree_checkpoint(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t agree_window(uint32_t a, uint32_t b) {
    uint32_t w = a < b ? a : b;
    return w == 0 ? 1 : w > RTSE_WINDOW_MAX ? RTSE_WINDOW_MAX : w;
}

int rtse_open_send(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_arg *a = v;
    struct acse_associate as = *a->associate;
    struct buf b = {0};
    r->x410 = as.presentation.x410 = r->params.mode == RTSE_X410;
    r->context = r->user_context = -1;
    for (size_t i = 0; i < as.presentation.n_contexts; i++)
        if (bytes_equal(as.presentation.contexts[i].abstract_syntax, r->params.rtse_syntax))
            r->context = as.presentation.contexts[i].id;
    as.user_context = r->context;
    as.application_context = r->params.application_context;
    int err = r->context < 0 && !r->x410
                  ? ERR_STATE
                  : rtse_apdu_put(r, &b,
                                  &(struct rtse_apdu){.kind = RTSE_RTORQ,
                                                      .checkpoint = r->params.checkpoint,
                                                      .window = r->params.window,
                                                      .dialogue = RTSE_MONOLOGUE,
                                                      .protocol = r->x410 ? r->params.protocol : 0,
                                                      .user_data = a->octets});
    if (err == ERR_OK)
        err = acse_associate_req(r->acse, &as, &b);
    if (err == ERR_OK) {
        r->opening = true;
        keep_references(r, &as.presentation.session);
    }
    buf_free(&b);
    return err;
}

static int answer_open(struct rtse *r, const struct rtse_arg *a, int result, int diagnostic,
                       const struct rtse_apdu *apdu) {
    struct acse_associate as = *a->associate;
    struct buf b = {0};
    as.user_context = r->context;
    as.application_context = r->params.application_context;
    as.result = result;
    as.source = ACSE_SERVICE_USER;
    as.diagnostic = diagnostic;
    int err = apdu == NULL ? ERR_OK : rtse_apdu_put(r, &b, apdu);
    if (err == ERR_OK)
        err = acse_associate_rsp(r->acse, &as, &b);
    buf_free(&b);
    return err;
}

int rtse_open_accept(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_arg *a = v;
    r->checkpoint = agree_checkpoint(r->proposed_checkpoint, r->params.checkpoint);
    r->window = agree_window(r->proposed_window, r->params.window);
    return answer_open(
        r, a, ACSE_ACCEPTED, ACSE_DIAGNOSTIC_NULL,
        &(struct rtse_apdu){
            .kind = RTSE_RTOAC, .checkpoint = r->checkpoint, .window = r->window, .user_data = a->octets});
}

int rtse_open_send_refusal(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct rtse_arg *a = v;
    bool later = a->octets.p == NULL && a->reason == RTSE_REFUSE_BUSY;
    struct rtse_apdu rtorj = {.kind = RTSE_RTORJ, .reason = a->reason};
    if (r->x410 && rtorj.reason < 0) // it is all that this mode can say
        rtorj.reason = RTSE_REFUSE_VALIDATION_FAILURE;
    if (!r->x410 && a->octets.p != NULL) {
        rtorj.reason = RTSE_REFUSE_NONE;
        rtorj.user_data = a->octets;
    }
    return answer_open(r, a, later ? ACSE_REJECTED_TRANSIENT : ACSE_REJECTED_PERMANENT, ACSE_DIAGNOSTIC_NO_REASON,
                       &rtorj);
}

// Refuses in place of the user, who is told afterwards. diagnostic other than no-reason: an AARE without RTORJ.
static void refuse_open(struct rtse *r, int diagnostic, int reason, const char *why) {
    struct acse_associate as = {.result = ACSE_REJECTED_PERMANENT};
    struct rtse_apdu rtorj = {.kind = RTSE_RTORJ, .reason = reason};
    struct stack_failure f;
    bool plain = !r->x410 && (diagnostic != ACSE_DIAGNOSTIC_NO_REASON || r->context < 0);
    rtse_close(r);
    if (answer_open(r, &(struct rtse_arg){.associate = &as}, as.result, diagnostic, plain ? NULL : &rtorj) < 0)
        rtse_send_rtab(r, RTSE_ABORT_LOCAL_SYSTEM_PROBLEM);
    stack_failure_set(&f, plain ? STACK_ASSOCIATION : STACK_RTSE, false, plain ? diagnostic : reason, "%s: refused, %s",
                      plain ? "association" : "rtse", why);
    r->up->abort_ind(r->user, &f);
}

int rtse_open_indicate(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct acse_associate *as = ((struct rtse_arg *)v)->associate;
    struct rtse_apdu rtorq;
    r->x410 = as->presentation.x410;
    r->context = presentation_context_of(r->presentation, r->params.rtse_syntax);
    r->user_context = presentation_context_of(r->presentation, r->params.user_syntax);
    if (!r->x410 && !bytes_equal(as->application_context, r->params.application_context)) {
        refuse_open(r, ACSE_DIAGNOSTIC_APPLICATION_CONTEXT, -1, "the application context is not ours");
    } else if (!r->x410 && (r->context < 0 || r->user_context < 0)) {
        r->context = -1;
        refuse_open(r, ACSE_DIAGNOSTIC_NO_REASON, -1, "no presentation context for RTSE or its user was proposed");
    } else if (rtse_apdu_get(r, RTSE_RTORQ, as->user_information, &rtorq) < 0) {
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "A-ASSOCIATE without an RTORQ that can be read");
    } else if (rtorq.recover) {
        refuse_open(r, ACSE_DIAGNOSTIC_NO_REASON, RTSE_REFUSE_CANNOT_RECOVER, "recovery is not available");
    } else if (rtorq.dialogue != RTSE_MONOLOGUE) {
        refuse_open(r, ACSE_DIAGNOSTIC_NO_REASON, RTSE_REFUSE_DIALOGUE_MODE,
                    "the peer wants two-way alternate dialogue");
    } else {
        r->proposed_checkpoint = rtorq.checkpoint;
        r->proposed_window = rtorq.window;
        keep_references(r, &as->presentation.session);
        struct rtse_open o = {.associate = as,
                              .checkpoint = rtorq.checkpoint,
                              .window = rtorq.window,
                              .dialogue = RTSE_MONOLOGUE,
                              .mode = r->x410 ? RTSE_X410 : RTSE_NORMAL,
                              .protocol = rtorq.protocol,
                              .user_data = rtorq.user_data};
        r->up->open_ind(r->user, &o);
    }
    return ERR_OK;
}

int rtse_open_confirm(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct acse_associate *as = ((struct rtse_arg *)v)->associate;
    struct rtse_apdu rtoac;
    struct stack_failure f;
    r->user_context = presentation_context_of(r->presentation, r->params.user_syntax);
    if (!r->x410 &&
        (r->user_context < 0 || presentation_context_of(r->presentation, r->params.rtse_syntax) != r->context)) {
        rtse_send_rtab(r, RTSE_ABORT_PERMANENT_PROBLEM);
        stack_failure_set(&f, STACK_PRESENTATION, true, -1,
                          "presentation: the peer accepted the connection but not the contexts of RTSE and its user");
        rtse_ended(r, &f);
        return ERR_OK;
    }
    if (rtse_apdu_get(r, RTSE_RTOAC, as->user_information, &rtoac) < 0 || rtoac.recover) {
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "its answer holds no RTOAC that can be read");
        return ERR_OK;
    }
    r->opening = false;
    r->checkpoint = agree_checkpoint(rtoac.checkpoint, r->params.checkpoint);
    r->window = agree_window(rtoac.window, r->params.window);
    struct rtse_open o = {.associate = as,
                          .accepted = true,
                          .checkpoint = r->checkpoint,
                          .window = r->window,
                          .dialogue = RTSE_MONOLOGUE,
                          .mode = r->params.mode,
                          .user_data = rtoac.user_data};
    r->up->open_cnf(r->user, &o);
    return ERR_OK;
}

int rtse_open_confirm_refused(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct acse_associate *as = ((struct rtse_arg *)v)->associate;
    struct rtse_apdu rtorj;
    struct rtse_open o = {.associate = as, .failure = as->failure};
    r->opening = false;
    if (rtse_apdu_get(r, RTSE_RTORJ, as->user_information, &rtorj) == ERR_OK) {
        o.user_data = rtorj.user_data;
        if (rtorj.user_data.p != NULL)
            stack_failure_set(&o.failure, STACK_RTSE, true, rtorj.reason, "rtse: RTORJ, refused by the peer's user");
        else
            stack_failure_set(&o.failure, STACK_RTSE, true, rtorj.reason, "rtse: RTORJ, reason %d (%s)", rtorj.reason,
                              rtse_refuse_text(rtorj.reason));
    }
    r->up->open_cnf(r->user, &o);
    return ERR_OK;
}

// ---- texts ----

#define TEXT(table, i) ((i) >= 0 && (size_t)(i) < sizeof(table) / sizeof *(table) ? (table)[i] : "unknown reason")

const char *rtse_refuse_text(int reason) {
    static const char *const text[] = {"busy", "cannot recover", "validation failure", "unacceptable dialogue mode"};
    return reason < 0 ? "no reason given" : TEXT(text, reason);
}

const char *rtse_abort_text(int reason) {
    static const char *const text[] = {"local system problem", "invalid parameter", "unrecognized activity",
                                       "temporary problem",    "protocol error",    "permanent problem",
                                       "user error",           "transfer completed"};
    return TEXT(text, reason);
}

const char *rtse_exception_text(int reason) {
    return session_exception_text((uint8_t)reason);
}
