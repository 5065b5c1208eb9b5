// SPDX-License-Identifier: BSD-2-Clause
// P22 to P2 in two passes, each with an IPM reader over all of the content. What is written is an encoding of definite
// lengths, so the length of every element is needed before its first octet: the first pass writes nothing, but notes
// the length of each element in the order in which they begin, and for each text in which form it goes; the second
// takes both from there. A content that gives other elements the second time is noticed.
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "x400/downgrade_internal.h"
#include "x400/ipm_internal.h"

enum {
    DEPTH_MAX = 128,       // open elements: four a level of forwarding, and a part's
    MARKS_MAX = 64 * 1024, // elements written in all; the reader's limit on parts comes first
    FORWARDED_MAX = 16,
    TEXT_PIECE = 4096,
    EIT_UNKNOWN = 1 << 0,
    EIT_IA5_TEXT = 1 << 2,
    EIT_TELETEX = 1 << 5,
    TAG_IA5_TEXT = 0,
    TAG_TELETEX = 5,
    TAG_MESSAGE = 9,
    TAG_BILATERAL = 14
};

enum text_form { FORM_IA5, FORM_TELETEX, FORM_OCTETS };

struct marks {
    uint64_t *v;
    size_t n, cap;
    size_t next; // to be taken by the second pass
};

struct downgrade_content {
    const struct downgrade_options *o;
    struct ipm_reader *reader;
    bool converting;    // the second pass
    struct buf *out;    // of the piece at hand, in the second pass
    struct marks sizes; // contents of elements, by their beginning
    struct marks forms; // enum text_form, by part of text
    size_t open[DEPTH_MAX];
    unsigned depth;
    unsigned base[FORWARDED_MAX]; // depth when the part began, by level
    uint64_t total;               // octets of the result, of the first pass
    uint64_t written;             // in the second
    uint32_t eits;
    struct buf piece; // a text in T.61, or a heading
    // The text being read in the first pass.
    uint64_t ia5, teletex; // octets in that form
    bool no_ia5, no_teletex;
    bool raw_begun; // the first octet of a part that stays has been seen
    int result;
    char why[200];
};

static int refuse(struct downgrade_content *d, const char *number, const char *what, const char *oid) {
    snprintf(d->why, sizeof d->why, "body part %.40s %s%s%s%s", number, what, oid != NULL ? " (" : "",
             oid != NULL ? oid : "", oid != NULL ? ")" : "");
    d->result = DOWNGRADE_REFUSED;
    return ERR_STATE; // stops the reader
}

// ---- notes between the passes ----

static int mark_add(struct marks *m, uint64_t v) {
    if (m->n == m->cap) {
        size_t cap = m->cap == 0 ? 64 : m->cap * 2;
        if (cap > MARKS_MAX)
            return ERR_LIMIT;
        uint64_t *more = mem_realloc(m->v, cap * sizeof *more);
        if (more == NULL)
            return ERR_NOMEM;
        m->v = more;
        m->cap = cap;
    }
    m->v[m->n++] = v;
    return 0;
}

static int mark_take(struct marks *m, uint64_t *v) {
    if (m->next == m->n)
        return ERR_CORRUPT;
    *v = m->v[m->next++];
    return 0;
}

// ---- writing, or counting what would be written ----

static int put_octets(struct downgrade_content *d, struct bytes octets) {
    if (d->converting) {
        d->written += octets.n;
        return buf_append(d->out, octets.p, octets.n);
    }
    if (d->depth > 0)
        d->sizes.v[d->open[d->depth - 1]] += octets.n;
    else
        d->total += octets.n;
    return 0;
}

static uint64_t header_size(uint64_t n) {
    uint64_t size = 2;
    for (uint64_t rest = n; n >= 0x80 && rest > 0; rest >>= 8)
        size++;
    return size;
}

static int put_begin(struct downgrade_content *d, enum tlv_class cls, bool constructed, uint32_t tag) {
    uint64_t size = 0;
    if (d->depth == DEPTH_MAX)
        return ERR_LIMIT;
    int err = d->converting ? mark_take(&d->sizes, &size) : mark_add(&d->sizes, 0);
    if (err < 0)
        return err;
    d->open[d->depth++] = d->sizes.n - 1;
    if (!d->converting)
        return 0;
    size_t before = d->out->len;
    err = tlv_put_header(d->out, cls, constructed, tag, size);
    d->written += d->out->len - before;
    return err;
}

static void put_end(struct downgrade_content *d) {
    size_t at = d->open[--d->depth];
    if (d->converting)
        return;
    uint64_t whole = header_size(d->sizes.v[at]) + d->sizes.v[at];
    if (d->depth > 0)
        d->sizes.v[d->open[d->depth - 1]] += whole;
    else
        d->total += whole;
}

// ---- texts ----

// The header of a text and its wrapping, to be closed by text_end.
static int text_begin(struct downgrade_content *d, enum text_form form) {
    if (form == FORM_OCTETS)
        return put_begin(d, TLV_CONTEXT, false, TAG_BILATERAL);
    bool teletex = form == FORM_TELETEX;
    int err = put_begin(d, TLV_CONTEXT, true, teletex ? TAG_TELETEX : TAG_IA5_TEXT);
    if (err == 0)
        err = put_octets(d, bytes_of("\x31\x00", 2)); // no parameters
    if (err == 0 && teletex)
        err = put_begin(d, TLV_UNIVERSAL, true, TLV_SEQUENCE);
    return err < 0 ? err : put_begin(d, TLV_UNIVERSAL, false, teletex ? TLV_T61_STRING : TLV_IA5_STRING);
}

static void text_end(struct downgrade_content *d, enum text_form form) {
    put_end(d);
    if (form == FORM_TELETEX)
        put_end(d);
    if (form != FORM_OCTETS)
        put_end(d);
}

// The piece in T.61 into d->piece; ERR_SYNTAX: it is not there.
static int to_teletex(struct downgrade_content *d, struct bytes text) {
    char one[TEXT_PIECE + 1];
    int err = memchr(text.p, '\0', text.n) != NULL ? ERR_SYNTAX : 0;
    buf_clear(&d->piece);
    while (err == 0 && text.n > 0) {
        size_t n = text.n < TEXT_PIECE ? text.n : TEXT_PIECE;
        while (n < text.n && n > TEXT_PIECE - 4 && (text.p[n] & 0xC0) == 0x80) // not within a character
            n--;
        memcpy(one, text.p, n);
        one[n] = '\0';
        err = charset_utf8_to_t61(one, &d->piece);
        text = bytes_of(text.p + n, text.n - n);
    }
    return err;
}

static int text_measure(struct downgrade_content *d, struct bytes text) {
    d->ia5 += text.n;
    for (size_t i = 0; i < text.n && !d->no_ia5; i++)
        d->no_ia5 = text.p[i] >= 0x80;
    if (d->no_teletex)
        return 0;
    int err = to_teletex(d, text);
    d->no_teletex = err == ERR_SYNTAX;
    d->teletex += d->piece.len;
    return err == ERR_SYNTAX ? 0 : err;
}

// The end of a text in the first pass: its form is known, and is noted with its sizes.
static int text_decide(struct downgrade_content *d, const struct ipm_part *p, uint64_t warnings) {
    bool file = p->kind == IPM_PART_FILE;
    enum text_form form = !d->no_ia5 ? FORM_IA5 : !d->no_teletex ? FORM_TELETEX : FORM_OCTETS;
    if (warnings > 0 && !file)
        return refuse(d, p->number, "has octets that are no characters", p->oid);
    if (form == FORM_OCTETS && !file)
        return refuse(d, p->number, "has characters that teletex lacks", p->oid);
    if (warnings > 0) // what was mended is no file of the sender's any more
        return refuse(d, p->number, "is a text file with octets that are no characters", NULL);
    d->eits |= form == FORM_IA5 ? EIT_IA5_TEXT : form == FORM_TELETEX ? EIT_TELETEX : EIT_UNKNOWN;
    int err = mark_add(&d->forms, form);
    if (err == 0)
        err = text_begin(d, form);
    if (err < 0)
        return err;
    d->sizes.v[d->open[d->depth - 1]] += form == FORM_TELETEX ? d->teletex : d->ia5;
    text_end(d, form);
    return 0;
}

static int text_data(struct downgrade_content *d, struct bytes text) {
    if (!d->converting)
        return text_measure(d, text);
    if (d->forms.next == 0 || d->forms.v[d->forms.next - 1] != FORM_TELETEX)
        return put_octets(d, text);
    int err = to_teletex(d, text);
    return err == ERR_SYNTAX ? ERR_CORRUPT : err < 0 ? err : put_octets(d, buf_bytes(&d->piece));
}

// ---- what the reader sees ----

static bool is_text(const struct ipm_part *p) {
    return p->is_text && !p->octets_are_ber;
}
static bool is_octets(const struct ipm_part *p) {
    return !p->octets_are_ber && (p->kind == IPM_PART_FILE || p->kind == IPM_PART_BILATERAL);
}
// A basic part of 1984, or bilaterally defined [14], which the implementors of 1984 agreed upon.
static bool stays(const struct ipm_part *p) {
    return p->kind == IPM_PART_OPAQUE && p->octets_are_ber && p->oid == NULL && strcmp(p->type_name, "message") != 0 &&
           strcmp(p->type_name, "unknown") != 0 && strcmp(p->type_name, "oda") != 0 &&
           strcmp(p->type_name, "externally-defined") != 0;
}

static int put_forwarded(struct downgrade_content *d, const struct ipm_part *p) {
    struct p1_time delivered = p1_time_of(p->delivery_time);
    int err = put_begin(d, TLV_CONTEXT, true, TAG_MESSAGE);
    buf_clear(&d->piece);
    if (err == 0 && p->delivery_time != 0)
        err = p1_put_time(&d->piece, TLV_CONTEXT, 0, &delivered);
    if (err == 0)
        err = tlv_wrap(&d->piece, 0, TLV_UNIVERSAL, true, TLV_SET);
    if (err == 0)
        err = put_octets(d, buf_bytes(&d->piece));
    return err < 0 ? err : put_begin(d, TLV_UNIVERSAL, true, TLV_SEQUENCE);
}

static int on_heading(void *ctx, const char *number, unsigned level, const struct ipm_heading *h) {
    struct downgrade_content *d = ctx;
    (void)number;
    int err = level == 0 ? put_begin(d, TLV_CONTEXT, true, 0) : 0;
    buf_clear(&d->piece);
    if (err == 0)
        err = downgrade_heading(d->o, h->members, &d->piece);
    if (err == 0)
        err = put_octets(d, buf_bytes(&d->piece));
    return err < 0 ? err : put_begin(d, TLV_UNIVERSAL, true, TLV_SEQUENCE); // the body
}

static int on_notification(void *ctx, const struct ipm_notification *n) {
    struct downgrade_content *d = ctx;
    const char *why = "";
    buf_clear(&d->piece);
    int err = downgrade_notification(d->o, n->members, &d->piece, &why);
    if (err != DOWNGRADE_REFUSED)
        return err < 0 ? err : put_octets(d, buf_bytes(&d->piece));
    snprintf(d->why, sizeof d->why, "%s", why);
    d->result = DOWNGRADE_REFUSED;
    return ERR_STATE;
}

static int on_part_begin(void *ctx, const struct ipm_part *p) {
    struct downgrade_content *d = ctx;
    uint64_t form;
    d->raw_begun = false;
    d->base[p->level] = d->depth;
    if (p->kind == IPM_PART_MESSAGE && !p->octets_are_ber)
        return put_forwarded(d, p);
    if (is_text(p)) {
        d->ia5 = d->teletex = 0;
        d->no_ia5 = d->no_teletex = false;
        if (!d->converting)
            return 0;
        int err = mark_take(&d->forms, &form);
        return err < 0 ? err : text_begin(d, (enum text_form)form);
    }
    if (is_octets(p)) {
        d->eits |= EIT_UNKNOWN;
        return put_begin(d, TLV_CONTEXT, false, TAG_BILATERAL);
    }
    return stays(p) ? 0 : refuse(d, p->number, "has no form in 1984", p->oid != NULL ? p->oid : p->type_name);
}

// The encoded information type of a basic part, from the tag in its first octet.
static uint32_t eit_of(uint8_t identifier) {
    static const uint16_t bits[] = {1 << 2, 1 << 1, 1 << 7, 1 << 3, 1 << 4, 1 << 5,
                                    1 << 6, 1 << 0, 1 << 0, 1 << 0, 1 << 8, 1 << 9};
    unsigned tag = identifier & 0x1F;
    return tag < sizeof bits / sizeof *bits ? bits[tag] : EIT_UNKNOWN;
}

static int on_part_data(void *ctx, const struct ipm_part *p, struct bytes piece) {
    struct downgrade_content *d = ctx;
    if (is_text(p))
        return text_data(d, piece);
    if (!is_octets(p) && !d->raw_begun) {
        d->eits |= eit_of(piece.p[0]);
        d->raw_begun = true;
    }
    return put_octets(d, piece);
}

static int on_part_end(void *ctx, const struct ipm_part *p, uint64_t warnings) {
    struct downgrade_content *d = ctx;
    if (p->kind == IPM_PART_MESSAGE && !p->octets_are_ber) {
        if (d->depth != d->base[p->level] + 3) // there was no message in it
            return ERR_SYNTAX;
        put_end(d); // body
        put_end(d); // message
        put_end(d); // part
    } else if (is_text(p)) {
        if (!d->converting)
            return text_decide(d, p, warnings);
        text_end(d, (enum text_form)d->forms.v[d->forms.next - 1]);
    } else if (is_octets(p)) {
        put_end(d);
    }
    return 0;
}

static int reader_new(struct downgrade_content *d) {
    static const struct ipm_reader_user user = {on_heading, on_part_begin, on_part_data, on_part_end, on_notification};
    struct ipm_limits limits = {.forwarded_depth = FORWARDED_MAX, .keep_basic = true};
    ipm_reader_free(d->reader);
    d->reader = ipm_reader_new(&user, d, &limits);
    return d->reader == NULL ? ERR_NOMEM : 0;
}

// ---- the outside ----

int downgrade_content_new(struct downgrade_content **out, const struct downgrade_options *o) {
    struct downgrade_content *d = mem_calloc(1, sizeof *d);
    *out = d;
    if (d == NULL)
        return ERR_NOMEM;
    d->o = o;
    if (reader_new(d) == 0)
        return 0;
    downgrade_content_free(d);
    *out = NULL;
    return ERR_NOMEM;
}

void downgrade_content_free(struct downgrade_content *d) {
    if (d == NULL)
        return;
    ipm_reader_free(d->reader);
    mem_free(d->sizes.v);
    mem_free(d->forms.v);
    buf_free(&d->piece);
    mem_free(d);
}

// What the reader says in the first pass.
static int scanned(struct downgrade_content *d, int err) {
    if (d->result != 0 || err == 0)
        return d->result;
    if (err == ERR_NOMEM)
        return d->result = ERR_NOMEM;
    snprintf(d->why, sizeof d->why, "the content is no interpersonal message that reads: %s", err_text(err));
    return d->result = DOWNGRADE_REFUSED;
}

int downgrade_content_scan(struct downgrade_content *d, struct bytes piece) {
    return d->result != 0 ? d->result : scanned(d, ipm_reader_feed(d->reader, piece));
}

static void close_all(struct downgrade_content *d) {
    while (d->depth > 0)
        put_end(d);
}

int downgrade_content_begin(struct downgrade_content *d, uint64_t *length, uint32_t *eits) {
    if (d->result == 0 && !d->converting) {
        if (scanned(d, ipm_reader_end(d->reader)) != 0)
            return d->result;
        close_all(d); // the outermost body and message
        d->converting = true;
    }
    if (d->result != 0)
        return d->result;
    d->sizes.next = d->forms.next = 0;
    d->depth = 0;
    d->written = 0;
    if (length != NULL)
        *length = d->total;
    if (eits != NULL)
        *eits = d->eits;
    return reader_new(d);
}

const char *downgrade_content_why(const struct downgrade_content *d) {
    return d->why;
}

int downgrade_content_convert(struct downgrade_content *d, struct bytes piece, struct buf *out) {
    if (!d->converting)
        return ERR_STATE;
    d->out = out;
    int err = ipm_reader_feed(d->reader, piece);
    d->out = NULL;
    return err == 0 || err == ERR_NOMEM ? err : ERR_CORRUPT;
}

int downgrade_content_end(struct downgrade_content *d) {
    if (!d->converting)
        return ERR_STATE;
    close_all(d);
    return ipm_reader_end(d->reader) == 0 && d->written == d->total ? 0 : ERR_CORRUPT;
}
