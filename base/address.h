// SPDX-License-Identifier: BSD-2-Clause
// Network addresses, IPv4 and IPv6, with their port.
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct net_address {
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

enum { NET_ADDRESS_TEXT = 80 }; // "192.0.2.1:102", "[2001:db8::1]:102", "[fe80::1%eth0]:102"

int net_address_parse(struct net_address *out, const char *host, uint16_t port); // ERR_SYNTAX: not a numeric address
const char *net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT]);      // with port
const char *net_address_host_text(const struct net_address *a, char out[NET_ADDRESS_TEXT]); // without
uint16_t net_address_port(const struct net_address *a);
void net_address_set_port(struct net_address *a, uint16_t port);
socklen_t net_address_len(const struct net_address *a);
bool net_address_same_host(const struct net_address *a, const struct net_address *b); // IPv4-mapped equals IPv4
bool net_address_equal(const struct net_address *a, const struct net_address *b);     // family, host and port
bool net_address_is_any(const struct net_address *a);                                 // the wildcard

#endif
