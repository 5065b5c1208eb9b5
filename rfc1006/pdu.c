// SPDX-License-Identifier: BSD-2-Clause
// The fields of TPDUs and SPDUs in words. TPDU codes and parameters as in rfc1006/tp0.c, Wireshark's packet-ositp.c and
// captures; those of SPDUs as in session_codec.h.
#include "rfc1006/pdu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "asn1/tlv.h"
#include "rfc1006/session_service.h"
#include "rfc1006/tp0.h"

enum { ARENA_LIMIT = 32768, OCTETS_SHOWN = 48 };

void pdu_init(struct pdu *p, enum stack_layer layer, unsigned side, const char *name) {
    *p = (struct pdu){.layer = layer, .side = side, .name = name};
    arena_init(&p->arena, ARENA_LIMIT);
}

void pdu_free(struct pdu *p) {
    arena_free(&p->arena);
}

static const char *format(struct pdu *p, const char *fmt, va_list ap) {
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    const char *kept = arena_strdup(&p->arena, text);
    return kept == NULL ? "…" : kept;
}

void pdu_put(struct pdu *p, const char *key, const char *fmt, ...) {
    va_list ap;
    if (p->n == PDU_FIELDS)
        return;
    va_start(ap, fmt);
    p->field[p->n++] = (struct pdu_field){key, format(p, fmt, ap)};
    va_end(ap);
}

void pdu_fault(struct pdu *p, uint64_t at, const char *fmt, ...) {
    va_list ap;
    if (p->fault != NULL)
        return; // the first one counts
    va_start(ap, fmt);
    p->fault = format(p, fmt, ap);
    va_end(ap);
    p->fault_at = at;
}

static bool printable(struct bytes v) {
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] < 0x20 || v.p[i] > 0x7e || v.p[i] == '"')
            return false;
    return true;
}

void pdu_put_octets(struct pdu *p, const char *key, struct bytes v) {
    char text[2 * OCTETS_SHOWN + 8];
    size_t n = 0, shown = v.n < OCTETS_SHOWN ? v.n : OCTETS_SHOWN;
    if (v.p == NULL)
        return;
    if (printable(v) && v.n <= OCTETS_SHOWN) {
        pdu_put(p, key, "\"%.*s\"", (int)v.n, (const char *)v.p);
        return;
    }
    for (size_t i = 0; i < shown; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%02x", v.p[i]);
    pdu_put(p, key, "0x%s%s", text, shown < v.n ? "…" : "");
}

int pdu_line(const struct pdu *p, struct buf *out) {
    int err = buf_append_str(out, p->name);
    for (size_t i = 0; i < p->n && err == ERR_OK; i++)
        err = buf_printf(out, "%s %s %s", i == 0 ? ":" : ",", p->field[i].key, p->field[i].text);
    if (p->fault != NULL && err == ERR_OK)
        err = buf_printf(out, "%s MALFORMED: %s", p->n == 0 ? ":" : ";", p->fault);
    return err;
}

void pdu_put_oid(struct pdu *p, const char *key, const char *before, struct bytes oid) {
    static const struct {
        const char *dotted, *name;
    } known[] = {{"2.2.1.0.1", "association control"},
                 {"2.6.0.2.12", "mta-rtse"},
                 {"2.6.0.2.7", "mtse"},
                 {"2.6.0.1.6", "mts-transfer"}};
    char text[64];
    if (tlv_oid_text(oid, text, sizeof text) < 0) {
        pdu_put(p, key, "%s(unreadable)", before);
        return;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].dotted, text) == 0) {
            pdu_put(p, key, "%s%s (%s)", before, text, known[i].name);
            return;
        }
    pdu_put(p, key, "%s%s", before, text);
}

const char *pdu_layer_name(enum stack_layer l) {
    static const char *const names[STACK_N_LAYERS] = {"network",      "transport",   "session",
                                                      "presentation", "association", "rtse"};
    return (unsigned)l < STACK_N_LAYERS ? names[l] : "?";
}

// ---- transport ----

static const char *tpdu_name(uint8_t code) {
    switch (code & 0xf0) {
    case 0xe0: return "CR TPDU";
    case 0xd0: return "CC TPDU";
    case 0x80: return "DR TPDU";
    case 0x70: return "ER TPDU";
    case 0xf0: return "DT TPDU";
    default: return "unknown TPDU";
    }
}

static void tpdu_parameter(struct pdu *p, uint8_t code, struct bytes v) {
    uint32_t n = 0;
    for (size_t i = 0; i < v.n && v.n <= 4; i++)
        n = n << 8 | v.p[i];
    switch (code) {
    case 0xc0:
        if (v.n == 1 && v.p[0] >= 7 && v.p[0] <= 16)
            pdu_put(p, "tpdu-size", "%u", 1u << v.p[0]);
        else
            pdu_put_octets(p, "tpdu-size-code", v);
        return;
    case 0xf0: pdu_put(p, "preferred-tpdu-size", "%u", n * 128); return;
    case 0xc1: pdu_put_octets(p, strcmp(p->name, "ER TPDU") == 0 ? "rejected-tpdu" : "calling-tsel", v); return;
    case 0xc2: pdu_put_octets(p, "called-tsel", v); return;
    case 0xe0: pdu_put_octets(p, "additional-information", v); return;
    default: pdu_put(p, "parameter", "0x%02x of %zu octets", code, v.n); return;
    }
}

static void tpdu_parameters(struct pdu *p, struct cursor *c) {
    uint8_t code, n;
    struct bytes v;
    while (cursor_left(c) > 0) {
        if (cursor_u8(c, &code) < 0 || cursor_u8(c, &n) < 0 || cursor_take(c, n, &v) < 0) {
            pdu_fault(p, p->to, "a parameter is longer than the header that holds it");
            return;
        }
        tpdu_parameter(p, code, v);
    }
}

static const char *er_cause(uint8_t cause) {
    static const char *const texts[] = {"reason not specified", "invalid parameter code", "invalid TPDU type",
                                        "invalid parameter value"};
    return cause < 4 ? texts[cause] : "unknown cause";
}

void pdu_tpdu(struct pdu *p, struct bytes head) {
    struct cursor c = cursor_of(head);
    uint8_t li, code = 0, last = 0;
    uint16_t dst = 0, src = 0;
    bool ok = cursor_u8(&c, &li) == ERR_OK && cursor_u8(&c, &code) == ERR_OK;
    uint8_t kind = code & 0xf0;
    p->name = tpdu_name(code);
    if (ok && kind == 0xf0) {
        ok = cursor_u8(&c, &last) == ERR_OK;
        if (ok && (last & 0x80) != 0)
            pdu_put(p, "end-of-tsdu", "yes");
    } else if (ok && (kind == 0xe0 || kind == 0xd0 || kind == 0x80)) {
        ok = cursor_u16(&c, &dst) == ERR_OK && cursor_u16(&c, &src) == ERR_OK && cursor_u8(&c, &last) == ERR_OK;
        pdu_put(p, "dst-ref", "0x%04x", dst);
        pdu_put(p, "src-ref", "0x%04x", src);
        if (ok && kind == 0x80)
            pdu_put(p, "reason", "%u (%s)", last, tp0_reason_text(last));
        else if (ok)
            pdu_put(p, "class", "%u", last >> 4);
    } else if (ok && kind == 0x70) {
        ok = cursor_u16(&c, &dst) == ERR_OK && cursor_u8(&c, &last) == ERR_OK;
        pdu_put(p, "dst-ref", "0x%04x", dst);
        pdu_put(p, "cause", "%u (%s)", last, er_cause(last));
    } else {
        pdu_put(p, "code", "0x%02x", code);
        pdu_fault(p, p->to, "TPDU code 0x%02x is none of class 0", code);
        return;
    }
    if (!ok)
        pdu_fault(p, p->to, "its header of %zu octets is too short", head.n);
    else if (kind != 0xf0)
        tpdu_parameters(p, &c);
}

// ---- session ----

static const struct bit_name {
    unsigned bit;
    const char *name;
} functional_units[] = {{0x0001, "half-duplex"},         {0x0002, "duplex"},
                        {0x0004, "expedited-data"},      {0x0008, "minor-synchronize"},
                        {0x0010, "major-synchronize"},   {0x0020, "resynchronize"},
                        {0x0040, "activity-management"}, {0x0080, "negotiated-release"},
                        {0x0100, "capability-data"},     {0x0200, "exceptions"},
                        {0x0400, "typed-data"}},
  tokens[] = {{0x01, "data"}, {0x04, "synchronize-minor"}, {0x10, "major/activity"}, {0x40, "release"}},
  versions[] = {{0x01, "1"}, {0x02, "2"}},
  disconnects[] = {{0x01, "released"},
                   {0x02, "user abort"},
                   {0x04, "protocol error"},
                   {0x08, "no reason"},
                   {0x10, "implementation restriction"}};

static void put_bits(struct pdu *p, const char *key, unsigned value, const struct bit_name *names, size_t n) {
    char text[256] = "";
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        if ((value & names[i].bit) != 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at > 0 ? " " : "", names[i].name);
    pdu_put(p, key, "%s", at == 0 ? "none" : text);
}
#define PUT_BITS(p, key, value, names) put_bits(p, key, value, names, sizeof(names) / sizeof *(names))

// Only the negotiated release has a release token: it is left out when it is where it is without one.
static void put_token_setting(struct pdu *p, uint8_t setting) {
    static const char *const sides[] = {"initiator", "responder", "responder's choice", "reserved"};
    char text[160] = "";
    size_t at = 0;
    for (unsigned i = 0; i < 4; i++)
        if (i < 3 || setting >> 6 != 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s: %s", i > 0 ? "; " : "", tokens[i].name,
                                   sides[setting >> (2 * i) & 3]);
    pdu_put(p, "token-setting", "%s", text);
}

// References and activity identifiers are BER inside their parameter: the value is shown, with its type where there is
// more than one that is met.
static void put_ber(struct pdu *p, const char *key, struct bytes v) {
    struct cursor c = cursor_of(v);
    struct tlv t;
    struct bytes in;
    int64_t n;
    if (v.p == NULL)
        return;
    bool one = tlv_next(&c, &t, NULL, &in) == ERR_OK && cursor_left(&c) == 0 && t.cls == TLV_UNIVERSAL;
    if (one && t.tag == TLV_INTEGER && tlv_get_int(in, &n) == ERR_OK)
        pdu_put(p, key, "%lld", (long long)n);
    else if (one && !t.constructed && printable(in) && in.n <= OCTETS_SHOWN &&
             (t.tag == TLV_T61_STRING || t.tag == TLV_UTC_TIME || t.tag == TLV_OCTET_STRING ||
              t.tag == TLV_PRINTABLE_STRING || t.tag == TLV_IA5_STRING))
        pdu_put(p, key, "%s\"%.*s\"",
                t.tag == TLV_T61_STRING     ? "T61String "
                : t.tag == TLV_OCTET_STRING ? "OCTET STRING "
                : t.tag == TLV_UTC_TIME     ? "UTCTime "
                                            : "",
                (int)in.n, (const char *)in.p);
    else
        pdu_put_octets(p, key, v);
}

void pdu_session_id(struct pdu *p, const char *key, struct bytes members) {
    struct cursor c = cursor_of(members);
    struct bytes whole;
    struct tlv t;
    while (tlv_next(&c, &t, &whole, NULL) == ERR_OK)
        put_ber(p, key, whole);
}

static void put_reason(struct pdu *p, uint8_t si, const struct spdu *s) {
    if (!spdu_has(s, PI_REASON))
        return;
    if (si == SI_RF)
        pdu_put(p, "reason", "%u (%s)", s->reason, session_refusal_text(s->reason));
    else
        pdu_put(p, "reason", "%u (%s)", s->reason, session_exception_text(s->reason));
}

static void put_connect(struct pdu *p, uint8_t si, const struct spdu *s) {
    put_ber(p, "calling-reference", s->calling_ref);
    put_ber(p, "called-reference", s->called_ref);
    put_ber(p, "common-reference", s->common_ref);
    put_ber(p, "additional-reference", s->additional_ref);
    if (spdu_has(s, PI_PROTOCOL_OPTIONS))
        pdu_put(p, "extended-concatenation", "%s", s->options & OPTION_EXTENDED_CONCATENATION ? "yes" : "no");
    if (spdu_has(s, PI_TSDU_MAX)) {
        pdu_put(p, "tsdu-max-to-responder", "%u", s->tsdu_to_responder);
        pdu_put(p, "tsdu-max-to-initiator", "%u", s->tsdu_to_initiator);
    }
    if (si == SI_CN || si == SI_AC || spdu_has(s, PI_VERSION))
        PUT_BITS(p, "versions", s->versions, versions);
    if (spdu_has(s, PI_INITIAL_SERIAL))
        pdu_put(p, "initial-serial", "%u", s->initial_serial);
    if (spdu_has(s, PI_TOKEN_SETTING))
        put_token_setting(p, s->token_setting);
    if (si == SI_CN || si == SI_AC || spdu_has(s, PI_REQUIREMENTS))
        PUT_BITS(p, "functional-units", s->requirements, functional_units);
    pdu_put_octets(p, "calling-ssel", s->calling_ssel);
    pdu_put_octets(p, "called-ssel", s->called_ssel);
    if (spdu_has(s, PI_DATA_OVERFLOW))
        pdu_put(p, "data-overflow", "more user data follow");
}

static void put_activity(struct pdu *p, uint8_t si, const struct spdu *s) {
    put_ber(p, "activity", s->activity_id);
    if (si == SI_AR) {
        put_ber(p, "old-activity", s->old_activity_id);
        put_ber(p, "old-calling-reference", s->calling_ref);
        put_ber(p, "old-called-reference", s->called_ref);
        put_ber(p, "old-common-reference", s->common_ref);
        put_ber(p, "old-additional-reference", s->additional_ref);
    }
    if (spdu_has(s, PI_SERIAL))
        pdu_put(p, "serial", "%u", s->serial);
    else if (s->link)
        pdu_put(p, "serial", "%u", s->link_serial);
    if (si == SI_MIP && spdu_has(s, PI_SYNC_TYPE))
        pdu_put(p, "confirmation", "%s", s->sync_type & 1 ? "not asked for" : "asked for");
}

void pdu_spdu(struct pdu *p, uint8_t si, bool first, const struct spdu *s) {
    p->name = spdu_name(si, first);
    if (strcmp(p->name, "unknown SPDU") == 0)
        pdu_put(p, "identifier", "%u", si);
    bool connects = first && (si == SI_CN || si == SI_AC || si == SI_RF);
    if (connects)
        put_connect(p, si, s);
    else if (!first)
        put_activity(p, si, s);
    put_reason(p, si, s);
    if (spdu_has(s, PI_TOKEN_ITEM))
        PUT_BITS(p, "tokens", s->token_item, tokens);
    if (spdu_has(s, PI_TRANSPORT_DISCONNECT) || (si == SI_AB && first))
        PUT_BITS(p, "transport-disconnect", s->transport_disconnect, disconnects);
    if (spdu_has(s, PI_ENCLOSURE))
        pdu_put(p, "enclosure", "%s%s", s->enclosure & ENCLOSURE_BEGIN ? "begin" : "middle",
                s->enclosure & ENCLOSURE_END ? " end" : "");
    if (s->user_data.p != NULL)
        pdu_put(p, "user-data", "%zu octets", s->user_data.n);
}
