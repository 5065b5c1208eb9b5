// SPDX-License-Identifier: BSD-2-Clause
#include "base/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

uint16_t net_address_port(const struct net_address *a) {
    return ntohs(a->sa.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

void net_address_set_port(struct net_address *a, uint16_t port) {
    *(a->sa.sa_family == AF_INET6 ? &a->v6.sin6_port : &a->v4.sin_port) = htons(port);
}

socklen_t net_address_len(const struct net_address *a) {
    return a->sa.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

const char *net_address_host_text(const struct net_address *a, char out[NET_ADDRESS_TEXT]) {
    if (getnameinfo(&a->sa, net_address_len(a), out, NET_ADDRESS_TEXT, NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(out, NET_ADDRESS_TEXT, "?");
    return out;
}

const char *net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT]) {
    char host[NET_ADDRESS_TEXT];
    net_address_host_text(a, host);
    host[NET_ADDRESS_TEXT - 9] = 0; // room for brackets and port
    int n =
        snprintf(out, NET_ADDRESS_TEXT, a->sa.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, net_address_port(a));
    if (n < 0 || n >= NET_ADDRESS_TEXT)
        out[NET_ADDRESS_TEXT - 1] = 0;
    return out;
}

int net_address_parse(struct net_address *out, const char *host, uint16_t port) {
    memset(out, 0, sizeof *out);
    char bare[INET6_ADDRSTRLEN + IF_NAMESIZE + 2];
    const char *scope = strchr(host, '%');
    size_t n = scope == NULL ? strlen(host) : (size_t)(scope - host);
    if (n >= sizeof bare)
        return ERR_SYNTAX;
    memcpy(bare, host, n);
    bare[n] = 0;
    if (scope == NULL && inet_pton(AF_INET, bare, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return ERR_OK;
    }
    if (inet_pton(AF_INET6, bare, &out->v6.sin6_addr) != 1)
        return ERR_SYNTAX;
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    if (scope != NULL && (out->v6.sin6_scope_id = if_nametoindex(scope + 1)) == 0)
        return ERR_SYNTAX;
    return ERR_OK;
}

// Every host as IPv6, so that an IPv4 address and its mapped form are one.
static struct in6_addr as_v6(const struct net_address *a) {
    if (a->sa.sa_family == AF_INET6)
        return a->v6.sin6_addr;
    struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&mapped.s6_addr[12], &a->v4.sin_addr, 4);
    return mapped;
}

bool net_address_same_host(const struct net_address *a, const struct net_address *b) {
    struct in6_addr x = as_v6(a), y = as_v6(b);
    bool both = a->sa.sa_family == AF_INET6 && b->sa.sa_family == AF_INET6;
    return memcmp(&x, &y, sizeof x) == 0 && (!both || a->v6.sin6_scope_id == b->v6.sin6_scope_id);
}

bool net_address_equal(const struct net_address *a, const struct net_address *b) {
    return a->sa.sa_family == b->sa.sa_family && net_address_port(a) == net_address_port(b) &&
           net_address_same_host(a, b);
}

bool net_address_is_any(const struct net_address *a) {
    return a->sa.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr) : a->v4.sin_addr.s_addr == 0;
}
