// SPDX-License-Identifier: BSD-2-Clause
// Stacks as they are now, for `x400 show stacks`, and what the resolver knows of a name.
#include <stdio.h>

#include "assoc/stacks.h"
#include "base/err.h"
#include "mta/amgr_stacks.h"
#include "mta/show_net.h"

// ---- names ----

json_t *show_name(const struct mta *m, const char *host) {
    struct net_address numeric;
    struct resolver_view v = {.name = host};
    char text[NET_ADDRESS_TEXT];
    bool name = net_address_parse(&numeric, host, 0) != ERR_OK;
    if (name)
        resolver_look(m->env.resolver, host, &v);
    json_t *addresses = json_array();
    for (size_t k = 0; k < v.n; k++)
        json_array_append_new(addresses, json_string(net_address_host_text(&v.addresses[k], text)));
    return json_pack("{s:o, s:b, s:o, s:o, s:I, s:I, s:b, s:b, s:o}", "host", reply_text(host), "name", (int)name,
                     "addresses", addresses, "source",
                     v.source == RESOLVER_NOWHERE ? json_null() : reply_text(resolver_source_text(v.source)), "found",
                     (json_int_t)v.found_utc_ms, "expires", (json_int_t)v.expires_utc_ms, "stale", (int)v.stale,
                     "asking", (int)v.asking, "error", reply_text(v.error));
}

// ---- stacks ----

static json_t *selector(struct bytes b) {
    if (b.p == NULL)
        return json_null();
    char hex[2 * 64 + 1] = "";
    for (size_t k = 0; k < b.n && k < 64; k++)
        snprintf(hex + 2 * k, 3, "%02X", b.p[k]);
    return json_string(hex);
}

static json_t *selectors(const struct conf_selectors *s) {
    return json_pack("{s:o, s:o, s:o}", "tsel", selector(s->tsel), "ssel", selector(s->ssel), "psel",
                     selector(s->psel));
}

static json_t *show_call(const struct assoc_stack_call *c) {
    if (c->utc_ms == 0)
        return json_null();
    return json_pack("{s:I, s:o, s:o, s:o, s:o}", "time", (json_int_t)c->utc_ms, "peer", reply_text_or_null(c->peer),
                     "remote", reply_text_or_null(c->remote), "local", reply_text_or_null(c->local), "result",
                     reply_text_or_null(c->result));
}

// Where a call over it starts, whatever the peer, by family; and from which word of the configuration that comes.
static json_t *show_source(const struct assoc_stack *s, const struct conf_stack *c) {
    const char *from = c->source.host != NULL   ? "its source"
                       : c->listen.host == NULL ? "the system's choice"
                       : !conf_endpoint_is_any(&c->listen)
                           ? "what it listens on"
                           : "the address that the peer called, else the system's choice";
    json_t *o = json_pack("{s:s}", "from", from);
    static const struct {
        int family;
        const char *key, *why;
    } families[] = {{AF_INET, "v4", "why_v4"}, {AF_INET6, "v6", "why_v6"}};
    for (size_t k = 0; k < 2; k++) {
        struct net_address a;
        bool has = false;
        char why[ASSOC_TEXT] = "", text[NET_ADDRESS_TEXT];
        int err = assoc_stack_source(s, NULL, families[k].family, NULL, &a, &has, why);
        json_object_set_new(o, families[k].key,
                            err == ERR_OK && has ? json_string(net_address_host_text(&a, text)) : json_null());
        json_object_set_new(o, families[k].why, err == ERR_OK ? json_null() : reply_text_or_null(why));
    }
    return o;
}

static json_t *show_bind_back(const struct conf_endpoint *e) {
    char text[CONF_ENDPOINT_TEXT];
    return e->host == NULL ? json_null() : json_sprintf("TCP:%s", conf_endpoint_text(e, text));
}

static json_t *show_stack(const struct mta *m, const struct amgr_stack *n) {
    const struct conf_stack *c = n->conf;
    const struct assoc_stack_status *st = assoc_stack_status(n->stack);
    json_t *listening = json_array(), *names = json_array();
    char text[NET_ADDRESS_TEXT];
    for (size_t k = 0; k < st->n_listening; k++)
        json_array_append_new(listening, json_string(net_address_text(&st->listening[k], text)));
    for (size_t k = 0; k < st->n_names; k++)
        json_array_append_new(names, show_name(m, st->names[k]));
    return json_pack("{s:s, s:s, s:o, s:I, s:b, s:b, s:b, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
                     "name", c->name, "state", assoc_stack_state_text(st->state), "why", reply_text_or_null(st->why),
                     "since", (json_int_t)st->since_utc_ms, "virtual", (int)c->moves, "here", (int)st->here,
                     "by_operator", (int)st->by_operator, "listen", reply_text_or_null(c->listen.host), "port",
                     (int)c->listen.port, "listening", listening, "source", show_source(n->stack, c), "names", names,
                     "selectors", selectors(&c->selectors), "last_in", show_call(&st->in), "last_out",
                     show_call(&st->out), "bind_back", show_bind_back(&c->bind_back), "error",
                     reply_text_or_null(st->error), "retry", (json_int_t)st->retry_utc_ms);
}

json_t *show_stacks(struct request *r) {
    json_t *list = json_array();
    for (size_t k = 0; k < r->m->conf->n_stacks; k++) { // in the order of the configuration
        const struct amgr_stack *n = amgr_stack_find(r->m->stacks, r->m->conf->stacks[k].name);
        if (n != NULL)
            json_array_append_new(list, show_stack(r->m, n));
    }
    return list;
}
