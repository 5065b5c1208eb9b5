// SPDX-License-Identifier: BSD-2-Clause
// Whose bind is it? By the name and password that it shows; the address is one more check. A bind without credentials
// can only be that of a peer whose block allows it, known by its address and, where the block gives them, its calling
// selectors.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "assoc/identify.h"

static void say(struct assoc_identity *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct assoc_identity *out, const char *fmt, ...) {
    size_t at = strlen(out->explanation);
    va_list ap;
    va_start(ap, fmt);
    if (at > 0 && at + 2 < sizeof out->explanation)
        at += (size_t)snprintf(out->explanation + at, sizeof out->explanation - at, "; ");
    if (at < sizeof out->explanation)
        vsnprintf(out->explanation + at, sizeof out->explanation - at, fmt, ap);
    va_end(ap);
}

static bool password_fits(const struct conf_credentials *them, const struct bind_info *info) {
    bool fits = them->n_passwords == 0 && info->password.n == 0;
    for (size_t k = 0; k < them->n_passwords; k++)
        fits |= bind_password_is(info, them->passwords[k].secret); // no early end: its time says nothing
    return fits;
}

static void check_named(const struct conf_peer *p, const struct assoc_bind *b, struct assoc_identity *out) {
    char remote[NET_ADDRESS_TEXT];
    net_address_host_text(b->remote, remote);
    out->peer = p;
    if (!password_fits(&p->remote, b->info)) {
        out->verdict = ASSOC_WRONG_PASSWORD;
        say(out, "peer %s has this name, but the password differs", p->name);
    } else if (!conf_peer_accepts(p, &b->remote->sa)) {
        out->verdict = ASSOC_WRONG_ADDRESS;
        say(out, "name and password are those of peer %s, but its `accept from` does not list %s", p->name, remote);
    } else {
        out->verdict = ASSOC_KNOWN;
        out->explanation[0] = 0;
    }
}

static bool same_letters(struct bytes a, const char *b) {
    return a.n == strlen(b) && strncasecmp((const char *)a.p, b, a.n) == 0;
}

// The block of a peer that binds without credentials describes it by address, and by the selectors that we would call
// it with.
static bool fits_unnamed(const struct conf_peer *p, const struct assoc_bind *b) {
    const struct stack_address *from = &b->negotiated->calling;
    return p->accept_without_credentials && conf_peer_accepts(p, &b->remote->sa) &&
           (from->tsel.n == 0 || !p->called.tsel_given || bytes_equal(from->tsel, p->called.tsel)) &&
           (from->ssel.n == 0 || !p->called.ssel_given || bytes_equal(from->ssel, p->called.ssel)) &&
           (from->psel.n == 0 || !p->called.psel_given || bytes_equal(from->psel, p->called.psel));
}

static void identify_unnamed(const struct conf *conf, const struct assoc_bind *b, struct assoc_identity *out) {
    out->verdict = ASSOC_NO_CREDENTIALS;
    if (b->info->form == BIND_NONE)
        say(out, "the bind has no credentials");
    else
        say(out, "the bind has no credentials that are known here (%s)", bind_form_name(b->info->form));
    for (size_t k = 0; k < conf->n_peers; k++) {
        const struct conf_peer *p = &conf->peers[k];
        if (b->info->form == BIND_NONE && fits_unnamed(p, b)) {
            out->verdict = ASSOC_KNOWN;
            out->peer = p;
            out->explanation[0] = 0;
            return;
        }
        if (p->accept_without_credentials)
            say(out, "peer %s may bind so, but its address or calling selectors differ", p->name);
        else if (conf_peer_accepts(p, &b->remote->sa) && p->n_accept > 0)
            say(out, "peer %s has this address, but no `accept without credentials`", p->name);
    }
}

void assoc_identify(const struct conf *conf, const struct assoc_bind *b, struct assoc_identity *out) {
    *out = (struct assoc_identity){.verdict = ASSOC_UNKNOWN_NAME};
    if (b->info->form != BIND_IA5 && b->info->form != BIND_OCTETS) {
        identify_unnamed(conf, b, out);
        return;
    }
    for (size_t k = 0; k < conf->n_peers; k++) {
        const struct conf_peer *p = &conf->peers[k];
        if (p->remote.name != NULL && bytes_equal(b->info->name, bytes_str(p->remote.name))) {
            check_named(p, b, out);
            if (out->verdict == ASSOC_KNOWN)
                return;
        }
    }
    if (out->peer != NULL)
        return;
    for (size_t k = 0; k < conf->n_peers; k++) {
        const struct conf_peer *p = &conf->peers[k];
        if (p->remote.name != NULL && same_letters(b->info->name, p->remote.name))
            say(out, "`remote name` of peer %s is \"%s\": the case of letters differs", p->name, p->remote.name);
        else if (p->n_accept > 0 && conf_peer_accepts(p, &b->remote->sa))
            say(out, "peer %s has this address, but its `remote name` is \"%s\"", p->name,
                p->remote.name == NULL ? "" : p->remote.name);
    }
    if (out->explanation[0] == 0)
        say(out, "no peer has this `remote name`");
}
