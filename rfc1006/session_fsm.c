// SPDX-License-Identifier: BSD-2-Clause
// When the session layer does what: the state tables of X.225 annex A for the functional units kernel, half-duplex,
// minor synchronize, activity management and exceptions, without reuse of the transport connection and without
// transport expedited data (so without PREPARE). Read from their transcription in ISODE++ (ssap/prov/SSAP.sm, of X.225
// 1995), with the predicates and specific actions by their numbers there; the operations on variables also in table A-4
// of X.225 (1988). Rows whose source is "ours" are outside the standard's tables: our own timers, our user's second
// thoughts. A request that no row allows is our own user's mistake; an SPDU that no row allows is the peer's protocol
// error.
#include "rfc1006/session_fsm.h"
#include "base/err.h"

static const char *const state_names[SESSION_N_STATES] = {
    [STA01] = "STA01 idle",
    [STA01B] = "STA01B wait for T-CONNECT confirm",
    [STA01C] = "STA01C wait for CONNECT",
    [STA01D] = "STA01D wait for CONNECT DATA OVERFLOW",
    [STA02A] = "STA02A wait for ACCEPT",
    [STA02B] = "STA02B wait for OVERFLOW ACCEPT",
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
    [EV_OA] = "OVERFLOW ACCEPT (OA)",
    [EV_CDO] = "CONNECT DATA OVERFLOW (CDO)",
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

// --- predicates, with their numbers in the standard; guards are put together from them

enum { DK = SESSION_TOKEN_DATA, MI = SESSION_TOKEN_MINOR, MA = SESSION_TOKEN_MAJOR, ANY = 0xFF };

static bool fu(const struct session *s, uint16_t f) {
    return (s->requirements & f) != 0;
}
static bool fu_act(const struct session *s) {
    return fu(s, SESSION_FU_ACTIVITY);
}
static uint8_t available(const struct session *s) {
    return session_available(s->requirements);
}

// ALL(I, t), ALL(A, t): of these tokens, those that are available are ours, or the peer's. ALL(II, t), ALL(AA, t): they
// are all available, too.
static bool i(const struct session *s, uint8_t t) {
    return (available(s) & t & ~s->tokens) == 0;
}
static bool a(const struct session *s, uint8_t t) {
    return (available(s) & t & s->tokens) == 0;
}
static bool av(const struct session *s, uint8_t t) {
    return (t & ~available(s)) == 0;
}
static bool ii(const struct session *s, uint8_t t) {
    return av(s, t) && i(s, t);
}
static bool aa(const struct session *s, uint8_t t) {
    return av(s, t) && a(s, t);
}

static bool in_act(const struct session *s) {
    return !fu_act(s) || s->activity;
}
static bool no_act(const struct session *s) {
    return fu_act(s) && !s->activity;
}
static bool serial_is(const struct session_ev *e, uint32_t sn) {
    return spdu_has(e->spdu, PI_SERIAL) && e->spdu->serial == sn;
}
static bool may_sync(const struct session *s) { // serial numbers end at 999999
    return s->vm <= SPDU_SERIAL_MAX;
}

static bool p17(const struct session *s) {
    return in_act(s) && fu(s, SESSION_FU_MINOR_SYNC) && !s->vsc;
}
static bool p18(const struct session *s) {
    return in_act(s) && fu(s, SESSION_FU_MINOR_SYNC) && s->vsc;
}
static bool p21(const struct session *s, uint32_t sn) {
    return s->vm > sn && sn >= s->va;
}
static bool mia_p21(const struct session *s, const struct session_ev *e) {
    return spdu_has(e->spdu, PI_SERIAL) && p21(s, e->spdu->serial);
}
static bool p48(const struct session *s) {
    return fu(s, SESSION_FU_EXCEPTIONS) && fu(s, SESSION_FU_HALF_DUPLEX);
}
static bool p50(const struct session *s) {
    return fu(s, SESSION_FU_EXCEPTIONS) && in_act(s) && aa(s, DK);
}
static bool p51(const struct session *s) {
    return fu(s, SESSION_FU_EXCEPTIONS) && in_act(s) && ii(s, DK);
}
static bool p72(const struct session *s) {
    return fu_act(s) && s->activity && a(s, DK | MI) && aa(s, MA);
}
static uint8_t given(const struct session_ev *e) {
    return e->spdu->token_item;
}
static bool size_ok(uint16_t n) {
    return n == 0 || n >= SESSION_TSDU_MIN;
}
static bool sizes_ok(const struct spdu *p) {
    return size_ok(p->tsdu_to_initiator) && size_ok(p->tsdu_to_responder);
}

#define GUARD(name, expression)                                                                                        \
    static bool name(void *ctx, void *arg) {                                                                           \
        const struct session *s = ctx;                                                                                 \
        const struct session_ev *e = arg;                                                                              \
        (void)s;                                                                                                       \
        (void)e;                                                                                                       \
        return expression;                                                                                             \
    }
GUARD(not_p76, (e->spdu->versions & s->params.versions) != 0 && (e->spdu->requirements & SESSION_FU_HALF_DUPLEX) &&
                   sizes_ok(e->spdu))
GUARD(not_p76_p204, spdu_has(e->spdu, PI_DATA_OVERFLOW) && not_p76(ctx, arg))
GUARD(ac_ok, (e->spdu->versions & s->proposed_versions) != 0 &&
                 (e->spdu->requirements & s->proposed_fus & SESSION_FU_HALF_DUPLEX) && sizes_ok(e->spdu))
GUARD(oa_ok, (e->spdu->versions & SESSION_VERSION_2) && sizes_ok(e->spdu))
GUARD(p202, (e->spdu->enclosure & ENCLOSURE_END) != 0)
GUARD(p204, s->connect_rest.len > 0)
GUARD(p03, i(s, DK))
GUARD(p05, a(s, DK))
GUARD(g_mip_req, fu(s, SESSION_FU_MINOR_SYNC) && in_act(s) && i(s, DK) && ii(s, MI) && may_sync(s)) // p15
GUARD(p14, in_act(s) && a(s, DK) && aa(s, MI))
GUARD(p14_p19, p14(ctx, arg) && serial_is(e, s->vm))
GUARD(p17_, p17(s))
GUARD(p17_p21, p17(s) && mia_p21(s, e))
GUARD(p17_not_p20_p21, p17(s) && mia_p21(s, e) && !serial_is(e, s->vm - 1))
GUARD(p18_p21, p18(s) && p21(s, e->serial))
GUARD(p18_not_p20_p21, p18(s) && p21(s, e->serial) && e->serial != s->vm - 1)
GUARD(p20, serial_is(e, s->vm - 1))
GUARD(p34_p11, fu_act(s) && ii(s, MA))
GUARD(p34_p39, fu_act(s) && s->activity && ii(s, MA))
GUARD(p38, fu_act(s))
GUARD(p38_p40, fu_act(s) && aa(s, MA))
GUARD(p44, no_act(s) && a(s, DK | MI | MA) && spdu_has(e->spdu, PI_ACTIVITY_ID))
GUARD(p44_link, p44(ctx, arg) && e->spdu->link)
GUARD(p45, no_act(s) && i(s, DK | MI | MA))
GUARD(p48_, p48(s))
GUARD(p48_p03, p48(s) && i(s, DK))
GUARD(p48_not_p03, p48(s) && !i(s, DK))
GUARD(p50_, p50(s))
GUARD(p51_, p51(s))
GUARD(p52, fu(s, SESSION_FU_EXCEPTIONS) && !fu_act(s) && ii(s, DK))
GUARD(p53, av(s, given(e)))
GUARD(g_please_req, e->tokens != 0 && aa(s, e->tokens)) // p53, and what we have is not asked for
GUARD(p54, e->tokens != 0 && ii(s, e->tokens))
GUARD(p55, no_act(s) && i(s, ANY))
GUARD(p57, p54(ctx, arg) && !(e->tokens & DK))
GUARD(p58, p54(ctx, arg) && (e->tokens & DK))
GUARD(p59, aa(s, given(e)))
GUARD(p60, aa(s, given(e)) && !(given(e) & DK))
GUARD(p61, aa(s, given(e)) && (given(e) & DK))
GUARD(p62, no_act(s) && a(s, ANY))
GUARD(p63, !(fu_act(s) && s->activity) && i(s, ANY))
// A FINISH that would keep the transport connection is for the side that made it (p01): the initiator.
GUARD(p68_p01,
      !(fu_act(s) && s->activity) && a(s, ANY) && ((e->spdu->transport_disconnect & TD_RELEASED) || !s->initiator))
GUARD(p71, fu_act(s) && s->activity && i(s, DK | MI) && ii(s, MA) && may_sync(s))
GUARD(p72_p19, p72(s) && serial_is(e, s->vm))

// --- the table

#define ACT(name) session_act_##name
#define X225 "X.225 annex A (SSAP.sm)"
#define SEEN "X.225 annex A (SSAP.sm); capture"
// Every SPDU but CONNECT, ABORT, ABORT ACCEPT, OVERFLOW ACCEPT, CONNECT DATA OVERFLOW and REFUSE: `row` for each.
#define ORDINARY_SPDUS(row)                                                                                            \
    row(EV_DT), row(EV_AEA), row(EV_AE), row(EV_MIA), row(EV_MIP), row(EV_AD), row(EV_ADA), row(EV_AI), row(EV_AIA),   \
        row(EV_AR), row(EV_AS), row(EV_ED), row(EV_ER), row(EV_GT), row(EV_GTA), row(EV_GTC), row(EV_PT), row(EV_DN),  \
        row(EV_FN)
#define END_01C(event)                                                                                                 \
    { STA01C, event, NULL, ACT(transport_end), STA_OVER, X225 }
#define END_01D(event)                                                                                                 \
    { STA01D, event, NULL, ACT(transport_end), STA_OVER, X225 }
#define DROP_16(event)                                                                                                 \
    { STA16, event, NULL, NULL, FSM_SAME, X225 }
// A connection that both sides know of: it may be aborted by either and lost by the transport.
#define ALIVE(state)                                                                                                   \
    {state, EV_AB, NULL, ACT(ab), STA_OVER, X225}, {state, EV_SUABREQ, NULL, ACT(u_abort), STA16, X225}, {             \
        state, EV_TDISIND, NULL, ACT(transport_lost), STA_OVER, X225                                                   \
    }
#define DROP(state, event, guard)                                                                                      \
    { state, event, guard, NULL, FSM_SAME, X225 }
// While an activity is being broken by us, what the peer sent before it knew is dropped.
#define BREAKING(state)                                                                                                \
    DROP(state, EV_DT, p05), DROP(state, EV_AEA, NULL), DROP(state, EV_MIA, p17_), DROP(state, EV_MIP, p14),           \
        DROP(state, EV_ED, p48_), DROP(state, EV_ER, p48_), DROP(state, EV_GT, p59), DROP(state, EV_PT, p53), {        \
        state, EV_TIM, NULL, ACT(answer_timeout), STA16, "ours"                                                        \
    }

static const struct fsm_row rows[] = {
    {STA01, EV_SCONREQ, NULL, ACT(connect_req), STA01B, SEEN},
    {STA01, EV_TCONIND, NULL, ACT(transport_ind), STA01C, SEEN},
    {STA01, EV_TDISIND, NULL, NULL, STA_OVER, "ours: the caller never got so far"},

    {STA01B, EV_TCONCNF, p204, ACT(transport_cnf), STA02B, X225},
    {STA01B, EV_TCONCNF, NULL, ACT(transport_cnf), STA02A, SEEN},
    {STA01B, EV_SUABREQ, NULL, ACT(transport_end), STA_OVER, X225},
    {STA01B, EV_TDISIND, NULL, ACT(transport_lost), STA_OVER, X225},
    {STA01B, EV_TIM, NULL, ACT(connect_timeout), STA_OVER, "ours"},

    {STA01C, EV_CN, not_p76_p204, ACT(cn_overflow), STA01D, X225},
    {STA01C, EV_CN, not_p76, ACT(cn), STA08, SEEN},
    {STA01C, EV_CN, NULL, ACT(cn_refused), STA16, X225},
    END_01C(EV_AC),
    END_01C(EV_OA),
    END_01C(EV_CDO),
    END_01C(EV_RF),
    ORDINARY_SPDUS(END_01C),
    END_01C(EV_AA),
    END_01C(EV_AB),
    {STA01C, EV_TDISIND, NULL, ACT(transport_lost_quietly), STA_OVER, X225},
    {STA01C, EV_TIM, NULL, ACT(transport_end), STA_OVER, "ours"},
    {STA01C, EV_SUABREQ, NULL, ACT(transport_end), STA_OVER, "ours"},

    {STA01D, EV_CDO, p202, ACT(cdo), STA08, X225},
    {STA01D, EV_CDO, NULL, ACT(cdo), FSM_SAME, X225},
    ORDINARY_SPDUS(END_01D),
    END_01D(EV_AA),
    END_01D(EV_AB),
    {STA01D, EV_TDISIND, NULL, ACT(transport_lost_quietly), STA_OVER, X225},
    {STA01D, EV_TIM, NULL, ACT(transport_end), STA_OVER, "ours"},
    {STA01D, EV_SUABREQ, NULL, ACT(transport_end), STA_OVER, "ours"},

    {STA02A, EV_AC, ac_ok, ACT(ac), STA713, SEEN},
    {STA02A, EV_RF, NULL, ACT(rf), STA_OVER, X225},
    {STA02A, EV_TIM, NULL, ACT(answer_timeout), STA16, "ours"},
    ALIVE(STA02A),

    {STA02B, EV_OA, oa_ok, ACT(oa), STA02A, X225},
    {STA02B, EV_RF, NULL, ACT(rf), STA_OVER, X225},
    {STA02B, EV_TIM, NULL, ACT(answer_timeout), STA16, "ours"},
    ALIVE(STA02B),

    {STA08, EV_SCONRSP, NULL, ACT(connect_rsp), STA713, SEEN},
    {STA08, EV_SCONREFUSE, NULL, ACT(refuse), STA16, X225},
    ALIVE(STA08),

    {STA713, EV_SDTREQ, p03, ACT(dt_req), FSM_SAME, SEEN},
    {STA713, EV_DT, p05, ACT(dt), FSM_SAME, SEEN},
    {STA713, EV_SSYNMREQ, g_mip_req, ACT(mip_req), FSM_SAME, SEEN},
    {STA713, EV_MIP, p14_p19, ACT(mip), FSM_SAME, SEEN},
    {STA713, EV_SSYNMRSP, p18_p21, ACT(mia_rsp), FSM_SAME, SEEN},
    {STA713, EV_MIA, p17_p21, ACT(mia), FSM_SAME, SEEN},
    {STA713, EV_SACTSREQ, p45, ACT(as_req), FSM_SAME, SEEN},
    {STA713, EV_AS, p44, ACT(as), FSM_SAME, SEEN},
    {STA713, EV_SACTRREQ, p45, ACT(ar_req), FSM_SAME, X225},
    {STA713, EV_AR, p44_link, ACT(ar), FSM_SAME, X225},
    {STA713, EV_SACTEREQ, p71, ACT(ae_req), STA04B, SEEN},
    {STA713, EV_AE, p72_p19, ACT(ae), STA10B, SEEN},
    {STA713, EV_SACTIREQ, p34_p39, ACT(send_and_wait), STA05B, X225},
    {STA713, EV_AI, p38_p40, ACT(ai), STA11B, X225},
    {STA713, EV_SACTDREQ, p34_p39, ACT(send_and_wait), STA05C, X225},
    {STA713, EV_AD, p38_p40, ACT(ad), STA11C, X225},
    {STA713, EV_SUERREQ, p50_, ACT(ed_req), STA19, X225},
    {STA713, EV_ED, p50_, ACT(ed), FSM_SAME, X225},
    {STA713, EV_ED, p51_, ACT(ed), STA20, X225},
    {STA713, EV_ER, p50_, ACT(er), FSM_SAME, X225},
    {STA713, EV_ER, p51_, ACT(er), STA20, X225},
    {STA713, EV_SPTREQ, g_please_req, ACT(send), FSM_SAME, X225},
    {STA713, EV_PT, p53, ACT(pt), FSM_SAME, X225},
    {STA713, EV_SGTREQ, p54, ACT(gt_req), FSM_SAME, X225},
    {STA713, EV_GT, p59, ACT(gt), FSM_SAME, X225},
    {STA713, EV_SCGREQ, p55, ACT(send_and_wait), STA18, X225},
    {STA713, EV_GTC, p62, ACT(gtc), FSM_SAME, X225},
    {STA713, EV_SRELREQ, p63, ACT(release_req), STA03, SEEN},
    {STA713, EV_FN, p68_p01, ACT(fn), STA09, SEEN},
    ALIVE(STA713),

    {STA04B, EV_DT, p05, ACT(dt), FSM_SAME, X225},
    {STA04B, EV_AEA, p20, ACT(aea), STA713, SEEN},
    {STA04B, EV_MIA, p17_not_p20_p21, ACT(mia), FSM_SAME, SEEN},
    {STA04B, EV_SACTIREQ, p34_p39, ACT(send_and_wait), STA05B, X225},
    {STA04B, EV_SACTDREQ, p34_p39, ACT(send_and_wait), STA05C, X225},
    {STA04B, EV_ED, p48_p03, ACT(ed), STA20, X225},
    {STA04B, EV_ED, p48_not_p03, ACT(ed), STA713, X225},
    {STA04B, EV_ER, p48_p03, ACT(er), STA20, X225},
    {STA04B, EV_ER, p48_not_p03, ACT(er), STA713, X225},
    {STA04B, EV_GT, p59, ACT(gt), FSM_SAME, X225},
    {STA04B, EV_SGTREQ, p54, ACT(gt_req), FSM_SAME, X225},
    {STA04B, EV_PT, p53, ACT(pt), FSM_SAME, X225},
    ALIVE(STA04B),

    {STA10B, EV_SDTREQ, p03, ACT(dt_req), FSM_SAME, X225},
    {STA10B, EV_SACTERSP, NULL, ACT(ae_rsp), STA713, SEEN},
    {STA10B, EV_SSYNMRSP, p18_not_p20_p21, ACT(mia_rsp), FSM_SAME, X225},
    {STA10B, EV_AI, p38_p40, ACT(ai), STA11B, X225},
    {STA10B, EV_AD, p38_p40, ACT(ad), STA11C, X225},
    {STA10B, EV_GT, p59, ACT(gt), FSM_SAME, X225},
    {STA10B, EV_SGTREQ, p54, ACT(gt_req), FSM_SAME, X225},
    {STA10B, EV_SPTREQ, g_please_req, ACT(send), FSM_SAME, X225},
    {STA10B, EV_SUERREQ, p50_, ACT(ed_req), STA19, X225},
    ALIVE(STA10B),

    {STA05B, EV_AIA, p38, ACT(aia), STA713, X225},
    BREAKING(STA05B),
    ALIVE(STA05B),

    {STA05C, EV_ADA, p38, ACT(ada), STA713, X225},
    BREAKING(STA05C),
    ALIVE(STA05C),

    {STA11B, EV_SACTIRSP, NULL, ACT(ai_rsp), STA713, X225},
    ALIVE(STA11B),

    {STA11C, EV_SACTDRSP, NULL, ACT(ad_rsp), STA713, X225},
    ALIVE(STA11C),

    {STA18, EV_GTA, NULL, ACT(gta), STA713, X225},
    {STA18, EV_PT, p53, ACT(pt), FSM_SAME, X225},
    {STA18, EV_TIM, NULL, ACT(answer_timeout), STA16, "ours"},
    ALIVE(STA18),

    DROP(STA19, EV_DT, NULL),
    {STA19, EV_AE, p72_p19, ACT(ae_dropped), FSM_SAME, X225},
    {STA19, EV_MIA, p17_p21, ACT(mia_dropped), FSM_SAME, X225},
    {STA19, EV_MIP, p14_p19, ACT(mip_dropped), FSM_SAME, X225},
    {STA19, EV_AI, p38_p40, ACT(ai), STA11B, X225},
    {STA19, EV_AD, p38_p40, ACT(ad), STA11C, X225},
    {STA19, EV_ED, p50_, ACT(ed), FSM_SAME, X225},
    {STA19, EV_ER, p50_, ACT(er), FSM_SAME, X225},
    {STA19, EV_GT, p60, ACT(gt), FSM_SAME, X225},
    {STA19, EV_GT, p61, ACT(gt), STA713, X225},
    DROP(STA19, EV_PT, p53),
    DROP(STA19, EV_FN, p68_p01),
    ALIVE(STA19),

    DROP(STA20, EV_DT, p05),
    DROP(STA20, EV_AEA, p20),
    {STA20, EV_AE, p72_p19, ACT(ae_dropped), FSM_SAME, X225},
    DROP(STA20, EV_MIA, p17_p21),
    {STA20, EV_MIP, p14_p19, ACT(mip_dropped), FSM_SAME, X225},
    {STA20, EV_AI, p38_p40, ACT(ai), STA11B, X225},
    {STA20, EV_AD, p38_p40, ACT(ad), STA11C, X225},
    {STA20, EV_SACTIREQ, p34_p11, ACT(send_and_wait), STA05B, X225},
    {STA20, EV_SACTDREQ, p34_p11, ACT(send_and_wait), STA05C, X225},
    {STA20, EV_GT, p60, ACT(gt), FSM_SAME, X225},
    {STA20, EV_GT, p61, ACT(gt), STA713, X225},
    {STA20, EV_SGTREQ, p57, ACT(gt_req), FSM_SAME, "inferred: predicate p57 has no other place"},
    {STA20, EV_SGTREQ, p58, ACT(gt_req), STA713, "inferred: predicate p58 has no other place"},
    DROP(STA20, EV_PT, p53),
    DROP(STA20, EV_FN, p68_p01),
    ALIVE(STA20),

    {STA03, EV_DN, NULL, ACT(dn), STA_OVER, SEEN},
    {STA03, EV_MIA, p17_p21, ACT(mia), FSM_SAME, X225},
    {STA03, EV_ED, p52, ACT(ed), STA20, X225},
    {STA03, EV_ER, p52, ACT(er), STA20, X225},
    {STA03, EV_PT, p53, ACT(pt), FSM_SAME, X225},
    {STA03, EV_TIM, NULL, ACT(answer_timeout), STA16, "ours"},
    ALIVE(STA03),

    {STA09, EV_SRELRSP, NULL, ACT(release_rsp), STA16, SEEN},
    {STA09, EV_SSYNMRSP, p18_p21, ACT(mia_rsp), FSM_SAME, X225},
    {STA09, EV_SPTREQ, g_please_req, ACT(send), FSM_SAME, X225},
    {STA09, EV_SUERREQ, p50_, ACT(ed_req), STA19, X225},
    ALIVE(STA09),

    {STA16, EV_CN, NULL, ACT(transport_end), STA_OVER, X225},
    {STA16, EV_AB, NULL, ACT(transport_end), STA_OVER, X225},
    {STA16, EV_AA, NULL, ACT(transport_end), STA_OVER, X225},
    {STA16, EV_TDISIND, NULL, ACT(transport_lost_quietly), STA_OVER, SEEN},
    {STA16, EV_TIM, NULL, ACT(transport_end), STA_OVER, X225},
    DROP_16(EV_AC),
    DROP_16(EV_RF),
    DROP_16(EV_OA),
    DROP_16(EV_CDO),
    ORDINARY_SPDUS(DROP_16),
    {STA16, EV_SUABREQ, NULL, NULL, FSM_SAME, "ours"},

    {STA_OVER, EV_SUABREQ, NULL, NULL, FSM_SAME, "ours"},
    {STA_OVER, EV_TDISIND, NULL, NULL, FSM_SAME, "ours"},
};

static int unlisted(void *ctx, uint8_t event, void *arg) {
    struct session *s = ctx;
    (void)arg;
    if (event < EV_TCONIND)
        return ERR_STATE;
    if (event <= EV_TIM || s->fsm.state == STA_OVER)
        return ERR_OK;
    return session_protocol_error(s, "%s in state %s (our tokens %#x, activity %s, next point %u)", event_names[event],
                                  fsm_state_name(&s->fsm), s->tokens, s->activity ? "yes" : "no", s->vm);
}

const struct fsm_table session_table = {
    "session", state_names, SESSION_N_STATES, event_names, SESSION_N_EVENTS, rows, sizeof rows / sizeof rows[0],
    unlisted};
