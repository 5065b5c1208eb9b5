// SPDX-License-Identifier: BSD-2-Clause
// Before anything is written: what of the envelope forbids a delivery (X.411: extensions that are critical for
// delivery, latest-delivery-time), and which recipients get an item.
#include <stdlib.h>

#include "base/mem.h"
#include "mta/codes.h"
#include "mta/local_internal.h"
#include "x400/report.h"

static void fail_for_extension(struct delivery *d, struct target *t, const struct p1_extension *x) {
    struct buf b = {0};
    t->state = TARGET_FAILED;
    t->diagnostic = CODE_UNSUPPORTED_CRITICAL_FUNCTION;
    t->why = "an extension that is critical for delivery is not supported";
    if (p1_extension_name(&b, x) == ERR_OK && buf_cstr(&b) != NULL) {
        const char *text =
            arena_printf(&d->opened->arena, "extension %s, critical for delivery, is not supported", buf_cstr(&b));
        t->why = text == NULL ? t->why : text;
    }
    buf_free(&b);
}

// What forbids the delivery of a message or probe. Reports are delivered whatever they carry: nobody could be told that
// they were not.
static void check(struct delivery *d, struct target *t) {
    const struct p1_envelope *e = d->opened->env;
    struct p1_time latest;
    const struct p1_extension *x = p1_extension_unsupported(&e->extensions, P1_FOR_DELIVERY);
    if (x == NULL)
        x = p1_extension_unsupported(&e->recipient[t->rcpt].extensions, P1_FOR_DELIVERY);
    if (x != NULL) {
        fail_for_extension(d, t, x);
        return;
    }
    if (e->type == P1_MESSAGE &&
        p1_extension_time(&d->opened->arena, &e->extensions, P1_EXT_LATEST_DELIVERY_TIME, &latest) == ERR_OK &&
        latest.seconds < d->facts.delivered) {
        t->state = TARGET_FAILED;
        t->diagnostic = CODE_MAXIMUM_TIME_EXPIRED;
        t->why = "the latest delivery time has passed";
    }
}

static bool wanted(const struct p1_envelope *e) {
    if (e->type != P1_REPORT)
        return e->type == P1_MESSAGE;
    for (size_t k = 0; k < e->n_recipients; k++)
        if (report_for_originator(&e->recipient[k]))
            return true;
    return false;
}

static int by_name(const void *a, const void *b) {
    const struct target *x = *(struct target *const *)a, *y = *(struct target *const *)b;
    int d = strcmp(x->name, y->name);
    return d != 0 ? d : x->rcpt < y->rcpt ? -1 : x->rcpt > y->rcpt;
}

// A recipient named twice gets one item.
static int find_twins(struct delivery *d) {
    struct target **sorted = mem_calloc(d->n, sizeof *sorted);
    if (sorted == NULL)
        return ERR_NOMEM;
    size_t n = 0;
    for (size_t k = 0; k < d->n; k++)
        if (d->target[k].state == TARGET_TO_WRITE)
            sorted[n++] = &d->target[k];
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t k = 1; k < n; k++)
        if (strcmp(sorted[k]->name, sorted[k - 1]->name) == 0)
            sorted[k]->state = TARGET_NOTHING;
    mem_free(sorted);
    return ERR_OK;
}

static int take_targets(struct delivery *d, const struct spool_message *sm) {
    const struct p1_envelope *e = d->opened->env;
    bool item = wanted(e);
    for (size_t k = 0; k < d->n; k++) {
        struct target *t = &d->target[k];
        *t = (struct target){.d = d, .rcpt = d->job->rcpt[k], .state = item ? TARGET_TO_WRITE : TARGET_NOTHING};
        if (t->rcpt >= sm->n_recipients || (e->type != P1_REPORT && t->rcpt >= e->n_recipients))
            return ERR_CORRUPT;
        t->number = sm->recipients[t->rcpt].number;
        if (e->type != P1_REPORT)
            check(d, t);
        if (t->state == TARGET_TO_WRITE && deliver_item_name(t->name, sm->mts_id, sm->recipients[t->rcpt].key) < 0)
            return ERR_NOMEM;
    }
    return find_twins(d);
}

static int take_facts(struct delivery *d, const struct spool_message *sm) {
    struct arena *a = &d->opened->arena;
    d->facts = (struct item_facts){.env = d->opened->env,
                                   .mts_id = arena_strdup(a, sm->mts_id == NULL ? "" : sm->mts_id),
                                   .content = sm->content,
                                   .spool_dirfd = file_thread_dirfd(d->thread),
                                   .dir = arena_strdup(a, delivery_directory(d)),
                                   .arrived = sm->arrived / 1000,
                                   .delivered = clock_utc_ms() / 1000};
    d->facts.content.octets = arena_bytes(a, sm->content.octets);
    return d->facts.mts_id == NULL || d->facts.dir == NULL || d->facts.content.octets.p == NULL ? ERR_NOMEM : ERR_OK;
}

int delivery_open(struct delivery *d, const struct spool_message *sm) {
    struct p1_fault fault = {""};
    d->opened = opened_new(sm->envelope, &fault);
    if (d->opened == NULL) {
        snprintf(d->what, sizeof d->what, "%s", fault.text);
        return ERR_CORRUPT;
    }
    int err = take_facts(d, sm);
    if (err == ERR_OK && (d->target = mem_calloc(d->job->n, sizeof *d->target)) == NULL)
        err = ERR_NOMEM;
    if (err == ERR_OK) {
        d->n = d->job->n;
        err = take_targets(d, sm);
    }
    return err;
}
