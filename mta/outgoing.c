// SPDX-License-Identifier: BSD-2-Clause
// See outgoing.h. The steps: the stored head is decoded, split and, for 1984, downgraded; a content that has to be
// converted is read through (scan), which gives its length; then the header is made, and as octets are asked for the
// content is read, converted where it has to be, and what lies before the offset is dropped.
#include "mta/outgoing.h"

#include "base/mem.h"

struct outgoing {
    struct file_thread *files;
    struct outgoing_form form;
    const struct outgoing_user *user;
    void *ctx;
    struct opened *opened;
    struct p1_envelope *env;      // as it goes out; in the arena of opened
    struct downgrade refusals;    // for 1984, else empty
    struct downgrade_content *p2; // a content that is converted
    struct content_ref content;   // inline octets are in the arena
    uint64_t length;              // of the content as it goes out, or P1_NO_CONTENT
    const char *all_refused;      // the content has no form there; in the arena
    const char *dropped;          // why a report's content was left out; in the arena
    struct buf header, piece;     // what was not given yet
    size_t header_length;
    uint64_t total, left, skip;    // left: to be given; skip: octets of the content to be dropped
    struct content_reader *reader; // NULL: no content, or all of it was read
    bool asked;                    // a piece is on its way
    bool wanted;                   // `more` is owed
};

struct outgoing *outgoing_new(struct file_thread *files, const struct outgoing_form *form,
                              const struct outgoing_user *user, void *ctx) {
    struct outgoing *o = mem_calloc(1, sizeof *o);
    if (o != NULL)
        *o = (struct outgoing){.files = files, .form = *form, .user = user, .ctx = ctx, .length = P1_NO_CONTENT};
    return o;
}

void outgoing_free(struct outgoing *o) {
    if (o == NULL)
        return;
    content_reader_free(o->reader);
    downgrade_content_free(o->p2);
    buf_free(&o->header);
    buf_free(&o->piece);
    opened_unref(o->opened);
    mem_free(o);
}

static void ask(struct outgoing *o) {
    if (o->reader == NULL || o->asked)
        return;
    o->asked = true;
    content_reader_next(o->reader);
}

static void close_reader(struct outgoing *o) {
    content_reader_free(o->reader);
    o->reader = NULL;
}

static void tell_ready(struct outgoing *o, int err, const char *why) {
    o->user->ready(o->ctx, err, why != NULL ? why : err_text(err));
}

// ---- the second reading, or the only one ----

static int take(struct outgoing *o, struct bytes octets, bool last) {
    int err = o->p2 != NULL ? downgrade_content_convert(o->p2, octets, &o->piece) : ERR_OK;
    if (err == ERR_OK && o->p2 != NULL && last)
        err = downgrade_content_end(o->p2);
    if (o->p2 == NULL) { // without a copy of what is not sent
        size_t drop = octets.n < o->skip ? octets.n : (size_t)o->skip;
        o->skip -= drop;
        return buf_append(&o->piece, octets.p + drop, octets.n - drop);
    }
    size_t drop = o->piece.len < o->skip ? o->piece.len : (size_t)o->skip;
    o->skip -= drop;
    buf_consume(&o->piece, drop);
    return err;
}

static void on_piece(void *user, int err, struct bytes octets, bool last) {
    struct outgoing *o = user;
    o->asked = false;
    if (err == ERR_OK)
        err = take(o, octets, last);
    if (err != ERR_OK || last)
        close_reader(o);
    if (err == ERR_OK && !last && o->piece.len == 0) {
        ask(o);
        return;
    }
    if (!o->wanted && err == ERR_OK)
        return;
    o->wanted = false;
    o->user->more(o->ctx, err);
}

static void make_header(struct outgoing *o) {
    int err = p1_apdu_header(&o->header, o->env, o->length, &o->total);
    o->header_length = o->header.len;
    o->left = o->total;
    if (err == ERR_OK && o->length != P1_NO_CONTENT && o->length > 0 &&
        (o->reader = content_reader_new(o->files, &o->content, on_piece, o)) == NULL)
        err = ERR_NOMEM;
    o->content.octets = (struct bytes){0}; // the reader has its copy
    tell_ready(o, err, NULL);
}

// ---- the first reading of a content that is converted ----

// The content has no form in 1984: a report goes without it, anything else to nobody.
static void content_refused(struct outgoing *o) {
    const char *why = arena_printf(&o->opened->arena, "the content: %s", downgrade_content_why(o->p2));
    downgrade_content_free(o->p2);
    o->p2 = NULL;
    if (why == NULL) {
        tell_ready(o, ERR_NOMEM, NULL);
    } else if (o->env->type == P1_REPORT) {
        o->dropped = why;
        o->length = P1_NO_CONTENT;
        make_header(o);
    } else {
        o->all_refused = why;
        tell_ready(o, OUTGOING_NOBODY, why);
    }
}

static void scanned(struct outgoing *o) {
    uint32_t eits;
    int err = downgrade_content_begin(o->p2, &o->length, &eits);
    if (err == DOWNGRADE_REFUSED) {
        content_refused(o);
        return;
    }
    if (err < 0) {
        tell_ready(o, err, NULL);
        return;
    }
    if (o->env->type != P1_REPORT)
        downgrade_set_eits(o->env, eits);
    make_header(o);
}

static void on_scan(void *user, int err, struct bytes octets, bool last) {
    struct outgoing *o = user;
    o->asked = false;
    if (err == ERR_OK)
        err = downgrade_content_scan(o->p2, octets);
    if (err == ERR_OK && !last) {
        ask(o);
        return;
    }
    close_reader(o);
    if (err == DOWNGRADE_REFUSED)
        content_refused(o);
    else if (err < 0)
        tell_ready(o, err, NULL);
    else
        scanned(o);
}

static void scan(struct outgoing *o) {
    // The inline octets are read twice.
    struct bytes kept = arena_bytes(&o->opened->arena, o->content.octets);
    int err = o->content.octets.n > 0 && kept.p == NULL ? ERR_NOMEM : ERR_OK;
    o->content.octets = kept;
    if (err == ERR_OK)
        err = downgrade_content_new(&o->p2, &o->form.downgrade);
    if (err == ERR_OK && o->content.length == 0) {
        scanned(o);
        return;
    }
    if (err == ERR_OK && (o->reader = content_reader_new(o->files, &o->content, on_scan, o)) == NULL)
        err = ERR_NOMEM;
    if (err == ERR_OK)
        ask(o);
    else
        tell_ready(o, err, NULL);
}

// ---- the head ----

static int split(struct outgoing *o, const struct job *j) {
    struct p1_envelope *e = o->opened->env;
    size_t *mine = arena_array(&o->opened->arena, j->n, sizeof *mine);
    if (mine == NULL)
        return ERR_NOMEM;
    for (size_t k = 0; k < j->n; k++)
        mine[k] = j->rcpt[k];
    return p1_split(&o->opened->arena, e, mine, j->n, &o->env);
}

void outgoing_make(struct outgoing *o, const struct spool_message *m, const struct job *j) {
    struct p1_fault fault = {""};
    int err = opened_decode(m->envelope, &o->opened, &fault);
    if (err != ERR_OK) {
        tell_ready(o, err == ERR_NOMEM ? err : ERR_CORRUPT, fault.text);
        return;
    }
    o->env = o->opened->env;
    enum p1_type type = o->env->type;
    err = type == P1_REPORT ? ERR_OK : split(o, j);
    if (type == P1_MESSAGE || (type == P1_REPORT && m->content.length > 0))
        o->length = m->content.length;
    o->content = m->content;
    if (err == ERR_OK && o->form.p1_1984) {
        err = downgrade_envelope(&o->opened->arena, &o->form.downgrade, o->env, &o->refusals);
        if (err == ERR_OK && o->refusals.envelope == NULL) {
            tell_ready(o, OUTGOING_NOBODY, NULL);
            return;
        }
        o->env = o->refusals.envelope;
    }
    if (err < 0)
        tell_ready(o, err, NULL);
    else if (o->refusals.convert_content && o->length != P1_NO_CONTENT)
        scan(o);
    else
        make_header(o);
}

struct opened *outgoing_opened(const struct outgoing *o) {
    return o->opened;
}

const char *outgoing_refused(const struct outgoing *o, uint32_t rcpt) {
    if (o->all_refused != NULL)
        return o->all_refused;
    if (o->refusals.refused == NULL || rcpt >= o->opened->env->n_recipients)
        return NULL;
    return o->refusals.refused[rcpt];
}

const char *outgoing_content_dropped(const struct outgoing *o) {
    return o->dropped;
}

uint64_t outgoing_total(const struct outgoing *o) {
    return o->total;
}

int outgoing_digest(const struct outgoing *o, uint8_t out[DIGEST_SIZE]) {
    struct digest *d = digest_new();
    int err = d == NULL ? ERR_NOMEM : digest_add(d, buf_bytes(&o->header));
    if (err == ERR_OK && o->length != P1_NO_CONTENT)
        err = digest_add(d, bytes_of(o->content.sum, sizeof o->content.sum));
    if (err == ERR_OK)
        err = digest_end(d, out);
    digest_free(d);
    return err;
}

// ---- giving ----

int outgoing_seek(struct outgoing *o, uint64_t offset) {
    if (offset > o->total)
        return ERR_LIMIT;
    size_t head = offset < o->header_length ? (size_t)offset : o->header_length;
    buf_consume(&o->header, head);
    o->skip = offset - head;
    o->left = o->total - offset;
    return ERR_OK;
}

bool outgoing_next(struct outgoing *o, size_t room, struct bytes *piece) {
    struct buf *from = o->header.len > 0 ? &o->header : &o->piece;
    size_t n = from->len < room ? from->len : room;
    *piece = bytes_of(buf_bytes(from).p, n);
    buf_consume(from, n);
    o->left -= n;
    if (o->piece.len == 0)
        ask(o); // is there when this one is on its way
    o->wanted = n == 0 && o->left > 0;
    return n > 0;
}

uint64_t outgoing_left(const struct outgoing *o) {
    return o->left;
}
