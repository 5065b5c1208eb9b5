// SPDX-License-Identifier: BSD-2-Clause
// The lists are those of X.411 (module MTSAbstractService); a gap in a list is a number that has no name any more.
#include "x400/p1_names.h"

#define NAME(list, i) ((i) >= 0 && (size_t)(i) < sizeof(list) / sizeof(*(list)) ? (list)[i] : NULL)

static const char *const types[] = {"message", "report", "probe"};
static const char *const priorities[] = {"normal", "non-urgent", "urgent"};
static const char *const reasons[] = {
    "transfer-failure",
    "unable-to-transfer",
    "conversion-not-performed",
    "physical-rendition-not-performed",
    "physical-delivery-not-performed",
    "restricted-delivery",
    "directory-operation-unsuccessful",
    "deferred-delivery-not-performed",
    "transfer-failure-for-security-reason",
};
static const char *const diagnostics[] = {
    "unrecognised-OR-name",
    "ambiguous-OR-name",
    "mts-congestion",
    "loop-detected",
    "recipient-unavailable",
    "maximum-time-expired",
    "encoded-information-types-unsupported",
    "content-too-long",
    "conversion-impractical",
    "implicit-conversion-prohibited",
    "implicit-conversion-not-subscribed",
    "invalid-arguments",
    "content-syntax-error",
    "size-constraint-violation",
    "protocol-violation",
    "content-type-not-supported",
    "too-many-recipients",
    "no-bilateral-agreement",
    "unsupported-critical-function",
    "conversion-with-loss-prohibited",
    "line-too-long",
    "page-split",
    "pictorial-symbol-loss",
    "punctuation-symbol-loss",
    "alphabetic-character-loss",
    "multiple-information-loss",
    "recipient-reassignment-prohibited",
    "redirection-loop-detected",
    "dl-expansion-prohibited",
    "no-dl-submit-permission",
    "dl-expansion-failure",
    "physical-rendition-attributes-not-supported",
    "undeliverable-mail-physical-delivery-address-incorrect",
    "undeliverable-mail-physical-delivery-office-incorrect-or-invalid",
    "undeliverable-mail-physical-delivery-address-incomplete",
    "undeliverable-mail-recipient-unknown",
    "undeliverable-mail-recipient-deceased",
    "undeliverable-mail-organization-expired",
    "undeliverable-mail-recipient-refused-to-accept",
    "undeliverable-mail-recipient-did-not-claim",
    "undeliverable-mail-recipient-changed-address-permanently",
    "undeliverable-mail-recipient-changed-address-temporarily",
    "undeliverable-mail-recipient-changed-temporary-address",
    "undeliverable-mail-new-address-unknown",
    "undeliverable-mail-recipient-did-not-want-forwarding",
    "undeliverable-mail-originator-prohibited-forwarding",
    "secure-messaging-error",
    "unable-to-downgrade",
    "unable-to-complete-transfer",
    "transfer-attempts-limit-reached",
    "incorrect-notification-type",
    "dl-expansion-prohibited-by-security-policy",
    "forbidden-alternate-recipient",
    "security-policy-violation",
    "security-services-refusal",
    "unauthorised-dl-member",
    "unauthorised-dl-name",
    "unauthorised-originally-intended-recipient-name",
    "unauthorised-originator-name",
    "unauthorised-recipient-name",
    "unreliable-system",
    "authentication-failure-on-subject-message",
    "decryption-failed",
    "decryption-key-unobtainable",
    "double-envelope-creation-failure",
    "double-enveloping-message-restoring-failure",
    "failure-of-proof-of-message",
    "integrity-failure-on-subject-message",
    "invalid-security-label",
    "key-failure",
    "mandatory-parameter-absence",
    "operation-security-failure",
    "repudiation-failure-of-message",
    "security-context-failure",
    "token-decryption-failed",
    "token-error",
    "unknown-security-label",
    "unsupported-algorithm-identifier",
    "unsupported-security-policy",
};
static const char *const eits[] = {"unknown", "telex",    "ia5-text", "g3-facsimile", "g4-class-1",
                                   "teletex", "videotex", "voice",    "sfd",          "mixed-mode"};
static const char *const routings[] = {"relayed", "rerouted"};
static const char *const user_types[] = {"public", "private", "ms", "dl", "pdau", "physical-recipient", "other"};
static const char *const redirections[] = {"recipient-assigned-alternate-recipient",
                                           "originator-requested-alternate-recipient",
                                           "recipient-MD-assigned-alternate-recipient", "directory-look-up", "alias"};
static const char *const conversions[] = {
    [0] = "ia5-text-to-teletex",    [8] = "ia5-text-to-g3-facsimile", [9] = "ia5-text-to-g4-class-1",
    [10] = "ia5-text-to-videotex",  [11] = "teletex-to-ia5-text",     [12] = "teletex-to-g3-facsimile",
    [13] = "teletex-to-g4-class-1", [14] = "teletex-to-videotex",     [16] = "videotex-to-ia5-text",
    [17] = "videotex-to-teletex"};
static const char *const methods[] = {"any-delivery-method",   "mhs-delivery",          "physical-delivery",
                                      "telex-delivery",        "teletex-delivery",      "g3-facsimile-delivery",
                                      "g4-facsimile-delivery", "ia5-terminal-delivery", "videotex-delivery",
                                      "telephone-delivery"};

const char *p1_type_name(int type) {
    return NAME(types, type);
}
const char *p1_priority_name(int priority) {
    return NAME(priorities, priority);
}
const char *p1_reason_name(int reason) {
    return NAME(reasons, reason);
}
const char *p1_diagnostic_name(int diagnostic) {
    return NAME(diagnostics, diagnostic);
}
const char *p1_eit_name(int bit) {
    return NAME(eits, bit);
}
const char *p1_routing_name(int routing) {
    return NAME(routings, routing);
}
const char *p1_user_type_name(int type) {
    return NAME(user_types, type);
}
const char *p1_redirection_reason_name(int reason) {
    return NAME(redirections, reason);
}
const char *p1_conversion_name(int conversion) {
    return NAME(conversions, conversion);
}
const char *p1_delivery_method_name(int method) {
    return NAME(methods, method);
}

const char *p1_content_type_name(int built_in) {
    switch (built_in) {
    case P1_CONTENT_UNIDENTIFIED: return "unidentified";
    case P1_CONTENT_EXTERNAL: return "external";
    case P1_CONTENT_IPM_1984: return "interpersonal-messaging-1984";
    case P1_CONTENT_IPM_1988: return "interpersonal-messaging-1988";
    case P1_CONTENT_EDI: return "edi-messaging";
    case P1_CONTENT_VOICE: return "voice-messaging";
    default: return NULL;
    }
}

int p1_priority_of(const char *name) {
    for (int i = 0; i < (int)(sizeof priorities / sizeof *priorities); i++)
        if (strcmp(priorities[i], name) == 0)
            return i;
    return -1;
}

static int print_code(struct buf *b, const char *name, int code) {
    return name != NULL ? buf_printf(b, "%s (%d)", name, code) : buf_printf(b, "%d", code);
}

static int print_oid(struct buf *b, struct bytes oid) {
    char text[256];
    return buf_append_str(b, tlv_oid_text(oid, text, sizeof text) == 0 ? text : "malformed object identifier");
}

int p1_print_content_type(struct buf *b, const struct p1_content_type *t) {
    if (!t->present)
        return buf_append_str(b, "none");
    if (t->oid.n > 0)
        return print_oid(b, t->oid);
    return print_code(b, p1_content_type_name(t->built_in), t->built_in);
}

int p1_print_eits(struct buf *b, const struct p1_eits *e) {
    const char *comma = "";
    for (int i = 0; i < 32; i++) {
        if (!(e->built_in & (UINT32_C(1) << i)))
            continue;
        const char *name = p1_eit_name(i);
        int err = name != NULL ? buf_printf(b, "%s%s", comma, name) : buf_printf(b, "%sbit %d", comma, i);
        if (err < 0)
            return err;
        comma = ", ";
    }
    for (size_t i = 0; i < e->n_extended; i++, comma = ", ") {
        int err = buf_append_str(b, comma);
        if (err < 0 || (err = print_oid(b, e->extended[i])) < 0)
            return err;
    }
    return *comma == '\0' ? buf_append_str(b, "none") : 0;
}

int p1_print_fate(struct buf *b, const struct p1_fate *f) {
    if (f->delivered) {
        char when[21];
        p1_time_iso(f->delivery_time.seconds, when);
        int err = buf_printf(b, "delivered at %s to ", when);
        return err < 0 ? err : print_code(b, p1_user_type_name(f->user_type), f->user_type);
    }
    int err = buf_append_str(b, "not delivered: ");
    if (err < 0 || (err = print_code(b, p1_reason_name(f->reason), f->reason)) < 0 ||
        f->diagnostic == P1_NO_DIAGNOSTIC || (err = buf_append_str(b, ", ")) < 0)
        return err;
    return print_code(b, p1_diagnostic_name(f->diagnostic), f->diagnostic);
}
