// SPDX-License-Identifier: BSD-2-Clause
// Parameters of body parts: file transfer (module IPMSFileTransferBodyPartType of X.420 06/1999 with the attributes of
// ISO 8571), general text (IPMSExtendedBodyPartTypes2) and forwarded messages (OtherMessageDeliveryFields of X.411).
// They inform people; where one does not decode, the part is read without it.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "x400/ipm_internal.h"
#include "x400/oraddr.h"
#include "x400/p1_value.h"

enum { STRING_MAX = 64 * 1024, GENERALIZED_TIME = 24 };

// ---- strings of names ----

// A GraphicString as people send it: UTF-8, or ISO 2022 where Latin-1 needs no announcement.
static const char *ipm_graphic_string(struct arena *a, struct bytes in) {
    static const unsigned latin1 = 100;
    bool escapes = in.n > 0 && memchr(in.p, 0x1B, in.n) != NULL;
    if (!escapes && charset_utf8_valid(in))
        return ipm_string(a, CHARSET_UTF8, in);
    struct buf b = {0};
    const char *s = NULL;
    if (charset_decode(CHARSET_GENERAL, &latin1, 1, in, &b) == ERR_OK)
        s = ipm_string(a, CHARSET_UTF8, buf_bytes(&b));
    buf_free(&b);
    return s;
}

// One for any characters: with the escape sequence of ISO 2022 where a part of ISO 8859 suffices, else plain UTF-8.
static int ipm_graphic_encode(const char *utf8, struct buf *out) {
    struct bytes s = bytes_str(utf8);
    unsigned registration = charset_smallest(s);
    return registration != 0 ? charset_general_encode(s, registration, out) : buf_append(out, s.p, s.n);
}

// All strings of a SEQUENCE OF GraphicString, joined, as far as they are readable and not absurdly long; NULL: none, or
// memory is short.
static const char *joined_strings(struct arena *a, struct bytes list, const char *between) {
    struct cursor c = cursor_of(list);
    struct tlv t;
    struct bytes value, s;
    struct buf all = {0};
    int err = ERR_OK;
    while (err == ERR_OK && all.len < STRING_MAX && tlv_next(&c, &t, NULL, &value) == ERR_OK &&
           tlv_string(a, &t, value, STRING_MAX, &s) == ERR_OK) {
        const char *one = ipm_graphic_string(a, s);
        err = one == NULL ? ERR_NOMEM : buf_append_str(&all, all.len > 0 ? between : "");
        if (err == ERR_OK)
            err = buf_append_str(&all, one);
    }
    const char *text = err == ERR_OK && all.len > 0 ? arena_strndup(a, buf_bytes(&all).p, all.len) : NULL;
    buf_free(&all);
    return text;
}

// ---- file transfer, reading ----

// YYYYMMDDhhmmss[.f](Z|+hhmm), and without a zone as if it were UTC. 0: not readable.
static int64_t generalized_time(struct bytes v) {
    char s[40] = {0};
    if (v.n < 10 || v.n >= sizeof s)
        return 0;
    memcpy(s, v.p, v.n);
    struct tm tm = {0};
    int used = 0;
    if (sscanf(s, "%4d%2d%2d%2d%2d%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
               &used) != 6)
        return 0;
    if (tm.tm_year < 1900 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    int64_t t = timegm(&tm);
    const char *zone = s + used + strcspn(s + used, "+-Z");
    int hours, minutes;
    if (*zone != 'Z' && sscanf(zone + (*zone != 0), "%2d%2d", &hours, &minutes) == 2)
        t += (*zone == '-' ? 1 : -1) * (hours * 3600 + minutes * 60);
    return t;
}

// Date-and-Time-Attribute and Object-Size-Attribute are choices, so their tags in FileAttributes are explicit, and the
// actual value is [1] within. A value without that tag is taken too.
static bool attribute_value(struct bytes choice, uint32_t type, struct bytes *value) {
    struct cursor c = cursor_of(choice);
    struct tlv t;
    return tlv_next(&c, &t, NULL, value) == ERR_OK && !t.constructed &&
           (tlv_is(&t, TLV_CONTEXT, 1) || tlv_is(&t, TLV_UNIVERSAL, type));
}

static void file_attributes(struct arena *a, struct bytes value, struct ipm_part *part) {
    struct cursor c = cursor_of(value);
    struct tlv t;
    struct bytes v;
    int64_t n;
    while (tlv_next(&c, &t, NULL, &v) == ERR_OK) {
        if (!t.constructed)
            continue;
        // incomplete-pathname and complete-pathname: [23] here, [APPLICATION 23] in ISO 8571.
        if (tlv_is(&t, TLV_CONTEXT, 0) || (t.tag == 23 && (t.cls == TLV_CONTEXT || t.cls == TLV_APPLICATION)))
            part->file_name = joined_strings(a, v, "/");
        else if (tlv_is(&t, TLV_CONTEXT, 5) && attribute_value(v, GENERALIZED_TIME, &v))
            part->modified = generalized_time(v);
        else if (tlv_is(&t, TLV_CONTEXT, 13) && attribute_value(v, TLV_INTEGER, &v) && tlv_get_int(v, &n) == ERR_OK &&
                 n >= 0)
            part->size = n;
    }
}

void ipm_part_file_parameters(struct arena *a, struct bytes value, struct ipm_part *part) {
    struct cursor c = cursor_of(value);
    struct tlv t;
    struct bytes parameters, v;
    if (tlv_expect(&c, TLV_UNIVERSAL, TLV_SEQUENCE, &t, &parameters) < 0)
        return;
    if (tlv_find(parameters, TLV_CONTEXT, 2, &t, &v) == ERR_OK && // environment, user-visible-string
        tlv_find(v, TLV_CONTEXT, 3, &t, &v) == ERR_OK)
        part->description = joined_strings(a, v, "; ");
    if (tlv_find(parameters, TLV_CONTEXT, 4, &t, &v) == ERR_OK)
        file_attributes(a, v, part);
    part->is_text = part->description != NULL && strcmp(part->description, IPM_TEXT_MARK) == 0;
}

// ---- file transfer, writing ----

static int put_pathname(struct buf *b, const char *name) {
    size_t from = b->len;
    int err = ipm_graphic_encode(name, b);
    if (err == ERR_OK)
        err = tlv_wrap(b, from, TLV_UNIVERSAL, false, TLV_GRAPHIC_STRING);
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, 0); // incomplete-pathname
}

static int put_modified(struct buf *b, int64_t t) {
    char text[24];
    struct tm tm;
    time_t seconds = (time_t)t;
    if (t == 0 || gmtime_r(&seconds, &tm) == NULL || tm.tm_year < 0 || tm.tm_year > 8099)
        return ERR_OK;
    size_t from = b->len;
    strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm);
    int err = tlv_put(b, TLV_CONTEXT, false, 1, bytes_str(text));
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, 5);
}

static int put_size(struct buf *b, uint64_t size) {
    size_t from = b->len;
    int err = tlv_put_int(b, TLV_CONTEXT, 1, (int64_t)size);
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, 13);
}

static int put_text_mark(struct buf *b) {
    size_t from = b->len;
    int err = tlv_put(b, TLV_UNIVERSAL, false, TLV_GRAPHIC_STRING, bytes_str(IPM_TEXT_MARK));
    if (err == ERR_OK)
        err = tlv_wrap(b, from, TLV_CONTEXT, true, 3);              // user-visible-string
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, 2); // environment
}

// contents-type is left out: its default is the unstructured binary file.
int ipm_file_parameters_encode(const struct ipm_part_out *part, uint64_t size, struct buf *out) {
    size_t from = out->len;
    int err = part->is_text ? put_text_mark(out) : ERR_OK;
    size_t attributes = out->len;
    if (err == ERR_OK)
        err = put_pathname(out, part->file_name != NULL ? part->file_name : "body.txt");
    if (err == ERR_OK)
        err = put_modified(out, part->modified);
    if (err == ERR_OK)
        err = put_size(out, size);
    if (err == ERR_OK)
        err = tlv_wrap(out, attributes, TLV_CONTEXT, true, 4);
    return err < 0 ? err : tlv_wrap(out, from, TLV_UNIVERSAL, true, TLV_SEQUENCE);
}

// ---- general text ----

void ipm_part_general_parameters(struct bytes value, struct ipm_registrations *r) {
    struct cursor c = cursor_of(value);
    struct tlv t;
    struct bytes set, v;
    int64_t n;
    if (tlv_expect(&c, TLV_UNIVERSAL, TLV_SET, &t, &set) < 0)
        return;
    c = cursor_of(set);
    while (r->n < IPM_REGISTRATIONS_MAX && tlv_next(&c, &t, NULL, &v) == ERR_OK)
        if (tlv_is(&t, TLV_UNIVERSAL, TLV_INTEGER) && tlv_get_int(v, &n) == ERR_OK && n > 0 && n <= 32767)
            r->set[r->n++] = (unsigned)n;
}

// ---- forwarded messages ----

static const char *name_text(struct arena *a, struct bytes whole) {
    struct or_address address;
    if (or_name_decode(a, whole, &address, NULL) < 0)
        return NULL;
    return or_address_print(a, &address, OR_SLASH);
}

// The fields of the delivery envelope that a reader wants: who sent it, to whom, when.
static const char *delivery_text(struct arena *a, struct bytes fields) {
    struct cursor c = cursor_of(fields);
    struct tlv t;
    struct bytes whole, v, tmp;
    const char *originator = NULL, *recipient = NULL;
    char submitted[32] = "";
    int64_t time;
    while (tlv_next(&c, &t, &whole, &v) == ERR_OK) {
        if (tlv_is(&t, TLV_APPLICATION, 0)) {
            originator = name_text(a, whole);
        } else if (tlv_is(&t, TLV_CONTEXT, 4) && t.constructed) { // this-recipient-name, an ORName under [4]
            struct buf name = {0};
            if (tlv_put(&name, TLV_APPLICATION, true, 0, v) == ERR_OK)
                recipient = name_text(a, buf_bytes(&name));
            buf_free(&name);
        } else if (tlv_is(&t, TLV_CONTEXT, 7) && tlv_string(a, &t, v, 64, &tmp) == ERR_OK &&
                   p1_time_parse(tmp, &time) == ERR_OK) {
            p1_time_iso(time, submitted);
        }
    }
    return arena_printf(a, "from %s to %s%s%s", originator != NULL ? originator : "?",
                        recipient != NULL ? recipient : "?", submitted[0] ? ", submitted " : "", submitted);
}

void ipm_part_message_parameters(struct arena *a, struct bytes value, struct ipm_part *part) {
    struct tlv t;
    struct bytes v, tmp, inner = value;
    struct cursor c = cursor_of(value);
    // In an externally defined part the SET is still around them.
    if (tlv_expect(&c, TLV_UNIVERSAL, TLV_SET, &t, &v) == ERR_OK)
        inner = v;
    if (tlv_find(inner, TLV_CONTEXT, 0, &t, &v) == ERR_OK && tlv_string(a, &t, v, 64, &tmp) == ERR_OK)
        p1_time_parse(tmp, &part->delivery_time);
    if (tlv_find(inner, TLV_CONTEXT, 1, &t, &v) == ERR_OK && t.constructed)
        part->delivery_text = delivery_text(a, v);
}
