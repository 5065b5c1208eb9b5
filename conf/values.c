// SPDX-License-Identifier: BSD-2-Clause
#include "conf/values.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/address.h"
#include "base/err.h"

bool conf_endpoint_is_any(const struct conf_endpoint *e) {
    struct net_address a;
    return e->any || (e->host != NULL && net_address_parse(&a, e->host, 0) == ERR_OK && net_address_is_any(&a));
}

const char *conf_endpoint_text(const struct conf_endpoint *e, char out[CONF_ENDPOINT_TEXT]) {
    bool v6 = e->family == AF_INET6;
    snprintf(out, CONF_ENDPOINT_TEXT, "%s%s%s:%u", v6 ? "[" : "", e->host, v6 ? "]" : "", e->port);
    return out;
}

const char *conf_prefix_text(const struct conf_prefix *p, char out[CONF_PREFIX_TEXT]) {
    char address[INET6_ADDRSTRLEN] = "";
    inet_ntop(p->family, &p->addr, address, sizeof address);
    if (p->length == (p->family == AF_INET ? 32 : 128))
        snprintf(out, CONF_PREFIX_TEXT, "%s", address);
    else
        snprintf(out, CONF_PREFIX_TEXT, "%s/%u", address, p->length);
    return out;
}
