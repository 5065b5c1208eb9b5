// SPDX-License-Identifier: BSD-2-Clause
#include "rfc1006/stack_failure.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

// What an operator would look at first. Reasons are those of DR, REFUSE, CPR, AARE diagnostics and
// RTORJ.
static const struct {
    enum stack_layer layer;
    int reason;
    const char *cause;
} causes[] = {
    {STACK_TRANSPORT, 1, "the peer has no free connection for this T-selector: try later"},
    {STACK_TRANSPORT, 2, "nothing answers to the called T-selector at the peer now"},
    {STACK_TRANSPORT, 3, "the called T-selector is not configured at the peer"},
    {STACK_TRANSPORT, 136, "the peer does not accept calls from this address"},
    {STACK_SESSION, 1, "the peer is overloaded: try later"},
    {STACK_SESSION, 129, "the called S-selector is not configured at the peer"},
    {STACK_SESSION, 130, "nothing answers to the called S-selector at the peer now"},
    {STACK_SESSION, 131, "the peer is overloaded: try later"},
    {STACK_SESSION, 132, "the peer speaks another version of the session protocol"},
    {STACK_PRESENTATION, 1, "the peer is overloaded: try later"},
    {STACK_PRESENTATION, 3, "the called P-selector is not configured at the peer"},
    {STACK_PRESENTATION, 7, "nothing answers to the called P-selector at the peer now"},
    {STACK_ASSOCIATION, 102,
     "the peer expects another application context: is it configured for another mode or service?"},
    {STACK_RTSE, 0, "the peer has as many associations as it wants: try later"},
    {STACK_RTSE, 2, "the peer does not know us: check names, passwords and calling selectors on both sides"},
    {STACK_RTSE, 3, "the peer wants another dialogue mode: check monologue or two-way alternate on both sides"},
};

void stack_failure_set(struct stack_failure *f, enum stack_layer layer, bool by_peer, int reason, const char *fmt,
                       ...) {
    va_list ap;
    *f = (struct stack_failure){.layer = layer, .by_peer = by_peer, .reason = reason, .cause = ""};
    f->how = by_peer && reason >= 0 ? STACK_REFUSED : STACK_FAILED;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    for (size_t i = 0; by_peer && i < sizeof causes / sizeof *causes; i++)
        if (causes[i].layer == layer && causes[i].reason == reason)
            f->cause = causes[i].cause;
}
