// SPDX-License-Identifier: BSD-2-Clause
// The layers below the one that a test has in its hands, with nothing below them.
#ifndef TESTS_RFC1006_LOWER_UTIL_H
#define TESTS_RFC1006_LOWER_UTIL_H

#include "rfc1006/presentation.h"

struct lower {
    struct tp0 tp;
    struct session session;
    struct presentation p;
    struct buf out;
};

static inline void lower_init(struct lower *l, const struct presentation_acse_user *acse, void *acse_ctx,
                              const struct presentation_rtse_user *rtse, void *rtse_ctx) {
    struct session_params sp;
    session_params_default(&sp);
    l->out = (struct buf){0};
    tp0_init(&l->tp, &(struct tp0_params){.local_ref = 1}, &session_tp0_user, &l->session, &l->out);
    session_init(&l->session, &sp, &presentation_session_user, &l->p, &l->tp);
    presentation_init(&l->p, &(struct presentation_params){.accept_ctx = NULL}, &l->session, acse, acse_ctx, rtse,
                      rtse_ctx);
}

static inline void lower_free(struct lower *l) {
    presentation_free(&l->p);
    session_free(&l->session);
    buf_free(&l->out);
}

#endif
