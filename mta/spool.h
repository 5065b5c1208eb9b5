// SPDX-License-Identifier: BSD-2-Clause
// The spool: every message this MTA has taken responsibility for, until it is transferred, delivered or reported, and
// for a while after. A folder with a database, a folder of large contents (content_file.h), a lock and a reserve of
// disk space. The caller sees no database: another store can stand behind the same functions.
//
// Life: spool_open (blocking, recovers) → spool_load* (blocking) → spool_start → batches and queries → spool_close.
// All functions belong to the caller's one thread (the loop); callbacks run in it, from spool_completions. Times are
// UTC milliseconds, 0 is "none". Texts are UTF-8, NULL is "none".
#ifndef MTA_SPOOL_H
#define MTA_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mta/content_file.h"
#include "mta/spool_lock.h"

enum { SPOOL_WHY = 640 };          // room for an explanation
enum { SPOOL_RESERVE = 16 << 20 }; // with so much left the journal can be emptied, and mail leave
enum spool_kind { SPOOL_MESSAGE, SPOOL_PROBE, SPOOL_REPORT };
enum spool_priority { SPOOL_NORMAL = 0, SPOOL_NON_URGENT = 1, SPOOL_URGENT = 2 }; // the values of the P1 Priority

enum spool_rcpt_state {
    SPOOL_RCPT_WAITING,      // for its next attempt
    SPOOL_RCPT_TRANSFERRING, // becomes waiting again after a restart
    SPOOL_RCPT_DELIVERING,   // an intent exists, see spool_load_intents
    SPOOL_RCPT_FINAL,        // from here on nothing more is to be done for this recipient
    SPOOL_RCPT_TRANSFERRED = SPOOL_RCPT_FINAL,
    SPOOL_RCPT_DELIVERED,
    SPOOL_RCPT_FAILED, // and reported, if a report was asked for
    SPOOL_RCPT_REDIRECTED,
    SPOOL_RCPT_EXPANDED,
    SPOOL_RCPT_DELETED,        // by the operator
    SPOOL_RCPT_NOT_RESPONSIBLE // another MTA's: kept for the envelope only
};

struct spool_recipient {
    uint32_t number;     // in the order of the envelope, from 1
    const char *address; // as shown
    const char *key;     // the canonical form, for comparing
    // What follows changes; spool_batch_recipient replaces all of it.
    enum spool_rcpt_state state;
    const char *next_hop;       // a peer, or a delivery directory
    int32_t reason, diagnostic; // of non-delivery; -1: none
    uint32_t attempts;
    int64_t next_attempt;
    int64_t changed;
    const char *last_error;
};

struct spool_message {
    int64_t id; // from spool_new_id
    enum spool_kind kind;
    enum spool_priority priority;
    const char *mts_id; // MTS identifier, as shown
    const char *originator;
    const char *from_peer; // NULL: submitted here
    int64_t from_uid;      // the submitter's user id; -1: none
    const char *content_type;
    struct bytes envelope;      // as received or built; only spool_fetch fills it
    struct content_ref content; // its inline octets likewise
    int64_t arrived, expires, deferred, finished;
    bool held; // by the operator
    struct spool_recipient *recipients;
    size_t n_recipients;
};

// A transfer seen: it is the same as an earlier one when all three agree. Identifier and fingerprint are the caller's
// digests or encodings, at most 64 octets each.
struct spool_duplicate {
    const char *peer;
    struct bytes identifier, fingerprint;
    int64_t seen, window; // now, and for how long an earlier one counts (ms)
};

enum spool_event_kind {
    SPOOL_EVENT_LOCKED,            // it is ours now, and is being opened
    SPOOL_EVENT_RECOVERY_BEGUN,    // the last stop was unclean
    SPOOL_EVENT_RECOVERY_CHECKING, // text: which table or folder
    SPOOL_EVENT_DAMAGED,           // message (0: unknown) and text: what does not agree with its checksum
    SPOOL_EVENT_RECOVERY_DONE,     // counts
    SPOOL_EVENT_FULL,              // the disk is full; the reserve was released so that mail can leave
    SPOOL_EVENT_RESERVE,           // the reserve is there again
    SPOOL_EVENT_ERROR              // text: a transaction failed for another reason
};
struct spool_event {
    enum spool_event_kind kind;
    const char *text;
    int64_t message;
    struct {
        uint64_t messages, recipients, intents; // unfinished
        uint64_t damaged;                       // rows, and contents that are missing or too short
        uint64_t orphans;                       // content files without a message, removed
    } counts;
};

struct spool_options {
    const char *dir;           // made if absent, mode 0700
    bool must_exist;           // ... no: it is never made
    struct spool_owner *owner; // filled when another has the lock; NULL: nobody wants to know
    uint64_t reserve;          // octets set aside for a full disk, SPOOL_RESERVE or more; 0: none
    void (*notify)(void *arg); // from another thread: call spool_completions soon
    void *notify_arg;
    void (*event)(void *arg, const struct spool_event *e);
    void *event_arg;
};

struct spool;
// ERR_BUSY: another process holds it, `why` names it, or the disk is full; try again later. ERR_ABSENT: there is no
// such folder. ERR_STATE: a newer format. ERR_CORRUPT: no spool, or a broken one. `why` is filled for every error. Any
// thread; events come from it then, until spool_start.
int spool_open(const struct spool_options *o, struct spool **out, char why[SPOOL_WHY]);
// Whom events are told from here on; before spool_start.
void spool_tell_to(struct spool *s, void (*event)(void *arg, const struct spool_event *e), void *arg);
int spool_start(struct spool *s);
void spool_completions(struct spool *s);     // runs callbacks
size_t spool_pending(const struct spool *s); // batches and queries whose callback has not run
// Commits what is queued, runs its callbacks, marks the spool clean and releases it. NULL is allowed.
void spool_close(struct spool *s);
int spool_dirfd(const struct spool *s); // for content_file.h and diskspace.h

// Before spool_start only. Unfinished messages with id > after, in order, at most max; without envelope and inline
// octets. Those with damaged rows are left out and told as events. *last is the last id seen, `after` at the end.
typedef void (*spool_message_cb)(void *arg, const struct spool_message *m);
int spool_load(struct spool *s, int64_t after, size_t max, spool_message_cb cb, void *arg, int64_t *last);
// Deliveries begun and not known to be done, see deliver_dir.h.
struct spool_intent {
    int64_t message;
    uint32_t number; // the recipient's
    const char *dir, *name;
};
int spool_load_intents(struct spool *s, void (*cb)(void *arg, const struct spool_intent *i), void *arg);

// A batch is done whole or not at all. Everything given is copied; an addition that fails for want of memory makes
// spool_commit fail with ERR_NOMEM, so results need checking only there. Many batches share one transaction.
struct spool_batch;
int64_t spool_new_id(struct spool *s); // never given before, in this spool
struct spool_batch *spool_batch_new(struct spool *s);
void spool_batch_free(struct spool_batch *b); // one that is not committed
// A batch with a duplicate that was seen within its window does nothing and ends with ERR_EXISTS.
void spool_batch_duplicate(struct spool_batch *b, const struct spool_duplicate *d);
void spool_batch_message(struct spool_batch *b, const struct spool_message *m); // with its recipients
void spool_batch_recipient(struct spool_batch *b, int64_t message, const struct spool_recipient *r);
void spool_batch_hold(struct spool_batch *b, int64_t message, bool held);
// All recipients are final. Envelope and inline octets are dropped, the row stays for `show`. The content's file is the
// caller's to remove, after the commit.
void spool_batch_finish(struct spool_batch *b, int64_t message, int64_t now);
void spool_batch_intent(struct spool_batch *b, const struct spool_intent *i); // ERR_EXISTS: the name is taken
void spool_batch_delivered(struct spool_batch *b, int64_t message, uint32_t number);
// Removes finished messages and duplicate records older than these, at most 500 of each.
void spool_batch_purge(struct spool_batch *b, int64_t finished_before, int64_t seen_before);

struct spool_result {
    // 0; ERR_EXISTS: a duplicate, or an intent's name is taken; ERR_ABSENT: no such message or recipient; ERR_STATE: a
    // number is taken; ERR_BUSY: the disk is full; ERR_SYSTEM, ERR_CORRUPT, ERR_NOMEM.
    int err;
    const char *text; // of an error of the store
    size_t purged;    // rows removed by spool_batch_purge: call it again when not 0
};
typedef void (*spool_done_cb)(void *arg, const struct spool_result *r);
// Takes the batch in any case. On an error here `done` (NULL: nobody wants to know) is not called.
// ERR_NOMEM, ERR_STATE (spool_close has begun).
int spool_commit(struct spool_batch *b, spool_done_cb done, void *arg);

// Queries, on a thread and a connection of their own; they see every batch whose callback has run. What a callback gets
// is valid until it returns. One whole message, with envelope, inline octets and recipients. ERR_ABSENT, ERR_CORRUPT: m
// is NULL.
int spool_fetch(struct spool *s, int64_t message, void (*cb)(void *arg, int err, const struct spool_message *m),
                void *arg);

// Pages of messages, in order of id; all criteria must hold, those that are 0 or NULL always do. Texts: a part of it,
// without regard to case.
struct spool_filter {
    int64_t after; // id
    size_t limit;  // 0 or more than 500: 500
    bool finished; // those too
    const char *mts_id, *originator, *recipient, *next_hop;
    int64_t arrived_before;
    bool by_priority;
    enum spool_priority priority;
};
struct spool_page {
    int err;
    const struct spool_message *messages; // without envelope and inline octets
    size_t n;
    int64_t next; // for `after`, 0: that was all. A page may end early, even empty, so that no query takes long
};
int spool_list(struct spool *s, const struct spool_filter *f, void (*cb)(void *arg, const struct spool_page *p),
               void *arg);

#endif
