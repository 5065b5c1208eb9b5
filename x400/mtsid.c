// SPDX-License-Identifier: BSD-2-Clause
// MTS identifiers and global domain identifiers (X.411):
//   MTSIdentifier ::= [APPLICATION 4] SEQUENCE { GlobalDomainIdentifier, local-identifier IA5String (SIZE (1..32)) }
//   GlobalDomainIdentifier ::= [APPLICATION 3] SEQUENCE { country-name [APPLICATION 1] CHOICE,
//     administration-domain-name [APPLICATION 2] CHOICE, private-domain-identifier CHOICE OPTIONAL (no tag of its own)
//     }
// Domains are compared as O/R addresses made of their three names.
#include "x400/mtsid.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "asn1/tlv.h"
#include "asn1/validate.h"
#include "x400/charset.h"

static int fails(const char **why, int r, const char *text) {
    if (why != NULL)
        *why = text;
    return r;
}

// ---- reading ----

// A string without NUL into out, which has room for `max` octets and a NUL.
static int read_string(const struct tlv *t, struct bytes value, char *out, size_t max) {
    struct arena scratch;
    struct bytes octets = value;
    arena_init(&scratch, 0);
    int r = t->constructed ? tlv_string(&scratch, t, value, max, &octets) : 0;
    if (r == 0 && octets.n > max)
        r = ERR_LIMIT;
    if (r == 0 && octets.n > 0 && memchr(octets.p, '\0', octets.n) != NULL)
        r = ERR_SYNTAX;
    for (size_t i = 0; r == 0 && i < octets.n; i++)
        if (octets.p[i] >= 0x80)
            r = ERR_SYNTAX;
    if (r == 0) {
        if (octets.n > 0)
            memcpy(out, octets.p, octets.n);
        out[octets.n] = '\0';
    }
    arena_free(&scratch);
    return r;
}

// The next member, a NumericString or PrintableString.
static int read_choice(struct cursor *c, char *out, size_t max, bool *numeric) {
    struct tlv t;
    struct bytes value;
    if (tlv_next(c, &t, NULL, &value) != 0)
        return ERR_SYNTAX;
    *numeric = tlv_is(&t, TLV_UNIVERSAL, TLV_NUMERIC_STRING);
    if (!*numeric && !tlv_is(&t, TLV_UNIVERSAL, TLV_PRINTABLE_STRING))
        return ERR_SYNTAX;
    return read_string(&t, value, out, max);
}

static int read_inside(struct cursor *c, uint32_t tag, char *out, size_t max, bool *numeric) {
    struct tlv t;
    struct bytes value;
    if (tlv_expect(c, TLV_APPLICATION, tag, &t, &value) != 0 || !t.constructed)
        return ERR_SYNTAX;
    struct cursor inside = cursor_of(value);
    int r = read_choice(&inside, out, max, numeric);
    return r != 0 ? r : cursor_left(&inside) != 0 ? ERR_SYNTAX : 0;
}

static int decode_domain(struct bytes value, struct mts_domain *d, const char **why) {
    struct mts_domain out = {0};
    struct cursor c = cursor_of(value);
    int r;
    if ((r = read_inside(&c, 1, out.country, sizeof out.country - 1, &out.country_numeric)) != 0)
        return fails(why, r, "the country name of a global domain identifier is missing or wrong");
    if ((r = read_inside(&c, 2, out.admd, MTSID_DOMAIN_MAX, &out.admd_numeric)) != 0)
        return fails(why, r, "the administration domain name of a global domain identifier is missing or wrong");
    out.has_prmd = cursor_left(&c) > 0;
    if (out.has_prmd && (r = read_choice(&c, out.prmd, MTSID_DOMAIN_MAX, &out.prmd_numeric)) != 0)
        return fails(why, r, "the private domain identifier of a global domain identifier is wrong");
    if (cursor_left(&c) > 0)
        return fails(why, ERR_SYNTAX, "an unexpected element in a global domain identifier");
    *d = out;
    return 0;
}

static int decode_id(struct bytes value, struct mts_id *id, const char **why) {
    struct mts_id out = {0};
    struct cursor c = cursor_of(value);
    struct tlv t;
    struct bytes member;
    if (tlv_expect(&c, TLV_APPLICATION, 3, &t, &member) != 0 || !t.constructed)
        return fails(why, ERR_SYNTAX, "the global domain identifier of an MTS identifier is missing");
    int r = decode_domain(member, &out.domain, why);
    if (r != 0)
        return r;
    if (tlv_expect(&c, TLV_UNIVERSAL, TLV_IA5_STRING, &t, &member) != 0 || cursor_left(&c) > 0)
        return fails(why, ERR_SYNTAX, "the local identifier of an MTS identifier is missing");
    if ((r = read_string(&t, member, out.local, MTSID_LOCAL_MAX)) != 0)
        return fails(why, r, "the local identifier of an MTS identifier is too long or not IA5");
    if (out.local[0] == '\0')
        return fails(why, ERR_SYNTAX, "the local identifier of an MTS identifier is empty");
    *id = out;
    return 0;
}

// The contents of one whole element of this application tag.
static int whole(struct bytes in, uint32_t tag, struct bytes *value, const char **why) {
    struct tlv t;
    uint64_t total;
    int r = tlv_check(in, NULL, &total);
    if (r != 0 || total != in.n)
        return fails(why, r == ERR_SHORT ? r : ERR_SYNTAX, "the encoding of an identifier is cut off or not BER");
    struct cursor c = cursor_of(in);
    if (tlv_expect(&c, TLV_APPLICATION, tag, &t, value) != 0 || !t.constructed)
        return fails(why, ERR_SYNTAX,
                     tag == 3 ? "a global domain identifier was expected" : "an MTS identifier was expected");
    return 0;
}

int mts_domain_decode(struct bytes in, struct mts_domain *d, const char **why) {
    struct bytes value;
    int r = whole(in, 3, &value, why);
    return r != 0 ? r : decode_domain(value, d, why);
}

int mts_id_decode(struct bytes in, struct mts_id *id, const char **why) {
    struct bytes value;
    int r = whole(in, 4, &value, why);
    return r != 0 ? r : decode_id(value, id, why);
}

// ---- bounds ----

static int check_name(enum validate_field f, bool numeric, const char *text, char *why) {
    return validate_string(f, numeric ? VALIDATE_NUMERIC : VALIDATE_PRINTABLE, bytes_str(text), why);
}

int mts_domain_check(const struct mts_domain *d, char *why) {
    int r = check_name(VALIDATE_COUNTRY, d->country_numeric, d->country, why);
    if (r == 0)
        r = check_name(VALIDATE_ADMD, d->admd_numeric, d->admd, why);
    return r != 0 || !d->has_prmd ? r : check_name(VALIDATE_PRMD, d->prmd_numeric, d->prmd, why);
}

int mts_id_check(const struct mts_id *id, char *why) {
    int r = mts_domain_check(&id->domain, why);
    return r != 0 ? r : validate_string(VALIDATE_LOCAL_IDENTIFIER, VALIDATE_IA5, bytes_str(id->local), why);
}

// ---- writing ----

static int put_choice(struct buf *b, const char *text, bool numeric) {
    return tlv_put(b, TLV_UNIVERSAL, false, numeric ? TLV_NUMERIC_STRING : TLV_PRINTABLE_STRING, bytes_str(text));
}

static int put_inside(struct buf *b, uint32_t tag, const char *text, bool numeric) {
    size_t from = b->len;
    int r = put_choice(b, text, numeric);
    return r != 0 ? r : tlv_wrap(b, from, TLV_APPLICATION, true, tag);
}

int mts_domain_encode(const struct mts_domain *d, struct buf *out) {
    size_t before = out->len;
    int r = mts_domain_check(d, NULL);
    if (r == 0)
        r = put_inside(out, 1, d->country, d->country_numeric);
    if (r == 0)
        r = put_inside(out, 2, d->admd, d->admd_numeric);
    if (r == 0 && d->has_prmd)
        r = put_choice(out, d->prmd, d->prmd_numeric);
    if (r == 0)
        r = tlv_wrap(out, before, TLV_APPLICATION, true, 3);
    if (r != 0)
        out->len = before;
    return r;
}

int mts_id_encode(const struct mts_id *id, struct buf *out) {
    size_t before = out->len;
    int r = mts_id_check(id, NULL);
    if (r == 0)
        r = mts_domain_encode(&id->domain, out);
    if (r == 0)
        r = tlv_put(out, TLV_UNIVERSAL, false, TLV_IA5_STRING, bytes_str(id->local));
    if (r == 0)
        r = tlv_wrap(out, before, TLV_APPLICATION, true, 4);
    if (r != 0)
        out->len = before;
    return r;
}

// ---- comparing ----

struct domain_address {
    struct or_value values[3];
    struct or_address address;
};

static void as_address(const struct mts_domain *d, struct domain_address *out) {
    out->values[0] = (struct or_value){OR_COUNTRY, d->country_numeric ? OR_NUMERIC : OR_PRINTABLE, d->country};
    out->values[1] = (struct or_value){OR_ADMD, d->admd_numeric ? OR_NUMERIC : OR_PRINTABLE, d->admd};
    out->values[2] = (struct or_value){OR_PRMD, d->prmd_numeric ? OR_NUMERIC : OR_PRINTABLE, d->prmd};
    out->address = (struct or_address){.values = out->values, .n_values = d->has_prmd ? 3 : 2};
}

bool mts_domain_equal(const struct mts_domain *a, const struct mts_domain *b) {
    struct domain_address x, y;
    as_address(a, &x);
    as_address(b, &y);
    return or_address_equal(&x.address, &y.address);
}

// ---- text ----

static int put_local(struct buf *out, const char *local) {
    int r = 0;
    for (; r == 0 && *local != '\0'; local++) {
        uint8_t c = (uint8_t)*local;
        bool plain = c >= 0x20 && c < 0x7F && strchr("{}]", c) == NULL;
        r = plain ? buf_append_u8(out, c) : buf_printf(out, "{%03u}", c);
    }
    return r;
}

static int put_name(struct buf *out, const char *keyword, const char *text) {
    int r = buf_printf(out, "/%s=", keyword);
    for (; r == 0 && *text != '\0'; text++) {
        if (strchr("/=;$*{}", *text) != NULL)
            r = buf_append_u8(out, '$');
        if (r == 0)
            r = buf_append_u8(out, (uint8_t)*text);
    }
    return r;
}

static int put_domain(struct buf *out, const struct mts_domain *d) {
    int r = d->has_prmd ? put_name(out, "PRMD", d->prmd) : 0;
    if (r == 0)
        r = put_name(out, "ADMD", d->admd);
    if (r == 0)
        r = put_name(out, "C", d->country);
    return r != 0 ? r : buf_append_str(out, "/");
}

// Moves a text to the arena and frees the buffer.
static char *finish(struct arena *arena, struct buf *out, int r) {
    char *text = r == 0 && out->len > 0 ? arena_strndup(arena, buf_bytes(out).p, out->len) : NULL;
    buf_free(out);
    return text;
}

char *mts_domain_print(struct arena *arena, const struct mts_domain *d) {
    struct buf out = {0};
    return finish(arena, &out, put_domain(&out, d));
}

char *mts_id_print(struct arena *arena, const struct mts_id *id) {
    struct buf out = {0};
    int r = buf_append_u8(&out, '[');
    if (r == 0)
        r = put_domain(&out, &id->domain);
    if (r == 0)
        r = buf_append_u8(&out, ';');
    if (r == 0)
        r = put_local(&out, id->local);
    return finish(arena, &out, r != 0 ? r : buf_append_u8(&out, ']'));
}

// ---- making ----

int mts_domain_set(struct mts_domain *d, const char *country, const char *admd, const char *prmd) {
    struct mts_domain out = {.has_prmd = prmd != NULL};
    prmd = prmd == NULL ? "" : prmd;
    out.country_numeric = charset_is_numeric(country);
    if (strlen(country) >= sizeof out.country || strlen(admd) > MTSID_DOMAIN_MAX || strlen(prmd) > MTSID_DOMAIN_MAX)
        return ERR_LIMIT;
    memcpy(out.country, country, strlen(country) + 1);
    memcpy(out.admd, admd, strlen(admd) + 1);
    memcpy(out.prmd, prmd, strlen(prmd) + 1);
    int r = mts_domain_check(&out, NULL);
    if (r != 0)
        return r;
    *d = out;
    return 0;
}

void mts_id_make(struct mts_id *id, const struct mts_domain *d, int64_t unix_seconds, uint32_t counter,
                 uint32_t random) {
    time_t seconds = (time_t)unix_seconds;
    struct tm utc = {0};
    gmtime_r(&seconds, &utc);
    *id = (struct mts_id){.domain = *d};
    char date[16];
    date[strftime(date, sizeof date, "%y%m%d%H%M%S", &utc)] = '\0';
    snprintf(id->local, sizeof id->local, "%s-%08X-%08X", date, counter, random);
}
