// SPDX-License-Identifier: BSD-2-Clause
// What each for itself is right in a peer's block, and together makes no sense: a word that another one leaves without
// effect. It is a warning, at the word that does nothing; defaults are never warned of.
#include "conf/reach.h"

// Checkpoints are what a transfer goes on from: without them there is nothing to confirm, to recover or to sync.
static void check_checkpoints(struct draft *d, const struct conf_peer *p) {
    static const struct {
        int item;
        const char *word;
    } words[] = {{DRAFT_WINDOW, "window"}, {DRAFT_RECOVERY, "recovery"}, {DRAFT_SYNC, "sync"}};
    for (size_t i = 0; p->checkpoint_k == 0 && i < sizeof words / sizeof *words; i++) {
        bool asks = words[i].item == DRAFT_WINDOW || (words[i].item == DRAFT_RECOVERY && p->recovery_ms != 0) ||
                    (words[i].item == DRAFT_SYNC && p->sync == CONF_SYNC_WINDOW);
        if (asks && d->seen[words[i].item].line != 0) {
            draft_warning(d, d->seen[words[i].item], "give checkpoint a size, such as 30K, or remove this",
                          "%s has no effect with checkpoint none: a transfer that is cut begins anew", words[i].word);
            return;
        }
    }
    if (p->checkpoint_k != 0 && p->recovery_ms == 0 && p->sync == CONF_SYNC_WINDOW)
        draft_warning(d, d->seen[DRAFT_SYNC], "remove it, or give recovery a time, such as 60s",
                      "sync window has no effect with recovery none: it only costs speed");
}

void draft_peer_end(struct draft *d) {
    const struct conf_peer *p = &d->peer->peer;
    check_checkpoints(d, p);
    draft_peer_reach(d);
    if (p->mode == CONF_X410_1984 && p->password_form == CONF_PASSWORD_OCTET && d->seen[DRAFT_FORM].line != 0)
        draft_warning(d, d->seen[DRAFT_FORM], "remove it",
                      "password form octet has no effect in the mode x410-1984, which knows the IA5 string alone");
    if (p->associations_max == 1 && p->associations_urgent > 0 && d->seen[DRAFT_URGENT].line != 0)
        draft_warning(d, d->seen[DRAFT_URGENT], "remove urgent, or allow more associations",
                      "of a single association none can be kept for urgent messages");
    draft_block_end(d);
}
