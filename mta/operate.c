// SPDX-License-Identifier: BSD-2-Clause
// The commands that change something; each is an event with the caller's uid.
#include "mta/operate.h"

#include <stdio.h>
#include <string.h>

#include "mta/amgr.h"
#include "mta/amgr_stacks.h"
#include "mta/codes.h"
#include "mta/resume_out.h"
#include "mta/settle.h"
#include "x400/p1_names.h"

// Every item of the queue is compared with the criteria while the loop waits: they are not of any length.
enum { IDS_MAX = 1000, CRITERION_MAX = 1024 };

static bool reasonable(const struct selection *s) {
    const char *texts[] = {s->peer, s->from, s->to, s->priority};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (texts[k] != NULL && strlen(texts[k]) > CRITERION_MAX)
            return false;
    return json_array_size(s->ids) <= IDS_MAX;
}

bool selection_read(struct request *r, struct selection *s) {
    const json_t *ids = json_object_get(r->in, "ids");
    int64_t older = request_number(r, "older_s", 0);
    *s = (struct selection){.ids = json_is_array(ids) ? ids : NULL,
                            .peer = request_text(r, "peer"),
                            .from = request_text(r, "from"),
                            .to = request_text(r, "to"),
                            .priority = request_text(r, "priority"),
                            .arrived_before = older > 0 ? clock_utc_ms() - older * 1000 : 0,
                            .all = request_flag(r, "all")};
    if (reasonable(s))
        return true;
    reply_error(r, "name at most %d messages at a time, and criteria of at most %d characters", IDS_MAX, CRITERION_MAX);
    return false;
}

static bool listed(const json_t *ids, const struct item *i) {
    size_t k;
    const json_t *one;
    json_array_foreach((json_t *)ids, k, one) {
        if (json_is_integer(one) ? json_integer_value(one) == i->id
                                 : json_is_string(one) && strcmp(json_string_value(one), i->mts_id) == 0)
            return true;
    }
    return false;
}

static bool goes_to(const struct item *i, const char *peer, const char *to) {
    for (size_t k = 0; k < i->n_rcpts; k++) {
        const struct item_recipient *x = &i->rcpt[k];
        if (x->state < SPOOL_RCPT_FINAL && (peer == NULL || (x->hop != NULL && strcmp(x->hop, peer) == 0)) &&
            (to == NULL || strcasestr(x->address, to) != NULL))
            return true;
    }
    return false;
}

bool selection_has(const struct selection *s, const struct item *i) {
    if (s->ids != NULL && !listed(s->ids, i))
        return false;
    if (s->from != NULL && (i->originator == NULL || strcasestr(i->originator, s->from) == NULL))
        return false;
    if (s->priority != NULL && strcmp(s->priority, mta_priority_text(i->priority)) != 0)
        return false;
    if (s->arrived_before != 0 && i->arrived >= s->arrived_before)
        return false;
    return (s->peer == NULL && s->to == NULL) || goes_to(i, s->peer, s->to);
}

static bool selection_empty(const struct selection *s) {
    return s->ids == NULL && s->peer == NULL && s->from == NULL && s->to == NULL && s->priority == NULL &&
           s->arrived_before == 0 && !s->all;
}

static void on_held(void *arg, const struct spool_result *r) {
    struct mta *m = arg;
    if (r->err != ERR_OK)
        EVENT_RAISE(m->events, mta_event(EV_SPOOL_ERROR), {"what", r->text});
}

static bool hold(struct mta *m, struct item *i, bool held) {
    struct spool_batch *b = spool_batch_new(m->spool);
    if (b == NULL)
        return false;
    spool_batch_hold(b, i->id, held);
    if (spool_commit(b, on_held, m) != ERR_OK)
        return false;
    item_hold(m->queue, i, held);
    if (held)
        resume_out_cancel(i);
    return true;
}

// False: it is being transferred right now and cannot be touched, or the change could not be stored.
static bool act(struct mta *m, struct item *i, const char *action) {
    if (strcmp(action, "hold") == 0 || strcmp(action, "release") == 0)
        return hold(m, i, action[0] == 'h');
    if (strcmp(action, "retry") == 0)
        item_hasten(m->queue, i);
    else if (resume_out_cancel(i), item_busy(i))
        return false;
    else if (strcmp(action, "return") == 0)
        settle_item(m, i,
                    &(struct fate){.state = SPOOL_RCPT_FAILED,
                                   .reason = CODE_UNABLE_TO_TRANSFER,
                                   .diagnostic = CODE_UNABLE_TO_COMPLETE_TRANSFER,
                                   .text = "returned by the operator"});
    else
        settle_item(
            m, i,
            &(struct fate){
                .state = SPOOL_RCPT_DELETED, .reason = -1, .diagnostic = -1, .text = "deleted by the operator"});
    return true;
}

void queue_command(struct request *r) {
    static const char *const actions[] = {"hold", "release", "retry", "return", "delete"};
    const char *action = request_text(r, "action");
    struct selection s;
    int found = 0, done = 0;
    bool known = false, count = request_flag(r, "count");
    for (size_t k = 0; k < 5; k++)
        known |= action != NULL && strcmp(action, actions[k]) == 0;
    if (!known) {
        reply_error(r, "action is hold, release, retry, return or delete");
        return;
    }
    if (!selection_read(r, &s))
        return;
    if (selection_empty(&s)) {
        reply_error(r, "say which messages: identifiers, or criteria, or all");
        return;
    }
    for (struct item *i = queue_first(r->m->queue), *next; i != NULL; i = next) {
        next = TAILQ_NEXT(i, link);
        if (!selection_has(&s, i))
            continue;
        found++;
        if (!count)
            done += act(r->m, i, action);
    }
    if (!count)
        operator_event(r, "queue %s: %d of %d messages", action, done, found);
    reply(r, json_pack("{s:i, s:i}", "found", found, "done", done));
}

// True: no call to this peer can be made now; that was the answer, and why. It is called as soon as it can be.
static bool cannot_call(struct request *r, struct peer *p) {
    char why[ASSOC_TEXT];
    if (p->conf == NULL)
        reply_error(r, "peer %s is not configured any more", p->name);
    else if (p->disabled)
        reply_error(r, "peer %s is disabled: `x400 peer %s enable` first", p->name, p->name);
    else if (p->conf->n_connect == 0)
        reply_error(r, "peer %s has no `connect` in its block: it calls us", p->name);
    else if (!peer_has_stack(p, why))
        reply_error(r, "peer %s is not called, none of its stacks can call: %s", p->name, why);
    else
        return false;
    return true;
}

void peer_command(struct request *r) {
    const char *name = request_text(r, "name"), *action = request_text(r, "action");
    struct peer *p = name == NULL ? NULL : amgr_peer(r->m->amgr, name);
    if (p == NULL || action == NULL) {
        reply_error(r, "there is no peer \"%s\"", name == NULL ? "" : name);
        return;
    }
    if (strcmp(action, "enable") == 0)
        peer_enable(p, true);
    else if (strcmp(action, "disable") == 0)
        peer_enable(p, false);
    else if (strcmp(action, "connect") == 0) {
        if (cannot_call(r, p))
            return;
        peer_connect(p);
    } else if (strcmp(action, "disconnect") == 0)
        peer_disconnect(p);
    else {
        reply_error(r, "action is enable, disable, connect or disconnect");
        return;
    }
    operator_event(r, "peer %s %s", name, action);
    reply(r, json_object());
}

void reload_command(struct request *r) {
    struct buf text = {0};
    bool dry = request_flag(r, "dry_run");
    int err = mta_reload(r->m, dry, &text);
    const char *s = buf_cstr(&text);
    if (!dry)
        operator_event(r, "reload: %s", err == ERR_OK ? "done" : "refused, the configuration has errors");
    if (err != ERR_OK)
        reply_error(r, "%s", s == NULL ? "memory is short" : s);
    else
        reply(r, json_pack("{s:s}", "changes", s == NULL ? "" : s));
    buf_free(&text);
}

// ---- stacks ----

static void on_stack_done(void *arg, const struct assoc_stack_status *st, const struct amgr_stack_ended *e,
                          const char *error) {
    struct request *r = arg;
    const char *name = request_text(r, "name");
    const struct conf_stack *follows = r->m->conf->mta.spool_follows;
    if (error != NULL) {
        reply_error(r, "stack %s: %s", name, error);
        return;
    }
    // Made active this moment: what held it was the spool that waited for just this, and is still to be looked at.
    bool first = st->reason == ASSOC_STACK_HELD && follows != NULL && strcmp(follows->name, name) == 0;
    reply(r, json_pack("{s:s, s:s, s:o, s:i, s:i}", "name", name, "state", assoc_stack_state_text(st->state), "why",
                       reply_text_or_null(first ? "its spool has to be opened first" : st->why), "released",
                       (int)e->released, "cut_off", (int)e->cut_off));
}

static void no_such_stack(struct request *r, const char *name) {
    char names[600] = "";
    const struct conf *c = r->m->conf;
    for (size_t k = 0, at = 0; k < c->n_stacks && at < sizeof names; k++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", k > 0 ? ", " : "", c->stacks[k].name);
    reply_error(r, "there is no stack \"%s\"; there %s: %s", name, c->n_stacks == 1 ? "is" : "are", names);
}

void stack_command(struct request *r) {
    const char *name = request_text(r, "name"), *action = request_text(r, "action");
    bool standby = action != NULL && strcmp(action, "standby") == 0;
    if (name == NULL || amgr_stack_find(r->m->stacks, name) == NULL)
        no_such_stack(r, name == NULL ? "" : name);
    else if (!standby && (action == NULL || strcmp(action, "active") != 0))
        reply_error(r, "action is active or standby");
    else {
        operator_event(r, "stack %s %s", name, action);
        amgr_stack_set(r->m->stacks, name, standby, on_stack_done, r);
    }
}
