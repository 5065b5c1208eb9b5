// SPDX-License-Identifier: BSD-2-Clause
// `x400 dump`: what a file of octets says. What it is is found out from its tags:
//
//   A0 message, A2 probe, A1 report of P1          an envelope (SET) whose first member is of P1
//   A0 message, A1 notification of P2 and P22      a heading (SET) with [APPLICATION 11]; members of a notification
//   B0, B1, B2 bind argument, result, error; 05 00, or A1 and in it 80, a bare bind argument
//   the magic numbers of pcap and pcapng           a capture
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "asn1/tlv.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/capture.h"
#include "cli/command.h"
#include "cli/dump.h"

enum { PEEK = 65536, SHOWN = 4096, CONSTRUCTED = 0x20 };

static const char *const kinds[] = {"apdu", "content", "bind", "capture", NULL};
const struct option dump_options[] = {
    {.name = "type",
     .letter = 't',
     .value = "TYPE",
     .help = "apdu, content, bind or capture, when it cannot be found out",
     .choices = kinds},
    {.name = "show", .value = "N", .help = "octets of each text that are shown (4096)"},
    {.name = "secrets", .help = "show passwords"},
    {.name = "summary", .help = "of a capture one line a PDU"},
    {.name = "json", .help = "as JSON"},
    {0}};

// ---- what is it ----

// The third header of an envelope or heading: the first member of the SET. False: there is none.
static bool first_member(struct bytes b, struct tlv *t) {
    for (int level = 0; level < 2; level++) {
        if (tlv_header(b, t) != ERR_OK || !t->constructed || t->hdr > b.n)
            return false;
        b = bytes_of(b.p + t->hdr, b.n - t->hdr);
        if (level == 0 && (tlv_header(b, t) != ERR_OK || !tlv_is(t, TLV_UNIVERSAL, TLV_SET)))
            return false;
    }
    return tlv_header(b, t) == ERR_OK;
}

// NULL: nothing that is known.
static const char *find_kind(struct bytes b) {
    struct tlv outer, inner;
    if (capture_is(b))
        return "capture";
    if (tlv_header(b, &outer) != ERR_OK)
        return NULL;
    if (outer.cls == TLV_UNIVERSAL)
        return outer.tag == TLV_NULL ? "bind" : NULL;
    if (outer.cls != TLV_CONTEXT)
        return NULL;
    if (outer.tag >= 16 && outer.tag <= 18)
        return "bind";
    if (outer.tag == P1_REPORT)
        return first_member(b, &inner)                                                  ? "apdu"
               : outer.hdr < b.n && (b.p[outer.hdr] & ~CONSTRUCTED) == TLV_CONTEXT << 6 ? "bind"
                                                                                        : "content";
    if (outer.tag > P1_PROBE)
        return NULL;
    bool heading = outer.tag == P1_MESSAGE && first_member(b, &inner) && tlv_is(&inner, TLV_APPLICATION, 11);
    return heading ? "content" : "apdu";
}

// ---- feeding ----

struct source {
    struct dump_input in;
    uint8_t *peek;
    size_t n_peek, used; // used: of them, by a capture
};

typedef int feed_fn(void *sink, struct bytes piece, struct dump_fault *fault);

// The first octets one by one, so that a fault's place is known, the rest in pieces.
static int feed_all(struct source *s, feed_fn *feed, void *sink, struct dump_fault *fault) {
    for (size_t k = 0; k < s->n_peek; k++) {
        int err = feed(sink, bytes_of(s->peek + k, 1), fault);
        if (err < 0)
            return err;
    }
    size_t n;
    while (s->n_peek == PEEK && (n = dump_input_read(&s->in, s->peek, PEEK)) > 0) {
        int err = feed(sink, bytes_of(s->peek, n), fault);
        if (err < 0)
            return err;
    }
    return ERR_OK;
}

static int feed_apdu(void *sink, struct bytes piece, struct dump_fault *fault) {
    return dump_apdu_feed(sink, piece, fault);
}

static int feed_ipm(void *sink, struct bytes piece, struct dump_fault *fault) {
    return dump_ipm_feed(sink, piece, fault);
}

static json_t *read_apdu(const struct dump *d, struct source *s, int *err, struct dump_fault *fault) {
    struct dump_apdu *p = dump_apdu_new(d);
    if (p == NULL) {
        *err = ERR_NOMEM;
        return NULL;
    }
    *err = feed_all(s, feed_apdu, p, fault);
    if (*err == ERR_OK)
        *err = dump_apdu_end(p, fault);
    return dump_apdu_free(p);
}

static json_t *read_content(const struct dump *d, struct source *s, int *err, struct dump_fault *fault) {
    struct dump_ipm *p = dump_ipm_new(d);
    if (p == NULL) {
        *err = ERR_NOMEM;
        return NULL;
    }
    *err = feed_all(s, feed_ipm, p, fault);
    if (*err == ERR_OK)
        *err = dump_ipm_end(p, fault);
    return dump_ipm_free(p);
}

static json_t *read_bind(const struct dump *d, struct source *s, int *err, struct dump_fault *fault) {
    struct tlv t;
    struct bytes b = bytes_of(s->peek, s->n_peek);
    int which = tlv_header(b, &t) == ERR_OK && t.cls == TLV_CONTEXT && t.tag >= 16 && t.tag <= 18 ? (int)t.tag
                                                                                                  : DUMP_BARE_ARGUMENT;
    json_t *tree = dump_bind(d, b, which, fault);
    *err = tree == NULL ? ERR_SYNTAX : ERR_OK;
    return tree;
}

// ---- the whole ----

static int say_fault(const struct cli *c, const struct source *s, int err, const struct dump_fault *f) {
    if (s->in.fault != NULL)
        return cli_fail(c, "at octet %llu of the file: %s", (unsigned long long)(s->in.place - 1), s->in.fault);
    if (f->text[0] == 0 || f->nowhere)
        return cli_fail(c, "%s", f->nowhere ? f->text : err_text(err));
    return cli_fail(c, "%s octet %llu: %s", f->exact ? "at" : "behind", (unsigned long long)f->offset, f->text);
}

static size_t read_raw(void *ctx, uint8_t *out, size_t cap) {
    struct source *s = ctx;
    size_t n = s->n_peek - s->used < cap ? s->n_peek - s->used : cap;
    if (n == 0)
        return dump_input_read(&s->in, out, cap);
    memcpy(out, s->peek + s->used, n);
    s->used += n;
    return n;
}

static int dump_source(const struct dump *d, struct source *s, const char *kind, enum dump_form form) {
    struct dump_fault fault = {0};
    int err = ERR_OK;
    json_t *tree;
    struct bytes b = bytes_of(s->peek, s->n_peek);
    if (b.n == 0 || (kind == NULL && s->in.fault != NULL))
        return s->in.fault != NULL ? say_fault(d->c, s, 0, &fault) : cli_fail(d->c, "there are no octets in it");
    if (kind == NULL && (kind = find_kind(b)) == NULL)
        return cli_fail(d->c,
                        "octet 0 is %02x: neither a P1 APDU (a0, a1, a2), nor a P2 or P22 content (a0, a1), nor a "
                        "bind (b0, b1, b2), nor a capture",
                        b.p[0]);
    if (strcmp(kind, "capture") == 0)
        return dump_capture(d, form, read_raw, s);
    tree = strcmp(kind, "apdu") == 0      ? read_apdu(d, s, &err, &fault)
           : strcmp(kind, "content") == 0 ? read_content(d, s, &err, &fault)
                                          : read_bind(d, s, &err, &fault);
    if (json_object_size(tree) > 0 && form == DUMP_JSON)
        cli_print_json(d->c, tree);
    else if (tree != NULL)
        dump_print(d->c, tree, 0);
    json_decref(tree);
    fflush(d->c->out); // so that the fault stands behind what was read
    return err < 0 || s->in.fault != NULL ? say_fault(d->c, s, err, &fault) : CLI_DONE;
}

static int dump_file(const struct dump *d, FILE *f, const char *kind, enum dump_form form) {
    struct source s = {0};
    int err = dump_input_open(&s.in, f), status;
    s.peek = mem_alloc(PEEK);
    if (err == ERR_NOMEM || s.peek == NULL)
        status = cli_fail(d->c, "memory is short");
    else if (err < 0)
        status = cli_fail(d->c, "it cannot be read: %s", strerror(errno));
    else {
        s.n_peek = dump_input_read(&s.in, s.peek, PEEK);
        status = dump_source(d, &s, kind, form);
    }
    mem_free(s.peek);
    dump_input_close(&s.in);
    return status;
}

int dump_run(struct cli *c, const struct args *a) {
    int64_t show = SHOWN;
    const char *path = a->n_words == 0 ? "-" : a->words[0];
    int status = args_number(c, a, "show", 0, INT32_MAX, &show);
    if (status != CLI_DONE)
        return status;
    struct dump d = {.c = c, .show = (size_t)show, .secrets = args_has(a, "secrets")};
    FILE *f = strcmp(path, "-") == 0 ? c->in : fopen(path, "re");
    if (f == NULL)
        return cli_fail(c, "%s: %s", path, strerror(errno));
    status = dump_file(&d, f, args_get(a, "type"),
                       args_has(a, "json")      ? DUMP_JSON
                       : args_has(a, "summary") ? DUMP_SUMMARY
                                                : DUMP_FULL);
    if (f != c->in)
        fclose(f);
    return status;
}
