// SPDX-License-Identifier: BSD-2-Clause
// The APDUs of the Association Control Service Element (X.227; tags as in Wireshark's
// dissector and captures): AARQ, AARE, RLRQ, RLRE, ABRT. Titles, invocation identifiers and authentication are read
// over, not sent. Decoded octets point into the input. Decoders return 0 or ERR_SYNTAX; encoders 0 or ERR_NOMEM.
#ifndef RFC1006_ACSE_CODEC_H
#define RFC1006_ACSE_CODEC_H

#include "asn1/tlv.h"

enum acse_kind { ACSE_AARQ, ACSE_AARE, ACSE_RLRQ, ACSE_RLRE, ACSE_ABRT }; // the APPLICATION tags

enum acse_result { ACSE_ACCEPTED = 0, ACSE_REJECTED_PERMANENT = 1, ACSE_REJECTED_TRANSIENT = 2 };
enum acse_source { ACSE_SERVICE_USER = 1, ACSE_SERVICE_PROVIDER = 2 }; // of a result
enum acse_diagnostic {                                                 // of the service user
    ACSE_DIAGNOSTIC_NULL = 0,
    ACSE_DIAGNOSTIC_NO_REASON = 1,
    ACSE_DIAGNOSTIC_APPLICATION_CONTEXT = 2,
};
enum { ACSE_DIAGNOSTIC_NO_VERSION = 2 }; // of the service provider

struct acse_apdu {
    enum acse_kind kind;
    bool version_1;
    struct bytes application_context; // AARQ, AARE: object identifier, contents
    struct bytes implementation;      // AARQ, AARE: implementation-information, p NULL: absent
    int result, source, diagnostic;   // AARE
    int abort_source;                 // ABRT: 0 user, 1 provider
    struct bytes user_information;    // the value in the first EXTERNAL, p NULL: absent
    int64_t user_context;             // its presentation context, -1: not said
};

int acse_apdu_decode(struct bytes in, struct acse_apdu *out);
// Wraps the value that is in b already (empty: no user information), which belongs to context user_context.
int acse_apdu_encode(struct buf *b, const struct acse_apdu *a);

const char *acse_diagnostic_text(int source, int diagnostic); // never NULL

#endif
