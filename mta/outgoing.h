// SPDX-License-Identifier: BSD-2-Clause
// What a message, probe or report is for one next hop: its head for those recipients, then its content from the file
// thread, as one run of octets whose length is known before the first of them is sent. For a peer of 1984 both are
// downgraded (x400/downgrade.h), which needs the content to be read once before.
//
// The run is the same each time it is made of the same message, recipients and form, and can be begun at any offset; a
// digest tells whether it is the same. What lies before the offset is read again and dropped, so that the content's
// checksum is verified in any case; until the last piece has come it is not known whether it holds.
//
// Loop thread only. Order: outgoing_new, outgoing_make, `ready`, perhaps outgoing_seek, then outgoing_next until
// nothing is left. It may be freed at any time, also in a callback.
#ifndef MTA_OUTGOING_H
#define MTA_OUTGOING_H

#include "mta/queue.h"
#include "x400/downgrade.h"

struct outgoing;

// How the next hop wants it.
struct outgoing_form {
    bool p1_1984;
    struct downgrade_options downgrade; // with p1_1984; its relay must live as long as this
};

enum { OUTGOING_NOBODY = 1 }; // it goes to none of the recipients: outgoing_refused says why

struct outgoing_user {
    // The answer to outgoing_make, once, perhaps from within. ERR_OK; OUTGOING_NOBODY; ERR_CORRUPT, ERR_ABSENT (what is
    // stored is damaged); ERR_SYSTEM, ERR_NOMEM. why is valid until it returns.
    void (*ready)(void *ctx, int err, const char *why);
    // Octets are there again, after outgoing_next gave none; or the content cannot be read to its end (errors as
    // above).
    void (*more)(void *ctx, int err);
};

// NULL: no memory.
struct outgoing *outgoing_new(struct file_thread *files, const struct outgoing_form *form,
                              const struct outgoing_user *user, void *ctx);
void outgoing_free(struct outgoing *o); // NULL is allowed
// m and j are needed during the call only.
void outgoing_make(struct outgoing *o, const struct spool_message *m, const struct job *j);

// ---- from `ready` on ----
struct opened *outgoing_opened(const struct outgoing *o); // the message as it is stored; NULL: it cannot be read
// Why this form has no way to the recipient of that index into item->rcpt, NULL: it has. Of a report the only one.
const char *outgoing_refused(const struct outgoing *o, uint32_t rcpt);
// Why a report goes without the content that it returns, NULL: it does not.
const char *outgoing_content_dropped(const struct outgoing *o);
uint64_t outgoing_total(const struct outgoing *o);
// Of the head and of what the content is made of; before outgoing_seek and outgoing_next. ERR_NOMEM.
int outgoing_digest(const struct outgoing *o, uint8_t out[DIGEST_SIZE]);

// Before the first outgoing_next. ERR_LIMIT: beyond the total.
int outgoing_seek(struct outgoing *o, uint64_t offset);
// The next octets, at most `room`, valid until the next call or the return to the loop. False: none are at hand, and
// `more` comes when there are; or nothing is left.
bool outgoing_next(struct outgoing *o, size_t room, struct bytes *piece);
uint64_t outgoing_left(const struct outgoing *o); // not given yet

#endif
