// SPDX-License-Identifier: BSD-2-Clause
// The stepper for table-driven state machines. A layer lists {state, event, guard, action, next, source}; what is
// not listed is the standard's protocol error, handled by the table's `unlisted`. The first row whose guard holds
// is taken. The state is changed before the action runs, so that an action may call up or down and be re-entered.
#ifndef BASE_FSM_H
#define BASE_FSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FSM_SAME = 255 }; // as `next`: stay in the state

struct fsm_row {
    uint8_t state, event;
    bool (*guard)(void *ctx, void *arg); // NULL: always
    int (*action)(void *ctx, void *arg); // NULL: none; its result is the result of the step
    uint8_t next;
    const char *source; // a clause that was read, an RFC, "capture", or "inferred"
};

struct fsm_table {
    const char *name; // of the layer, for the trace
    const char *const *states;
    size_t n_states;
    const char *const *events;
    size_t n_events;
    const struct fsm_row *rows;
    size_t n_rows;
    // No row fits: the protocol error of the standard, or a refusal to our own caller. Its result is the step's.
    int (*unlisted)(void *ctx, uint8_t event, void *arg);
};

struct fsm {
    const struct fsm_table *table;
    void *ctx;
    uint8_t state;
    // Sees every step when set; `next` is the state after it, row NULL when no row fitted.
    void (*trace)(void *trace_ctx, const struct fsm *f, uint8_t state, uint8_t event, const struct fsm_row *row);
    void *trace_ctx;
};

int fsm_step(struct fsm *f, uint8_t event, void *arg);
// The row that a step would take now, or NULL. For the tests that walk a table.
const struct fsm_row *fsm_find(const struct fsm *f, uint8_t event, void *arg);
const char *fsm_state_name(const struct fsm *f);

#endif
