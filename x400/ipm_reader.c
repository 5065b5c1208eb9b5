// SPDX-License-Identifier: BSD-2-Clause
// Reads an interpersonal message with the push scanner. Every open element has a role, which decides what its members
// are; headings, parameters and notifications are collected and decoded, data pass through. A part is announced when its
// data begin, so that its parameters (which come before) are known. Forwarded messages push a level.
// P2 of 1984 needs no switch of its own: its tags are those of P22, as far as it goes.
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "x400/ipm_internal.h"

enum {
    LEVELS_MAX = 16,
    LEVELS_DEFAULT = 8,
    COLLECT_DEFAULT = 1 << 20,
    PARTS_DEFAULT = 1000,
    ARENA_FACTOR = 16, // a decoded heading takes more room than its encoding
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
    ROLE_CONTENT,    // an InformationObject as a body part
    ROLE_FILES,      // EXTERNALs of a file
    ROLE_FILE,       // one of them
    ROLE_FILE_VALUE, // its single-ASN1-type
    ROLE_OCTETS,     // data of the part, possibly in segments
    ROLE_BITS,       // the same in a BIT STRING
    ROLE_RAW,        // data of the part, encoding and all
    ROLE_SKIP
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
    char part_number[NUMBER_SIZE];
    unsigned long parts;
    bool open;           // the part is announced
    struct ipm_part part; // the one being read
    struct ipm_text text;
    struct arena arena; // of the part
};

struct ipm_reader {
    const struct ipm_reader_user *user;
    void *ctx;
    struct ipm_limits limits;
    struct tlv_stream scan;
    struct frame frames[TLV_DEPTH_MAX];
    struct level *levels;
    unsigned level;
    unsigned long parts; // on all levels
    struct arena heading_arena;
    struct buf utf8;
    int err;
};

static struct level *current(struct ipm_reader *r) { return &r->levels[r->level]; }

// ---- the part being read ----

static int part_start(struct ipm_reader *r, enum ipm_part_kind kind, const char *type_name) {
    struct level *l = current(r);
    if (++r->parts > r->limits.parts)
        return ERR_LIMIT;
    l->parts++;
    snprintf(l->part_number, sizeof l->part_number, "%s%s%lu", l->number, l->number[0] ? "." : "", l->parts);
    arena_free(&l->arena);
    l->open = false;
    l->part = (struct ipm_part){.kind = kind, .number = l->part_number, .level = r->level, .type_name = type_name};
    l->part.size = -1;
    ipm_text_init(&l->text, IPM_REP_IA5);
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
    return r->user->part_begin != NULL ? r->user->part_begin(r->ctx, &l->part) : ERR_OK;
}

static int part_emit(struct ipm_reader *r, struct bytes piece) {
    const struct ipm_part *p = &current(r)->part;
    return piece.n > 0 && r->user->part_data != NULL ? r->user->part_data(r->ctx, p, piece) : ERR_OK;
}

static int part_data(struct ipm_reader *r, struct bytes piece) {
    struct level *l = current(r);
    if (!l->part.is_text)
        return part_emit(r, piece);
    buf_clear(&r->utf8);
    int err = ipm_text_feed(&l->text, piece, &r->utf8);
    return err < 0 ? err : part_emit(r, buf_bytes(&r->utf8));
}

static int part_finish(struct ipm_reader *r) {
    struct level *l = current(r);
    int err = part_open(r);
    if (err == ERR_OK && l->part.is_text) {
        buf_clear(&r->utf8);
        err = ipm_text_flush(&l->text, &r->utf8);
        if (err == ERR_OK)
            err = part_emit(r, buf_bytes(&r->utf8));
    }
    if (err < 0 || r->user->part_end == NULL)
        return err;
    return r->user->part_end(r->ctx, &l->part, l->text.warnings);
}

static void part_is_text(struct level *l, enum ipm_repertoire repertoire) {
    l->part.is_text = true;
    l->text.repertoire = repertoire;
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
    static const char *const names[] = {"ia5-text",           "telex",     "voice",        "g3fax",     "g4-class1",
                                        "teletex",            "videotex",  "nationally-defined", "encrypted", "message",
                                        "simple-formattable", "mixed-mode"};
    const char *name = t->cls == TLV_CONTEXT && t->tag < 12 ? names[t->tag] : "unknown";
    int err = part_start(r, IPM_PART_OPAQUE, name);
    if (err < 0)
        return err;
    struct level *l = current(r);
    if (t->cls != TLV_CONTEXT)
        return part_raw(r);
    switch (t->tag) {
    case 0: l->part.kind = IPM_PART_IA5_TEXT; part_is_text(l, IPM_REP_IA5); return ROLE_IA5;
    case 5: l->part.kind = IPM_PART_TELETEX; part_is_text(l, IPM_REP_T61); return ROLE_TELETEX;
    case 9:
        if (r->level + 1 >= r->limits.forwarded_depth)
            return part_raw(r);
        l->part.kind = IPM_PART_MESSAGE;
        return ROLE_MESSAGE;
    case 14:
        l->part.kind = IPM_PART_BILATERAL;
        l->part.type_name = "bilaterally-defined";
        return ROLE_OCTETS;
    case 15: l->part.type_name = "externally-defined"; return ROLE_EXTENDED;
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
    case IPM_PART_IA5_TEXT: part_is_text(l, IPM_REP_IA5); break;
    case IPM_PART_TELETEX: part_is_text(l, IPM_REP_T61); break;
    case IPM_PART_GENERAL_TEXT: part_is_text(l, IPM_REP_ISO2022); break;
    case IPM_PART_FILE:
        if (l->part.is_text)
            part_is_text(l, IPM_REP_UTF8);
        break;
    default: l->part.is_text = false; break;
    }
}

static bool is_string(const struct tlv *t) {
    return t->cls == TLV_UNIVERSAL && (t->tag == TLV_OCTET_STRING || t->tag == 12 ||
                                       (t->tag >= TLV_NUMERIC_STRING && t->tag <= TLV_IA5_STRING) ||
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
    memcpy(inner->number, l->part_number, sizeof inner->number);
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

// Members of the two kinds of EXTERNAL.
static int external_member(struct ipm_reader *r, const struct tlv *t, bool file) {
    if (tlv_is(t, TLV_UNIVERSAL, TLV_OID))
        return file ? ROLE_SKIP : TLV_COLLECT + 256;
    if (t->cls != TLV_CONTEXT)
        return ROLE_SKIP; // indirect-reference, data-value-descriptor
    if (t->tag == 0 && t->constructed)
        return file ? ROLE_FILE_VALUE : ROLE_EXT_VALUE;
    if (!file && t->tag <= 2 && !current(r)->open) {
        struct level *l = current(r); // octets that are the encoding of the value, for an unknown type anything
        l->part.octets_are_ber = l->part.kind != IPM_PART_OPAQUE || strcmp(l->part.type_name, "externally-defined");
        l->part.kind = IPM_PART_OPAQUE;
        l->part.is_text = false;
    }
    return t->tag == 1 ? ROLE_OCTETS : t->tag == 2 ? ROLE_BITS : ERR_SYNTAX;
}

enum { COLLECT = TLV_COLLECT + 256 }; // as a role: gather it

// The role of an element within one of `parent`, or COLLECT, or an error. nth counts from 0.
static int member_role(struct ipm_reader *r, enum role parent, uint32_t nth, const struct tlv *t) {
    bool universal = t->cls == TLV_UNIVERSAL;
    bool set = universal && t->tag == TLV_SET && t->constructed;
    bool sequence = universal && t->tag == TLV_SEQUENCE && t->constructed;
    switch (parent) {
    case ROLE_IPM: return nth == 0 && set ? COLLECT : nth == 1 && sequence ? ROLE_BODY : ERR_SYNTAX;
    case ROLE_BODY: return body_part(r, t);
    case ROLE_IA5: return set ? COLLECT : universal && is_string(t) ? ROLE_OCTETS : ERR_SYNTAX;
    case ROLE_TELETEX: return set ? COLLECT : sequence ? ROLE_PAGES : ERR_SYNTAX;
    case ROLE_PAGES: return is_string(t) ? ROLE_OCTETS : ERR_SYNTAX;
    case ROLE_MESSAGE: return set ? COLLECT : sequence && nth <= 1 ? message_value(r) : ERR_SYNTAX;
    case ROLE_EXTENDED:
        if (nth == 0 && tlv_is(t, TLV_CONTEXT, 0) && t->constructed)
            return COLLECT;
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
    case ROLE_CONTENT: break;
    }
    return ERR_SYNTAX;
}
