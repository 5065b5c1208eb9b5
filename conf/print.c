// SPDX-License-Identifier: BSD-2-Clause
// The effective configuration as text that the grammar reads back. Every statement of a block is printed, defaults too,
// in one fixed order and in the largest units that divide: two configurations that say the same print the same.
#include "conf/print.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/err.h"
#include "conf/pattern.h"
#include "conf/print_block.h"
#include "x400/oraddr.h"

// The first error sticks, so that the callers need not look after each word.
static void put(struct printer *p, const char *text) {
    if (p->err == 0)
        p->err = buf_append_str(p->out, text);
}

#define putf(p, ...)                                                                                                   \
    do {                                                                                                               \
        if ((p)->err == 0)                                                                                             \
            (p)->err = buf_printf((p)->out, __VA_ARGS__);                                                              \
    } while (0)

static void put_octets(struct printer *p, const char *word, struct bytes octets) {
    put(p, word);
    put(p, "\"");
    for (size_t i = 0; i < octets.n && p->err == 0; i++) {
        if (octets.p[i] == '"' || octets.p[i] == '\\')
            p->err = buf_append_u8(p->out, '\\');
        if (p->err == 0)
            p->err = buf_append_u8(p->out, octets.p[i]);
    }
    put(p, "\"");
}

static void put_quoted(struct printer *p, const char *word, const char *text) {
    put_octets(p, word, bytes_str(text));
}

static void put_time(struct printer *p, const char *word, uint64_t ms) {
    static const struct {
        uint64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (units[i].unit != 's' && ms / 1000 % units[i].seconds != 0)
        i++;
    putf(p, "%s%llu%c", word, (unsigned long long)(ms / 1000 / units[i].seconds), units[i].unit);
}

static void put_size(struct printer *p, const char *word, uint64_t octets) {
    static const char units[] = "KMG";
    size_t i = 0;
    if (octets == 0) {
        putf(p, "%snone", word);
        return;
    }
    for (octets /= 1024; i < 2 && octets % 1024 == 0; octets /= 1024)
        i++;
    putf(p, "%s%llu%c", word, (unsigned long long)octets, units[i]);
}

static void put_by_priority(struct printer *p, const char *words, const uint64_t ms[CONF_PRIORITIES]) {
    put(p, words);
    put_time(p, " urgent ", ms[CONF_URGENT]);
    put_time(p, " normal ", ms[CONF_NORMAL]);
    put_time(p, " non-urgent ", ms[CONF_NON_URGENT]);
    put(p, "\n");
}

static void put_domain(struct printer *p, const struct conf_domain *d) {
    if (d->country == NULL)
        return;
    put_quoted(p, "    domain country ", d->country);
    put_quoted(p, " admd ", d->admd);
    if (d->prmd != NULL)
        put_quoted(p, " prmd ", d->prmd);
    put(p, "\n");
}

static void put_selector(struct printer *p, const char *word, struct bytes selector) {
    bool text = true;
    for (size_t i = 0; i < selector.n; i++)
        text = text && selector.p[i] >= ' ' && selector.p[i] <= '~';
    if (selector.p == NULL) {
        putf(p, "%snone", word);
    } else if (text) {
        put_octets(p, word, selector);
    } else {
        putf(p, "%s0x", word);
        for (size_t i = 0; i < selector.n; i++)
            putf(p, "%02X", selector.p[i]);
    }
}

static void put_selectors(struct printer *p, const struct conf_selectors *s, bool all) {
    if (all || s->tsel_given)
        put_selector(p, " tsel ", s->tsel);
    if (all || s->ssel_given)
        put_selector(p, " ssel ", s->ssel);
    if (all || s->psel_given)
        put_selector(p, " psel ", s->psel);
}

// A name without a dot might be one of the language's words.
static void put_name(struct printer *p, const char *word, const char *name) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    if (strchr(name, '.') != NULL && strspn(name, plain) == strlen(name))
        putf(p, "%s%s", word, name);
    else
        put_quoted(p, word, name);
}

static void put_host(struct printer *p, const char *word, const struct conf_endpoint *e) {
    if (e->family != AF_UNSPEC || e->any)
        putf(p, "%s%s", word, e->host);
    else
        put_name(p, word, e->host);
    if (e->port != 0)
        putf(p, " port %u", e->port);
}

static void put_endpoint(struct printer *p, const char *word, const struct conf_endpoint *e) {
    if (e->host == NULL)
        return;
    put_host(p, word, e);
    put(p, "\n");
}

// ---- blocks ----

static void put_socket(struct printer *p, const char *word, const struct conf_socket *s) {
    putf(p, "    %s socket ", word);
    put_quoted(p, "", s->path);
    putf(p, " mode %03o", (unsigned)s->mode);
    if (s->group != NULL)
        put_quoted(p, " group ", s->group);
    put(p, "\n");
}

void print_mta(struct printer *p, const struct conf_mta *m) {
    put_quoted(p, "mta ", m->name);
    put(p, " {\n");
    put_domain(p, &m->domain);
    put_quoted(p, "    spool ", m->spool);
    if (m->spool_follows != NULL)
        put_quoted(p, " follows stack ", m->spool_follows->name);
    if (m->events == CONF_EVENTS_SYSLOG)
        put(p, "\n    events syslog");
    else
        put_quoted(p, "\n    events file ", m->events_file);
    put(p, m->events_format == CONF_JSON ? " json\n" : " plain\n");
    put_socket(p, "control", &m->control);
    put_socket(p, "submit", &m->submit);
    put_socket(p, "status", &m->status);
    put_by_priority(p, "    expiry", m->expiry_ms);
    put_time(p, "    keep finished ", m->keep_ms);
    putf(p, "\n    reserve %u%%", m->reserve_percent);
    put_size(p, " at least ", m->reserve_min);
    put(p, "\n}\n");
}

void print_stack(struct printer *p, const struct conf_stack *s) {
    put_quoted(p, "stack ", s->name);
    put(p, " {\n");
    if (s->listen.host != NULL) {
        put_endpoint(p, "    listen on ", &s->listen);
        putf(p, "    callers at most %u per address %u", s->callers_max, s->callers_per_address);
        put_time(p, " within ", s->bind_within_ms);
        put(p, "\n");
    }
    put(p, "   ");
    put_selectors(p, &s->selectors, true);
    put(p, "\n");
    put(p, s->moves ? "    virtual\n" : "");
    put_endpoint(p, "    source ", &s->source);
    put_endpoint(p, "    bind-back to ", &s->bind_back);
    put(p, "}\n");
}

static void put_credentials(struct printer *p, const char *word, const struct conf_credentials *c) {
    if (c->name == NULL)
        return;
    putf(p, "    %s name ", word);
    put_quoted(p, "", c->name);
    put(p, " password ");
    if (c->file != NULL)
        put_quoted(p, "file ", c->file);
    else if (p->secrets && c->n_passwords > 0)
        put_octets(p, "", c->passwords[0].secret);
    else
        put(p, "***");
    put(p, "\n");
}

static void put_accept(struct printer *p, const struct conf_peer *peer) {
    const char *word = "    accept from ";
    for (size_t i = 0; i < peer->n_accept; i++, word = ", ") {
        char text[INET6_ADDRSTRLEN];
        if (inet_ntop(peer->accept[i].family, &peer->accept[i].addr, text, sizeof text) != NULL)
            putf(p, "%s%s/%u", word, text, peer->accept[i].length);
    }
    for (size_t i = 0; i < peer->n_accept_names; i++, word = ", ")
        put_name(p, word, peer->accept_names[i]);
    put(p, conf_peer_restricts(peer) ? "\n" : "");
}

static void put_bind_back(struct printer *p, const struct conf_peer *peer) {
    if (peer->bind_back == CONF_BIND_BACK_NONE)
        return;
    putf(p, "    bind-back %s", peer->bind_back == CONF_BIND_BACK_REQUIRED ? "required" : "optional");
    for (size_t i = 0; i < peer->n_back_order; i++)
        putf(p, " %s", conf_back_words[peer->back_order[i]]);
    put(p, "\n");
}

static void put_reach(struct printer *p, const struct conf_peer *peer) {
    for (size_t i = 0; i < peer->n_connect; i++)
        put_endpoint(p, peer->connect[i].family == AF_UNSPEC ? "    connect host " : "    connect address ",
                     &peer->connect[i]);
    for (size_t i = 0; i < peer->n_via; i++)
        put_quoted(p, i == 0 ? "    via " : ", ", peer->via[i]->name);
    put(p, "\n");
    put_endpoint(p, "    source ", &peer->source);
    put_bind_back(p, peer);
    put_accept(p, peer);
    put(p, peer->accept_without_credentials ? "    accept without credentials\n" : "");
    put(p, "    called");
    put_selectors(p, &peer->called, true);
    if (peer->calling.tsel_given || peer->calling.ssel_given || peer->calling.psel_given) {
        put(p, "\n    calling");
        put_selectors(p, &peer->calling, false);
    }
    put(p, "\n");
}

static void put_pattern(struct printer *p, const struct or_address *a) {
    if (a == NULL) {
        put(p, "any");
        return;
    }
    for (uint16_t i = 0; i < a->n_values; i++) {
        const struct or_value *v = &a->values[i];
        const char *word = pattern_word(v->attr);
        put(p, i == 0 || v->attr == a->values[i - 1].attr ? "" : " ");
        if (i > 0 && v->attr == a->values[i - 1].attr)
            continue; // another form of the same
        if (word != NULL)
            put(p, word);
        else if (v->attr >= OR_DD1_TYPE && (v->attr - OR_DD1_TYPE) % 2 == 0)
            put(p, "domain-defined");
        put_quoted(p, word == NULL && (v->attr - OR_DD1_TYPE) % 2 != 0 ? "" : " ", v->text);
    }
}

static void put_protocol(struct printer *p, const struct conf_peer *peer) {
    putf(p, "\n    mode %s%s", conf_protocol_words[peer->mode], peer->downgrade_strict ? " strict" : "");
    if (peer->downgrade_relay != NULL) {
        put(p, " relay ");
        put_pattern(p, peer->downgrade_relay);
    }
    put(p, "\n");
    if (peer->dialogue != CONF_DIALOGUE_ANY) // has no word: both are taken
        putf(p, "    dialogue %s\n", peer->dialogue == CONF_MONOLOGUE ? "monologue" : "two-way-alternate");
    put_size(p, "    checkpoint ", (uint64_t)peer->checkpoint_k * 1024);
    putf(p, " window %u", peer->window);
    if (peer->recovery_ms == 0)
        put(p, " recovery none");
    else
        put_time(p, " recovery ", peer->recovery_ms);
    putf(p, " sync %s\n", peer->sync == CONF_SYNC_WINDOW ? "window" : "never");
}

void print_peer(struct printer *p, const struct conf_peer *peer) {
    put_quoted(p, "peer ", peer->name);
    put(p, " {\n");
    put_reach(p, peer);
    put_domain(p, &peer->domain);
    put_credentials(p, "local", &peer->local);
    put_credentials(p, "remote", &peer->remote);
    putf(p, "    password form %s\n", peer->password_form == CONF_PASSWORD_IA5 ? "ia5" : "octet");
    put_size(p, "    size limit ", peer->size_limit);
    put_protocol(p, peer);
    putf(p, "    open retry %u times", peer->open_retry.times);
    put_time(p, " every ", peer->open_retry.every_ms);
    put_time(p, "\n    open timeout ", peer->open_timeout_ms);
    putf(p, "\n    transfer retry %u times", peer->transfer_retry.times);
    put_time(p, " every ", peer->transfer_retry.every_ms);
    put_by_priority(p, "\n    transfer timeout per K", peer->timeout_per_k_ms);
    put_time(p, "    transfer timeout no progress ", peer->no_progress_ms);
    putf(p, "\n    associations at most %u urgent %u another per %u messages", peer->associations_max,
         peer->associations_urgent, peer->messages_per_association);
    put_time(p, " lifetime ", peer->lifetime_ms);
    put_time(p, " idle ", peer->idle_ms);
    put(p, "\n}\n");
}

void print_route(struct printer *p, const struct conf_route *r) {
    put(p, "route to ");
    put_pattern(p, r->pattern);
    put_quoted(p, " via ", r->peer->name);
    putf(p, " cost %u\n", r->cost);
}

void print_deliver(struct printer *p, const struct conf_deliver *d) {
    put(p, "deliver to ");
    put_pattern(p, d->pattern);
    put_quoted(p, " in directory ", d->directory);
    put(p, "\n");
}

// ---- the whole ----

static bool is_inline(const struct conf_credentials *c) {
    return c->name != NULL && c->file == NULL;
}

int conf_print(const struct conf *c, unsigned flags, struct buf *out, struct conf_where *why) {
    for (size_t i = 0; i < c->n_peers && (flags & (CONF_PRINT_SECRETS | CONF_PRINT_MASKED)) == 0; i++)
        if (is_inline(&c->peers[i].local) || is_inline(&c->peers[i].remote)) {
            if (why != NULL)
                *why = c->peers[i].where;
            return ERR_STATE;
        }
    struct printer p = {.out = out, .secrets = (flags & CONF_PRINT_SECRETS) != 0};
    print_mta(&p, &c->mta);
    for (size_t i = 0; i < c->n_stacks; i++) {
        put(&p, "\n");
        print_stack(&p, &c->stacks[i]);
    }
    for (size_t i = 0; i < c->n_peers; i++) {
        put(&p, "\n");
        print_peer(&p, &c->peers[i]);
    }
    put(&p, c->n_routes + c->n_delivers > 0 ? "\n" : "");
    for (size_t i = 0; i < c->n_routes; i++)
        print_route(&p, &c->routes[i]);
    for (size_t i = 0; i < c->n_delivers; i++)
        print_deliver(&p, &c->delivers[i]);
    return p.err;
}
