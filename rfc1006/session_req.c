// SPDX-License-Identifier: BSD-2-Clause
// The session layer's requests and responses. Every one is checked against the state table first, then against what its
// SPDU may hold and for the room it takes below, then stepped: a request that fails changed nothing.
#include "base/err.h"
#include "rfc1006/session_fsm.h"

enum { REF_USER_MAX = 64, REF_COMMON_MAX = 64, REF_ADDITIONAL_MAX = 4, SSEL_MAX = 16, ACTIVITY_ID_MAX = 6 };

struct request {
    uint8_t event;
    struct spdu_tx tx;
    struct session_ev ev;
};

#define REQUEST(event_, si_, data_pi_, prefix_)                                                                        \
    {                                                                                                                  \
        .event = (event_), .tx = {.si = (si_), .data_pi = (data_pi_), .prefix = (prefix_), .reason = SPDU_NO_REASON }  \
    }

// Whether so much user data may be sent in the version in force; before there is one, in the best one proposed.
static bool data_allowed(const struct session *s, const struct request *r, size_t n) {
    bool v2 = s->version ? s->version == 2 : (s->params.versions & SESSION_VERSION_2) != 0;
    if (n == 0 || r->tx.data_pi == 0)
        return n == 0;
    return v2 || n <= (r->event == EV_SUABREQ ? SPDU_ABORT_DATA_V1 : SPDU_USER_DATA_V1);
}

// An SSDU of data that was begun and not ended: where it is one TSDU nothing else can be sent, else nothing that has
// its place before or behind it.
static bool sending_forbids(const struct session *s, uint8_t event) {
    if (!s->sending || event == EV_SUABREQ)
        return false;
    if (tp0_sending(s->tp))
        return true;
    switch (event) {
    case EV_SSYNMREQ:
    case EV_SACTEREQ:
    case EV_SACTSREQ:
    case EV_SACTRREQ:
    case EV_SRELREQ:
    case EV_SGTREQ:
    case EV_SCGREQ: return true;
    default: return false;
    }
}

static int request(struct session *s, struct request *r, struct buf *ud) {
    int result;
    r->ev.tx = &r->tx;
    r->ev.data = ud != NULL ? buf_bytes(ud) : (struct bytes){0};
    if (fsm_find(&s->fsm, r->event, &r->ev) == NULL)
        return fsm_step(&s->fsm, r->event, &r->ev); // ERR_STATE, and seen by the trace
    if (sending_forbids(s, r->event))
        return ERR_BUSY;
    if (!data_allowed(s, r, r->ev.data.n))
        return ERR_LIMIT;
    if ((result = session_tx_reserve(s, &r->tx, r->ev.data.n)) < 0)
        return result;
    result = fsm_step(&s->fsm, r->event, &r->ev);
    if (ud != NULL)
        buf_clear(ud);
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
    if (s->params.send_protocol_options || s->params.extended_concatenation)
        spdu_put_u8(o, PI_PROTOCOL_OPTIONS, s->params.extended_concatenation ? OPTION_EXTENDED_CONCATENATION : 0);
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

// The CN with what it holds of the user data, and the rest apart. User data over 512 octets ask for version 2 alone.
static int connect_encode(struct session *s, struct request *r, const struct session_connect *c, struct bytes ud) {
    size_t n = ud.n > SPDU_CONNECT_DATA ? SPDU_CONNECT_DATA : ud.n;
    uint8_t head[SPDU_HEAD_MAX];
    bool extended = ud.n > SPDU_USER_DATA_V1;
    r->ev.versions = extended ? SESSION_VERSION_2 : s->params.versions;
    put_references(&r->tx.out, PI_CALLING_REF, c->calling_ref, c);
    put_connect(s, &r->tx.out, c, s->params.send_tsdu_max, s->params.tsdu_max_send, s->params.tsdu_max_receive,
                r->ev.versions, c->token_setting);
    if (n < ud.n)
        spdu_put_u8(&r->tx.out, PI_DATA_OVERFLOW, 1);
    r->tx.data_pi = extended ? PGI_EXTENDED_USER_DATA : PGI_USER_DATA;
    size_t n_head = spdu_head(head, &r->tx, SPDU_UNSEGMENTED, n);
    if (buf_append(&s->connect_spdu, head, n_head) < 0 || buf_append(&s->connect_spdu, ud.p, n) < 0 ||
        buf_append(&s->connect_rest, ud.p != NULL ? ud.p + n : NULL, ud.n - n) < 0)
        return ERR_NOMEM;
    return ERR_OK;
}

int session_connect_req(struct session *s, const struct session_connect *c, struct buf *ud) {
    struct request r = REQUEST(EV_SCONREQ, SI_CN, PGI_USER_DATA, 0);
    struct bytes data = ud != NULL ? buf_bytes(ud) : (struct bytes){0};
    r.ev.con = c;
    if (fsm_find(&s->fsm, r.event, &r.ev) == NULL)
        return fsm_step(&s->fsm, r.event, &r.ev);
    if (!connect_fits(c) || !data_allowed(s, &r, data.n))
        return ERR_LIMIT;
    int result = connect_encode(s, &r, c, data);
    if (result < 0 || (result = tp0_connect_req(s->tp)) < 0) {
        buf_free(&s->connect_spdu);
        buf_free(&s->connect_rest);
        return result;
    }
    if (ud != NULL)
        buf_clear(ud);
    return fsm_step(&s->fsm, r.event, &r.ev);
}

static int connect_refuse(struct session *s, const struct session_connect *c, struct buf *ud) {
    struct request r = REQUEST(EV_SCONREFUSE, SI_RF, PI_REASON, 0);
    if (ud != NULL && ud->len > 0 && c->reason != SESSION_REFUSED_WITH_DATA)
        return ERR_STATE;
    r.tx.reason = c->reason;
    put_references(&r.tx.out, PI_CALLED_REF, c->called_ref, c);
    spdu_put_u8(&r.tx.out, PI_TRANSPORT_DISCONNECT, TD_RELEASED);
    return request(s, &r, ud);
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
    struct request r = REQUEST(EV_SCONRSP, SI_AC, PGI_USER_DATA, 0);
    r.ev.con = &agreed;
    r.ev.setting = setting_answer(s, c->token_setting);
    put_references(&r.tx.out, PI_CALLED_REF, c->called_ref, c);
    put_connect(s, &r.tx.out, &agreed, s->peer_sent_tsdu_max && s->params.send_tsdu_max, s->tsdu_max_in, s->tsdu_max,
                s->version == 2 ? SESSION_VERSION_2 : SESSION_VERSION_1, r.ev.setting);
    return request(s, &r, ud);
}

int session_release_req(struct session *s, struct buf *ud) {
    struct request r = REQUEST(EV_SRELREQ, SI_FN, PGI_USER_DATA, 0);
    if (s->params.send_transport_disconnect)
        spdu_put_u8(&r.tx.out, PI_TRANSPORT_DISCONNECT, TD_RELEASED);
    return request(s, &r, ud);
}

int session_release_rsp(struct session *s, struct buf *ud) {
    struct request r = REQUEST(EV_SRELRSP, SI_DN, PGI_USER_DATA, 0);
    return request(s, &r, ud);
}

int session_u_abort_req(struct session *s, struct buf *ud) {
    struct request r = REQUEST(EV_SUABREQ, SI_AB, PGI_USER_DATA, 0);
    spdu_put_u8(&r.tx.out, PI_TRANSPORT_DISCONNECT, TD_RELEASED | TD_USER_ABORT);
    return request(s, &r, ud);
}

int session_token_please_req(struct session *s, uint8_t tokens, struct buf *ud) {
    struct request r = REQUEST(EV_SPTREQ, SI_PT, PGI_USER_DATA, 0);
    r.ev.tokens = tokens;
    spdu_put_u8(&r.tx.out, PI_TOKEN_ITEM, tokens);
    return request(s, &r, ud);
}

int session_token_give_req(struct session *s, uint8_t tokens) {
    struct request r = REQUEST(EV_SGTREQ, SI_GT, 0, 0);
    r.ev.tokens = tokens;
    spdu_put_u8(&r.tx.out, PI_TOKEN_ITEM, tokens);
    return request(s, &r, NULL);
}

int session_control_give_req(struct session *s) {
    struct request r = REQUEST(EV_SCGREQ, SI_GTC, 0, 0);
    return request(s, &r, NULL);
}

int session_sync_minor_req(struct session *s, bool explicit_cnf, uint32_t *serial, struct buf *ud) {
    struct request r = REQUEST(EV_SSYNMREQ, SI_MIP, PGI_USER_DATA, SI_GT);
    uint32_t sn = s->vm;
    if (!explicit_cnf)
        spdu_put_u8(&r.tx.out, PI_SYNC_TYPE, 1);
    spdu_put_serial(&r.tx.out, PI_SERIAL, sn);
    int result = request(s, &r, ud);
    if (result >= 0 && serial != NULL)
        *serial = sn;
    return result;
}

int session_sync_minor_rsp(struct session *s, uint32_t serial, struct buf *ud) {
    struct request r = REQUEST(EV_SSYNMRSP, SI_MIA, PI_MIA_DATA, SI_PT);
    r.ev.serial = serial;
    spdu_put_serial(&r.tx.out, PI_SERIAL, serial);
    return request(s, &r, ud);
}

int session_activity_start_req(struct session *s, struct bytes id, struct buf *ud) {
    struct request r = REQUEST(EV_SACTSREQ, SI_AS, PGI_USER_DATA, SI_GT);
    if (!fits(id, ACTIVITY_ID_MAX) || id.p == NULL)
        return ERR_LIMIT;
    spdu_put(&r.tx.out, PI_ACTIVITY_ID, id);
    return request(s, &r, ud);
}

int session_activity_resume_req(struct session *s, const struct session_resume *a, struct buf *ud) {
    struct request r = REQUEST(EV_SACTRREQ, SI_AR, PGI_USER_DATA, SI_GT);
    if (!fits(a->new_id, ACTIVITY_ID_MAX) || !fits(a->old_id, ACTIVITY_ID_MAX) || !fits(a->calling_ref, REF_USER_MAX) ||
        !fits(a->called_ref, REF_USER_MAX) || !fits(a->common_ref, REF_COMMON_MAX) ||
        !fits(a->additional_ref, REF_ADDITIONAL_MAX) || a->new_id.p == NULL || a->serial >= SPDU_SERIAL_MAX)
        return ERR_LIMIT;
    r.ev.serial = a->serial;
    spdu_group_begin(&r.tx.out, PGI_LINKING);
    if (!a->same_connection) {
        spdu_put(&r.tx.out, PI_CALLED_REF, a->called_ref);
        spdu_put(&r.tx.out, PI_CALLING_REF, a->calling_ref);
        spdu_put(&r.tx.out, PI_COMMON_REF, a->common_ref);
        spdu_put(&r.tx.out, PI_ADDITIONAL_REF, a->additional_ref);
    }
    spdu_put(&r.tx.out, PI_ACTIVITY_ID, a->old_id);
    spdu_put_serial(&r.tx.out, PI_SERIAL, a->serial);
    spdu_group_end(&r.tx.out);
    spdu_put(&r.tx.out, PI_ACTIVITY_ID, a->new_id);
    return request(s, &r, ud);
}

static int activity_break(struct session *s, uint8_t event, uint8_t si, uint8_t reason) {
    struct request r = REQUEST(event, si, 0, SI_GT);
    if (reason != SESSION_REASON_ABSENT)
        spdu_put_u8(&r.tx.out, PI_REASON, reason);
    return request(s, &r, NULL);
}

int session_activity_interrupt_req(struct session *s, uint8_t reason) {
    return activity_break(s, EV_SACTIREQ, SI_AI, reason);
}

int session_activity_discard_req(struct session *s, uint8_t reason) {
    return activity_break(s, EV_SACTDREQ, SI_AD, reason);
}

int session_activity_interrupt_rsp(struct session *s) {
    struct request r = REQUEST(EV_SACTIRSP, SI_AIA, 0, SI_PT);
    return request(s, &r, NULL);
}

int session_activity_discard_rsp(struct session *s) {
    struct request r = REQUEST(EV_SACTDRSP, SI_ADA, 0, SI_PT);
    return request(s, &r, NULL);
}

int session_activity_end_req(struct session *s, uint32_t *serial, struct buf *ud) {
    struct request r = REQUEST(EV_SACTEREQ, SI_AE, PGI_USER_DATA, SI_GT);
    uint32_t sn = s->vm;
    spdu_put_serial(&r.tx.out, PI_SERIAL, sn);
    int result = request(s, &r, ud);
    if (result >= 0 && serial != NULL)
        *serial = sn;
    return result;
}

int session_activity_end_rsp(struct session *s, struct buf *ud) {
    struct request r = REQUEST(EV_SACTERSP, SI_AEA, PGI_USER_DATA, SI_PT);
    spdu_put_serial(&r.tx.out, PI_SERIAL, s->vm - 1);
    return request(s, &r, ud);
}

int session_u_exception_req(struct session *s, uint8_t reason, struct buf *ud) {
    struct request r = REQUEST(EV_SUERREQ, SI_ED, PGI_USER_DATA, SI_PT);
    spdu_put_u8(&r.tx.out, PI_REASON, reason);
    return request(s, &r, ud);
}
