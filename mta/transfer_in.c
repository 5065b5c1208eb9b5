// SPDX-License-Identifier: BSD-2-Clause
// From the wire to the spool: the splitter separates the head, which is held, from the content, which goes to the file
// thread piece by piece. A checkpoint is confirmed when the octets before it are written, the end when the spool has
// committed: the peer's window is our back-pressure, and beyond it the association is not read.
#include "mta/transfer.h"

#include <stdio.h>

#include "base/mem.h"
#include "mta/admit.h"
#include "mta/resume_in.h"
#include "mta/transfer_in.h"

// A later one of its peer's associations may go on with it.
static bool resumable(const struct transfer_in *t) {
    return t->done.len > 0;
}

void transfer_in_free(struct transfer_in *t) {
    struct link *l = t->link;
    if (l != NULL) {
        l->in = NULL;
        if (t->paused)
            assoc_read_pause(l->assoc, false);
    }
    resume_in_leave(t);
    p1_stream_free(t->stream);
    content_writer_free(t->writer);
    opened_unref(t->opened);
    mem_free(t->peer);
    mem_free(t);
}

// The peer hears at once that it is of no use to go on; what came is dropped.
static void refuse(struct transfer_in *t, enum rtse_exception reason, const char *why) {
    if (t->refused || t->link == NULL)
        return;
    t->refused = true;
    EVENT_RAISE(t->m->events, mta_event(EV_RECEIVE_REFUSED), {"peer", t->link->peer->name}, {"what", why});
    struct link *l = t->link;
    assoc_receive_refuse(l->assoc, reason);
    transfer_in_free(t);
    link_received(l);
}

// A checkpoint is confirmed while the file thread keeps up, or, when the peer's octets are to be synced, when the spool
// says so; it confirms all before it.
static void confirm(struct transfer_in *t) {
    uint32_t serial = t->unconfirmed;
    if (serial == 0 || t->link == NULL || (t->writer != NULL && content_writer_full(t->writer)))
        return;
    const struct conf_peer *c = assoc_peer(t->link->assoc);
    bool stored_first = (c->sync == CONF_SYNC_WINDOW && c->recovery_ms > 0) || t->twin;
    int err = stored_first ? resume_in_keep(t, serial) : ERR_ABSENT;
    if (err == ERR_BUSY)
        return;
    t->unconfirmed = 0;
    if (err == ERR_NOMEM)
        refuse(t, RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED, err_text(err));
    else if (err == ERR_ABSENT)
        assoc_checkpoint_rsp(t->link->assoc, serial);
}

void transfer_in_stored(struct transfer_in *t, uint32_t serial, int err) {
    if (t->link == NULL)
        return;
    if (err != ERR_OK && serial != 0) {
        refuse(t, RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED, "what was received could not be stored");
        return;
    }
    if (serial != 0)
        assoc_checkpoint_rsp(t->link->assoc, serial);
    confirm(t);
}

static void on_progress(void *user, uint64_t written, uint64_t synced) {
    (void)written;
    struct transfer_in *t = user;
    if (t->paused && !content_writer_full(t->writer)) {
        t->paused = false;
        if (t->link != NULL)
            assoc_read_pause(t->link->assoc, false);
    }
    if (t->storing != NULL)
        resume_in_progress(t, synced);
    else
        confirm(t);
}

static void on_admitted(void *arg, int err, const char *mts_id, const char *text) {
    (void)mts_id;
    struct transfer_in *t = arg;
    struct link *l = t->link;
    if (err == ERR_OK)
        resume_in_admitted(t);
    if (l == NULL) { // responsibility may be ours and the peer does not know: it will repeat, and be told
        transfer_in_free(t);
        return;
    }
    if (err != ERR_OK && err != ERR_EXISTS) {
        refuse(t, err == ERR_BUSY ? RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED : RTSE_EXCEPTION_LOCAL_USER_ERROR,
               text);
        return;
    }
    l->messages++;
    l->peer->received++;
    transfer_in_free(t);
    assoc_receive_rsp(l->assoc);
    link_received(l);
}

static void on_batch(void *arg, struct spool_batch *b) {
    resume_in_admit(arg, b);
}

static void submit_to_spool(struct transfer_in *t, const struct content_ref *content) {
    const struct p1_envelope *e = t->opened->env;
    if (e->type == P1_PROBE && t->limit != 0 && e->has_content_length && (uint64_t)e->content_length > t->limit)
        t->too_long = true; // as the message that it stands for would be
    struct admission a = {.opened = t->opened,
                          .from_peer = t->peer,
                          .uid = -1,
                          .too_long = t->too_long,
                          .p1_1984 = t->p1_1984,
                          .association = t->association,
                          .local = t->local,
                          .remote = t->remote,
                          .batch = on_batch,
                          .done = on_admitted,
                          .arg = t};
    if (content != NULL)
        a.content = *content;
    t->opened = NULL; // taken over
    admit(t->m, &a);
}

static void on_written(void *user, int err, const struct content_ref *ref) {
    struct transfer_in *t = user;
    if (t->link == NULL && (err != ERR_OK || !resumable(t))) {
        if (err == ERR_OK && ref->file[0] != 0)
            content_delete(t->m->files, ref);
        transfer_in_free(t);
        return;
    }
    if (err != ERR_OK) {
        refuse(t, RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED, err_text(err));
        return;
    }
    submit_to_spool(t, ref);
}

static int on_head(void *ctx, enum p1_type type, struct bytes head) {
    (void)type;
    struct transfer_in *t = ctx;
    struct outgoing_form form;
    int err = opened_decode(head, &t->opened, &t->fault);
    if (err != ERR_OK)
        return err == ERR_NOMEM ? err : ERR_SYNTAX;
    transfer_form(t->link, &form);
    t->p1_1984 = form.p1_1984;
    return form.p1_1984 ? upgrade_envelope(&t->opened->arena, &form.downgrade, t->opened->env) : ERR_OK;
}

static int on_content(void *ctx, struct bytes piece) {
    struct transfer_in *t = ctx;
    if (t->limit != 0 && t->appended + piece.n > t->limit)
        t->too_long = true; // taken all the same, to be answered by a report; its octets are not kept
    t->appended += piece.n;
    if (t->too_long) {
        uint32_t waiting = resume_in_give_up(t);
        content_writer_free(t->writer);
        t->writer = NULL;
        if (waiting != 0 && t->unconfirmed == 0)
            t->unconfirmed = waiting;
        confirm(t);
        return ERR_OK;
    }
    if (t->writer == NULL && (t->writer = content_writer_new(t->m->files, &transfer_in_writer_user, t)) == NULL)
        return ERR_NOMEM;
    return content_writer_append(t->writer, piece);
}

const struct p1_stream_user transfer_in_stream_user = {on_head, on_content};
const struct content_writer_user transfer_in_writer_user = {on_progress, on_written};

struct transfer_in *transfer_in_new(struct link *l) {
    struct transfer_in *t = mem_calloc(1, sizeof *t);
    if (t == NULL || (t->peer = mem_strdup(l->peer->name)) == NULL) {
        mem_free(t);
        return NULL;
    }
    t->link = l;
    t->m = l->m;
    t->limit = assoc_peer(l->assoc)->size_limit;
    snprintf(t->association, sizeof t->association, "%s", l->id);
    snprintf(t->local, sizeof t->local, "%s", assoc_local(l->assoc));
    snprintf(t->remote, sizeof t->remote, "%s", assoc_remote(l->assoc));
    l->in = t;
    return t;
}

// What was recovered without a password carries what it was recovered for, and nothing else.
static bool only_resumes(const struct link *l) {
    return l->recovered && assoc_peer(l->assoc)->remote.n_passwords > 0;
}

void transfer_in_begin(struct link *l) {
    if (only_resumes(l)) {
        EVENT_RAISE(l->m->events, mta_event(EV_RECEIVE_REFUSED), {"peer", l->peer->name},
                    {"what", "over an association that was recovered, where no password is shown, only the interrupted "
                             "transfer is taken"});
        assoc_abort(l->assoc, RTSE_ABORT_TEMPORARY_PROBLEM);
        return;
    }
    const char *why = l->m->no_space ? "free space is below its reserve" : NULL;
    struct transfer_in *t = why == NULL ? transfer_in_new(l) : NULL;
    if (t != NULL && (t->stream = p1_stream_new(&transfer_in_stream_user, t, 0)) != NULL) {
        resume_in_begun(t);
        return;
    }
    if (t != NULL)
        transfer_in_free(t);
    EVENT_RAISE(l->m->events, mta_event(EV_RECEIVE_REFUSED), {"peer", l->peer->name},
                {"what", why != NULL ? why : "memory is short"});
    assoc_receive_refuse(l->assoc, RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED);
}

void transfer_in_resume(struct link *l, const struct rtse_recovery *old) {
    struct rtse_recovery state;
    bool completed;
    char octets[24];
    struct transfer_in *t = resume_in_take(l, old, &state, &completed);
    if (t != NULL && assoc_resume_rsp(l->assoc, &state) == ERR_OK) {
        snprintf(octets, sizeof octets, "%llu", (unsigned long long)state.octets_confirmed);
        EVENT_RAISE(l->m->events, mta_event(EV_RESUMED), {"peer", l->peer->name}, {"transfer", "a transfer from it"},
                    {"octets", octets}, {"association", l->id});
        return;
    }
    EVENT_RAISE(l->m->events, mta_event(EV_NOT_RESUMED), {"peer", l->peer->name}, {"transfer", "a transfer from it"},
                {"what", completed   ? "it is complete here already, and its sender is told so"
                         : t == NULL ? "nothing is kept of it"
                                     : "its sender wants to go on from a point that is not, or no longer, known here"});
    if (t != NULL)
        transfer_in_free(t);
    assoc_resume_refuse(l->assoc, completed ? RTSE_RESUME_COMPLETED : RTSE_RESUME_UNKNOWN);
}

void transfer_in_data(struct link *l, struct bytes piece) {
    struct transfer_in *t = l->in;
    if (t == NULL)
        return; // refused: what is still on its way is dropped
    size_t again = t->skip < piece.n ? (size_t)t->skip : piece.n;
    t->skip -= again;
    piece = bytes_of(piece.p + again, piece.n - again);
    t->fed += piece.n;
    int r = p1_stream_feed(t->stream, piece);
    if (r != ERR_OK) {
        const char *why = t->fault.text[0] != 0 ? t->fault.text : p1_stream_fault(t->stream);
        refuse(t,
               r == ERR_NOMEM || r == ERR_BUSY ? RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED
                                               : RTSE_EXCEPTION_UNRECOVERABLE_PROCEDURE_ERROR,
               why[0] != 0 ? why : err_text(r));
        return;
    }
    if (!t->paused && t->writer != NULL && content_writer_full(t->writer)) {
        t->paused = true;
        assoc_read_pause(l->assoc, true);
    }
}

void transfer_in_checkpoint(struct link *l, uint32_t serial, uint64_t octets) {
    (void)octets;
    struct transfer_in *t = l->in;
    if (t == NULL)
        return;
    t->unconfirmed = serial;
    confirm(t);
}

void transfer_in_end(struct link *l, const struct stack_transfer_end *end) {
    struct transfer_in *t = l->in;
    if (t == NULL)
        return;
    if (!end->ok) { // the sender gave it up, perhaps while it is being committed: then a repetition is a duplicate
        transfer_in_gone(l, end->failure.text);
        link_received(l);
        return;
    }
    if (t->skip > 0 || !p1_stream_complete(t->stream) || t->opened == NULL) {
        refuse(t, RTSE_EXCEPTION_UNRECOVERABLE_PROCEDURE_ERROR, "the transfer ended before its MTS-APDU did");
        return;
    }
    // A content of no octets is a content too: it gets its checksum like any other.
    if (t->writer == NULL && t->opened->env->type == P1_MESSAGE && !t->too_long && on_content(t, bytes_of("", 0)) < 0) {
        refuse(t, RTSE_EXCEPTION_RECEIVING_ABILITY_JEOPARDIZED, err_text(ERR_NOMEM));
        return;
    }
    resume_in_ended(t);
    t->ended = true;
    if (t->writer != NULL)
        content_writer_finish(t->writer);
    else
        submit_to_spool(t, NULL);
}

void transfer_in_gone(struct link *l, const char *why) {
    struct transfer_in *t = l->in;
    if (t == NULL)
        return;
    if (!t->ended) {
        if (!resume_in_park(t, why))
            transfer_in_free(t);
        return;
    }
    l->in = NULL;
    t->link = NULL; // the commit is under way: it frees itself
}
