// SPDX-License-Identifier: BSD-2-Clause
// SPDU = identifier, length, parameters; a parameter = identifier, length, value; a group holds parameters. A length is
// one octet up to 254, else FF and two octets.
#include "rfc1006/session_codec.h"

#include <stdio.h>

#include "base/err.h"

enum { REQUIREMENTS_DEFAULT = 0x0349, VERSION_DEFAULT = 1, REASON_ABSENT = 255 };

const char *spdu_name(uint8_t si, bool first) {
    switch (si) {
    case SI_ER: return "EXCEPTION REPORT (ER)";
    case SI_GT: return first ? "GIVE TOKENS (GT)" : "DATA TRANSFER (DT)";
    case SI_PT: return "PLEASE TOKENS (PT)";
    case SI_FN: return "FINISH (FN)";
    case SI_DN: return "DISCONNECT (DN)";
    case SI_RF: return "REFUSE (RF)";
    case SI_CN: return "CONNECT (CN)";
    case SI_AC: return "ACCEPT (AC)";
    case SI_CDO: return "CONNECT DATA OVERFLOW (CDO)";
    case SI_OA: return "OVERFLOW ACCEPT (OA)";
    case SI_GTC: return "GIVE TOKENS CONFIRM (GTC)";
    case SI_GTA: return "GIVE TOKENS ACK (GTA)";
    case SI_AB: return first ? "ABORT (AB)" : "ACTIVITY INTERRUPT (AI)";
    case SI_AA: return first ? "ABORT ACCEPT (AA)" : "ACTIVITY INTERRUPT ACK (AIA)";
    case SI_AR: return "ACTIVITY RESUME (AR)";
    case SI_AE: return "ACTIVITY END (AE)";
    case SI_AEA: return "ACTIVITY END ACK (AEA)";
    case SI_AS: return "ACTIVITY START (AS)";
    case SI_ED: return "EXCEPTION DATA (ED)";
    case SI_MIP: return "MINOR SYNC POINT (MIP)";
    case SI_MIA: return "MINOR SYNC ACK (MIA)";
    case SI_AD: return "ACTIVITY DISCARD (AD)";
    case SI_ADA: return "ACTIVITY DISCARD ACK (ADA)";
    default: return "unknown SPDU";
    }
}

static int length_read(struct cursor *c, size_t *n) {
    uint8_t short_form;
    uint16_t long_form;
    if (cursor_u8(c, &short_form) < 0)
        return ERR_SHORT;
    *n = short_form;
    if (short_form != 255)
        return ERR_OK;
    if (cursor_u16(c, &long_form) < 0)
        return ERR_SHORT;
    *n = long_form;
    return ERR_OK;
}

static bool serial_read(struct bytes v, uint32_t *out) {
    uint32_t n = 0;
    if (v.n == 0 || v.n > 6)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
        n = n * 10 + (uint32_t)(v.p[i] - '0');
    }
    *out = n;
    return true;
}

static bool u8_read(struct bytes v, uint8_t *out) {
    if (v.n != 1)
        return false;
    *out = v.p[0];
    return true;
}

static bool u16_read(struct bytes v, uint16_t *out) {
    if (v.n != 2)
        return false;
    *out = (uint16_t)(v.p[0] << 8 | v.p[1]);
    return true;
}

static bool sizes_read(struct bytes v, struct spdu *s) {
    return v.n == 4 && u16_read(bytes_of(v.p, 2), &s->tsdu_to_responder) &&
           u16_read(bytes_of(v.p + 2, 2), &s->tsdu_to_initiator);
}

// A reason's first octet; in a REFUSE user data follow in the same parameter.
static bool reason_read(uint8_t si, struct bytes v, struct spdu *s) {
    if (v.n == 0 || (v.n > 1 && si != SI_RF))
        return false;
    s->reason = v.p[0];
    if (v.n > 1)
        s->user_data = bytes_of(v.p + 1, v.n - 1);
    return true;
}

static bool octets_read(struct bytes v, struct bytes *out) {
    *out = v;
    return true;
}

// One parameter. False: its value is malformed.
static bool value_read(uint8_t si, uint8_t pi, struct bytes v, bool in_link, struct spdu *s) {
    switch (pi) {
    case PI_CALLED_REF: return octets_read(v, &s->called_ref);
    case PI_CALLING_REF: return octets_read(v, &s->calling_ref);
    case PI_COMMON_REF: return octets_read(v, &s->common_ref);
    case PI_ADDITIONAL_REF: return octets_read(v, &s->additional_ref);
    case PI_CALLING_SSEL: return octets_read(v, &s->calling_ssel);
    case PI_CALLED_SSEL: return octets_read(v, &s->called_ssel);
    case PI_ACTIVITY_ID: return octets_read(v, in_link ? &s->old_activity_id : &s->activity_id);
    case PI_SERIAL: return serial_read(v, in_link ? &s->link_serial : &s->serial);
    case PI_INITIAL_SERIAL: return serial_read(v, &s->initial_serial);
    case PI_SYNC_TYPE: return u8_read(v, &s->sync_type);
    case PI_TOKEN_ITEM: return u8_read(v, &s->token_item);
    case PI_TRANSPORT_DISCONNECT: return u8_read(v, &s->transport_disconnect);
    case PI_VERSION: return u8_read(v, &s->versions);
    case PI_PROTOCOL_OPTIONS: return u8_read(v, &s->options);
    case PI_ENCLOSURE: return u8_read(v, &s->enclosure);
    case PI_TOKEN_SETTING: return u8_read(v, &s->token_setting);
    case PI_REQUIREMENTS: return u16_read(v, &s->requirements);
    case PI_TSDU_MAX: return sizes_read(v, s);
    case PI_REASON: return reason_read(si, v, s);
    case PI_MIA_DATA: return octets_read(v, &s->user_data);
    case PGI_USER_DATA:
    case PGI_EXTENDED_USER_DATA: return octets_read(v, &s->user_data);
    default: return true;
    }
}

static int params_read(uint8_t si, struct bytes params, uint8_t group, struct spdu *s, char *error, size_t error_size) {
    struct cursor c = cursor_of(params);
    while (cursor_left(&c) > 0) {
        uint8_t pi = 0;
        size_t n = 0;
        struct bytes v;
        if (cursor_u8(&c, &pi) < 0 || length_read(&c, &n) < 0 || cursor_take(&c, n, &v) < 0) {
            snprintf(error, error_size, "parameter %u is longer than what holds it (%zu octets)", pi, n);
            return ERR_SYNTAX;
        }
        if (v.p == NULL)
            v.p = (const uint8_t *)"";
        if (group == 0 && (pi == PGI_CONNECTION_ID || pi == PGI_CONNECT_ACCEPT || pi == PGI_LINKING)) {
            s->link |= pi == PGI_LINKING;
            int r = params_read(si, v, pi, s, error, error_size);
            if (r < 0)
                return r;
        } else if (!value_read(si, pi, v, group == PGI_LINKING, s)) {
            snprintf(error, error_size, "parameter %u has a malformed value of %zu octets", pi, n);
            return ERR_SYNTAX;
        } else if (pi < 64 && group != PGI_LINKING)
            s->has |= (uint64_t)1 << pi;
    }
    return ERR_OK;
}

int spdu_read(uint8_t si, struct bytes params, struct spdu *out, char *error, size_t error_size) {
    *out = (struct spdu){.requirements = REQUIREMENTS_DEFAULT,
                         .versions = VERSION_DEFAULT,
                         .enclosure = ENCLOSURE_BEGIN | ENCLOSURE_END,
                         .transport_disconnect = TD_RELEASED,
                         .reason = REASON_ABSENT};
    return params_read(si, params, 0, out, error, error_size);
}

void spdu_put(struct spdu_out *o, uint8_t pi, struct bytes v) {
    if (v.p == NULL)
        return;
    o->p[o->n++] = pi;
    o->p[o->n++] = (uint8_t)v.n;
    if (v.n > 0)
        memcpy(o->p + o->n, v.p, v.n);
    o->n += v.n;
}

void spdu_put_u8(struct spdu_out *o, uint8_t pi, uint8_t v) {
    spdu_put(o, pi, bytes_of(&v, 1));
}

void spdu_put_u16(struct spdu_out *o, uint8_t pi, uint16_t v) {
    const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    spdu_put(o, pi, bytes_of(b, 2));
}

void spdu_put_serial(struct spdu_out *o, uint8_t pi, uint32_t v) {
    char digits[12];
    snprintf(digits, sizeof digits, "%u", v);
    spdu_put(o, pi, bytes_str(digits));
}

void spdu_group_begin(struct spdu_out *o, uint8_t pgi) {
    o->p[o->n++] = pgi;
    o->pgi = o->n++;
}

// A group without members is taken back.
void spdu_group_end(struct spdu_out *o) {
    if (o->n == o->pgi + 1)
        o->n -= 2;
    else
        o->p[o->pgi] = (uint8_t)(o->n - o->pgi - 1);
}

static size_t put_head(uint8_t *p, uint8_t id, size_t n) {
    p[0] = id;
    if (n < 255) {
        p[1] = (uint8_t)n;
        return 2;
    }
    p[1] = 255;
    p[2] = (uint8_t)(n >> 8);
    p[3] = (uint8_t)n;
    return 4;
}

size_t spdu_head(uint8_t head[SPDU_HEAD_MAX], const struct spdu_tx *t, uint8_t enclosure, size_t n_data) {
    bool segment = enclosure != SPDU_UNSEGMENTED, first = !segment || (enclosure & ENCLOSURE_BEGIN);
    bool reason = first && t->reason != SPDU_NO_REASON;
    size_t value = n_data + reason, params = (first ? t->out.n : 0) + (segment ? 3 : 0), n = 0;
    size_t all = params + (value > 254 ? 4 : value > 0 ? 2 : 0) + value;
    if (all > SPDU_LENGTH_MAX)
        return 0;
    if (t->prefix != 0)
        n += put_head(head, t->prefix, 0);
    n += put_head(head + n, t->si, all);
    if (first) {
        memcpy(head + n, t->out.p, t->out.n);
        n += t->out.n;
    }
    if (segment) {
        n += put_head(head + n, PI_ENCLOSURE, 1);
        head[n++] = enclosure;
    }
    if (value > 0)
        n += put_head(head + n, t->data_pi, value);
    if (reason)
        head[n++] = (uint8_t)t->reason;
    return n;
}

size_t spdu_room(const struct spdu_tx *t, size_t tsdu_max, bool first) {
    size_t params = (first ? t->out.n + (t->reason != SPDU_NO_REASON) : 0) + 3 + 4, head = 2 + 4 + params;
    size_t room = SPDU_LENGTH_MAX - params;
    if (tsdu_max != 0 && tsdu_max < room + head)
        room = tsdu_max > head ? tsdu_max - head : 0;
    return room;
}
