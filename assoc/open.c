// SPDX-License-Identifier: BSD-2-Clause
// An open association: its user's requests and responses, handed to the stack, and what it has to say then sent.
#include "assoc/assoc_internal.h"

const struct conf_peer *assoc_peer(const struct assoc *a) {
    return a->peer;
}
const char *assoc_local(const struct assoc *a) {
    return a->local_text;
}
const char *assoc_remote(const struct assoc *a) {
    return a->remote_text;
}
const struct net_address *assoc_local_address(const struct assoc *a) {
    return &a->local;
}
const struct net_address *assoc_remote_address(const struct assoc *a) {
    return &a->remote;
}
const char *assoc_stack_name(const struct assoc *a) {
    return a->stack_conf == NULL ? "" : a->stack_conf->name;
}
const struct stack_negotiated *assoc_negotiated(const struct assoc *a) {
    return stack_negotiated(a->stack);
}
enum conf_protocol assoc_protocol(const struct assoc *a) {
    return a->protocol;
}
struct bind_info assoc_bind_ours(const struct conf_peer *peer, bool p1_1984) {
    const struct conf_credentials *us = &peer->local;
    struct bytes password = us->n_passwords > 0 ? us->passwords[0].secret : bytes_of("", 0);
    bool ascii = true;
    for (size_t k = 0; k < password.n; k++)
        ascii &= password.p[k] < 0x80;
    bool ia5 = peer->password_form == CONF_PASSWORD_IA5 || (p1_1984 && ascii);
    return (struct bind_info){.form = ia5 ? BIND_IA5 : BIND_OCTETS, .name = bytes_str(us->name), .password = password};
}
const struct assoc_failure *assoc_failed(const struct assoc *a) {
    return a->failed ? &a->failure : NULL;
}
const struct bind_info *assoc_bind_info(const struct assoc *a) {
    return &a->info;
}
enum assoc_step assoc_step_now(const struct assoc *a) {
    return a->step;
}
bool assoc_bind_pending(const struct assoc *a) {
    return a->initiator && !a->open && !a->over && !a->closing && !a->recovering && a->step > ASSOC_TRANSPORT;
}
uint64_t assoc_octets_in(const struct assoc *a) {
    return a->in;
}
uint64_t assoc_octets_out(const struct assoc *a) {
    return a->out;
}

// Who does not say it means that of 1984, which is the default of X.410.
enum conf_protocol assoc_protocol_of(const struct stack_negotiated *n) {
    return n->rtse.mode == RTSE_NORMAL                                          ? CONF_NORMAL_MODE
           : n->rtse.protocol == RTSE_PROTOCOL_P1_1984 || n->rtse.protocol == 0 ? CONF_X410_1984
                                                                                : CONF_X410_1988;
}

static bool gone(const struct assoc *a) {
    return a->over || a->stack == NULL;
}

static uint64_t now_ms(const struct assoc *a) {
    return loop_now_ms(a->env->loop);
}

static int sent(struct assoc *a, int err) {
    assoc_pump(a);
    return err;
}

// ---- sending ----

int assoc_send(struct assoc *a, uint64_t total, uint32_t timeout_ms) {
    return gone(a) ? ERR_STATE : sent(a, stack_rt_transfer_req(a->stack, now_ms(a), total, timeout_ms));
}

int assoc_send_resume(struct assoc *a, const struct rtse_recovery *old, uint64_t total, uint32_t timeout_ms) {
    return gone(a) ? ERR_STATE : sent(a, stack_rt_resume_req(a->stack, now_ms(a), old, total, timeout_ms));
}

size_t assoc_send_room(const struct assoc *a) {
    return gone(a) || tcp_above_high(a->tcp) ? 0 : stack_transfer_room(a->stack);
}

int assoc_send_data(struct assoc *a, struct bytes piece) {
    return gone(a) ? ERR_STATE : sent(a, stack_transfer_data(a->stack, now_ms(a), piece));
}

int assoc_send_discard(struct assoc *a) {
    return gone(a) ? ERR_STATE : sent(a, stack_transfer_discard(a->stack, now_ms(a)));
}

// ---- receiving ----

int assoc_checkpoint_rsp(struct assoc *a, uint32_t serial) {
    return gone(a) ? ERR_STATE : sent(a, stack_checkpoint_rsp(a->stack, now_ms(a), serial));
}

int assoc_receive_rsp(struct assoc *a) {
    return gone(a) ? ERR_STATE : sent(a, stack_transfer_rsp(a->stack, now_ms(a)));
}

int assoc_receive_refuse(struct assoc *a, enum rtse_exception reason) {
    return gone(a) ? ERR_STATE : sent(a, stack_transfer_refuse(a->stack, now_ms(a), reason));
}

int assoc_resume_rsp(struct assoc *a, const struct rtse_recovery *state) {
    return gone(a) ? ERR_STATE : sent(a, stack_resume_rsp(a->stack, now_ms(a), state));
}

int assoc_resume_refuse(struct assoc *a, enum rtse_no_resume why) {
    return gone(a) ? ERR_STATE : sent(a, stack_resume_refuse(a->stack, now_ms(a), why));
}

int assoc_recovery(const struct assoc *a, struct rtse_recovery *out) {
    if (a->stack != NULL)
        return stack_recovery(a->stack, out);
    if (a->kept == NULL)
        return ERR_ABSENT;
    *out = *a->kept;
    return ERR_OK;
}

int assoc_recovery_at(const struct assoc *a, uint32_t serial, struct rtse_recovery *out) {
    return a->stack == NULL ? ERR_ABSENT : stack_recovery_at(a->stack, serial, out);
}

void assoc_read_pause(struct assoc *a, bool pause) {
    if (a->tcp != NULL)
        tcp_read_pause(a->tcp, pause);
}

// ---- the turn ----

bool assoc_two_way(const struct assoc *a) {
    return a->stack != NULL && stack_negotiated(a->stack)->rtse.dialogue == RTSE_TWO_WAY_ALTERNATE;
}

bool assoc_turn(const struct assoc *a) {
    return !gone(a) && stack_turn(a->stack);
}

int assoc_turn_please(struct assoc *a, uint32_t priority) {
    return gone(a) ? ERR_STATE : sent(a, stack_turn_please(a->stack, now_ms(a), priority));
}

int assoc_turn_give(struct assoc *a) {
    return gone(a) ? ERR_STATE : sent(a, stack_turn_give(a->stack, now_ms(a)));
}
