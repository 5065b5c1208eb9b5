// SPDX-License-Identifier: BSD-2-Clause
// Names to addresses, asynchronously: first the hosts file, then DNS, through c-ares. Loop thread only.
//
// What was found is kept: from the hosts file until a file changes, from DNS for its TTL. That a name does not exist is
// kept for 10 s, that the name servers failed for 5 s. A lookup is answered within 10 s, whatever the servers do; what
// a late server says is kept all the same. While the servers fail, what they said last is still given, marked `stale`,
// for a day (the idea of RFC 8767): a dead name server must not stop the mail.
//
// /etc/resolv.conf and /etc/hosts are looked at when a name is asked for, at most once a second, and every 3 s while a
// name is watched; when one of them changed both are read again, and nothing found before counts as fresh.
#ifndef BASE_RESOLVER_H
#define BASE_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/loop.h"

struct resolver;
struct resolver_query;

struct resolver_answer {
    const struct net_address *addresses; // all of A and AAAA, in the order of RFC 6724; with the port asked for
    size_t n;                            // at most 64
    unsigned ttl_s;    // what is left of it, of the shortest; 0 for a numeric address or the hosts file
    const char *error; // NULL, or why there are none: "mta.example.net: there is no such name"
    bool stale;        // the name servers fail now, this is what they said before
};
typedef void (*resolver_cb)(void *arg, const struct resolver_answer *answer);

struct resolver *resolver_new(struct loop *l); // NULL: no memory, or no usable system configuration
void resolver_free(struct resolver *r);        // queries under way are answered with an error first; watches just end

// cb is called once, never from within resolver_ask. NULL when memory is short. family AF_UNSPEC: both.
struct resolver_query *resolver_ask(struct resolver *r, const char *name, uint16_t port, int family, resolver_cb cb,
                                    void *arg);
// The same, but the name is resolved again when its TTL is over, and cb is called again whenever its set of addresses
// changed, or when there are none and the reason changed. The order of the addresses does not count.
struct resolver_query *resolver_watch(struct resolver *r, const char *name, uint16_t port, int family, resolver_cb cb,
                                      void *arg);
void resolver_cancel(struct resolver_query *q); // cb is not called any more. NULL is allowed

// ---- for who shows it ----

enum resolver_source { RESOLVER_NOWHERE, RESOLVER_HOSTS, RESOLVER_DNS };
const char *resolver_source_text(enum resolver_source s); // "hosts file", "DNS", "-"

struct resolver_view {
    const char *name;
    const struct net_address *addresses; // port 0
    size_t n;
    enum resolver_source source; // of the addresses
    bool asking;                 // a lookup is under way
    bool stale;
    int64_t found_utc_ms;   // when the addresses were found; 0: never
    int64_t expires_utc_ms; // when what is known, also that there is nothing, will be asked for again; 0: with the file
    const char *error;      // NULL, or why the last lookup found nothing
};
// Valid until the loop runs on. False: the name was not asked for, or is a numeric address.
bool resolver_look(const struct resolver *r, const char *name, struct resolver_view *out);
void resolver_each(const struct resolver *r, bool (*cb)(void *arg, const struct resolver_view *v), void *arg);
const char *resolver_servers(const struct resolver *r); // "192.0.2.53, 2001:db8::53": as read last
uint64_t resolver_rereads(const struct resolver *r);    // how often a file had changed

#endif
