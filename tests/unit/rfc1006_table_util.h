// SPDX-License-Identifier: BSD-2-Clause
// For the walks of whole state tables: what one event made a layer tell its user, by names that a test's recorder
// writes down, and what it sent, by the names of the PDUs in the octets.
#ifndef TESTS_RFC1006_TABLE_UTIL_H
#define TESTS_RFC1006_TABLE_UTIL_H

#include "tests/unit/rfc1006_stack_util.h"

#include "rfc1006/pdu.h"
#include "rfc1006/stack_private.h"

struct words {
    char text[400];
};

static inline void words_add(struct words *w, const char *what) {
    size_t n = strlen(w->text);
    snprintf(w->text + n, sizeof w->text - n, "%s%s", n > 0 ? " " : "", what);
}

// The names of PDUs of these layers; the short ones: "CONNECT (CN)" is "CN". DT and tokens that only
// come in front of others are left out.
struct sent {
    struct words words;
    enum stack_layer from, to;
};

static inline void sent_pdu(void *ctx, const struct pdu *p) {
    struct sent *s = ctx;
    char name[80];
    snprintf(name, sizeof name, "%s", p->name);
    if (p->fault != NULL && p->layer >= s->from && p->layer <= s->to)
        fail_msg("%s that we sent: %s", p->name, p->fault);
    char *bracket = strchr(name, '(');
    if (bracket != NULL) {
        memmove(name, bracket + 1, strlen(bracket));
        name[strcspn(name, ")")] = 0;
    } else if (name[0] >= 'a' && name[0] <= 'z') {
        return; // what a PDU of the layer below means, and no PDU
    }
    bool pdu = p->layer != STACK_RTSE || strncmp(name, "RT", 2) == 0; // else what session's mean to RTSE
    if (pdu && p->layer >= s->from && p->layer <= s->to)
        words_add(&s->words, name);
}

// What waits in the output of a stack; the mode is known from before.
static inline struct words sent_by(struct stack *s, bool x410, enum stack_layer from, enum stack_layer to) {
    static const struct pdu_watch_user user = {.pdu = sent_pdu};
    struct sent sent = {.from = from, .to = to};
    struct pdu_watch *w = pdu_watch_new(&user, &sent);
    assert_non_null(w);
    pdu_watch_assume(w, x410 ? RTSE_X410 : RTSE_NORMAL, x410 ? RTSE_PROTOCOL_P1_1988 : 0);
    assert_int_equal(pdu_watch_input(w, s->initiator ? 0 : 1, buf_bytes(&s->out)), 0);
    pdu_watch_free(w);
    return sent.words;
}

#endif
