// SPDX-License-Identifier: BSD-2-Clause
// Events: what an operator is told. Each event is defined once in a table (id, level, template, and its explanation,
// from which documentation is made); raising one names the definition and gives the fields. It is written to syslog or
// a file, as plain text or JSON lines, by a thread of its own, so that a slow disk never stops the loop.
//
// Repetition: an event with a `key` is written when it first happens or when its text changes; while the same key
// raises the same text again it is only counted, and written once in `repeat_ms` with its count. Without a key it is
// always written.
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_level { EVENT_DEBUG, EVENT_INFO, EVENT_NOTICE, EVENT_WARNING, EVENT_ERROR };
const char *event_level_name(enum event_level level);

struct event_def {
    unsigned id; // the number operators know
    enum event_level level;
    const char *name; // a word for JSON and documentation: "open-failed"
    const char *text; // the template: {field} is replaced by the field's value, or "-" when it was not given; a part in
                      // [brackets] is left out when its field was not given
    const char
        *key; // the fields that tell one repeating case from another, separated by spaces; NULL: never suppressed
    const char *meaning, *causes, *action; // for the documentation
    bool loose; // repeats even when the text differs: what a stranger sends must not decide how much is written
};

struct event_field {
    const char *name, *value; // a NULL value counts as not given
};

enum event_target { EVENT_TO_STDERR, EVENT_TO_SYSLOG, EVENT_TO_FILE };
struct event_options {
    enum event_target target;
    const char *path; // for EVENT_TO_FILE
    bool json;
    const char *ident;      // the program's name
    enum event_level least; // less important events are not written
    uint64_t repeat_ms;     // 0: 5 minutes
};

struct events;
// NULL and errno when the file cannot be opened. The options' strings are copied.
struct events *events_open(const struct event_options *o);
void events_close(struct events *e); // writes what is queued and the counts of what was suppressed
int events_reopen(struct events *e); // after log rotation; ERR_SYSTEM: goes on with the old file
// Moves to other options (a reload); on failure the old ones stay.
int events_set(struct events *e, const struct event_options *o);

// Loop thread only. fields end after n.
void event_raise(struct events *e, const struct event_def *def, const struct event_field *fields, size_t n);
#define EVENT_RAISE(e, def, ...)                                                                                       \
    event_raise((e), (def), (const struct event_field[]){__VA_ARGS__},                                                 \
                sizeof((const struct event_field[]){__VA_ARGS__}) / sizeof(struct event_field))

// Writes due repetition counts; call about every second.
void events_tick(struct events *e, uint64_t now_ms);

// The latest events, oldest first, as kept in memory (1,000): calls cb for each with seq > after; cb returning false
// stops.
struct event_record {
    uint64_t seq;
    int64_t utc_ms;
    const struct event_def *def;
    const char *text;
    const char *json; // the whole line as JSON
};
void events_each(const struct events *e, uint64_t after, bool (*cb)(void *arg, const struct event_record *r),
                 void *arg);

// The template with its fields filled in, into a new string (mem_free), NULL when memory is short.
char *event_text(const struct event_def *def, const struct event_field *fields, size_t n);

#endif
