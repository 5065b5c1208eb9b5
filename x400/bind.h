// SPDX-License-Identifier: BSD-2-Clause
// MTABindArgument, MTABindResult and MTABindError (X.411, module MTAAbstractService): the MTAs name themselves and show
// a password. In normal mode they are wrapped as the bind of remote operations, [16], [17] and [18]; in X.410 mode they
// stand bare, and an error is the refuse reason of RTORJ instead.
//
// A password is compared here and printed nowhere. Strong and protected credentials are recognised, never accepted.
#ifndef X400_BIND_H
#define X400_BIND_H

#include "x400/p1_value.h"

enum bind_form {
    BIND_NONE,      // NULL: no authentication
    BIND_IA5,       // simple credentials, IA5String
    BIND_OCTETS,    // simple credentials, OCTET STRING
    BIND_STRONG,    // [0] StrongCredentials
    BIND_PROTECTED, // [1] ProtectedPassword
    BIND_OTHER      // something that X.411 does not list
};

enum bind_error {
    BIND_BUSY = 0,
    BIND_AUTHENTICATION_ERROR = 2,
    BIND_UNACCEPTABLE_DIALOGUE_MODE = 3,
    BIND_UNACCEPTABLE_SECURITY_CONTEXT = 4,
    BIND_INADEQUATE_ASSOCIATION_CONFIDENTIALITY = 5
};

// Argument and result alike.
struct bind_info {
    enum bind_form form;
    struct bytes name;             // initiator-name or responder-name; empty when form is BIND_NONE
    struct bytes password;         // of the simple forms
    struct bytes security_context; // [2] TLV of an argument; p NULL: absent
};

// Whether name and password keep X.411's bounds, as they must to be sent; results and why as of validate_string.
int bind_info_check(const struct bind_info *i, char *why);
// wrapped: normal mode. Appended; ERR_NOMEM, ERR_STATE (a form we do not send), or the result of bind_info_check.
int bind_argument_encode(struct buf *b, const struct bind_info *i, bool wrapped);
int bind_result_encode(struct buf *b, const struct bind_info *i, bool wrapped);
int bind_error_encode(struct buf *b, enum bind_error e, bool wrapped);

// in: one element, no octets after it. Strings in segments are joined in the arena. fault may be NULL.
// ERR_SYNTAX, ERR_SHORT, ERR_LIMIT, ERR_NOMEM.
int bind_argument_decode(struct arena *a, struct bytes in, bool wrapped, struct bind_info *out, struct p1_fault *fault);
// The result, or the error that stands in its place in normal mode: *error is then 0..256, otherwise -1.
int bind_result_decode(struct arena *a, struct bytes in, bool wrapped, struct bind_info *out, int *error,
                       struct p1_fault *fault);

// Whether i shows this password, in either simple form. Takes the same time wherever they differ.
bool bind_password_is(const struct bind_info *i, struct bytes password);

const char *bind_form_name(enum bind_form f);
const char *bind_error_name(int e); // "authentication-error"; "unknown" for what X.411 does not list

#endif
