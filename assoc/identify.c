// SPDX-License-Identifier: BSD-2-Clause
// Whose bind is it? By the name and password that it shows; the address is one more check. A bind without credentials
// can only be that of a peer whose block allows it, known by its address, by the stack and the selectors that it called
// and, where both sides give them, by those that it calls from. Peers are asked in the order of the file.
#include "assoc/identify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "conf/nearest.h"

enum { MORE = 32 }; // room for "; and 4294967295 peers more"

struct question {
    const struct conf *conf;
    const struct assoc_accept *accept;
    const struct assoc_bind *b;
    struct assoc_identity *out;
    char remote[NET_ADDRESS_TEXT];
    unsigned untold; // peers for which there was no room
};

static void vsay(struct question *q, const char *fmt, va_list ap) {
    char *text = q->out->explanation, one[sizeof q->out->explanation];
    size_t at = strlen(text), room = sizeof q->out->explanation - MORE - at;
    int n = vsnprintf(one, sizeof one, fmt, ap);
    if (n < 0 || (size_t)n + 2 >= room)
        q->untold++;
    else
        snprintf(text + at, room, "%s%s", at > 0 ? "; " : "", one);
}

static void say(struct question *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct question *q, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsay(q, fmt, ap);
    va_end(ap);
}

static void known(struct question *q, const struct conf_peer *p) {
    q->out->verdict = ASSOC_KNOWN;
    q->out->peer = p;
    q->out->explanation[0] = 0;
    q->untold = 0;
}

static void pending(struct question *q, const struct conf_peer *p) {
    q->out->verdict = ASSOC_PENDING;
    say(q, "a name in `accept from` of peer %s is not resolved yet", p->name);
}

// What the peer's `accept from` has instead of the caller's address.
static const char *listed(const struct question *q, const struct conf_peer *p, struct buf *text) {
    const char *list = assoc_accept_list(q->accept, p, text) == 0 ? buf_cstr(text) : NULL;
    return list == NULL ? "other addresses" : list;
}

// ---- by name ----

static bool password_fits(const struct conf_credentials *them, const struct bind_info *info) {
    bool fits = them->n_passwords == 0 && info->password.n == 0;
    for (size_t k = 0; k < them->n_passwords; k++)
        fits |= bind_password_is(info, them->passwords[k].secret); // no early end: its time says nothing
    return fits;
}

static void check_named(struct question *q, const struct conf_peer *p) {
    q->out->peer = p;
    if (!password_fits(&p->remote, q->b->info)) {
        q->out->verdict = ASSOC_WRONG_PASSWORD;
        say(q, "peer %s has this name, but the password differs", p->name);
        return;
    }
    struct buf text = {0};
    switch (assoc_accept_check(q->accept, p, q->b->remote)) {
    case ASSOC_ACCEPT_YES: known(q, p); break;
    case ASSOC_ACCEPT_PENDING: pending(q, p); break;
    case ASSOC_ACCEPT_NO:
        q->out->verdict = ASSOC_WRONG_ADDRESS;
        say(q, "name and password are those of peer %s, but its `accept from` does not list %s: it lists %s", p->name,
            q->remote, listed(q, p, &text));
    }
    buf_free(&text);
}

static bool same_letters(struct bytes a, const char *b) {
    return a.n == strlen(b) && strncasecmp((const char *)a.p, b, a.n) == 0;
}

// The peer with the name that was probably meant. NULL: none is near.
static const struct conf_peer *nearest(const struct question *q) {
    char word[CONF_MTA_NAME_MAX + 1];
    const char **names = mem_calloc(q->conf->n_peers + 1, sizeof *names);
    snprintf(word, sizeof word, "%.*s", (int)q->b->info->name.n, (const char *)q->b->info->name.p);
    for (size_t k = 0; names != NULL && k < q->conf->n_peers; k++)
        names[k] = q->conf->peers[k].remote.name;
    const char *near = names == NULL ? NULL : conf_nearest(word, names, q->conf->n_peers);
    mem_free(names);
    for (size_t k = 0; near != NULL && k < q->conf->n_peers; k++)
        if (q->conf->peers[k].remote.name == near)
            return &q->conf->peers[k];
    return NULL;
}

// No peer has the name: which has nearly it, or the address.
static void explain_name(struct question *q) {
    const struct conf_peer *near = nearest(q);
    for (size_t k = 0; k < q->conf->n_peers; k++) {
        const struct conf_peer *p = &q->conf->peers[k];
        bool from = conf_peer_restricts(p) && assoc_accept_check(q->accept, p, q->b->remote) == ASSOC_ACCEPT_YES;
        if (p->remote.name != NULL && same_letters(q->b->info->name, p->remote.name))
            say(q, "`remote name` of peer %s is \"%s\": the case of letters differs", p->name, p->remote.name);
        else if (from && p->remote.name != NULL)
            say(q, "peer %s has this address, but its `remote name` is \"%s\"", p->name, p->remote.name);
        else if (from)
            say(q, "peer %s has this address, but no `remote name`: it may only bind without", p->name);
        else if (p == near)
            say(q, "peer %s has the nearest `remote name`, \"%s\"", p->name, p->remote.name);
    }
    if (q->out->explanation[0] == 0)
        say(q, "no peer has this `remote name`");
}

static void identify_named(struct question *q) {
    for (size_t k = 0; k < q->conf->n_peers; k++) {
        const struct conf_peer *p = &q->conf->peers[k];
        if (p->remote.name == NULL || !bytes_equal(q->b->info->name, bytes_str(p->remote.name)))
            continue;
        check_named(q, p);
        if (q->out->verdict == ASSOC_KNOWN || q->out->verdict == ASSOC_PENDING)
            return;
    }
    if (q->out->peer == NULL)
        explain_name(q);
}

// ---- without credentials ----

// A stack that goes on over a reload has its name in the new configuration.
static bool has_stack(const struct conf_peer *p, const struct conf_stack *s) {
    for (size_t i = 0; i < p->n_via; i++)
        if (strcmp(p->via[i]->name, s->name) == 0)
            return true;
    return false;
}

static bool selector_differs(bool given, struct bytes ours, struct bytes theirs) {
    return given && theirs.n > 0 && !bytes_equal(ours, theirs);
}

// The selectors that the caller calls from, where it sends them, are those that we would call the peer with. NULL: so
// they are.
static const char *wrong_selector(const struct conf_peer *p, const struct stack_address *from) {
    const struct conf_selectors *s = &p->called;
    return selector_differs(s->tsel_given, s->tsel, from->tsel)   ? "tsel"
           : selector_differs(s->ssel_given, s->ssel, from->ssel) ? "ssel"
           : selector_differs(s->psel_given, s->psel, from->psel) ? "psel"
                                                                  : NULL;
}

// Of a peer that may bind so. Says what differs, when that is one thing: else it is not near.
static enum assoc_accept_verdict check_unnamed(struct question *q, const struct conf_peer *p) {
    const struct conf_stack *s = q->b->stack;
    const char *wrong = wrong_selector(p, &q->b->negotiated->calling);
    enum assoc_accept_verdict from = assoc_accept_check(q->accept, p, q->b->remote);
    bool via = has_stack(p, s);
    bool called = s->selectors.tsel.n > 0 && bytes_equal(s->selectors.tsel, q->b->negotiated->called.tsel);
    struct buf text = {0};
    int differs = (from == ASSOC_ACCEPT_NO) + !via + !called + (wrong != NULL);
    if (differs == 0)
        return from;
    if (differs > 1)
        return ASSOC_ACCEPT_NO;
    if (from == ASSOC_ACCEPT_NO)
        say(q, "peer %s may bind so, but its `accept from` does not list %s: it lists %s", p->name, q->remote,
            listed(q, p, &text));
    else if (!via)
        say(q, "peer %s may bind so and has this address, but its `via` does not have the stack %s", p->name, s->name);
    else if (!called)
        say(q, "peer %s may bind so and has this address, but no tsel of the stack %s was called", p->name, s->name);
    else
        say(q, "peer %s may bind so and has this address, but the %s that it calls from is not that of `called`",
            p->name, wrong);
    buf_free(&text);
    if (!called || wrong != NULL)
        q->out->verdict = ASSOC_WRONG_SELECTORS;
    return ASSOC_ACCEPT_NO;
}

static void identify_unnamed(struct question *q) {
    const struct assoc_bind *b = q->b;
    q->out->verdict = ASSOC_NO_CREDENTIALS;
    if (b->info->form == BIND_NONE)
        say(q, "the bind has no credentials");
    else
        say(q, "the bind has no credentials that are known here (%s)", bind_form_name(b->info->form));
    for (size_t k = 0; k < q->conf->n_peers; k++) {
        const struct conf_peer *p = &q->conf->peers[k];
        enum assoc_accept_verdict fits = ASSOC_ACCEPT_NO;
        if (p->accept_without_credentials && b->info->form == BIND_NONE)
            fits = check_unnamed(q, p);
        else if (conf_peer_restricts(p) && assoc_accept_check(q->accept, p, b->remote) == ASSOC_ACCEPT_YES)
            say(q, "peer %s has this address, but %s", p->name,
                p->accept_without_credentials ? "may bind with a name and password, or with nothing"
                                              : "no `accept without credentials`");
        if (fits == ASSOC_ACCEPT_YES)
            known(q, p);
        else if (fits == ASSOC_ACCEPT_PENDING)
            pending(q, p);
        if (fits != ASSOC_ACCEPT_NO)
            return;
    }
}

void assoc_identify(const struct conf *conf, const struct assoc_accept *accept, const struct assoc_bind *b,
                    struct assoc_identity *out) {
    struct question q = {.conf = conf, .accept = accept, .b = b, .out = out};
    *out = (struct assoc_identity){.verdict = ASSOC_UNKNOWN_NAME};
    net_address_host_text(b->remote, q.remote);
    if (b->info->form == BIND_IA5 || b->info->form == BIND_OCTETS)
        identify_named(&q);
    else
        identify_unnamed(&q);
    size_t at = strlen(out->explanation);
    if (q.untold > 0)
        snprintf(out->explanation + at, sizeof out->explanation - at, "; and %u peers more", q.untold);
}
