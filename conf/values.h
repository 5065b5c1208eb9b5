// SPDX-License-Identifier: BSD-2-Clause
// What the words of a configuration are worth: selectors, endpoints, prefixes, domains, passwords. Part of conf/conf.h,
// where ownership is told.
#ifndef CONF_VALUES_H
#define CONF_VALUES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"

// p NULL: absent; p not NULL and n 0: present and empty. `given` tells a selector written in the file from a default.
struct conf_selectors {
    struct bytes tsel, ssel, psel;
    bool tsel_given, ssel_given, psel_given;
};

struct conf_endpoint {
    const char *host; // a host name, the text of an address, or "any" with `any`; NULL: none
    int family;       // AF_INET or AF_INET6 for an address, AF_UNSPEC for a name that must be resolved and for `any`
    uint16_t port;    // 0 where none belongs to it
    bool any;         // all addresses of the machine, of both families
};

enum { CONF_ENDPOINT_TEXT = 288 };                        // a name of DNS has 253 octets at most
bool conf_endpoint_is_any(const struct conf_endpoint *e); // `any`, 0.0.0.0 or ::
const char *conf_endpoint_text(const struct conf_endpoint *e, char out[CONF_ENDPOINT_TEXT]); // "host:102", "[::1]:102"

// An IPv4 address is held as it is, not mapped.
struct conf_prefix {
    int family; // AF_INET or AF_INET6
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } addr; // host bits are 0
    unsigned length;
};
enum { CONF_PREFIX_TEXT = 52 };
const char *conf_prefix_text(const struct conf_prefix *p, char out[CONF_PREFIX_TEXT]); // an address alone without "/32"

struct conf_domain {                   // a global domain identifier; country NULL: no domain was given
    const char *country, *admd, *prmd; // prmd NULL: none; admd may be the single blank
};

struct conf_password {
    struct bytes secret;
};

struct conf_credentials { // name NULL: none were given
    const char *name;
    const struct conf_password *passwords; // local: the first is sent; remote: any of them is accepted
    size_t n_passwords;
    const char *file; // where they were read, NULL: inline
};

// Where a local program talks to the daemon. mode and group are those of the socket's file.
struct conf_socket {
    const char *path;
    mode_t mode;
    const char *group; // NULL: that of the daemon
};

#endif
