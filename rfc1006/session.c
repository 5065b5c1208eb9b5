// SPDX-License-Identifier: BSD-2-Clause
// The session layer's requests and responses, its face towards tp0, and its timers. Every request is checked against
// the state table first, then encoded into its user data's buffer, then stepped: a request that fails changed nothing.
#include "rfc1006/session.h"

#include "base/err.h"
#include "rfc1006/session_fsm.h"

enum { REF_USER_MAX = 64, REF_COMMON_MAX = 64, REF_ADDITIONAL_MAX = 4, SSEL_MAX = 16, ACTIVITY_ID_MAX = 6 };
enum { DT_PREFIX = 7, COLLECT_DEFAULT = SPDU_LENGTH_MAX };

static const uint8_t prefix_gt[2] = {SI_GT, 0}, prefix_pt[2] = {SI_PT, 0};

const char *session_refusal_text(uint8_t reason) {
    switch (reason) {
    case SESSION_REFUSED_BY_USER: return "rejection by called SS-user, reason not specified";
    case SESSION_REFUSED_CONGESTION: return "rejection by called SS-user due to temporary congestion";
    case SESSION_REFUSED_WITH_DATA: return "rejection by called SS-user";
    case SESSION_REFUSED_SSEL_UNKNOWN: return "session selector unknown";
    case SESSION_REFUSED_NOT_ATTACHED: return "SS-user not attached to SSAP";
    case SESSION_REFUSED_SPM_CONGESTION: return "SPM congestion at connect time";
    case SESSION_REFUSED_VERSION: return "proposed protocol versions not supported";
    case SESSION_REFUSED_BY_SPM: return "rejection by the SPM, reason not specified";
    case SESSION_REFUSED_RESTRICTION: return "rejection by the SPM, implementation restriction";
    default: return "unknown reason";
    }
}

const char *session_exception_text(uint8_t reason) {
    switch (reason) {
    case SESSION_REASON_NONSPECIFIC: return "non-specific error";
    case SESSION_REASON_RECEIVING_ABILITY: return "user receiving ability jeopardized";
    case SESSION_REASON_SEQUENCE: return "user sequence error";
    case SESSION_REASON_LOCAL: return "local SS-user error";
    case SESSION_REASON_PROCEDURAL: return "unrecoverable procedural error";
    case SESSION_REASON_DEMAND_DATA_TOKEN: return "demand data token";
    case SESSION_REASON_ABSENT: return "no reason given";
    default: return "unknown reason";
    }
}

void session_params_default(struct session_params *p) {
    *p = (struct session_params){.versions = SESSION_VERSION_1 | SESSION_VERSION_2,
                                 .send_protocol_options = true,
                                 .send_transport_disconnect = true,
                                 .connect_ms = 60000,
                                 .release_ms = 60000,
                                 .abort_ms = 10000};
}

void session_init(struct session *s, const struct session_params *p, const struct session_user *up, void *user,
                  struct tp0 *tp) {
    *s = (struct session){.params = *p, .up = up, .user = user, .tp = tp, .rx = {.first = true}};
    s->fsm = (struct fsm){.table = &session_table, .ctx = s, .state = STA01};
    if (s->params.collect_limit == 0)
        s->params.collect_limit = COLLECT_DEFAULT;
}

void session_free(struct session *s) {
    buf_free(&s->connect_spdu);
    buf_free(&s->rx.params);
}

bool session_over(const struct session *s) {
    return s->fsm.state == STA_OVER;
}

uint64_t session_deadline(const struct session *s) {
    return s->timer_ms != 0 ? 1 : s->deadline;
}

void session_tick(struct session *s, uint64_t now_ms) {
    if (s->timer_ms != 0) {
        s->deadline = now_ms + s->timer_ms;
        s->timer_ms = 0;
    }
    if (s->deadline != 0 && now_ms >= s->deadline) {
        s->deadline = 0;
        fsm_step(&s->fsm, EV_TIM, &(struct session_ev){0});
    }
}

// --- towards tp0

static void transport_connect_ind(void *user, const struct tp0_connect *c) {
    struct session *s = user;
    uint8_t refusal = s->params.accept_transport ? s->params.accept_transport(s->params.accept_ctx, c) : 0;
    if (refusal != 0 || tp0_connect_rsp(s->tp) < 0) {
        tp0_disconnect_req(s->tp, refusal ? refusal : TP0_REASON_CONGESTION_AT_TSAP);
        fsm_step(&s->fsm, EV_TDISIND, &(struct session_ev){0});
    } else
        fsm_step(&s->fsm, EV_TCONIND, &(struct session_ev){0});
}

static void transport_connect_cnf(void *user, const struct tp0_connect *c) {
    struct session *s = user;
    (void)c;
    fsm_step(&s->fsm, EV_TCONCNF, &(struct session_ev){0});
}

static void transport_data_ind(void *user, struct bytes piece, bool last) {
    session_rx_input(user, piece, last);
}

static void transport_disconnect_ind(void *user, const struct tp0_disconnect *d) {
    struct session *s = user;
    fsm_step(&s->fsm, EV_TDISIND, &(struct session_ev){.why = d->text});
}

const struct tp0_user session_tp0_user = {transport_connect_ind, transport_connect_cnf, transport_data_ind,
                                          transport_disconnect_ind};

// --- requests

struct request {
    uint8_t event, si;
    uint8_t data_pi;       // where user data go, 0: this SPDU has none
    const uint8_t *prefix; // category 0 SPDU in front, or NULL
    struct spdu_out out;
    struct session_ev ev;
};

// Whether so much user data fit the SPDU in the version in force; before there is one, in the best one proposed.
static bool data_fits(const struct session *s, const struct request *r, size_t n) {
    bool v2 = s->version ? s->version == 2 : (s->params.versions & SESSION_VERSION_2) != 0;
    if (n == 0 || r->data_pi == 0)
        return n == 0;
    if (v2)
        return r->si != SI_CN || n <= SPDU_CONNECT_DATA;
    return n <= (r->si == SI_AB && r->event == EV_SUABREQ ? SPDU_ABORT_DATA_V1 : SPDU_USER_DATA_V1);
}

static int request(struct session *s, struct request *r, struct buf *ud) {
    struct buf none = {0};
    if (ud == NULL)
        ud = &none;
    if (fsm_find(&s->fsm, r->event, &r->ev) == NULL)
        return fsm_step(&s->fsm, r->event, &r->ev); // ERR_STATE, and seen by the trace
    if (!data_fits(s, r, ud->len))
        return ERR_LIMIT;
    size_t total = ud->len + SPDU_HEADER_ROOM;
    if (s->tsdu_max != 0 && ud->len + r->out.n + 16 > s->tsdu_max && r->event != EV_SCONRSP)
        return ERR_LIMIT; // only DT is segmented
    int result = tp0_reserve(s->tp, total, 1);
    if (result >= 0)
        result = spdu_wrap(ud, r->si, &r->out, r->data_pi, r->prefix, r->prefix ? 2 : 0);
    if (result >= 0) {
        r->ev.tsdu = ud;
        result = fsm_step(&s->fsm, r->event, &r->ev);
    }
    buf_free(&none);
    return result;
}

static bool fits(struct bytes b, size_t max) {
    return b.n <= max;
}

static void put_references(struct spdu_out *o, uint8_t user_pi, struct bytes user, const struct session_connect *c) {
    spdu_group_begin(o, PGI_CONNECTION_ID);
    spdu_put(o, user_pi, user);
    spdu_put(o, PI_COMMON_REF, c->common_ref);
    spdu_put(o, PI_ADDITIONAL_REF, c->additional_ref);
    spdu_group_end(o);
}

static bool connect_fits(const struct session_connect *c) {
    return fits(c->calling_ref, REF_USER_MAX) && fits(c->called_ref, REF_USER_MAX) &&
           fits(c->common_ref, REF_COMMON_MAX) && fits(c->additional_ref, REF_ADDITIONAL_MAX) &&
           fits(c->calling_ssel, SSEL_MAX) && fits(c->called_ssel, SSEL_MAX) && c->initial_serial <= SPDU_SERIAL_MAX;
}

// The Connect/Accept Item and what follows it, in the order of the standard's tables.
static void put_connect(const struct session *s, struct spdu_out *o, const struct session_connect *c, bool tsdu_max,
                        uint16_t to_responder, uint16_t to_initiator, uint8_t versions, uint8_t setting) {
    const uint8_t sizes[4] = {(uint8_t)(to_responder >> 8), (uint8_t)to_responder, (uint8_t)(to_initiator >> 8),
                              (uint8_t)to_initiator};
    spdu_group_begin(o, PGI_CONNECT_ACCEPT);
    if (s->params.send_protocol_options)
        spdu_put_u8(o, PI_PROTOCOL_OPTIONS, 0);
    if (tsdu_max)
        spdu_put(o, PI_TSDU_MAX, bytes_of(sizes, sizeof sizes));
    spdu_put_u8(o, PI_VERSION, versions);
    if (c->has_initial_serial)
        spdu_put_serial(o, PI_INITIAL_SERIAL, c->initial_serial);
    spdu_put_u8(o, PI_TOKEN_SETTING, setting);
    spdu_group_end(o);
    spdu_put_u16(o, PI_REQUIREMENTS, c->requirements);
    spdu_put(o, PI_CALLING_SSEL, c->calling_ssel);
    spdu_put(o, PI_CALLED_SSEL, c->called_ssel);
}

int session_connect_req(struct session *s, const struct session_connect *c, struct buf *ud) {
    struct buf none = {0};
    struct request r = {.event = EV_SCONREQ, .si = SI_CN, .data_pi = PGI_USER_DATA, .ev = {.con = c}};
    if (ud == NULL)
        ud = &none;
    if (fsm_find(&s->fsm, r.event, &r.ev) == NULL)
        return fsm_step(&s->fsm, r.event, &r.ev);
    if (!connect_fits(c) || !data_fits(s, &r, ud->len))
        return ERR_LIMIT;
    if (ud->len > SPDU_USER_DATA_V1)
        r.data_pi = PGI_EXTENDED_USER_DATA;
    put_references(&r.out, PI_CALLING_REF, c->calling_ref, c);
    put_connect(s, &r.out, c, s->params.send_tsdu_max, s->params.tsdu_max_send, s->params.tsdu_max_receive,
                s->params.versions, c->token_setting);
    int result = buf_headroom(ud, SPDU_HEADER_ROOM);
    if (result >= 0 && (result = tp0_connect_req(s->tp)) >= 0 &&
        (result = spdu_wrap(ud, r.si, &r.out, r.data_pi, NULL, 0)) >= 0) { // with its room made it cannot fail
        r.ev.tsdu = ud;
        result = fsm_step(&s->fsm, r.event, &r.ev);
    }
    buf_free(&none);
    return result;
}

static int connect_refuse(struct session *s, const struct session_connect *c, struct buf *ud) {
    struct buf none = {0};
    struct request r = {.event = EV_SCONREFUSE, .si = SI_RF, .data_pi = PI_REASON};
    if (ud == NULL)
        ud = &none;
    if (ud->len > 0 && c->reason != SESSION_REFUSED_WITH_DATA)
        return ERR_STATE;
    put_references(&r.out, PI_CALLED_REF, c->called_ref, c);
    spdu_put_u8(&r.out, PI_TRANSPORT_DISCONNECT, TD_RELEASED);
    int result = buf_prepend(ud, &c->reason, 1); // it goes into one parameter with the user data
    if (result >= 0 && (result = request(s, &r, ud)) < 0)
        buf_consume(ud, 1);
    buf_free(&none);
    return result;
}

// The token setting of an AC: what was proposed, and the answer where it was left to us.
static uint8_t setting_answer(const struct session *s, uint8_t answer) {
    uint8_t setting = s->proposed_tokens;
    for (unsigned shift = 0; shift < 8; shift += 2)
        if ((setting >> shift & 3) == SESSION_SIDE_CHOICE)
            setting = (uint8_t)((setting & ~(3 << shift)) | (answer & 1 << shift));
    return setting;
}

int session_connect_rsp(struct session *s, const struct session_connect *c, struct buf *ud) {
    if (!connect_fits(c))
        return ERR_LIMIT;
    if (c->refused)
        return connect_refuse(s, c, ud);
    struct session_connect agreed = *c;
    agreed.requirements &= s->proposed_fus;
    if (!(agreed.requirements & SESSION_FU_HALF_DUPLEX))
        return ERR_STATE;
    struct request r = {.event = EV_SCONRSP, .si = SI_AC, .data_pi = PGI_USER_DATA};
    r.ev.con = &agreed;
    r.ev.setting = setting_answer(s, c->token_setting);
    put_references(&r.out, PI_CALLED_REF, c->called_ref, c);
    put_connect(s, &r.out, &agreed, s->peer_sent_tsdu_max && s->params.send_tsdu_max, s->tsdu_max_in, s->tsdu_max,
                s->version == 2 ? SESSION_VERSION_2 : SESSION_VERSION_1, r.ev.setting);
    return request(s, &r, ud);
}

int session_release_req(struct session *s, struct buf *ud) {
    struct request r = {.event = EV_SRELREQ, .si = SI_FN, .data_pi = PGI_USER_DATA};
    if (s->params.send_transport_disconnect)
        spdu_put_u8(&r.out, PI_TRANSPORT_DISCONNECT, TD_RELEASED);
    return request(s, &r, ud);
}

int session_release_rsp(struct session *s, struct buf *ud) {
    struct request r = {.event = EV_SRELRSP, .si = SI_DN, .data_pi = PGI_USER_DATA};
    return request(s, &r, ud);
}

int session_u_abort_req(struct session *s, struct buf *ud) {
    struct request r = {.event = EV_SUABREQ, .si = SI_AB, .data_pi = PGI_USER_DATA};
    spdu_put_u8(&r.out, PI_TRANSPORT_DISCONNECT, TD_RELEASED | TD_USER_ABORT);
    return request(s, &r, ud);
}

// The SSDU in as many DT SPDUs as the TSDU size asks for, each in a TSDU of its own.
static int data_segmented(struct session *s, struct buf *ud) {
    struct bytes left = buf_bytes(ud);
    size_t max = s->tsdu_max - DT_PREFIX, n_tsdus = left.n / max + 1;
    struct buf tsdu = {0};
    if (buf_reserve(&tsdu, s->tsdu_max) < 0)
        return ERR_NOMEM;
    if (tp0_reserve(s->tp, left.n + n_tsdus * DT_PREFIX, n_tsdus) < 0) {
        buf_free(&tsdu);
        return ERR_NOMEM;
    }
    uint8_t enclosure = ENCLOSURE_BEGIN;
    do {
        size_t n = left.n < max ? left.n : max;
        if (n == left.n)
            enclosure |= ENCLOSURE_END;
        const uint8_t head[DT_PREFIX] = {SI_GT, 0, SI_DT, 3, PI_ENCLOSURE, 1, enclosure};
        buf_append(&tsdu, head, sizeof head);
        buf_append(&tsdu, left.p, n);
        left.p += n;
        left.n -= n;
        enclosure = 0;
        fsm_step(&s->fsm, EV_SDTREQ, &(struct session_ev){.tsdu = &tsdu});
    } while (left.n > 0);
    buf_free(&tsdu);
    buf_clear(ud);
    return ERR_OK;
}

int session_data_req(struct session *s, struct buf *ud) {
    static const uint8_t head[4] = {SI_GT, 0, SI_DT, 0};
    struct buf none = {0};
    struct session_ev e = {.tsdu = ud != NULL ? ud : &none};
    int result;
    if (fsm_find(&s->fsm, EV_SDTREQ, &e) == NULL)
        return fsm_step(&s->fsm, EV_SDTREQ, &e);
    if (s->tsdu_max != 0)
        return data_segmented(s, e.tsdu);
    if (tp0_reserve(s->tp, e.tsdu->len + sizeof head, 1) < 0)
        return ERR_NOMEM;
    if ((result = buf_prepend(e.tsdu, head, sizeof head)) >= 0)
        result = fsm_step(&s->fsm, EV_SDTREQ, &e);
    buf_free(&none);
    return result;
}

int session_token_please_req(struct session *s, uint8_t tokens, struct buf *ud) {
    struct request r = {.event = EV_SPTREQ, .si = SI_PT, .data_pi = PGI_USER_DATA, .ev = {.tokens = tokens}};
    spdu_put_u8(&r.out, PI_TOKEN_ITEM, tokens);
    return request(s, &r, ud);
}

int session_token_give_req(struct session *s, uint8_t tokens) {
    struct request r = {.event = EV_SGTREQ, .si = SI_GT, .ev = {.tokens = tokens}};
    spdu_put_u8(&r.out, PI_TOKEN_ITEM, tokens);
    return request(s, &r, NULL);
}

int session_control_give_req(struct session *s) {
    struct request r = {.event = EV_SCGREQ, .si = SI_GTC};
    return request(s, &r, NULL);
}

int session_sync_minor_req(struct session *s, bool explicit_cnf, uint32_t *serial, struct buf *ud) {
    struct request r = {.event = EV_SSYNMREQ, .si = SI_MIP, .data_pi = PGI_USER_DATA, .prefix = prefix_gt};
    uint32_t sn = s->vm;
    if (!explicit_cnf)
        spdu_put_u8(&r.out, PI_SYNC_TYPE, 1);
    spdu_put_serial(&r.out, PI_SERIAL, sn);
    int result = request(s, &r, ud);
    if (result >= 0 && serial != NULL)
        *serial = sn;
    return result;
}

int session_sync_minor_rsp(struct session *s, uint32_t serial, struct buf *ud) {
    struct request r = {.event = EV_SSYNMRSP, .si = SI_MIA, .data_pi = PI_MIA_DATA, .prefix = prefix_pt};
    r.ev.serial = serial;
    spdu_put_serial(&r.out, PI_SERIAL, serial);
    return request(s, &r, ud);
}

int session_activity_start_req(struct session *s, struct bytes id, struct buf *ud) {
    struct request r = {.event = EV_SACTSREQ, .si = SI_AS, .data_pi = PGI_USER_DATA, .prefix = prefix_gt};
    if (!fits(id, ACTIVITY_ID_MAX) || id.p == NULL)
        return ERR_LIMIT;
    spdu_put(&r.out, PI_ACTIVITY_ID, id);
    return request(s, &r, ud);
}

int session_activity_resume_req(struct session *s, const struct session_resume *a, struct buf *ud) {
    struct request r = {.event = EV_SACTRREQ, .si = SI_AR, .data_pi = PGI_USER_DATA, .prefix = prefix_gt};
    if (!fits(a->new_id, ACTIVITY_ID_MAX) || !fits(a->old_id, ACTIVITY_ID_MAX) || !fits(a->calling_ref, REF_USER_MAX) ||
        !fits(a->called_ref, REF_USER_MAX) || !fits(a->common_ref, REF_COMMON_MAX) ||
        !fits(a->additional_ref, REF_ADDITIONAL_MAX) || a->new_id.p == NULL || a->serial >= SPDU_SERIAL_MAX)
        return ERR_LIMIT;
    r.ev.serial = a->serial;
    spdu_group_begin(&r.out, PGI_LINKING);
    if (!a->same_connection) {
        spdu_put(&r.out, PI_CALLED_REF, a->called_ref);
        spdu_put(&r.out, PI_CALLING_REF, a->calling_ref);
        spdu_put(&r.out, PI_COMMON_REF, a->common_ref);
        spdu_put(&r.out, PI_ADDITIONAL_REF, a->additional_ref);
    }
    spdu_put(&r.out, PI_ACTIVITY_ID, a->old_id);
    spdu_put_serial(&r.out, PI_SERIAL, a->serial);
    spdu_group_end(&r.out);
    spdu_put(&r.out, PI_ACTIVITY_ID, a->new_id);
    return request(s, &r, ud);
}

static int activity_break(struct session *s, uint8_t event, uint8_t si, uint8_t reason) {
    struct request r = {.event = event, .si = si, .prefix = prefix_gt};
    if (reason != SESSION_REASON_ABSENT)
        spdu_put_u8(&r.out, PI_REASON, reason);
    return request(s, &r, NULL);
}

int session_activity_interrupt_req(struct session *s, uint8_t reason) {
    return activity_break(s, EV_SACTIREQ, SI_AI, reason);
}

int session_activity_discard_req(struct session *s, uint8_t reason) {
    return activity_break(s, EV_SACTDREQ, SI_AD, reason);
}

int session_activity_interrupt_rsp(struct session *s) {
    struct request r = {.event = EV_SACTIRSP, .si = SI_AIA, .prefix = prefix_pt};
    return request(s, &r, NULL);
}

int session_activity_discard_rsp(struct session *s) {
    struct request r = {.event = EV_SACTDRSP, .si = SI_ADA, .prefix = prefix_pt};
    return request(s, &r, NULL);
}

int session_activity_end_req(struct session *s, uint32_t *serial, struct buf *ud) {
    struct request r = {.event = EV_SACTEREQ, .si = SI_AE, .data_pi = PGI_USER_DATA, .prefix = prefix_gt};
    uint32_t sn = s->vm;
    spdu_put_serial(&r.out, PI_SERIAL, sn);
    int result = request(s, &r, ud);
    if (result >= 0 && serial != NULL)
        *serial = sn;
    return result;
}

int session_activity_end_rsp(struct session *s, struct buf *ud) {
    struct request r = {.event = EV_SACTERSP, .si = SI_AEA, .data_pi = PGI_USER_DATA, .prefix = prefix_pt};
    spdu_put_serial(&r.out, PI_SERIAL, s->vm - 1);
    return request(s, &r, ud);
}

int session_u_exception_req(struct session *s, uint8_t reason, struct buf *ud) {
    struct request r = {.event = EV_SUERREQ, .si = SI_ED, .data_pi = PGI_USER_DATA, .prefix = prefix_pt};
    spdu_put_u8(&r.out, PI_REASON, reason);
    return request(s, &r, ud);
}
