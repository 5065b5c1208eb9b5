// SPDX-License-Identifier: BSD-2-Clause
// Envelopes between 1988 and 1984 (see downgrade.h for the sources). The rules here, all inferred:
//
// - An extension of the message or of a recipient that is critical for transfer or for delivery refuses it: the peer
//   would hand the message on without obeying. Not so a prohibition that is not made (its value is the default), and
//   nothing in a report, which would be lost without anyone hearing of it. Other extensions, internal trace among them,
//   are dropped.
// - A recipient whose address 1984 cannot express is refused; one that is not ours is left out. An originator that it
//   cannot express refuses all, as nobody could answer or be told.
// - Content type 22 becomes 2, with the content; an extended one is refused; other numbers stay.
// - Extended encoded information types become the built-in ones that they stand for, else `unknown`; a field that has
//   some loses its non-basic parameters.
// - Explicit conversions that 1984 did not know refuse the recipient: they would not be made.
// - Reports: reasons and diagnostics that 1984 did not know become unable-to-transfer without diagnostic, and their
//   names go into the supplementary information when it is empty. A returned P22 content is
//   converted as one of a message, other types stay.
#include "x400/downgrade.h"

#include <stdio.h>

#include "x400/extension.h"
#include "x400/p1_names.h"

enum {
    INDICATORS_1984 = 0x0F, // PerMessageFlag has four
    CONVERSION_LAST = 1,    // ia5-text-to-teletex 0, teletex-to-telex 1
    REASON_LAST = 2,        // conversion-not-performed
    DIAGNOSTIC_LAST = 11,   // invalid-parameters
    USER_TYPE_LAST = 1,     // private
    UNABLE_TO_TRANSFER = 1,
    EIT_UNKNOWN = 1 << 0,
    EIT_IA5_TEXT = 1 << 2,
    EITS_LAST = 9
};

static const struct bytes none = {NULL, 0};

// ---- extensions ----

// A prohibition that says "allowed" does nothing, however critical it is.
static bool says_nothing(const struct p1_extensions *x, const struct p1_extension *e) {
    int v;
    return (e->type == P1_EXT_RECIPIENT_REASSIGNMENT_PROHIBITED || e->type == P1_EXT_DL_EXPANSION_PROHIBITED ||
            e->type == P1_EXT_CONVERSION_WITH_LOSS_PROHIBITED) &&
           p1_extension_code(x, e->type, &v) == 0 && v == 0;
}

// Why x cannot be dropped, in the arena; NULL: it can. Memory short: err.
static const char *needed_extension(struct arena *a, const struct p1_extensions *x, int *err) {
    for (size_t i = 0; i < x->n; i++) {
        const struct p1_extension *e = &x->item[i];
        bool transfer = e->criticality & P1_FOR_TRANSFER;
        if (!(e->criticality & (P1_FOR_TRANSFER | P1_FOR_DELIVERY)) || says_nothing(x, e))
            continue;
        struct buf name = {0};
        const char *text = p1_extension_name(&name, e) == 0 ? buf_cstr(&name) : NULL;
        const char *why = text == NULL ? NULL
                                       : arena_printf(a, "the extension %s is critical for %s", text,
                                                      transfer ? "transfer" : "delivery");
        buf_free(&name);
        if (why == NULL)
            *err = ERR_NOMEM;
        return why;
    }
    return NULL;
}

// ---- encoded information types and trace ----

// The built-in bit of an extended type: those of 2.6.3.4.n are the built-in ones over again (X.411's id-eit), the
// character sets 1 and 6 of 1.0.10021.7.1.0.n are ASCII.
static uint32_t built_in_of(struct bytes oid) {
    static const uint8_t id_eit[] = {0x56, 3, 4}, charset[] = {0x28, 0xCE, 0x25, 7, 1, 0};
    if (oid.n == sizeof id_eit + 1 && memcmp(oid.p, id_eit, sizeof id_eit) == 0 && oid.p[3] <= EITS_LAST)
        return UINT32_C(1) << oid.p[3];
    if (oid.n == sizeof charset + 1 && memcmp(oid.p, charset, sizeof charset) == 0 && (oid.p[6] == 1 || oid.p[6] == 6))
        return EIT_IA5_TEXT;
    return EIT_UNKNOWN;
}

static void downgrade_eits(struct p1_eits *e) {
    if (e->n_extended == 0)
        return;
    for (size_t i = 0; i < e->n_extended; i++)
        e->built_in |= built_in_of(e->extended[i]);
    e->n_extended = 0;
    e->extended = NULL;
    e->raw = none;
}

static int downgrade_trace(struct arena *a, struct trace *t) {
    struct trace_element *copy = arena_array(a, t->n + 1, sizeof *copy);
    if (copy == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < t->n; i++) {
        copy[i] = t->element[i];
        copy[i].raw = none; // with it go members that no standard lists
        copy[i].other_actions = (struct p1_bits){0};
        downgrade_eits(&copy[i].converted);
    }
    t->element = copy;
    return 0;
}

// PerDomainBilateralInfo names an ADMD; that for a private domain is of 1988.
static int downgrade_bilateral(struct arena *a, struct p1_envelope *e) {
    struct bytes *kept = arena_array(a, e->n_bilateral + 1, sizeof *kept);
    size_t n = 0;
    if (kept == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < e->n_bilateral; i++) {
        struct cursor c = cursor_of(e->bilateral[i]), in;
        struct tlv t;
        struct bytes value;
        if (tlv_next(&c, &t, NULL, &value) < 0)
            continue;
        in = cursor_of(value);
        if (tlv_expect(&in, TLV_APPLICATION, 1, &t, NULL) == 0 && tlv_expect(&in, TLV_APPLICATION, 2, &t, NULL) == 0)
            kept[n++] = e->bilateral[i];
    }
    e->bilateral = kept;
    e->n_bilateral = n;
    return 0;
}

static void downgrade_bits(struct p1_bits *b, uint32_t known) {
    if ((b->set & ~known) == 0)
        return;
    b->set &= known;
    b->raw = none;
}

// ---- messages and probes ----

// What concerns all recipients; *why stays NULL when they can be reached.
static int downgrade_fields(struct arena *a, const struct downgrade_options *o, struct p1_envelope *e,
                            struct downgrade *out, const char **why) {
    int err = downgrade_name(a, o, e->originator, &e->originator, why);
    if (err != 0) // the reason of a refusal is there
        return err < 0 ? err : 0;
    if (e->content_type.oid.n > 0) {
        *why = "the content type is an object identifier";
        return 0;
    }
    if ((*why = needed_extension(a, &e->extensions, &err)) != NULL || err < 0)
        return err;
    if (e->content_type.built_in == P1_CONTENT_IPM_1988) {
        e->content_type.built_in = P1_CONTENT_IPM_1984;
        out->convert_content = e->type == P1_MESSAGE;
    }
    downgrade_eits(&e->original_eits);
    downgrade_bits(&e->indicators, INDICATORS_1984);
    e->extensions = (struct p1_extensions){0};
    e->n_unknown = 0;
    if ((err = downgrade_bilateral(a, e)) == 0)
        err = downgrade_trace(a, &e->trace);
    return err;
}

static int downgrade_recipient(struct arena *a, const struct downgrade_options *o, struct p1_recipient *r,
                               const char **why) {
    int err = downgrade_name(a, o, r->name, &r->name, why);
    if (err != 0)
        return err;
    *why = needed_extension(a, &r->extensions, &err);
    if (err == 0 && *why == NULL && r->explicit_conversion > CONVERSION_LAST)
        *why = "the explicit conversion is one of 1988";
    r->extensions = (struct p1_extensions){0};
    r->n_unknown = 0;
    if (r->explicit_conversion > CONVERSION_LAST)
        r->explicit_conversion = P1_NO_CONVERSION;
    return err;
}

// The recipients: ours that can be reached, and as not ours all others that can be expressed.
static int downgrade_recipients(struct arena *a, const struct downgrade_options *o, struct p1_envelope *e,
                                struct downgrade *out) {
    struct p1_recipient *to = arena_array(a, e->n_recipients + 1, sizeof *to);
    size_t n = 0, responsible = 0;
    if (to == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < e->n_recipients; i++) {
        const char *why = NULL;
        to[n] = e->recipient[i];
        bool ours = to[n].indicators.set & P1_RESPONSIBILITY;
        int err = downgrade_recipient(a, o, &to[n], &why);
        if (err < 0)
            return err;
        if (why != NULL) {
            to[n].indicators.set &= ~(uint32_t)P1_RESPONSIBILITY;
            out->refused[i] = ours ? why : NULL;
            out->n_refused += ours;
        } else {
            responsible += ours;
        }
        n += err == 0;
    }
    e->recipient = to;
    e->n_recipients = n;
    out->envelope = responsible > 0 ? e : NULL;
    return 0;
}

static void refuse_all(struct downgrade *out, const struct p1_envelope *e, const char *why) {
    for (size_t i = 0; i < e->n_recipients; i++)
        if (e->recipient[i].indicators.set & P1_RESPONSIBILITY) {
            out->refused[i] = why;
            out->n_refused++;
        }
}

// ---- reports ----

static int downgrade_fate(struct arena *a, struct p1_recipient *r) {
    struct p1_fate *f = &r->fate;
    if (f->delivered) {
        if (f->user_type > USER_TYPE_LAST)
            f->user_type = 0;
        return 0;
    }
    if (f->reason <= REASON_LAST && f->diagnostic <= DIAGNOSTIC_LAST)
        return 0;
    const char *reason = p1_reason_name(f->reason), *diagnostic = p1_diagnostic_name(f->diagnostic);
    if (r->supplementary.p == NULL && reason != NULL) {
        char *text = arena_printf(a, "%s%s%s", reason, diagnostic != NULL ? ", " : "",
                                  diagnostic != NULL ? diagnostic : ""); // PrintableString, all of it
        if (text == NULL)
            return ERR_NOMEM;
        r->supplementary = bytes_str(text);
    }
    if (f->reason > REASON_LAST)
        f->reason = UNABLE_TO_TRANSFER;
    if (f->diagnostic > DIAGNOSTIC_LAST)
        f->diagnostic = P1_NO_DIAGNOSTIC;
    return 0;
}

// DOWNGRADE_REFUSED: it cannot be told of this recipient.
static int downgrade_reported(struct arena *a, const struct downgrade_options *o, struct p1_recipient *r,
                              const char **why) {
    int err = downgrade_name(a, o, r->name, &r->name, why);
    if (err != 0)
        return err;
    const char *ignored;
    if (r->intended.p != NULL) {
        err = downgrade_name(a, o, r->intended, &r->intended, &ignored);
        if (err == DOWNGRADE_REFUSED)
            r->intended = none;
    }
    r->extensions = (struct p1_extensions){0};
    r->n_unknown = 0;
    downgrade_eits(&r->converted);
    return err < 0 ? err : downgrade_fate(a, r);
}

static int downgrade_report(struct arena *a, const struct downgrade_options *o, struct p1_envelope *e,
                            const char **why) {
    struct p1_report_content *c = arena_alloc(a, sizeof *c);
    struct p1_recipient *to = arena_array(a, e->n_recipients + 1, sizeof *to);
    if (c == NULL || to == NULL)
        return ERR_NOMEM;
    int err = downgrade_name(a, o, e->originator, &e->originator, why);
    size_t n = 0;
    for (size_t i = 0; i < e->n_recipients && err == 0; i++) {
        to[n] = e->recipient[i];
        int one = downgrade_reported(a, o, &to[n], why);
        if (one < 0)
            return one;
        n += one == 0;
    }
    if (err != 0 || n == 0)
        return err < 0 ? err : DOWNGRADE_REFUSED;
    *c = *e->report;
    c->extensions = e->extensions = (struct p1_extensions){0};
    c->n_unknown = e->n_unknown = 0;
    e->report = c;
    e->recipient = to;
    e->n_recipients = n;
    e->content_type.present = e->original_eits.present = false;
    if ((err = downgrade_trace(a, &e->trace)) == 0)
        err = downgrade_trace(a, &c->intermediate);
    return err;
}

int downgrade_envelope(struct arena *a, const struct downgrade_options *o, const struct p1_envelope *original,
                       struct downgrade *out) {
    struct p1_envelope *e = arena_alloc(a, sizeof *e);
    const char *why = NULL;
    *out = (struct downgrade){.refused = arena_array(a, original->n_recipients + 1, sizeof *out->refused)};
    if (e == NULL || out->refused == NULL)
        return ERR_NOMEM;
    *e = *original;
    if (e->type == P1_REPORT) {
        out->convert_content =
            original->content_type.oid.n == 0 && original->content_type.built_in == P1_CONTENT_IPM_1988;
        int err = downgrade_report(a, o, e, &why);
        if (err == 0)
            out->envelope = e;
        else if (err == DOWNGRADE_REFUSED)
            out->refused[out->n_refused++] = why;
        return err < 0 ? err : 0;
    }
    int err = downgrade_fields(a, o, e, out, &why);
    if (err < 0)
        return err;
    if (why == NULL)
        return downgrade_recipients(a, o, e, out);
    refuse_all(out, original, why);
    return 0;
}

// ---- from 1984 ----

int upgrade_envelope(struct arena *a, const struct downgrade_options *o, struct p1_envelope *e) {
    int err = upgrade_name(a, o, e->originator, &e->originator);
    e->n_unknown = 0;
    if (e->report != NULL)
        e->report->n_unknown = 0;
    for (size_t i = 0; i < e->n_recipients && err == 0; i++) {
        struct p1_recipient *r = &e->recipient[i];
        r->n_unknown = 0;
        err = upgrade_name(a, o, r->name, &r->name);
        if (err == 0 && r->intended.p != NULL)
            err = upgrade_name(a, o, r->intended, &r->intended);
    }
    return err;
}
