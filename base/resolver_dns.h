// SPDX-License-Identifier: BSD-2-Clause
// One lookup after the other, without memory of them: the only place that knows c-ares. Internal to the resolver.
#ifndef BASE_RESOLVER_DNS_H
#define BASE_RESOLVER_DNS_H

#include "base/resolver.h"

enum { DNS_ADDRESSES_MAX = 64, DNS_SERVERS_TEXT = 400 };

enum dns_verdict {
    DNS_FOUND,
    DNS_ABSENT,  // who should know says that there is none
    DNS_FAILED,  // nobody could say
    DNS_RESTART, // the files were read again: to be asked again
    DNS_ENDED,   // dns_free
};

struct dns_result {
    enum dns_verdict verdict;
    enum resolver_source source;
    struct net_address addresses[DNS_ADDRESSES_MAX];
    size_t n;
    unsigned ttl_s;
    char error[DNS_SERVERS_TEXT + 300];
};
typedef void (*dns_cb)(void *arg, const struct dns_result *result);

struct dns;
struct dns *dns_new(struct loop *l, dns_cb cb);
void dns_free(struct dns *d); // lookups under way end with DNS_ENDED

// cb gets arg, perhaps from within dns_ask. name must live until then. ERR_NOMEM: cb is not called.
int dns_ask(struct dns *d, const char *name, void *arg);

// Whether a file differs from what was read, and was read again; lookups under way then end with DNS_RESTART.
bool dns_reread(struct dns *d);
const char *dns_servers(const struct dns *d);

#endif
