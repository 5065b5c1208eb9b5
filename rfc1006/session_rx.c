// SPDX-License-Identifier: BSD-2-Clause
// TSDUs taken apart as they arrive. A TSDU is one SPDU of category 1, or one of category 0 (GIVE TOKENS, PLEASE
// TOKENS) which may have one of category 2 behind it, or, where we offered extended concatenation, several. User
// information of DATA TRANSFER is passed on in pieces; all else is collected under a limit and handled when it is
// complete, segments when their last has come. The SPDU of category 0 acts last: the tokens that the others need are
// given away by it afterwards.
#include "base/err.h"
#include "rfc1006/session_fsm.h"

// The event of an SPDU, SESSION_N_EVENTS when it is not one of ours at this place.
static uint8_t event_of(uint8_t si, bool first, const struct spdu *p) {
    if (first) {
        switch (si) {
        case SI_GT: return EV_GT;
        case SI_PT: return EV_PT;
        case SI_FN: return EV_FN;
        case SI_DN: return EV_DN;
        case SI_RF: return EV_RF;
        case SI_CN: return EV_CN;
        case SI_OA: return EV_OA;
        case SI_CDO: return EV_CDO;
        case SI_AC: return EV_AC;
        case SI_GTC: return EV_GTC;
        case SI_GTA: return EV_GTA;
        case SI_AB: return EV_AB;
        case SI_AA: return EV_AA;
        default: return SESSION_N_EVENTS;
        }
    }
    switch (si) {
    case SI_ER: return EV_ER;
    case SI_AI: return EV_AI;
    case SI_AIA: return EV_AIA;
    case SI_AR: return EV_AR;
    case SI_AE: return spdu_has(p, PI_SYNC_TYPE) ? SESSION_N_EVENTS : EV_AE; // MAJOR SYNC POINT is not ours
    case SI_AEA: return EV_AEA;
    case SI_AS: return EV_AS;
    case SI_ED: return EV_ED;
    case SI_MIP: return EV_MIP;
    case SI_MIA: return EV_MIA;
    case SI_AD: return EV_AD;
    case SI_ADA: return EV_ADA;
    default: return SESSION_N_EVENTS;
    }
}

static bool dead(const struct session *s) {
    return s->fsm.state == STA_OVER || s->rx.phase == RX_SKIP;
}

static bool spdu_decode(struct session *s, struct spdu *p) {
    struct session_rx *rx = &s->rx;
    char why[80];
    if (spdu_read(rx->si, buf_bytes(&rx->params), p, why, sizeof why) < 0) {
        session_protocol_error(s, "%s: %s", spdu_name(rx->si, rx->first), why);
        return false;
    }
    return true;
}

// --- SSDUs in several SPDUs

bool session_rx_keep(struct session *s, uint8_t event, struct bytes params, struct bytes data) {
    struct session_rx *rx = &s->rx;
    rx->seg_event = event;
    if (rx->seg_data.len + data.n > s->params.collect_limit)
        session_restriction(s, "user data of the peer are larger than the limit");
    else if (buf_append(&rx->seg_params, params.p, params.n) < 0 || buf_append(&rx->seg_data, data.p, data.n) < 0)
        session_restriction(s, "no memory for user data of the peer");
    else
        return true;
    session_rx_forget(s);
    return false;
}

bool session_rx_kept(struct session *s, uint8_t si, struct spdu *out) {
    char why[80];
    if (spdu_read(si, buf_bytes(&s->rx.seg_params), out, why, sizeof why) < 0)
        return false; // it was read before
    out->user_data = buf_bytes(&s->rx.seg_data);
    out->enclosure = ENCLOSURE_BEGIN | ENCLOSURE_END;
    return true;
}

void session_rx_forget(struct session *s) {
    s->rx.seg_event = 0;
    buf_free(&s->rx.seg_params);
    buf_free(&s->rx.seg_data);
}

// What may come in the middle of a segmented SSDU: it ends that one.
static bool breaks_in(uint8_t event) {
    return event == EV_AB || event == EV_AI || event == EV_AD || event == EV_ED || event == EV_ER;
}

// SPDUs that can have user data; those of ACTIVITY INTERRUPT and DISCARD, which X.225 (1995) has, are not passed on.
static bool segmentable(uint8_t event) {
    switch (event) {
    case EV_CN:
    case EV_OA:
    case EV_GT:
    case EV_GTC:
    case EV_GTA:
    case EV_AA:
    case EV_ER: return false;
    default: return true;
    }
}

// A segment of an SSDU. Its event comes with the last one.
static void segment_dispatch(struct session *s, uint8_t ev, const struct spdu *p, bool first) {
    struct session_rx *rx = &s->rx;
    struct spdu whole;
    bool begin = (p->enclosure & ENCLOSURE_BEGIN) != 0;
    if (!(s->params.versions & SESSION_VERSION_2) || !segmentable(ev)) {
        session_protocol_error(s, "%s in segments", spdu_name(rx->si, first));
        return;
    }
    if (begin == (rx->seg_event != 0)) {
        session_protocol_error(s, "%s: enclosure item %u out of order", spdu_name(rx->si, first), p->enclosure);
        return;
    }
    struct bytes params = begin ? buf_bytes(&rx->params) : (struct bytes){0};
    if (!session_rx_keep(s, ev, params, p->user_data) || !(p->enclosure & ENCLOSURE_END))
        return;
    if (session_rx_kept(s, rx->si, &whole)) {
        rx->seg_event = 0;
        fsm_step(&s->fsm, ev, &(struct session_ev){.spdu = &whole});
    }
    session_rx_forget(s);
}

// A complete SPDU other than DT.
static void spdu_dispatch(struct session *s, bool first) {
    struct session_rx *rx = &s->rx;
    struct spdu p;
    if (!spdu_decode(s, &p))
        return;
    uint8_t ev = event_of(rx->si, first, &p), kept = rx->seg_event == EV_CDO ? 0 : rx->seg_event;
    if (ev == SESSION_N_EVENTS) {
        session_protocol_error(s, "SPDU with identifier %u %s is not of the functional units agreed", rx->si,
                               first ? "at the start of a TSDU" : "behind another one");
        return;
    }
    if (kept != 0 && kept != ev) {
        if (!breaks_in(ev)) {
            session_protocol_error(s, "%s inside an SSDU in segments", spdu_name(rx->si, first));
            return;
        }
        session_rx_forget(s);
        kept = 0;
    }
    if (ev == EV_CDO || (p.enclosure == (ENCLOSURE_BEGIN | ENCLOSURE_END) && kept == 0))
        fsm_step(&s->fsm, ev, &(struct session_ev){.spdu = &p});
    else
        segment_dispatch(s, ev, &p, first);
}

// The tokens of the category 0 SPDU that came in front.
static void prefix_dispatch(struct session *s, uint8_t prefix, uint8_t tokens) {
    struct spdu p = {.token_item = tokens};
    if (prefix != 0 && tokens != 0 && !dead(s))
        fsm_step(&s->fsm, prefix == SI_GT ? EV_GT : EV_PT, &(struct session_ev){.spdu = &p});
}

static void dt_begin(struct session *s) {
    struct session_rx *rx = &s->rx;
    struct spdu p;
    if (!spdu_decode(s, &p))
        return;
    if (rx->seg_event != 0 && rx->seg_event != EV_CDO) {
        session_protocol_error(s, "%s inside an SSDU in segments", spdu_name(SI_DT, false));
        return;
    }
    rx->deliver = false;
    if (fsm_step(&s->fsm, EV_DT, &(struct session_ev){.spdu = &p}) < 0 || dead(s))
        return;
    rx->phase = RX_DATA;
    if (!rx->deliver)
        return;
    bool begin = (p.enclosure & ENCLOSURE_BEGIN) != 0;
    if (begin == rx->ssdu_open) {
        session_protocol_error(s, "DATA TRANSFER (DT): enclosure item %u out of order", p.enclosure);
        return;
    }
    rx->seg_end = (p.enclosure & ENCLOSURE_END) != 0;
    rx->ssdu_open = !rx->seg_end;
}

static void params_done(struct session *s) {
    struct session_rx *rx = &s->rx;
    struct spdu p;
    if (rx->first && (rx->si == SI_GT || rx->si == SI_PT)) {
        if (!spdu_decode(s, &p))
            return;
        rx->prefix = rx->si == SI_GT ? SI_GT : SI_PT;
        rx->prefix_tokens = p.token_item;
        rx->first = false;
        rx->phase = RX_SI;
    } else if (!rx->first && rx->si == SI_DT)
        dt_begin(s);
    else
        rx->phase = RX_END;
}

static void li_input(struct session *s, uint8_t octet) {
    struct session_rx *rx = &s->rx;
    if (rx->li_octets == 0 && octet == 255) {
        rx->li_octets = 1;
        return;
    }
    rx->li = (uint16_t)(rx->li << 8 | octet);
    if (rx->li_octets == 1) {
        rx->li_octets = 2;
        return;
    }
    if (rx->li > s->params.collect_limit) {
        session_restriction(s, "an SPDU of the peer is larger than the limit");
        return;
    }
    rx->phase = RX_PARAMS;
    if (rx->li == 0)
        params_done(s);
}

static struct bytes params_input(struct session *s, struct bytes piece) {
    struct session_rx *rx = &s->rx;
    size_t want = rx->li - rx->params.len, n = piece.n < want ? piece.n : want;
    if (buf_append(&rx->params, piece.p, n) < 0)
        session_restriction(s, "no memory for an SPDU of the peer");
    else if (rx->params.len == rx->li)
        params_done(s);
    return bytes_of(piece.p + n, piece.n - n);
}

static void data_deliver(struct session *s, struct bytes piece, bool end) {
    bool last = end && s->rx.seg_end;
    if (s->rx.deliver && (piece.n > 0 || last) && s->up->data_ind != NULL)
        s->up->data_ind(s->user, piece, last);
}

static void si_input(struct session *s, uint8_t si) {
    struct session_rx *rx = &s->rx;
    rx->si = si;
    rx->li = 0;
    rx->li_octets = 0;
    buf_clear(&rx->params);
    rx->phase = RX_LI;
}

// The TSDU ends. The parser is made ready for the next one before anybody is told: the user may call down.
static void tsdu_end(struct session *s, bool data_ended) {
    struct session_rx *rx = &s->rx;
    uint8_t phase = rx->phase, prefix = rx->prefix, tokens = rx->prefix_tokens;
    bool first = rx->first;
    rx->phase = RX_SI;
    rx->first = true;
    rx->prefix = rx->prefix_tokens = 0;
    switch (phase) {
    case RX_SI:
        if (first)
            session_protocol_error(s, "an empty TSDU");
        else
            spdu_dispatch(s, true);
        break;
    case RX_DATA:
        if (!data_ended)
            data_deliver(s, (struct bytes){0}, true);
        prefix_dispatch(s, prefix, tokens);
        break;
    case RX_END:
        spdu_dispatch(s, first);
        prefix_dispatch(s, prefix, tokens);
        break;
    case RX_SKIP: break;
    default: session_protocol_error(s, "%s ends before its %u octets", spdu_name(rx->si, first), rx->li);
    }
    if (rx->phase == RX_SKIP) // an error above: the TSDU is over already
        rx->phase = RX_SI;
}

// Octets behind a complete SPDU: in extended concatenation another one of category 2.
static void next_spdu(struct session *s) {
    struct session_rx *rx = &s->rx;
    if (rx->first || !s->params.extended_concatenation) {
        session_protocol_error(s, "octets behind %s in one TSDU", spdu_name(rx->si, rx->first));
        return;
    }
    spdu_dispatch(s, false);
    if (!dead(s))
        rx->phase = RX_SI;
}

void session_rx_input(struct session *s, struct bytes piece, bool last) {
    struct session_rx *rx = &s->rx;
    bool data_ended = false;
    while (piece.n > 0 && !dead(s)) {
        switch (rx->phase) {
        case RX_SI:
        case RX_LI:
            if (rx->phase == RX_SI)
                si_input(s, *piece.p);
            else
                li_input(s, *piece.p);
            piece.p++;
            piece.n--;
            break;
        case RX_PARAMS: piece = params_input(s, piece); break;
        case RX_DATA:
            data_deliver(s, piece, last);
            data_ended = last;
            piece.n = 0;
            break;
        default: next_spdu(s); break;
        }
    }
    if (last && s->fsm.state != STA_OVER)
        tsdu_end(s, data_ended);
}
