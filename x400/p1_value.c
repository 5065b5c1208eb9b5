// SPDX-License-Identifier: BSD-2-Clause
// Time, named bits, encoded information types and codes, read by hand with asn1/tlv.h: P1 relays most of what it
// reads to the octet, which views of the input give for nothing and a compiled decoder does not.
// UTCTime: seconds and Z may be missing only as X.680 allows (no seconds, or a zone offset instead of Z). A text
// without any zone is read as UTC, because old peers send it.
#include "x400/p1_value.h"

#include <stdio.h>

// Days from 1970-01-01 to a date of the Gregorian calendar, counted in eras of 400 years that begin in March.
static int64_t days_of(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t days, int64_t *y, int *m, int *d) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

static bool days_in_month(int64_t y, int m, int d) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (m < 1 || m > 12 || d < 1)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return d <= days[m - 1] + (m == 2 && leap);
}

static int two_digits(struct cursor *c, int *v) {
    if (cursor_left(c) < 2 || c->p[0] < '0' || c->p[0] > '9' || c->p[1] < '0' || c->p[1] > '9')
        return ERR_SYNTAX;
    *v = (c->p[0] - '0') * 10 + c->p[1] - '0';
    c->p += 2;
    return 0;
}

static int zone_parse(struct cursor *c, int *offset) {
    *offset = 0;
    if (cursor_left(c) == 0)
        return 0;
    uint8_t sign = *c->p++;
    if (sign == 'Z')
        return cursor_left(c) == 0 ? 0 : ERR_SYNTAX;
    int h, m;
    if ((sign != '+' && sign != '-') || two_digits(c, &h) < 0 || two_digits(c, &m) < 0 || cursor_left(c) != 0 ||
        h > 23 || m > 59)
        return ERR_SYNTAX;
    *offset = (h * 60 + m) * 60 * (sign == '-' ? -1 : 1);
    return 0;
}

int p1_time_parse(struct bytes text, int64_t *seconds) {
    struct cursor c = cursor_of(text);
    int f[5], s = 0, zone;
    for (int i = 0; i < 5; i++)
        if (two_digits(&c, &f[i]) < 0)
            return ERR_SYNTAX;
    if (cursor_left(&c) > 0 && *c.p >= '0' && *c.p <= '9' && two_digits(&c, &s) < 0)
        return ERR_SYNTAX;
    if (zone_parse(&c, &zone) < 0)
        return ERR_SYNTAX;
    int64_t year = f[0] < 76 ? 2000 + f[0] : 1900 + f[0];
    if (!days_in_month(year, f[1], f[2]) || f[3] > 23 || f[4] > 59 || s > 60)
        return ERR_SYNTAX;
    *seconds = days_of(year, f[1], f[2]) * 86400 + f[3] * 3600 + f[4] * 60 + s - zone;
    return 0;
}

struct civil {
    int64_t year;
    int month, day, hour, minute, second;
};

static struct civil civil_of(int64_t seconds) {
    struct civil c;
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0)
        days--, rest += 86400;
    date_of(days, &c.year, &c.month, &c.day);
    c.hour = (int)(rest / 3600);
    c.minute = (int)(rest / 60 % 60);
    c.second = (int)(rest % 60);
    return c;
}

int p1_time_text(int64_t seconds, char out[14]) {
    if (seconds < INT64_C(189302400) || seconds > INT64_C(3345062399)) // what p1_time_parse would not read back
        return ERR_LIMIT;
    struct civil c = civil_of(seconds);
    char text[32];
    snprintf(text, sizeof text, "%02d%02d%02d%02d%02d%02dZ", (int)(c.year % 100), c.month, c.day, c.hour, c.minute,
             c.second);
    memcpy(out, text, 14);
    return 0;
}

int p1_time_iso(int64_t seconds, char out[21]) {
    if (seconds < INT64_C(-62135596800) || seconds > INT64_C(253402300799)) {
        out[0] = '\0';
        return ERR_LIMIT;
    }
    struct civil c = civil_of(seconds);
    char text[48];
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)c.year, c.month, c.day, c.hour, c.minute,
             c.second);
    memcpy(out, text, 21);
    return 0;
}

int p1_put_time(struct buf *b, enum tlv_class cls, uint32_t tag, const struct p1_time *t) {
    char text[14];
    int64_t said;
    if (t->text.p != NULL && p1_time_parse(t->text, &said) == 0 && said == t->seconds)
        return tlv_put(b, cls, false, tag, t->text);
    int err = p1_time_text(t->seconds, text);
    return err < 0 ? err : tlv_put(b, cls, false, tag, bytes_of(text, 13));
}

int p1_get_time(struct arena *a, const struct tlv *t, struct bytes value, struct p1_time *out) {
    struct bytes text = value;
    int err = t->constructed ? tlv_string(a, t, value, 32, &text) : 0;
    if (err < 0)
        return err;
    int64_t seconds;
    if ((err = p1_time_parse(text, &seconds)) < 0)
        return err;
    *out = (struct p1_time){true, seconds, text};
    return 0;
}

int p1_put_bits(struct buf *b, enum tlv_class cls, uint32_t tag, const struct p1_bits *v, unsigned min_bits) {
    uint32_t said;
    if (v->raw.p != NULL && tlv_get_bits(v->raw, &said) == 0 && said == v->set)
        return tlv_put(b, cls, false, tag, v->raw);
    uint8_t octets[5] = {0};
    unsigned n = min_bits;
    for (unsigned i = 0; i < 32; i++)
        if (v->set & (UINT32_C(1) << i)) {
            octets[1 + i / 8] |= (uint8_t)(0x80 >> i % 8);
            n = i + 1 > n ? i + 1 : n;
        }
    octets[0] = (uint8_t)((8 - n % 8) % 8);
    return tlv_put(b, cls, false, tag, bytes_of(octets, 1 + (n + 7) / 8));
}

int p1_get_bits(const struct tlv *t, struct bytes value, struct p1_bits *out) {
    out->raw = value;
    return t->constructed ? ERR_SYNTAX : tlv_get_bits(value, &out->set);
}

int p1_get_code(const struct tlv *t, struct bytes value, int max, int *out) {
    int64_t v;
    int err = t->constructed ? ERR_SYNTAX : tlv_get_int(value, &v);
    if (err < 0)
        return err;
    if (v < 0 || v > max)
        return ERR_LIMIT;
    *out = (int)v;
    return 0;
}

int p1_put_raw(struct buf *b, struct bytes raw) {
    return buf_append(b, raw.p, raw.n);
}

int p1_put_eits(struct buf *b, const struct p1_eits *e) {
    if (e->raw.p != NULL)
        return p1_put_raw(b, e->raw);
    size_t from = b->len;
    int err = p1_put_bits(b, TLV_CONTEXT, 0, &(struct p1_bits){e->built_in, {NULL, 0}}, 0);
    if (err < 0)
        return err;
    size_t list = b->len;
    for (size_t i = 0; i < e->n_extended; i++)
        if ((err = tlv_put(b, TLV_UNIVERSAL, false, TLV_OID, e->extended[i])) < 0)
            return err;
    if (e->n_extended > 0 && (err = tlv_wrap(b, list, TLV_CONTEXT, true, 4)) < 0)
        return err;
    return tlv_wrap(b, from, TLV_APPLICATION, true, 5);
}

static int extended_eits(struct arena *a, struct bytes list, struct p1_eits *out) {
    struct tlv t;
    struct bytes oid;
    size_t n = 0;
    int err;
    for (struct cursor c = cursor_of(list); (err = tlv_next(&c, &t, NULL, &oid)) == 0; n++)
        if (!tlv_is(&t, TLV_UNIVERSAL, TLV_OID) || t.constructed || oid.n == 0)
            return ERR_SYNTAX;
    if (err != ERR_ABSENT)
        return err;
    if (n > P1_UB_EXTENDED_EITS)
        return ERR_LIMIT;
    if (n == 0)
        return 0;
    if ((out->extended = arena_array(a, n, sizeof *out->extended)) == NULL)
        return ERR_NOMEM;
    struct cursor c = cursor_of(list);
    for (; out->n_extended < n; out->n_extended++)
        if ((err = tlv_next(&c, &t, NULL, &out->extended[out->n_extended])) < 0)
            return err;
    return 0;
}

int p1_get_eits(struct arena *a, struct bytes whole, struct p1_eits *out) {
    struct cursor outer = cursor_of(whole), c;
    struct tlv t;
    struct bytes value;
    *out = (struct p1_eits){.present = true, .raw = whole};
    int err = tlv_next(&outer, &t, NULL, &value);
    if (err < 0)
        return err == ERR_ABSENT ? ERR_SYNTAX : err;
    if (!t.constructed)
        return ERR_SYNTAX;
    bool built_in = false, extended = false;
    c = cursor_of(value);
    while ((err = tlv_next(&c, &t, NULL, &value)) == 0) {
        struct p1_bits bits;
        if (tlv_is(&t, TLV_CONTEXT, 0) && !built_in) {
            err = p1_get_bits(&t, value, &bits);
            out->built_in = err == 0 ? bits.set : 0;
            built_in = true;
        } else if (tlv_is(&t, TLV_CONTEXT, 4) && !extended) {
            err = t.constructed ? extended_eits(a, value, out) : ERR_SYNTAX;
            extended = true;
        } else if (t.cls == TLV_CONTEXT && (t.tag == 0 || t.tag == 4)) {
            err = ERR_SYNTAX; // twice
        }                     // others are non-basic parameters, which are relayed
        if (err < 0)
            return err;
    }
    if (err != ERR_ABSENT)
        return err;
    return built_in ? 0 : ERR_SYNTAX;
}

struct bytes p1_oid(struct arena *a, const char *dotted) {
    struct buf b = {0};
    struct bytes whole, value = {0}, out = {0};
    struct tlv t;
    if (tlv_put_oid(&b, TLV_UNIVERSAL, 6, dotted) == ERR_OK) {
        struct cursor c = cursor_of(buf_bytes(&b));
        if (tlv_next(&c, &t, &whole, &value) == ERR_OK)
            out = arena_bytes(a, value);
    }
    buf_free(&b);
    return out;
}
