// SPDX-License-Identifier: BSD-2-Clause
// Transfers that were cut off with their connection and go on in another one: RTSE resumes an activity by the session
// connection identifier of the old connection, the old activity identifier and the last point that holds.
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "rfc1006/pdu_private.h"

static void references(const struct spdu *s, struct bytes out[3]) {
    out[0] = s->calling_ref;
    out[1] = s->common_ref;
    out[2] = s->additional_ref;
}

void pdu_session_note(struct pdu_session *to, const struct spdu *spdu) {
    struct bytes from[3];
    references(spdu, from);
    for (size_t k = 0; k < 3; k++) {
        to->n[k] = from[k].n < sizeof to->octets[k] ? from[k].n : sizeof to->octets[k];
        if (to->n[k] > 0)
            memcpy(to->octets[k], from[k].p, to->n[k]);
    }
}

bool pdu_kept_is(const struct pdu_kept *k, const struct spdu *resume) {
    struct bytes refs[3];
    struct bytes old = resume->old_activity_id.p != NULL ? resume->old_activity_id : resume->activity_id;
    references(resume, refs);
    for (size_t i = 0; i < 3; i++)
        if (!bytes_equal(refs[i], bytes_of(k->session.octets[i], k->session.n[i])))
            return false;
    return refs[0].n > 0 && bytes_equal(old, bytes_of(k->id, k->transfer.id.n));
}

void pdu_kept_free(struct pdu_kept *k) {
    mem_free(k);
}

bool pdu_keep(struct pdu_watch *w) {
    struct pdv_mark mark = {0};
    if (w->user->transfer_keep == NULL || w->lost || !w->transfer.whole || w->transfer.points == 0)
        return false;
    if (w->mode == RTSE_NORMAL)
        pdv_stream_mark(&w->external, &mark);
    struct pdu_kept *k = w->mode == RTSE_NORMAL && !mark.valid ? NULL : mem_calloc(1, sizeof *k);
    if (k == NULL)
        return false;
    *k = (struct pdu_kept){.transfer = w->transfer, .session = w->session, .external = mark, .stream = w->stream};
    memcpy(k->id, w->id, sizeof k->id);
    memcpy(k->point, w->point, sizeof k->point);
    k->transfer.id.p = k->id;
    w->active = w->paused = false;
    w->user->transfer_keep(w->ctx, &w->transfer, k);
    return true;
}

bool pdu_resume_kept(struct pdu_watch *w, unsigned side, const struct spdu *spdu, uint32_t serial) {
    const struct pdu_kept *k = w->user->transfer_find == NULL ? NULL : w->user->transfer_find(w->ctx, spdu);
    if (k == NULL || k->transfer.mode != w->mode || serial > k->transfer.points ||
        k->transfer.points - serial >= PDU_POINTS || serial == 0)
        return false;
    if (w->mode == RTSE_NORMAL && pdv_stream_restore(&w->external, &k->external) < 0)
        return false;
    uint64_t identity = w->transfer.identity + 1;
    w->transfer = k->transfer;
    w->transfer.identity = identity;
    w->transfer.side = side;
    w->transfer.resumed = true;
    w->transfer.points = serial;
    size_t n = spdu->activity_id.n < sizeof w->id ? spdu->activity_id.n : sizeof w->id;
    if (n > 0)
        memcpy(w->id, spdu->activity_id.p, n);
    w->transfer.id = bytes_of(w->id, n);
    memcpy(w->point, k->point, sizeof w->point);
    w->stream = k->stream;
    w->skip = k->stream - k->point[serial % PDU_POINTS];
    w->active = true;
    w->lost = w->paused = false;
    if (w->user->transfer_begin != NULL)
        w->user->transfer_begin(w->ctx, &w->transfer);
    return true;
}
