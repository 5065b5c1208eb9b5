// SPDX-License-Identifier: BSD-2-Clause
// The stacks of this machine as they are now: which addresses their names have, which of these are on this machine,
// whether they listen, and from which address a call over them starts. Names are followed by the resolver's watches
// (base/resolver.h), addresses by netlink (base/local_address.h); nothing is polled but what could not be listened on,
// every ASSOC_STACK_RETRY_MS. Loop thread only. No standard knows any of this; docs/addresses.md says what it is for.
//
// A stack listens on each address of its `listen on` that is on this machine; on `any`, one listener a family. When the
// set changes, listeners follow, and those that stay are not touched. Associations that exist are not touched by that:
// they go on as long as their own local address is here.
#ifndef ASSOC_STACKS_H
#define ASSOC_STACKS_H

#include "assoc/listen.h"

enum { ASSOC_STACK_RETRY_MS = 30000, ASSOC_STACK_ADDRESSES = 64 };

// ---- all of them ----

struct assoc_stacks;
struct assoc_stacks *assoc_stacks_new(struct loop *l, struct resolver *r); // NULL: no memory. The resolver outlives it
void assoc_stacks_free(struct assoc_stacks *s); // NULL is allowed; the stacks are gone before
// NULL, or why the machine's addresses cannot be followed: then each address counts as usable.
const char *assoc_stacks_blind(const struct assoc_stacks *s);
// It is on this machine, and a socket can be bound to it. Beside what netlink lists also what a local route leads to.
bool assoc_stacks_usable(const struct assoc_stacks *s, const struct net_address *a);
bool assoc_stacks_has(const struct assoc_stacks *s, const struct net_address *a); // on this machine, usable or not
bool assoc_stacks_starting(const struct assoc_stacks *s); // a name has not been answered for the first time yet

// The name of a peer's `source` is followed while somebody wants it: each follow needs an unfollow. Stacks follow their
// own. Addresses and NULL are allowed. ERR_NOMEM.
int assoc_stacks_follow(struct assoc_stacks *s, const char *host);
bool assoc_stacks_pending(const struct assoc_stacks *s, const char *host); // followed, and not answered yet
// `came` is called when a host that is followed was answered for the first time or leads elsewhere, or when an address
// of it has become usable here: calls that could not start from there may now.
void assoc_stacks_tell(struct assoc_stacks *s, void (*came)(void *arg, const char *host), void *arg);
void assoc_stacks_unfollow(struct assoc_stacks *s, const char *host);

// ---- one of them ----

enum assoc_stack_state {
    ASSOC_STACK_STARTING, // its name is being resolved for the first time
    ASSOC_STACK_ACTIVE,
    ASSOC_STACK_STANDBY, // it neither listens nor calls: its address is elsewhere, or somebody said so
    ASSOC_STACK_FAILED   // it cannot listen, or has no address: tried again. It calls if it has a source all the same
};
const char *assoc_stack_state_text(enum assoc_stack_state s); // "starting", "active", "standby", "failed"

enum assoc_stack_reason { // of standby and failed
    ASSOC_STACK_FINE,
    ASSOC_STACK_OPERATOR,   // standby: assoc_stack_standby
    ASSOC_STACK_RESOLVING,  // starting
    ASSOC_STACK_UNRESOLVED, // failed: its name has no address
    ASSOC_STACK_ABSENT,     // standby when it is virtual, else failed: its address is not on this machine
    ASSOC_STACK_TENTATIVE,  // the same: duplicate address detection of IPv6 is under way
    ASSOC_STACK_DUPLICATE,  // the same: and it found another host with the address
    ASSOC_STACK_HELD,       // standby: assoc_stack_hold
    ASSOC_STACK_DEAF        // failed: no socket could listen
};

// What decides the state, and the decision; the only place where it is made.
struct assoc_stack_facts {
    bool by_operator, held, moves;   // moves: `virtual`
    enum assoc_stack_reason address; // FINE: it is here, or none is needed; RESOLVING to DUPLICATE
    bool deaf;
};
enum assoc_stack_state assoc_stack_decide(const struct assoc_stack_facts *f, enum assoc_stack_reason *why);

struct assoc_stack_call { // the last one; utc_ms 0: none yet
    int64_t utc_ms;
    char peer[64], remote[NET_ADDRESS_TEXT], local[NET_ADDRESS_TEXT], result[120];
};

struct assoc_stack_status {
    enum assoc_stack_state state;
    enum assoc_stack_reason reason;
    char why[ASSOC_TEXT]; // of a state that is not active, in words: "10.44.1.100 is not on this machine"
    int64_t since_utc_ms; // of the state
    bool by_operator;     // the operator's word is standby, whatever else
    bool here;            // its address is usable here, whatever the operator or a hold says; or it needs none
    struct net_address listening[ASSOC_STACK_ADDRESSES];
    size_t n_listening;
    char source_v4[NET_ADDRESS_TEXT], source_v6[NET_ADDRESS_TEXT]; // of calls; "": the system chooses, or no calls
    char error[ASSOC_TEXT]; // of the last attempt to resolve or listen; an active stack may have one, of one address
    int64_t retry_utc_ms;   // when the next one is; 0: none is due
    const char *names[2];   // that it follows, for resolver_look
    size_t n_names;
    struct assoc_stack_call in, out;
};

struct assoc_stack;
struct assoc_stack_user {
    // Something in its status is not as it was. Not from within assoc_stack_new. NULL: not wanted.
    void (*state)(void *ctx, struct assoc_stack *s);
    // An address is not on this machine any more: what is sent from it reaches nobody. Called of every address and for
    // each stack, before `state`. NULL: not wanted.
    void (*address_gone)(void *ctx, struct assoc_stack *s, const struct net_address *a);
    struct assoc_listener_user listener; // with the same ctx
};
struct assoc_stack_options {
    bool listen;      // else it only has a state and sources: for a program that only calls
    bool standby;     // by the operator, from the start
    bool held;        // standby until assoc_stack_hold
    const char *hold; // why, in words
};
// The configuration, and env with its stacks, must outlive it. Not freed from within a callback. NULL: no memory.
struct assoc_stack *assoc_stack_new(struct assoc_env *env, const struct conf_stack *conf,
                                    const struct assoc_stack_options *o, const struct assoc_stack_user *user,
                                    void *ctx);
void assoc_stack_free(struct assoc_stack *s); // callers that have not bound are dropped, associations go on
struct assoc_stack *assoc_stack_find(const struct assoc_stacks *s, const char *name); // NULL: there is none
const struct assoc_stack_status *assoc_stack_status(const struct assoc_stack *s);

// The daemon's own word, why in words (copied): the spool is not ours.
void assoc_stack_hold(struct assoc_stack *s, bool hold, const char *why);
// The operator's word, or a cluster engine's. Active undoes standby; the address must be here all the same.
void assoc_stack_standby(struct assoc_stack *s, bool standby);
void assoc_stack_note_call(struct assoc_stack *s, bool incoming, const char *peer, const char *remote,
                           const char *local, const char *result);

// The source of a call over this stack to an address of that family: that of the peer, else of the stack, else what it
// listens on; else, on `any`, `arrived` (where the peer's last call came in; NULL: none yet) while it is usable; else
// the system chooses (*has false). peer NULL: any. ERR_ABSENT: no call can be made over it to that family (AF_UNSPEC:
// to either) now, why says so. The port is 0.
int assoc_stack_source(const struct assoc_stack *s, const struct conf_peer *peer, int family,
                       const struct net_address *arrived, struct net_address *out, bool *has, char why[ASSOC_TEXT]);
// The same for a call to this address, and why says in any case where the source is from. Of several that are
// configured, as a name has, it is the one on the interface by which the system reaches `to`; of several in `arrived`
// (the last one first) only such a one.
int assoc_stack_source_to(const struct assoc_stack *s, const struct conf_peer *peer, const struct net_address *to,
                          const struct net_address *arrived, size_t n_arrived, struct net_address *out, bool *has,
                          char why[ASSOC_TEXT]);

#endif
