// SPDX-License-Identifier: BSD-2-Clause
// Shared by the parts of the stacks: all of them, with names and addresses (stacks.c), one of them (stacks_one.c), and
// the source of a call (stacks_source.c).
#ifndef ASSOC_STACKS_INTERNAL_H
#define ASSOC_STACKS_INTERNAL_H

#include <sys/queue.h>

#include "assoc/stacks.h"
#include "base/local_address.h"

// A host of the configuration, with the addresses that it has now. One for all who name it.
struct followed {
    LIST_ENTRY(followed) link;
    struct assoc_stacks *all;
    unsigned refs;
    char *host;
    bool numeric;
    struct resolver_query *watch; // NULL: it is an address
    bool answered;
    struct net_address addresses[ASSOC_STACK_ADDRESSES]; // port 0; kept when a later answer has none
    size_t n;
    char error[160]; // of the last answer, ""
};

struct assoc_stacks {
    struct loop *loop;
    struct resolver *resolver;
    struct local_addresses *local; // NULL: blind
    char blind[160];
    void (*came)(void *arg, const char *host); // NULL: nobody wants to know
    void *came_arg;
    LIST_HEAD(, followed) followed;
    LIST_HEAD(, assoc_stack) stacks;
};

struct assoc_stack {
    LIST_ENTRY(assoc_stack) link;
    struct assoc_env *env;
    struct assoc_stacks *all;
    const struct conf_stack *conf;
    struct assoc_stack_options options;
    const struct assoc_stack_user *user;
    void *ctx;
    struct followed *listen, *source;             // NULL: not given, or a wildcard
    struct assoc_listener *listener;              // NULL: it does not listen at all
    struct net_address on[ASSOC_STACK_ADDRESSES]; // where it listens now, as asked for
    size_t n_on;
    struct loop_timer *retry;
    bool by_operator, held;
    char held_why[ASSOC_TEXT];
    struct assoc_stack_status status;
};

struct followed *followed_get(struct assoc_stacks *all, const char *host); // NULL: no memory
void followed_put(struct followed *f);                                     // NULL is allowed
struct followed *followed_find(const struct assoc_stacks *all, const char *host);
// FINE: one of its addresses is usable here. Else RESOLVING to DUPLICATE, and the words for it.
enum assoc_stack_reason followed_here(const struct followed *f, char why[ASSOC_TEXT]);

// Makes its listeners and its status what they should be now, and tells its user when something changed.
void stack_look(struct assoc_stack *s);
void stack_address_gone(struct assoc_stack *s, const struct net_address *a);

#endif
