// SPDX-License-Identifier: BSD-2-Clause
// MTABindArgument and MTABindResult are NULL or [1] SET { name [0], credentials [1], security-context [2] };
// credentials are a CHOICE, so their tag [1] is EXPLICIT. The SET is closed: a member that X.411 does not list is
// refused. In normal mode [16], [17] or [18] is put around. Sent are NULL and simple credentials, in the form that is
// asked for.
#include "x400/bind.h"

#include "x400/p1_walk.h"

enum { BIND_TEXT_MAX = 1024, WRAP_ARGUMENT = 16, WRAP_RESULT = 17, WRAP_ERROR = 18 };

// ---- encoding ----

static int put_authenticated(struct buf *b, const struct bind_info *i) {
    size_t from = b->len;
    uint32_t form = i->form == BIND_IA5 ? TLV_IA5_STRING : TLV_OCTET_STRING;
    int err = tlv_put(b, TLV_CONTEXT, false, 0, i->name);
    size_t credentials = b->len;
    if (err == 0)
        err = tlv_put(b, TLV_UNIVERSAL, false, form, i->password);
    if (err == 0)
        err = tlv_wrap(b, credentials, TLV_CONTEXT, true, 1);
    if (err == 0 && i->security_context.p != NULL)
        err = p1_put_raw(b, i->security_context);
    return err < 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, 1);
}

int bind_info_check(const struct bind_info *i, char *why) {
    if (i->form == BIND_NONE)
        return 0;
    int err = validate_string(VALIDATE_MTA_NAME, VALIDATE_IA5, i->name, why);
    enum validate_type type = i->form == BIND_IA5 ? VALIDATE_IA5 : VALIDATE_OCTETS;
    return err < 0 ? err : validate_string(VALIDATE_PASSWORD, type, i->password, why);
}

static int encode(struct buf *b, const struct bind_info *i, uint32_t wrap) {
    size_t from = b->len;
    int err;
    if (i->form == BIND_NONE)
        err = tlv_put(b, TLV_UNIVERSAL, false, TLV_NULL, bytes_of(NULL, 0));
    else if (i->form != BIND_IA5 && i->form != BIND_OCTETS)
        return ERR_STATE;
    else if ((err = bind_info_check(i, NULL)) == 0)
        err = put_authenticated(b, i);
    return err < 0 || wrap == 0 ? err : tlv_wrap(b, from, TLV_CONTEXT, true, wrap);
}

int bind_argument_encode(struct buf *b, const struct bind_info *i, bool wrapped) {
    return encode(b, i, wrapped ? WRAP_ARGUMENT : 0);
}

int bind_result_encode(struct buf *b, const struct bind_info *i, bool wrapped) {
    return encode(b, i, wrapped ? WRAP_RESULT : 0);
}

int bind_error_encode(struct buf *b, enum bind_error e, bool wrapped) {
    size_t from = b->len;
    int err = tlv_put_int(b, TLV_UNIVERSAL, TLV_INTEGER, e);
    return err < 0 || !wrapped ? err : tlv_wrap(b, from, TLV_CONTEXT, true, WRAP_ERROR);
}

// ---- decoding ----

static int get_name(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    (void)whole;
    return p1_get_text(r, t, value, BIND_TEXT_MAX, &((struct bind_info *)out)->name);
}

static int get_credentials(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value,
                           void *out) {
    struct bind_info *i = out;
    struct cursor c = cursor_of(value);
    struct tlv choice;
    struct bytes v;
    (void)whole;
    i->form = BIND_OTHER;
    if (!t->constructed || tlv_next(&c, &choice, NULL, &v) < 0 || cursor_left(&c) > 0)
        return p1_fail(r, ERR_SYNTAX, "is not one element");
    if (tlv_is(&choice, TLV_CONTEXT, 0))
        i->form = BIND_STRONG;
    else if (tlv_is(&choice, TLV_CONTEXT, 1))
        i->form = BIND_PROTECTED;
    else if (tlv_is(&choice, TLV_UNIVERSAL, TLV_IA5_STRING))
        i->form = BIND_IA5;
    else if (tlv_is(&choice, TLV_UNIVERSAL, TLV_OCTET_STRING))
        i->form = BIND_OCTETS;
    if (i->form != BIND_IA5 && i->form != BIND_OCTETS)
        return 0;
    if (!choice.constructed)
        i->password = v;
    else if (tlv_string(r->a, &choice, v, BIND_TEXT_MAX, &i->password) < 0)
        return p1_fail(r, ERR_SYNTAX, "the password's segments are malformed");
    return i->password.n <= BIND_TEXT_MAX ? 0 : p1_fail(r, ERR_LIMIT, "the password is longer than %d", BIND_TEXT_MAX);
}

static int get_context(struct p1_reader *r, const struct tlv *t, struct bytes whole, struct bytes value, void *out) {
    (void)r, (void)value;
    ((struct bind_info *)out)->security_context = whole;
    return t->constructed ? 0 : ERR_SYNTAX;
}

static const struct p1_member argument_members[] = {
    {TLV_CONTEXT, 0, true, "initiator-name", get_name},
    {TLV_CONTEXT, 1, true, "initiator-credentials", get_credentials},
    {TLV_CONTEXT, 2, false, "security-context", get_context},
};
static const struct p1_member result_members[] = {
    {TLV_CONTEXT, 0, true, "responder-name", get_name},
    {TLV_CONTEXT, 1, true, "responder-credentials", get_credentials},
};

static int decode_choice(struct p1_reader *r, const struct tlv *t, struct bytes value, struct p1_table table,
                         struct bind_info *out) {
    *out = (struct bind_info){.form = BIND_NONE};
    if (tlv_is(t, TLV_UNIVERSAL, TLV_NULL) && value.n == 0)
        return 0;
    if (!tlv_is(t, TLV_CONTEXT, 1) || !t->constructed)
        return p1_fail(r, ERR_SYNTAX, "neither NULL nor authenticated [1]");
    return p1_walk_set(r, value, table, out, NULL, NULL);
}

// The one element that `in` has to be, without octets after it.
static int open_one(struct p1_reader *r, struct bytes in, struct tlv *t, struct bytes *value) {
    struct cursor c = cursor_of(in);
    int err = tlv_next(&c, t, NULL, value);
    return err < 0 || cursor_left(&c) > 0 ? p1_fail(r, ERR_SYNTAX, "is not one element") : 0;
}

// The bare element, with the tag of its wrapping (0: there is none).
static int open_bind(struct p1_reader *r, struct bytes in, bool wrapped, uint32_t *wrap, struct tlv *t,
                     struct bytes *value) {
    struct tlv_limits limits = {.elements = 10000};
    uint64_t total;
    r->fault->text[0] = '\0';
    int err = tlv_check(in, &limits, &total);
    if (err < 0)
        return p1_fail(r, err, "%s", err_text(err));
    if (total != in.n)
        return p1_fail(r, ERR_SYNTAX, "octets after its end");
    *wrap = 0;
    if ((err = open_one(r, in, t, value)) < 0 || !wrapped || t->cls != TLV_CONTEXT || !t->constructed ||
        t->tag < WRAP_ARGUMENT || t->tag > WRAP_ERROR)
        return err;
    *wrap = t->tag;
    return open_one(r, *value, t, value);
}

int bind_argument_decode(struct arena *a, struct bytes in, bool wrapped, struct bind_info *out,
                         struct p1_fault *fault) {
    struct p1_fault ignored;
    struct p1_reader r = {a, fault != NULL ? fault : &ignored};
    struct tlv t;
    struct bytes value;
    uint32_t wrap;
    *out = (struct bind_info){.form = BIND_NONE};
    int err = open_bind(&r, in, wrapped, &wrap, &t, &value);
    if (err == 0 && wrapped && wrap != WRAP_ARGUMENT)
        err = p1_fail(&r, ERR_SYNTAX, "is not wrapped in [16]");
    if (err == 0)
        err = decode_choice(&r, &t, value, P1_TABLE(argument_members), out);
    return p1_at(&r, err, "MTABindArgument");
}

int bind_result_decode(struct arena *a, struct bytes in, bool wrapped, struct bind_info *out, int *error,
                       struct p1_fault *fault) {
    struct p1_fault ignored;
    struct p1_reader r = {a, fault != NULL ? fault : &ignored};
    struct tlv t;
    struct bytes value;
    uint32_t wrap;
    *error = -1;
    *out = (struct bind_info){.form = BIND_NONE};
    int err = open_bind(&r, in, wrapped, &wrap, &t, &value);
    if (err == 0 && wrap == WRAP_ERROR) {
        err =
            tlv_is(&t, TLV_UNIVERSAL, TLV_INTEGER) ? p1_get_code(&t, value, P1_UB_INTEGER_OPTIONS, error) : ERR_SYNTAX;
        return p1_at(&r, err, "MTABindError");
    }
    if (err == 0 && wrapped && wrap != WRAP_RESULT)
        err = p1_fail(&r, ERR_SYNTAX, "is wrapped neither in [17] nor in [18]");
    if (err == 0)
        err = decode_choice(&r, &t, value, P1_TABLE(result_members), out);
    return p1_at(&r, err, "MTABindResult");
}

// ---- asking ----

bool bind_password_is(const struct bind_info *i, struct bytes password) {
    uint8_t differ = (i->form != BIND_IA5 && i->form != BIND_OCTETS) || i->password.n != password.n;
    for (size_t k = 0; k < i->password.n; k++)
        differ |= (uint8_t)(i->password.p[k] ^ (k < password.n ? password.p[k] : 0));
    return differ == 0;
}

const char *bind_form_name(enum bind_form f) {
    switch (f) {
    case BIND_NONE: return "no credentials";
    case BIND_IA5: return "simple credentials (IA5String)";
    case BIND_OCTETS: return "simple credentials (OCTET STRING)";
    case BIND_STRONG: return "strong credentials";
    case BIND_PROTECTED: return "protected password";
    default: return "unknown credentials";
    }
}

const char *bind_error_name(int e) {
    switch (e) {
    case BIND_BUSY: return "busy";
    case BIND_AUTHENTICATION_ERROR: return "authentication-error";
    case BIND_UNACCEPTABLE_DIALOGUE_MODE: return "unacceptable-dialogue-mode";
    case BIND_UNACCEPTABLE_SECURITY_CONTEXT: return "unacceptable-security-context";
    case BIND_INADEQUATE_ASSOCIATION_CONFIDENTIALITY: return "inadequate-association-confidentiality";
    default: return "unknown";
    }
}
