// SPDX-License-Identifier: BSD-2-Clause
// The addresses that this machine has now, followed by rtnetlink (rtnetlink(7)), without polling. A wrapper of libmnl,
// and the only place that knows it. It follows the network namespace in which it was made. Loop thread only.
//
// An address is usable when a socket can be bound to it: an IPv6 address is not while duplicate address detection
// (RFC 4862) runs, about a second, nor when it failed. A deprecated address is usable. The same address can be on
// several interfaces; it is usable while one of them has it, and link-local ones are told apart by their scope.
#ifndef BASE_LOCAL_ADDRESS_H
#define BASE_LOCAL_ADDRESS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/loop.h"

struct local_address {
    struct net_address address; // port 0; link-local IPv6 with its scope
    unsigned if_index;
    char if_name[IF_NAMESIZE]; // "?" when the interface went before it could be asked
    uint8_t prefix;            // bits
    bool tentative, duplicate;
};

enum local_address_change {
    LOCAL_ADDRESS_USABLE,    // it was not, and now is
    LOCAL_ADDRESS_GONE,      // it was usable, and is not any more
    LOCAL_ADDRESS_DUPLICATE, // it will not become usable: another host has it
};
// a: as it is now, or for an address that was removed as it was last. Valid until the callback returns.
typedef void (*local_address_cb)(void *arg, enum local_address_change change, const struct local_address *a);

struct local_addresses;
// The set is complete when this returns, and cb is called for changes after that, from the loop. NULL: no memory, or
// the kernel does not answer (errno).
struct local_addresses *local_addresses_new(struct loop *l, local_address_cb cb, void *arg);
void local_addresses_free(struct local_addresses *s); // NULL is allowed; not from within cb

// The entry of an address, whatever its port: a usable one if there is one. NULL: the machine does not have it. An
// IPv6 link-local address without a scope is found on any interface.
const struct local_address *local_addresses_find(const struct local_addresses *s, const struct net_address *a);
bool local_address_is_usable(const struct local_address *a); // NULL is not

// From which address (port 0) the system would send to it, as its routes are now. Nothing is sent. False: there is no
// way there.
bool local_address_toward(const struct net_address *to, struct net_address *from);

// All of them, in the order of their arrival, until cb returns false.
void local_addresses_each(const struct local_addresses *s, bool (*cb)(void *arg, const struct local_address *a),
                          void *arg);

// How often the whole set was read because the kernel had dropped news (ENOBUFS) or there was an error.
uint64_t local_addresses_resyncs(const struct local_addresses *s);

// What came from the kernel: a datagram of messages. Called by the socket; also for tests, where octets may be
// anything.
void local_addresses_take(struct local_addresses *s, const void *octets, size_t n);

#endif
