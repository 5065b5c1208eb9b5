// SPDX-License-Identifier: BSD-2-Clause
// The program's own codecs, for tests/asn1-erlang.sh: for each line `Type hex` of standard input, what our encoder
// makes of what our decoder read, in hex, or `error <what>`. The octets that the codecs keep in order to relay them are
// forgotten in between, so that all but opaque values (directory names, certificates, bilateral information, parameters
// of encoded information types) is written anew from plain values.
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rfc1006/acse_codec.h"
#include "rfc1006/presentation_codec.h"
#include "rfc1006/rtse_codec.h"
#include "tests/erlang/hex.h"
#include "x400/bind.h"
#include "x400/ipm.h"
#include "x400/mtsid.h"
#include "x400/oraddr.h"
#include "x400/p1.h"

struct recoder {
    struct arena a;
    struct buf out;
    struct p1_fault fault; // what the decoder said
};

static const struct bytes none = {NULL, 0};

static int says(struct recoder *r, int err, const char *what) {
    if (err < 0)
        snprintf(r->fault.text, sizeof r->fault.text, "%s", what != NULL ? what : "");
    return err;
}

// What b holds goes into the arena, and b is emptied.
static int keep(struct recoder *r, struct buf *b, int err, struct bytes *out) {
    if (err == 0 && (*out = arena_bytes(&r->a, buf_bytes(b))).p == NULL)
        err = ERR_NOMEM;
    buf_free(b);
    return err;
}

// ---- names, identifiers, trace ----

static int remake_name(struct recoder *r, struct bytes *name) {
    struct or_address address;
    struct buf b = {0};
    const char *why = NULL;
    if (name->p == NULL)
        return 0;
    int err = or_name_decode(&r->a, *name, &address, &why);
    if (err == 0 && address.deviation != NULL)
        err = says(r, ERR_SYNTAX, address.deviation);
    else if (err < 0)
        says(r, err, why);
    address.raw = none;
    if (err == 0 && (err = or_name_encode(&address, &b)) < 0)
        says(r, err, or_address_check(&address));
    return keep(r, &b, err, name);
}

static int remake_domain(struct recoder *r, struct bytes *domain) {
    struct mts_domain d;
    struct buf b = {0};
    int err = mts_domain_decode(*domain, &d, NULL);
    if (err == 0)
        err = mts_domain_encode(&d, &b);
    return keep(r, &b, says(r, err, "domain"), domain);
}

static int remake_id(struct recoder *r, struct bytes *id) {
    struct mts_id m;
    struct buf b = {0};
    int err = mts_id_decode(*id, &m, NULL);
    if (err == 0)
        err = mts_id_encode(&m, &b);
    return keep(r, &b, says(r, err, "identifier"), id);
}

// Non-basic parameters are relayed, so there the octets stay.
static void forget_eits(struct p1_eits *e) {
    struct cursor c = cursor_of(e->raw);
    struct tlv t;
    struct bytes value, v;
    bool opaque = false;
    if (!e->present || tlv_next(&c, &t, NULL, &value) < 0)
        return;
    for (uint32_t tag = 1; tag <= 3; tag++)
        opaque |= tlv_find(value, TLV_CONTEXT, tag, &t, &v) == 0;
    if (!opaque)
        e->raw = none;
}

static int remake_trace(struct recoder *r, struct trace *trace) {
    int err = 0;
    for (size_t i = 0; i < trace->n && err == 0; i++) {
        struct trace_element *e = &trace->element[i];
        e->raw = e->arrival.text = e->deferred.text = e->other_actions.raw = none;
        forget_eits(&e->converted);
        err = remake_domain(r, &e->domain);
        if (err == 0 && e->attempted.p != NULL && e->attempted.p[0] == 0x63)
            err = remake_domain(r, &e->attempted);
    }
    return err;
}

// ---- extensions ----

static int remake_internal_trace(struct recoder *r, const struct p1_extensions *x, struct bytes *value) {
    struct trace t;
    struct buf b = {0};
    int err = p1_internal_trace(&r->a, x, &t);
    if (err == 0)
        err = remake_trace(r, &t);
    if (err == 0)
        err = trace_encode(&b, &t, true);
    if (err == 0)
        err = tlv_wrap(&b, 0, TLV_UNIVERSAL, true, TLV_SEQUENCE);
    return keep(r, &b, err, value);
}

static int remake_history(struct recoder *r, const struct p1_extensions *x, int type, struct bytes *value) {
    struct p1_history history;
    struct p1_extensions made = {NULL, 0};
    int err = p1_history(&r->a, x, type, &history);
    for (size_t i = 0; err == 0 && i < history.n; i++) {
        struct p1_history_entry *e = &history.entry[i];
        e->raw = e->time.text = none;
        err = remake_name(r, &e->name);
    }
    if (err == 0)
        err = p1_history_set(&r->a, &made, type, &history);
    if (err == 0)
        *value = made.item[0].value;
    return err;
}

static int remake_time(struct recoder *r, const struct p1_extensions *x, int type, struct bytes *value) {
    struct p1_time t;
    struct buf b = {0};
    int err = p1_extension_time(&r->a, x, type, &t);
    t.text = none;
    if (err == 0)
        err = p1_put_time(&b, TLV_UNIVERSAL, TLV_UTC_TIME, &t);
    return keep(r, &b, err, value);
}

static int remake_extensions(struct recoder *r, struct p1_extensions *x) {
    int err = 0;
    for (size_t i = 0; i < x->n && err == 0; i++) {
        struct p1_extension *e = &x->item[i];
        e->raw = none;
        switch (e->type) {
        case P1_EXT_ORIGINATOR_REQUESTED_ALTERNATE_RECIPIENT:
        case P1_EXT_REPORTING_DL_NAME: err = remake_name(r, &e->value); break;
        case P1_EXT_LATEST_DELIVERY_TIME: err = remake_time(r, x, e->type, &e->value); break;
        case P1_EXT_REDIRECTION_HISTORY:
        case P1_EXT_DL_EXPANSION_HISTORY:
        case P1_EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY: err = remake_history(r, x, e->type, &e->value); break;
        case P1_EXT_INTERNAL_TRACE: err = remake_internal_trace(r, x, &e->value); break;
        default: break;
        }
        if (err < 0 && r->fault.text[0] == '\0')
            says(r, err, p1_extension_info(e->type)->name);
    }
    return err;
}

// ---- APDUs of P1 ----

static int remake_recipient(struct recoder *r, struct p1_recipient *p) {
    p->indicators.raw = p->arrival.text = p->fate.delivery_time.text = none;
    forget_eits(&p->converted);
    int err = remake_name(r, &p->name);
    if (err == 0)
        err = remake_name(r, &p->intended);
    return err < 0 ? err : remake_extensions(r, &p->extensions);
}

static int remake_envelope(struct recoder *r, struct p1_envelope *e) {
    e->indicators.raw = e->deferred.text = none;
    forget_eits(&e->original_eits);
    int err = remake_id(r, &e->identifier);
    if (err == 0)
        err = remake_name(r, &e->originator);
    if (err == 0)
        err = remake_trace(r, &e->trace);
    if (err == 0)
        err = remake_extensions(r, &e->extensions);
    for (size_t i = 0; i < e->n_recipients && err == 0; i++)
        err = remake_recipient(r, &e->recipient[i]);
    if (err == 0 && e->report != NULL) {
        err = remake_id(r, &e->report->subject);
        if (err == 0)
            err = remake_trace(r, &e->report->intermediate);
        if (err == 0)
            err = remake_extensions(r, &e->report->extensions);
    }
    return err;
}

static int recode_apdu(struct recoder *r, struct bytes in) {
    struct p1_envelope *e;
    int err = p1_decode(&r->a, in, &e, &r->fault);
    if (err == 0)
        err = remake_envelope(r, e);
    if (err == 0)
        err = p1_apdu_header(&r->out, e, e->content.p == NULL ? P1_NO_CONTENT : e->content.n, NULL);
    return err < 0 || e->content.p == NULL ? err : buf_append(&r->out, e->content.p, e->content.n);
}

static int recode_name(struct recoder *r, struct bytes in) {
    int err = remake_name(r, &in);
    return err < 0 ? err : buf_append(&r->out, in.p, in.n);
}

// ---- the bind: what is on the wire of normal mode has one header more than the type ----

static struct bytes wrapped(struct recoder *r, struct bytes in, uint32_t tag) {
    struct buf b = {0};
    struct bytes out = none;
    int err = tlv_put(&b, TLV_CONTEXT, true, tag, in);
    keep(r, &b, err, &out);
    return out;
}

static int unwrap(struct recoder *r, uint32_t tag) {
    struct cursor c = cursor_of(buf_bytes(&r->out));
    struct tlv t;
    int err = tlv_expect(&c, TLV_CONTEXT, tag, &t, NULL);
    if (err == 0 && cursor_left(&c) > 0)
        err = ERR_SYNTAX;
    if (err == 0)
        r->out.off += t.hdr, r->out.len -= t.hdr;
    return err;
}

static int recode_bind_argument(struct recoder *r, struct bytes in) {
    struct bind_info i;
    int err = bind_argument_decode(&r->a, wrapped(r, in, 16), true, &i, &r->fault);
    if (err == 0)
        err = bind_argument_encode(&r->out, &i, true);
    return err < 0 ? err : unwrap(r, 16);
}

static int recode_bind_result(struct recoder *r, struct bytes in) {
    struct bind_info i;
    int error, err = bind_result_decode(&r->a, wrapped(r, in, 17), true, &i, &error, &r->fault);
    if (err == 0)
        err = error < 0 ? bind_result_encode(&r->out, &i, true) : ERR_STATE;
    return err < 0 ? err : unwrap(r, 17);
}

static int recode_bind_error(struct recoder *r, struct bytes in) {
    struct bind_info i;
    int error, err = bind_result_decode(&r->a, wrapped(r, in, 18), true, &i, &error, &r->fault);
    if (err == 0)
        err = error >= 0 ? bind_error_encode(&r->out, (enum bind_error)error, true) : ERR_STATE;
    return err < 0 ? err : unwrap(r, 18);
}

// ---- association control, presentation, reliable transfer ----

static int recode_acse(struct recoder *r, struct bytes in) {
    struct acse_apdu a;
    int err = acse_apdu_decode(in, &a);
    if (err == 0)
        err = buf_append(&r->out, a.user_information.p, a.user_information.n);
    return err < 0 ? err : acse_apdu_encode(&r->out, &a);
}

static int recode_ppdu(struct recoder *r, struct bytes in,
                       int (*decode)(struct bytes in, struct presentation_ppdu *out),
                       int (*encode)(struct buf *b, const struct presentation_ppdu *p)) {
    struct presentation_ppdu p;
    int err = decode(in, &p);
    if (err == 0)
        err = buf_append(&r->out, p.user_data.p, p.user_data.n);
    return err < 0 ? err : encode(&r->out, &p);
}

static int recode_cp(struct recoder *r, struct bytes in) {
    return recode_ppdu(r, in, presentation_cp_decode, presentation_cp_encode);
}
static int recode_cpa(struct recoder *r, struct bytes in) {
    return recode_ppdu(r, in, presentation_cpa_decode, presentation_cpa_encode);
}
static int recode_cpr(struct recoder *r, struct bytes in) {
    return recode_ppdu(r, in, presentation_cpr_decode, presentation_cpr_encode);
}

static int recode_rtse(struct recoder *r, struct bytes in) {
    struct rtse_apdu a;
    int err = rtse_apdu_decode(in, &a);
    return err < 0 ? err : rtse_apdu_encode(&r->out, &a);
}

// ---- headings ----

static int remake_people(struct recoder *r, struct ipm_recipient *list, size_t n) {
    int err = 0;
    for (size_t i = 0; i < n && err == 0; i++)
        err = remake_name(r, &list[i].recipient.formal_name);
    return err;
}

static int recode_heading(struct recoder *r, struct bytes in) {
    struct cursor c = cursor_of(in);
    struct tlv t;
    struct bytes value;
    struct ipm_heading h;
    int err = tlv_expect(&c, TLV_UNIVERSAL, TLV_SET, &t, &value);
    if (err == 0)
        err = ipm_heading_decode(&r->a, value, &h);
    if (err == 0)
        err = remake_name(r, &h.this_ipm.user);
    if (err == 0 && h.originator != NULL)
        err = remake_name(r, &h.originator->formal_name);
    if (err == 0)
        err = remake_people(r, h.primary, h.n_primary);
    if (err == 0)
        err = remake_people(r, h.copy, h.n_copy);
    if (err == 0)
        err = remake_people(r, h.blind_copy, h.n_blind_copy);
    return err < 0 ? err : ipm_heading_encode(&h, &r->out);
}

// ---- the conversation ----

static const struct {
    const char *type;
    int (*recode)(struct recoder *r, struct bytes in);
} types[] = {
    {"MTS-APDU", recode_apdu},
    {"ORName", recode_name},
    {"MTABindArgument", recode_bind_argument},
    {"MTABindResult", recode_bind_result},
    {"MTABindError", recode_bind_error},
    {"ACSE-apdu", recode_acse},
    {"CP-type", recode_cp},
    {"CPA-PPDU", recode_cpa},
    {"CPR-PPDU", recode_cpr},
    {"RTSE-apdus", recode_rtse},
    {"Heading", recode_heading},
};

static int recode(struct recoder *r, const char *type, const char *hex) {
    struct buf in = {0};
    int err = hex_decode(hex, &in);
    struct bytes octets = arena_bytes(&r->a, buf_bytes(&in));
    buf_free(&in);
    if (err < 0)
        return err;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].type, type) == 0)
            return types[i].recode(r, octets);
    return says(r, ERR_ABSENT, "no such type");
}

int main(void) {
    char *line = NULL, name[64];
    size_t cap = 0;
    while (getline(&line, &cap, stdin) > 0) {
        struct recoder r = {0};
        int at = 0;
        if (sscanf(line, "%63s %n", name, &at) != 1 || at == 0)
            return 1;
        arena_init(&r.a, 0);
        int err = recode(&r, name, line + at);
        if (err < 0)
            printf("error %s: %s", err_text(err), r.fault.text);
        else
            hex_print(&r.out);
        putchar('\n');
        buf_free(&r.out);
        arena_free(&r.a);
    }
    free(line);
    return 0;
}
