// SPDX-License-Identifier: BSD-2-Clause
// Inside the stack only: what its making (stack_new.c) and its running (stack.c) share.
#ifndef RFC1006_STACK_PRIVATE_H
#define RFC1006_STACK_PRIVATE_H

#include "base/arena.h"
#include "rfc1006/rtse_pm.h"
#include "rfc1006/stack.h"

struct stack {
    struct stack_params params; // its octets are in the arena
    const struct stack_user *up;
    void *ctx;
    struct arena arena;
    struct buf out;
    struct tp0 tp0;
    struct session session;
    struct presentation presentation;
    struct acse acse;
    struct rtse rtse;
    struct stack_negotiated neg;
    uint64_t now_ms, open_deadline;
    unsigned entered; // depth of calls from outside
    bool initiator;
    bool moved;            // something happened since room was last reported
    bool open;             // RT-OPEN was indicated or confirmed
    bool over;             // the user knows that the association is over, or never was
    bool closed;           // closed() was called
    bool transport_failed; // failure says how
    struct stack_failure failure;
    stack_trace_fn *trace; // NULL: nobody listens
    void *trace_ctx;
};

extern const struct bytes stack_acse_syntax; // 2.2.1.0.1
extern const struct tp0_user stack_tp0_user;
extern const struct rtse_user stack_rtse_user;

// The called selectors, asked of the owner layer by layer; what each layer calls no.
uint8_t stack_accept_transport(void *stack, const struct tp0_connect *c);
uint8_t stack_accept_session(void *stack, const struct session_connect *c);
int stack_accept_presentation(void *stack, struct bytes calling_psel, struct bytes called_psel);

#endif
