// SPDX-License-Identifier: BSD-2-Clause
// The three local sockets: `control` (everything), `submit` (messages and probes, and looking), `status` (only
// looking). Who may use one is decided by the mode of its file. One JSON object a line each way, one answer for each
// request, in order:
//
//   → {"v":1,"cmd":"show","what":"peers"}
//   ← {"v":1,"ok":true,"result":…}        or {"v":1,"ok":false,"error":"what is wrong and what to do"}
//
// What needs the spool while that is being opened waits for it, CONTROL_PATIENCE_MS at most: who starts the daemon and
// submits at once need not try again.
//
// A descriptor that a request or an answer needs travels with its line (SCM_RIGHTS). Commands: see the table in
// control.c.
#ifndef MTA_CONTROL_H
#define MTA_CONTROL_H

#include <jansson.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "mta/mta.h"

enum { CONTROL_PATIENCE_MS = 5000 };
enum control_level { CONTROL_STATUS, CONTROL_SUBMIT, CONTROL_ALL };

struct control_conn;
struct request {
    struct mta *m;
    struct control_conn *conn; // NULL: the client went away
    json_t *in;
    uid_t uid;
    int fd; // that came with it, -1: none; closed with the request
    const struct command *put_off;
    STAILQ_ENTRY(request) next; // of those that are put off
};

// A handler answers once, now or later, with one of these; the request is gone then.
void reply(struct request *r, json_t *result);            // takes the reference; NULL: memory is short
void reply_fd(struct request *r, json_t *result, int fd); // fd is passed along and closed
void reply_error(struct request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
json_t *reply_text(const char *s);         // as a part of a result; NULL is JSON's null
json_t *reply_text_or_null(const char *s); // the same, and null for ""

// Reading the request: NULL or the default when it is absent or of another type.
const char *request_text(const struct request *r, const char *key);
bool request_flag(const struct request *r, const char *key);
int64_t request_number(const struct request *r, const char *key, int64_t otherwise);

// True: the spool is not ours now, which was the answer; it says who has it, or what is waited for.
bool request_without_spool(struct request *r);

// NULL and `why` when a socket cannot be made (another daemon answers on it, no such folder, ...).
struct control *control_new(struct mta *m, char why[256]);
void control_free(struct control *c);
void control_look(struct control *c); // the spool was opened, or will not be. NULL is allowed

// ---- the commands, by file ----
void show_command(struct request *r);         // show.c
void show_message_command(struct request *r); // show_message.c: `show message`, `raw`
void submit_command(struct request *r);       // submit.c
// The spool goes: contents that are being copied are not taken.
void submit_end(struct mta *m);
void queue_command(struct request *r);  // operate.c
void peer_command(struct request *r);   // operate.c
void reload_command(struct request *r); // operate.c
void stack_command(struct request *r);  // operate.c
void trace_command(struct request *r);  // trace.c
void operator_event(const struct request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
