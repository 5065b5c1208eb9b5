// SPDX-License-Identifier: BSD-2-Clause
// When the session layer does what. States, events and predicates follow the model of X.225 annex A; of the text itself
// only table A-4 (variables) was at hand, so rows say "capture" where the reference traffic shows them and "inferred"
// where they follow from the service and the predicates. A request that no row allows is our own user's mistake; an
// SPDU that no row allows is the peer's protocol error.
#include "rfc1006/session_fsm.h"
#include "base/err.h"

static const char *const state_names[SESSION_N_STATES] = {
    [STA01] = "STA01 idle",
    [STA01B] = "STA01B wait for T-CONNECT confirm",
    [STA01C] = "STA01C wait for CONNECT",
    [STA02A] = "STA02A wait for ACCEPT",
    [STA03] = "STA03 wait for DISCONNECT",
    [STA04B] = "STA04B wait for ACTIVITY END ACK",
    [STA05B] = "STA05B wait for ACTIVITY INTERRUPT ACK",
    [STA05C] = "STA05C wait for ACTIVITY DISCARD ACK",
    [STA08] = "STA08 wait for S-CONNECT response",
    [STA09] = "STA09 wait for S-RELEASE response",
    [STA10B] = "STA10B wait for S-ACTIVITY-END response",
    [STA11B] = "STA11B wait for S-ACTIVITY-INTERRUPT response",
    [STA11C] = "STA11C wait for S-ACTIVITY-DISCARD response",
    [STA16] = "STA16 wait for T-DISCONNECT",
    [STA18] = "STA18 wait for GIVE TOKENS ACK",
    [STA19] = "STA19 exception reported, wait for recovery",
    [STA20] = "STA20 exception received, recovery is ours",
    [STA713] = "STA713 data transfer",
    [STA_OVER] = "over",
};

static const char *const event_names[SESSION_N_EVENTS] = {
    [EV_SCONREQ] = "S-CONNECT request",
    [EV_SCONRSP] = "S-CONNECT response",
    [EV_SCONREFUSE] = "S-CONNECT refusal",
    [EV_SRELREQ] = "S-RELEASE request",
    [EV_SRELRSP] = "S-RELEASE response",
    [EV_SUABREQ] = "S-U-ABORT request",
    [EV_SDTREQ] = "S-DATA request",
    [EV_SPTREQ] = "S-TOKEN-PLEASE request",
    [EV_SGTREQ] = "S-TOKEN-GIVE request",
    [EV_SCGREQ] = "S-CONTROL-GIVE request",
    [EV_SSYNMREQ] = "S-SYNC-MINOR request",
    [EV_SSYNMRSP] = "S-SYNC-MINOR response",
    [EV_SACTSREQ] = "S-ACTIVITY-START request",
    [EV_SACTRREQ] = "S-ACTIVITY-RESUME request",
    [EV_SACTIREQ] = "S-ACTIVITY-INTERRUPT request",
    [EV_SACTIRSP] = "S-ACTIVITY-INTERRUPT response",
    [EV_SACTDREQ] = "S-ACTIVITY-DISCARD request",
    [EV_SACTDRSP] = "S-ACTIVITY-DISCARD response",
    [EV_SACTEREQ] = "S-ACTIVITY-END request",
    [EV_SACTERSP] = "S-ACTIVITY-END response",
    [EV_SUERREQ] = "S-U-EXCEPTION-REPORT request",
    [EV_TCONIND] = "T-CONNECT indication",
    [EV_TCONCNF] = "T-CONNECT confirm",
    [EV_TDISIND] = "T-DISCONNECT indication",
    [EV_TIM] = "timer",
    [EV_CN] = "CONNECT (CN)",
    [EV_AC] = "ACCEPT (AC)",
    [EV_RF] = "REFUSE (RF)",
    [EV_FN] = "FINISH (FN)",
    [EV_DN] = "DISCONNECT (DN)",
    [EV_AB] = "ABORT (AB)",
    [EV_AA] = "ABORT ACCEPT (AA)",
    [EV_DT] = "DATA TRANSFER (DT)",
    [EV_GT] = "GIVE TOKENS (GT)",
    [EV_PT] = "PLEASE TOKENS (PT)",
    [EV_GTC] = "GIVE TOKENS CONFIRM (GTC)",
    [EV_GTA] = "GIVE TOKENS ACK (GTA)",
    [EV_MIP] = "MINOR SYNC POINT (MIP)",
    [EV_MIA] = "MINOR SYNC ACK (MIA)",
    [EV_AS] = "ACTIVITY START (AS)",
    [EV_AR] = "ACTIVITY RESUME (AR)",
    [EV_AI] = "ACTIVITY INTERRUPT (AI)",
    [EV_AIA] = "ACTIVITY INTERRUPT ACK (AIA)",
    [EV_AD] = "ACTIVITY DISCARD (AD)",
    [EV_ADA] = "ACTIVITY DISCARD ACK (ADA)",
    [EV_AE] = "ACTIVITY END (AE)",
    [EV_AEA] = "ACTIVITY END ACK (AEA)",
    [EV_ED] = "EXCEPTION DATA (ED)",
    [EV_ER] = "EXCEPTION REPORT (ER)",
};

// --- guards

enum { DATA_MINOR = SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR, DATA_MINOR_MAJOR = DATA_MINOR | SESSION_TOKEN_MAJOR };

static bool has_fu(const struct session *s, uint16_t fu) {
    return (s->requirements & fu) != 0;
}
static uint8_t available(const struct session *s) {
    return session_available(s->requirements);
}

// All of these tokens that exist are ours; none of them is.
static bool own_all(const struct session *s, uint8_t t) {
    return (available(s) & t & ~s->tokens) == 0;
}
static bool own_none(const struct session *s, uint8_t t) {
    return (s->tokens & t) == 0;
}

// Where there are activities, data and synchronization belong into one.
static bool in_activity(const struct session *s) {
    return !has_fu(s, SESSION_FU_ACTIVITY) || s->activity;
}
static bool activity_is(const struct session *s, bool yes) {
    return has_fu(s, SESSION_FU_ACTIVITY) && s->activity == yes;
}

static const struct spdu *spdu_of(const void *arg) {
    return ((const struct session_ev *)arg)->spdu;
}

static bool g_data_req(void *ctx, void *arg) {
    (void)arg;
    return own_all(ctx, SESSION_TOKEN_DATA) && in_activity(ctx);
}
static bool g_data_ind(void *ctx, void *arg) {
    (void)arg;
    return own_none(ctx, SESSION_TOKEN_DATA) && in_activity(ctx);
}
static bool g_mip_req(void *ctx, void *arg) {
    const struct session *s = ctx;
    (void)arg;
    return has_fu(s, SESSION_FU_MINOR_SYNC) && own_all(s, DATA_MINOR) && in_activity(s) && s->vm <= SPDU_SERIAL_MAX;
}
static bool g_mip_ind(void *ctx, void *arg) {
    const struct session *s = ctx;
    return has_fu(s, SESSION_FU_MINOR_SYNC) && own_none(s, DATA_MINOR) && in_activity(s) &&
           spdu_has(spdu_of(arg), PI_SERIAL) && spdu_of(arg)->serial == s->vm;
}
static bool g_mia_rsp(void *ctx, void *arg) {
    const struct session *s = ctx;
    const struct session_ev *e = arg;
    return s->vsc && e->serial >= s->va && e->serial < s->vm && in_activity(s);
}
static bool g_mia_ind(void *ctx, void *arg) {
    const struct session *s = ctx;
    const struct spdu *p = spdu_of(arg);
    return !s->vsc && spdu_has(p, PI_SERIAL) && p->serial >= s->va && p->serial < s->vm && in_activity(s);
}
static bool g_start_req(void *ctx, void *arg) {
    (void)arg;
    return activity_is(ctx, false) && own_all(ctx, DATA_MINOR_MAJOR);
}
static bool g_start_ind(void *ctx, void *arg) {
    return activity_is(ctx, false) && own_none(ctx, DATA_MINOR_MAJOR) && spdu_has(spdu_of(arg), PI_ACTIVITY_ID);
}
static bool g_resume_ind(void *ctx, void *arg) {
    return g_start_ind(ctx, arg) && spdu_of(arg)->link;
}
static bool g_end_req(void *ctx, void *arg) {
    const struct session *s = ctx;
    (void)arg;
    return activity_is(s, true) && own_all(s, DATA_MINOR_MAJOR) && s->vm <= SPDU_SERIAL_MAX;
}
static bool g_end_ind(void *ctx, void *arg) {
    const struct session *s = ctx;
    return activity_is(s, true) && own_none(s, DATA_MINOR_MAJOR) && spdu_has(spdu_of(arg), PI_SERIAL) &&
           spdu_of(arg)->serial == s->vm;
}
static bool g_end_cnf(void *ctx, void *arg) {
    const struct session *s = ctx;
    return spdu_has(spdu_of(arg), PI_SERIAL) && spdu_of(arg)->serial + 1 == s->vm;
}
static bool g_break_req(void *ctx, void *arg) {
    (void)arg;
    return activity_is(ctx, true) && own_all(ctx, SESSION_TOKEN_MAJOR);
}
static bool g_break_ind(void *ctx, void *arg) {
    (void)arg;
    return activity_is(ctx, true) && own_none(ctx, SESSION_TOKEN_MAJOR);
}
static bool g_release_req(void *ctx, void *arg) {
    const struct session *s = ctx;
    (void)arg;
    return !s->activity && own_all(s, 0xFF);
}
static bool g_release_ind(void *ctx, void *arg) {
    const struct session *s = ctx;
    (void)arg;
    return !s->activity && own_none(s, 0xFF);
}
static bool g_exception_req(void *ctx, void *arg) {
    (void)arg;
    return has_fu(ctx, SESSION_FU_EXCEPTIONS) && own_none(ctx, SESSION_TOKEN_DATA) && in_activity(ctx);
}
static bool g_exception_ind(void *ctx, void *arg) {
    (void)arg;
    return has_fu(ctx, SESSION_FU_EXCEPTIONS) && own_all(ctx, SESSION_TOKEN_DATA) && in_activity(ctx);
}
static bool g_please_req(void *ctx, void *arg) {
    const struct session *s = ctx;
    uint8_t t = ((struct session_ev *)arg)->tokens;
    return t != 0 && (t & ~available(s)) == 0 && (t & s->tokens) == 0;
}
static bool g_please_ind(void *ctx, void *arg) { // it may have crossed tokens that we gave away just now
    const struct session *s = ctx;
    return (spdu_of(arg)->token_item & ~available(s)) == 0;
}
static bool g_give_req(void *ctx, void *arg) {
    const struct session *s = ctx;
    uint8_t t = ((struct session_ev *)arg)->tokens;
    return t != 0 && (t & ~s->tokens) == 0;
}
static bool g_give_ind(void *ctx, void *arg) {
    const struct session *s = ctx;
    uint8_t t = spdu_of(arg)->token_item;
    return (t & ~available(s)) == 0 && (t & s->tokens) == 0;
}
static bool g_give_req_data(void *ctx, void *arg) {
    return g_give_req(ctx, arg) && (((struct session_ev *)arg)->tokens & SESSION_TOKEN_DATA);
}
static bool g_give_ind_data(void *ctx, void *arg) {
    return g_give_ind(ctx, arg) && (spdu_of(arg)->token_item & SESSION_TOKEN_DATA);
}
static bool g_control_req(void *ctx, void *arg) {
    (void)arg;
    return activity_is(ctx, false) && own_all(ctx, 0xFF);
}
static bool g_control_ind(void *ctx, void *arg) {
    (void)arg;
    return activity_is(ctx, false) && own_none(ctx, 0xFF);
}
static bool size_ok(uint16_t n) {
    return n == 0 || n >= SESSION_TSDU_MIN;
}
static bool g_cn(void *ctx, void *arg) {
    const struct session *s = ctx;
    const struct spdu *p = spdu_of(arg);
    return (p->versions & s->params.versions) != 0 && (p->requirements & SESSION_FU_HALF_DUPLEX) &&
           size_ok(p->tsdu_to_initiator) && size_ok(p->tsdu_to_responder);
}
static bool g_ac(void *ctx, void *arg) {
    const struct session *s = ctx;
    const struct spdu *p = spdu_of(arg);
    return (p->versions & s->params.versions) != 0 && (p->requirements & s->proposed_fus & SESSION_FU_HALF_DUPLEX) &&
           size_ok(p->tsdu_to_initiator) && size_ok(p->tsdu_to_responder);
}

// --- the table

#define ACT(name) session_act_##name
// A connection that both sides know of: it may be aborted by either and lost by the transport.
#define ALIVE(state)                                                                                                   \
    {state, EV_AB, NULL, ACT(ab), STA_OVER, "inferred"}, {state, EV_SUABREQ, NULL, ACT(u_abort), STA16, "inferred"}, { \
        state, EV_TDISIND, NULL, ACT(transport_lost), STA_OVER, "inferred"                                             \
    }
// An SPDU that crossed ours and means nothing any more.
#define DROP(state, event)                                                                                             \
    { state, event, NULL, NULL, FSM_SAME, "inferred: it crossed our request" }

static const struct fsm_row rows[] = {
    {STA01, EV_SCONREQ, NULL, ACT(connect_req), STA01B, "capture"},
    {STA01, EV_TCONIND, NULL, ACT(transport_ind), STA01C, "capture"},
    {STA01, EV_TDISIND, NULL, NULL, STA_OVER, "inferred"},

    {STA01B, EV_TCONCNF, NULL, ACT(transport_cnf), STA02A, "capture"},
    {STA01B, EV_SUABREQ, NULL, ACT(u_abort_quietly), STA_OVER, "inferred"},
    {STA01B, EV_TDISIND, NULL, ACT(transport_lost), STA_OVER, "inferred"},
    {STA01B, EV_TIM, NULL, ACT(connect_timeout), STA_OVER, "inferred"},

    {STA01C, EV_CN, g_cn, ACT(cn), STA08, "capture"},
    {STA01C, EV_CN, NULL, ACT(cn_refused), STA16, "inferred"},
    {STA01C, EV_AB, NULL, ACT(ab_quietly), STA_OVER, "inferred"},
    {STA01C, EV_TDISIND, NULL, ACT(transport_lost_quietly), STA_OVER, "inferred"},
    {STA01C, EV_TIM, NULL, ACT(give_up), STA_OVER, "inferred"},
    {STA01C, EV_SUABREQ, NULL, ACT(u_abort_quietly), STA_OVER, "inferred"},

    {STA02A, EV_AC, g_ac, ACT(ac), STA713, "capture"},
    {STA02A, EV_RF, NULL, ACT(rf), STA_OVER, "inferred"},
    {STA02A, EV_TIM, NULL, ACT(answer_timeout), STA16, "inferred"},
    ALIVE(STA02A),

    {STA08, EV_SCONRSP, NULL, ACT(connect_rsp), STA713, "capture"},
    {STA08, EV_SCONREFUSE, NULL, ACT(refuse), STA16, "inferred"},
    ALIVE(STA08),

    {STA713, EV_SDTREQ, g_data_req, ACT(send), FSM_SAME, "capture"},
    {STA713, EV_DT, g_data_ind, ACT(dt), FSM_SAME, "capture"},
    {STA713, EV_SSYNMREQ, g_mip_req, ACT(mip_req), FSM_SAME, "capture; variables: X.225 (1988) table A-4"},
    {STA713, EV_MIP, g_mip_ind, ACT(mip), FSM_SAME, "capture; variables: X.225 (1988) table A-4"},
    {STA713, EV_SSYNMRSP, g_mia_rsp, ACT(mia_rsp), FSM_SAME, "capture; variables: X.225 (1988) table A-4"},
    {STA713, EV_MIA, g_mia_ind, ACT(mia), FSM_SAME, "capture; variables: X.225 (1988) table A-4"},
    {STA713, EV_SACTSREQ, g_start_req, ACT(as_req), FSM_SAME, "capture; variables: X.225 (1988) table A-4"},
    {STA713, EV_AS, g_start_ind, ACT(as), FSM_SAME, "capture; variables: X.225 (1988) table A-4"},
    {STA713, EV_SACTRREQ, g_start_req, ACT(ar_req), FSM_SAME, "X.225 (1988) table A-4"},
    {STA713, EV_AR, g_resume_ind, ACT(ar), FSM_SAME, "X.225 (1988) table A-4"},
    {STA713, EV_SACTEREQ, g_end_req, ACT(ae_req), STA04B, "capture; variables: X.225 (1988) table A-4"},
    {STA713, EV_AE, g_end_ind, ACT(ae), STA10B, "capture; variables: X.225 (1988) table A-4"},
    {STA713, EV_SACTIREQ, g_break_req, ACT(send), STA05B, "inferred"},
    {STA713, EV_AI, g_break_ind, ACT(ai), STA11B, "inferred"},
    {STA713, EV_SACTDREQ, g_break_req, ACT(send), STA05C, "inferred"},
    {STA713, EV_AD, g_break_ind, ACT(ad), STA11C, "inferred"},
    {STA713, EV_SUERREQ, g_exception_req, ACT(send), STA19, "inferred"},
    {STA713, EV_ED, g_exception_ind, ACT(ed), STA20, "inferred"},
    {STA713, EV_ER, g_exception_ind, ACT(er), STA20, "inferred"},
    {STA713, EV_SPTREQ, g_please_req, ACT(send), FSM_SAME, "inferred"},
    {STA713, EV_PT, g_please_ind, ACT(pt), FSM_SAME, "inferred"},
    {STA713, EV_SGTREQ, g_give_req, ACT(gt_req), FSM_SAME, "inferred"},
    {STA713, EV_GT, g_give_ind, ACT(gt), FSM_SAME, "inferred"},
    {STA713, EV_SCGREQ, g_control_req, ACT(send), STA18, "inferred"},
    {STA713, EV_GTC, g_control_ind, ACT(gtc), FSM_SAME, "inferred"},
    {STA713, EV_SRELREQ, g_release_req, ACT(release_req), STA03, "capture"},
    {STA713, EV_FN, g_release_ind, ACT(fn), STA09, "capture"},
    ALIVE(STA713),

    {STA04B, EV_AEA, g_end_cnf, ACT(aea), STA713, "capture"},
    {STA04B, EV_MIA, g_mia_ind, ACT(mia), FSM_SAME, "capture"},
    {STA04B, EV_PT, g_please_ind, ACT(pt), FSM_SAME, "inferred"},
    {STA04B, EV_ED, g_exception_ind, ACT(ed), STA20, "inferred"},
    {STA04B, EV_ER, g_exception_ind, ACT(er), STA20, "inferred"},
    {STA04B, EV_SACTIREQ, g_break_req, ACT(send), STA05B, "inferred"},
    {STA04B, EV_SACTDREQ, g_break_req, ACT(send), STA05C, "inferred"},
    ALIVE(STA04B),

    {STA10B, EV_SACTERSP, NULL, ACT(ae_rsp), STA713, "capture"},
    {STA10B, EV_SSYNMRSP, g_mia_rsp, ACT(mia_rsp), FSM_SAME, "inferred"},
    {STA10B, EV_SPTREQ, g_please_req, ACT(send), FSM_SAME, "inferred"},
    {STA10B, EV_SUERREQ, g_exception_req, ACT(send), STA19, "inferred"},
    {STA10B, EV_AI, g_break_ind, ACT(ai), STA11B, "inferred"},
    {STA10B, EV_AD, g_break_ind, ACT(ad), STA11C, "inferred"},
    ALIVE(STA10B),

    {STA05B, EV_AIA, NULL, ACT(aia), STA713, "inferred"},
    DROP(STA05B, EV_MIA),
    DROP(STA05B, EV_PT),
    DROP(STA05B, EV_ED),
    DROP(STA05B, EV_ER),
    DROP(STA05B, EV_AEA),
    ALIVE(STA05B),

    {STA05C, EV_ADA, NULL, ACT(ada), STA713, "inferred"},
    DROP(STA05C, EV_MIA),
    DROP(STA05C, EV_PT),
    DROP(STA05C, EV_ED),
    DROP(STA05C, EV_ER),
    DROP(STA05C, EV_AEA),
    ALIVE(STA05C),

    {STA11B, EV_SACTIRSP, NULL, ACT(ai_rsp), STA713, "inferred"},
    ALIVE(STA11B),

    {STA11C, EV_SACTDRSP, NULL, ACT(ad_rsp), STA713, "inferred"},
    ALIVE(STA11C),

    {STA18, EV_GTA, NULL, ACT(gta), STA713, "inferred"},
    {STA18, EV_PT, g_please_ind, ACT(pt), FSM_SAME, "inferred"},
    ALIVE(STA18),

    {STA19, EV_AI, g_break_ind, ACT(ai), STA11B, "inferred"},
    {STA19, EV_AD, g_break_ind, ACT(ad), STA11C, "inferred"},
    {STA19, EV_GT, g_give_ind_data, ACT(gt), STA713, "inferred"},
    DROP(STA19, EV_GT),
    DROP(STA19, EV_DT),
    DROP(STA19, EV_MIP),
    DROP(STA19, EV_AE),
    ALIVE(STA19),

    {STA20, EV_SACTIREQ, g_break_req, ACT(send), STA05B, "inferred"},
    {STA20, EV_SACTDREQ, g_break_req, ACT(send), STA05C, "inferred"},
    {STA20, EV_SGTREQ, g_give_req_data, ACT(gt_req), STA713, "inferred"},
    DROP(STA20, EV_MIA),
    DROP(STA20, EV_PT),
    ALIVE(STA20),

    {STA03, EV_DN, NULL, ACT(dn), STA_OVER, "capture"},
    {STA03, EV_PT, g_please_ind, ACT(pt), FSM_SAME, "inferred"},
    {STA03, EV_TIM, NULL, ACT(answer_timeout), STA16, "inferred"},
    ALIVE(STA03),

    {STA09, EV_SRELRSP, NULL, ACT(release_rsp), STA16, "capture"},
    ALIVE(STA09),

    {STA16, EV_TDISIND, NULL, ACT(transport_lost_quietly), STA_OVER, "capture"},
    {STA16, EV_TIM, NULL, ACT(give_up), STA_OVER, "inferred"},
    {STA16, EV_AB, NULL, ACT(ab_quietly), STA_OVER, "inferred"},
    {STA16, EV_AA, NULL, ACT(ab_quietly), STA_OVER, "inferred"},
    {STA16, EV_SUABREQ, NULL, NULL, FSM_SAME, "inferred"},

    {STA_OVER, EV_SUABREQ, NULL, NULL, FSM_SAME, "inferred"},
    {STA_OVER, EV_TDISIND, NULL, NULL, FSM_SAME, "inferred"},
};

static int unlisted(void *ctx, uint8_t event, void *arg) {
    struct session *s = ctx;
    (void)arg;
    if (event < EV_TCONIND)
        return ERR_STATE;
    if (event <= EV_TIM || s->fsm.state == STA16 || s->fsm.state == STA_OVER)
        return ERR_OK; // what comes behind an abort is not looked at
    return session_protocol_error(s, "%s in state %s (our tokens %#x, activity %s, next point %u)", event_names[event],
                                  fsm_state_name(&s->fsm), s->tokens, s->activity ? "yes" : "no", s->vm);
}

const struct fsm_table session_table = {
    "session", state_names, SESSION_N_STATES, event_names, SESSION_N_EVENTS, rows, sizeof rows / sizeof rows[0],
    unlisted};
