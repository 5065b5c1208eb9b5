// SPDX-License-Identifier: BSD-2-Clause
// A stack's making: parameters and their defaults, references, the layers initialised one upon the other.
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base/mem.h"
#include "rfc1006/stack_private.h"

enum { ARENA_LIMIT = 16384 };

static const uint8_t oid_rtse[] = {0x56, 0x00, 0x02, 0x0c};         // 2.6.0.2.12 id-as-mta-rtse
static const uint8_t oid_mtse[] = {0x56, 0x00, 0x02, 0x07};         // 2.6.0.2.7 id-as-mtse
static const uint8_t oid_mts_transfer[] = {0x56, 0x00, 0x01, 0x06}; // 2.6.0.1.6 id-ac-mts-transfer
static const uint8_t oid_acse[] = {0x52, 0x01, 0x00, 0x01};         // 2.2.1.0.1

void stack_params_default(struct stack_params *p) {
    *p = (struct stack_params){
        .contexts = {{1, STACK_SYNTAX_ACSE}, {3, STACK_SYNTAX_RTSE}, {5, STACK_SYNTAX_USER}},
        .rtse_syntax = {oid_rtse, sizeof oid_rtse},
        .user_syntax = {oid_mtse, sizeof oid_mtse},
        .application_context = {oid_mts_transfer, sizeof oid_mts_transfer},
        .protocol = RTSE_PROTOCOL_P1_1988,
        .checkpoint = 30,
        .window = 5,
        .max_connect_data = 65536,
        .output_high = 262144,
        .open_timeout_ms = 60000,
        .release_timeout_ms = 10000,
        .refuse_two_way_alternate = true,
        .transfer_timeout_ms = 3600000,
        .no_progress_ms = 120000,
    };
}

const struct bytes stack_acse_syntax = {oid_acse, sizeof oid_acse};

static bool keep_all(struct stack *s) {
    struct stack_params *p = &s->params;
    struct bytes *all[] = {&p->called.tsel,
                           &p->called.ssel,
                           &p->called.psel,
                           &p->calling.tsel,
                           &p->calling.ssel,
                           &p->calling.psel,
                           &p->reference.user,
                           &p->reference.common,
                           &p->reference.additional,
                           &p->rtse_syntax,
                           &p->user_syntax,
                           &p->application_context,
                           &p->implementation_information};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->p != NULL && (*all[i] = arena_bytes(&s->arena, *all[i])).p == NULL)
            return false;
    return true;
}

// The initiator's references when none were given: eight random octets, and the time.
static bool references_make(struct stack *s) {
    uint8_t user[10] = {TLV_OCTET_STRING, 8};
    char common[32];
    time_t now = time(NULL);
    struct tm tm;
    if (s->params.tp_reference == 0) {
        if (getrandom(&s->params.tp_reference, sizeof s->params.tp_reference, 0) != sizeof s->params.tp_reference)
            return false;
        s->params.tp_reference |= 1;
    }
    if (!s->initiator || s->params.reference.user.p != NULL)
        return true;
    if (getrandom(user + 2, 8, 0) != 8 || gmtime_r(&now, &tm) == NULL ||
        strftime(common, sizeof common, "\x17\x0d%y%m%d%H%M%SZ", &tm) != 15)
        return false;
    s->params.reference.user = arena_bytes(&s->arena, bytes_of(user, sizeof user));
    s->params.reference.common = arena_bytes(&s->arena, bytes_of(common, 15));
    return s->params.reference.user.p != NULL && s->params.reference.common.p != NULL;
}

static void init_lower(struct stack *s) {
    const struct stack_params *p = &s->params;
    struct tp0_params tp = {.local_ref = p->tp_reference,
                            .tpdu_size = p->tpdu_size,
                            .send_size = !p->tpdu_size_absent,
                            .calling_tsel = p->calling.tsel,
                            .called_tsel = p->called.tsel,
                            .connect_ms = p->open_timeout_ms};
    struct session_params sp;
    session_params_default(&sp);
    sp.tsdu_max_send = s->initiator ? p->tsdu_to_responder : p->tsdu_to_initiator;
    sp.tsdu_max_receive = s->initiator ? p->tsdu_to_initiator : p->tsdu_to_responder;
    sp.send_tsdu_max = (sp.tsdu_max_send | sp.tsdu_max_receive) != 0;
    sp.collect_limit = p->max_connect_data;
    sp.connect_ms = p->open_timeout_ms;
    sp.release_ms = sp.abort_ms = p->release_timeout_ms;
    sp.accept_transport = stack_accept_transport;
    sp.accept_ctx = s;
    tp0_init(&s->tp0, &tp, &stack_tp0_user, s, &s->out);
    session_init(&s->session, &sp, &presentation_session_user, &s->presentation, &s->tp0);
}

static void init_upper(struct stack *s) {
    const struct stack_params *p = &s->params;
    struct presentation_params pp = {.supported = {stack_acse_syntax, p->rtse_syntax, p->user_syntax},
                                     .accept_session = stack_accept_session,
                                     .accept_presentation = stack_accept_presentation,
                                     .accept_ctx = s};
    struct rtse_params rp = {.rtse_syntax = p->rtse_syntax,
                             .user_syntax = p->user_syntax,
                             .application_context = p->application_context,
                             .mode = p->mode,
                             .protocol = p->protocol,
                             .dialogue = p->dialogue,
                             .refuse_monologue = p->refuse_monologue,
                             .refuse_two_way_alternate = p->refuse_two_way_alternate,
                             .checkpoint = p->checkpoint,
                             .window = p->window,
                             .output_high = p->output_high,
                             .transfer_timeout_ms = p->transfer_timeout_ms,
                             .no_progress_ms = p->no_progress_ms};
    presentation_init(&s->presentation, &pp, &s->session, &acse_presentation_user, &s->acse, &rtse_presentation_user,
                      &s->rtse);
    acse_init(&s->acse, &s->presentation, &rtse_acse_user, &s->rtse);
    rtse_init(&s->rtse, &rp, s->initiator, &s->acse, &s->presentation, &s->out, &stack_rtse_user, s);
}

static struct stack *stack_new(const struct stack_params *p, const struct stack_user *up, void *ctx, bool initiator) {
    struct stack *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct stack){.params = *p, .up = up, .ctx = ctx, .initiator = initiator};
    arena_init(&s->arena, ARENA_LIMIT);
    if (!keep_all(s) || !references_make(s)) {
        arena_free(&s->arena);
        mem_free(s);
        return NULL;
    }
    init_lower(s);
    init_upper(s);
    return s;
}

struct stack *stack_new_initiator(const struct stack_params *p, const struct stack_user *user, void *ctx) {
    return stack_new(p, user, ctx, true);
}

struct stack *stack_new_responder(const struct stack_params *p, const struct stack_user *user, void *ctx) {
    return stack_new(p, user, ctx, false);
}

void stack_free(struct stack *s) {
    if (s == NULL)
        return;
    rtse_free(&s->rtse);
    presentation_free(&s->presentation);
    session_free(&s->session);
    buf_free(&s->out);
    arena_free(&s->arena);
    mem_free(s);
}
