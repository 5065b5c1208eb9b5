// SPDX-License-Identifier: BSD-2-Clause
// RT-OPEN: RTORQ, RTOAC and RTORJ travel as user information of A-ASSOCIATE. An RTORQ that recovers a lost association
// names it by its session connection identifier and has no user data: there is no bind again.
#include <stdio.h>

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
    struct rtse_session_id *k = &r->session;
    keep_reference(k->user, &k->n_user, sizeof k->user, s->calling_ref);
    keep_reference(k->common, &k->n_common, sizeof k->common, s->common_ref);
    keep_reference(k->additional, &k->n_additional, sizeof k->additional, s->additional_ref);
    r->recovery.mode = r->x410 ? RTSE_X410 : RTSE_NORMAL;
}

// Whose the tokens are by a Token Setting Item: data, synchronize-minor and major/activity must be in one hand, since
// only all of them are the turn. What is left to choose is the initiator's. False: they are split.
static bool turn_of(struct rtse *r, uint8_t setting) {
    unsigned responders = 0;
    for (unsigned shift = 0; shift < 6; shift += 2)
        responders += (setting >> shift & 3) == SESSION_SIDE_RESPONDER;
    r->turn = r->initiator ? responders == 0 : responders == 3;
    return responders == 0 || responders == 3;
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
    struct buf b = {0}, id = {0};
    r->x410 = as.presentation.x410 = r->params.mode == RTSE_X410;
    r->protocol = r->params.protocol;
    r->context = r->user_context = -1;
    for (size_t i = 0; i < as.presentation.n_contexts; i++)
        if (bytes_equal(as.presentation.contexts[i].abstract_syntax, r->params.rtse_syntax))
            r->context = as.presentation.contexts[i].id;
    as.user_context = r->context;
    as.application_context = r->params.application_context;
    struct rtse_apdu rtorq = {.kind = RTSE_RTORQ,
                              .checkpoint = r->params.checkpoint,
                              .window = r->params.window,
                              .dialogue = (int)r->params.dialogue,
                              .protocol = r->x410 ? r->params.protocol : 0,
                              .recover = a->session != NULL,
                              .user_data = a->octets};
    int err = r->context < 0 && !r->x410 ? ERR_STATE : ERR_OK;
    if (err == ERR_OK && rtorq.recover)
        err = rtse_session_id_encode(&id, a->session);
    rtorq.session_id = buf_bytes(&id);
    if (err == ERR_OK)
        err = rtse_apdu_put(r, &b, &rtorq);
    if (err == ERR_OK)
        err = acse_associate_req(r->acse, &as, &b);
    if (err == ERR_OK) {
        r->opening = true;
        r->recovering = rtorq.recover;
        keep_references(r, &as.presentation.session);
    }
    buf_free(&id);
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
    struct rtse_apdu rtoac = {.kind = RTSE_RTOAC,
                              .checkpoint = r->checkpoint,
                              .window = r->window,
                              .recover = r->recovering,
                              .user_data = a->octets};
    struct buf id = {0};
    int err = r->recovering ? rtse_session_id_encode(&id, &r->recovered) : ERR_OK;
    rtoac.session_id = buf_bytes(&id);
    if (err == ERR_OK)
        err = answer_open(r, a, ACSE_ACCEPTED, ACSE_DIAGNOSTIC_NULL, &rtoac);
    buf_free(&id);
    return err;
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

static void indicate(struct rtse *r, const struct acse_associate *as, const struct rtse_apdu *rtorq) {
    r->proposed_checkpoint = rtorq->checkpoint;
    r->proposed_window = rtorq->window;
    r->two_way = rtorq->dialogue != RTSE_MONOLOGUE;
    r->recovering = rtorq->recover;
    r->protocol = rtorq->protocol;
    if (r->x410 && r->protocol == 0)
        r->protocol = RTSE_PROTOCOL_P1_1984; // the default of 1984
    keep_references(r, &as->presentation.session);
    struct rtse_open o = {.associate = as,
                          .checkpoint = rtorq->checkpoint,
                          .window = rtorq->window,
                          .dialogue = (enum rtse_dialogue)rtorq->dialogue,
                          .mode = r->x410 ? RTSE_X410 : RTSE_NORMAL,
                          .protocol = rtorq->protocol,
                          .turn = r->turn,
                          .recover = r->recovering ? &r->recovered : NULL,
                          .user_data = rtorq->user_data};
    r->up->open_ind(r->user, &o);
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
    } else if (!turn_of(r, as->presentation.session.token_setting)) {
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "A-ASSOCIATE with its tokens in two hands");
    } else if (rtorq.recover && rtse_session_id_decode(rtorq.session_id, &r->recovered) < 0) {
        refuse_open(r, ACSE_DIAGNOSTIC_NO_REASON, RTSE_REFUSE_CANNOT_RECOVER,
                    "the session connection to be recovered has no identifier that can be read");
    } else if (rtorq.dialogue == RTSE_MONOLOGUE ? r->params.refuse_monologue : r->params.refuse_two_way_alternate) {
        refuse_open(r, ACSE_DIAGNOSTIC_NO_REASON, RTSE_REFUSE_DIALOGUE_MODE,
                    rtorq.dialogue == RTSE_MONOLOGUE ? "the peer wants a monologue"
                                                     : "the peer wants two-way alternate dialogue");
    } else {
        indicate(r, as, &rtorq);
    }
    return ERR_OK;
}

// The contexts of RTSE or its user were refused.
static void contexts_refused(struct rtse *r, const struct presentation_connect *c) {
    struct stack_failure f;
    char which[100] = "";
    size_t n = 0;
    for (size_t i = 0; i < c->n_contexts && n < sizeof which; i++)
        if (c->contexts[i].result != PRESENTATION_ACCEPTANCE)
            n += (size_t)snprintf(which + n, sizeof which - n, "%s%d (%s)", n > 0 ? ", " : "", c->contexts[i].id,
                                  c->contexts[i].result == PRESENTATION_USER_REJECTION
                                      ? "by its user"
                                      : presentation_rejection_text(c->contexts[i].reason));
    rtse_send_rtab(r, RTSE_ABORT_PERMANENT_PROBLEM);
    stack_failure_set(&f, STACK_PRESENTATION, true, -1, "presentation: the peer refused the contexts %s", which);
    rtse_ended(r, &f);
}

int rtse_open_confirm(void *ctx, void *v) {
    struct rtse *r = ctx;
    const struct acse_associate *as = ((struct rtse_arg *)v)->associate;
    struct rtse_apdu rtoac;
    r->user_context = presentation_context_of(r->presentation, r->params.user_syntax);
    if (!r->x410 &&
        (r->user_context < 0 || presentation_context_of(r->presentation, r->params.rtse_syntax) != r->context)) {
        contexts_refused(r, &as->presentation);
        return ERR_OK;
    }
    if (rtse_apdu_get(r, RTSE_RTOAC, as->user_information, &rtoac) < 0 || (rtoac.recover && !r->recovering)) {
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "its answer holds no RTOAC that can be read");
        return ERR_OK;
    }
    if (!turn_of(r, as->presentation.session.token_setting)) {
        rtse_fault(r, RTSE_ABORT_PROTOCOL_ERROR, false, "its answer leaves the tokens in two hands");
        return ERR_OK;
    }
    r->opening = false;
    r->two_way = r->params.dialogue != RTSE_MONOLOGUE;
    r->checkpoint = agree_checkpoint(rtoac.checkpoint, r->params.checkpoint);
    r->window = agree_window(rtoac.window, r->params.window);
    struct rtse_open o = {.associate = as,
                          .accepted = true,
                          .checkpoint = r->checkpoint,
                          .window = r->window,
                          .dialogue = r->params.dialogue,
                          .mode = r->params.mode,
                          .turn = r->turn,
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
