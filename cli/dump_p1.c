// SPDX-License-Identifier: BSD-2-Clause
// An MTS-APDU in pieces: its head is decoded when it is complete, its content goes on to dump_ipm.c. In a report the
// returned content comes before it is known what it is; so it is read as an interpersonal message, and when it is none,
// only its octets are counted.
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/dump.h"
#include "x400/p1_stream.h"

struct dump_apdu {
    const struct dump *d;
    struct p1_stream *stream;
    struct dump_ipm *ipm; // NULL: the content is none, or was none
    bool content_faulty;
    struct dump_fault content_fault; // offsets within the content
    struct buf begin;                // of a content, 64 octets
    uint64_t content, fed;
    json_t *tree; // of the envelope
    struct p1_fault fault;
    bool ipm_wanted, p1_1984;
};

static int on_head(void *ctx, enum p1_type type, struct bytes head) {
    struct dump_apdu *p = ctx;
    struct p1_envelope *e;
    struct bytes copy = arena_bytes(p->d->c->arena, head);
    if (copy.p == NULL)
        return ERR_NOMEM;
    int err = p1_decode(p->d->c->arena, copy, &e, &p->fault);
    if (err < 0)
        return err;
    p->tree = dump_envelope(p->d, e);
    if (p->p1_1984)
        dump_put_list(p->tree, "not_in_p1_of_1984", dump_not_in_1984(e));
    (void)type;
    p->ipm_wanted = e->content_type.present && (e->content_type.built_in == P1_CONTENT_IPM_1984 ||
                                                e->content_type.built_in == P1_CONTENT_IPM_1988);
    return ERR_OK;
}

static int on_content(void *ctx, struct bytes piece) {
    struct dump_apdu *p = ctx;
    size_t room = p->begin.len < 64 ? 64 - p->begin.len : 0;
    if (p->content == 0 && (p->tree == NULL || p->ipm_wanted) && (p->ipm = dump_ipm_new(p->d)) == NULL)
        return ERR_NOMEM;
    p->content += piece.n;
    if (p->ipm != NULL && !p->content_faulty && dump_ipm_feed(p->ipm, piece, &p->content_fault) < 0)
        p->content_faulty = true;
    return buf_append(&p->begin, piece.p, piece.n < room ? piece.n : room);
}

struct dump_apdu *dump_apdu_new(const struct dump *d) {
    static const struct p1_stream_user user = {.head = on_head, .content = on_content};
    struct dump_apdu *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->d = d;
    p->stream = p1_stream_new(&user, p, 0);
    if (p->stream == NULL) {
        mem_free(p);
        return NULL;
    }
    return p;
}

void dump_apdu_1984(struct dump_apdu *p) {
    p->p1_1984 = true;
}

static int fault_set(const struct dump_apdu *p, int err, size_t n, struct dump_fault *f) {
    const char *text = p->fault.text[0] != 0 ? p->fault.text : p1_stream_fault(p->stream);
    *f = (struct dump_fault){.offset = p->fed, .exact = n <= 1};
    if (p->fault.text[0] != 0) // the head was whole, and its fault has a path, not an offset
        snprintf(f->text, sizeof f->text, "the envelope that ends here: %s", text);
    else
        snprintf(f->text, sizeof f->text, "%s", *text != 0 ? text : err_text(err));
    return err;
}

int dump_apdu_feed(struct dump_apdu *p, struct bytes piece, struct dump_fault *fault) {
    int err = p1_stream_feed(p->stream, piece);
    if (err < 0)
        return fault_set(p, err, piece.n, fault);
    p->fed += piece.n;
    return ERR_OK;
}

int dump_apdu_end(struct dump_apdu *p, struct dump_fault *fault) {
    if (p->ipm != NULL && !p->content_faulty && dump_ipm_end(p->ipm, &p->content_fault) < 0)
        p->content_faulty = true;
    *fault = (struct dump_fault){.offset = p->fed, .exact = true, .text = "the MTS-APDU ends before it is complete"};
    if (!p1_stream_complete(p->stream))
        return ERR_SHORT;
    if (!p->content_faulty || !p->ipm_wanted)
        return ERR_OK;
    *fault = (struct dump_fault){.nowhere = true};
    snprintf(fault->text, sizeof fault->text, "%s octet %llu of the content: %.300s",
             p->content_fault.exact ? "at" : "behind", (unsigned long long)p->content_fault.offset,
             p->content_fault.text);
    return ERR_SYNTAX;
}

static json_t *content_tree(struct dump_apdu *p) {
    json_t *o = p->ipm != NULL ? dump_ipm_free(p->ipm) : json_object();
    p->ipm = NULL;
    if (p->content_faulty && !p->ipm_wanted) { // it was none, and nobody said so
        json_decref(o);
        o = json_object();
    }
    json_object_set_new(o, "octets", json_integer((json_int_t)p->content));
    if (json_object_get(o, "item") == NULL)
        dump_put_hex(o, "begins", buf_bytes(&p->begin));
    json_object_del(o, "type");
    return o;
}

json_t *dump_apdu_free(struct dump_apdu *p) {
    json_t *tree = p->tree != NULL ? p->tree : json_object();
    if (p->content > 0)
        json_object_set_new(tree, "content", content_tree(p));
    p1_stream_free(p->stream);
    buf_free(&p->begin);
    mem_free(p);
    return tree;
}
