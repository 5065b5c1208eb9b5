// SPDX-License-Identifier: BSD-2-Clause
// Above session, as it passes: the PPDUs and APDUs of connect, release and abort, which are held whole, and the data of
// an activity, which are not: P-DATA, RTTR and the EXTERNAL around the user's APDU in normal mode, bare slices of it in
// X.410 mode. After the loss of octets the rest of a transfer cannot be read; the next one is.
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "rfc1006/acse_codec.h"
#include "rfc1006/pdu_private.h"
#include "rfc1006/rtse_codec.h"

static void begin_pdu(struct pdu *p, struct pdu_side *s, enum stack_layer layer, const char *name) {
    pdu_init(p, layer, s->index, name);
    p->from = s->spdu_at;
}

static void say_fault(struct pdu_side *s, enum stack_layer layer, const char *name, const char *fault) {
    struct pdu p;
    begin_pdu(&p, s, layer, name);
    pdu_fault(&p, s->at, "%s", fault);
    pdu_emit(s, &p);
}

// ---- RTSE ----

static const char *rtse_name(enum rtse_kind k) {
    return k == RTSE_RTORQ ? "RTORQ" : k == RTSE_RTOAC ? "RTOAC" : k == RTSE_RTORJ ? "RTORJ" : "RTAB";
}

static const char *protocol_name(int protocol) {
    return protocol == RTSE_PROTOCOL_P1_1984 ? "P1 of 1984" : protocol == RTSE_PROTOCOL_P1_1988 ? "P1" : "unknown";
}

static void put_rtse(struct pdu *p, const struct pdu_watch *w, const struct rtse_apdu *a) {
    bool opens = a->kind == RTSE_RTORQ || a->kind == RTSE_RTOAC;
    if (opens) {
        pdu_put(p, "checkpoint-size", "%u K", a->checkpoint);
        pdu_put(p, "window-size", "%u", a->window);
    }
    if (a->kind == RTSE_RTORQ)
        pdu_put(p, "dialogue-mode", "%s", a->dialogue == RTSE_MONOLOGUE ? "monologue" : "two-way-alternate");
    if (a->protocol != 0)
        pdu_put(p, "application-protocol", "%d (%s)", a->protocol, protocol_name(a->protocol));
    if (opens)
        pdu_put(p, "connection-data", "%s", a->recover ? "recover" : "open");
    if (a->recover)
        pdu_session_id(p, "session-connection-identifier", a->session_id);
    if (a->kind == RTSE_RTORJ && a->reason >= 0)
        pdu_put(p, w->mode == RTSE_X410 ? "reason" : "refuse-reason", "%d (%s)", a->reason,
                rtse_refuse_text(a->reason));
    if (a->kind == RTSE_RTAB)
        pdu_put(p, "abort-reason", "%d (%s)", a->reason, rtse_abort_text(a->reason));
    if (a->user_data.p != NULL)
        pdu_put(p, "user-data", "%zu octets", a->user_data.n);
}

// in: the APDU, or in X.410 mode its members.
static void rtse_apdu(struct pdu_side *s, enum rtse_kind kind, struct bytes in) {
    struct pdu_watch *w = s->w;
    struct rtse_apdu a;
    struct pdu p;
    int err = w->mode == RTSE_X410 ? rtse_members_decode(kind, in, &a) : rtse_apdu_decode(in, &a);
    begin_pdu(&p, s, STACK_RTSE, rtse_name(err == ERR_OK ? a.kind : kind));
    if (err < 0)
        pdu_fault(&p, s->at, "no %s that can be read, %zu octets", rtse_name(kind), in.n);
    else
        put_rtse(&p, w, &a);
    pdu_emit(s, &p);
    if (err < 0)
        return;
    if (a.kind == RTSE_RTORQ && w->mode == RTSE_X410)
        w->protocol = a.protocol == 0 ? RTSE_PROTOCOL_P1_1984 : a.protocol;
    if (a.kind != RTSE_RTAB && !a.recover && a.user_data.p != NULL && w->user->bind != NULL)
        w->user->bind(w->ctx, s->index, w->mode, (int)a.kind, a.user_data);
}

// ---- association control ----

static void put_acse(struct pdu *p, const struct acse_apdu *a) {
    if (a->application_context.p != NULL)
        pdu_put_oid(p, "application-context", "", a->application_context);
    if (a->kind == ACSE_AARE) {
        static const char *const results[] = {"accepted", "rejected (permanent)", "rejected (transient)"};
        pdu_put(p, "result", "%s", (unsigned)a->result < 3 ? results[a->result] : "unknown");
        pdu_put(p, "diagnostic", "%s: %s", a->source == ACSE_SERVICE_USER ? "service-user" : "service-provider",
                acse_diagnostic_text(a->source, a->diagnostic));
    }
    if (a->kind == ACSE_ABRT)
        pdu_put(p, "abort-source", "%s", a->abort_source == 0 ? "service-user" : "service-provider");
    pdu_put_octets(p, "implementation-information", a->implementation);
    if (a->user_information.p != NULL && a->user_context >= 0)
        pdu_put(p, "user-information", "%zu octets in context %lld", a->user_information.n, (long long)a->user_context);
    else if (a->user_information.p != NULL)
        pdu_put(p, "user-information", "%zu octets", a->user_information.n);
}

static void acse_apdu(struct pdu_side *s, struct bytes user_data) {
    static const char *const names[] = {"AARQ", "AARE", "RLRQ", "RLRE", "ABRT"};
    static const enum rtse_kind inside[] = {RTSE_RTORQ, RTSE_RTOAC, RTSE_RTAB, RTSE_RTAB, RTSE_RTAB};
    struct acse_apdu a;
    struct bytes value;
    int64_t context;
    struct pdu p;
    begin_pdu(&p, s, STACK_ASSOCIATION, "ACSE APDU");
    int err = pdv_first(user_data, &context, &value);
    if (err == ERR_OK)
        err = acse_apdu_decode(value, &a);
    if (err == ERR_OK) {
        p.name = names[a.kind];
        put_acse(&p, &a);
    } else
        pdu_fault(&p, s->at, "no APDU of association control that can be read, %zu octets", user_data.n);
    pdu_emit(s, &p);
    if (err == ERR_OK && a.user_information.p != NULL && a.kind != ACSE_RLRQ && a.kind != ACSE_RLRE)
        rtse_apdu(s, a.kind == ACSE_AARE && a.result != ACSE_ACCEPTED ? RTSE_RTORJ : inside[a.kind],
                  a.user_information);
}

// ---- presentation ----

static void put_context(struct pdu *p, struct pdu_watch *w, size_t i, const struct presentation_context *c,
                        bool result) {
    static const char *const results[] = {"accepted", "rejected by the user", "rejected by the provider"};
    char id[16] = "?", why[80] = "";
    if (!result) {
        w->contexts[i] = c->id;
        snprintf(id, sizeof id, "%d: ", c->id);
        pdu_put_oid(p, c->ber ? "context" : "context-without-ber", id, c->abstract_syntax);
        return;
    }
    if (i < w->n_contexts)
        snprintf(id, sizeof id, "%d", w->contexts[i]);
    if (c->reason >= 0)
        snprintf(why, sizeof why, " (%s)", presentation_rejection_text(c->reason));
    pdu_put(p, "context", "%s: %s%s", id, c->result < 3 ? results[c->result] : "unknown result", why);
}

static void put_ppdu(struct pdu *p, struct pdu_watch *w, const struct presentation_ppdu *ppdu, uint8_t si) {
    size_t n = ppdu->n_contexts < PRESENTATION_CONTEXTS ? ppdu->n_contexts : PRESENTATION_CONTEXTS;
    pdu_put(p, "mode", "%s", ppdu->normal_mode ? "normal" : "X.410");
    pdu_put_octets(p, "calling-psel", ppdu->calling_psel);
    pdu_put_octets(p, si == SI_CN ? "called-psel" : "responding-psel", ppdu->called_psel);
    for (size_t i = 0; i < n; i++)
        put_context(p, w, i, &ppdu->contexts[i], si != SI_CN);
    if (si == SI_CN)
        w->n_contexts = n;
    if (n < ppdu->n_contexts)
        pdu_put(p, "context", "and %zu more", ppdu->n_contexts - n);
    if (ppdu->provider_reason >= 0)
        pdu_put(p, "provider-reason", "%d (%s)", ppdu->provider_reason,
                si == SI_AB ? presentation_abort_text(ppdu->provider_reason)
                            : presentation_provider_reason_text(ppdu->provider_reason));
    if (ppdu->event >= 0)
        pdu_put(p, "event-identifier", "%d", ppdu->event);
    if (ppdu->user_data.p != NULL)
        pdu_put(p, "user-data", "%zu octets", ppdu->user_data.n);
}

static const char *ppdu_name(uint8_t si, enum presentation_abort_kind kind) {
    switch (si) {
    case SI_CN: return "CP";
    case SI_AC: return "CPA";
    case SI_RF: return "CPR";
    default: return kind == PRESENTATION_ARP ? "ARP" : "ARU";
    }
}

// The PPDU in the user data of CONNECT, ACCEPT, REFUSE and ABORT, and what it carries.
static void connect_ppdu(struct pdu_side *s, uint8_t si, struct bytes data) {
    struct pdu_watch *w = s->w;
    struct presentation_ppdu ppdu;
    enum presentation_abort_kind kind = PRESENTATION_ARU;
    struct pdu p;
    int err = si == SI_CN   ? presentation_cp_decode(data, &ppdu)
              : si == SI_AC ? presentation_cpa_decode(data, &ppdu)
              : si == SI_RF ? presentation_cpr_decode(data, &ppdu)
                            : presentation_abort_decode(data, &kind, &ppdu);
    begin_pdu(&p, s, STACK_PRESENTATION, ppdu_name(si, kind));
    if (err < 0) {
        pdu_fault(&p, s->at, "no %s that can be read, %zu octets (%s)", p.name, data.n, err_text(err));
        pdu_emit(s, &p);
        return;
    }
    w->mode = ppdu.normal_mode ? RTSE_NORMAL : RTSE_X410;
    w->mode_known = true;
    put_ppdu(&p, w, &ppdu, si);
    pdu_emit(s, &p);
    if (ppdu.user_data.p == NULL || (si == SI_AB && kind == PRESENTATION_ARP))
        return;
    if (w->mode == RTSE_X410)
        rtse_apdu(s,
                  si == SI_CN   ? RTSE_RTORQ
                  : si == SI_AC ? RTSE_RTOAC
                  : si == SI_RF ? RTSE_RTORJ
                                : RTSE_RTAB,
                  ppdu.user_data);
    else
        acse_apdu(s, ppdu.user_data);
}

static void turn_please(struct pdu_side *s, struct bytes data) {
    struct pdu p;
    struct bytes value = data, v;
    struct cursor c;
    struct tlv t;
    int64_t priority, context;
    begin_pdu(&p, s, STACK_RTSE, "RTTP");
    pdu_put(&p, "turn", "asked for");
    int err = s->w->mode == RTSE_NORMAL ? pdv_first(data, &context, &value) : ERR_OK;
    c = cursor_of(value);
    if (err == ERR_OK && tlv_next(&c, &t, NULL, &v) == ERR_OK && tlv_is(&t, TLV_UNIVERSAL, TLV_INTEGER) &&
        tlv_get_int(v, &priority) == ERR_OK)
        pdu_put(&p, "priority", "%lld", (long long)priority);
    else
        pdu_fault(&p, s->at, "no priority that can be read");
    pdu_emit(s, &p);
}

void pdu_upper_user_data(struct pdu_side *s, uint8_t si, bool first, struct bytes data) {
    if (data.p == NULL || data.n == 0)
        return;
    if (first && (si == SI_CN || si == SI_AC || si == SI_RF || si == SI_AB))
        connect_ppdu(s, si, data);
    else if (first && (si == SI_FN || si == SI_DN) && s->w->mode == RTSE_NORMAL)
        acse_apdu(s, data);
    else if (first && si == SI_PT)
        turn_please(s, data);
}

// ---- activities ----

static void transfer_end(struct pdu_watch *w, enum pdu_transfer_end how) {
    if (!w->active || (w->paused && how != PDU_TRANSFER_LOST)) // what is interrupted is only resumed, or lost
        return;
    w->paused = how == PDU_TRANSFER_INTERRUPTED;
    w->active = w->paused;
    if (w->user->transfer_end != NULL)
        w->user->transfer_end(w->ctx, &w->transfer, how);
}

static void connection_over(struct pdu_watch *w) {
    if (w->active && !pdu_keep(w))
        transfer_end(w, PDU_TRANSFER_LOST);
}

static void transfer_begin(struct pdu_side *s, struct bytes id, bool resumed) {
    struct pdu_watch *w = s->w;
    transfer_end(w, PDU_TRANSFER_LOST); // whatever was there was not ended
    size_t n = id.n < sizeof w->id ? id.n : sizeof w->id;
    if (n > 0)
        memcpy(w->id, id.p, n);
    w->transfer = (struct pdu_transfer){.mode = w->mode,
                                        .protocol = w->mode == RTSE_X410 ? w->protocol : 0,
                                        .resumed = resumed,
                                        .whole = !resumed,
                                        .side = s->index,
                                        .id = bytes_of(w->id, n),
                                        .identity = w->transfer.identity + 1};
    w->active = true;
    w->lost = resumed;
    w->stream = w->skip = 0;
    memset(w->point, 0, sizeof w->point);
    pdv_stream_reset(&w->external);
    if (w->user->transfer_begin != NULL)
        w->user->transfer_begin(w->ctx, &w->transfer);
}

// What RTSE makes of it, in words.
static void resume_emit(struct pdu_side *s, uint32_t serial, const char *begun) {
    struct pdu p;
    begin_pdu(&p, s, STACK_RTSE, "transfer resumed");
    pdu_put(&p, "after-checkpoint", "%u", serial);
    pdu_put(&p, "begun", "%s", begun);
    pdu_emit(s, &p);
}

static void turn_give(struct pdu_side *s) {
    struct pdu p;
    begin_pdu(&p, s, STACK_RTSE, "turn given");
    pdu_emit(s, &p);
}

static void transfer_resume(struct pdu_side *s, const struct spdu *spdu) {
    struct pdu_watch *w = s->w;
    uint32_t serial = spdu_has(spdu, PI_SERIAL) ? spdu->serial : spdu->link_serial;
    struct bytes old = spdu->old_activity_id.p != NULL ? spdu->old_activity_id : spdu->activity_id;
    bool here = w->active && w->paused && bytes_equal(old, w->transfer.id) && serial <= w->transfer.points &&
                w->transfer.points - serial < PDU_POINTS && s->index == w->transfer.side;
    bool kept = !here && pdu_resume_kept(w, s->index, spdu, serial);
    resume_emit(s, serial, here ? "on this association" : kept ? "on one before" : "on one that was not seen");
    if (kept)
        return;
    if (!here) {
        transfer_begin(s, spdu->activity_id, true);
        return;
    }
    size_t n = spdu->activity_id.n < sizeof w->id ? spdu->activity_id.n : sizeof w->id;
    if (n > 0)
        memcpy(w->id, spdu->activity_id.p, n);
    w->transfer.id.n = n;
    w->skip = w->stream - w->point[serial % PDU_POINTS];
    w->transfer.points = serial;
    w->transfer.resumed = true;
    w->paused = false;
    if (w->user->transfer_begin != NULL)
        w->user->transfer_begin(w->ctx, &w->transfer);
}

void pdu_upper_spdu(struct pdu_side *s, uint8_t si, bool first, const struct spdu *spdu) {
    struct pdu_watch *w = s->w;
    if (first && si == SI_CN)
        pdu_session_note(&w->session, spdu);
    if (first && si == SI_AB)
        connection_over(w);
    if (first && si == SI_FN)
        transfer_end(w, PDU_TRANSFER_INTERRUPTED);
    if (first && (si == SI_GTC || (si == SI_GT && spdu->token_item != 0)))
        turn_give(s);
    if (first)
        return;
    switch (si) {
    case SI_AS: transfer_begin(s, spdu->activity_id, false); break;
    case SI_AR: transfer_resume(s, spdu); break;
    case SI_AI: transfer_end(w, PDU_TRANSFER_INTERRUPTED); break;
    case SI_AD: transfer_end(w, PDU_TRANSFER_DISCARDED); break;
    case SI_AE:
        if (!spdu_has(spdu, PI_SYNC_TYPE) && s->index == w->transfer.side)
            transfer_end(w, w->lost && w->transfer.whole ? PDU_TRANSFER_LOST : PDU_TRANSFER_DONE);
        break;
    case SI_MIP:
        if (w->active && s->index == w->transfer.side) {
            w->transfer.points++;
            w->point[spdu->serial % PDU_POINTS] = w->stream - w->skip;
        }
        break;
    default: break;
    }
}

// ---- data ----

static int external_begin(void *ctx, int64_t context) {
    (void)ctx, (void)context;
    return ERR_OK;
}
static int external_data(void *ctx, struct bytes piece) {
    struct pdu_watch *w = ctx;
    w->transfer.octets += piece.n;
    if (w->user->transfer_data != NULL)
        w->user->transfer_data(w->ctx, &w->transfer, piece);
    return ERR_OK;
}
static int external_end(void *ctx) {
    (void)ctx;
    return ERR_OK;
}
static const struct pdv_user external_user = {external_begin, external_data, external_end};

// Octets of the APDU, in normal mode with the EXTERNAL around it; those sent again after a resumption are known.
static int stream_input(struct pdu_watch *w, struct bytes piece) {
    size_t again = w->skip < piece.n ? (size_t)w->skip : piece.n;
    w->skip -= again;
    piece = bytes_of(piece.p + again, piece.n - again);
    w->stream += piece.n;
    if (!w->active || w->paused || w->lost || piece.n == 0)
        return ERR_OK;
    return w->mode == RTSE_X410 ? external_data(w, piece) : pdv_stream_feed(&w->external, piece);
}

static int rttr_begin(void *ctx, unsigned depth, const struct tlv *t) {
    struct pdu_side *s = ctx;
    (void)depth;
    s->data_bad |= !tlv_is(t, TLV_UNIVERSAL, TLV_OCTET_STRING);
    return s->data_bad ? ERR_SYNTAX : ERR_OK;
}
static int rttr_data(void *ctx, unsigned depth, struct bytes piece) {
    struct pdu_side *s = ctx;
    (void)depth;
    s->value += piece.n;
    return stream_input(s->w, piece);
}
static const struct tlv_stream_user rttr_user = {.begin = rttr_begin, .data = rttr_data};

static int value_begin(void *ctx, int64_t context) {
    struct pdu_side *s = ctx;
    struct pdu p;
    bool known = s->w->n_contexts == 0 || context == PDV_NO_CONTEXT;
    for (size_t i = 0; i < s->w->n_contexts && !known; i++)
        known = s->w->contexts[i] == context;
    begin_pdu(&p, s, STACK_PRESENTATION, "P-DATA");
    if (context != PDV_NO_CONTEXT)
        pdu_put(&p, "context", "%lld", (long long)context);
    if (!known)
        pdu_fault(&p, s->at, "its context was not proposed");
    pdu_emit(s, &p);
    tlv_stream_reset(&s->rttr);
    s->value = 0;
    return ERR_OK;
}
static int value_data(void *ctx, struct bytes piece) {
    struct pdu_side *s = ctx;
    size_t used;
    if (s->rttr.done)
        return ERR_SYNTAX;
    int err = tlv_stream_feed(&s->rttr, piece, &used);
    return err == ERR_OK && used < piece.n ? ERR_SYNTAX : err;
}
static void rttr_emit(struct pdu_side *s) {
    struct pdu p;
    begin_pdu(&p, s, STACK_RTSE, s->w->mode == RTSE_X410 ? "RTTR (bare)" : "RTTR");
    p.from = s->data_at;
    pdu_put(&p, "octets", "%llu", (unsigned long long)s->value);
    pdu_emit(s, &p);
}
static int value_end(void *ctx) {
    struct pdu_side *s = ctx;
    if (!s->rttr.done)
        return ERR_SYNTAX;
    rttr_emit(s);
    return ERR_OK;
}
static const struct pdv_user value_user = {value_begin, value_data, value_end};

void pdu_upper_data_begin(struct pdu_side *s) {
    s->data_at = s->spdu_at;
    s->data_bad = false;
    s->value = 0;
    pdv_stream_reset(&s->pdv);
    if (s->w->active)
        s->w->transfer.tsdus++;
}

static void data_fault(struct pdu_side *s, int err) {
    char text[160];
    bool rttr = s->pdv.had_value || s->rttr.err < 0;
    snprintf(text, sizeof text, "%s cannot be read, after %llu octets of the APDU (%s)",
             rttr ? "the RTTR or the EXTERNAL in it" : "the user data", (unsigned long long)s->w->transfer.octets,
             err_text(err));
    say_fault(s, rttr ? STACK_RTSE : STACK_PRESENTATION, rttr ? "RTTR" : "P-DATA", text);
    s->data_bad = true;
    s->w->lost = true;
}

void pdu_upper_data(struct pdu_side *s, struct bytes piece) {
    struct pdu_watch *w = s->w;
    if (s->data_bad || piece.n == 0)
        return;
    if (!w->mode_known) { // watched from the middle: a fully encoded User-data tells
        w->mode = piece.p[0] == 0x61 ? RTSE_NORMAL : RTSE_X410;
        w->mode_known = true;
        w->transfer.mode = w->mode;
    }
    int err;
    if (w->mode == RTSE_X410) {
        s->value += piece.n;
        err = stream_input(w, piece);
    } else
        err = pdv_stream_feed(&s->pdv, piece);
    if (err == ERR_NOMEM)
        w->err = err;
    else if (err < 0)
        data_fault(s, err);
}

void pdu_upper_data_end(struct pdu_side *s) {
    if (s->data_bad)
        return;
    if (s->w->mode == RTSE_X410)
        rttr_emit(s);
    else if (pdv_stream_end(&s->pdv) < 0)
        data_fault(s, ERR_SHORT);
}

void pdu_upper_lost(struct pdu_side *s) {
    s->data_bad = true;
    if (s->w->active && s->index == s->w->transfer.side)
        s->w->lost = true;
}

void pdu_upper_end(struct pdu_watch *w) {
    connection_over(w);
}

void pdu_watch_assume(struct pdu_watch *w, enum rtse_mode mode, int protocol) {
    w->mode = mode;
    w->protocol = protocol;
    w->mode_known = true;
}

void pdu_upper_init(struct pdu_watch *w) {
    static const struct tlv_limits deep = {.depth = TLV_DEPTH_MAX};
    pdv_stream_init(&w->external, PDV_EXTERNAL, &external_user, w);
    for (unsigned i = 0; i < 2; i++) {
        pdv_stream_init(&w->side[i].pdv, PDV_USER_DATA, &value_user, &w->side[i]);
        tlv_stream_init(&w->side[i].rttr, &rttr_user, &w->side[i], &deep, 0);
    }
}

void pdu_upper_free(struct pdu_watch *w) {
    pdv_stream_free(&w->external);
    for (unsigned i = 0; i < 2; i++) {
        pdv_stream_free(&w->side[i].pdv);
        tlv_stream_free(&w->side[i].rttr);
    }
}
