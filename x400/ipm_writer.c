// SPDX-License-Identifier: BSD-2-Clause
// Writes P22 contents. Everything but the octets of files is encoded when the writer is made, inside out, so that all
// lengths are definite and known; a file's octets are the last thing in its body part, which is therefore an encoded
// front and the octets behind it.
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "x400/ipm_internal.h"

// A stretch of the content: encoded octets, then those of a file.
struct piece {
    struct buf front;
    uint64_t data; // octets of the file
    ptrdiff_t (*read)(void *ctx, uint8_t *out, size_t n);
    void *ctx;
};

struct ipm_writer {
    struct piece *pieces; // the heading and each part
    size_t n_pieces, at;
    uint64_t done; // octets of the current piece
    uint64_t length;
    struct ipm_eits eits;
    struct arena arena; // of the eits
    int err;
};

// ---- encoding inside out ----

// A header before the front, for it and the data behind it.
static int wrap(struct piece *p, enum tlv_class cls, uint32_t tag, bool constructed) {
    struct buf header = {0};
    int err = tlv_put_header(&header, cls, constructed, tag, p->front.len + p->data);
    if (err == ERR_OK)
        err = buf_prepend(&p->front, header.mem + header.off, header.len);
    buf_free(&header);
    return err;
}

static int prepend_oid(struct piece *p, const char *oid) {
    struct buf b = {0};
    int err = tlv_put_oid(&b, TLV_UNIVERSAL, TLV_OID, oid);
    if (err == ERR_OK)
        err = buf_prepend(&p->front, b.mem + b.off, b.len);
    buf_free(&b);
    return err;
}

// front: the value of an externally defined body part; parameters: theirs. Makes the body part of it.
static int wrap_extended(struct piece *p, const char *et, const char *ep, struct bytes parameters) {
    struct piece params = {0};
    int err = wrap(p, TLV_CONTEXT, 0, true); // single-ASN1-type
    if (err == ERR_OK)
        err = prepend_oid(p, et);
    if (err == ERR_OK)
        err = wrap(p, TLV_UNIVERSAL, TLV_EXTERNAL, true);
    if (err == ERR_OK)
        err = buf_append(&params.front, parameters.p, parameters.n);
    if (err == ERR_OK)
        err = wrap(&params, TLV_CONTEXT, 0, true);
    if (err == ERR_OK)
        err = prepend_oid(&params, ep);
    if (err == ERR_OK)
        err = wrap(&params, TLV_CONTEXT, 0, true); // parameters [0] IMPLICIT EXTERNAL
    if (err == ERR_OK)
        err = buf_prepend(&p->front, params.front.mem + params.front.off, params.front.len);
    buf_free(&params.front);
    return err < 0 ? err : wrap(p, TLV_CONTEXT, 15, true);
}

static int add_eit(struct ipm_writer *w, const char *oid) {
    struct buf b = {0};
    struct tlv t;
    int err = tlv_put_oid(&b, TLV_UNIVERSAL, TLV_OID, oid);
    if (err == ERR_OK)
        err = tlv_header(buf_bytes(&b), &t);
    if (err == ERR_OK) {
        struct bytes value = bytes_of(b.mem + b.off + t.hdr, b.len - t.hdr);
        size_t i = 0;
        while (i < w->eits.n_external && !bytes_equal(w->eits.external[i], value))
            i++;
        if (i == IPM_EITS_MAX)
            err = ERR_LIMIT;
        else if (i == w->eits.n_external)
            err = (w->eits.external[w->eits.n_external++] = arena_bytes(&w->arena, value)).p == NULL ? ERR_NOMEM : err;
    }
    buf_free(&b);
    return err;
}

// ---- body parts ----

// Lines end in CR LF on the wire.
static int with_crlf(struct bytes text, struct buf *out) {
    int err = buf_reserve(out, text.n + text.n / 16);
    for (size_t i = 0; i < text.n && err == ERR_OK;) {
        const uint8_t *lf = memchr(text.p + i, '\n', text.n - i);
        size_t n = lf == NULL ? text.n - i : (size_t)(lf - text.p) - i;
        err = buf_append(out, text.p + i, n);
        i += n;
        if (err == ERR_OK && lf != NULL) {
            err = buf_append_str(out, i > 0 && text.p[i - 1] == '\r' ? "\n" : "\r\n");
            i++;
        }
    }
    return err;
}

static int ia5_part(struct ipm_writer *w, struct piece *p, struct bytes text) {
    static const uint8_t parameters[] = {0x31, 0}; // the default repertoire is ia5
    w->eits.built_in |= IPM_EIT_IA5_TEXT;
    int err = buf_append(&p->front, text.p, text.n);
    if (err == ERR_OK)
        err = wrap(p, TLV_UNIVERSAL, TLV_IA5_STRING, false);
    if (err == ERR_OK)
        err = buf_prepend(&p->front, parameters, sizeof parameters);
    return err < 0 ? err : wrap(p, TLV_CONTEXT, 0, true);
}

// The sets that GeneralString begins with (C0 1 and ASCII, 6) and the right half are announced.
static int general_part(struct ipm_writer *w, struct piece *p, struct bytes text, unsigned registration) {
    const unsigned sets[] = {1, 6, registration};
    struct buf parameters = {0};
    int err = charset_general_encode(text, registration, &p->front);
    if (err == ERR_OK)
        err = wrap(p, TLV_UNIVERSAL, TLV_GENERAL_STRING, false);
    for (size_t i = 0; i < 3 && err == ERR_OK; i++) {
        char oid[40] = IPM_OID_EIT_CHARSET;
        snprintf(oid + strlen(oid), sizeof oid - strlen(oid), "%u", sets[i]);
        err = tlv_put_int(&parameters, TLV_UNIVERSAL, TLV_INTEGER, sets[i]);
        if (err == ERR_OK)
            err = add_eit(w, oid);
    }
    if (err == ERR_OK)
        err = tlv_wrap(&parameters, 0, TLV_UNIVERSAL, true, TLV_SET);
    if (err == ERR_OK)
        err = wrap_extended(p, IPM_OID_ET_GENERAL_TEXT, IPM_OID_EP_GENERAL_TEXT, buf_bytes(&parameters));
    buf_free(&parameters);
    return err;
}

// p holds the octets, or says how many follow: one EXTERNAL, octet-aligned.
static int file_part(struct ipm_writer *w, struct piece *p, const struct ipm_part_out *part) {
    struct buf parameters = {0};
    int err = ipm_file_parameters_encode(part, p->front.len + p->data, &parameters);
    if (err == ERR_OK)
        err = wrap(p, TLV_CONTEXT, 1, false); // octet-aligned
    if (err == ERR_OK)
        err = prepend_oid(p, IPM_OID_UNSTRUCTURED_BINARY);
    if (err == ERR_OK)
        err = wrap(p, TLV_UNIVERSAL, TLV_EXTERNAL, true);
    if (err == ERR_OK)
        err = wrap(p, TLV_UNIVERSAL, TLV_SEQUENCE, true);
    if (err == ERR_OK)
        err = wrap_extended(p, IPM_OID_ET_FILE_TRANSFER, IPM_OID_EP_FILE_TRANSFER, buf_bytes(&parameters));
    if (err == ERR_OK)
        err = add_eit(w, IPM_OID_EIT_FILE_TRANSFER);
    buf_free(&parameters);
    return err;
}

static int text_part(struct ipm_writer *w, struct piece *p, const struct ipm_part_out *part) {
    struct buf text = {0};
    if (!charset_utf8_valid(part->text))
        return ERR_SYNTAX;
    int err = with_crlf(part->text, &text);
    unsigned registration = err == ERR_OK ? charset_smallest(buf_bytes(&text)) : 0;
    if (err == ERR_OK && registration == 6) {
        err = ia5_part(w, p, buf_bytes(&text));
    } else if (err == ERR_OK && registration != 0) {
        err = general_part(w, p, buf_bytes(&text), registration);
    } else if (err == ERR_OK) {
        err = buf_append(&p->front, text.mem + text.off, text.len);
        if (err == ERR_OK)
            err = file_part(w, p, part);
    }
    buf_free(&text);
    return err;
}

static int one_part(struct ipm_writer *w, struct piece *p, const struct ipm_part_out *part) {
    if (part->file_name != NULL && !charset_utf8_valid(bytes_str(part->file_name)))
        return ERR_SYNTAX;
    if (part->is_text)
        return text_part(w, p, part);
    if (part->file_name == NULL || part->read == NULL)
        return ERR_SYNTAX;
    if (part->size > INT64_MAX / 2)
        return ERR_LIMIT;
    p->data = part->size;
    p->read = part->read;
    p->ctx = part->ctx;
    return file_part(w, p, part);
}

static int encode_all(struct ipm_writer *w, const struct ipm_heading *heading, const struct ipm_part_out *parts) {
    int err = ERR_OK;
    uint64_t body = 0;
    for (size_t i = 1; i < w->n_pieces && err == ERR_OK; i++) {
        struct piece *p = &w->pieces[i];
        err = one_part(w, p, &parts[i - 1]);
        body += p->front.len + p->data;
        if (body > INT64_MAX / 2)
            err = ERR_LIMIT;
    }
    struct piece *first = &w->pieces[0];
    if (err == ERR_OK)
        err = ipm_heading_encode(heading, &first->front);
    if (err == ERR_OK)
        err = tlv_put_header(&first->front, TLV_UNIVERSAL, true, TLV_SEQUENCE, body);
    if (err < 0)
        return err;
    first->data = body; // for the length of the whole only
    err = wrap(first, TLV_CONTEXT, 0, true);
    first->data = 0;
    w->length = first->front.len + body;
    return err;
}

int ipm_writer_new(struct ipm_writer **out, const struct ipm_heading *heading, const struct ipm_part_out *parts,
                   size_t n_parts) {
    struct ipm_writer *w = mem_calloc(1, sizeof *w);
    *out = NULL;
    if (w == NULL)
        return ERR_NOMEM;
    w->n_pieces = n_parts + 1;
    w->pieces = mem_calloc(w->n_pieces, sizeof *w->pieces);
    int err = w->pieces == NULL ? ERR_NOMEM : encode_all(w, heading, parts);
    if (err < 0) {
        ipm_writer_free(w);
        return err;
    }
    *out = w;
    return ERR_OK;
}

void ipm_writer_free(struct ipm_writer *w) {
    if (w == NULL)
        return;
    for (size_t i = 0; w->pieces != NULL && i < w->n_pieces; i++)
        buf_free(&w->pieces[i].front);
    mem_free(w->pieces);
    arena_free(&w->arena);
    mem_free(w);
}

uint64_t ipm_writer_length(const struct ipm_writer *w) {
    return w->length;
}

const struct ipm_eits *ipm_writer_eits(const struct ipm_writer *w) {
    return &w->eits;
}

// ---- the octets ----

// Some octets of the current piece, at least one unless it is complete.
static int piece_read(struct ipm_writer *w, struct piece *p, uint8_t *out, size_t cap, size_t *n) {
    *n = 0;
    if (w->done < p->front.len) {
        size_t left = p->front.len - (size_t)w->done;
        *n = left < cap ? left : cap;
        memcpy(out, p->front.mem + p->front.off + w->done, *n);
        return ERR_OK;
    }
    uint64_t left = p->front.len + p->data - w->done;
    if (left == 0) {
        uint8_t more;
        ptrdiff_t got = p->read != NULL ? p->read(p->ctx, &more, 1) : 0;
        return got == 0 ? ERR_OK : got > 0 ? ERR_LIMIT : (int)got;
    }
    ptrdiff_t got = p->read(p->ctx, out, left < cap ? (size_t)left : cap);
    if (got <= 0)
        return got == 0 ? ERR_SHORT : (int)got;
    *n = (size_t)got;
    return ERR_OK;
}

int ipm_writer_read(struct ipm_writer *w, uint8_t *out, size_t cap, size_t *n) {
    *n = 0;
    while (w->err == ERR_OK && *n < cap && w->at < w->n_pieces) {
        size_t got;
        w->err = piece_read(w, &w->pieces[w->at], out + *n, cap - *n, &got);
        *n += got;
        w->done += got;
        if (w->err == ERR_OK && got == 0) {
            w->at++;
            w->done = 0;
        }
    }
    return w->err;
}
