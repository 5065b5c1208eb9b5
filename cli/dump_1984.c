// SPDX-License-Identifier: BSD-2-Clause
// P1 of 1984 is P1 of 1988 without what 1988 added (asn1/MTA84.asn): both are read by the same decoder. What an APDU of
// an association of 1984 has beyond the forms of 1984 is listed here: a strict peer may refuse it.
#include "asn1/tlv.h"
#include "base/err.h"
#include "cli/dump.h"
#include "x400/p1.h"

enum { CONTENT_P2 = 2 };

static void add(json_t *list, const char *what) {
    json_array_append_new(list, json_string(what));
}

// ExtensionAttributes, the SET that 1988 put behind the domain-defined attributes.
static bool has_extension_attributes(struct bytes name) {
    struct cursor c = cursor_of(name);
    struct bytes members, found;
    struct tlv t;
    return name.p != NULL && tlv_next(&c, &t, NULL, &members) == ERR_OK &&
           tlv_find(members, TLV_UNIVERSAL, 17, &t, &found) == ERR_OK;
}

static void recipients(json_t *list, const struct p1_envelope *e) {
    bool extensions = false, names = false, unknown = false;
    for (size_t k = 0; k < e->n_recipients; k++) {
        const struct p1_recipient *r = &e->recipient[k];
        extensions |= r->extensions.n > 0;
        unknown |= r->n_unknown > 0;
        names |= has_extension_attributes(r->name) || has_extension_attributes(r->intended);
    }
    if (extensions)
        add(list, "extensions of a recipient");
    if (names)
        add(list, "extension attributes in a recipient's name");
    if (unknown)
        add(list, "unknown members of a recipient");
}

json_t *dump_not_in_1984(const struct p1_envelope *e) {
    json_t *list = json_array();
    if (e->extensions.n > 0 || (e->report != NULL && e->report->extensions.n > 0))
        add(list, "extensions of the envelope");
    if (has_extension_attributes(e->originator))
        add(list, "extension attributes in the originator's name");
    if (e->content_type.present && (e->content_type.oid.n > 0 || e->content_type.built_in != CONTENT_P2))
        add(list, "the content type");
    if (e->original_eits.n_extended > 0)
        add(list, "extended encoded information types");
    if (e->n_unknown > 0 || (e->report != NULL && e->report->n_unknown > 0))
        add(list, "unknown members of the envelope");
    recipients(list, e);
    return list;
}
