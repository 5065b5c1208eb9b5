// SPDX-License-Identifier: BSD-2-Clause
// What every state table must keep: rows within their bounds, with a source, none behind a row that always fits; and a
// pair that is not listed is refused when it is our own caller's, and ends the association when it is the peer's.
#ifndef TESTS_RFC1006_FSM_UTIL_H
#define TESTS_RFC1006_FSM_UTIL_H

#include "base/fsm.h"

static inline uint8_t fsm_event_named(const struct fsm_table *t, const char *name) {
    for (size_t i = 0; i < t->n_events; i++)
        if (strcmp(t->events[i], name) == 0)
            return (uint8_t)i;
    fail_msg("%s has no event '%s'", t->name, name);
    return 0;
}

static inline void fsm_check_rows(const struct fsm_table *t) {
    for (size_t i = 0; i < t->n_rows; i++) {
        const struct fsm_row *r = &t->rows[i];
        assert_true(r->state < t->n_states && r->event < t->n_events);
        assert_true(r->next < t->n_states || r->next == FSM_SAME);
        assert_true(r->source != NULL && r->source[0] != '\0');
        for (size_t k = 0; k < i; k++)
            if (t->rows[k].state == r->state && t->rows[k].event == r->event && t->rows[k].guard == NULL)
                fail_msg("%s: a second row for %s in %s", t->name, t->events[r->event], t->states[r->state]);
    }
    for (size_t i = 0; i < t->n_states; i++)
        assert_non_null(t->states[i]);
    for (size_t i = 0; i < t->n_events; i++)
        assert_non_null(t->events[i]);
}

// Steps every pair that is not listed. first: the first event that comes from the peer; told counts what the user
// hears. Returns how many pairs there were.
static inline unsigned fsm_walk_unlisted(struct fsm *f, uint8_t first, uint8_t idle, const unsigned *told) {
    const struct fsm_table *t = f->table;
    unsigned pairs = 0;
    for (uint8_t s = 0; s < t->n_states; s++)
        for (uint8_t e = 0; e < t->n_events; e++) {
            bool listed = false;
            for (size_t i = 0; i < t->n_rows; i++)
                listed |= t->rows[i].state == s && t->rows[i].event == e;
            if (listed)
                continue;
            unsigned before = *told;
            f->state = s;
            int err = fsm_step(f, e, NULL);
            assert_int_equal(err, e < first ? ERR_STATE : 0);
            assert_int_equal(f->state, e < first ? s : idle);
            assert_int_equal(*told - before, e >= first && s != idle);
            pairs++;
        }
    return pairs;
}

#endif
