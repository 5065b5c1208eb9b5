// SPDX-License-Identifier: BSD-2-Clause
// What the files of local delivery share; nobody else includes it. Everything but struct item_facts is the file
// thread's.
#ifndef MTA_LOCAL_INTERNAL_H
#define MTA_LOCAL_INTERNAL_H

#include <jansson.h>
#include <stdatomic.h>

#include "mta/deliver_dir.h"
#include "mta/local.h"
#include "x400/ipm_stream.h"

#define ITEM_ENVELOPE "envelope.json"
#define ITEM_CONTENT "content.ber"
#define ITEM_RETURNED "returned-content.ber"

// What an item is made of. The file thread only reads it, the loop does not touch it meanwhile.
struct item_facts {
    const struct p1_envelope *env;
    const char *mts_id;
    struct content_ref content; // of a message, or returned with a report; length 0: none
    int spool_dirfd;
    const char *dir;
    int64_t arrived, delivered; // seconds UTC
};

// ---- JSON (local_json.c) ----
// Built whatever happens; `failed` says in the end that memory was short.
struct json_maker {
    struct arena *a; // for texts on their way
    bool failed;
};
void json_put(struct json_maker *j, json_t *object, const char *key, json_t *value); // takes value over
void json_add(struct json_maker *j, json_t *array, json_t *value);                   // likewise
json_t *json_octets(struct json_maker *j, struct bytes text);                        // UTF-8, mended where it is not
void json_put_text(struct json_maker *j, json_t *object, const char *key, const char *text); // NULL: nothing is put
void json_put_time(struct json_maker *j, json_t *object, const char *key, int64_t seconds);  // 0: nothing is put
json_t *json_orname(struct json_maker *j, struct bytes name);
// The whole envelope for one recipient (an index into env's; reports: ignored).
json_t *json_envelope(struct json_maker *j, const struct item_facts *f, size_t recipient);

// ---- interpersonal messages (local_parts.c, local_heading.c) ----
json_t *json_heading(struct json_maker *j, const struct ipm_heading *h);
json_t *json_notification(struct json_maker *j, const struct ipm_notification *n);

struct parts {
    struct json_maker j;
    struct deliver_item *item;
    json_t *heading, *notification, *list; // NULL: none
    struct ipm_reader *reader;
    struct ipm_filename_set names;
    unsigned bodies;
    json_t *open; // the part whose file is open, in list
    uint64_t size, unsynced;
    int err; // of the disk or of memory: not the content's fault
};
int parts_begin(struct parts *p, struct deliver_item *item, struct arena *a); // ERR_NOMEM
// What goes wrong with the content is returned; p->err is set as well when it is not the content's fault.
int parts_feed(struct parts *p, struct bytes piece);
int parts_finish(struct parts *p, int err); // closes what is open; err: of the last parts_feed. As parts_feed
void parts_free(struct parts *p);

// ---- writing an item (local_write.c) ----
enum item_step { ITEM_BEGIN, ITEM_COPY, ITEM_PARTS, ITEM_END };
struct item_writer {
    enum item_step step;
    struct arena arena;
    struct deliver_item item;
    struct content_source source;
    bool source_open;
    struct parts parts;
    const char *content_error;
    uint64_t unsynced;
    const char *doing; // for the message of an error
};
// The next slice, about a MB. 1: there is more to do; 0: the item is complete and synced; ERR_EXISTS: new/ has it
// already; or an error, after which nothing of it is left. Begins with a zeroed writer.
int item_write(struct item_writer *w, const struct item_facts *f, size_t recipient, const char *name);
void item_write_abandon(struct item_writer *w);      // at any time; removes the item unless it is complete
void item_remove(const char *dir, const char *name); // of tmp/, a complete one

// Keeps a file that grows from leaving all its octets to one long sync at its end.
int item_sync_now_and_then(const struct deliver_item *it, uint64_t *unsynced, size_t n);

// ---- a delivery: one job (local_delivery.c, local_check.c) ----
enum target_state {
    TARGET_FAILED,  // by the checks
    TARGET_NOTHING, // delivered without an item: a probe, a report that says nothing to the originator, the same
                    // recipient again
    TARGET_TO_WRITE,
    TARGET_WRITTEN,
    TARGET_INTENDED, // the intent is committed
    TARGET_PUBLISHED,
    TARGET_TAKEN,  // written, but the spool knows the name: it was delivered before
    TARGET_PRESENT // it was delivered before, and nothing of this one is left
};

struct target {
    struct delivery *d;
    uint32_t rcpt, number;
    enum target_state state;
    int diagnostic; // of a failure
    const char *why;
    char name[DELIVER_NAME];
};

struct delivery {
    struct file_job file; // first
    struct file_thread *thread;
    LIST_ENTRY(delivery) link;
    struct local *l;
    int64_t message;
    struct item *item;     // NULL: found at the start, and the item is not loaded
    struct job *job;       // NULL: found at the start
    struct opened *opened; // likewise; its arena has all of `facts`
    struct item_facts facts;
    char *dir; // of a delivery found at the start; else the hop's name has it
    struct target *target;
    size_t n, at; // at: the one the file thread is at
    struct item_writer writer;
    int err;        // of the file thread
    char what[200]; // and its text
    size_t commits; // under way
    bool waiting;   // for the timer: not counted as running
    int commit_err;
    uint64_t started; // monotonic ms
    struct loop_timer *timer;
};

enum { LOCAL_AT_ONCE = 4 }; // deliveries under way

struct local {
    struct mta *m;
    LIST_HEAD(, delivery) deliveries;
    size_t n_running;
    struct hop *last; // the one served last
    // File threads of its own, so that the syncs of several items are under way at once and none waits behind a large
    // content on its way to or from a peer. A delivery stays with one.
    struct file_thread *pool[LOCAL_AT_ONCE];
    struct loop_notifier *note;
    unsigned next;    // of the pool
    atomic_bool stop; // seen by the file threads too
};

bool local_stopping(struct local *l);
void local_pump(struct local *l); // begins what there is room for

struct delivery *delivery_new(struct local *l); // counted as running; NULL: no memory
void delivery_free(struct delivery *d);
const char *delivery_directory(const struct delivery *d);
int delivery_begin(struct delivery *d); // of a job; it goes on by itself. An error: nothing was begun
void delivery_publish(struct delivery *d);
// Takes what a delivery needs from the stored message, and decides for each recipient what is to be done. ERR_CORRUPT
// (d->what may say more), ERR_NOMEM.
int delivery_open(struct delivery *d, const struct spool_message *sm);

#endif
