// SPDX-License-Identifier: BSD-2-Clause
// Headings and notifications of P22 as those of P2 (the tags are the same as far as P2 goes): a walk over the members
// that copies what 1984 has and looks into names. A name that cannot be downgraded becomes a free-form name, so that
// its reader sees it at least; then nothing can be requested of its owner, as the requests need the O/R name. In a
// message's identifier it is left out. A returned message is not sent along.
#include "asn1/tlv.h"
#include "x400/charset.h"
#include "x400/downgrade_internal.h"

enum {
    HEADING_LAST = 14, // auto-forwarded
    REQUESTS_KNOWN = 7,
    DISCARD_REASON_LAST = 2,
    FREE_FORM_MAX = 64
};

struct walk {
    struct arena a; // of one name at a time
    const struct downgrade_options *o;
    struct buf *out;
};

typedef int put_fn(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value);

// Calls put for each member of value, and closes what it wrote with the element's own tag.
static int put_inside(struct walk *w, const struct tlv *t, struct bytes value, put_fn *put) {
    size_t from = w->out->len;
    struct cursor c = cursor_of(value);
    struct tlv m;
    struct bytes whole, inner;
    int err;
    if (!t->constructed)
        return ERR_SYNTAX;
    while ((err = tlv_next(&c, &m, &whole, &inner)) == 0)
        if ((err = put(w, &m, whole, inner)) != 0)
            return err;
    return err == ERR_ABSENT ? tlv_wrap(w->out, from, t->cls, true, t->tag) : ERR_SYNTAX;
}

static int put_whole(struct walk *w, struct bytes whole) {
    return buf_append(w->out, whole.p, whole.n);
}

static bool is_name(const struct tlv *t) {
    return tlv_is(t, TLV_APPLICATION, 0);
}

// ---- names ----

// [0] with the address as people write it, as far as T.61 has it and the bound allows.
static int put_free_form(struct walk *w, struct bytes name) {
    struct or_address x;
    int err = or_name_decode(&w->a, name, &x, NULL);
    if (err < 0)
        return err == ERR_NOMEM ? err : 0;
    char *text = or_address_print(&w->a, &x, OR_SEMICOLON);
    if (text == NULL)
        return ERR_NOMEM;
    size_t from = w->out->len, n = 0;
    for (const char *p = text, *end = text + strlen(text); p < end && n < FREE_FORM_MAX && err == 0; n++) {
        const char *start = p;
        char one[8] = {0};
        charset_utf8_next(&p, end);
        memcpy(one, start, (size_t)(p - start) < sizeof one ? (size_t)(p - start) : 0);
        err = charset_utf8_to_t61(one, w->out);
        if (err == ERR_SYNTAX)
            err = buf_append_u8(w->out, '?');
    }
    return err < 0 ? err : tlv_wrap(w->out, from, TLV_CONTEXT, false, 0);
}

// IPMIdentifier: an ORName and a string.
static int put_id_member(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value) {
    const char *why;
    struct bytes name;
    (void)value;
    if (!is_name(t))
        return t->cls == TLV_UNIVERSAL ? put_whole(w, whole) : 0;
    int err = downgrade_name(&w->a, w->o, whole, &name, &why);
    if (err == 0)
        err = put_whole(w, name);
    arena_free(&w->a);
    return err < 0 ? err : 0;
}
static int put_id(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value) {
    (void)whole;
    return put_inside(w, t, value, put_id_member);
}

// ORDescriptor. *nameless (may be NULL): its formal name had to go.
static int put_descriptor_of(struct walk *w, const struct tlv *t, struct bytes value, bool *nameless) {
    size_t from = w->out->len;
    struct cursor c = cursor_of(value);
    struct bytes whole, refused = {NULL, 0}, name;
    struct tlv m;
    bool free_form = false;
    const char *why;
    int err;
    if (!t->constructed)
        return ERR_SYNTAX;
    while ((err = tlv_next(&c, &m, &whole, NULL)) == 0) {
        if (is_name(&m)) {
            if ((err = downgrade_name(&w->a, w->o, whole, &name, &why)) == 0)
                err = put_whole(w, name);
            else if (err == DOWNGRADE_REFUSED)
                refused = whole, err = 0;
        } else if (m.cls == TLV_CONTEXT && m.tag <= 1) {
            free_form |= m.tag == 0;
            err = put_whole(w, whole);
        }
        if (err < 0)
            return err;
    }
    if (err != ERR_ABSENT)
        return ERR_SYNTAX;
    err = refused.p != NULL && !free_form ? put_free_form(w, refused) : 0;
    arena_free(&w->a);
    if (nameless != NULL)
        *nameless = refused.p != NULL;
    return err < 0 ? err : tlv_wrap(w->out, from, t->cls, true, t->tag);
}
static int put_descriptor(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value) {
    (void)whole;
    return put_descriptor_of(w, t, value, NULL);
}

static int put_requests(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value) {
    uint32_t bits;
    if (t->constructed || tlv_get_bits(value, &bits) < 0)
        return ERR_SYNTAX;
    return (bits & ~(uint32_t)REQUESTS_KNOWN) == 0 ? put_whole(w, whole)
                                                   : tlv_put_bits(w->out, TLV_CONTEXT, 1, bits & REQUESTS_KNOWN);
}

// RecipientSpecifier: the descriptor, and what is requested if it still has its name; extensions go.
static int put_recipient(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value) {
    size_t from = w->out->len;
    struct tlv m;
    struct bytes inner;
    bool nameless = false;
    (void)whole;
    if (!t->constructed || tlv_find(value, TLV_CONTEXT, 0, &m, &inner) < 0)
        return ERR_SYNTAX;
    int err = put_descriptor_of(w, &m, inner, &nameless);
    for (struct cursor c = cursor_of(value); err == 0 && !nameless;) {
        struct bytes one;
        if ((err = tlv_next(&c, &m, &one, &inner)) < 0)
            break;
        if (tlv_is(&m, TLV_CONTEXT, 1))
            err = put_requests(w, &m, one, inner);
        else if (tlv_is(&m, TLV_CONTEXT, 2))
            err = put_whole(w, one);
    }
    return err < 0 && err != ERR_ABSENT ? err : tlv_wrap(w->out, from, t->cls, true, t->tag);
}

// ---- heading ----

static int put_heading_member(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value) {
    if (tlv_is(t, TLV_APPLICATION, 11))
        return put_id(w, t, whole, value);
    if (t->cls != TLV_CONTEXT || t->tag > HEADING_LAST)
        return 0;
    switch (t->tag) {
    case 0: return put_descriptor(w, t, whole, value);
    case 1:
    case 11: return put_inside(w, t, value, put_descriptor);
    case 2:
    case 3:
    case 4: return put_inside(w, t, value, put_recipient);
    case 5: return put_id(w, t, whole, value);
    case 6:
    case 7: return put_inside(w, t, value, put_id);
    default: return put_whole(w, whole);
    }
}

int downgrade_heading(const struct downgrade_options *o, struct bytes members, struct buf *out) {
    struct walk w = {.o = o, .out = out};
    struct tlv set = {.cls = TLV_UNIVERSAL, .constructed = true, .tag = TLV_SET};
    size_t before = out->len;
    int err = put_inside(&w, &set, members, put_heading_member);
    arena_free(&w.a);
    if (err < 0)
        out->len = before;
    return err;
}

// ---- notifications: the IPM-status-report of 1984 ----

static int put_non_receipt(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value) {
    int64_t reason;
    if (t->cls != TLV_CONTEXT || t->tag > 2)
        return 0;
    bool known = t->tag != 1 || (tlv_get_int(value, &reason) == 0 && reason >= 0 && reason <= DISCARD_REASON_LAST);
    return known ? put_whole(w, whole) : 0;
}

static int put_receipt(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value) {
    (void)value;
    return t->cls == TLV_CONTEXT && t->tag <= 2 ? put_whole(w, whole) : 0;
}

static int put_choice(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value) {
    (void)whole;
    if (t->cls != TLV_CONTEXT || t->tag > 1)
        return DOWNGRADE_REFUSED;
    return put_inside(w, t, value, t->tag == 0 ? put_non_receipt : put_receipt);
}

static int put_notification_member(struct walk *w, const struct tlv *t, struct bytes whole, struct bytes value) {
    struct p1_eits eits;
    if (tlv_is(t, TLV_APPLICATION, 11))
        return put_id(w, t, whole, value);
    if (tlv_is(t, TLV_APPLICATION, 5)) // conversion-eits: those with extended types are left out
        return p1_get_eits(&w->a, whole, &eits) == 0 && eits.n_extended == 0 ? put_whole(w, whole) : 0;
    if (t->cls != TLV_CONTEXT || t->tag > 2)
        return 0;
    return t->tag == 0 ? put_inside(w, t, value, put_choice) : put_descriptor(w, t, whole, value);
}

int downgrade_notification(const struct downgrade_options *o, struct bytes members, struct buf *out, const char **why) {
    struct walk w = {.o = o, .out = out};
    struct tlv ipn = {.cls = TLV_CONTEXT, .constructed = true, .tag = 1};
    size_t before = out->len;
    int err = put_inside(&w, &ipn, members, put_notification_member);
    arena_free(&w.a);
    if (err != 0)
        out->len = before;
    if (err == DOWNGRADE_REFUSED)
        *why = "the notification is neither of receipt nor of non-receipt";
    return err;
}
