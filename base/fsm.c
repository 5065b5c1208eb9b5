// SPDX-License-Identifier: BSD-2-Clause
#include "base/fsm.h"

const struct fsm_row *fsm_find(const struct fsm *f, uint8_t event, void *arg) {
    for (size_t i = 0; i < f->table->n_rows; i++) {
        const struct fsm_row *r = &f->table->rows[i];
        if (r->state == f->state && r->event == event && (r->guard == NULL || r->guard(f->ctx, arg)))
            return r;
    }
    return NULL;
}

int fsm_step(struct fsm *f, uint8_t event, void *arg) {
    const struct fsm_row *r = fsm_find(f, event, arg);
    uint8_t before = f->state;
    if (r != NULL && r->next != FSM_SAME)
        f->state = r->next;
    if (f->trace != NULL)
        f->trace(f->trace_ctx, f, before, event, r);
    if (r == NULL)
        return f->table->unlisted(f->ctx, event, arg);
    return r->action == NULL ? 0 : r->action(f->ctx, arg);
}

const char *fsm_state_name(const struct fsm *f) {
    return f->state < f->table->n_states ? f->table->states[f->state] : "?";
}
