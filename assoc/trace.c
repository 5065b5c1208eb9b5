// SPDX-License-Identifier: BSD-2-Clause
// An association that is traced has its octets read a second time, as if they came from a capture. A caller that is not
// bound yet is nobody's: its lines are kept, up to a number, until it is known whose they are. An association that was
// open before the trace is taken up at its next TPKT.
#include "assoc/trace.h"

#include <stdio.h>
#include <string.h>

#include "assoc/assoc_internal.h"
#include "base/mem.h"
#include "rfc1006/pdu.h"
#include "x400/mtsid.h"
#include "x400/p1_names.h"
#include "x400/p1_stream.h"

enum { KEPT_MAX = 200, HEAD_MAX = 1 << 20, ENVELOPE_MAX = 4 << 20 };

struct kept {
    struct kept *next;
    int64_t utc_ms;
    enum trace_layer layer;
    enum trace_way way;
    char text[];
};

struct assoc_watch {
    struct assoc *a;
    char *peer; // whose lines they are; NULL: kept until that is known
    struct pdu_watch *pdus;
    struct kept *kept, **last;
    unsigned n_kept, n_lost;
    struct p1_stream *p1; // of the transfer under way
    struct buf message;   // what its envelope says
};

static const char *const names[TRACE_LAYERS] = {"connection",  "transport", "session", "presentation",
                                                "association", "rtse",      "bind",    "p1"};

const char *trace_layer_name(enum trace_layer l) {
    return names[l];
}

bool trace_layer_find(const char *name, enum trace_layer *l) {
    for (int i = TRACE_TRANSPORT; i < TRACE_LAYERS; i++)
        if (strcmp(names[i], name) == 0) {
            *l = (enum trace_layer)i;
            return true;
        }
    return false;
}

// ---- lines ----

static void tell(struct assoc_watch *w, int64_t utc_ms, enum trace_layer layer, enum trace_way way, const char *text) {
    const struct assoc_trace *t = w->a->env->trace;
    struct assoc_trace_line l = {.local = w->a->local_text,
                                 .remote = w->a->remote_text,
                                 .initiator = w->a->initiator,
                                 .utc_ms = utc_ms,
                                 .layer = layer,
                                 .way = way,
                                 .text = text};
    if (t != NULL)
        t->line(t->ctx, w->peer, &l);
}

static void line(struct assoc_watch *w, enum trace_layer layer, enum trace_way way, const char *text) {
    if (text == NULL)
        text = "(memory is short)";
    if (w->peer != NULL) {
        tell(w, clock_utc_ms(), layer, way, text);
        return;
    }
    size_t n = strlen(text) + 1;
    struct kept *k = w->n_kept >= KEPT_MAX ? NULL : mem_alloc(sizeof *k + n);
    if (k == NULL) {
        w->n_lost++;
        return;
    }
    *k = (struct kept){.utc_ms = clock_utc_ms(), .layer = layer, .way = way};
    memcpy(k->text, text, n);
    *w->last = k;
    w->last = &k->next;
    w->n_kept++;
}

static void kept_free(struct assoc_watch *w, bool show) {
    for (struct kept *k; (k = w->kept) != NULL;) {
        w->kept = k->next;
        if (show)
            tell(w, k->utc_ms, k->layer, k->way, k->text);
        mem_free(k);
    }
    w->last = &w->kept;
    w->n_kept = 0;
}

// ---- what is seen ----

static enum trace_way way_of(const struct assoc_watch *w, unsigned side) {
    return (side == 0) == w->a->initiator ? TRACE_SENT : TRACE_RECEIVED;
}

static void on_pdu(void *ctx, const struct pdu *p) {
    struct assoc_watch *w = ctx;
    struct buf b = {0};
    line(w, (enum trace_layer)p->layer, way_of(w, p->side), pdu_line(p, &b) == ERR_OK ? buf_cstr(&b) : NULL);
    buf_free(&b);
}

static void on_bind(void *ctx, unsigned side, enum rtse_mode mode, int apdu, struct bytes value) {
    struct assoc_watch *w = ctx;
    struct bind_info info = {0};
    struct p1_fault fault = {""};
    struct arena arena;
    int error = -1;
    char text[P1_UB_MTA_NAME + 200];
    bool wrapped = mode == RTSE_NORMAL;
    const char *what = apdu == 16 ? "argument" : apdu == 17 ? "result" : "error";
    arena_init(&arena, 65536);
    int err = apdu == 16 ? bind_argument_decode(&arena, value, wrapped, &info, &fault)
                         : bind_result_decode(&arena, value, wrapped, &info, &error, &fault);
    if (err < 0)
        snprintf(text, sizeof text, "bind %s: MALFORMED: %.150s", what, fault.text);
    else if (error >= 0)
        snprintf(text, sizeof text, "bind error: %d (%s)", error, bind_error_name(error));
    else
        snprintf(text, sizeof text, "bind %s: name \"%.*s\", %s%s", what, (int)info.name.n, (const char *)info.name.p,
                 bind_form_name(info.form), info.form == BIND_IA5 || info.form == BIND_OCTETS ? ", password ***" : "");
    line(w, TRACE_BIND, way_of(w, side), text);
    arena_wipe(&arena);
}

// ---- messages ----

static int on_head(void *ctx, enum p1_type type, struct bytes head) {
    struct assoc_watch *w = ctx;
    struct arena arena;
    struct p1_envelope *e;
    struct mts_id id;
    struct p1_fault fault = {""};
    const char *why = "", *text = NULL;
    arena_init(&arena, ENVELOPE_MAX);
    buf_clear(&w->message);
    if (p1_decode(&arena, head, &e, &fault) < 0)
        buf_printf(&w->message, "%s whose envelope cannot be read: %s", p1_type_name((int)type), fault.text);
    else {
        if (mts_id_decode(e->identifier, &id, &why) == ERR_OK)
            text = mts_id_print(&arena, &id);
        buf_printf(&w->message, "%s %s, recipients %zu", p1_type_name((int)type), text == NULL ? "(?)" : text,
                   e->n_recipients);
    }
    arena_free(&arena);
    return ERR_OK;
}

static int on_content(void *ctx, struct bytes piece) {
    (void)ctx, (void)piece;
    return ERR_OK;
}

static void p1_forget(struct assoc_watch *w) {
    p1_stream_free(w->p1);
    w->p1 = NULL;
    buf_clear(&w->message);
}

static void on_transfer_begin(void *ctx, const struct pdu_transfer *t) {
    static const struct p1_stream_user user = {on_head, on_content};
    struct assoc_watch *w = ctx;
    if (w->p1 != NULL && t->resumed)
        return;
    p1_forget(w);
    if (t->whole)
        w->p1 = p1_stream_new(&user, w, HEAD_MAX);
}

static void on_transfer_data(void *ctx, const struct pdu_transfer *t, struct bytes piece) {
    struct assoc_watch *w = ctx;
    if (w->p1 == NULL || p1_stream_complete(w->p1) || p1_stream_feed(w->p1, piece) == ERR_OK)
        return;
    char text[200];
    snprintf(text, sizeof text, "MALFORMED: no MTS-APDU: %.150s", p1_stream_fault(w->p1));
    line(w, TRACE_P1, way_of(w, t->side), text);
    p1_forget(w);
}

static void on_transfer_end(void *ctx, const struct pdu_transfer *t, enum pdu_transfer_end how) {
    static const char *const ends[] = {"complete", "interrupted", "discarded", "not complete"};
    struct assoc_watch *w = ctx;
    struct buf b = {0};
    const char *message = w->message.len == 0 ? "MTS-APDU" : buf_cstr(&w->message);
    buf_printf(&b, "%s: octets %llu, TSDUs %llu, checkpoints %u, %s%s", message == NULL ? "MTS-APDU" : message,
               (unsigned long long)t->octets, (unsigned long long)t->tsdus, t->points, t->resumed ? "resumed, " : "",
               ends[how]);
    line(w, TRACE_P1, way_of(w, t->side), buf_cstr(&b));
    buf_free(&b);
    if (how != PDU_TRANSFER_INTERRUPTED)
        p1_forget(w);
}

// ---- state machines ----

static const char *name_in(const char *const *list, size_t n, uint8_t i) {
    return i < n ? list[i] : "?";
}

static void on_step(void *ctx, enum stack_layer layer, const struct fsm *f, uint8_t state, uint8_t event,
                    const struct fsm_row *row) {
    struct assoc_watch *w = ctx;
    char text[240];
    const struct fsm_table *t = f->table;
    if (row != NULL && f->state == state)
        return; // PDUs tell enough
    const char *before = name_in(t->states, t->n_states, state), *what = name_in(t->events, t->n_events, event);
    if (row == NULL)
        snprintf(text, sizeof text, "%s in state %s: not allowed", what, before);
    else
        snprintf(text, sizeof text, "%s in state %s: now %s", what, before, fsm_state_name(f));
    line(w, (enum trace_layer)layer, TRACE_STATE, text);
}

// ---- life ----

static bool wanted(const struct assoc *a, const char *peer) {
    const struct assoc_trace *t = a->env->trace;
    return t != NULL && (peer == NULL || t->wanted(t->ctx, peer));
}

static struct assoc_watch *watch_new(struct assoc *a) {
    static const struct pdu_watch_user user = {.pdu = on_pdu,
                                               .bind = on_bind,
                                               .transfer_begin = on_transfer_begin,
                                               .transfer_data = on_transfer_data,
                                               .transfer_end = on_transfer_end};
    struct assoc_watch *w = mem_calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->a = a;
    w->peer = a->peer == NULL ? NULL : mem_strdup(a->peer->name);
    w->last = &w->kept;
    w->pdus = pdu_watch_new(&user, w);
    if (w->pdus == NULL || (a->peer != NULL && w->peer == NULL)) {
        pdu_watch_free(w->pdus);
        mem_free(w->peer);
        mem_free(w);
        return NULL;
    }
    a->watch = w;
    stack_trace(a->stack, on_step, w);
    return w;
}

void assoc_watch_begin(struct assoc *a) {
    char text[3 * NET_ADDRESS_TEXT];
    if (a->watch != NULL || !wanted(a, a->peer == NULL ? NULL : a->peer->name) || watch_new(a) == NULL)
        return;
    snprintf(text, sizeof text, "%s, here %s, there %s", a->initiator ? "we call" : "we are called", a->local_text,
             a->remote_text);
    line(a->watch, TRACE_CONNECTION, a->initiator ? TRACE_SENT : TRACE_RECEIVED, text);
}

// An association that is there already.
static void watch_join(struct assoc *a) {
    const struct stack_negotiated *n = stack_negotiated(a->stack);
    if (a->peer == NULL || !wanted(a, a->peer->name) || watch_new(a) == NULL)
        return;
    line(a->watch, TRACE_CONNECTION, a->initiator ? TRACE_SENT : TRACE_RECEIVED,
         "an association that was there before");
    if (a->open)
        pdu_watch_assume(a->watch->pdus, n->rtse.mode, n->rtse.protocol);
    pdu_watch_seek(a->watch->pdus, 0);
    pdu_watch_seek(a->watch->pdus, 1);
}

void assoc_watch_octets(struct assoc *a, bool sent, struct bytes octets) {
    if (a->stack == NULL)
        return;
    if (a->watch != NULL && !wanted(a, a->watch->peer))
        assoc_watch_free(a);
    else if (a->watch == NULL)
        watch_join(a);
    if (a->watch != NULL && pdu_watch_input(a->watch->pdus, sent == a->initiator ? 0 : 1, octets) < 0)
        assoc_watch_free(a); // memory is short: the trace gives way
}

void assoc_watch_peer(struct assoc *a, const struct conf_peer *peer) {
    struct assoc_watch *w = a->watch;
    if (w == NULL || w->peer != NULL || peer == NULL)
        return;
    w->peer = mem_strdup(peer->name);
    if (w->peer != NULL && wanted(a, w->peer))
        kept_free(w, true);
    else
        assoc_watch_free(a);
}

void assoc_watch_free(struct assoc *a) {
    struct assoc_watch *w = a->watch;
    if (w == NULL)
        return;
    if (a->stack != NULL)
        stack_trace(a->stack, NULL, NULL);
    if (w->peer != NULL && wanted(a, w->peer)) {
        pdu_watch_end(w->pdus, 0);
        pdu_watch_end(w->pdus, 1);
        line(w, TRACE_CONNECTION, TRACE_STATE, "ended");
    }
    kept_free(w, false);
    p1_stream_free(w->p1);
    buf_free(&w->message);
    pdu_watch_free(w->pdus);
    mem_free(w->peer);
    mem_free(w);
    a->watch = NULL;
}
