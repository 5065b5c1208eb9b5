// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: what ACSE gets from presentation. An input is a list of items, an octet that says which primitive, two
// for the length of its user data, and those. What is below is not connected, so that requests go nowhere; the user
// accepts what it is asked. Every user data are also decoded by themselves.
#include "rfc1006/acse.h"
#include "tests/fuzz/fuzz.h"

struct run {
    struct acse a;
    bool associated; // the user was told of an association that is not over
    unsigned told;
};

static void associate_ind(void *user, const struct acse_associate *as) {
    struct run *r = user;
    require(!r->associated);
    r->associated = true;
    look(as->application_context), look(as->implementation), look(as->user_information);
    struct acse_associate answer = *as;
    struct buf none = {0};
    acse_associate_rsp(&r->a, &answer, &none);
    buf_free(&none);
}
static void associate_cnf(void *user, const struct acse_associate *as) {
    struct run *r = user;
    look(as->user_information);
    if (as->result != ACSE_ACCEPTED)
        require(as->failure.text[0] != '\0' && as->failure.cause != NULL);
    r->associated = as->result == ACSE_ACCEPTED;
}
static void release_ind(void *user) {
    struct run *r = user;
    r->told++;
    acse_release_rsp(&r->a);
}
static void release_cnf(void *user) {
    struct run *r = user;
    r->associated = false;
}
static void abort_ind(void *user, const struct stack_failure *f, struct bytes info) {
    struct run *r = user;
    require(f->text[0] != '\0' && f->cause != NULL);
    look(info);
    r->associated = false;
}

static void decode(struct bytes in) {
    struct acse_apdu apdu;
    if (acse_apdu_decode(in, &apdu) < 0)
        return;
    look(apdu.application_context), look(apdu.implementation), look(apdu.user_information);
    require(apdu.kind <= ACSE_ABRT && acse_diagnostic_text(apdu.source, apdu.diagnostic) != NULL);
    require(apdu.user_context >= -1 && apdu.user_context <= INT32_MAX);
}

static void primitive(struct run *r, uint8_t which, struct bytes ud) {
    const struct presentation_acse_user *p = &acse_presentation_user;
    struct presentation_connect c = {.x410 = which & 0x40, .context = 1, .user_data = ud, .refused = which & 0x80};
    struct stack_failure f;
    stack_failure_set(&f, STACK_PRESENTATION, true, which, "presentation: over");
    c.failure = f;
    if (ud.n == 0 && which & 0x20)
        ud = c.user_data = bytes_of(NULL, 0);
    switch (which % 7) {
    case 0: p->connect_ind(&r->a, &c); break;
    case 1: p->connect_cnf(&r->a, &c); break;
    case 2: p->release_ind(&r->a, ud); break;
    case 3: p->release_cnf(&r->a, ud); break;
    case 4: p->u_abort_ind(&r->a, ud); break;
    case 5: p->p_abort_ind(&r->a, &f); break;
    default: // our user
        r->a.fsm.state = (uint8_t)(which / 7 % acse_fsm.n_states);
        r->associated = false;
        acse_release_req(&r->a);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct acse_user user = {associate_ind, associate_cnf, release_ind, release_cnf, abort_ind};
    struct bytes in = bytes_of(data, size);
    struct run r = {.told = 0};
    struct presentation presentation;
    struct session session;
    struct session_params sp;
    struct tp0 tp;
    struct buf out = {0};
    session_params_default(&sp);
    tp0_init(&tp, &(struct tp0_params){.local_ref = 1}, &session_tp0_user, &session, &out);
    session_init(&session, &sp, &presentation_session_user, &presentation, &tp);
    presentation_init(&presentation, &(struct presentation_params){.accept_ctx = NULL}, &session,
                      &acse_presentation_user, &r.a, NULL, NULL);
    acse_init(&r.a, &presentation, &user, &r);
    while (in.n > 0) {
        uint8_t which = take(&in);
        size_t n = (size_t)take(&in) << 8;
        struct bytes ud = take_some(&in, n | take(&in));
        decode(ud);
        primitive(&r, which, ud);
        require(r.a.fsm.state < acse_fsm.n_states);
    }
    presentation_free(&presentation);
    session_free(&session);
    buf_free(&out);
    return 0;
}
