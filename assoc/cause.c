// SPDX-License-Identifier: BSD-2-Clause
// Why a call failed, in an operator's words: the likely cause by layer, kind and the standard's reason, the words of
// the configuration that bear on it with what they are set to, and what to do. The texts are experience, no standard's.
#include "assoc/assoc_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rfc1006/session.h"
#include "rfc1006/tp0.h"

enum { // words of the configuration
    TSEL = 1,
    SSEL = 2,
    PSEL = 4,
    CALLING = 8,
    FROM = 16,
    NAME = 32, // and password: never the password itself
    REMOTE = 64,
    MODE = 128,
    CHECKPOINT = 256,
    CONNECT = 512,
    DIALOGUE = 1024,
    OTHER_MODE = 2048, // not a word: MTAs of another mode answer so too
};
#define SELECTORS (TSEL | SSEL | PSEL)
#define CONTRACT (SELECTORS | CALLING | FROM)

struct rule {
    enum assoc_step step;
    enum stack_how how;
    int reason; // ANY: those that no rule before has
    unsigned words;
    const char *text;
};
enum { ANY = -2, NONE = -1 };
enum { PSEL_UNKNOWN = 3 }; // Provider-reason of X.226: called-presentation-address-unknown

#define BUSY "the peer is overloaded: try later"
#define SPEAKS "the peer did not understand our call: its log, or a capture shown by `x400 dump`, may tell"
#define LATER "the peer has as many associations as it wants, or is short of room: try later"
#define NOT_BACK                                                                                                       \
    "the peer could not call us back (what each stack has as `bind-back to`; its log names the step, as event 9322), " \
    "or has as many associations as it wants"
#define AUTHENTICATION                                                                                                 \
    "our name or password is not what the peer expects, or it knows us by other calling selectors or another "         \
    "address: "                                                                                                        \
    "compare with its operator, who finds the reason in its log"
#define ANONYMOUS                                                                                                      \
    "we bind without name and password, and the peer wants them, or does not know our address: give `local name` "     \
    "with "                                                                                                            \
    "its password as the peer's operator has it"
#define UNSAID "the peer does not say why: it may have no room now, or does not know us; its log may tell"
#define OTHER_DIALOGUE "the peer wants another dialogue: set the same on both sides, monologue or two-way alternate"
#define SERVICE "the peer has no MTA transfer service of 1988 in normal mode at this address"
#define HUNG_UP                                                                                                        \
    "the peer hung up without a word, as MTAs do that do not know the caller's address or selectors, or the called "   \
    "ones; its log may tell"
#define NO_ANSWER                                                                                                      \
    "the peer took the transport connection but does not answer the rest: nothing serves the called selectors there, " \
    "or it waits for something else; its log may tell"

static const struct rule rules[] = {
    {ASSOC_RESOLVE, STACK_SILENT, ANY, 0, "no name server answers: see /etc/resolv.conf"},
    // DR and ER of X.224
    {ASSOC_TRANSPORT, STACK_REFUSED, 0, TSEL | CALLING | FROM,
     "the peer does not say why: often a wrong T-selector, or it does not accept calls from our address"},
    {ASSOC_TRANSPORT, STACK_REFUSED, 1, TSEL, "the peer has no free connection for this T-selector: try later"},
    {ASSOC_TRANSPORT, STACK_REFUSED, 2, TSEL,
     "the peer knows this T-selector, but nothing serves it now: its MTA is not running"},
    {ASSOC_TRANSPORT, STACK_REFUSED, 3, TSEL,
     "no listener of the peer has this T-selector: ask its operator for the one of its MTA"},
    {ASSOC_TRANSPORT, STACK_REFUSED, 128, CONTRACT,
     "the peer's MTA ended the connection itself: it may not know our address or selectors"},
    {ASSOC_TRANSPORT, STACK_REFUSED, 129, 0, BUSY},
    {ASSOC_TRANSPORT, STACK_REFUSED, 131, 0, "a connection of before hangs at the peer: try again"},
    {ASSOC_TRANSPORT, STACK_REFUSED, 135, 0, BUSY},
    {ASSOC_TRANSPORT, STACK_REFUSED, 130, TSEL,
     "the peer's transport takes neither class 0 nor our TPDU size: it is not set up for RFC 1006"},
    {ASSOC_TRANSPORT, STACK_REFUSED, 136, FROM, "the peer does not accept calls from this address"},
    {ASSOC_TRANSPORT, STACK_REFUSED, 138, TSEL | CALLING, "a selector may be longer than the peer takes"},
    {ASSOC_TRANSPORT, STACK_REFUSED, ANY, TSEL | CALLING, SPEAKS},
    {ASSOC_TRANSPORT, STACK_CLOSED, ANY, TSEL | FROM,
     "what listens there hung up at once: it does not accept calls from our address, does not know the T-selector, or "
     "is no RFC 1006 service"},
    {ASSOC_TRANSPORT, STACK_SILENT, ANY, CONNECT,
     "what listens there does not speak RFC 1006, or only a firewall answers in its place"},
    // REFUSE and ABORT of X.225
    {ASSOC_SESSION, STACK_REFUSED, 0, CONTRACT | OTHER_MODE,
     "the peer's MTA refuses without saying why: it may not know us or the called selectors"},
    {ASSOC_SESSION, STACK_REFUSED, 1, 0, BUSY},
    {ASSOC_SESSION, STACK_REFUSED, 2, CONTRACT | OTHER_MODE, "the peer's MTA refuses, and its reason cannot be read"},
    {ASSOC_SESSION, STACK_REFUSED, 129, SSEL,
     "nothing at the peer has this S-selector: ask its operator for the one of its MTA"},
    {ASSOC_SESSION, STACK_REFUSED, 130, SSEL,
     "the peer knows this S-selector, but nothing serves it now: its MTA is not running"},
    {ASSOC_SESSION, STACK_REFUSED, 131, 0, BUSY},
    {ASSOC_SESSION, STACK_REFUSED, 132, OTHER_MODE, "the peer speaks neither version 1 nor 2 of the session protocol"},
    {ASSOC_SESSION, STACK_REFUSED, ANY, SSEL | OTHER_MODE,
     "the peer's session layer does not take what we propose: it may lack functional units that MTAs need, or limit "
     "the size of connect data"},
    {ASSOC_SESSION, STACK_FAILED, NONE, SSEL | OTHER_MODE,
     "the peer's session layer lacks what MTAs need, or is at a limit: it may be set up for another application"},
    {ASSOC_SESSION, STACK_ABORTED, ANY, SSEL | OTHER_MODE, SPEAKS},
    {ASSOC_SESSION, STACK_CLOSED, ANY, CONTRACT | OTHER_MODE, HUNG_UP},
    {ASSOC_SESSION, STACK_SILENT, ANY, SELECTORS | OTHER_MODE, NO_ANSWER},
    // CPR and ARP of X.226
    {ASSOC_PRESENTATION, STACK_REFUSED, 1, 0, BUSY},
    {ASSOC_PRESENTATION, STACK_REFUSED, 3, PSEL,
     "nothing at the peer has this P-selector: ask its operator for the one of its MTA"},
    {ASSOC_PRESENTATION, STACK_REFUSED, 7, PSEL,
     "the peer knows this P-selector, but nothing serves it now: its MTA is not running"},
    {ASSOC_PRESENTATION, STACK_REFUSED, ANY, PSEL | OTHER_MODE, SPEAKS},
    {ASSOC_PRESENTATION, STACK_FAILED, NONE, OTHER_MODE, SERVICE},
    {ASSOC_PRESENTATION, STACK_ABORTED, ANY, PSEL | OTHER_MODE, SPEAKS},
    {ASSOC_PRESENTATION, STACK_CLOSED, ANY, CONTRACT | OTHER_MODE, HUNG_UP},
    {ASSOC_PRESENTATION, STACK_SILENT, ANY, SELECTORS | OTHER_MODE, NO_ANSWER},
    // AARE and ABRT of X.227
    {ASSOC_ASSOCIATION, STACK_REFUSED, 102, OTHER_MODE,
     "the peer has another service at this address, not the MTA transfer of 1988"},
    {ASSOC_ASSOCIATION, STACK_REFUSED, 202, 0, "the peer speaks no version 1 of association control"},
    {ASSOC_ASSOCIATION, STACK_REFUSED, 200, CONTRACT | OTHER_MODE, SPEAKS},
    {ASSOC_ASSOCIATION, STACK_REFUSED, 201, CONTRACT | OTHER_MODE, SPEAKS},
    {ASSOC_ASSOCIATION, STACK_REFUSED, 100, CONTRACT | NAME, UNSAID},
    {ASSOC_ASSOCIATION, STACK_REFUSED, 101, CONTRACT | NAME, UNSAID},
    {ASSOC_ASSOCIATION, STACK_REFUSED, 113, CONTRACT | NAME, AUTHENTICATION},
    {ASSOC_ASSOCIATION, STACK_REFUSED, ANY, CONTRACT,
     "the peer wants to see application titles or authentication that MTAs do not send: its entry for us is to go "
     "without them"},
    {ASSOC_ASSOCIATION, STACK_ABORTED, ANY, CONTRACT | NAME | OTHER_MODE,
     "the peer's MTA broke the association off while it opened: it does not know us, or cannot read our call"},
    {ASSOC_ASSOCIATION, STACK_CLOSED, ANY, CONTRACT | OTHER_MODE, HUNG_UP},
    // RTORJ and RTAB of X.228
    {ASSOC_RTSE, STACK_REFUSED, 0, 0, LATER},
    {ASSOC_RTSE, STACK_REFUSED, 1, 0,
     "the peer no longer knows the association to be recovered: a new one is to be opened"},
    {ASSOC_RTSE, STACK_REFUSED, 2, CONTRACT | NAME, AUTHENTICATION},
    {ASSOC_RTSE, STACK_REFUSED, 3, DIALOGUE, OTHER_DIALOGUE},
    {ASSOC_RTSE, STACK_REFUSED, ANY, CONTRACT | NAME, UNSAID},
    {ASSOC_RTSE, STACK_ABORTED, 0, 0, "the peer has trouble of its own: try later, its log may tell"},
    {ASSOC_RTSE, STACK_ABORTED, 3, 0, "the peer has trouble of its own: try later, its log may tell"},
    {ASSOC_RTSE, STACK_ABORTED, ANY, NAME | CHECKPOINT | OTHER_MODE, SPEAKS},
    // bind errors of X.411
    {ASSOC_BIND, STACK_REFUSED, BIND_BUSY, 0, LATER},
    {ASSOC_BIND, STACK_REFUSED, BIND_AUTHENTICATION_ERROR, CONTRACT | NAME, AUTHENTICATION},
    {ASSOC_BIND, STACK_REFUSED, BIND_UNACCEPTABLE_DIALOGUE_MODE, DIALOGUE, OTHER_DIALOGUE},
    {ASSOC_BIND, STACK_REFUSED, BIND_UNACCEPTABLE_SECURITY_CONTEXT, 0,
     "the peer wants security labels, which are not sent here: its entry for us is to go without"},
    {ASSOC_BIND, STACK_REFUSED, BIND_INADEQUATE_ASSOCIATION_CONFIDENTIALITY, 0,
     "the peer wants an encrypted association: its entry for us is to go without"},
    {ASSOC_BIND, STACK_REFUSED, ANY, CONTRACT | NAME, UNSAID},
    // an open association
    {ASSOC_OPEN, STACK_CLOSED, ANY, 0, "the peer hung up in place of a release, or the network broke"},
    {ASSOC_OPEN, STACK_SILENT, ANY, 0, "the peer does not answer any more: its MTA or the network has trouble"},
};

// ---- other protocols ----

static const char *stranger(const uint8_t *first, size_t n) {
    static const struct {
        const char *begin, *name;
    } known[] = {{"HTTP", "a web server (HTTP)"},
                 {"220", "a mail or file server (SMTP, FTP)"},
                 {"554", "a mail server (SMTP)"},
                 {"SSH-", "a secure shell server (SSH)"},
                 {"+OK", "a mailbox server (POP3)"},
                 {"* OK", "a mailbox server (IMAP)"},
                 {"\x15\x03", "a TLS server (the port wants encryption)"},
                 {"\xff", "a terminal server (telnet)"}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        size_t len = strlen(known[k].begin);
        if (n >= len && memcmp(first, known[k].begin, len) == 0)
            return known[k].name;
    }
    return NULL;
}

// ---- words and values ----

struct text {
    char *at;
    size_t room;
    bool any; // a word is there
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->at, t->room, fmt, ap);
    va_end(ap);
    size_t taken = n < 0 ? 0 : (size_t)n < t->room ? (size_t)n : t->room - 1;
    t->at += taken;
    t->room -= taken;
}

static void word(struct text *t, const char *name) {
    put(t, "%s%s ", t->any ? ", " : "", name);
    t->any = true;
}

static void selector(struct text *t, const char *name, struct bytes s) {
    bool printable = s.p != NULL;
    for (size_t k = 0; printable && k < s.n; k++)
        printable = s.p[k] >= 0x20 && s.p[k] < 0x7f;
    word(t, name);
    if (s.p == NULL)
        put(t, "none");
    else if (printable)
        put(t, "\"%.*s\"", (int)s.n, (const char *)s.p);
    else
        put(t, "0x");
    for (size_t k = 0; !printable && k < s.n; k++)
        put(t, "%02X", s.p[k]);
}

static void credentials(struct text *t, const struct conf_peer *p) {
    word(t, "local name");
    if (p->local.name == NULL)
        put(t, "none (no credentials)");
    else
        put(t, "\"%s\" with %s%s", p->local.name,
            p->local.n_passwords == 0 ? "an empty password"
            : p->local.file != NULL   ? "the password in "
                                      : "its password",
            p->local.n_passwords > 0 && p->local.file != NULL ? p->local.file : "");
}

// What a packet filter and the peer's `accept from` look at, and where it is from.
static void source(struct text *t, const struct assoc *a) {
    char host[NET_ADDRESS_TEXT];
    word(t, "source");
    if (a->local.sa.sa_family != AF_UNSPEC)
        put(t, "%s (%s)", net_address_host_text(&a->local, host), a->source_from);
    else // not connected: it is known when it was bound to
        put(t, a->local_text[0] != 0 ? "%s (%s)" : "%s%s", a->local_text, a->source_from);
}

static void words(struct text *t, const struct assoc *a, unsigned which) {
    static const char *const dialogues[] = {[CONF_DIALOGUE_ANY] = "not given: monologue is proposed",
                                            [CONF_MONOLOGUE] = "monologue",
                                            [CONF_TWO_WAY_ALTERNATE] = "two-way-alternate"};
    const struct conf_peer *p = a->peer;
    bool normal = p->mode == CONF_NORMAL_MODE;
    if (which & CONNECT)
        word(t, a->options.to != NULL ? "bind-back" : "connect"), put(t, "%s", a->remote_text);
    if (which & TSEL)
        selector(t, "called tsel", p->called.tsel);
    if (which & SSEL)
        selector(t, "called ssel", p->called.ssel);
    if (which & PSEL && normal)
        selector(t, "called psel", p->called.psel);
    if (which & CALLING && a->stack_conf != NULL) {
        struct conf_selectors calling = conf_calling(p, a->stack_conf);
        selector(t, "calling tsel", calling.tsel);
        if (calling.ssel.p != NULL)
            selector(t, "calling ssel", calling.ssel);
        if (calling.psel.p != NULL && normal)
            selector(t, "calling psel", calling.psel);
    }
    if (which & FROM && a->source_from[0] != 0)
        source(t, a);
    if (which & NAME)
        credentials(t, p);
    if (which & REMOTE)
        word(t, "remote name"), put(t, "\"%s\"", p->remote.name);
    if (which & CHECKPOINT)
        word(t, "checkpoint"), put(t, "%uK window %u", p->checkpoint_k, p->window);
    if (which & DIALOGUE)
        word(t, "dialogue"), put(t, "%s", dialogues[p->dialogue]);
    if (which & (MODE | OTHER_MODE))
        word(t, "mode"), put(t, "%s", conf_protocol_words[p->mode]);
}

// ---- the whole ----

static const struct rule *find(const struct assoc_failure *f) {
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
        if (rules[k].step == f->step && rules[k].how == f->how &&
            (rules[k].reason == f->reason || rules[k].reason == ANY))
            return &rules[k];
    return NULL;
}

static const char *connect_cause(int err) {
    switch (err) {
    case 0: return "";
    case ECONNREFUSED: return "nothing listens there, a packet filter, or a wrong address or port";
    case ECONNRESET: return "what listens there drops calls from our address at once, or a packet filter does";
    case ETIMEDOUT: return "a packet filter drops the call, the machine is down, or the address is wrong";
    case ENETUNREACH:
    case EHOSTUNREACH: return "there is no route to that address, or the machine is down";
    default: return "the network, a packet filter, or a wrong address or port";
    }
}

static const struct rule *protocol_broken(const struct assoc *a, const struct assoc_failure *f, char text[ASSOC_TEXT]) {
    static const struct rule network = {.words = CONNECT}, transport = {.words = TSEL}, upper = {.words = OTHER_MODE};
    const char *name = stranger(a->first, a->n_first);
    bool tpkt = strncmp(f->text, "tpkt", 4) == 0;
    if (!tpkt)
        snprintf(text, ASSOC_TEXT, "the peer's software has a fault; a capture, shown by `x400 dump`, helps its maker");
    else
        snprintf(text, ASSOC_TEXT, "%s answers there", name != NULL ? name : "another protocol than RFC 1006");
    return tpkt ? &network : f->step == ASSOC_TRANSPORT ? &transport : &upper;
}

// What a caller called that is not here, and what is.
static void explain_caller(const struct assoc *a, struct assoc_failure *f) {
    struct text t = {.at = f->configured, .room = sizeof f->configured};
    if (a->stack_conf == NULL || a->stack == NULL || f->by_peer)
        return;
    const struct conf_selectors *ours = &a->stack_conf->selectors;
    const struct stack_address *called = &stack_negotiated(a->stack)->called;
    const struct {
        enum assoc_step step;
        int unknown; // the layer's reason for it
        const char *called_name, *name;
        struct bytes called, ours;
    } layers[] = {
        {ASSOC_TRANSPORT, TP0_REASON_ADDRESS_UNKNOWN, "it called tsel", "this stack has", called->tsel, ours->tsel},
        {ASSOC_SESSION, SESSION_REFUSED_SSEL_UNKNOWN, "it called ssel", "this stack has", called->ssel, ours->ssel},
        {ASSOC_PRESENTATION, PSEL_UNKNOWN, "it called psel", "this stack has", called->psel, ours->psel}};
    for (size_t k = 0; k < sizeof layers / sizeof *layers; k++)
        if (layers[k].step == f->step && layers[k].unknown == f->reason) {
            selector(&t, layers[k].called_name, layers[k].called);
            selector(&t, layers[k].name, layers[k].ours);
        }
}

void assoc_explain(const struct assoc *a, struct assoc_failure *f) {
    static const struct rule connecting = {.words = CONNECT | FROM};
    struct text t = {.at = f->configured, .room = sizeof f->configured};
    char text[ASSOC_TEXT] = "";
    if (!a->initiator)
        explain_caller(a, f);
    if (!a->initiator || a->peer == NULL)
        return;
    const struct rule *r = find(f);
    if (f->step == ASSOC_CONNECT) {
        r = &connecting;
        snprintf(text, sizeof text, "%s", connect_cause(f->how == STACK_SILENT ? ETIMEDOUT : f->reason));
    } else if (r != NULL)
        snprintf(text, sizeof text, "%s", r->text);
    else if (f->how == STACK_BROKEN)
        r = protocol_broken(a, f, text);
    if (r != NULL && strcmp(text, AUTHENTICATION) == 0 && a->peer->local.name == NULL)
        snprintf(text, sizeof text, "%s", ANONYMOUS);
    if (r != NULL && strcmp(text, LATER) == 0 && a->peer->bind_back != CONF_BIND_BACK_NONE && !a->options.bind_back)
        snprintf(text, sizeof text, "%s", NOT_BACK);
    if (r == NULL)
        return;
    snprintf(f->cause, sizeof f->cause, "%.250s%s", text,
             r->words & OTHER_MODE ? "; or it speaks another mode: `x400 ping --try-modes` finds out" : "");
    words(&t, a, r->words);
}
