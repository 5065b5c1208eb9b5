// SPDX-License-Identifier: BSD-2-Clause
// What `x400 show` sees, from memory; times are UTC milliseconds, 0 is "never". Messages that are finished are the
// spool's to know: show_message.c.
#include <string.h>

#include "mta/amgr.h"
#include "mta/control.h"
#include "mta/life.h"
#include "mta/operate.h"
#include "mta/resume_out.h"
#include "mta/route.h"
#include "mta/show_net.h"
#include "mta/transfer.h"

static size_t count_associations(struct mta *m) {
    size_t n = 0;
    for (struct peer *p = amgr_peers(m->amgr); p != NULL; p = LIST_NEXT(p, link)) {
        struct link *l;
        LIST_FOREACH(l, &p->links, of_peer)
            n += l->open;
    }
    return n;
}

static json_t *show_status(struct request *r) {
    struct mta *m = r->m;
    const struct conf_domain *d = &m->conf->mta.domain;
    const struct life_status *s = life_status(m->life);
    bool there = life_has_spool(m->life);
    json_t *holder = s->holder.host[0] == 0 ? json_null()
                                            : json_pack("{s:s, s:I, s:s}", "host", s->holder.host, "pid",
                                                        (json_int_t)s->holder.pid, "since", s->holder.since);
    return json_pack("{s:s, s:s, s:{s:s, s:o, s:o}, s:I, s:s, s:s, s:i, s:i, s:b, s:b, s:b, s:s, s:I, s:o, s:o}",
                     "version", X400D_VERSION, "mta", m->conf->mta.name, "domain", "country", d->country, "admd",
                     reply_text(d->admd), "prmd", reply_text(d->prmd), "started", (json_int_t)m->started,
                     "configuration", m->conf->path, "spool", m->conf->mta.spool, "messages",
                     there ? (int)queue_items(m->queue) : 0, "associations", (int)count_associations(m), "no_space",
                     (int)m->no_space, "stopping", (int)m->stopping, "serving", s->state == LIFE_SERVING, "state",
                     life_state_word(s->state), "state_since", (json_int_t)s->since, "waiting_for",
                     reply_text_or_null(s->why), "holder", holder);
}

static json_t *show_association(const struct link *l) {
    const struct stack_negotiated *n = assoc_negotiated(l->assoc);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:i, s:i, s:i, s:o, s:s, s:s}", "id", l->id, "peer",
        l->peer->name, "direction", l->outgoing ? "outgoing" : "incoming", "stack", assoc_stack_name(l->assoc), "local",
        l->local, "remote", l->remote, "since", (json_int_t)l->opened_utc, "messages", (json_int_t)l->messages,
        "octets_in", (json_int_t)assoc_octets_in(l->assoc), "octets_out", (json_int_t)assoc_octets_out(l->assoc),
        "mode", conf_protocol_words[assoc_protocol(l->assoc)], "tpdu_size", (int)n->transport.tpdu_size, "checkpoint",
        (int)n->rtse.checkpoint, "window", (int)n->rtse.window, "sending", reply_text(transfer_out_mts_id(l)),
        "dialogue", l->two_way ? "two-way alternate" : "monologue", "turn", assoc_turn(l->assoc) ? "ours" : "theirs");
}

static json_t *show_associations(struct request *r) {
    json_t *list = json_array();
    for (struct peer *p = amgr_peers(r->m->amgr); p != NULL; p = LIST_NEXT(p, link)) {
        struct link *l;
        LIST_FOREACH(l, &p->links, of_peer) {
            if (l->open)
                json_array_append_new(list, show_association(l));
        }
    }
    return list;
}

static json_t *show_item(const struct item *i) {
    json_t *recipients = json_array();
    for (size_t k = 0; k < i->n_rcpts && k < 100; k++) {
        const struct item_recipient *x = &i->rcpt[k];
        char half[80];
        const char *interrupted = resume_out_text(i, k, half);
        if (x->state < SPOOL_RCPT_FINAL)
            json_array_append_new(recipients, json_pack("{s:s, s:o, s:i, s:o}", "address", x->address, "next_hop",
                                                        reply_text(x->hop), "attempts", (int)x->attempts, "last_error",
                                                        reply_text(interrupted != NULL ? interrupted : x->error)));
    }
    return json_pack("{s:I, s:o, s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:b, s:i, s:o}", "message", (json_int_t)i->id,
                     "id", reply_text(i->mts_id), "kind", mta_kind_text(i->kind), "originator",
                     reply_text(i->originator), "from", reply_text(i->from), "priority", mta_priority_text(i->priority),
                     "size", (json_int_t)i->content.length, "arrived", (json_int_t)i->arrived, "expires",
                     (json_int_t)i->expires, "deferred", (json_int_t)i->deferred, "held", (int)i->held, "open",
                     (int)i->n_open, "recipients", recipients);
}

// The peer that serves a next hop; NULL: a directory, or a peer that is no longer configured.
static const struct peer *peer_of(struct mta *m, const struct hop *h) {
    struct peer *p = amgr_peers(m->amgr);
    while (p != NULL && p->hop != h)
        p = LIST_NEXT(p, link);
    return p;
}

static json_t *show_hops(struct mta *m) {
    json_t *hops = json_array();
    for (struct hop *h = queue_hops(m->queue); h != NULL; h = LIST_NEXT(h, link)) {
        const struct peer *p = peer_of(m, h);
        bool retrying = p != NULL && p->retrying;
        json_array_append_new(hops, json_pack("{s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:o, s:I}", "next_hop", h->name,
                                              "state", reply_text(p == NULL ? NULL : peer_state(p)), "urgent",
                                              (int)h->n_ready[P1_URGENT], "normal", (int)h->n_ready[P1_NORMAL],
                                              "non_urgent", (int)h->n_ready[P1_NON_URGENT], "later", (int)h->n_waiting,
                                              "running", (int)h->n_running, "last_failure",
                                              reply_text(retrying ? p->last_failure : NULL), "next_attempt",
                                              (json_int_t)(retrying ? p->retry_utc : 0)));
    }
    return hops;
}

enum { QUEUE_PAGE = 500 };

static void show_queue_command(struct request *r) {
    struct selection sel;
    int64_t after = request_number(r, "after", 0), next = 0;
    size_t n = 0;
    if (!selection_read(r, &sel))
        return;
    json_t *list = json_array();
    for (struct item *i = queue_first(r->m->queue); i != NULL; i = TAILQ_NEXT(i, link)) {
        if (i->id <= after || !selection_has(&sel, i))
            continue;
        if (n++ == QUEUE_PAGE)
            break;
        next = i->id;
        json_array_append_new(list, show_item(i));
    }
    reply(r, json_pack("{s:o, s:o, s:I}", "next_hops", show_hops(r->m), "messages", list, "next",
                       (json_int_t)(n > QUEUE_PAGE ? next : 0)));
}

static json_t *pattern_text(struct arena *a, const struct or_address *pattern) {
    return pattern == NULL ? json_string("any") : reply_text(or_address_print(a, pattern, OR_SEMICOLON));
}

static json_t *show_candidate(struct arena *a, const struct route_candidate *c) {
    bool local = c->route.kind == ROUTE_LOCAL;
    return json_pack("{s:s, s:s, s:o, s:i, s:i, s:o, s:i}", "to", local ? "directory" : "peer", "name",
                     local ? c->route.deliver->directory : c->route.peer->name, "pattern", pattern_text(a, c->pattern),
                     "matched", c->matched, "cost", (int)c->cost, "file", reply_text(c->where.file), "line",
                     (int)c->where.line);
}

// With an address: all candidates, the winner first, then the losers, then those that do not match (matched -1).
static json_t *show_routes(struct request *r, const struct or_address *address, struct arena *a) {
    const struct conf *c = r->m->conf;
    struct route_candidate *all = arena_array(a, c->n_routes + c->n_delivers, sizeof *all);
    size_t n = 0;
    json_t *list = json_array();
    static const struct or_address none;
    if (all != NULL)
        route_candidates(c, address == NULL ? &none : address, all, &n);
    for (size_t k = 0; k < n; k++)
        json_array_append_new(list, show_candidate(a, &all[k]));
    return list;
}

static bool add_event(void *arg, const struct event_record *e) {
    json_t *one = json_loads(e->json, 0, NULL);
    if (one != NULL) {
        json_object_set_new(one, "seq", json_integer((json_int_t)e->seq));
        json_array_append_new(arg, one);
    }
    return true;
}

static json_t *show_events(struct request *r) {
    json_t *list = json_array();
    events_each(r->m->events, (uint64_t)request_number(r, "after", 0), add_event, list);
    return list;
}

static void show_route_command(struct request *r) {
    struct arena a = {0};
    struct or_address address;
    struct or_error e;
    const char *of = request_text(r, "address");
    if (of != NULL && or_address_parse(&a, of, &address, &e) != ERR_OK)
        reply_error(r, "the address is wrong at character %zu: %s", e.column, e.what);
    else
        reply(r, show_routes(r, of == NULL ? NULL : &address, &a));
    arena_free(&a);
}

void show_command(struct request *r) {
    static const struct {
        const char *what;
        json_t *(*show)(struct request *r);
        bool spool;
    } table[] = {{"status", show_status, false},
                 {"stacks", show_stacks, false},
                 {"peers", show_peers, false},
                 {"associations", show_associations, true},
                 {"events", show_events, false}};
    const char *what = request_text(r, "what");
    for (size_t k = 0; what != NULL && k < sizeof table / sizeof *table; k++)
        if (strcmp(what, table[k].what) == 0) {
            if (!table[k].spool || !request_without_spool(r))
                reply(r, table[k].show(r));
            return;
        }
    if (what != NULL && strcmp(what, "queue") == 0) {
        if (!request_without_spool(r))
            show_queue_command(r);
    } else if (what != NULL && (strcmp(what, "route") == 0 || strcmp(what, "routes") == 0))
        show_route_command(r);
    else
        reply_error(r, "there is nothing called \"%s\" to show", what == NULL ? "" : what);
}
