// SPDX-License-Identifier: BSD-2-Clause
// Submission by a local user. The request names originator, recipients and what is wanted; the content comes as a
// descriptor of a file, which the file thread copies, so that its size costs no memory on either side.
//
//   {"v":1,"cmd":"submit","kind":"message","originator":"/C=GB/…/","recipients":[{"address":"…","report":"delivery"}],
//    "priority":"urgent","content_type":22,"eits":{"built_in":4,"external":["1.0.10021.7.1.0.6"]},"content_length":1234}
//   ← {"id":"[/PRMD=…/;…]","message":17}
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "mta/admit.h"
#include "mta/control.h"
#include "x400/mtsid.h"
#include "x400/oraddr.h"
#include "x400/p1_deviation.h"
#include "x400/p1_names.h"

struct submission {
    LIST_ENTRY(submission) link; // of m->submitting, while its content is being copied
    bool copying;
    struct request *r;
    struct opened *opened;
    struct content_writer *writer;
};

static void copied(struct submission *s) {
    if (s->copying)
        LIST_REMOVE(s, link);
    s->copying = false;
}

static void submission_free(struct submission *s) {
    copied(s);
    content_writer_free(s->writer);
    opened_unref(s->opened);
    mem_free(s);
}

static void on_admitted(void *arg, int err, const char *mts_id, const char *text) {
    struct submission *s = arg;
    if (err == ERR_OK)
        reply(s->r, json_pack("{s:s}", "id", mts_id));
    else if (err == ERR_BUSY)
        reply_error(s->r, "not taken now (%s); try again later", text);
    else
        reply_error(s->r, "not taken: %s", text);
    submission_free(s);
}

static void hand_over(struct submission *s, const struct content_ref *content) {
    struct admission a = {.opened = s->opened, .uid = (int64_t)s->r->uid, .done = on_admitted, .arg = s};
    if (content != NULL)
        a.content = *content;
    s->opened = NULL; // taken over
    admit(s->r->m, &a);
}

static void on_copied(void *user, int err, const struct content_ref *ref) {
    struct submission *s = user;
    copied(s);
    if (err == ERR_OK) {
        hand_over(s, ref);
        return;
    }
    reply_error(s->r,
                err == ERR_SHORT ? "the content's file is shorter than content_length"
                                 : "the content could not be stored: %s",
                err_text(err));
    submission_free(s);
}

// An address of the request as ORName. NULL and a text of what is wrong with it.
static struct bytes orname(struct arena *a, const char *text, char why[400]) {
    struct or_address address;
    struct or_error e;
    struct buf b = {0};
    struct bytes out = {0};
    if (text == NULL)
        snprintf(why, 400, "an address is missing");
    else if (or_address_parse(a, text, &address, &e) != ERR_OK)
        snprintf(why, 400, "the address %.150s is wrong at character %zu: %s", text, e.column, e.what);
    else if (or_address_check(&address) != NULL)
        snprintf(why, 400, "the address %.150s is not complete: %s", text, or_address_check(&address));
    else if (or_name_encode(&address, &b) != ERR_OK)
        snprintf(why, 400, "the address %.150s cannot be encoded", text);
    else
        out = arena_bytes(a, buf_bytes(&b));
    buf_free(&b);
    return out;
}

static int report_bits(const char *wanted) {
    if (wanted == NULL || strcmp(wanted, "non-delivery") == 0)
        return P1_MTA_NON_DELIVERY_REPORT | P1_ORIGINATOR_NON_DELIVERY_REPORT;
    if (strcmp(wanted, "none") == 0)
        return P1_MTA_NON_DELIVERY_REPORT; // X.411 wants one of the two bits of the originating MTA
    if (strcmp(wanted, "delivery") == 0)
        return P1_MTA_REPORT | P1_ORIGINATOR_REPORT;
    return -1;
}

static bool fill_recipients(const struct request *r, struct arena *a, struct p1_envelope *e, char why[400]) {
    const json_t *list = json_object_get(r->in, "recipients");
    size_t n = json_array_size(list);
    if (n == 0 || n > P1_UB_RECIPIENTS) {
        snprintf(why, 400, "there must be 1 to %d recipients, not %zu", P1_UB_RECIPIENTS, n);
        return false;
    }
    e->recipient = arena_array(a, n, sizeof *e->recipient);
    if (e->recipient == NULL) {
        snprintf(why, 400, "memory is short");
        return false;
    }
    e->n_recipients = n;
    for (size_t k = 0; k < n; k++) {
        const json_t *one = json_array_get(list, k);
        const char *report = json_string_value(json_object_get(one, "report"));
        int bits = report_bits(report);
        struct p1_recipient *p = &e->recipient[k];
        *p = (struct p1_recipient){.number = (int)k + 1, .explicit_conversion = P1_NO_CONVERSION};
        p->name = orname(a, json_string_value(json_object_get(one, "address")), why);
        if (bits < 0)
            snprintf(why, 400, "report is none, non-delivery or delivery, not \"%.40s\"", report);
        if (p->name.p == NULL || bits < 0)
            return false;
        p->indicators.set = P1_RESPONSIBILITY | (uint32_t)bits;
    }
    return true;
}

static bool fill_content(const struct request *r, struct arena *a, struct p1_envelope *e, char why[400]) {
    const json_t *eits = json_object_get(r->in, "eits"), *external = json_object_get(eits, "external");
    e->content_type = (struct p1_content_type){.present = true,
                                               .built_in = (int)request_number(r, "content_type", P1_CONTENT_IPM_1988)};
    if (e->content_type.built_in < 0 || e->content_type.built_in > P1_UB_CODES) {
        snprintf(why, 400, "content_type is a number from 0 to %d", P1_UB_CODES);
        return false;
    }
    if (eits == NULL)
        return true;
    e->original_eits.present = true;
    e->original_eits.built_in = (uint32_t)json_integer_value(json_object_get(eits, "built_in"));
    size_t n = json_array_size(external);
    e->original_eits.extended = arena_array(a, n, sizeof *e->original_eits.extended);
    for (size_t k = 0; k < n && e->original_eits.extended != NULL && k < P1_UB_EXTENDED_EITS; k++) {
        const char *oid = json_string_value(json_array_get(external, k));
        struct bytes value = oid == NULL ? (struct bytes){0} : p1_oid(a, oid);
        e->original_eits.extended[e->original_eits.n_extended++] = value;
        if (value.n == 0) {
            snprintf(why, 400, "an external encoded information type is no object identifier");
            return false;
        }
    }
    return true;
}

// What we originate keeps every bound and character set of X.411.
static bool conforms(struct opened *o, char why[400]) {
    struct p1_deviation *list;
    size_t n = 0;
    if (p1_deviations(&o->arena, o->env, 1, &list, &n) != ERR_OK)
        return false;
    if (n > 0)
        snprintf(why, 400, "%s: %s", list[0].field, list[0].reason);
    return n == 0;
}

static bool fill(struct request *r, struct opened *o, char why[400]) {
    struct arena *a = &o->arena;
    const char *kind = request_text(r, "kind"), *priority = request_text(r, "priority"),
               *identifier = request_text(r, "content_identifier");
    bool probe = kind != NULL && strcmp(kind, "probe") == 0;
    snprintf(why, 400, "memory is short");
    struct p1_envelope *e = o->env = p1_envelope_new(a, probe ? P1_PROBE : P1_MESSAGE);
    if (e == NULL || (e->identifier = mta_identifier(r->m, a)).p == NULL)
        return false;
    e->originator = orname(a, request_text(r, "originator"), why);
    if (e->originator.p == NULL || !fill_recipients(r, a, e, why) || !fill_content(r, a, e, why))
        return false;
    e->priority = priority == NULL ? P1_NORMAL : p1_priority_of(priority);
    if (e->priority < 0) {
        snprintf(why, 400, "priority is normal, non-urgent or urgent, not \"%.40s\"", priority);
        return false;
    }
    e->indicators.set = P1_ALTERNATE_RECIPIENT_ALLOWED |
                        (request_flag(r, "disclose") ? P1_DISCLOSURE_OF_OTHER_RECIPIENTS : 0) |
                        (request_flag(r, "return_content") ? P1_CONTENT_RETURN_REQUEST : 0);
    if (identifier != NULL)
        e->content_identifier = arena_bytes(a, bytes_of(identifier, strnlen(identifier, P1_UB_CONTENT_ID)));
    int64_t deferred = request_number(r, "deferred", 0);
    if (deferred > 0)
        e->deferred = p1_time_of(deferred);
    if (probe) {
        e->has_content_length = true;
        e->content_length = request_number(r, "content_length", 0);
    }
    snprintf(why, 400, "memory is short");
    return conforms(o, why);
}

void submit_command(struct request *r) {
    static const struct content_writer_user user = {.finished = on_copied};
    char why[400];
    struct stat st;
    struct submission *s = mem_calloc(1, sizeof *s);
    struct opened *o = opened_empty();
    if (s == NULL || o == NULL || !fill(r, o, why)) {
        opened_unref(o);
        mem_free(s);
        reply_error(r, "%s", s == NULL || o == NULL ? "memory is short" : why);
        return;
    }
    *s = (struct submission){.r = r, .opened = o, .copying = true};
    LIST_INSERT_HEAD(&r->m->submitting, s, link);
    if (r->m->stopping || r->m->no_space) {
        reply_error(r, r->m->stopping ? "the spool is being closed; try again later"
                                      : "free space is below its reserve; try again later");
        submission_free(s);
    } else if (o->env->type == P1_PROBE) {
        copied(s);
        hand_over(s, NULL);
    } else if (r->fd < 0 || fstat(r->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        reply_error(r, "a message needs the descriptor of a file with its content");
        submission_free(s);
    } else if ((s->writer = content_writer_new(r->m->submissions, &user, s)) == NULL ||
               content_writer_from_fd(s->writer, r->fd, 0, (uint64_t)request_number(r, "content_length", st.st_size)) !=
                   ERR_OK) {
        reply_error(r, "memory is short");
        submission_free(s);
    }
}

void submit_end(struct mta *m) {
    for (struct submission *s; (s = LIST_FIRST(&m->submitting)) != NULL;) {
        reply_error(s->r, "the spool was closed before the content was stored: not taken, try again later");
        submission_free(s);
    }
}
