// SPDX-License-Identifier: BSD-2-Clause
// Shared by the parts of assoc/: the association itself (assoc.c), calling (call.c) and answering (listen.c).
#ifndef ASSOC_ASSOC_INTERNAL_H
#define ASSOC_ASSOC_INTERNAL_H

#include <sys/queue.h>

#include "assoc/listen.h"
#include "assoc/pairs.h"

// One endpoint of a call while it is being resolved.
struct call_name {
    struct assoc *a;
    const char *host;
    struct resolver_query *query;
};

struct assoc {
    struct assoc_env *env;
    const struct assoc_user *user; // NULL: an answer that is not bound yet
    void *ctx;
    const struct conf_peer *peer;
    const struct conf_stack *stack_conf;
    bool initiator, open, closing;
    bool recovering;   // it is the recovery of another, without a bind
    bool release_next; // closing, and the turn is asked for
    unsigned n_late;   // transfers that began meanwhile
    struct tcp *tcp;
    struct stack *stack;
    struct loop_timer *timer;    // of the stack
    struct loop_timer *reap;     // what ended is freed from the loop, never from within its own callback
    struct loop_timer *patience; // with release_next: the turn does not come
    bool silently;               // it ends without a word to the other side
    bool over, failed;           // over: waits for reap; failed: failure says why
    struct assoc_failure failure;
    enum assoc_step step; // the one under way
    struct net_address local, remote;
    char local_text[NET_ADDRESS_TEXT], remote_text[NET_ADDRESS_TEXT];
    uint64_t in, out; // octets on TCP
    uint8_t first[8]; // the first that came: they tell what protocol it is
    size_t n_first;
    struct arena arena;
    struct assoc_watch *watch; // for a trace of its peer, else NULL
    enum conf_protocol protocol;
    struct rtse_recovery *kept; // of a transfer that was cut off, once the stack is gone; NULL: none

    // a call
    struct assoc_call_options options;
    struct rtse_session_id lost; // recovering, also an answer's
    struct net_address arrived[ASSOC_ARRIVED];
    char source_from[64];    // why it starts where it does
    struct call_name *names; // of the targets
    struct assoc_target *targets;
    size_t n_targets;
    struct assoc_pairs pairs;
    unsigned n_tried;
    bool waiting, all_tried;       // waiting: nothing is tried until another name is resolved
    const struct conf_stack *busy; // its call was refused so, and there is bind-back; NULL: none

    // an answer
    struct assoc_listener *listener; // NULL: it is gone
    LIST_ENTRY(assoc) unbound;       // of the listener, while user is NULL
    bool indicated;                  // bind_ind was called, and not answered
    bool failed_told;                // caller_failed was

    struct assoc_back back; // of a caller
    struct bind_info info;  // of the other side: argument or result
};

struct assoc *assoc_new(struct assoc_env *env);                       // NULL: no memory
int assoc_start_stack(struct assoc *a, const struct stack_params *p); // makes it for a->tcp; ERR_NOMEM
const struct tcp_user *assoc_tcp_user(void);
void assoc_pump(struct assoc *a); // moves what the stack has for the peer to TCP, and re-arms the timer

// The association, or this attempt of it, is over. f NULL: in order. What comes next is decided in assoc_reaped.
void assoc_over(struct assoc *a, const struct assoc_failure *f);
void assoc_failure_set(struct assoc *a, struct assoc_failure *f, enum assoc_step step, bool by_peer, const char *text,
                       const char *cause);
void assoc_drop_connection(struct assoc *a);
void assoc_free(struct assoc *a);
// Our name and password, for a peer that we know. P1 of 1984 has the IA5String alone, and the password as that unless
// it cannot be one.
struct bind_info assoc_bind_ours(const struct conf_peer *peer, bool p1_1984);
bool assoc_bind_wrapped(const struct assoc *a); // as the bind of remote operations; in X.410 mode it stands bare
enum conf_protocol assoc_protocol_of(const struct stack_negotiated *n);
// A configured time for a stack.
static inline uint32_t assoc_ms(uint64_t ms) {
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}
void assoc_step_done(struct assoc *a, enum assoc_step s, const char *detail);

// call.c
void call_connected(struct assoc *a);
void call_opened(struct assoc *a, const struct stack_open_result *r);
void call_not_recovered(struct assoc_failure *f);    // f says what came instead
bool call_refused_bare(struct assoc *a, int reason); // X.410 mode: false when it is no word on the bind
bool call_try_next(struct assoc *a);                 // false: nothing is left to try
void call_names_free(struct assoc *a);               // no more of them are waited for
// listen.c
void answer_open_ind(struct assoc *a, const struct stack_open *open);
enum stack_answer answer_address(struct assoc *a, enum stack_layer layer, const struct stack_address *called);
void answer_failed(struct assoc *a); // it will end, perhaps a while later: who would answer its bind is told now
void answer_over(struct assoc *a);   // an answer that nobody took ended

#endif
