// SPDX-License-Identifier: BSD-2-Clause
// Association Control Service Element (X.217 service, X.227 protocol): A-ASSOCIATE, A-RELEASE, A-ABORT for one user,
// RTSE. Its APDUs travel as user data of P-CONNECT, P-RELEASE and P-U-ABORT. In X.410 mode (presentation.x410 of the
// associate) it has no APDUs: the user information is the user data, and a release has none. Not here:
// authentication, titles.
//
// Requests take user information, one value of the user's context, in a struct buf (empty: none), which is empty
// afterwards when the call succeeded. They return 0, ERR_STATE, ERR_LIMIT or ERR_NOMEM; a call that fails has sent
// nothing.
#ifndef RFC1006_ACSE_H
#define RFC1006_ACSE_H

#include "rfc1006/acse_codec.h"
#include "rfc1006/presentation.h"

struct acse_associate {
    struct presentation_connect presentation; // parameters that pass through
    struct bytes application_context;         // object identifier, contents
    struct bytes implementation;              // p NULL: absent
    int32_t user_context;                     // request, response: that of the user information
    struct bytes user_information;            // indication, confirm: p NULL: none
    int result, source, diagnostic;           // response, confirm; confirm: result 0 is accepted
    struct stack_failure failure;             // confirm, not accepted: by whom and why
};

struct acse_user {
    void (*associate_ind)(void *user, const struct acse_associate *a);
    void (*associate_cnf)(void *user, const struct acse_associate *a);
    void (*release_ind)(void *user);
    void (*release_cnf)(void *user);
    // A-ABORT or A-P-ABORT. info: the user information of an ABRT by the peer's user, p NULL: none.
    void (*abort_ind)(void *user, const struct stack_failure *f, struct bytes info);
};

struct acse {
    struct fsm fsm;
    struct bytes abstract_syntax; // that of the ACSE's own context
    const struct acse_user *up;
    void *user;
    struct presentation *presentation;
    bool x410;       // the mode of the association
    int32_t context; // the ACSE's own, known once one is proposed
};

extern const struct presentation_acse_user acse_presentation_user;
extern const struct fsm_table acse_fsm; // for tests that walk it

void acse_init(struct acse *a, struct presentation *p, const struct acse_user *up, void *user);

int acse_associate_req(struct acse *a, const struct acse_associate *as, struct buf *info);
int acse_associate_rsp(struct acse *a, const struct acse_associate *as, struct buf *info); // result 0: accept
int acse_release_req(struct acse *a);
int acse_release_rsp(struct acse *a);
int acse_abort_req(struct acse *a, int32_t user_context, struct buf *info); // no indication follows

#endif
