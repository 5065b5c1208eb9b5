// SPDX-License-Identifier: BSD-2-Clause
// The association control protocol machine. States carry the names of X.227 (STA0 ... STA5). A release collision cannot
// happen: RTSE lets only the association's initiator release. A fault of the peer is answered with an ABRT by the
// provider.
#include "rfc1006/acse.h"

#include <stdio.h>

enum state { STA0, STA1, STA2, STA3, STA4, STA5, N_STATES };
enum event {
    A_ASSOCIATE_REQ, // from the user, up to ...
    A_ASSOCIATE_RSP,
    A_ASSOCIATE_RSP_REFUSE,
    A_RELEASE_REQ,
    A_RELEASE_RSP,
    A_ABORT_REQ, // ... here
    AARQ,
    AARQ_VERSION, // one that does not propose version 1
    AARE,
    AARE_REJECTED,
    P_CONNECT_REFUSED, // without an AARE
    RLRQ,
    RLRE,
    ABRT,
    P_P_ABORT,
    N_EVENTS
};

static const char *const state_names[] = {"STA0 idle",       "STA1 await AARE",    "STA2 await response",
                                          "STA3 await RLRE", "STA4 await release", "STA5 associated"};
static const char *const event_names[] = {
    "A-ASSOCIATE request",
    "A-ASSOCIATE response+",
    "A-ASSOCIATE response-",
    "A-RELEASE request",
    "A-RELEASE response",
    "A-ABORT request",
    "AARQ",
    "AARQ of another version",
    "AARE+",
    "AARE-",
    "P-CONNECT refused",
    "RLRQ",
    "RLRE",
    "ABRT",
    "P-P-ABORT",
};

struct arg {
    const struct acse_associate *associate;
    const struct presentation_connect *connect;
    const struct acse_apdu *apdu;
    const struct stack_failure *failure;
    int32_t user_context;
    struct buf *info;
};

static const uint8_t oid_acse[] = {0x52, 0x01, 0x00, 0x01}; // 2.2.1.0.1

// ---- actions ----

static int send_aarq(void *ctx, void *v) {
    struct acse *a = ctx;
    const struct arg *arg = v;
    const struct acse_associate *as = arg->associate;
    struct acse_apdu aarq = {.kind = ACSE_AARQ,
                             .application_context = as->application_context,
                             .implementation = as->implementation,
                             .user_context = as->user_context};
    a->context = -1;
    a->x410 = as->presentation.x410;
    if (a->x410)
        return presentation_connect_req(a->presentation, &as->presentation, -1, arg->info);
    for (size_t i = 0; i < as->presentation.n_contexts; i++)
        if (bytes_equal(as->presentation.contexts[i].abstract_syntax, a->abstract_syntax))
            a->context = as->presentation.contexts[i].id;
    int err = a->context < 0 ? ERR_STATE : acse_apdu_encode(arg->info, &aarq);
    return err == ERR_OK ? presentation_connect_req(a->presentation, &as->presentation, a->context, arg->info) : err;
}

static int send_aare(void *ctx, void *v) {
    struct acse *a = ctx;
    const struct arg *arg = v;
    const struct acse_associate *as = arg->associate;
    struct presentation_connect c = as->presentation;
    struct acse_apdu aare = {.kind = ACSE_AARE,
                             .application_context = as->application_context,
                             .implementation = as->implementation,
                             .result = as->result,
                             .source = as->source,
                             .diagnostic = as->diagnostic,
                             .user_context = as->user_context};
    c.refused = as->result != ACSE_ACCEPTED;
    int err = a->x410 ? ERR_OK : acse_apdu_encode(arg->info, &aare);
    return err == ERR_OK ? presentation_connect_rsp(a->presentation, &c, a->context, arg->info) : err;
}

static int send_release(struct acse *a, enum acse_kind kind) {
    struct buf b = {0};
    int err = a->x410 ? ERR_OK : acse_apdu_encode(&b, &(struct acse_apdu){.kind = kind});
    if (err == ERR_OK)
        err = kind == ACSE_RLRQ ? presentation_release_req(a->presentation, a->context, &b)
                                : presentation_release_rsp(a->presentation, a->context, &b);
    buf_free(&b);
    return err;
}

static int send_rlrq(void *ctx, void *v) {
    (void)v;
    return send_release(ctx, ACSE_RLRQ);
}

static int send_rlre(void *ctx, void *v) {
    (void)v;
    return send_release(ctx, ACSE_RLRE);
}

static int send_abrt(void *ctx, void *v) {
    struct acse *a = ctx;
    const struct arg *arg = v;
    struct buf none = {0}, *info = arg->info != NULL ? arg->info : &none;
    int err = a->x410
                  ? ERR_OK
                  : acse_apdu_encode(info, &(struct acse_apdu){.kind = ACSE_ABRT, .user_context = arg->user_context});
    err = presentation_u_abort_req(a->presentation, a->context, err == ERR_OK ? info : NULL);
    buf_free(&none);
    return err;
}

// A fault of the peer: ABRT by the provider, and the user is told.
static void provider_abort(struct acse *a, const char *what) {
    struct buf b = {0};
    struct stack_failure f;
    a->fsm.state = STA0;
    int err = a->x410 ? ERR_STATE : acse_apdu_encode(&b, &(struct acse_apdu){.kind = ACSE_ABRT, .abort_source = 1});
    presentation_u_abort_req(a->presentation, a->context, err == ERR_OK ? &b : NULL);
    buf_free(&b);
    stack_failure_set(&f, STACK_ASSOCIATION, false, -1, "association: protocol error of the peer, %s", what);
    f.how = STACK_BROKEN;
    a->up->abort_ind(a->user, &f, bytes_of(NULL, 0));
}

static int unlisted(void *ctx, uint8_t event, void *arg) {
    struct acse *a = ctx;
    char what[80];
    (void)arg;
    if (event <= A_ABORT_REQ)
        return ERR_STATE;
    if (a->fsm.state == STA0)
        return ERR_OK;
    snprintf(what, sizeof what, "%s in state %s", event_names[event], state_names[a->fsm.state]);
    provider_abort(a, what);
    return ERR_OK;
}

// What an AARQ or AARE says; in an AARQ result and diagnostic are 0.
static struct acse_associate associate_of(const struct arg *arg) {
    return (struct acse_associate){.presentation = *arg->connect,
                                   .application_context = arg->apdu->application_context,
                                   .implementation = arg->apdu->implementation,
                                   .user_context = (int32_t)arg->apdu->user_context,
                                   .user_information = arg->apdu->user_information,
                                   .result = arg->apdu->result,
                                   .source = arg->apdu->source,
                                   .diagnostic = arg->apdu->diagnostic};
}

static int indicate_associate(void *ctx, void *v) {
    struct acse *a = ctx;
    struct acse_associate as = associate_of(v);
    a->up->associate_ind(a->user, &as);
    return ERR_OK;
}

// The provider's own refusal; the user hears of it as of an association that ended.
static int reject_version(void *ctx, void *v) {
    struct acse *a = ctx;
    struct stack_failure f;
    struct buf none = {0};
    struct acse_associate as = {.application_context = ((struct arg *)v)->apdu->application_context,
                                .result = ACSE_REJECTED_PERMANENT,
                                .source = ACSE_SERVICE_PROVIDER,
                                .diagnostic = ACSE_DIAGNOSTIC_NO_VERSION};
    if (send_aare(a, &(struct arg){.associate = &as, .info = &none}) < 0)
        presentation_u_abort_req(a->presentation, a->context, NULL);
    buf_free(&none);
    stack_failure_set(&f, STACK_ASSOCIATION, false, as.source * 100 + as.diagnostic, "association: refused, %s",
                      acse_diagnostic_text(as.source, as.diagnostic));
    a->up->abort_ind(a->user, &f, bytes_of(NULL, 0));
    return ERR_OK;
}

static int confirm_associate(void *ctx, void *v) {
    struct acse *a = ctx;
    struct acse_associate as = associate_of(v);
    if (as.result != ACSE_ACCEPTED)
        stack_failure_set(&as.failure, STACK_ASSOCIATION, true, as.source * 100 + as.diagnostic,
                          "association: AARE, %s by the peer's %s, diagnostic %d (%s)",
                          as.result == ACSE_REJECTED_TRANSIENT ? "rejected for now" : "rejected",
                          as.source == ACSE_SERVICE_USER ? "user" : "provider", as.diagnostic,
                          acse_diagnostic_text(as.source, as.diagnostic));
    a->up->associate_cnf(a->user, &as);
    return ERR_OK;
}

static int confirm_refused(void *ctx, void *v) {
    struct acse *a = ctx;
    const struct arg *arg = v;
    struct acse_associate as = {.presentation = *arg->connect, .result = ACSE_REJECTED_PERMANENT, .user_context = -1};
    as.failure = arg->connect->failure;
    a->up->associate_cnf(a->user, &as);
    return ERR_OK;
}

static int indicate_release(void *ctx, void *v) {
    struct acse *a = ctx;
    (void)v;
    a->up->release_ind(a->user);
    return ERR_OK;
}

static int confirm_release(void *ctx, void *v) {
    struct acse *a = ctx;
    (void)v;
    a->up->release_cnf(a->user);
    return ERR_OK;
}

static int indicate_abort(void *ctx, void *v) {
    struct acse *a = ctx;
    const struct arg *arg = v;
    struct stack_failure f;
    bool provider = arg->apdu != NULL && arg->apdu->abort_source == 1;
    stack_failure_set(&f, STACK_ASSOCIATION, true, provider, "%s: aborted by the peer's %s",
                      a->x410 ? "rtse" : "association", provider ? "provider (it saw a protocol error)" : "user");
    f.how = STACK_ABORTED;
    a->up->abort_ind(a->user, &f, arg->apdu != NULL ? arg->apdu->user_information : bytes_of(NULL, 0));
    return ERR_OK;
}

static int indicate_p_abort(void *ctx, void *v) {
    struct acse *a = ctx;
    a->up->abort_ind(a->user, ((struct arg *)v)->failure, bytes_of(NULL, 0));
    return ERR_OK;
}

#define ROW(s, e, a, n)                                                                                                \
    { s, e, NULL, a, n, "X.227 annex A, as ISODE++ has it" }
#define ABORTS(s)                                                                                                      \
    ROW(s, A_ABORT_REQ, send_abrt, STA0), ROW(s, ABRT, indicate_abort, STA0), ROW(s, P_P_ABORT, indicate_p_abort, STA0)
static const struct fsm_row rows[] = {
    ROW(STA0, A_ASSOCIATE_REQ, send_aarq, STA1),
    ROW(STA0, AARQ, indicate_associate, STA2),
    ROW(STA0, AARQ_VERSION, reject_version, STA0),
    ROW(STA0, P_P_ABORT, indicate_p_abort, STA0), // a connection that ended before its AARQ was seen
    {STA1, AARE, NULL, confirm_associate, STA5, "capture"},
    ROW(STA1, AARE_REJECTED, confirm_associate, STA0),
    ROW(STA1, P_CONNECT_REFUSED, confirm_refused, STA0),
    ABORTS(STA1),
    {STA2, A_ASSOCIATE_RSP, NULL, send_aare, STA5, "capture"},
    ROW(STA2, A_ASSOCIATE_RSP_REFUSE, send_aare, STA0),
    ABORTS(STA2),
    {STA5, A_RELEASE_REQ, NULL, send_rlrq, STA3, "capture"},
    {STA5, RLRQ, NULL, indicate_release, STA4, "capture"},
    ABORTS(STA5),
    {STA3, RLRE, NULL, confirm_release, STA0, "capture"},
    ABORTS(STA3),
    {STA4, A_RELEASE_RSP, NULL, send_rlre, STA0, "capture"},
    ABORTS(STA4),
};

const struct fsm_table acse_fsm = {
    "acse", state_names, N_STATES, event_names, N_EVENTS, rows, sizeof rows / sizeof *rows, unlisted};

// ---- from above ----

static int request(struct acse *a, enum event e, struct arg *arg) {
    uint8_t before = a->fsm.state;
    int err = fsm_step(&a->fsm, (uint8_t)e, arg);
    if (err < 0)
        a->fsm.state = before;
    return err;
}

int acse_associate_req(struct acse *a, const struct acse_associate *as, struct buf *info) {
    return request(a, A_ASSOCIATE_REQ, &(struct arg){.associate = as, .info = info});
}

int acse_associate_rsp(struct acse *a, const struct acse_associate *as, struct buf *info) {
    return request(a, as->result == ACSE_ACCEPTED ? A_ASSOCIATE_RSP : A_ASSOCIATE_RSP_REFUSE,
                   &(struct arg){.associate = as, .info = info});
}

int acse_release_req(struct acse *a) {
    return request(a, A_RELEASE_REQ, &(struct arg){.info = NULL});
}
int acse_release_rsp(struct acse *a) {
    return request(a, A_RELEASE_RSP, &(struct arg){.info = NULL});
}

int acse_abort_req(struct acse *a, int32_t user_context, struct buf *info) {
    return request(a, A_ABORT_REQ, &(struct arg){.user_context = user_context, .info = info});
}

// ---- from presentation ----

// What stands for an APDU in X.410 mode.
static struct acse_apdu bare(enum acse_kind kind, struct bytes user_information) {
    return (struct acse_apdu){.kind = kind, .user_context = -1, .user_information = user_information};
}

static void on_connect_ind(void *user, const struct presentation_connect *c) {
    struct acse *a = user;
    struct acse_apdu apdu;
    a->x410 = c->x410;
    if (a->x410) {
        apdu = bare(ACSE_AARQ, c->user_data);
        fsm_step(&a->fsm, AARQ, &(struct arg){.connect = c, .apdu = &apdu});
        return;
    }
    a->context = (int32_t)c->context;
    if (a->context < 0)
        a->context = presentation_context_of(a->presentation, a->abstract_syntax);
    if (acse_apdu_decode(c->user_data, &apdu) < 0 || apdu.kind != ACSE_AARQ)
        provider_abort(a, "P-CONNECT without an AARQ that can be read");
    else
        fsm_step(&a->fsm, apdu.version_1 ? AARQ : AARQ_VERSION, &(struct arg){.connect = c, .apdu = &apdu});
}

static void on_connect_cnf(void *user, const struct presentation_connect *c) {
    struct acse *a = user;
    struct acse_apdu apdu;
    struct arg arg = {.connect = c, .apdu = &apdu};
    if (a->x410) {
        apdu = bare(ACSE_AARE, c->user_data);
        apdu.result = c->refused ? ACSE_REJECTED_PERMANENT : ACSE_ACCEPTED;
        apdu.source = ACSE_SERVICE_USER;
    }
    bool readable = a->x410 ? c->user_data.p != NULL
                            : c->user_data.p != NULL && acse_apdu_decode(c->user_data, &apdu) == ERR_OK &&
                                  apdu.kind == ACSE_AARE && c->refused == (apdu.result != ACSE_ACCEPTED);
    if (readable)
        fsm_step(&a->fsm, c->refused ? AARE_REJECTED : AARE, &arg);
    else if (c->refused)
        fsm_step(&a->fsm, P_CONNECT_REFUSED, &arg);
    else
        provider_abort(a, "P-CONNECT confirm without an AARE that can be read");
}

static void on_release(struct acse *a, struct bytes value, enum event e) {
    struct acse_apdu apdu;
    // Release without an APDU (X.410 mode has none), or with one that cannot be read, is still a release (its reason is
    // all it would say).
    if (!a->x410 && value.p != NULL && acse_apdu_decode(value, &apdu) == ERR_OK &&
        apdu.kind != (e == RLRQ ? ACSE_RLRQ : ACSE_RLRE))
        provider_abort(a, "another APDU where release was expected");
    else
        fsm_step(&a->fsm, (uint8_t)e, &(struct arg){.info = NULL});
}

static void on_release_ind(void *user, struct bytes value) {
    on_release(user, value, RLRQ);
}
static void on_release_cnf(void *user, struct bytes value) {
    on_release(user, value, RLRE);
}

static void on_u_abort_ind(void *user, struct bytes value) {
    struct acse *a = user;
    struct acse_apdu apdu;
    bool readable = value.p != NULL && !a->x410 && acse_apdu_decode(value, &apdu) == ERR_OK && apdu.kind == ACSE_ABRT;
    if (a->x410) {
        apdu = bare(ACSE_ABRT, value);
        readable = true;
    }
    fsm_step(&a->fsm, ABRT, &(struct arg){.apdu = readable ? &apdu : NULL});
}

static void on_p_abort_ind(void *user, const struct stack_failure *f) {
    struct acse *a = user;
    fsm_step(&a->fsm, P_P_ABORT, &(struct arg){.failure = f});
}

const struct presentation_acse_user acse_presentation_user = {
    on_connect_ind, on_connect_cnf, on_release_ind, on_release_cnf, on_u_abort_ind, on_p_abort_ind,
};

void acse_init(struct acse *a, struct presentation *p, const struct acse_user *up, void *user) {
    *a = (struct acse){.abstract_syntax = bytes_of(oid_acse, sizeof oid_acse),
                       .up = up,
                       .user = user,
                       .presentation = p,
                       .context = -1};
    a->fsm = (struct fsm){.table = &acse_fsm, .ctx = a, .state = STA0};
}
