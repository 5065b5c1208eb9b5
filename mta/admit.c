// SPDX-License-Identifier: BSD-2-Clause
#include "mta/admit.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "mta/codes.h"
#include "mta/route.h"
#include "mta/settle.h"
#include "x400/mtsid.h"
#include "x400/p1_names.h"

enum {
    DUPLICATE_WINDOW_MS = 7 * 24 * 3600 * 1000,
    WITHIN_DOMAIN_MAX = 32 // elements of one domain in a row: an MTA of 1984 adds one, or two
};

struct admitting {
    struct mta *m;
    struct admission a;
    struct item *item;
    struct fate *fates; // of recipients that cannot go on; in the arena
    size_t n_fates;
    const char *mts_id; // in the arena
    uint8_t identifier[DIGEST_SIZE], fingerprint[DIGEST_SIZE];
};

static enum spool_kind kind_of(const struct p1_envelope *e) {
    return e->type == P1_MESSAGE ? SPOOL_MESSAGE : e->type == P1_PROBE ? SPOOL_PROBE : SPOOL_REPORT;
}

static const char *identifier_text(struct arena *a, const struct p1_envelope *e) {
    struct mts_id id;
    const char *why, *text = mts_id_decode(e->identifier, &id, &why) == ERR_OK ? mts_id_print(a, &id) : NULL;
    return text == NULL ? "(unreadable)" : text;
}

static void tell_refused(const struct admitting *ad, const char *text) {
    const struct p1_envelope *e = ad->a.opened->env;
    struct arena *a = &ad->a.opened->arena;
    char size[24];
    snprintf(size, sizeof size, "%llu", (unsigned long long)ad->a.content.length);
    EVENT_RAISE(ad->m->events, mta_event(EV_REFUSED), {"kind", mta_kind_text(kind_of(e))},
                {"mts_id", identifier_text(a, e)},
                {"originator", e->type == P1_REPORT ? NULL : mta_orname_text(a, e->originator)},
                {"recipient", e->type == P1_REPORT  ? mta_orname_text(a, e->originator)
                              : e->n_recipients > 0 ? mta_orname_text(a, e->recipient[0].name)
                                                    : NULL},
                {"size", size}, {"priority", mta_priority_text(e->priority)}, {"peer", ad->a.from_peer},
                {"association", ad->a.association}, {"local", ad->a.local}, {"remote", ad->a.remote}, {"what", text});
}

static void finish(struct admitting *ad, int err, const char *text) {
    struct opened *o = ad->a.opened;
    if (err != ERR_OK && err != ERR_EXISTS)
        tell_refused(ad, text);
    if (err != ERR_OK && ad->a.content.file[0] != 0)
        mta_content_delete(ad->m, &ad->a.content);
    if (ad->a.done != NULL)
        ad->a.done(ad->a.arg, err, ad->mts_id, text);
    mem_free(ad);
    opened_unref(o);
}

// The visits that make a loop: this MTA in the internal trace, or this domain in the trace with another one after it. A
// return after rerouting, redirection or list expansion is none.
//
// P1 of 1984 has no internal trace: there each arrival from an MTA of the own domain adds an element to the trace, and
// too many of them in a row are a loop.
static const char *find_loop(const struct mta *m, struct arena *a, const struct p1_envelope *e) {
    size_t n = e->trace.n;
    while (n > 0 && trace_domain_equal(e->trace.element[n - 1].domain, m->domain))
        n--;
    if (e->trace.n - n > WITHIN_DOMAIN_MAX)
        return "the trace has this domain too many times in a row";
    struct trace internal = {0};
    const char *name = m->conf->mta.name;
    if (p1_internal_trace(a, &e->extensions, &internal) == ERR_OK) {
        const struct trace_element *last = trace_last_of(&internal, m->domain, name);
        if (last != NULL && last->routing == TRACE_RELAYED && last->other_actions.set == 0)
            return "the internal trace has this MTA";
    }
    const struct trace_element *last = trace_last_of(&e->trace, m->domain, NULL);
    if (trace_visits(&e->trace, m->domain, NULL) > 0 && last != NULL && last->routing == TRACE_RELAYED &&
        last->other_actions.set == 0)
        return "the trace has this domain, and others after it";
    return NULL;
}

static int add_trace(struct mta *m, struct arena *a, struct p1_envelope *e, bool p1_1984) {
    struct trace_element t = mta_trace_element(m, clock_utc_ms() / 1000);
    int r = p1_1984 ? trace_append(a, &e->trace, &t) : trace_add(a, &e->trace, &t, false);
    if (r != ERR_OK)
        return r;
    t.mta_name = bytes_str(m->conf->mta.name);
    return p1_internal_trace_add(a, &e->extensions, &t);
}

static int fingerprint(struct admitting *ad) {
    struct buf b = {0};
    int r = p1_fingerprint(&b, ad->a.opened->env);
    if (r == ERR_OK) {
        digest_sha256(ad->a.opened->env->identifier, ad->identifier);
        digest_sha256(buf_bytes(&b), ad->fingerprint);
    }
    buf_free(&b);
    return r;
}

// The length of the content, or of the one that a probe asks about.
static uint64_t length_of(const struct p1_envelope *e, const struct content_ref *content) {
    return e->type == P1_PROBE && e->has_content_length ? (uint64_t)e->content_length : content->length;
}

// Where one recipient goes, or why it cannot. f is filled when it cannot.
static const char *route_one(struct mta *m, struct arena *a, struct bytes name, uint64_t length,
                             const char **address_text, const char **key, struct fate *f) {
    struct or_address address;
    const char *why = "";
    *f = (struct fate){.state = SPOOL_RCPT_FAILED, .reason = CODE_UNABLE_TO_TRANSFER, .diagnostic = -1};
    if (or_name_decode(a, name, &address, &why) != ERR_OK) {
        *address_text = "(unreadable)";
        *key = "";
        f->diagnostic = CODE_UNRECOGNISED_OR_NAME;
        f->text = why;
        return NULL;
    }
    *address_text = or_address_print(a, &address, OR_SLASH);
    *key = or_address_canonical(a, &address);
    struct route r = route_find(m->conf, &address);
    if (r.kind == ROUTE_LOCAL)
        return arena_printf(a, HOP_DIRECTORY "%s", r.deliver->directory);
    if (r.kind == ROUTE_NONE) {
        f->diagnostic = CODE_UNRECOGNISED_OR_NAME;
        f->text = "no route and no delivery matches this address";
        return NULL;
    }
    if (r.peer->size_limit != 0 && length > r.peer->size_limit) {
        f->diagnostic = CODE_CONTENT_TOO_LONG;
        f->text = arena_printf(a, "the content is longer than %s takes", r.peer->name);
        return NULL;
    }
    return r.peer->name;
}

// A verdict on all recipients alike, or NULL.
static const char *verdict_on_all(struct admitting *ad, const char *loop, struct fate *f) {
    const struct p1_envelope *e = ad->a.opened->env;
    *f = (struct fate){.state = SPOOL_RCPT_FAILED, .reason = CODE_UNABLE_TO_TRANSFER, .diagnostic = -1};
    if (loop != NULL) {
        f->diagnostic = CODE_LOOP_DETECTED;
        return loop;
    }
    if (ad->a.too_long) {
        f->diagnostic = CODE_CONTENT_TOO_LONG;
        return "the content is longer than is taken from this peer";
    }
    const struct p1_extension *x = p1_extension_unsupported(&e->extensions, P1_FOR_TRANSFER);
    if (x == NULL)
        return NULL;
    f->diagnostic = CODE_UNSUPPORTED_CRITICAL_FUNCTION;
    struct buf b = {0};
    const char *text = "a critical extension is not supported";
    if (p1_extension_name(&b, x) == ERR_OK && buf_cstr(&b) != NULL)
        text = arena_printf(&ad->a.opened->arena, "critical extension %s is not supported", buf_cstr(&b));
    buf_free(&b);
    return text;
}

// Fills in the recipients for the spool; those that cannot go on get a fate.
static int route_all(struct admitting *ad, struct spool_message *sm, const char *loop) {
    struct p1_envelope *e = ad->a.opened->env;
    struct arena *a = &ad->a.opened->arena;
    size_t n = e->type == P1_REPORT ? 1 : e->n_recipients;
    uint64_t length = length_of(e, &ad->a.content);
    struct fate for_all;
    const char *all = verdict_on_all(ad, loop, &for_all);
    sm->recipients = arena_array(a, n, sizeof *sm->recipients);
    ad->fates = arena_array(a, n, sizeof *ad->fates);
    if (sm->recipients == NULL || ad->fates == NULL)
        return ERR_NOMEM;
    sm->n_recipients = n;
    for (size_t k = 0; k < n; k++) {
        struct spool_recipient *r = &sm->recipients[k];
        struct bytes name = e->type == P1_REPORT ? e->originator : e->recipient[k].name;
        struct fate f;
        *r =
            (struct spool_recipient){.number = (uint32_t)k + 1, .reason = -1, .diagnostic = -1, .changed = sm->arrived};
        r->next_hop = route_one(ad->m, a, name, length, &r->address, &r->key, &f);
        if (r->address == NULL || r->key == NULL)
            return ERR_NOMEM;
        if (e->type != P1_REPORT && (e->recipient[k].indicators.set & P1_RESPONSIBILITY) == 0) {
            r->state = SPOOL_RCPT_NOT_RESPONSIBLE;
            r->next_hop = NULL;
            continue;
        }
        r->state = SPOOL_RCPT_WAITING;
        if (all != NULL) {
            f = for_all;
            f.text = all;
            r->next_hop = NULL;
        }
        f.rcpt = (uint32_t)k;
        if (r->next_hop == NULL)
            ad->fates[ad->n_fates++] = f;
    }
    return ERR_OK;
}

static int describe(struct mta *m, struct opened *o, const struct admission *ad, struct spool_message *sm,
                    struct buf *head) {
    const struct p1_envelope *e = o->env;
    *sm = (struct spool_message){.id = spool_new_id(m->spool),
                                 .kind = kind_of(e),
                                 .priority = (enum spool_priority)e->priority,
                                 .from_peer = ad->from_peer,
                                 .from_uid = ad->uid,
                                 .content = ad->content,
                                 .arrived = clock_utc_ms()};
    sm->mts_id = identifier_text(&o->arena, e);
    sm->originator = e->type == P1_REPORT ? NULL : mta_orname_text(&o->arena, e->originator);
    struct buf b = {0};
    if (p1_print_content_type(&b, &e->content_type) == ERR_OK && buf_cstr(&b) != NULL)
        sm->content_type = arena_strdup(&o->arena, buf_cstr(&b));
    buf_free(&b);
    sm->expires = sm->arrived + (int64_t)m->conf->mta.expiry_ms[e->priority];
    if (e->deferred.present && e->deferred.seconds * 1000 > sm->arrived) {
        sm->deferred = e->deferred.seconds * 1000;
        sm->expires += sm->deferred - sm->arrived;
    }
    int r = p1_encode(head, e);
    sm->envelope = buf_bytes(head);
    return r;
}

static void log_origin(const struct admitting *ad, enum mta_event ev, const char *what) {
    struct way way = {.peer = ad->a.from_peer,
                      .association = ad->a.association,
                      .local = ad->a.local,
                      .remote = ad->a.remote,
                      .queue_ms = -1,
                      .association_ms = -1,
                      .transfer_ms = -1,
                      .ack_ms = -1};
    msglog(ad->m, ev, ad->item, NULL, &way, what);
}

static void on_committed(void *arg, const struct spool_result *r) {
    struct admitting *ad = arg;
    struct mta *m = ad->m;
    if (r->err == ERR_EXISTS) {
        EVENT_RAISE(m->events, mta_event(EV_DUPLICATE), {"peer", ad->a.from_peer}, {"mts_id", ad->mts_id});
        item_free(ad->item);
        finish(ad, ERR_EXISTS, "taken before");
        return;
    }
    if (r->err != ERR_OK) {
        EVENT_RAISE(m->events, mta_event(EV_SPOOL_ERROR), {"what", r->text});
        item_free(ad->item);
        finish(ad, r->err, r->text);
        return;
    }
    log_origin(ad, EV_ACCEPTED, NULL);
    struct item *item = ad->item;
    queue_add(m->queue, item);
    struct opened *o = opened_ref(ad->a.opened);
    if (ad->n_fates > 0)
        settle(m, item, NULL, o, ad->fates, ad->n_fates, NULL, NULL, NULL);
    else if (item->n_open == 0)
        settle(m, item, NULL, o, NULL, 0, NULL, NULL, NULL); // nothing here is ours: only kept for `show`
    opened_unref(o);
    finish(ad, ERR_OK, NULL);
}

static int prepare(struct admitting *ad, struct spool_batch *b, struct buf *head) {
    struct mta *m = ad->m;
    struct p1_envelope *e = ad->a.opened->env;
    struct arena *a = &ad->a.opened->arena;
    const char *loop = ad->a.from_peer == NULL ? NULL : find_loop(m, a, e);
    int r = fingerprint(ad);
    if (r == ERR_OK)
        r = add_trace(m, a, e, ad->a.p1_1984);
    struct spool_message sm;
    if (r == ERR_OK)
        r = describe(m, ad->a.opened, &ad->a, &sm, head);
    if (r == ERR_OK)
        r = route_all(ad, &sm, loop);
    if (r != ERR_OK)
        return r;
    ad->mts_id = sm.mts_id;
    if (ad->a.from_peer != NULL && loop == NULL)
        spool_batch_duplicate(b, &(struct spool_duplicate){.peer = ad->a.from_peer,
                                                           .identifier = bytes_of(ad->identifier, DIGEST_SIZE),
                                                           .fingerprint = bytes_of(ad->fingerprint, DIGEST_SIZE),
                                                           .seen = sm.arrived,
                                                           .window = DUPLICATE_WINDOW_MS});
    spool_batch_message(b, &sm);
    if (ad->a.batch != NULL)
        ad->a.batch(ad->a.arg, b);
    if (loop != NULL)
        EVENT_RAISE(m->events, mta_event(EV_LOOP), {"peer", ad->a.from_peer}, {"mts_id", sm.mts_id}, {"what", loop});
    ad->item = item_new(&sm);
    return ad->item == NULL ? ERR_NOMEM : ERR_OK;
}

void admit(struct mta *m, const struct admission *a) {
    struct admitting *ad = mem_calloc(1, sizeof *ad);
    if (ad == NULL) {
        a->done(a->arg, ERR_NOMEM, NULL, "memory is short");
        opened_unref(a->opened);
        return;
    }
    *ad = (struct admitting){.m = m, .a = *a};
    if (m->no_space) {
        finish(ad, ERR_BUSY, "free space is below its reserve");
        return;
    }
    struct buf head = {0};
    struct spool_batch *b = spool_batch_new(m->spool);
    int r = b == NULL ? ERR_NOMEM : prepare(ad, b, &head);
    if (r == ERR_OK) {
        r = spool_commit(b, on_committed, ad);
        b = NULL;
    }
    buf_free(&head);
    if (r == ERR_OK)
        return;
    if (b != NULL)
        spool_batch_free(b);
    item_free(ad->item);
    finish(ad, r, err_text(r));
}

int admit_report(struct mta *m, struct opened *report, const struct content_ref *returned, struct spool_batch *b,
                 struct item **item) {
    struct admitting ad = {.m = m, .a = {.opened = report, .uid = -1}};
    if (returned != NULL)
        ad.a.content = *returned;
    struct buf head = {0};
    struct spool_message sm;
    *item = NULL;
    int r = add_trace(m, &report->arena, report->env, false);
    if (r == ERR_OK)
        r = describe(m, report, &ad.a, &sm, &head);
    if (r == ERR_OK)
        r = route_all(&ad, &sm, NULL);
    if (r == ERR_OK && ad.n_fates > 0) {
        EVENT_RAISE(m->events, mta_event(EV_NO_REPORT), {"mts_id", sm.mts_id}, {"recipient", sm.recipients[0].address},
                    {"what", ad.fates[0].text});
        r = ERR_ABSENT;
    } else if (r == ERR_OK && (*item = item_new(&sm)) == NULL)
        r = ERR_NOMEM;
    else if (r == ERR_OK)
        spool_batch_message(b, &sm);
    buf_free(&head);
    return r;
}

// ---- routing again ----

struct rerouting {
    struct mta *m;
    int64_t id;
};

static void on_reroute(void *arg, int err, const struct spool_message *sm) {
    struct rerouting *rr = arg;
    struct mta *m = rr->m;
    struct item *i = queue_find(m->queue, rr->id);
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)rr->id);
    mem_free(rr);
    struct p1_fault fault = {""};
    struct opened *o = err != ERR_OK || i == NULL ? NULL : opened_new(sm->envelope, &fault);
    if (o == NULL) {
        EVENT_RAISE(m->events, mta_event(EV_SPOOL_DAMAGED), {"what", err != ERR_OK ? err_text(err) : fault.text},
                    {"message", id});
        return;
    }
    uint64_t length = length_of(o->env, &i->content);
    struct fate *fates = arena_array(&o->arena, i->n_rcpts, sizeof *fates);
    size_t n = 0;
    for (size_t k = 0; k < i->n_rcpts && fates != NULL; k++) {
        struct item_recipient *r = &i->rcpt[k];
        if (r->state != SPOOL_RCPT_WAITING || r->hop != NULL)
            continue;
        bool report = o->env->type == P1_REPORT;
        const char *address, *key;
        struct fate f;
        const char *hop = route_one(m, &o->arena, report ? o->env->originator : o->env->recipient[k].name, length,
                                    &address, &key, &f);
        f.rcpt = (uint32_t)k;
        if (hop == NULL)
            fates[n++] = f;
        else
            r->hop = mem_strdup(hop);
    }
    if (n < i->n_open)
        queue_add(m->queue, i);
    if (n > 0)
        settle(m, i, NULL, o, fates, n, NULL, NULL, NULL);
    opened_unref(o);
}

static void reroute(struct mta *m, struct item *i) {
    struct rerouting *rr = mem_calloc(1, sizeof *rr);
    if (rr == NULL)
        return;
    *rr = (struct rerouting){m, i->id};
    if (spool_fetch(m->spool, i->id, on_reroute, rr) != ERR_OK)
        mem_free(rr);
}

static bool hop_known(const struct mta *m, const char *hop) {
    if (!hop_name_local(hop))
        return conf_peer_find(m->conf, hop) != NULL;
    for (size_t k = 0; k < m->conf->n_delivers; k++)
        if (strcmp(m->conf->delivers[k].directory, hop + sizeof HOP_DIRECTORY - 1) == 0)
            return true;
    return false;
}

void admit_reroute_lost(struct mta *m) {
    for (struct hop *h = queue_hops(m->queue); h != NULL; h = LIST_NEXT(h, link))
        if (!hop_known(m, h->name))
            queue_unroute(m->queue, h);
    for (struct item *i = queue_first(m->queue), *next; i != NULL; i = next) {
        next = TAILQ_NEXT(i, link);
        bool lost = false;
        for (size_t k = 0; k < i->n_rcpts; k++)
            lost |= i->rcpt[k].state == SPOOL_RCPT_WAITING && i->rcpt[k].hop == NULL;
        if (lost)
            reroute(m, i);
        else if (i->n_open == 0 && i->settling == 0)
            settle(m, i, NULL, NULL, NULL, 0, NULL, NULL, NULL);
    }
}
