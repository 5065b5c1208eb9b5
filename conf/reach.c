// SPDX-License-Identifier: BSD-2-Clause
// Addresses of stacks and peers: where calls leave from, where the peer may come from, and bind-back, with what is to
// be said of them. An error where the daemon could not do what is written; a warning where a word has no effect, or
// most likely another one than was meant.
#include "conf/reach.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { BACK_ANSWER_MS = 25000 }; // mta/amgr_back.h: 20 s; and the way there and back

// ---- statements of a stack ----

void draft_virtual(struct draft *d, struct lex_loc loc) {
    if (!draft_once(d, loc, DRAFT_VIRTUAL, "virtual"))
        return;
    d->stack->stack.moves = true;
    d->stack->virtual_where = draft_where(d, loc);
}

void draft_source(struct draft *d, struct lex_loc loc, struct conf_endpoint *to, struct conf_endpoint endpoint) {
    if (!draft_once(d, loc, DRAFT_SOURCE, "source"))
        return;
    if (conf_endpoint_is_any(&endpoint))
        draft_error(d, loc, "give an address of this machine, or leave the line out: the system then chooses",
                    "calls cannot leave from %s, which stands for all addresses", endpoint.host);
    *to = endpoint;
    if (d->stack != NULL && to == &d->stack->stack.source)
        d->stack->source_where = draft_where(d, loc);
    else
        d->peer->source_where = draft_where(d, loc);
}

void draft_bind_back_to(struct draft *d, struct lex_loc loc, struct conf_endpoint endpoint, bool port) {
    if (!draft_once(d, loc, DRAFT_BIND_BACK, "bind-back to"))
        return;
    if (conf_endpoint_is_any(&endpoint))
        draft_error(d, loc, "give the address or the name at which the peer reaches this machine",
                    "nobody can call %s, which stands for all addresses", endpoint.host);
    d->stack->stack.bind_back = endpoint;
    d->stack->back_where = draft_where(d, loc);
    d->stack->back_port = port;
}

// ---- statements of a peer ----

// Clears the bits of an address behind the prefix; true when there were any.
static bool clear_host_bits(uint8_t *octets, size_t n, unsigned length) {
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        unsigned keep = length >= 8 * (i + 1) ? 8 : length <= 8 * i ? 0 : length - 8 * (unsigned)i;
        uint8_t mask = (uint8_t)(0xFF00 >> keep);
        any = any || (octets[i] & (uint8_t)~mask) != 0;
        octets[i] &= mask;
    }
    return any;
}

// Callers over IPv4 are held as such, so what is mapped into IPv6 is, too.
static void unmap(struct conf_prefix *p) {
    if (p->family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&p->addr.v6) || p->length < 96)
        return;
    struct in_addr v4;
    memcpy(&v4, &p->addr.v6.s6_addr[12], sizeof v4);
    *p = (struct conf_prefix){.family = AF_INET, .addr.v4 = v4, .length = p->length - 96};
}

static bool read_prefix(const char *text, struct conf_prefix *p) {
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
    if (n >= sizeof address)
        return false;
    memcpy(address, text, n);
    address[n] = '\0';
    if (inet_pton(AF_INET, address, &p->addr) == 1)
        p->family = AF_INET;
    else if (inet_pton(AF_INET6, address, &p->addr) == 1)
        p->family = AF_INET6;
    else
        return false;
    unsigned long most = p->family == AF_INET ? 32 : 128;
    char *end = NULL;
    unsigned long length = slash == NULL ? most : strtoul(slash + 1, &end, 10);
    p->length = (unsigned)length;
    unmap(p);
    return length <= most && (slash == NULL || (slash[1] >= '0' && slash[1] <= '9' && *end == '\0'));
}

static void accept_name(struct draft *d, const char *name) {
    for (size_t i = 0; i < d->peer->peer.n_accept_names; i++)
        if (strcasecmp(d->peer->accept_names[i], name) == 0)
            return;
    const char **to = draft_push(d, &d->peer->accept_names, &d->peer->peer.n_accept_names, sizeof *to);
    if (to != NULL)
        *to = name;
}

void draft_accept(struct draft *d, struct lex_loc loc, const char *text) {
    struct conf_prefix p = {0};
    if (text == NULL) {
        draft_error(d, loc, "remove the line: without it calls may come from anywhere", "any is not an address");
        return;
    }
    if (draft_host_ok(text)) {
        accept_name(d, text);
        return;
    }
    if (!read_prefix(text, &p)) {
        draft_error(d, loc, "such as 203.0.113.7, 203.0.113.0/24, 2001:db8::/32 or mta-b.example.net",
                    "\"%s\" is not an address, an address prefix or a host name", text);
        return;
    }
    if (clear_host_bits((uint8_t *)&p.addr, p.family == AF_INET ? 4 : 16, p.length))
        draft_warning(d, loc, NULL, "the address has bits set behind its prefix of %u; they do not count", p.length);
    struct conf_prefix *to = draft_push(d, &d->peer->accept, &d->peer->peer.n_accept, sizeof *to);
    if (to != NULL)
        *to = p;
}

void draft_bind_back(struct draft *d, struct lex_loc loc, enum conf_bind_back bind_back) {
    if (!draft_once(d, loc, DRAFT_BIND_BACK, "bind-back"))
        return;
    d->peer->peer.bind_back = bind_back;
    d->peer->back_where = draft_where(d, loc);
}

void draft_back(struct draft *d, struct lex_loc loc, enum conf_back back) {
    struct conf_peer *p = &d->peer->peer;
    if (draft_once(d, loc, DRAFT_BACK_DECLARED + (int)back, conf_back_words[back]))
        p->back_order[p->n_back_order++] = back;
}

// Why there is nothing to find at this place; NULL: there may be.
static const char *back_useless(const struct conf_peer *p, enum conf_back back) {
    if (back == CONF_BACK_CONFIGURED && p->n_connect == 0)
        return "the peer has no `connect`";
    if (back == CONF_BACK_DECLARED && p->mode != CONF_NORMAL_MODE)
        return "in X.410 mode a call can declare nothing";
    if (back == CONF_BACK_DECLARED && p->remote.name == NULL)
        return "only a peer that shows a `remote name` and its password is believed";
    return NULL;
}

// The places that are of use, as written or by default.
static void order_backs(struct draft *d, struct conf_peer *p) {
    static const enum conf_back all[CONF_BACKS] = {CONF_BACK_DECLARED, CONF_BACK_CONFIGURED, CONF_BACK_SOURCE};
    bool given = p->n_back_order > 0;
    size_t n = given ? p->n_back_order : CONF_BACKS, kept = 0;
    for (size_t i = 0; i < n; i++) {
        enum conf_back back = given ? p->back_order[i] : all[i];
        const char *why = back_useless(p, back);
        if (why == NULL)
            p->back_order[kept++] = back;
        else if (given)
            draft_warning(d, d->seen[DRAFT_BACK_DECLARED + (int)back], "remove it", "%s has no effect: %s",
                          conf_back_words[back], why);
    }
    p->n_back_order = kept;
    if (kept == 0)
        draft_error(d, d->seen[DRAFT_BIND_BACK], "add: source", "bind-back has no place left to call");
}

void draft_peer_reach(struct draft *d) {
    struct conf_peer *p = &d->peer->peer;
    if (p->bind_back != CONF_BIND_BACK_NONE)
        order_backs(d, p);
    for (size_t i = 0; i < p->n_back_order; i++)
        if (p->back_order[i] == CONF_BACK_DECLARED && !conf_peer_restricts(p))
            draft_warning(d, d->seen[DRAFT_BIND_BACK],
                          "add a line such as: accept from 203.0.113.0/24\nor an order without declared",
                          "without `accept from` the peer may declare any address, and is called back there");
    if (p->bind_back != CONF_BIND_BACK_NONE && p->n_connect > 0 && p->open_timeout_ms < BACK_ANSWER_MS)
        draft_warning(d, d->seen[DRAFT_OPEN_TIMEOUT], "give it 25s or more",
                      "with `bind-back required` on its side the peer may take 20 s to answer a bind, and open timeout "
                      "is shorter");
    if (p->source.host != NULL && p->n_connect == 0 && p->bind_back == CONF_BIND_BACK_NONE)
        draft_warning(d, d->seen[DRAFT_SOURCE], "remove it, or add a line such as: connect host mta-b.example.net",
                      "source has no effect: the peer is not called");
    for (size_t i = 0; i < p->n_accept && p->accept_without_credentials; i++)
        if (d->peer->accept[i].length == 0)
            draft_warning(d, d->seen[DRAFT_WITHOUT_CREDENTIALS], "give smaller prefixes in `accept from`",
                          "this peer may bind without credentials from any address");
}

// ---- finished stacks ----

// Two listeners of one port: where they stand in each other's way. A wildcard takes all of its family.
static bool overlap(const struct conf_endpoint *a, const struct conf_endpoint *b) {
    if (a->host == NULL || b->host == NULL || a->port != b->port)
        return false;
    if (strcmp(a->host, b->host) == 0 || a->any || b->any)
        return true;
    return a->family == b->family && (conf_endpoint_is_any(a) || conf_endpoint_is_any(b));
}

static void check_listen(struct draft *d, const struct conf_stack *s) {
    if (s->listen.host == NULL && s->source.host == NULL)
        draft_say(d, false, s->where, "add a line such as: listen on 198.51.100.4 port 102",
                  "the stack \"%s\" neither listens nor has a source address", s->name);
    for (const struct conf_stack *j = d->conf->stacks; j < s; j++) {
        if (!overlap(&j->listen, &s->listen))
            continue;
        if (strcmp(j->listen.host, s->listen.host) == 0)
            draft_say(d, false, s->where, "give each its own address, or another port",
                      "the stacks \"%s\" and \"%s\" listen on the same address and port", j->name, s->name);
        else
            draft_say(d, false, s->where, "give each its own address, or another port",
                      "the stacks \"%s\" (%s) and \"%s\" (%s) cannot both listen on port %u", j->name, j->listen.host,
                      s->name, s->listen.host, s->listen.port);
    }
}

void draft_check_stack(struct draft *d, const struct draft_stack *from, struct conf_stack *s) {
    check_listen(d, s);
    bool follows_listen = s->listen.host != NULL && !conf_endpoint_is_any(&s->listen);
    if (s->moves && !follows_listen && s->source.host == NULL)
        draft_say(d, false, from->virtual_where,
                  "listen on the address or the name that moves, or give it as: source 198.51.100.9",
                  "the stack \"%s\" is virtual, but names no address that could move: it listens on %s", s->name,
                  s->listen.host == NULL ? "nothing" : "all");
    if (s->moves && follows_listen && s->source.host != NULL && s->listen.family == s->source.family &&
        s->listen.family != AF_UNSPEC && strcmp(s->listen.host, s->source.host) != 0)
        draft_say(d, true, from->source_where, "remove source: calls then leave from the address that is listened on",
                  "%s moves, but calls leave from %s: a peer that only knows the virtual address refuses them",
                  s->listen.host, s->source.host);
    if (s->bind_back.host != NULL && !from->back_port && s->listen.host != NULL)
        s->bind_back.port = s->listen.port;
}

// ---- finished peers ----

static bool declares(const struct conf_peer *p) {
    for (size_t i = 0; i < p->n_back_order; i++)
        if (p->back_order[i] == CONF_BACK_DECLARED)
            return true;
    return false;
}

// The family of calls that leave by this stack; AF_UNSPEC: not known, or both.
static int family_of(const struct conf_peer *p, const struct conf_stack *s) {
    if (p->source.host != NULL)
        return p->source.family;
    if (s->source.host != NULL)
        return s->source.family;
    return s->listen.host != NULL && !conf_endpoint_is_any(&s->listen) ? s->listen.family : AF_UNSPEC;
}

static bool can_call(const struct conf_peer *p) {
    for (size_t s = 0; s < p->n_via; s++)
        for (size_t k = 0; k < p->n_connect; k++) {
            int from = family_of(p, p->via[s]), to = p->connect[k].family;
            if (from == to || from == AF_UNSPEC || to == AF_UNSPEC)
                return true;
        }
    return p->n_via == 0 || p->n_connect == 0;
}

static void check_unnamed(struct draft *d, const struct conf_peer *p) {
    if (!conf_peer_restricts(p))
        draft_say(d, false, p->where, "add a line such as: accept from 203.0.113.7, gateway.example.net",
                  "the peer \"%s\" may bind without credentials, but does not say from where", p->name);
    for (size_t i = 0; i < p->n_via; i++)
        if (p->via[i]->selectors.tsel.n == 0)
            draft_say(d, false, p->where,
                      arena_printf(&d->conf->arena, "add to the block of that stack (%s:%u): tsel \"MTA\"",
                                   p->via[i]->where.file, p->via[i]->where.line),
                      "the peer \"%s\" may bind without credentials and is known by what it calls, but the stack "
                      "\"%s\" has no tsel",
                      p->name, p->via[i]->name);
}

// The peer's own source keeps calls from leaving from the address that moves.
static void check_source(struct draft *d, const struct draft_peer *from, const struct conf_peer *p) {
    for (size_t i = 0; i < p->n_via; i++) {
        const struct conf_stack *s = p->via[i];
        const struct conf_endpoint *moves =
            s->listen.host != NULL && !conf_endpoint_is_any(&s->listen) ? &s->listen : &s->source;
        if (!s->moves || p->source.host == NULL || moves->family == AF_UNSPEC || moves->family != p->source.family ||
            strcmp(moves->host, p->source.host) == 0)
            continue;
        draft_say(
            d, true, from->source_where, "remove source: calls then leave from the address that moves",
            "%s of the stack \"%s\" moves, but calls to the peer \"%s\" leave from %s: a peer that only knows the "
            "virtual address refuses them",
            moves->host, s->name, p->name, p->source.host);
        return;
    }
}

void draft_check_reach(struct draft *d, const struct draft_peer *from, const struct conf_peer *p) {
    check_source(d, from, p);
    if (p->accept_without_credentials)
        check_unnamed(d, p);
    if (!can_call(p))
        draft_say(d, true, p->source.host != NULL ? from->source_where : p->where,
                  "give the peer an address, or a stack or source, of the other family",
                  "the peer \"%s\" can never be called: its addresses are IPv%d, and all that calls could leave from "
                  "is IPv%d",
                  p->name, p->connect[0].family == AF_INET ? 4 : 6, p->connect[0].family == AF_INET ? 6 : 4);
    bool told = !declares(p) || p->n_connect == 0 || p->n_via == 0;
    for (size_t i = 0; i < p->n_via && !told; i++)
        told = p->via[i]->bind_back.host != NULL;
    if (!told)
        draft_say(d, true, from->back_where,
                  arena_printf(&d->conf->arena,
                               "add to the block of a stack (%s:%u): bind-back to mta-a.example.net\n"
                               "or, when nothing is to be declared, write the order without it: bind-back configured",
                               p->via[0]->where.file, p->via[0]->where.line),
                  "calls to the peer \"%s\" declare nothing: no stack of it says `bind-back to`", p->name);
}

static bool prefixes_overlap(const struct conf_prefix *a, const struct conf_prefix *b) {
    const uint8_t *x = (const uint8_t *)&a->addr, *y = (const uint8_t *)&b->addr;
    unsigned length = a->length < b->length ? a->length : b->length, whole = length / 8, rest = length % 8;
    if (a->family != b->family || memcmp(x, y, whole) != 0)
        return false;
    return rest == 0 || ((x[whole] ^ y[whole]) & (uint8_t)(0xFF00 >> rest)) == 0;
}

static bool same_callers(const struct conf_peer *a, const struct conf_peer *b) {
    for (size_t i = 0; i < a->n_accept; i++)
        for (size_t k = 0; k < b->n_accept; k++)
            if (prefixes_overlap(&a->accept[i], &b->accept[k]))
                return true;
    for (size_t i = 0; i < a->n_accept_names; i++)
        for (size_t k = 0; k < b->n_accept_names; k++)
            if (strcasecmp(a->accept_names[i], b->accept_names[k]) == 0)
                return true;
    return false;
}

static const struct conf_stack *shared_stack(const struct conf_peer *a, const struct conf_peer *b) {
    for (size_t i = 0; i < a->n_via; i++)
        for (size_t k = 0; k < b->n_via; k++)
            if (a->via[i] == b->via[k])
                return a->via[i];
    return NULL;
}

static bool called_differ(const struct conf_selectors *a, const struct conf_selectors *b) {
    return (a->tsel_given && b->tsel_given && !bytes_equal(a->tsel, b->tsel)) ||
           (a->ssel_given && b->ssel_given && !bytes_equal(a->ssel, b->ssel)) ||
           (a->psel_given && b->psel_given && !bytes_equal(a->psel, b->psel));
}

// Both bind without credentials. A warning when nothing tells them apart.
static bool check_pair(struct draft *d, const struct conf_peer *before, const struct conf_peer *p) {
    const struct conf_stack *s = shared_stack(p, before);
    if (s == NULL || !same_callers(p, before) || called_differ(&p->called, &before->called))
        return true;
    draft_say(
        d, true, p->where,
        arena_printf(&d->conf->arena,
                     "the other: %s:%u\nthey differ by other addresses in `accept from`, another stack in `via`, or "
                     "other selectors in `called`",
                     before->where.file, before->where.line),
        "calls without credentials over the stack \"%s\" may be those of \"%s\" or of \"%s\": they are always "
        "taken for those of \"%s\"",
        s->name, before->name, p->name, before->name);
    return false;
}

void draft_check_callers(struct draft *d) {
    const struct conf *c = d->conf;
    for (size_t i = 0; i < c->n_peers; i++)
        for (size_t k = 0; k < i && c->peers[i].accept_without_credentials; k++)
            if (c->peers[k].accept_without_credentials && !check_pair(d, &c->peers[k], &c->peers[i]))
                break;
}

void draft_check_bind_backs(struct draft *d) {
    for (const struct draft_stack *i = d->stacks; i != NULL; i = i->next) {
        bool used = i->stack.bind_back.host == NULL;
        for (size_t k = 0; k < d->conf->n_peers && !used; k++) {
            const struct conf_peer *p = &d->conf->peers[k];
            for (size_t v = 0; v < p->n_via && !used; v++)
                used = p->bind_back != CONF_BIND_BACK_NONE && p->mode == CONF_NORMAL_MODE &&
                       strcmp(p->via[v]->name, i->stack.name) == 0;
        }
        if (!used)
            draft_say(d, true, i->back_where, "add to the block of a peer: bind-back\nor remove this",
                      "bind-back to has no effect: no peer in mode normal that says `bind-back` uses the stack \"%s\"",
                      i->stack.name);
    }
}
