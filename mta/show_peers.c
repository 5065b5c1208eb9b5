// SPDX-License-Identifier: BSD-2-Clause
// Peers as they are now, for `x400 show peers`.
#include <stdio.h>

#include "assoc/stacks.h"
#include "mta/amgr_call.h"
#include "mta/amgr_stacks.h"
#include "mta/life.h"
#include "mta/show_net.h"

const char *peer_state(const struct peer *p) {
    return p->conf == NULL                          ? "not configured"
           : p->disabled                            ? "disabled"
           : p->n_out > p->n_opening || p->n_in > 0 ? "up"
           : p->n_opening > 0                       ? "opening"
           : !peer_has_stack(p, NULL)               ? "standby"
           : p->retrying                            ? "waiting to retry"
                                                    : "idle";
}

static json_t *show_endpoints(const struct mta *m, const struct conf_peer *c) {
    json_t *list = json_array();
    for (size_t k = 0; k < c->n_connect; k++) {
        json_t *o = show_name(m, c->connect[k].host);
        json_object_set_new(o, "port", json_integer(c->connect[k].port));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *show_connect(const struct conf_peer *c) {
    json_t *list = json_array();
    char text[CONF_ENDPOINT_TEXT];
    for (size_t k = 0; k < c->n_connect; k++)
        json_array_append_new(list, json_string(conf_endpoint_text(&c->connect[k], text)));
    return list;
}

static json_t *show_via(const struct mta *m, const struct conf_peer *c) {
    json_t *list = json_array();
    for (size_t k = 0; k < c->n_via; k++) {
        const struct assoc_stack *s = assoc_stack_find(m->env.stacks, c->via[k]->name);
        const struct assoc_stack_status *st = s == NULL ? NULL : assoc_stack_status(s);
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "stack", c->via[k]->name, "state",
                                              st == NULL ? "failed" : assoc_stack_state_text(st->state), "why",
                                              st == NULL ? json_null() : reply_text_or_null(st->why)));
    }
    return list;
}

static json_t *show_accept(const struct mta *m, const struct conf_peer *c) {
    json_t *prefixes = json_array(), *names = json_array();
    char text[CONF_PREFIX_TEXT];
    for (size_t k = 0; k < c->n_accept; k++)
        json_array_append_new(prefixes, json_string(conf_prefix_text(&c->accept[k], text)));
    for (size_t k = 0; k < c->n_accept_names; k++)
        json_array_append_new(names, show_name(m, c->accept_names[k]));
    return json_pack("{s:o, s:o}", "prefixes", prefixes, "names", names);
}

// p NULL: the daemon has no spool, and so no peers.
static json_t *show_back(const struct conf_peer *c, const struct peer *p) {
    static const char *const modes[] = {
        [CONF_BIND_BACK_NONE] = "none", [CONF_BIND_BACK_OPTIONAL] = "optional", [CONF_BIND_BACK_REQUIRED] = "required"};
    json_t *order = json_array();
    for (size_t k = 0; k < c->n_back_order && c->bind_back != CONF_BIND_BACK_NONE; k++)
        json_array_append_new(order, json_string(conf_back_words[c->back_order[k]]));
    json_t *last = p == NULL || p->back_utc == 0 ? json_null()
                                                 : json_pack("{s:I, s:b, s:o}", "time", (json_int_t)p->back_utc, "ok",
                                                             (int)p->back_ok, "result", reply_text(p->back_result));
    return json_pack("{s:s, s:o, s:o}", "mode", modes[c->bind_back], "order", order, "last", last);
}

static json_t *show_works(const struct peer *p) {
    if (!call_path_counts(&p->path, loop_now_ms(p->m->loop)))
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:I}", "stack", reply_text(p->path.stack), "local", reply_text(p->path.local),
                     "remote", reply_text(p->path.remote), "since", (json_int_t)p->path.since_utc);
}

// Where its calls came in: ours to it start there, when a stack listens on all addresses.
static json_t *show_arrived(const struct peer *p) {
    char text[NET_ADDRESS_TEXT];
    json_t *all = json_array();
    for (size_t k = 0; k < p->n_arrived; k++)
        json_array_append_new(all, json_string(net_address_host_text(&p->arrived[k], text)));
    return json_pack("{s:o, s:I}", "addresses", all, "last", (json_int_t)p->arrived_utc);
}

// Why it is not called now: NULL when it may be.
static json_t *show_why(const struct peer *p) {
    char why[ASSOC_TEXT], text[ASSOC_TEXT + 40];
    if (p->conf == NULL)
        return json_string("messages wait for it, but the configuration has no such peer");
    if (p->disabled)
        return json_string("disabled by the operator");
    if (peer_has_stack(p, why))
        return json_null();
    snprintf(text, sizeof text, "none of its stacks can call: %s", why);
    return reply_text(text);
}

// What its block says, and where that leads now. p NULL: as above.
static json_t *show_block(const struct mta *m, const struct conf_peer *c, const struct peer *p) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "connect", show_connect(c), "endpoints",
                     show_endpoints(m, c), "via", show_via(m, c), "works", p == NULL ? json_null() : show_works(p),
                     "arrived", p == NULL ? json_null() : show_arrived(p), "source", reply_text(c->source.host),
                     "accept_from", show_accept(m, c), "bind_back", show_back(c, p));
}

static json_t *show_peer(const struct mta *m, const struct peer *p) {
    json_t *o =
        json_pack("{s:s, s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:o, s:I, s:I}", "name", p->name, "state",
                  peer_state(p), "why", show_why(p), "outgoing", (int)(p->n_out - p->n_opening), "incoming",
                  (int)p->n_in, "opening", (int)p->n_opening, "waiting", (int)hop_waiting(p->hop), "transferring",
                  (int)p->hop->n_running, "sent", (json_int_t)p->sent, "received", (json_int_t)p->received, "last_up",
                  (json_int_t)p->last_up_utc, "last_failure", reply_text_or_null(p->last_failure), "last_failure_at",
                  (json_int_t)p->last_failure_utc, "next_attempt", (json_int_t)(p->retrying ? p->retry_utc : 0));
    if (p->conf == NULL)
        return o;
    json_object_update_missing_new(o, show_block(m, p->conf, p));
    return o;
}

// Without the spool there are no queues and no associations: what is configured, and what its names lead to. That there
// are no counts says that they are not known.
static json_t *show_configured(const struct mta *m, const struct conf_peer *c) {
    json_t *o = json_pack("{s:s, s:s, s:o}", "name", c->name, "state", "no spool", "why",
                          reply_text(life_status(m->life)->why));
    json_object_update_missing_new(o, show_block(m, c, NULL));
    return o;
}

json_t *show_peers(struct request *r) {
    json_t *list = json_array();
    const struct conf *c = r->m->conf;
    if (!life_has_spool(r->m->life)) {
        for (size_t k = 0; k < c->n_peers; k++)
            json_array_append_new(list, show_configured(r->m, &c->peers[k]));
        return list;
    }
    for (struct peer *p = amgr_peers(r->m->amgr); p != NULL; p = LIST_NEXT(p, link))
        json_array_append_new(list, show_peer(r->m, p));
    return list;
}
