// SPDX-License-Identifier: BSD-2-Clause
// Reads an interpersonal message with the push scanner. Every open element has a role, which decides what its members
// are; headings, parameters and notifications are collected and decoded, data pass through. A part is announced when
// its data begin, so that its parameters (which come before) are known. Forwarded messages push a level. P2 of 1984
// needs no switch of its own: its tags are those of P22, as far as it goes.
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "x400/ipm_internal.h"

enum {
    LEVELS_MAX = 16,
    LEVELS_DEFAULT = 8,
    COLLECT_DEFAULT = 8 << 20, // a heading may name all recipients that P1 allows
    PARTS_DEFAULT = 1000,
    ARENA_FACTOR = 4, // a decoded heading takes more room than its encoding
    ARENA_LEAST = 64 * 1024,
    NUMBER_SIZE = 12 * (LEVELS_MAX + 1)
};

enum role {
    ROLE_IPM,        // heading, body
    ROLE_BODY,       // body parts
    ROLE_IA5,        // parameters, string
    ROLE_TELETEX,    // parameters, pages
    ROLE_PAGES,      // strings
    ROLE_MESSAGE,    // parameters, IPM
    ROLE_EXTENDED,   // parameters, EXTERNAL
    ROLE_EXT_DATA,   // object identifier, value
    ROLE_EXT_VALUE,  // [0]: one value of the type that the identifier names
    ROLE_FILES,      // EXTERNALs of a file
    ROLE_FILE,       // one of them
    ROLE_FILE_VALUE, // its single-ASN1-type
    ROLE_OCTETS,     // data of the part, possibly in segments
    ROLE_BITS,       // the same in a BIT STRING
    ROLE_RAW,        // data of the part, encoding and all
    ROLE_SKIP,
    ROLE_COLLECT // gathered whole and decoded, has no frame
};

struct frame {
    uint8_t role;
    bool indefinite;
    bool part;        // its end is the end of a part
    bool message;     // its end is the end of a forwarded IPM
    uint32_t members; // seen so far
};

// One message: the outermost, or a forwarded one.
struct level {
    char number[NUMBER_SIZE]; // of the part that it is in, "" for the outermost
    char part_number[NUMBER_SIZE + 12];
    unsigned parts;
    bool open;            // the part is announced
    struct ipm_part part; // the one being read
    enum charset_kind charset;
    struct ipm_registrations registrations;
    struct charset_decoder *decoder; // while a text is open
    struct arena arena;              // of the part
};

struct ipm_reader {
    const struct ipm_reader_user *user;
    void *ctx;
    struct ipm_limits limits;
    struct tlv_stream scan;
    struct frame frames[TLV_DEPTH_MAX];
    struct level *levels;
    unsigned level;
    unsigned parts; // on all levels
    struct arena heading_arena;
    struct buf utf8;
    int err;
};

static struct level *current(struct ipm_reader *r) {
    return &r->levels[r->level];
}

// ---- the part being read ----

static int part_start(struct ipm_reader *r, enum ipm_part_kind kind, const char *type_name) {
    struct level *l = current(r);
    if (++r->parts > r->limits.parts)
        return ERR_LIMIT;
    l->parts++;
    snprintf(l->part_number, sizeof l->part_number, "%s%s%u", l->number, l->number[0] ? "." : "", l->parts);
    arena_free(&l->arena);
    l->open = false;
    l->part = (struct ipm_part){.kind = kind, .number = l->part_number, .level = r->level, .type_name = type_name};
    l->part.size = -1;
    l->registrations.n = 0;
    return ERR_OK;
}

static const char *fallback_name(struct level *l) {
    const struct ipm_part *p = &l->part;
    if (p->is_text)
        return arena_printf(&l->arena, "body-%s.txt", p->number);
    if (p->kind == IPM_PART_MESSAGE)
        return arena_printf(&l->arena, "message-%s", p->number);
    if (!p->octets_are_ber)
        return arena_printf(&l->arena, "part-%s.bin", p->number);
    return arena_printf(&l->arena, "part-%s.%s.ber", p->number, p->type_name);
}

static int part_open(struct ipm_reader *r) {
    struct level *l = current(r);
    if (l->open)
        return ERR_OK;
    l->open = true;
    l->part.fallback_name = fallback_name(l);
    if (l->part.fallback_name == NULL)
        return ERR_NOMEM;
    if (l->part.is_text)
        l->decoder = charset_decoder_new(l->charset, l->registrations.set, l->registrations.n);
    if (l->part.is_text && l->decoder == NULL)
        return ERR_NOMEM;
    return r->user->part_begin != NULL ? r->user->part_begin(r->ctx, &l->part) : ERR_OK;
}

static int part_emit(struct ipm_reader *r, struct bytes piece) {
    const struct ipm_part *p = &current(r)->part;
    return piece.n > 0 && r->user->part_data != NULL ? r->user->part_data(r->ctx, p, piece) : ERR_OK;
}

static int part_text(struct ipm_reader *r, struct bytes piece, bool last) {
    buf_clear(&r->utf8);
    int err = charset_decoder_feed(current(r)->decoder, piece, last, &r->utf8);
    return err < 0 ? err : part_emit(r, buf_bytes(&r->utf8));
}

static int part_data(struct ipm_reader *r, struct bytes piece) {
    return current(r)->part.is_text ? part_text(r, piece, false) : part_emit(r, piece);
}

static int part_finish(struct ipm_reader *r) {
    struct level *l = current(r);
    int err = part_open(r);
    uint64_t warnings = 0;
    if (err == ERR_OK && l->part.is_text) {
        err = part_text(r, bytes_of(NULL, 0), true);
        warnings = charset_decoder_lost(l->decoder);
        charset_decoder_free(l->decoder);
        l->decoder = NULL;
    }
    if (err < 0 || r->user->part_end == NULL)
        return err;
    return r->user->part_end(r->ctx, &l->part, warnings);
}

static void part_is_text(struct level *l, enum charset_kind charset) {
    l->part.is_text = true;
    l->charset = charset;
}

// From here on the part is stored as it is encoded.
static int part_raw(struct ipm_reader *r) {
    struct level *l = current(r);
    if (!l->open) {
        if (l->part.kind != IPM_PART_FILE)
            l->part.kind = IPM_PART_OPAQUE;
        l->part.octets_are_ber = true;
        l->part.is_text = false;
    }
    return ROLE_RAW;
}

// ---- elements as they begin ----

// The header that the scanner saw, to the octet: BER leaves only the number of length octets open, and hdr tells it.
static size_t header_octets(const struct tlv *t, uint8_t out[TLV_HEADER_MAX]) {
    size_t n = 1;
    out[0] = (uint8_t)(t->cls << 6 | (t->constructed ? 0x20 : 0));
    if (t->tag < 31) {
        out[0] |= (uint8_t)t->tag;
    } else {
        out[0] |= 31;
        for (int shift = 28; shift >= 0; shift -= 7)
            if (t->tag >> shift != 0)
                out[n++] = (uint8_t)((t->tag >> shift & 0x7F) | (shift ? 0x80 : 0));
    }
    size_t more = t->hdr - n - 1;
    if (t->indefinite || more > 0)
        out[n++] = (uint8_t)(0x80 | more);
    else
        out[n++] = (uint8_t)t->len;
    for (; more > 0; more--)
        out[n++] = (uint8_t)(more > 8 ? 0 : t->len >> (8 * (more - 1)));
    return n;
}

static int body_part(struct ipm_reader *r, const struct tlv *t) {
    static const char *const names[] = {"ia5-text",
                                        "telex",
                                        "voice",
                                        "g3fax",
                                        "g4-class1",
                                        "teletex",
                                        "videotex",
                                        "nationally-defined",
                                        "encrypted",
                                        "message",
                                        "simple-formattable",
                                        "mixed-mode",
                                        "oda",
                                        "unknown",
                                        "bilaterally-defined",
                                        "externally-defined"};
    const char *name = t->cls == TLV_CONTEXT && t->tag < 16 ? names[t->tag] : "unknown";
    int err = part_start(r, IPM_PART_OPAQUE, name);
    if (err < 0)
        return err;
    struct level *l = current(r);
    if (t->cls != TLV_CONTEXT || (r->limits.keep_basic && t->tag != 9 && t->tag != 15))
        return part_raw(r);
    switch (t->tag) {
    case 0:
        l->part.kind = IPM_PART_IA5_TEXT;
        part_is_text(l, CHARSET_IA5);
        return ROLE_IA5;
    case 5:
        l->part.kind = IPM_PART_TELETEX;
        part_is_text(l, CHARSET_T61);
        return ROLE_TELETEX;
    case 9:
        if (r->level + 1 >= r->limits.forwarded_depth)
            return part_raw(r);
        l->part.kind = IPM_PART_MESSAGE;
        return ROLE_MESSAGE;
    case 14: l->part.kind = IPM_PART_BILATERAL; return ROLE_OCTETS;
    case 15: return ROLE_EXTENDED;
    default: return part_raw(r);
    }
}

// What the object identifier of an externally defined body part says about it.
static void extended_type(struct level *l) {
    static const struct {
        const char *oid, *name;
        enum ipm_part_kind kind;
    } types[] = {{IPM_OID_ET_IA5_TEXT, "ia5-text", IPM_PART_IA5_TEXT},
                 {IPM_OID_ET "2", "g3fax", IPM_PART_OPAQUE},
                 {IPM_OID_ET "3", "g4-class1", IPM_PART_OPAQUE},
                 {IPM_OID_ET_TELETEX, "teletex", IPM_PART_TELETEX},
                 {IPM_OID_ET "5", "videotex", IPM_PART_OPAQUE},
                 {IPM_OID_ET "6", "encrypted", IPM_PART_OPAQUE},
                 {IPM_OID_ET_MESSAGE, "message", IPM_PART_MESSAGE},
                 {IPM_OID_ET "8", "mixed-mode", IPM_PART_OPAQUE},
                 {IPM_OID_ET_BILATERAL, "bilaterally-defined", IPM_PART_BILATERAL},
                 {IPM_OID_ET_GENERAL_TEXT, "general-text", IPM_PART_GENERAL_TEXT},
                 {IPM_OID_ET_FILE_TRANSFER, "file-transfer", IPM_PART_FILE},
                 {IPM_OID_ET "14", "report", IPM_PART_OPAQUE},
                 {IPM_OID_ET "15", "notification", IPM_PART_OPAQUE},
                 {IPM_OID_ET "16", "voice", IPM_PART_OPAQUE},
                 {IPM_OID_ET_CONTENT_P2, "message", IPM_PART_MESSAGE},
                 {IPM_OID_ET_CONTENT_P22, "message", IPM_PART_MESSAGE},
                 {IPM_OID_ET "18", "pkcs7", IPM_PART_OPAQUE}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(l->part.oid, types[i].oid) == 0) {
            l->part.kind = types[i].kind;
            l->part.type_name = types[i].name;
        }
    switch (l->part.kind) {
    case IPM_PART_IA5_TEXT: part_is_text(l, CHARSET_IA5); break;
    case IPM_PART_TELETEX: part_is_text(l, CHARSET_T61); break;
    case IPM_PART_GENERAL_TEXT: part_is_text(l, CHARSET_GENERAL); break;
    case IPM_PART_FILE:
        if (l->part.is_text)
            part_is_text(l, CHARSET_UTF8);
        break;
    default: l->part.is_text = false; break;
    }
}

// parameters [0] of an externally defined body part: an EXTERNAL. They come before the type is known for sure, but name
// it.
static void extended_parameters(struct level *l, struct bytes value) {
    struct tlv t;
    struct bytes oid, single;
    if (tlv_find(value, TLV_UNIVERSAL, TLV_OID, &t, &oid) < 0 || tlv_find(value, TLV_CONTEXT, 0, &t, &single) < 0)
        return;
    const char *name = ipm_oid_string(&l->arena, oid);
    if (name == NULL)
        return;
    if (strcmp(name, IPM_OID_EP_FILE_TRANSFER) == 0)
        ipm_part_file_parameters(&l->arena, single, &l->part);
    else if (strcmp(name, IPM_OID_EP_GENERAL_TEXT) == 0)
        ipm_part_general_parameters(single, &l->registrations);
    else if (strcmp(name, IPM_OID_EP "7") == 0)
        ipm_part_message_parameters(&l->arena, single, &l->part);
}

static bool is_string(const struct tlv *t) {
    return t->cls == TLV_UNIVERSAL &&
           (t->tag == TLV_OCTET_STRING || t->tag == 12 || (t->tag >= TLV_NUMERIC_STRING && t->tag <= TLV_IA5_STRING) ||
            (t->tag >= TLV_GRAPHIC_STRING && t->tag <= TLV_GENERAL_STRING));
}

static int message_value(struct ipm_reader *r) {
    struct level *l = current(r);
    if (r->level + 1 >= r->limits.forwarded_depth)
        return part_raw(r);
    int err = part_open(r);
    if (err < 0)
        return err;
    r->level++;
    struct level *inner = current(r);
    snprintf(inner->number, sizeof inner->number, "%.*s", NUMBER_SIZE - 1, l->part_number);
    inner->parts = 0;
    return ROLE_IPM;
}

// The value of an externally defined body part, in the type that its object identifier names.
static int extended_value(struct ipm_reader *r, const struct tlv *t) {
    struct level *l = current(r);
    if (l->open) // a second value
        return ERR_SYNTAX;
    bool sequence = tlv_is(t, TLV_UNIVERSAL, TLV_SEQUENCE) && t->constructed;
    switch (l->part.kind) {
    case IPM_PART_IA5_TEXT:
    case IPM_PART_GENERAL_TEXT: return is_string(t) ? ROLE_OCTETS : part_raw(r);
    case IPM_PART_TELETEX: return sequence ? ROLE_PAGES : part_raw(r);
    case IPM_PART_FILE: return sequence ? ROLE_FILES : part_raw(r);
    case IPM_PART_MESSAGE:
        if (sequence)
            return message_value(r);
        return tlv_is(t, TLV_CONTEXT, 0) && t->constructed ? message_value(r) : part_raw(r);
    default: return tlv_is(t, TLV_UNIVERSAL, TLV_OCTET_STRING) ? ROLE_OCTETS : part_raw(r);
    }
}

// Pages of teletex are told apart by a form feed.
static int page_break(struct ipm_reader *r) {
    int err = part_data(r, bytes_str("\f"));
    return err < 0 ? err : ROLE_OCTETS;
}

// Members of the two kinds of EXTERNAL.
static int external_member(struct ipm_reader *r, const struct tlv *t, bool file) {
    const struct level *l = current(r);
    if (tlv_is(t, TLV_UNIVERSAL, TLV_OID) && !file) // the type: once, and before the value
        return l->open || l->part.oid != NULL ? ERR_SYNTAX : ROLE_COLLECT;
    if (tlv_is(t, TLV_UNIVERSAL, TLV_OID))
        return ROLE_SKIP;
    if (t->cls != TLV_CONTEXT)
        return ROLE_SKIP; // indirect-reference, data-value-descriptor
    if (t->tag == 0 && t->constructed)
        return file ? ROLE_FILE_VALUE : ROLE_EXT_VALUE;
    if (!file && l->open) // a second value
        return ERR_SYNTAX;
    if (!file) {
        struct ipm_part *p =
            &current(r)->part; // octets that are the encoding of the value, for an unknown type anything
        p->octets_are_ber = p->kind != IPM_PART_OPAQUE || strcmp(p->type_name, "externally-defined");
        p->kind = IPM_PART_OPAQUE;
        p->is_text = false;
    }
    return t->tag == 1 ? ROLE_OCTETS : t->tag == 2 ? ROLE_BITS : ERR_SYNTAX;
}

// The role of an element within one of `parent`, or an error. nth counts from 0.
static int member_role(struct ipm_reader *r, enum role parent, uint32_t nth, const struct tlv *t) {
    bool universal = t->cls == TLV_UNIVERSAL;
    bool set = universal && t->tag == TLV_SET && t->constructed && nth == 0;
    bool sequence = universal && t->tag == TLV_SEQUENCE && t->constructed;
    switch (parent) {
    case ROLE_IPM: return set ? ROLE_COLLECT : nth == 1 && sequence ? ROLE_BODY : ERR_SYNTAX;
    case ROLE_BODY: return body_part(r, t);
    case ROLE_IA5: return set ? ROLE_COLLECT : universal && is_string(t) ? ROLE_OCTETS : ERR_SYNTAX;
    case ROLE_TELETEX: return set ? ROLE_COLLECT : sequence ? ROLE_PAGES : ERR_SYNTAX;
    case ROLE_PAGES: return !is_string(t) ? ERR_SYNTAX : nth > 0 ? page_break(r) : ROLE_OCTETS;
    case ROLE_MESSAGE: return set ? ROLE_COLLECT : sequence && nth <= 1 ? message_value(r) : ERR_SYNTAX;
    case ROLE_EXTENDED:
        if (nth == 0 && tlv_is(t, TLV_CONTEXT, 0) && t->constructed)
            return ROLE_COLLECT;
        return nth <= 1 && tlv_is(t, TLV_UNIVERSAL, TLV_EXTERNAL) && t->constructed ? ROLE_EXT_DATA : ERR_SYNTAX;
    case ROLE_EXT_DATA: return external_member(r, t, false);
    case ROLE_EXT_VALUE: return extended_value(r, t);
    case ROLE_FILES: return tlv_is(t, TLV_UNIVERSAL, TLV_EXTERNAL) && t->constructed ? ROLE_FILE : ERR_SYNTAX;
    case ROLE_FILE: return external_member(r, t, true);
    case ROLE_FILE_VALUE: return is_string(t) ? ROLE_OCTETS : part_raw(r);
    case ROLE_OCTETS:
    case ROLE_BITS:
    case ROLE_RAW:
    case ROLE_SKIP: return (int)parent;
    case ROLE_COLLECT: break;
    }
    return ERR_SYNTAX;
}

// ---- the scanner's callbacks ----

static int outermost_role(const struct tlv *t) {
    if (t->cls != TLV_CONTEXT || t->tag > 1 || !t->constructed)
        return ERR_SYNTAX;
    return t->tag == 0 ? ROLE_IPM : ROLE_COLLECT;
}

static int on_begin(void *ctx, unsigned depth, const struct tlv *t) {
    struct ipm_reader *r = ctx;
    struct frame *f = &r->frames[depth], *parent = depth > 0 ? f - 1 : NULL;
    unsigned level = r->level;
    int role = parent != NULL ? member_role(r, parent->role, parent->members, t) : outermost_role(t);
    if (role < 0)
        return role;
    if (parent != NULL)
        parent->members++;
    if (role == ROLE_COLLECT)
        return TLV_COLLECT;
    *f = (struct frame){.role = (uint8_t)role, .indefinite = t->indefinite};
    f->part = parent != NULL && parent->role == ROLE_BODY;
    f->message = r->level > level;
    if (role != ROLE_OCTETS && role != ROLE_BITS && role != ROLE_RAW)
        return ERR_OK;
    int err = part_open(r);
    if (err < 0 || role != ROLE_RAW)
        return err;
    uint8_t header[TLV_HEADER_MAX];
    return part_data(r, bytes_of(header, header_octets(t, header)));
}

static int on_data(void *ctx, unsigned depth, struct bytes piece) {
    struct ipm_reader *r = ctx;
    struct frame *f = &r->frames[depth];
    if (f->role == ROLE_BITS && f->members++ == 0 && piece.n > 0) // the octet that counts unused bits
        piece = bytes_of(piece.p + 1, piece.n - 1);
    if (f->role == ROLE_OCTETS || f->role == ROLE_BITS || f->role == ROLE_RAW)
        return part_data(r, piece);
    return f->role == ROLE_SKIP ? ERR_OK : ERR_SYNTAX;
}

static int on_end(void *ctx, unsigned depth) {
    struct ipm_reader *r = ctx;
    const struct frame *f = &r->frames[depth];
    if (f->role == ROLE_IPM && f->members != 2)
        return ERR_SYNTAX;
    if (f->role == ROLE_RAW && f->indefinite) {
        int err = part_data(r, bytes_of("\0\0", 2));
        if (err < 0)
            return err;
    }
    if (f->message)
        r->level--;
    return f->part ? part_finish(r) : ERR_OK;
}

static int heading_whole(struct ipm_reader *r, struct bytes value) {
    struct ipm_heading h;
    arena_free(&r->heading_arena);
    int err = ipm_heading_decode(&r->heading_arena, value, &h);
    if (err < 0 || r->user->heading == NULL)
        return err;
    return r->user->heading(r->ctx, current(r)->number, r->level, &h);
}

static int notification_whole(struct ipm_reader *r, struct bytes value) {
    struct ipm_notification n;
    arena_free(&r->heading_arena);
    int err = ipm_notification_decode(&r->heading_arena, value, &n);
    if (err < 0 || r->user->notification == NULL)
        return err;
    return r->user->notification(r->ctx, &n);
}

static int on_whole(void *ctx, unsigned depth, const struct tlv *t, struct bytes whole) {
    struct ipm_reader *r = ctx;
    struct level *l = current(r);
    struct tlv same = *t;
    struct bytes value;
    struct cursor c = cursor_of(whole);
    int err = tlv_next(&c, &same, NULL, &value);
    if (err < 0)
        return ERR_SYNTAX;
    if (depth == 0)
        return notification_whole(r, value);
    switch ((enum role)r->frames[depth - 1].role) {
    case ROLE_IPM: return heading_whole(r, value);
    case ROLE_MESSAGE: ipm_part_message_parameters(&l->arena, value, &l->part); break;
    case ROLE_EXTENDED: extended_parameters(l, value); break;
    case ROLE_EXT_DATA:
        l->part.oid = ipm_oid_string(&l->arena, value);
        if (l->part.oid == NULL)
            return ERR_NOMEM;
        extended_type(l);
        break;
    default: break; // parameters of texts say nothing that is needed
    }
    return ERR_OK;
}

// ---- the outside ----

struct ipm_reader *ipm_reader_new(const struct ipm_reader_user *user, void *ctx, const struct ipm_limits *limits) {
    static const struct tlv_stream_user scan_user = {on_begin, on_data, on_end, on_whole};
    struct ipm_reader *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->user = user;
    r->ctx = ctx;
    if (limits != NULL)
        r->limits = *limits;
    if (r->limits.forwarded_depth == 0)
        r->limits.forwarded_depth = LEVELS_DEFAULT;
    if (r->limits.forwarded_depth > LEVELS_MAX)
        r->limits.forwarded_depth = LEVELS_MAX;
    if (r->limits.collect == 0)
        r->limits.collect = COLLECT_DEFAULT;
    if (r->limits.parts == 0)
        r->limits.parts = PARTS_DEFAULT;
    r->levels = mem_calloc(r->limits.forwarded_depth, sizeof *r->levels);
    if (r->levels == NULL) {
        mem_free(r);
        return NULL;
    }
    arena_init(&r->heading_arena, r->limits.collect * ARENA_FACTOR + ARENA_LEAST);
    for (unsigned i = 0; i < r->limits.forwarded_depth; i++)
        arena_init(&r->levels[i].arena, r->limits.collect * ARENA_FACTOR + ARENA_LEAST);
    tlv_stream_init(&r->scan, &scan_user, r, &(struct tlv_limits){.depth = TLV_DEPTH_MAX}, r->limits.collect);
    return r;
}

void ipm_reader_free(struct ipm_reader *r) {
    if (r == NULL)
        return;
    for (unsigned i = 0; i < r->limits.forwarded_depth; i++) {
        charset_decoder_free(r->levels[i].decoder);
        arena_free(&r->levels[i].arena);
    }
    mem_free(r->levels);
    arena_free(&r->heading_arena);
    buf_free(&r->utf8);
    tlv_stream_free(&r->scan);
    mem_free(r);
}

int ipm_reader_feed(struct ipm_reader *r, struct bytes piece) {
    size_t used = 0;
    if (r->err == ERR_OK && piece.n > 0 && !r->scan.done)
        r->err = tlv_stream_feed(&r->scan, piece, &used);
    if (r->err == ERR_OK && used < piece.n)
        r->err = ERR_SYNTAX;
    return r->err;
}

int ipm_reader_end(struct ipm_reader *r) {
    if (r->err == ERR_OK && !r->scan.done)
        r->err = ERR_SHORT;
    return r->err;
}
