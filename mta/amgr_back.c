// SPDX-License-Identifier: BSD-2-Clause
#include "mta/amgr_back.h"

#include <stdio.h>
#include <string.h>

#include "assoc/accept.h"
#include "assoc/stacks.h"
#include "base/mem.h"
#include "mta/amgr_call.h"

enum { MINUTE_MS = 60000, ENDPOINTS_TEXT = 400, WHAT_TEXT = 1600 };

// The call to one endpoint. It belongs to its link.
struct back_call {
    struct back *of; // NULL: what comes of it is not of interest any more
    struct conf_endpoint to[BACK_ADDRESSES];
    char host[BACK_ADDRESSES][NET_ADDRESS_TEXT];
    size_t n; // 0: the peer's `connect`
};

// A peer's attempt. `timer` ends what is under way; when nothing is, the next is begun.
struct back {
    struct peer *p;
    struct loop_timer *timer;
    bool under_way, required;
    uint64_t until_ms;
    size_t next;         // in the order of the peer's block
    enum conf_back kind; // under way: that before `next`
    struct resolver_query *query;
    bool undecided; // a name of `accept from`, on which it depends whether the endpoint is called, is being resolved
    struct link *link;
    bool known; // of the call that it is for, the last one that was not a bind-back itself
    struct assoc_back said;
    bool normal_mode, showed_password;
    struct net_address local, remote;
    char stack[80];
    // what failed so far, an entry an endpoint
    char endpoints[ENDPOINTS_TEXT], kinds[48], steps[80], what[WHAT_TEXT];
    // against storms
    uint64_t minute_ms;
    unsigned begun;
    bool told;
};

// ---- the binds that wait ----

static void on_gone(struct held_bind *h);

static struct held_bind *first_waiting(const struct peer *p) {
    return bind_first_held(p->m->amgr, p, on_gone);
}

static unsigned waiting(const struct peer *p) {
    return bind_held(p->m->amgr, p, on_gone);
}

unsigned back_counted(const struct peer *p) {
    return p->n_in - p->n_apart + waiting(p);
}

// To be taken at once, and never called back.
static bool crosses(const struct peer *p, const struct assoc_bind *b) {
    if (b->back != NULL && b->back->is_bind_back)
        return true;
    const struct link *l;
    LIST_FOREACH(l, &p->links, of_peer) {
        if (p->conf->bind_back != CONF_BIND_BACK_NONE && l->outgoing && assoc_bind_pending(l->assoc))
            return true;
    }
    return false;
}

bool back_apart(const struct peer *p, const struct assoc_bind *b) {
    return p->n_apart < BACK_APART && crosses(p, b);
}

static bool is_up(const struct peer *p) {
    const struct link *l;
    LIST_FOREACH(l, &p->links, of_peer) {
        if (l->outgoing && l->open && !l->closing && !l->close_when_idle && !l->recovered)
            return true;
    }
    return false;
}

// ---- one attempt ----

static uint64_t now_ms(const struct back *b) {
    return loop_now_ms(b->p->m->loop);
}

static void add(char *to, size_t size, const char *between, const char *text) {
    size_t at = strlen(to);
    snprintf(to + at, size - at, "%s%s", at > 0 ? between : "", text);
}

static void configured_text(const struct conf_peer *c, char *out, size_t size) {
    char one[CONF_ENDPOINT_TEXT];
    out[0] = 0;
    for (size_t k = 0; k < c->n_connect; k++)
        add(out, size, " ", conf_endpoint_text(&c->connect[k], one));
}

static struct net_address source_of(const struct back *b) {
    struct net_address a = b->remote;
    const struct conf_peer *c = b->p->conf;
    net_address_set_port(&a, c->n_connect > 0 ? c->connect[0].port : CONF_PORT);
    return a;
}

// The endpoint under way failed. f NULL, or its remote address is not known: no call was made.
static void note(struct back *b, enum assoc_step step, const char *text, const struct assoc_failure *f) {
    char endpoint[ASSOC_BACK_SHOWN + 2], remote[NET_ADDRESS_TEXT];
    char line[NET_ADDRESS_TEXT + ASSOC_TEXT + 40];
    struct net_address source = source_of(b);
    if (b->kind == CONF_BACK_DECLARED)
        snprintf(endpoint, sizeof endpoint, "%s", b->said.shown[0] == 0 ? "-" : b->said.shown);
    else if (b->kind == CONF_BACK_CONFIGURED)
        configured_text(b->p->conf, endpoint, sizeof endpoint);
    else
        snprintf(endpoint, sizeof endpoint, "%s", net_address_text(&source, remote));
    bool known = f != NULL && f->remote[0] != 0 && b->kind != CONF_BACK_SOURCE, alone = b->p->conf->n_back_order == 1;
    snprintf(line, sizeof line, "%s%s%s%s%s", alone ? "" : conf_back_words[b->kind], alone ? "" : ": ",
             known ? f->remote : "", known ? ": " : "", text);
    add(b->endpoints, sizeof b->endpoints, ", ", endpoint);
    add(b->kinds, sizeof b->kinds, ", ", conf_back_words[b->kind]);
    add(b->steps, sizeof b->steps, ", ", assoc_step_text(step));
    add(b->what, sizeof b->what, "; ", line);
}

// Nothing is under way any more; what still is, is not of interest.
static void stop(struct back *b) {
    b->under_way = false;
    loop_timer_at(b->timer, 0);
    resolver_cancel(b->query);
    b->query = NULL;
    b->undecided = false;
    struct link *l = b->link;
    b->link = NULL;
    if (l == NULL)
        return;
    l->back->of = NULL;
    link_close(l);
}

// It would be the same attempt again.
static bool same_endpoints(const struct back *b, const struct assoc_bind *bind) {
    return strcmp(b->said.shown, bind->back == NULL ? "" : bind->back->shown) == 0 &&
           net_address_same_host(&b->remote, bind->remote);
}

static void refuse_same(struct back *b) {
    struct held_bind *h, *next;
    for (h = TAILQ_FIRST(&b->p->m->amgr->held_binds); h != NULL; h = next) {
        next = TAILQ_NEXT(h, link);
        if (h->peer == b->p && h->gone == on_gone && same_endpoints(b, &h->bind))
            bind_release(h, bind_refuse_back);
    }
}

// For `show peers`.
static void remember(struct back *b, bool ok, const char *result) {
    b->p->back_utc = clock_utc_ms();
    b->p->back_ok = ok;
    snprintf(b->p->back_result, sizeof b->p->back_result, "%.*s", (int)sizeof b->p->back_result - 1, result);
}

static void failed(struct back *b) {
    struct peer *p = b->p;
    remember(b, false, b->what);
    char remote[NET_ADDRESS_TEXT];
    net_address_host_text(&b->remote, remote);
    EVENT_RAISE(
        p->m->events, mta_event(EV_BIND_BACK_FAILED), {"peer", p->name}, {"stack", b->stack}, {"remote", remote},
        {"endpoint", b->endpoints}, {"kind", b->kinds}, {"step", b->steps}, {"what", b->what},
        {"answer", b->required || first_waiting(p) != NULL ? "its bind was refused as busy" : "its bind was accepted"});
    stop(b);
    refuse_same(b);
    if (first_waiting(p) != NULL) // what they declare is another
        loop_timer_in(b->timer, 0);
}

static void call_add(struct back_call *c, const struct net_address *a) {
    struct conf_endpoint *e = &c->to[c->n];
    *e = (struct conf_endpoint){
        .host = net_address_host_text(a, c->host[c->n]), .family = a->sa.sa_family, .port = net_address_port(a)};
    c->n++;
}

// Over the stack on which the call came, if it is one of the peer's, to the address in question; from where it came in.
static bool call(struct back *b, struct back_call *c, const struct net_address *first) {
    struct peer *p = b->p;
    char text[NET_ADDRESS_TEXT];
    struct assoc_call_options o = peer_call_options(p);
    o.connect_timeout_ms = BACK_CONNECT_MS;
    o.bind_back = true;
    o.arrived = &b->local;
    o.n_arrived = 1;
    if (first != NULL) {
        o.first_stack = b->stack;
        o.first_remote = net_address_text(first, text);
    }
    if (c != NULL && c->n > 0) {
        o.to = c->to;
        o.n_to = c->n;
    }
    struct link *l = c == NULL ? NULL : link_new(p, true);
    if (l != NULL && (l->assoc = assoc_call(&p->m->env, p->conf, &o, &amgr_link_user, l)) != NULL) {
        c->of = b;
        l->back = c;
        b->link = l;
        return true;
    }
    if (l != NULL)
        link_free(l);
    mem_free(c);
    note(b, ASSOC_RESOLVE, "memory is short", NULL);
    return false;
}

static bool is_link_local(const struct net_address *a) {
    return a->sa.sa_family == AF_INET6 ? IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr)
                                       : ntohl(a->v4.sin_addr.s_addr) >> 16 == 0xa9fe; // 169.254.0.0/16
}

// Linux takes the wildcard for this machine.
static bool is_host(const struct net_address *a) {
    if (a->sa.sa_family == AF_INET6)
        return !net_address_is_any(a) && !IN6_IS_ADDR_MULTICAST(&a->v6.sin6_addr) &&
               !IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);
    return !net_address_is_any(a) && ntohl(a->v4.sin_addr.s_addr) >> 28 < 0xe; // 224.0.0.0/3: groups, reserved
}

// An address that nobody on another machine may have us call, whatever `accept from` lists. NULL: it may be called.
static const char *not_for_others(const struct back *b, const struct net_address *a) {
    const struct assoc_stacks *s = b->p->m->env.stacks;
    if (!is_host(a))
        return "it does not lead to the address of a host";
    if (assoc_stacks_has(s, a) && !assoc_stacks_has(s, &b->remote))
        return "it leads to this machine itself, and the call came from another one";
    if (is_link_local(a) && !conf_peer_restricts(b->p->conf))
        return "it leads to a link-local address, and the peer's block has no `accept from`";
    return NULL;
}

static void on_declared(void *arg, const struct resolver_answer *answer) {
    struct back *b = arg;
    b->query = NULL;
    if (answer->n == 0) {
        note(b, ASSOC_RESOLVE, answer->error, NULL);
        loop_timer_in(b->timer, 0);
        return;
    }
    struct back_call *c = mem_calloc(1, sizeof *c);
    const struct net_address *first = NULL;
    char text[ASSOC_TEXT], host[NET_ADDRESS_TEXT];
    const char *why = NULL;
    bool pending = false;
    for (size_t k = 0; c != NULL && k < answer->n && c->n < BACK_ADDRESSES; k++) {
        const struct net_address *a = &answer->addresses[k];
        enum assoc_accept_verdict allowed = assoc_accept_check(b->p->m->accept, b->p->conf, a);
        const char *never = allowed == ASSOC_ACCEPT_NO ? NULL : not_for_others(b, a);
        why = why == NULL ? never : why;
        pending |= allowed == ASSOC_ACCEPT_PENDING && never == NULL;
        if (allowed != ASSOC_ACCEPT_YES || never != NULL)
            continue;
        first = first == NULL ? a : first;
        call_add(c, a);
    }
    if (c == NULL || c->n > 0) {
        if (!call(b, c, first))
            loop_timer_in(b->timer, 0);
        return;
    }
    mem_free(c);
    b->undecided = pending; // back_names goes on, or the time of the endpoint is over
    if (pending)
        return;
    if (why != NULL)
        snprintf(text, sizeof text, "it is not called: %s", why);
    else
        snprintf(text, sizeof text, "it is not called: `accept from` of the peer's block does not list %s%s",
                 net_address_host_text(&answer->addresses[0], host), answer->n > 1 ? " nor its other addresses" : "");
    note(b, ASSOC_RESOLVE, text, NULL);
    loop_timer_in(b->timer, 0);
}

static bool try_declared(struct back *b) {
    const struct assoc_back *s = &b->said;
    const char *why = !b->normal_mode       ? "a call in X.410 mode can declare nothing"
                      : !s->declares        ? "the call declared nothing"
                      : s->fault != NULL    ? s->fault
                      : !b->showed_password ? "it is not called: the caller showed no password that is checked here"
                                            : NULL;
    if (why == NULL)
        b->query = resolver_ask(b->p->m->env.resolver, s->host, s->port, s->family, on_declared, b);
    if (b->query != NULL)
        return true;
    if (b->normal_mode || b->p->conf->n_back_order == 1) // else it goes without saying
        note(b, ASSOC_RESOLVE, why == NULL ? "memory is short" : why, NULL);
    return false;
}

static bool try_configured(struct back *b) {
    const struct conf_endpoint *e = b->p->conf->connect;
    struct net_address a;
    if (b->p->conf->n_connect == 0) {
        note(b, ASSOC_RESOLVE, "the peer's block has no `connect`", NULL);
        return false;
    }
    bool numeric = net_address_parse(&a, e->host, e->port) == ERR_OK;
    return call(b, mem_calloc(1, sizeof(struct back_call)), numeric ? &a : NULL);
}

static bool try_source(struct back *b) {
    struct back_call *c = mem_calloc(1, sizeof *c);
    struct net_address a = source_of(b);
    if (c != NULL)
        call_add(c, &a);
    return call(b, c, &a);
}

static void next(struct back *b) {
    static bool (*const tries[])(struct back * b) = {
        [CONF_BACK_DECLARED] = try_declared, [CONF_BACK_CONFIGURED] = try_configured, [CONF_BACK_SOURCE] = try_source};
    const struct conf_peer *c = b->p->conf;
    while (b->next < c->n_back_order) {
        uint64_t now = now_ms(b), left = b->until_ms > now ? b->until_ms - now : 0;
        b->kind = c->back_order[b->next++];
        if (left == 0)
            note(b, ASSOC_RESOLVE, "no time was left for it", NULL);
        else if (tries[b->kind](b)) {
            loop_timer_in(b->timer, left / (c->n_back_order - b->next + 1));
            return;
        }
    }
    failed(b);
}

// The time of an endpoint is over.
static void give_up(struct back *b) {
    char text[ASSOC_TEXT];
    struct assoc_failure f = {.remote = ""};
    enum assoc_step step = ASSOC_RESOLVE;
    struct link *l = b->link;
    snprintf(text, sizeof text, "no answer in time");
    if (b->undecided)
        snprintf(text, sizeof text,
                 "it is not called: a name in `accept from` of the peer's block was not resolved in time");
    if (l != NULL) {
        step = assoc_step_now(l->assoc);
        snprintf(f.remote, sizeof f.remote, "%s", assoc_remote(l->assoc));
    }
    stop(b);
    b->under_way = true;
    note(b, step, text, &f);
}

static bool begin(struct peer *p, const struct assoc_bind *bind, uint64_t came_ms);

static void on_timer(void *arg) {
    struct back *b = arg;
    if (b->under_way) {
        if (b->query != NULL || b->link != NULL || b->undecided)
            give_up(b);
        next(b);
        return;
    }
    struct held_bind *h = first_waiting(b->p);
    if (h != NULL && !begin(b->p, &h->bind, h->came_ms))
        back_end(b->p);
}

static struct back *back_of(struct peer *p) {
    struct back *b = p->back != NULL ? p->back : mem_calloc(1, sizeof *b);
    if (p->back != NULL || b == NULL)
        return b;
    b->p = p;
    b->minute_ms = loop_now_ms(p->m->loop);
    if ((b->timer = loop_timer_new(p->m->loop, on_timer, b)) != NULL)
        return p->back = b;
    mem_free(b);
    return NULL;
}

static bool too_many(struct back *b) {
    char limit[12];
    if (now_ms(b) - b->minute_ms >= MINUTE_MS) {
        b->minute_ms = now_ms(b);
        b->begun = 0;
        b->told = false;
    }
    if (b->begun++ < BACK_PER_MINUTE)
        return false;
    b->begun = BACK_PER_MINUTE;
    snprintf(limit, sizeof limit, "%d", BACK_PER_MINUTE);
    if (!b->told)
        EVENT_RAISE(b->p->m->events, mta_event(EV_BIND_BACK_LIMIT), {"peer", b->p->name}, {"limit", limit});
    b->told = true;
    return true;
}

static void keep(struct back *b, const struct assoc_bind *bind) {
    const struct conf_peer *c = b->p->conf;
    b->known = true;
    b->said = bind->back == NULL ? (struct assoc_back){.host = ""} : *bind->back;
    b->normal_mode = bind->negotiated->rtse.mode == RTSE_NORMAL;
    b->showed_password = bind->info->form != BIND_NONE && c->remote.n_passwords > 0;
    b->local = *bind->local;
    b->remote = *bind->remote;
    snprintf(b->stack, sizeof b->stack, "%s", bind->stack->name);
}

// Goes on from the loop. False: there can be none now.
static bool start(struct back *b, bool required, uint64_t came_ms) {
    if (too_many(b))
        return false;
    b->under_way = true;
    b->required = required;
    b->until_ms = came_ms + BACK_WAIT_MS;
    b->next = 0;
    b->endpoints[0] = b->kinds[0] = b->steps[0] = b->what[0] = 0;
    loop_timer_in(b->timer, 0);
    return true;
}

static bool begin(struct peer *p, const struct assoc_bind *bind, uint64_t came_ms) {
    struct back *b = back_of(p);
    if (b == NULL)
        return false;
    keep(b, bind);
    return start(b, p->conf->bind_back == CONF_BIND_BACK_REQUIRED, came_ms);
}

// ---- from the association manager ----

void back_bind(struct peer *p, struct amgr_stack *n, struct assoc *as, const struct assoc_bind *bind) {
    uint64_t now = loop_now_ms(p->m->loop);
    bool up = is_up(p), may = p->conf->bind_back != CONF_BIND_BACK_NONE && !crosses(p, bind), wanted = may && !up;
    if (may && up && back_of(p) != NULL && !p->back->under_way)
        keep(p->back, bind); // what is up may be dead
    bool begun = wanted && ((p->back != NULL && p->back->under_way) || begin(p, bind, now));
    if (!wanted || p->conf->bind_back == CONF_BIND_BACK_OPTIONAL)
        bind_take(p, n, as, bind);
    else if (!begun || !bind_hold(n, as, bind, p, on_gone))
        bind_refuse_back(p, n, as, bind);
}

// The caller went away. When nobody waits any more, nobody wants it.
static void on_gone(struct held_bind *h) {
    struct back *b = h->peer->back;
    if (b->under_way && b->required && first_waiting(h->peer) == NULL)
        stop(b);
}

void back_up(struct link *l) {
    struct peer *p = l->peer;
    struct back *b = p->back;
    if (b == NULL || !l->outgoing || l->recovered)
        return;
    if (b->link == l) {
        char text[2 * NET_ADDRESS_TEXT + 80];
        snprintf(text, sizeof text, "up to %s (%s) over stack %.60s", l->remote, conf_back_words[b->kind],
                 assoc_stack_name(l->assoc));
        remember(b, true, text);
        l->back->of = NULL;
        b->link = NULL;
    }
    stop(b);
    for (struct held_bind *h; (h = first_waiting(p)) != NULL;)
        bind_release(h, bind_take);
}

// Of a peer that cannot be called otherwise: else a call is made when there is something to send.
void back_lost(struct peer *p) {
    struct back *b = p->back;
    if (b == NULL || !b->known || b->under_way || p->conf == NULL || p->conf->bind_back == CONF_BIND_BACK_NONE ||
        p->conf->n_connect > 0 || p->disabled || p->m->stopping || is_up(p))
        return;
    const struct link *l;
    LIST_FOREACH(l, &p->links, of_peer) {
        if (!l->outgoing && l->open && !l->closing && !l->told) {
            start(b, false, now_ms(b));
            return;
        }
    }
}

void back_failed(struct link *l, const struct assoc_failure *f) {
    struct back *b = l->back->of;
    if (b == NULL)
        return;
    l->back->of = NULL;
    b->link = NULL;
    note(b, f == NULL ? ASSOC_BIND : f->step, f == NULL ? "the call was closed" : f->text, f);
    loop_timer_in(b->timer, 0);
}

void back_unlink(struct link *l) {
    if (l->back != NULL && l->back->of != NULL)
        l->back->of->link = NULL;
    mem_free(l->back);
    l->back = NULL;
}

void back_names(struct peer *p) {
    struct back *b = p->back;
    if (b == NULL || !b->undecided)
        return;
    b->undecided = false;
    if (!try_declared(b)) // the answer is kept by the resolver
        loop_timer_in(b->timer, 0);
}

void back_end(struct peer *p) {
    if (p->back == NULL)
        return;
    stop(p->back);
    for (struct held_bind *h; (h = first_waiting(p)) != NULL;)
        bind_release(h, bind_refuse_back);
}

void back_free(struct peer *p) {
    if (p->back == NULL)
        return;
    resolver_cancel(p->back->query);
    loop_timer_free(p->back->timer);
    mem_free(p->back);
    p->back = NULL;
}
