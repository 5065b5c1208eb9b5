// SPDX-License-Identifier: BSD-2-Clause
// Telling the owner of a stack what its state machines do, while the owner wants to know.
#include "rfc1006/stack_private.h"

static void on_step(void *ctx, const struct fsm *f, uint8_t state, uint8_t event, const struct fsm_row *row) {
    struct stack *s = ctx;
    enum stack_layer layer = f == &s->tp0.fsm            ? STACK_TRANSPORT
                             : f == &s->session.fsm      ? STACK_SESSION
                             : f == &s->presentation.fsm ? STACK_PRESENTATION
                             : f == &s->acse.fsm         ? STACK_ASSOCIATION
                                                         : STACK_RTSE;
    s->trace(s->trace_ctx, layer, f, state, event, row);
}

void stack_trace(struct stack *s, stack_trace_fn *fn, void *ctx) {
    struct fsm *all[] = {&s->tp0.fsm, &s->session.fsm, &s->presentation.fsm, &s->acse.fsm, &s->rtse.fsm};
    s->trace = fn;
    s->trace_ctx = ctx;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        all[i]->trace = fn == NULL ? NULL : on_step;
        all[i]->trace_ctx = s;
    }
}
