// SPDX-License-Identifier: BSD-2-Clause
// Interpersonal messages and notifications as a tree.
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/dump.h"
#include "cli/table.h"
#include "x400/ipm_stream.h"

struct dump_ipm {
    const struct dump *d;
    struct ipm_reader *reader;
    json_t *tree, *list; // list: what came, headings and parts in their order
    json_t *part;        // the one under way, owned by list
    struct buf text;     // of it, up to the limit
    uint64_t octets;     // of it in all
    uint64_t fed;
};

// ---- headings ----

static void put_descriptor(json_t *o, const char *key, const struct ipm_descriptor *x) {
    struct buf b = {0};
    if (x != NULL && ipm_descriptor_print(x, &b) == ERR_OK)
        dump_put_buf(o, key, &b);
    buf_free(&b);
}

static void put_id(json_t *o, const char *key, const struct ipm_id *id) {
    struct buf b = {0};
    if (id->local != NULL && ipm_id_print(id, &b) == ERR_OK)
        dump_put_buf(o, key, &b);
    buf_free(&b);
}

static void put_time(json_t *o, const char *key, int64_t t) {
    struct buf b = {0};
    if (t != 0 && ipm_time_print(t, &b) == ERR_OK)
        dump_put_buf(o, key, &b);
    buf_free(&b);
}

static void put_descriptors(json_t *o, const char *key, const struct ipm_descriptor *x, size_t n) {
    json_t *list = json_array();
    for (size_t k = 0; k < n; k++) {
        struct buf b = {0};
        if (ipm_descriptor_print(&x[k], &b) == ERR_OK)
            json_array_append_new(list, dump_bytes(buf_bytes(&b)));
        buf_free(&b);
    }
    dump_put_list(o, key, list);
}

static void put_ids(json_t *o, const char *key, const struct ipm_id *x, size_t n) {
    json_t *list = json_array();
    for (size_t k = 0; k < n; k++) {
        struct buf b = {0};
        if (ipm_id_print(&x[k], &b) == ERR_OK)
            json_array_append_new(list, dump_bytes(buf_bytes(&b)));
        buf_free(&b);
    }
    dump_put_list(o, key, list);
}

static void put_recipients(json_t *o, const char *key, const struct ipm_recipient *x, size_t n) {
    json_t *list = json_array();
    for (size_t k = 0; k < n; k++) {
        struct buf b = {0};
        uint32_t asked = x[k].notification_requests;
        ipm_descriptor_print(&x[k].recipient, &b);
        if (asked & IPM_REQUEST_RN)
            buf_append_str(&b, ", receipt notification asked for");
        if (asked & IPM_REQUEST_NRN)
            buf_append_str(&b, ", non-receipt notification asked for");
        if (asked & IPM_REQUEST_RETURN)
            buf_append_str(&b, ", message to be returned");
        if (x[k].reply_requested)
            buf_append_str(&b, ", reply asked for");
        json_array_append_new(list, dump_bytes(buf_bytes(&b)));
        buf_free(&b);
    }
    dump_put_list(o, key, list);
}

static void put_rare(json_t *o, const struct ipm_heading *h) {
    static const char *const submitted[] = {NULL, "auto-generated", "auto-replied"};
    json_t *languages = json_array(), *extensions = json_array();
    dump_put_flag(o, "auto_forwarded", h->auto_forwarded);
    dump_put_flag(o, "incomplete_copy", h->incomplete_copy);
    dump_put(o, "auto_submitted", submitted[h->auto_submitted]);
    for (size_t k = 0; k < h->n_languages; k++)
        json_array_append_new(languages, json_string(h->languages[k]));
    dump_put_list(o, "languages", languages);
    for (size_t k = 0; k < h->n_extensions; k++) {
        json_t *one = json_object();
        dump_put(one, "type", h->extensions[k].oid);
        dump_put_hex(one, "octets", h->extensions[k].value);
        json_array_append_new(extensions, one);
    }
    dump_put_list(o, "extensions", extensions);
}

static int on_heading(void *ctx, const char *number, unsigned level, const struct ipm_heading *h) {
    static const char *const importance[] = {"low", "normal", "high"};
    static const char *const sensitivity[] = {NULL, "personal", "private", "company-confidential"};
    struct dump_ipm *p = ctx;
    json_t *o = json_object();
    dump_put(o, "is", level == 0 ? "heading" : "heading of the forwarded message");
    dump_put(o, "number", *number != 0 ? number : NULL);
    put_id(o, "this_ipm", &h->this_ipm);
    put_descriptor(o, "originator", h->originator);
    put_descriptors(o, "authorizing_users", h->authorizing_users, h->n_authorizing_users);
    put_recipients(o, "primary_recipients", h->primary, h->n_primary);
    put_recipients(o, "copy_recipients", h->copy, h->n_copy);
    put_recipients(o, "blind_copy_recipients", h->blind_copy, h->n_blind_copy);
    put_id(o, "replied_to", &h->replied_to);
    put_ids(o, "obsoleted", h->obsoleted, h->n_obsoleted);
    put_ids(o, "related", h->related, h->n_related);
    dump_put(o, "subject", h->subject);
    put_time(o, "expiry_time", h->expiry_time);
    put_time(o, "reply_time", h->reply_time);
    put_descriptors(o, "reply_recipients", h->reply_recipients, h->n_reply_recipients);
    dump_put(o, "importance", importance[h->importance]);
    dump_put(o, "sensitivity", sensitivity[h->sensitivity]);
    put_rare(o, h);
    return json_array_append_new(p->list, o) < 0 ? ERR_NOMEM : ERR_OK;
}

// ---- parts ----

static int on_part(void *ctx, const struct ipm_part *part) {
    struct dump_ipm *p = ctx;
    json_t *o = json_object();
    dump_put(o, "is", "body part");
    dump_put(o, "number", part->number);
    dump_put(o, "type", part->type_name);
    dump_put(o, "oid", part->oid);
    dump_put(o, "file_name", part->file_name);
    dump_put(o, "description", part->description);
    put_time(o, "modified", part->modified);
    put_time(o, "delivery_time", part->delivery_time);
    dump_put(o, "delivery_envelope", part->delivery_text);
    buf_clear(&p->text);
    p->octets = 0;
    p->part = o;
    return json_array_append_new(p->list, o) < 0 ? ERR_NOMEM : ERR_OK;
}

static int on_data(void *ctx, const struct ipm_part *part, struct bytes piece) {
    struct dump_ipm *p = ctx;
    size_t most = part->is_text || p->d->show > 64 ? p->d->show : 64,
           room = most > p->text.len ? most - p->text.len : 0;
    p->octets += piece.n;
    return buf_append(&p->text, piece.p, piece.n < room ? piece.n : room);
}

// Cuts back to the end of a character.
static size_t whole_characters(struct bytes b) {
    size_t n = b.n;
    while (n > 0 && n > b.n - 3 && (b.p[n - 1] & 0xC0) == 0x80)
        n--;
    return n > 0 && b.p[n - 1] >= 0xC0 ? n - 1 : b.n;
}

static int on_part_end(void *ctx, const struct ipm_part *part, uint64_t warnings) {
    struct dump_ipm *p = ctx;
    struct bytes b = buf_bytes(&p->text);
    bool cut = b.n < p->octets;
    if (part->kind != IPM_PART_MESSAGE) {
        json_object_set_new(p->part, part->is_text ? "utf8_octets" : "octets", json_integer((json_int_t)p->octets));
        if (part->is_text && b.p != NULL)
            json_object_set_new(p->part, "text", dump_bytes(bytes_of(b.p, cut ? whole_characters(b) : b.n)));
        else if (!part->is_text)
            dump_put_hex(p->part, "begins", bytes_of(b.p, b.n < 64 ? b.n : 64));
        dump_put_flag(p->part, "cut", part->is_text && cut);
    }
    if (warnings > 0)
        json_object_set_new(p->part, "unreadable_characters", json_integer((json_int_t)warnings));
    return ERR_OK;
}

static int on_notification(void *ctx, const struct ipm_notification *n) {
    static const char *const types[] = {"non-receipt notification", "receipt notification", "other notification"};
    static const char *const discards[] = {"expired", "obsoleted", "subscription terminated", "deleted"};
    struct dump_ipm *p = ctx;
    json_t *o = json_object();
    dump_put(o, "is", types[n->type]);
    put_id(o, "subject_ipm", &n->subject_ipm);
    put_descriptor(o, "originator", n->originator);
    put_descriptor(o, "intended_recipient", n->intended_recipient);
    put_time(o, "receipt_time", n->receipt_time);
    if (n->type == IPM_NON_RECEIPT) {
        dump_put(o, "reason", n->non_receipt_reason == 1 ? "auto-forwarded" : "discarded");
        if (n->discard_reason >= 0 && n->discard_reason < 4)
            dump_put(o, "discard_reason", discards[n->discard_reason]);
        dump_put(o, "auto_forward_comment", n->auto_forward_comment);
    } else
        dump_put(o, "acknowledgment", n->automatic ? "automatic" : "manual");
    dump_put(o, "supplementary", n->supplementary);
    if (n->returned_ipm.n > 0)
        json_object_set_new(o, "returned_message_octets", json_integer((json_int_t)n->returned_ipm.n));
    return json_array_append_new(p->list, o) < 0 ? ERR_NOMEM : ERR_OK;
}

// ---- the whole ----

struct dump_ipm *dump_ipm_new(const struct dump *d) {
    static const struct ipm_reader_user user = {.heading = on_heading,
                                                .part_begin = on_part,
                                                .part_data = on_data,
                                                .part_end = on_part_end,
                                                .notification = on_notification};
    struct dump_ipm *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct dump_ipm){.d = d, .tree = json_object(), .list = json_array()};
    p->reader = ipm_reader_new(&user, p, NULL);
    if (p->tree == NULL || p->list == NULL || p->reader == NULL) {
        json_decref(dump_ipm_free(p));
        return NULL;
    }
    return p;
}

static int fault_set(const struct dump_ipm *p, int err, size_t n, struct dump_fault *f) {
    *f = (struct dump_fault){.offset = p->fed, .exact = n <= 1};
    snprintf(f->text, sizeof f->text, "no interpersonal message: %s",
             err == ERR_SHORT ? "it ends before it is complete" : err_text(err));
    return err;
}

int dump_ipm_feed(struct dump_ipm *p, struct bytes piece, struct dump_fault *fault) {
    int err = ipm_reader_feed(p->reader, piece);
    if (err < 0)
        return fault_set(p, err, piece.n, fault);
    p->fed += piece.n;
    return ERR_OK;
}

int dump_ipm_end(struct dump_ipm *p, struct dump_fault *fault) {
    int err = ipm_reader_end(p->reader);
    return err < 0 ? fault_set(p, err, 0, fault) : ERR_OK;
}

json_t *dump_ipm_free(struct dump_ipm *p) {
    json_t *tree = p->tree;
    json_object_set_new(tree, "type", json_string("content"));
    json_object_set_new(tree, "octets", json_integer((json_int_t)p->fed));
    if (p->list != NULL)
        dump_put_list(tree, "item", p->list);
    ipm_reader_free(p->reader);
    buf_free(&p->text);
    mem_free(p);
    return tree;
}
