// SPDX-License-Identifier: BSD-2-Clause
// Every state with every event in every situation against the state tables of X.225, written down here a second time
// and apart from the layer: the cells as predicates by number and the state that follows, the predicates as the
// standard words them. Source: the transcription of annex A of X.225 (1995) in ISODE++ (ssap/prov/SSAP.sm), without
// what needs functional units or services that are not here (p02 and p66 are false, TEXP is false). Its ED, ER, GT and
// PT in STA05C and its SACTIreq in STA20 lead to a state that their neighbours show to be a slip of the pen: 05C and
// 05B here.
#include <stdlib.h>

#include "rfc1006/session_fsm.h"
#include "rfc1006_session_pair.h"

struct cell {
    uint8_t state, event;
    const char *when; // "p48 !p03", "" always
    uint8_t next;
};

#define LIVING(state)                                                                                                  \
    {state, EV_AB, "", STA_OVER}, {state, EV_SUABREQ, "", STA16}, {                                                    \
        state, EV_TDISIND, "", STA_OVER                                                                                \
    }
#define ALL_OTHERS(state, next)                                                                                        \
    {state, EV_DT, "", next}, {state, EV_AEA, "", next}, {state, EV_AE, "", next}, {state, EV_MIA, "", next},          \
        {state, EV_MIP, "", next}, {state, EV_AD, "", next}, {state, EV_ADA, "", next}, {state, EV_AI, "", next},      \
        {state, EV_AIA, "", next}, {state, EV_AR, "", next}, {state, EV_AS, "", next}, {state, EV_ED, "", next},       \
        {state, EV_ER, "", next}, {state, EV_GT, "", next}, {state, EV_GTA, "", next}, {state, EV_GTC, "", next},      \
        {state, EV_PT, "", next}, {state, EV_DN, "", next}, {                                                          \
        state, EV_FN, "", next                                                                                         \
    }

static const struct cell cells[] = {
    {STA01, EV_SCONREQ, "", STA01B},
    {STA01, EV_TCONIND, "", STA01C},

    {STA01B, EV_TCONCNF, "p204", STA02B},
    {STA01B, EV_TCONCNF, "!p204", STA02A},
    {STA01B, EV_SUABREQ, "", STA_OVER},
    {STA01B, EV_TDISIND, "", STA_OVER},

    {STA01C, EV_CN, "!p76 cn204", STA01D},
    {STA01C, EV_CN, "!p76 !cn204", STA08},
    {STA01C, EV_CN, "p76", STA16},
    {STA01C, EV_AC, "", STA_OVER},
    {STA01C, EV_CDO, "", STA_OVER},
    {STA01C, EV_OA, "", STA_OVER},
    {STA01C, EV_RF, "", STA_OVER},
    ALL_OTHERS(STA01C, STA_OVER),
    {STA01C, EV_AA, "", STA_OVER},
    {STA01C, EV_AB, "", STA_OVER},
    {STA01C, EV_TDISIND, "", STA_OVER},

    {STA01D, EV_CDO, "!p202", STA01D},
    {STA01D, EV_CDO, "p202", STA08},
    ALL_OTHERS(STA01D, STA_OVER),
    {STA01D, EV_AA, "", STA_OVER},
    {STA01D, EV_AB, "", STA_OVER},
    {STA01D, EV_TDISIND, "", STA_OVER},

    {STA02A, EV_AC, "", STA713},
    {STA02A, EV_RF, "", STA_OVER},
    LIVING(STA02A),

    {STA02B, EV_OA, "", STA02A},
    {STA02B, EV_RF, "", STA_OVER},
    LIVING(STA02B),

    {STA03, EV_DT, "p05 p65", STA03}, // with half-duplex there are tokens, all ours: never
    {STA03, EV_MIA, "p17 p21", STA03},
    {STA03, EV_ED, "p52", STA20},
    {STA03, EV_ER, "p52", STA20},
    {STA03, EV_PT, "p53", STA03},
    {STA03, EV_DN, "", STA_OVER},
    LIVING(STA03),

    {STA04B, EV_DT, "p05", STA04B},
    {STA04B, EV_AEA, "p20", STA713},
    {STA04B, EV_MIA, "p17 !p20 p21", STA04B},
    {STA04B, EV_SACTDREQ, "p39", STA05C},
    {STA04B, EV_SACTIREQ, "p39", STA05B},
    {STA04B, EV_ED, "p48 p03", STA20},
    {STA04B, EV_ED, "p48 !p03", STA713},
    {STA04B, EV_ER, "p48 p03", STA20},
    {STA04B, EV_ER, "p48 !p03", STA713},
    {STA04B, EV_GT, "p59", STA04B},
    {STA04B, EV_PT, "p53", STA04B},
    {STA04B, EV_SGTREQ, "p54", STA04B},
    LIVING(STA04B),

    {STA05B, EV_DT, "p05", STA05B},
    {STA05B, EV_AEA, "", STA05B},
    {STA05B, EV_MIA, "p17", STA05B},
    {STA05B, EV_MIP, "p14", STA05B},
    {STA05B, EV_AIA, "p38", STA713},
    {STA05B, EV_ED, "p48", STA05B},
    {STA05B, EV_ER, "p48", STA05B},
    {STA05B, EV_GT, "p59", STA05B},
    {STA05B, EV_PT, "p53", STA05B},
    LIVING(STA05B),

    {STA05C, EV_DT, "p05", STA05C},
    {STA05C, EV_AEA, "", STA05C},
    {STA05C, EV_MIA, "p17", STA05C},
    {STA05C, EV_MIP, "p14", STA05C},
    {STA05C, EV_ADA, "p38", STA713},
    {STA05C, EV_ED, "p48", STA05C},
    {STA05C, EV_ER, "p48", STA05C},
    {STA05C, EV_GT, "p59", STA05C},
    {STA05C, EV_PT, "p53", STA05C},
    LIVING(STA05C),

    {STA08, EV_SCONRSP, "", STA713},
    {STA08, EV_SCONREFUSE, "", STA16},
    LIVING(STA08),

    {STA09, EV_SSYNMRSP, "p18 p21", STA09},
    {STA09, EV_SPTREQ, "p53", STA09},
    {STA09, EV_SUERREQ, "p50", STA19},
    {STA09, EV_SRELRSP, "", STA16},
    LIVING(STA09),

    {STA10B, EV_SDTREQ, "p03", STA10B},
    {STA10B, EV_SACTERSP, "", STA713},
    {STA10B, EV_SSYNMRSP, "p18 !p20 p21", STA10B},
    {STA10B, EV_AD, "p38 p40", STA11C},
    {STA10B, EV_AI, "p38 p40", STA11B},
    {STA10B, EV_GT, "p59", STA10B},
    {STA10B, EV_SGTREQ, "p54", STA10B},
    {STA10B, EV_SPTREQ, "p53", STA10B},
    {STA10B, EV_SUERREQ, "p50", STA19},
    LIVING(STA10B),

    {STA11B, EV_SACTIRSP, "", STA713},
    LIVING(STA11B),

    {STA11C, EV_SACTDRSP, "", STA713},
    LIVING(STA11C),

    {STA16, EV_AC, "", STA16},
    {STA16, EV_CN, "", STA_OVER},
    {STA16, EV_RF, "", STA16},
    ALL_OTHERS(STA16, STA16),
    {STA16, EV_AA, "", STA_OVER},
    {STA16, EV_AB, "", STA_OVER},
    {STA16, EV_TDISIND, "", STA_OVER},
    {STA16, EV_TIM, "", STA_OVER},

    {STA18, EV_GTA, "", STA713},
    {STA18, EV_PT, "p53", STA18},
    LIVING(STA18),

    {STA19, EV_DT, "", STA19},
    {STA19, EV_AE, "p72 p19", STA19},
    {STA19, EV_MIA, "p17 p21", STA19},
    {STA19, EV_MIP, "p14 p19", STA19},
    {STA19, EV_AD, "p38 p40", STA11C},
    {STA19, EV_AI, "p38 p40", STA11B},
    {STA19, EV_ED, "p50", STA19},
    {STA19, EV_ER, "p50", STA19},
    {STA19, EV_GT, "p60", STA19},
    {STA19, EV_GT, "p61", STA713},
    {STA19, EV_PT, "p53", STA19},
    {STA19, EV_FN, "released p68", STA19},
    {STA19, EV_FN, "!released p68 !p01", STA19},
    LIVING(STA19),

    {STA20, EV_DT, "p05", STA20},
    {STA20, EV_AEA, "p20", STA20},
    {STA20, EV_AE, "p72 p19", STA20},
    {STA20, EV_MIA, "p17 p21", STA20},
    {STA20, EV_MIP, "p14 p19", STA20},
    {STA20, EV_AD, "p38 p40", STA11C},
    {STA20, EV_AI, "p38 p40", STA11B},
    {STA20, EV_SACTDREQ, "p34 p11", STA05C},
    {STA20, EV_SACTIREQ, "p34 p11", STA05B},
    {STA20, EV_GT, "p60", STA20},
    {STA20, EV_GT, "p61", STA713},
    {STA20, EV_PT, "p53", STA20},
    {STA20, EV_FN, "released p68", STA20},
    {STA20, EV_FN, "!released p68 !p01", STA20},
    LIVING(STA20),

    {STA713, EV_DT, "p05", STA713},
    {STA713, EV_SDTREQ, "p03", STA713},
    {STA713, EV_AE, "p72 p19", STA10B},
    {STA713, EV_MIA, "p17 p21", STA713},
    {STA713, EV_MIP, "p14 p19", STA713},
    {STA713, EV_SACTEREQ, "p71", STA04B},
    {STA713, EV_SSYNMREQ, "p15 sy", STA713}, // sy: minor synchronize is chosen, without which AV(mi) is false anyway
    {STA713, EV_SSYNMRSP, "p18 p21", STA713},
    {STA713, EV_AD, "p38 p40", STA11C},
    {STA713, EV_AI, "p38 p40", STA11B},
    {STA713, EV_SACTDREQ, "p34 p39", STA05C},
    {STA713, EV_SACTIREQ, "p34 p39", STA05B},
    {STA713, EV_AR, "p44", STA713},
    {STA713, EV_AS, "p44", STA713},
    {STA713, EV_SACTRREQ, "p45", STA713},
    {STA713, EV_SACTSREQ, "p45", STA713},
    {STA713, EV_ED, "p50", STA713},
    {STA713, EV_ED, "p51", STA20},
    {STA713, EV_ER, "p50", STA713},
    {STA713, EV_ER, "p51", STA20},
    {STA713, EV_GT, "p59", STA713},
    {STA713, EV_GTC, "p62", STA713},
    {STA713, EV_PT, "p53", STA713},
    {STA713, EV_SCGREQ, "p55", STA18},
    {STA713, EV_SGTREQ, "p54", STA713},
    {STA713, EV_SPTREQ, "p53", STA713},
    {STA713, EV_SUERREQ, "p50", STA19},
    {STA713, EV_FN, "released p68", STA09},
    {STA713, EV_FN, "!released p68 !p01", STA09},
    {STA713, EV_SRELREQ, "p63", STA03},
    LIVING(STA713),
};

// --- a situation, and the predicates in it

enum { VM = 3, VA = 1 };
struct situation {
    uint16_t fus;
    uint8_t tokens, item; // ours; of the event
    uint32_t serial;      // of the event
    bool act, vsc, initiator, released, overflow, end;
};

static bool token_av(const struct situation *x, uint8_t t) {
    return t == SESSION_TOKEN_DATA    ? x->fus & SESSION_FU_HALF_DUPLEX
           : t == SESSION_TOKEN_MINOR ? x->fus & SESSION_FU_MINOR_SYNC
           : t == SESSION_TOKEN_MAJOR ? x->fus & SESSION_FU_ACTIVITY
                                      : false;
}
static bool owned(const struct situation *x, uint8_t t) {
    return (x->tokens & t) != 0;
}
static bool I(const struct situation *x, uint8_t t) {
    return !token_av(x, t) || owned(x, t);
}
static bool A(const struct situation *x, uint8_t t) {
    return !token_av(x, t) || !owned(x, t);
}
static bool II(const struct situation *x, uint8_t t) {
    return token_av(x, t) && owned(x, t);
}
static bool AA(const struct situation *x, uint8_t t) {
    return token_av(x, t) && !owned(x, t);
}

// ALL(f, set)
static bool all(const struct situation *x, bool (*f)(const struct situation *, uint8_t), uint8_t set) {
    for (unsigned t = 1; t < 256; t <<= 1)
        if ((set & t) && !f(x, (uint8_t)t))
            return false;
    return true;
}

static bool predicate(const struct situation *x, const char *name) {
    enum { DK = SESSION_TOKEN_DATA, MI = SESSION_TOKEN_MINOR, MA = SESSION_TOKEN_MAJOR, DOM = DK | MI | MA };
    bool act = x->fus & SESSION_FU_ACTIVITY, sy = x->fus & SESSION_FU_MINOR_SYNC, hd = x->fus & SESSION_FU_HALF_DUPLEX;
    bool excep = x->fus & SESSION_FU_EXCEPTIONS, in = !act || x->act;
    if (strcmp(name, "released") == 0)
        return x->released;
    if (strcmp(name, "cn204") == 0 || strcmp(name, "p204") == 0)
        return x->overflow;
    if (strcmp(name, "sy") == 0)
        return sy;
    switch (atoi(name + 1)) {
    case 1: return x->initiator; // not Vtca: the session's initiator made the transport connection
    case 3: return I(x, DK);
    case 5: return A(x, DK);
    case 11: return II(x, MA);
    case 14: return in && A(x, DK) && AA(x, MI);
    case 15: return in && I(x, DK) && II(x, MI);
    case 17: return in && sy && !x->vsc;
    case 18: return in && sy && x->vsc;
    case 19: return x->serial == VM;
    case 20: return x->serial == VM - 1;
    case 21: return VM > x->serial && x->serial >= VA;
    case 34: return act;
    case 38: return act;
    case 39: return x->act && II(x, MA);
    case 40: return AA(x, MA);
    case 44: return act && !x->act && A(x, DK) && A(x, MI) && A(x, MA);
    case 45: return act && !x->act && I(x, DK) && I(x, MI) && I(x, MA);
    case 48: return excep && hd;
    case 50: return excep && in && AA(x, DK);
    case 51: return excep && in && II(x, DK);
    case 52: return excep && !act && II(x, DK);
    case 53: return all(x, token_av, x->item);
    case 54: return all(x, II, x->item);
    case 55: return act && !x->act && all(x, I, DOM);
    case 59: return all(x, AA, x->item);
    case 60: return all(x, AA, x->item) && !(x->item & DK);
    case 61: return all(x, AA, x->item) && (x->item & DK);
    case 62: return act && !x->act && all(x, A, DOM);
    case 63: return all(x, I, DOM) && !(act && x->act);
    case 65: return !token_av(x, DK) && !token_av(x, MI) && !token_av(x, MA);
    case 68: return all(x, A, DOM) && !(act && x->act);
    case 71: return act && x->act && I(x, DK) && I(x, MI) && II(x, MA);
    case 72: return act && x->act && A(x, DK) && A(x, MI) && AA(x, MA);
    case 76: return !hd;
    case 202: return x->end;
    default: fail_msg("no predicate '%s'", name); return false;
    }
}

static bool holds(const struct situation *x, const char *when) {
    while (*when != 0) {
        char name[16];
        size_t n = strcspn(when, " ");
        bool negated = *when == '!';
        snprintf(name, sizeof name, "%.*s", (int)n - negated, when + negated);
        if (predicate(x, name) == negated)
            return false;
        when += n + (when[n] == ' ');
    }
    return true;
}

static const struct cell *cell_of(const struct situation *x, uint8_t state, uint8_t event) {
    const struct cell *found = NULL;
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        if (cells[i].state == state && cells[i].event == event && holds(x, cells[i].when)) {
            assert_null(found); // the table says one thing
            found = &cells[i];
        }
    return found;
}

// --- the walk

static bool has_serial(uint8_t ev) {
    return ev == EV_MIP || ev == EV_MIA || ev == EV_AE || ev == EV_AEA || ev == EV_SSYNMRSP;
}
static bool has_tokens(uint8_t ev) {
    return ev == EV_GT || ev == EV_PT || ev == EV_SGTREQ || ev == EV_SPTREQ;
}

// What a row may add to the standard's tables, or leave out of them.
static bool ours(const struct situation *x, uint8_t state, uint8_t event, const struct fsm_row *row) {
    if (row != NULL)
        return strncmp(row->source, "ours", 4) == 0 || strncmp(row->source, "inferred", 8) == 0 ||
               ((event == EV_OA || event == EV_CDO) && state == STA16);            // dropped like all others
    bool asks_own = event == EV_SPTREQ && (x->item == 0 || (x->item & x->tokens)); // stricter: what is ours, or nothing
    return asks_own || (event == EV_SGTREQ && x->item == 0);
}

static size_t pairs_with_cell;

static void compare(const struct situation *x, uint8_t state, uint8_t event) {
    struct session s = {.initiator = x->initiator,
                        .version = 2,
                        .proposed_versions = 3,
                        .params = {.versions = 3},
                        .requirements = x->fus,
                        .proposed_fus = SESSION_FU_RTSE,
                        .tokens = x->tokens,
                        .activity = x->act,
                        .vsc = x->vsc,
                        .vm = VM,
                        .va = VA,
                        .connect_rest = {.len = x->overflow}};
    struct spdu p = {.has = (uint64_t)1 << PI_SERIAL | (uint64_t)1 << PI_ACTIVITY_ID |
                            (uint64_t)x->overflow << PI_DATA_OVERFLOW,
                     .serial = x->serial,
                     .token_item = x->item,
                     .versions = 3,
                     .requirements = event == EV_CN ? x->fus : SESSION_FU_RTSE,
                     .transport_disconnect = x->released ? TD_RELEASED : 0,
                     .enclosure = x->end ? ENCLOSURE_END : 0,
                     .link = true};
    struct session_ev e = {.spdu = &p, .serial = x->serial, .tokens = x->item};
    s.fsm = (struct fsm){.table = &session_table, .ctx = &s, .state = state};
    const struct fsm_row *row = fsm_find(&s.fsm, event, &e);
    const struct cell *cell = cell_of(x, state, event);
    uint8_t next = row == NULL || row->next == FSM_SAME ? state : row->next;
    pairs_with_cell += cell != NULL;
    if (cell != NULL && row != NULL && next == cell->next)
        return;
    if ((cell == NULL) != (row == NULL) && ours(x, state, event, row))
        return;
    if (cell == NULL && row == NULL)
        return;
    fail_msg("%s, %s: %s -> %s, but the standard has %s -> %s (units %#x tokens %#x item %#x serial %u act %d vsc %d)",
             session_table.states[state], session_table.events[event], row ? row->source : "no row",
             session_table.states[next], cell ? cell->when : "no cell", session_table.states[cell ? cell->next : state],
             x->fus, x->tokens, x->item, x->serial, x->act, x->vsc);
}

static void each_event(struct situation x) {
    static const uint8_t items[] = {0, 0x01, 0x04, 0x05, 0x10, 0x15, 0x40};
    for (uint8_t st = 0; st < SESSION_N_STATES; st++)
        for (uint8_t ev = 0; ev < SESSION_N_EVENTS; ev++)
            for (uint32_t sn = 0; sn < (has_serial(ev) ? 5 : 1); sn++)
                for (size_t k = 0; k < (has_tokens(ev) ? sizeof items : 1); k++) {
                    x.serial = sn;
                    x.item = items[k];
                    compare(&x, st, ev);
                }
}

static void test_cells(void **state) {
    (void)state;
    static const uint16_t fus[] = {0x0249, 0x0001, 0x0009, 0x0041, 0x0049, 0x0201, 0x0209, 0x0241};
    for (size_t f = 0; f < sizeof fus / sizeof fus[0]; f++)
        for (unsigned bits = 0; bits < 256; bits++) {
            struct situation x = {.fus = fus[f],
                                  .tokens = (uint8_t)((bits & 1) | (bits & 2) << 1 | (bits & 4) << 2),
                                  .act = bits & 8,
                                  .vsc = bits & 16,
                                  .initiator = bits & 32,
                                  .released = bits & 64,
                                  .overflow = bits & 128,
                                  .end = bits & 128};
            bool exists = !(x.tokens & ~session_available(x.fus)) && (!x.act || (x.fus & SESSION_FU_ACTIVITY));
            if (exists)
                each_event(x);
        }
    assert_true(pairs_with_cell > 100000);
}

// A CN without half-duplex, or of no version of ours.
static void test_p76(void **state) {
    (void)state;
    struct situation x = {.fus = SESSION_FU_DUPLEX};
    compare(&x, STA01C, EV_CN);
    x.overflow = true;
    compare(&x, STA01C, EV_CN);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cells), cmocka_unit_test(test_p76)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
