// SPDX-License-Identifier: BSD-2-Clause
#include "mta/settle.h"

#include <stdio.h>

#include "base/digest.h"
#include "base/mem.h"
#include "mta/admit.h"
#include "mta/codes.h"
#include "mta/resume_out.h"
#include "x400/p1_names.h"
#include "x400/report.h"

enum {
    AGAIN_MS = 5000,    // after the store refused a commit
    REPORTING_MAX = 500 // envelopes in memory: a peer's whole queue may be returned at once
};

// The steps: mark (in memory, at once) → fetch the envelope when a report needs it → commit → tell and clean up.
struct settling {
    LIST_ENTRY(settling) link; // of m->settlings
    struct mta *m;
    struct item *item;
    struct arena arena; // of the fates and the way
    struct fate *fates;
    size_t n;
    struct way way;
    struct opened *opened;
    struct bytes inline_content; // to be returned; in opened's arena
    const char *half_sent;       // the peer for which a row says how far its transfer came; NULL: none
    bool finishes;               // this commit is the item's last
    struct item *report;
    char *report_id;
    struct loop_timer *again;
    struct settling *next; // in m->reports_waiting
    bool reporting;        // counted in m->n_reporting
    void (*done)(void *arg);
    void *arg;
};

static void number(char out[24], int64_t v) {
    if (v < 0)
        snprintf(out, 24, "-");
    else
        snprintf(out, 24, "%lld.%03lld", (long long)v / 1000, (long long)v % 1000);
}

void msglog(struct mta *m, enum mta_event e, const struct item *i, const struct item_recipient *r,
            const struct way *way, const char *what) {
    static const struct way none = {.queue_ms = -1, .association_ms = -1, .transfer_ms = -1, .ack_ms = -1};
    const struct way *w = way == NULL ? &none : way;
    char size[24], total[24], parts[4][24], delays[100], many[32];
    snprintf(size, sizeof size, "%llu", (unsigned long long)i->content.length);
    number(total, clock_utc_ms() - i->arrived);
    const int64_t part[] = {w->queue_ms, w->association_ms, w->transfer_ms, w->ack_ms};
    for (int k = 0; k < 4; k++)
        number(parts[k], part[k]);
    snprintf(delays, sizeof delays, "%s/%s/%s/%s", parts[0], parts[1], parts[2], parts[3]);
    snprintf(many, sizeof many, "(%zu recipients)", i->n_rcpts);
    const char *recipient = r != NULL ? r->address : i->n_rcpts == 1 ? i->rcpt[0].address : many;
    EVENT_RAISE(m->events, mta_event(e), {"kind", mta_kind_text(i->kind)}, {"mts_id", i->mts_id},
                {"originator", i->originator}, {"recipient", recipient}, {"size", size},
                {"priority", mta_priority_text(i->priority)}, {"peer", w->peer}, {"association", w->association},
                {"local", w->local}, {"remote", w->remote}, {"delay", total}, {"delays", delays}, {"what", what});
}

static void fetch(struct settling *s);

static void release(struct settling *s) {
    LIST_REMOVE(s, link);
    opened_unref(s->opened);
    loop_timer_free(s->again);
    mem_free(s->report_id);
    arena_free(&s->arena);
    mem_free(s);
}

static void settling_free(struct settling *s) {
    struct mta *m = s->m;
    struct settling *next = s->reporting ? m->reports_waiting : NULL;
    m->n_reporting -= s->reporting;
    if (next != NULL && (m->reports_waiting = next->next) == NULL)
        m->reports_last = NULL;
    release(s);
    if (next != NULL)
        fetch(next);
}

static bool reportable(const struct settling *s) {
    if (s->item->kind == SPOOL_REPORT)
        return false;
    for (size_t k = 0; k < s->n; k++)
        if (s->fates[k].state == SPOOL_RCPT_DELIVERED || s->fates[k].state == SPOOL_RCPT_FAILED)
            return true;
    return false;
}

static void log_fates(struct settling *s) {
    for (size_t k = 0; k < s->n; k++) {
        const struct fate *f = &s->fates[k];
        const struct item_recipient *r = &s->item->rcpt[f->rcpt];
        if (f->state == SPOOL_RCPT_TRANSFERRED)
            msglog(s->m, EV_TRANSFERRED, s->item, r, &s->way, f->text);
        else if (f->state == SPOOL_RCPT_DELIVERED && (f->intent || s->item->kind != SPOOL_REPORT))
            msglog(s->m, EV_DELIVERED, s->item, r, &s->way, f->text);
        if (f->state != SPOOL_RCPT_FAILED)
            continue;
        const char *reason = p1_reason_name(f->reason), *diagnostic = p1_diagnostic_name(f->diagnostic);
        if (s->item->kind == SPOOL_REPORT)
            EVENT_RAISE(s->m->events, mta_event(EV_NO_REPORT), {"mts_id", s->item->mts_id}, {"recipient", r->address},
                        {"what", f->text});
        else
            EVENT_RAISE(s->m->events, mta_event(EV_NON_DELIVERY), {"mts_id", s->item->mts_id},
                        {"recipient", r->address}, {"reason", reason}, {"diagnostic", diagnostic}, {"what", f->text});
    }
    if (s->report != NULL)
        EVENT_RAISE(s->m->events, mta_event(EV_REPORTED), {"kind", mta_kind_text(s->item->kind)},
                    {"mts_id", s->item->mts_id}, {"originator", s->item->originator},
                    {"recipient", s->item->rcpt[s->fates[0].rcpt].address},
                    {"priority", mta_priority_text(s->item->priority)}, {"report", s->report_id},
                    {"what", s->fates[0].state == SPOOL_RCPT_DELIVERED ? "delivery" : "non-delivery"});
}

static void commit(struct settling *s);

static void on_again(void *arg) {
    commit(arg);
}

static void try_again(struct settling *s, const char *why) {
    EVENT_RAISE(s->m->events, mta_event(EV_SPOOL_ERROR), {"what", why});
    item_free(s->report);
    s->report = NULL;
    if (s->again == NULL)
        s->again = loop_timer_new(s->m->loop, on_again, s);
    if (s->again != NULL)
        loop_timer_in(s->again, AGAIN_MS);
}

static void on_committed(void *arg, const struct spool_result *r) {
    struct settling *s = arg;
    struct mta *m = s->m;
    struct item *i = s->item;
    if (r->err == ERR_ABSENT) { // its rows are gone: nothing can be committed about it any more
        EVENT_RAISE(m->events, mta_event(EV_SPOOL_DAMAGED), {"what", "a message is in the queue but not in the spool"},
                    {"message", i->mts_id});
        item_free(s->report);
        if (--i->settling == 0)
            queue_remove(m->queue, i);
        if (s->done != NULL)
            s->done(s->arg);
        settling_free(s);
        return;
    }
    if (r->err != ERR_OK) {
        try_again(s, r->text);
        return;
    }
    log_fates(s);
    if (s->report != NULL)
        queue_add(m->queue, s->report);
    i->settling--;
    if (s->finishes) {
        if (i->content.file[0] != 0)
            mta_content_delete(m, &i->content);
        queue_remove(m->queue, i);
    } else if (i->n_open == 0 && i->settling == 0)
        settle(m, i, NULL, NULL, NULL, 0, NULL, NULL, NULL); // another one's fates were committed after its own
    if (s->done != NULL)
        s->done(s->arg);
    settling_free(s);
}

// Adds the report that the fates call for. ERR_ABSENT: nobody wants one.
static int add_report(struct settling *s, struct spool_batch *b) {
    struct opened *report = opened_empty();
    struct report_item *items = mem_calloc(s->n, sizeof *items);
    size_t n = 0;
    int r = report == NULL || items == NULL ? ERR_NOMEM : ERR_OK;
    for (size_t k = 0; k < s->n && r == ERR_OK; k++) {
        const struct fate *f = &s->fates[k];
        if (f->state != SPOOL_RCPT_DELIVERED && f->state != SPOOL_RCPT_FAILED)
            continue;
        items[n++] =
            (struct report_item){.recipient = f->rcpt,
                                 .fate = {.delivered = f->state == SPOOL_RCPT_DELIVERED,
                                          .delivery_time = p1_time_of(f->when != 0 ? f->when : clock_utc_ms() / 1000),
                                          .reason = f->reason,
                                          .diagnostic = f->diagnostic},
                                 .supplementary = f->state == SPOOL_RCPT_FAILED ? f->text : NULL};
    }
    if (r == ERR_OK) {
        struct report_maker maker = {.identifier = mta_identifier(s->m, &report->arena),
                                     .domain = s->m->domain,
                                     .mta_name = s->m->conf->mta.name,
                                     .arrival = s->item->arrived / 1000,
                                     .now = clock_utc_ms() / 1000};
        r = maker.identifier.p == NULL ? ERR_NOMEM
                                       : report_make(&report->arena, s->opened->env, &maker, items, n, &report->env);
    }
    if (r == ERR_OK) {
        struct content_ref returned = {.octets = s->inline_content, .length = s->inline_content.n};
        bool with_content = s->inline_content.n > 0 && report_returns_content(report->env, s->opened->env);
        if (with_content)
            digest_sha256(returned.octets, returned.sum);
        r = admit_report(s->m, report, with_content ? &returned : NULL, b, &s->report);
        mem_free(s->report_id);
        s->report_id = s->report == NULL ? NULL : mem_strdup(s->report->mts_id);
    }
    mem_free(items);
    opened_unref(report);
    return r;
}

static void commit(struct settling *s) {
    struct spool_batch *b = spool_batch_new(s->m->spool);
    if (b == NULL) {
        try_again(s, err_text(ERR_NOMEM));
        return;
    }
    int64_t now = clock_utc_ms();
    for (size_t k = 0; k < s->n; k++) {
        const struct fate *f = &s->fates[k];
        const struct item_recipient *r = &s->item->rcpt[f->rcpt];
        spool_batch_recipient(b, s->item->id,
                              &(struct spool_recipient){.number = r->number,
                                                        .state = f->state,
                                                        .next_hop = r->hop,
                                                        .reason = f->reason,
                                                        .diagnostic = f->diagnostic,
                                                        .attempts = r->attempts,
                                                        .changed = now,
                                                        .last_error = f->text});
        if (f->intent)
            spool_batch_delivered(b, s->item->id, r->number);
    }
    int r = s->opened != NULL && reportable(s) ? add_report(s, b) : ERR_OK;
    if (r != ERR_OK && r != ERR_ABSENT) {
        spool_batch_free(b);
        try_again(s, err_text(r));
        return;
    }
    if (s->half_sent != NULL)
        resume_out_settled(b, s->half_sent, s->item->id);
    s->finishes = s->item->n_open == 0 && s->item->settling == 1;
    if (s->finishes)
        spool_batch_finish(b, s->item->id, now);
    if ((r = spool_commit(b, on_committed, s)) != ERR_OK)
        try_again(s, err_text(r));
}

static void on_fetched(void *arg, int err, const struct spool_message *sm) {
    struct settling *s = arg;
    struct p1_fault fault = {""};
    struct opened *o = err == ERR_OK ? opened_new(sm->envelope, &fault) : NULL;
    if (o == NULL) // the fates are still committed: nothing would get better by waiting
        EVENT_RAISE(s->m->events, mta_event(EV_SPOOL_DAMAGED), {"what", err != ERR_OK ? err_text(err) : fault.text},
                    {"message", s->item->mts_id});
    else
        s->inline_content = arena_bytes(&o->arena, sm->content.octets);
    if (o != NULL) {
        opened_unref(s->opened);
        s->opened = o;
    }
    commit(s);
}

static void fetch(struct settling *s) {
    s->reporting = true;
    s->m->n_reporting++;
    if (spool_fetch(s->m->spool, s->item->id, on_fetched, s) != ERR_OK)
        commit(s);
}

static void fetch_in_turn(struct settling *s) {
    struct mta *m = s->m;
    if (m->n_reporting < REPORTING_MAX) {
        fetch(s);
        return;
    }
    *(m->reports_last == NULL ? &m->reports_waiting : &m->reports_last->next) = s;
    m->reports_last = s;
}

// The content goes back with a non-delivery when that was asked for and it is small enough to stand in the message's
// row.
static bool wants_content(const struct settling *s) {
    if (s->opened != NULL && (s->opened->env->indicators.set & P1_CONTENT_RETURN_REQUEST) == 0)
        return false;
    if (s->item->kind != SPOOL_MESSAGE || s->item->content.file[0] != 0)
        return false;
    for (size_t k = 0; k < s->n; k++)
        if (s->fates[k].state == SPOOL_RCPT_FAILED)
            return true;
    return false;
}

static const char *keep_text(struct arena *a, const char *s) {
    return s == NULL ? NULL : arena_strdup(a, s);
}

void settle(struct mta *m, struct item *i, struct job *j, struct opened *opened, const struct fate *fates, size_t n,
            const struct way *way, void (*done)(void *arg), void *arg) {
    struct settling *s = mem_calloc(1, sizeof *s);
    struct fate *kept = s == NULL ? NULL : arena_array(&s->arena, n, sizeof *kept);
    i->settling++;
    if (kept == NULL) { // the recipients stay as they are in the spool, and are taken up again at the next start
        mem_free(s);
        return;
    }
    LIST_INSERT_HEAD(&m->settlings, s, link);
    s->m = m, s->item = i, s->n = n, s->fates = kept;
    s->opened = opened_ref(opened);
    s->done = done, s->arg = arg;
    if (way != NULL) {
        s->way = *way;
        s->way.peer = keep_text(&s->arena, way->peer);
        s->way.association = keep_text(&s->arena, way->association);
        s->way.local = keep_text(&s->arena, way->local);
        s->way.remote = keep_text(&s->arena, way->remote);
    } else
        s->way = (struct way){.queue_ms = -1, .association_ms = -1, .transfer_ms = -1, .ack_ms = -1};
    for (size_t k = 0; k < n; k++) {
        s->fates[k] = fates[k];
        s->fates[k].text = keep_text(&s->arena, fates[k].text);
        struct item_recipient *r = &i->rcpt[fates[k].rcpt];
        if (r->state < SPOOL_RCPT_FINAL)
            i->n_open--;
        r->state = fates[k].state;
        r->reason = fates[k].reason;
        r->diagnostic = fates[k].diagnostic;
    }
    if (j != NULL && resume_out_has_row(j))
        s->half_sent = keep_text(&s->arena, j->hop->name);
    if (j != NULL)
        job_done(m->queue, j);
    if (reportable(s) && (s->opened == NULL || wants_content(s)))
        fetch_in_turn(s);
    else
        commit(s);
}

void settle_job(struct mta *m, struct job *j, struct opened *opened, const struct fate *all, const struct way *way,
                void (*done)(void *arg), void *arg) {
    struct fate *fates = mem_calloc(j->n, sizeof *fates);
    if (fates == NULL) {
        job_retry(m->queue, j, AGAIN_MS);
        return;
    }
    for (size_t k = 0; k < j->n; k++) {
        fates[k] = *all;
        fates[k].rcpt = j->rcpt[k];
    }
    settle(m, j->item, j, opened, fates, j->n, way, done, arg);
    mem_free(fates);
}

void settle_item(struct mta *m, struct item *i, const struct fate *all) {
    struct fate *fates = mem_calloc(i->n_rcpts, sizeof *fates);
    size_t n = 0;
    for (size_t k = 0; k < i->n_rcpts && fates != NULL; k++)
        if (i->rcpt[k].state < SPOOL_RCPT_FINAL) {
            fates[n] = *all;
            fates[n++].rcpt = (uint32_t)k;
        }
    if (fates == NULL)
        return;
    while (!TAILQ_EMPTY(&i->jobs))
        job_done(m->queue, TAILQ_FIRST(&i->jobs));
    settle(m, i, NULL, NULL, fates, n, NULL, NULL, NULL);
    mem_free(fates);
}

void settle_end(struct mta *m) {
    while (!LIST_EMPTY(&m->settlings)) {
        item_free(LIST_FIRST(&m->settlings)->report);
        release(LIST_FIRST(&m->settlings));
    }
    m->reports_waiting = m->reports_last = NULL;
    m->n_reporting = 0;
}

void settle_expired(struct mta *m, struct item *i) {
    settle_item(m, i,
                &(struct fate){.state = SPOOL_RCPT_FAILED,
                               .reason = CODE_UNABLE_TO_TRANSFER,
                               .diagnostic = CODE_MAXIMUM_TIME_EXPIRED,
                               .text = "the message is older than its priority allows"});
}
