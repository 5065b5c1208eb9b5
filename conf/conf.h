// SPDX-License-Identifier: BSD-2-Clause
// A configuration: what x400d.conf(5) says, checked, with the defaults filled in, as plain structs. All of it lies in
// one arena and nothing in it changes after conf_load. Strings are NUL-terminated. Paths are absolute: a relative path
// in a file is relative to the folder of that file. Times are milliseconds, sizes octets.
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "conf/errors.h"
#include "conf/values.h"

struct or_address; // x400/oraddr.h
enum {
    CONF_MTA_NAME_MAX = 32,
    CONF_PASSWORD_MAX = 62,
    CONF_PORT = 102
}; // the bounds are X.411's ub-mta-name-length
   // and ub-password-length

// Priorities as X.411 numbers them on the wire: index of the arrays below.
enum conf_priority { CONF_NORMAL = 0, CONF_NON_URGENT = 1, CONF_URGENT = 2, CONF_PRIORITIES = 3 };

enum conf_events { CONF_EVENTS_SYSLOG, CONF_EVENTS_FILE };
enum conf_format { CONF_PLAIN, CONF_JSON };

struct conf_mta {
    struct conf_where where;
    const char *name;
    struct conf_domain domain;
    const char *spool;
    const struct conf_stack *spool_follows; // the spool is open only while this stack is active; NULL: always
    enum conf_events events;
    enum conf_format events_format;
    const char *events_file; // with CONF_EVENTS_FILE
    struct conf_socket control, submit, status;
    uint64_t expiry_ms[CONF_PRIORITIES]; // a message older than this is returned
    uint64_t keep_ms;                    // finished messages stay visible
    unsigned reserve_percent;            // of free space and inodes in the spool's file system, and
    uint64_t reserve_min;                // at least so many octets: below it nothing new is taken
};

struct conf_stack { // a local attachment: where it listens, and what its calls start from
    struct conf_where where;
    const char *name;
    struct conf_endpoint listen; // host NULL: this stack only calls
    struct conf_selectors selectors;
    struct conf_endpoint source;    // what calls are bound to; host NULL: what is listened on, unless that is any
    struct conf_endpoint bind_back; // what calls declare to peers with bind-back; host NULL: nothing
    bool moves;                     // `virtual`: what it listens on, else its source, moves between machines
    unsigned callers_max, callers_per_address; // that have not bound yet: in all, and of one address
    uint64_t bind_within_ms;                   // from a caller's connection to its bind
};

// How we call a peer; its calls may come in any mode.
enum conf_protocol { CONF_NORMAL_MODE, CONF_X410_1988, CONF_X410_1984 };
extern const char *const conf_protocol_words[]; // as the configuration writes them; ended by NULL
// ANY: a monologue is proposed, and both are taken.
enum conf_dialogue { CONF_DIALOGUE_ANY, CONF_MONOLOGUE, CONF_TWO_WAY_ALTERNATE };
// Whether a peer's call is answered by an association in the other direction: before its bind is answered, or after.
enum conf_bind_back { CONF_BIND_BACK_NONE, CONF_BIND_BACK_OPTIONAL, CONF_BIND_BACK_REQUIRED };
// Where to: what the call declares, a `connect` of the peer, or the address that the call came from.
enum conf_back { CONF_BACK_DECLARED, CONF_BACK_CONFIGURED, CONF_BACK_SOURCE, CONF_BACKS };
extern const char *const conf_back_words[CONF_BACKS];
// When what came is synced: when a transfer is cut, or with each window of checkpoints.
enum conf_sync { CONF_SYNC_NEVER, CONF_SYNC_WINDOW };
enum conf_password_form { CONF_PASSWORD_OCTET, CONF_PASSWORD_IA5 };

struct conf_retry {
    unsigned times;
    uint64_t every_ms;
};

struct conf_peer {
    struct conf_where where;
    const char *name;
    const struct conf_endpoint *connect; // tried in this order; none: this peer only calls us
    size_t n_connect;
    const struct conf_stack *const *via; // tried in this order; at least one
    size_t n_via;
    struct conf_endpoint source;      // what calls to it are bound to, instead of the stack's; host NULL: that
    const struct conf_prefix *accept; // where its calls may come from: these and these names; none of both: anywhere
    size_t n_accept;
    const char *const *accept_names;
    size_t n_accept_names;
    bool accept_without_credentials; // it may bind unauthenticated, known by address and selectors: each stack has a
                                     // tsel
    enum conf_bind_back bind_back;
    enum conf_back back_order[CONF_BACKS]; // tried in this order; at least one unless NONE
    size_t n_back_order;
    struct conf_selectors called;  // what we call
    struct conf_selectors calling; // ours when we call; see conf_calling
    struct conf_domain domain;
    struct conf_credentials local, remote;
    enum conf_protocol mode;
    bool downgrade_strict;                    // with CONF_X410_1984: as in struct downgrade_options (x400/downgrade.h),
    const struct or_address *downgrade_relay; // NULL: none
    enum conf_dialogue dialogue;
    enum conf_password_form password_form; // in which we send our own password
    uint64_t size_limit;                   // of a content; 0: none
    unsigned checkpoint_k;                 // RTSE checkpoint size in units of 1024 octets; 0: no checkpoints
    unsigned window;                       // RTSE window size
    uint64_t recovery_ms;                  // a transfer that was cut may go on for so long; 0: never
    enum conf_sync sync;
    uint64_t open_timeout_ms; // of a call: from its TCP connection to the answer of its bind
    uint64_t no_progress_ms;  // without an octet or a confirmation in a transfer: the association is aborted
    struct conf_retry open_retry, transfer_retry;
    uint64_t lifetime_ms;              // an association is closed when it is older and idle or between messages
    uint64_t idle_ms;                  // an association without traffic is closed
    unsigned associations_max;         // to this peer at once
    unsigned associations_urgent;      // of these, kept for urgent messages
    unsigned messages_per_association; // another association for every so many queued messages
    uint64_t timeout_per_k_ms[CONF_PRIORITIES]; // a transfer may take this for each 1024 octets of content
};

// A pattern is an O/R address of which the attributes present must be equal; NULL: any address.
struct conf_route {
    struct conf_where where;
    const struct or_address *pattern;
    const struct conf_peer *peer;
    unsigned cost; // the lower of two equally specific routes wins
};

struct conf_deliver {
    struct conf_where where;
    const struct or_address *pattern;
    const char *directory;
};

struct conf {
    struct arena arena;
    const char *path;
    struct conf_mta mta;
    const struct conf_stack *stacks;
    size_t n_stacks;
    const struct conf_peer *peers;
    size_t n_peers;
    const struct conf_route *routes; // in the order of the file
    size_t n_routes;
    const struct conf_deliver *delivers;
    size_t n_delivers;
};

// Reads and checks the file and what it includes. NULL when there was an error. In either case *errors holds what
// there is to say, warnings too; it is initialised here, and the caller ends it with conf_errors_free.
struct conf *conf_load(const char *path, struct conf_errors *errors);
// For clients of the daemon, which only want the paths of its sockets: without opening the password files, which an
// ordinary user may not. Other errors do not matter, and nothing else in it may be used; so the daemon can be asked,
// and told to reload, while its file has an error. NULL when there is no mta block to be seen.
struct conf *conf_load_sockets(const char *path, struct conf_errors *errors);
void conf_free(struct conf *c); // overwrites the passwords first; NULL is allowed

// NULL when there is none of that name.
const struct conf_stack *conf_stack_find(const struct conf *c, const char *name);
const struct conf_peer *conf_peer_find(const struct conf *c, const char *name);

// The selectors that a call to p from s carries as its own: those of the stack unless the peer's block gives others.
struct conf_selectors conf_calling(const struct conf_peer *p, const struct conf_stack *s);

// It says where its calls may come from.
bool conf_peer_restricts(const struct conf_peer *p);
// Whether a prefix of p holds this address, or p does not restrict; names are for assoc/accept.h. IPv4 mapped into IPv6
// counts as IPv4.
struct sockaddr;
bool conf_peer_accepts(const struct conf_peer *p, const struct sockaddr *sa);

#endif
