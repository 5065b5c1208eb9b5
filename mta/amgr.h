// SPDX-License-Identifier: BSD-2-Clause
// The association manager: for each peer it opens, keeps, reuses and closes associations as its queue asks and its
// block allows, and answers the calls of peers.
//
//   opens     one when something waits; another for every `messages_per_association` that wait; at most
//             `associations_max`, of which `associations_urgent` are kept for urgent messages
//   reuses    an idle association takes the next job by priority
//   turns     over a two-way alternate association, whoever opened it, both sides' messages go (amgr_turn.c)
//   closes    after `idle_ms` without work, or `lifetime_ms` old, between two messages and when the peer wants no turn
//   retries   when no association can be opened: every open_retry.every_ms, open_retry.times in all; then what waits is
//             returned
#ifndef MTA_AMGR_H
#define MTA_AMGR_H

#include "mta/queue.h"

// Priorities of the turn. What is less than another is more urgent.
enum { TURN_RELEASE, TURN_URGENT, TURN_NORMAL, TURN_NON_URGENT, TURN_NOTHING };

struct back;
struct back_call;
struct room;
struct transfer_in;
struct transfer_out;
struct peer;

// One association and what it does.
struct link {
    LIST_ENTRY(link) of_peer;
    struct mta *m;
    struct peer *peer;
    struct held_conf *held;             // that the association was made with
    struct held_conf *held_by_listener; // that the stack which it came over was made with; NULL: outgoing
    struct assoc *assoc;
    char id[16]; // "A17", for logs and commands
    bool outgoing, open, closing;
    bool by_order;                          // outgoing: the peer's pairs were tried in their order (amgr_call.h)
    bool recovered;                         // it stands for one that was lost: good for what that one had under way
    struct resumption *resume;              // outgoing, recovered: what it is for, until that was begun
    struct back_call *back;                 // outgoing: it was begun as a bind-back (amgr_back.h)
    bool apart;                             // incoming: beside the peer's limit (amgr_back.h)
    bool probed;                            // for a sign of life (amgr_room.h)
    bool told;                              // its end was, with others'
    bool close_when_idle;                   // a transfer is under way: it may end first
    uint64_t called_ms, opened_ms, used_ms; // monotonic
    int64_t opened_utc;
    uint64_t messages;      // transferred either way
    bool two_way;           // dialogue
    unsigned asked, wanted; // the turn, by us and by the peer, at this priority; TURN_NOTHING: it was not
    unsigned before;        // messages that went before the peer's since it asked
    bool late;              // we asked, and it did not come in time
    bool theirs;            // the turn that was ours at first
    struct transfer_out *out;
    struct transfer_in *in;
    struct loop_timer *timer;    // idle and lifetime
    struct loop_timer *patience; // for the turn
    char local[NET_ADDRESS_TEXT], remote[NET_ADDRESS_TEXT];
};

// Over which pair of stack and remote address a call came through last (amgr_call.h). remote "": none yet.
struct call_path {
    char stack[64], local[NET_ADDRESS_TEXT], remote[NET_ADDRESS_TEXT];
    int64_t since_utc; // it has been this one
    uint64_t until_ms; // monotonic: tried first until then
};

struct peer {
    LIST_ENTRY(peer) link;
    struct mta *m;
    char *name;
    const struct conf_peer *conf; // in the configuration in force; NULL: it is configured no more
    struct hop *hop;
    bool disabled; // by the operator, until enabled or a restart
    LIST_HEAD(, link) links;
    unsigned n_out, n_in, n_opening;
    unsigned n_apart;  // of n_in
    struct back *back; // its bind-backs (amgr_back.h); NULL: none yet
    int64_t back_utc;  // of the last one; 0: none yet
    bool back_ok;
    char back_result[ASSOC_TEXT]; // in words
    struct room *room;            // a probing for dead associations is under way (amgr_room.h); else NULL
    unsigned failed_opens;        // since the last association that came up
    bool owed; // one of ours ended although the peer, which perhaps cannot call, had the turn or asked for it
    struct loop_timer *retry;
    bool retrying;         // the open-retry timer runs
    uint64_t enough_until; // monotonic ms: until then no more associations than there are
    int64_t retry_utc;
    struct call_path path;
    struct net_address arrived[ASSOC_ARRIVED]; // where its calls came in since the start, the last one first
    size_t n_arrived;
    int64_t arrived_utc; // the last of them
    char last_failure[ASSOC_TEXT + 20];
    int64_t last_failure_utc, last_up_utc;
    uint64_t sent, received; // messages, since the start
};

struct amgr *amgr_new(struct mta *m); // lives as long as the process; nothing listens yet
void amgr_start(struct amgr *a);      // there is a queue: listens, and serves it
void amgr_reload(struct amgr *a);     // m->conf has changed
// Closes all associations in order, those that are busy when their transfer ended or after patience_ms (0: all are
// aborted now); `done` is called when the last one ended. No new ones from here on.
void amgr_stop(struct amgr *a, uint64_t patience_ms, void (*done)(void *arg), void *arg);
void amgr_end(struct amgr *a); // cuts off what is left, forgets the peers: the queue goes. amgr_start may follow
void amgr_free(struct amgr *a);

struct peer *amgr_peers(struct amgr *a); // first; then LIST_NEXT(p, link)
struct peer *amgr_peer(struct amgr *a, const char *name);
void peer_enable(struct peer *p, bool enable); // disabling closes its associations in order and refuses its calls
void peer_connect(struct peer *p);             // tries now, in the configured order
void peer_disconnect(struct peer *p);          // closes its associations in order
void peer_pump(struct peer *p);

// For transfer_out: the job is done or given back, the association is good for another. For transfer_in: one was
// received, or refused.
void link_idle(struct link *l);
void link_received(struct link *l);

#endif
