// SPDX-License-Identifier: BSD-2-Clause
// One message, waiting or finished, as the spool has it; and the APDU itself.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "mta/control.h"
#include "mta/operate.h"
#include "mta/resume_out.h"
#include "x400/p1_names.h"

static const char *state_text(enum spool_rcpt_state s) {
    static const char *const names[] = {"waiting", "transferring", "delivering", "transferred", "delivered",
                                        "failed",  "redirected",   "expanded",   "deleted",     "another MTA's"};
    return names[s];
}

static json_t *show_one(const struct mta *mta, const struct spool_message *m) {
    json_t *recipients = json_array();
    const struct item *waiting = queue_find(mta->queue, m->id);
    for (size_t k = 0; k < m->n_recipients; k++) {
        const struct spool_recipient *x = &m->recipients[k];
        char half[80];
        const char *interrupted = waiting == NULL ? NULL : resume_out_text(waiting, k, half);
        json_array_append_new(
            recipients,
            json_pack("{s:i, s:o, s:s, s:o, s:i, s:I, s:o, s:o, s:o}", "number", (int)x->number, "address",
                      reply_text(x->address), "state", state_text(x->state), "next_hop", reply_text(x->next_hop),
                      "attempts", (int)x->attempts, "changed", (json_int_t)x->changed, "reason",
                      x->reason < 0 ? json_null() : reply_text(p1_reason_name(x->reason)), "diagnostic",
                      x->diagnostic < 0 ? json_null() : reply_text(p1_diagnostic_name(x->diagnostic)), "text",
                      reply_text(interrupted != NULL ? interrupted : x->last_error)));
    }
    return json_pack("{s:I, s:o, s:s, s:o, s:o, s:I, s:o, s:s, s:I, s:I, s:I, s:I, s:b, s:o}", "message",
                     (json_int_t)m->id, "id", reply_text(m->mts_id), "kind", mta_kind_text(m->kind), "originator",
                     reply_text(m->originator), "from", reply_text(m->from_peer), "uid", (json_int_t)m->from_uid,
                     "content_type", reply_text(m->content_type), "priority", mta_priority_text(m->priority), "size",
                     (json_int_t)m->content.length, "arrived", (json_int_t)m->arrived, "expires",
                     (json_int_t)m->expires, "finished", (json_int_t)m->finished, "held", (int)m->held, "recipients",
                     recipients);
}

static void on_page(void *arg, const struct spool_page *p) {
    struct request *r = arg;
    json_t *list = json_array();
    for (size_t k = 0; k < p->n; k++)
        json_array_append_new(list, show_one(r->m, &p->messages[k]));
    if (p->err != ERR_OK) {
        json_decref(list);
        reply_error(r, "the spool could not be read: %s", err_text(p->err));
    } else
        reply(r, json_pack("{s:o, s:I}", "messages", list, "next", (json_int_t)p->next));
}

static void on_fetched_one(void *arg, int err, const struct spool_message *m) {
    struct request *r = arg;
    if (err != ERR_OK)
        reply_error(r, err == ERR_ABSENT ? "there is no such message" : "the message could not be read: %s",
                    err_text(err));
    else
        reply(r, json_pack("{s:[o], s:i}", "messages", show_one(r->m, m), "next", 0));
}

static char *to_hex(struct bytes b) {
    static const char digits[] = "0123456789abcdef";
    char *s = mem_alloc(2 * b.n + 1);
    for (size_t k = 0; k < b.n && s != NULL; k++) {
        s[2 * k] = digits[b.p[k] >> 4];
        s[2 * k + 1] = digits[b.p[k] & 15];
    }
    if (s != NULL)
        s[2 * b.n] = 0;
    return s;
}

// {"head": hex of what comes before the content, "content": hex of a small content}; a large one comes as a descriptor.
static void on_fetched_raw(void *arg, int err, const struct spool_message *m) {
    struct request *r = arg;
    struct p1_fault fault = {""};
    if (err != ERR_OK || m->envelope.n == 0) {
        reply_error(r, err == ERR_OK       ? "the message is finished, its octets are no longer kept"
                       : err == ERR_ABSENT ? "there is no such message"
                                           : "the message cannot be read");
        return;
    }
    struct opened *o = opened_new(m->envelope, &fault);
    struct buf head = {0};
    uint64_t length = m->kind == SPOOL_PROBE || (m->kind == SPOOL_REPORT && m->content.length == 0) ? P1_NO_CONTENT
                                                                                                    : m->content.length;
    if (o == NULL || p1_apdu_header(&head, o->env, length, NULL) != ERR_OK)
        reply_error(r, "the envelope cannot be read: %s", fault.text);
    else {
        char path[sizeof "content/" + CONTENT_NAME];
        snprintf(path, sizeof path, "content/%s", m->content.file);
        int fd = m->content.file[0] == 0 ? -1 : openat(spool_dirfd(r->m->spool), path, O_RDONLY | O_CLOEXEC);
        char *h = to_hex(buf_bytes(&head)), *c = to_hex(m->content.octets);
        reply_fd(r, json_pack("{s:s, s:s}", "head", h == NULL ? "" : h, "content", c == NULL ? "" : c), fd);
        mem_free(h), mem_free(c);
    }
    buf_free(&head);
    opened_unref(o);
}

// By the number of the message, or by (a part of) the MTS identifier or other criteria.
void show_message_command(struct request *r) {
    bool raw = strcmp(request_text(r, "cmd"), "raw") == 0;
    int64_t id = request_number(r, "message", 0);
    int err;
    if (id > 0)
        err = spool_fetch(r->m->spool, id, raw ? on_fetched_raw : on_fetched_one, r);
    else if (raw) {
        reply_error(r, "raw needs the number of a message");
        return;
    } else {
        struct spool_filter f = {.after = request_number(r, "after", 0),
                                 .limit = (size_t)request_number(r, "limit", 100),
                                 .finished = true,
                                 .mts_id = request_text(r, "id"),
                                 .originator = request_text(r, "from"),
                                 .recipient = request_text(r, "to")};
        err = spool_list(r->m->spool, &f, on_page, r);
    }
    if (err != ERR_OK)
        reply_error(r, "%s", err_text(err));
}
