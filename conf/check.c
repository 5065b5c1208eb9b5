// SPDX-License-Identifier: BSD-2-Clause
// What can be said only of the whole configuration: mandatory parts, references, duplicates. References are resolved on
// the way, and the blocks become the arrays of struct conf.
#include <string.h>

#include "conf/draft.h"
#include "conf/nearest.h"
#include "conf/reach.h"
#include "x400/oraddr.h"

// ---- names that refer to blocks ----

// Says that a name is unknown, with the nearest one or all there are, each with its place.
static void say_unknown(struct draft *d, const struct draft_ref *ref, const char *kind, const struct draft_ref *known,
                        size_t n) {
    struct arena *a = &d->conf->arena;
    const char *near = NULL, *hint = n == 0 ? arena_printf(a, "there is no %s at all", kind) : "there are:";
    const char **names = draft_alloc(d, n * sizeof *names + 1);
    if (names == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        names[i] = known[i].name;
    near = conf_nearest(ref->name, names, n);
    for (size_t i = 0; i < n && hint != NULL; i++) {
        const struct conf_where *w = &known[i].where;
        if (near == NULL)
            hint = arena_printf(a, "%s%s \"%s\" (%s:%u)", hint, i == 0 ? "" : ",", names[i], w->file, w->line);
        else if (near == names[i])
            hint = arena_printf(a, "did you mean \"%s\" (%s:%u)?", near, w->file, w->line);
    }
    draft_say(d, false, ref->where, hint, "there is no %s \"%s\"", kind, ref->name);
}

static const struct conf_stack *find_stack(struct draft *d, const struct draft_ref *ref) {
    const struct conf *c = d->conf;
    const struct conf_stack *s = conf_stack_find(c, ref->name);
    struct draft_ref *known = s != NULL ? NULL : draft_alloc(d, c->n_stacks * sizeof *known + 1);
    for (size_t i = 0; known != NULL && i < c->n_stacks; i++)
        known[i] = (struct draft_ref){c->stacks[i].name, c->stacks[i].where};
    if (known != NULL)
        say_unknown(d, ref, "stack", known, c->n_stacks);
    return s;
}

static const struct conf_peer *find_peer(struct draft *d, const struct draft_ref *ref) {
    const struct conf *c = d->conf;
    const struct conf_peer *p = conf_peer_find(c, ref->name);
    struct draft_ref *known = p != NULL ? NULL : draft_alloc(d, c->n_peers * sizeof *known + 1);
    for (size_t i = 0; known != NULL && i < c->n_peers; i++)
        known[i] = (struct draft_ref){c->peers[i].name, c->peers[i].where};
    if (known != NULL)
        say_unknown(d, ref, "peer", known, c->n_peers);
    return p;
}

// ---- mta ----

static void check_mta(struct draft *d) {
    struct conf_mta *m = &d->conf->mta;
    if (m->name == NULL) {
        draft_say(d, false, (struct conf_where){.file = d->conf->path},
                  "for example:\nmta \"MTA-A\" {\n    domain country \"GB\" admd \"GOLD 400\" prmd \"ACME\"\n"
                  "    spool \"/var/spool/x400\"\n}",
                  "there is no mta block");
        return;
    }
    if (m->domain.country == NULL)
        draft_say(d, false, m->where, "add a line such as: domain country \"GB\" admd \"GOLD 400\" prmd \"ACME\"",
                  "the mta block lacks its domain");
    if (m->spool == NULL)
        draft_say(d, false, m->where, "add a line such as: spool \"/var/spool/x400\"", "the mta block lacks its spool");
    const char *paths[] = {m->control.path, m->submit.path, m->status.path};
    for (size_t i = 1; i < 3; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(paths[i], paths[j]) == 0)
                draft_say(d, false, m->where, NULL, "two sockets have the same path \"%s\"", paths[i]);
}

// ---- stacks ----

static void finish_stacks(struct draft *d) {
    struct conf_stack *all = NULL;
    for (const struct draft_stack *i = d->stacks; i != NULL; i = i->next) {
        if (conf_stack_find(d->conf, i->stack.name) != NULL)
            continue; // a second of this name: it was said
        struct conf_stack *s = draft_push(d, &all, &d->conf->n_stacks, sizeof *s);
        if (s == NULL)
            return;
        *s = i->stack;
        d->conf->stacks = all;
        draft_check_stack(d, i, s);
    }
}

static void finish_spool(struct draft *d) {
    const struct draft_ref *ref = &d->follows;
    const struct conf_stack *s = ref->name == NULL ? NULL : find_stack(d, ref);
    d->conf->mta.spool_follows = s;
    if (s != NULL && !s->moves)
        draft_say(d, false, ref->where,
                  arena_printf(&d->conf->arena,
                               "add to the block of the stack (%s:%u): virtual\nor remove: follows stack "
                               "\"%s\"",
                               s->where.file, s->where.line, s->name),
                  "the spool follows the stack \"%s\", which is not virtual: it never goes anywhere", s->name);
}

// ---- peers ----

static void check_credentials(struct draft *d, const struct conf_peer *p) {
    if (p->local.name == NULL && !p->accept_without_credentials)
        draft_say(
            d, false, p->where,
            "add: local name \"MTA-A\" password file \"us\"\nor, when this peer binds without credentials: accept "
            "without credentials",
            "the peer \"%s\" has no local name", p->name);
    if (p->remote.name == NULL && !p->accept_without_credentials)
        draft_say(d, false, p->where,
                  "add: remote name \"MTA-B\" password file \"them\"\nor, when this peer binds without credentials: "
                  "accept without credentials",
                  "the peer \"%s\" has no remote name", p->name);
    for (size_t i = 0; p->password_form == CONF_PASSWORD_IA5 && i < p->local.n_passwords; i++)
        for (size_t j = 0; j < p->local.passwords[i].secret.n; j++)
            if (p->local.passwords[i].secret.p[j] > 127) {
                draft_say(d, false, p->where, NULL,
                          "the local password of the peer \"%s\" is not ASCII and cannot be sent in the form ia5",
                          p->name);
                return;
            }
}

// X.410 mode has no presentation layer.
static void check_selectors(struct draft *d, const struct conf_peer *p) {
    if (p->mode != CONF_NORMAL_MODE && (p->called.psel.n > 0 || p->calling.psel.n > 0))
        draft_say(d, true, p->where, "remove psel, or use: mode normal",
                  "the peer \"%s\" is called in X.410 mode, which has no P-selector: psel is not sent", p->name);
}

static void resolve_via(struct draft *d, const struct draft_peer *from, struct conf_peer *p) {
    size_t n = from->peer.n_via == 0 ? 1 : from->peer.n_via;
    const struct conf_stack **via = draft_alloc(d, n * sizeof *via);
    p->via = via;
    p->n_via = 0;
    if (via == NULL)
        return;
    if (from->peer.n_via == 0 && d->conf->n_stacks == 1)
        via[p->n_via++] = &d->conf->stacks[0];
    else if (from->peer.n_via == 0)
        draft_say(d, false, p->where,
                  d->conf->n_stacks == 0 ? "for example: stack \"net1\" { listen on 198.51.100.4 port 102 }"
                                         : "add a line such as: via \"net1\", \"net2\"",
                  d->conf->n_stacks == 0 ? "there is no stack for the peer \"%s\" to use"
                                         : "the peer \"%s\" does not say which stacks it uses",
                  p->name);
    for (size_t i = 0; i < from->peer.n_via; i++) {
        via[p->n_via] = find_stack(d, &from->via[i]);
        p->n_via += via[p->n_via] != NULL;
    }
}

static void finish_peers(struct draft *d) {
    struct conf_peer *all = NULL;
    for (const struct draft_peer *i = d->peers; i != NULL; i = i->next) {
        if (conf_peer_find(d->conf, i->peer.name) != NULL)
            continue; // a second of this name: it was said
        struct conf_peer *p = draft_push(d, &all, &d->conf->n_peers, sizeof *p);
        if (p == NULL)
            return;
        *p = i->peer;
        d->conf->peers = all;
        p->connect = i->connect;
        p->accept = i->accept;
        p->accept_names = i->accept_names;
        check_credentials(d, p);
        check_selectors(d, p);
        resolve_via(d, i, p);
        draft_check_reach(d, i, p);
        if (p->associations_urgent >= p->associations_max) {
            if (p->associations_max > 1)
                draft_say(
                    d, false, p->where, NULL,
                    "of at most %u associations the peer \"%s\" keeps %u for urgent messages: none is left for the "
                    "others",
                    p->associations_max, p->name, p->associations_urgent);
            p->associations_urgent = 0; // with a single one there is none to keep
        }
    }
}

// ---- routes and deliveries ----

static bool same_pattern(const struct or_address *a, const struct or_address *b) {
    if (a == NULL || b == NULL)
        return a == b;
    int matched = or_address_match(a, b);
    return matched >= 0 && matched == or_address_match(b, a);
}

static void check_route(struct draft *d, const struct conf_route *r) {
    for (const struct conf_route *j = d->conf->routes; j < r; j++)
        if (j->cost == r->cost && same_pattern(j->pattern, r->pattern)) {
            draft_say(d, true, r->where,
                      arena_printf(&d->conf->arena, "the other: %s:%u\ngive one of them another cost", j->where.file,
                                   j->where.line),
                      "two routes to the same pattern have the same cost: the first is always used");
            break;
        }
    if (r->peer != NULL && r->peer->n_connect == 0 && r->peer->dialogue != CONF_TWO_WAY_ALTERNATE)
        draft_say(d, true, r->where,
                  arena_printf(&d->conf->arena,
                               "add to its block (%s:%u): connect host mta-b.example.net port 102\n"
                               "or, when it calls for its messages in that dialogue: dialogue two-way-alternate",
                               r->peer->where.file, r->peer->where.line),
                  "the peer \"%s\" has no address to call: what takes this route waits until it %s", r->peer->name,
                  r->peer->dialogue == CONF_MONOLOGUE ? "expires"
                                                      : "calls in a two-way alternate dialogue, or expires");
}

static void finish_routes(struct draft *d) {
    struct conf_route *all = NULL;
    for (const struct draft_route *i = d->routes; i != NULL; i = i->next) {
        struct conf_route *r = draft_push(d, &all, &d->conf->n_routes, sizeof *r);
        if (r == NULL)
            return;
        *r = i->route;
        d->conf->routes = all;
        r->peer = find_peer(d, &i->via);
        check_route(d, r);
    }
}

static void finish_delivers(struct draft *d) {
    struct conf_deliver *all = NULL;
    for (const struct draft_deliver *i = d->delivers; i != NULL; i = i->next) {
        struct conf_deliver *r = draft_push(d, &all, &d->conf->n_delivers, sizeof *r);
        if (r == NULL)
            return;
        *r = i->deliver;
        d->conf->delivers = all;
        for (const struct conf_deliver *j = all; j < r; j++)
            if (same_pattern(j->pattern, r->pattern))
                draft_say(d, true, r->where,
                          arena_printf(&d->conf->arena, "the first: %s:%u", j->where.file, j->where.line),
                          "two deliveries have the same pattern: the first is always used");
    }
}

void draft_finish(struct draft *d) {
    check_mta(d);
    finish_stacks(d);
    finish_spool(d);
    finish_peers(d);
    draft_check_callers(d);
    draft_check_bind_backs(d);
    finish_routes(d);
    finish_delivers(d);
}
