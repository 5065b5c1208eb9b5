// SPDX-License-Identifier: BSD-2-Clause
// Whose bind is it? Decides by MTA name, password and `accept from`; a bind without credentials can only be that of a
// peer that allows it, known by `accept from` and by the selectors that it calls (see docs/interop.md).
#ifndef ASSOC_IDENTIFY_H
#define ASSOC_IDENTIFY_H

#include "assoc/accept.h"
#include "assoc/listen.h"

enum assoc_verdict {
    ASSOC_KNOWN,
    ASSOC_PENDING,        // a name of `accept from` that decides is not resolved yet: ask again
    ASSOC_UNKNOWN_NAME,   // event 51 / 9301: no peer has this remote name
    ASSOC_WRONG_PASSWORD, // event 51 / 9301
    ASSOC_WRONG_ADDRESS,  // event 9301: `accept from` does not list the caller's address
    ASSOC_NO_CREDENTIALS, // event 9301: and no peer allows that
    ASSOC_WRONG_SELECTORS // event 51 / 9301: nothing but a selector differs from a peer that may bind so
};
struct assoc_identity {
    enum assoc_verdict verdict;
    const struct conf_peer *peer; // the one known, or that came nearest; NULL: none
    char explanation[1600];       // for each configured peer that nearly matched, what differed. Never a password
};
void assoc_identify(const struct conf *conf, const struct assoc_accept *accept, const struct assoc_bind *b,
                    struct assoc_identity *out);

#endif
