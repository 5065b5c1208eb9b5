// SPDX-License-Identifier: BSD-2-Clause
#include "base/event.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/workq.h"

enum {
    RECORDS = 1000,      // kept in memory for `show events`
    QUEUED_MAX = 100000, // lines waiting for the writer; more are dropped and counted
    REPEATS_MAX = 4096,  // distinct repeating cases remembered
    REPEAT_MS = 300 * 1000
};

struct line {
    struct work work;
    struct events *e;
    int priority; // of syslog
    char *text;
};

struct repeat {
    TAILQ_ENTRY(repeat) link;
    const struct event_def *def;
    char *key, *text;
    char *json; // the line as it was written, NULL when memory was short
    uint64_t written_ms;
    unsigned long count; // suppressed since it was written
};

struct kept {
    struct event_record record;
    char *text, *json;
};

struct events {
    struct event_options options;
    char *path, *ident;
    pthread_mutex_t out_lock; // guards fd, options.target and path against events_reopen and events_set
    int fd;
    struct workq q;
    pthread_t writer;
    unsigned long dropped;
    TAILQ_HEAD(repeats_head, repeat) repeats; // most recently used first
    size_t n_repeats;
    struct kept kept[RECORDS];
    uint64_t next_seq;
};

const char *event_level_name(enum event_level level) {
    static const char *const names[] = {"debug", "info", "notice", "warning", "error"};
    return names[level];
}

static int syslog_priority(enum event_level level) {
    static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_ERR};
    return priorities[level];
}

static const char *field_value(const struct event_field *fields, size_t n, const char *name, size_t len) {
    for (size_t i = 0; i < n; i++)
        if (strlen(fields[i].name) == len && memcmp(fields[i].name, name, len) == 0)
            return fields[i].value;
    return NULL;
}

// The octets of the character that s begins with, 0: it is no UTF-8.
static size_t utf8_length(const unsigned char *s, uint32_t *ch) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xC0 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF8 ? 4 : 0;
    *ch = n < 2 ? s[0] : s[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        *ch = *ch << 6 | (s[i] & 0x3F);
    }
    return n > 1 && (*ch < least[n] || *ch > 0x10FFFF || (*ch >= 0xD800 && *ch < 0xE000)) ? 0 : n;
}

// Breaks lines, drives a terminal, or turns the direction of writing.
static bool harmful(uint32_t ch) {
    return ch < 0x20 || (ch >= 0x7F && ch < 0xA0) || (ch >= 0x200B && ch <= 0x200F) || (ch >= 0x2028 && ch <= 0x202E) ||
           (ch >= 0x2066 && ch <= 0x2069);
}

// A value may be a peer's (its name, say): it must not forge lines, and whatever octets it has the event is written.
static int append_clean(struct buf *b, const char *value) {
    const unsigned char *s = (const unsigned char *)value;
    int r = ERR_OK;
    while (*s != 0 && r == ERR_OK) {
        uint32_t ch;
        size_t n = utf8_length(s, &ch);
        if (n > 0 && !harmful(ch)) {
            r = buf_append(b, s, n);
            s += n;
            continue;
        }
        for (size_t left = n > 0 ? n : 1; left > 0 && r == ERR_OK; left--)
            r = buf_printf(b, "\\x%02x", *s++);
    }
    return r;
}

static char *taken(struct buf *b) {
    const char *s = buf_cstr(b);
    char *copy = s == NULL ? NULL : mem_strdup(s);
    buf_free(b);
    return copy;
}

// The value of the field that p, at its '{', names.
static const char *value_at(const char *p, const struct event_field *fields, size_t n) {
    return field_value(fields, n, p + 1, strcspn(p + 1, "}"));
}

// A part in brackets is left out when its field has no value.
static bool left_out(const char *p, const struct event_field *fields, size_t n) {
    const char *field = p + strcspn(p, "{]");
    return *field == '{' && value_at(field, fields, n) == NULL;
}

// The table's texts are well-formed: their test sees to it.
char *event_text(const struct event_def *def, const struct event_field *fields, size_t n) {
    struct buf b = {0};
    int r = ERR_OK;
    for (const char *p = def->text; *p != 0 && r == ERR_OK; p++) {
        if (*p == '[' && left_out(p, fields, n))
            p = strchr(p, ']');
        else if (*p == '{') {
            const char *v = value_at(p, fields, n);
            r = append_clean(&b, v == NULL ? "-" : v);
            p = strchr(p, '}');
        } else if (*p != '[' && *p != ']')
            r = buf_append_u8(&b, (uint8_t)*p);
    }
    if (r == ERR_OK)
        return taken(&b);
    buf_free(&b);
    return NULL;
}

static void format_time(int64_t utc_ms, char out[32]) {
    time_t t = (time_t)(utc_ms / 1000);
    struct tm tm;
    gmtime_r(&t, &tm);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 32 - n, ".%03dZ", (int)(utc_ms % 1000));
}

static json_t *json_value(const char *value) {
    json_t *v = json_string(value);
    struct buf b = {0};
    if (v == NULL && append_clean(&b, value) == ERR_OK && buf_cstr(&b) != NULL) // not UTF-8
        v = json_string(buf_cstr(&b));
    buf_free(&b);
    return v;
}

static char *event_json(const struct event_def *def, const char *text, const struct event_field *fields, size_t n,
                        int64_t utc_ms) {
    char when[32];
    format_time(utc_ms, when);
    json_t *o = json_pack("{s:i, s:s, s:i, s:s, s:s, s:s}", "v", 1, "time", when, "id", (int)def->id, "level",
                          event_level_name(def->level), "event", def->name, "text", text);
    for (size_t i = 0; i < n && o != NULL; i++)
        if (fields[i].value != NULL)
            json_object_set_new(o, fields[i].name, json_value(fields[i].value));
    char *s = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return s;
}

static void write_all(int fd, const char *s, size_t n) {
    while (n > 0) {
        ssize_t w = write(fd, s, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return; // nowhere to complain: the events kept in memory still show it
        s += w;
        n -= (size_t)w;
    }
}

static void line_run(struct work *w) {
    struct line *line = (struct line *)w;
    struct events *e = line->e;
    pthread_mutex_lock(&e->out_lock);
    if (e->options.target == EVENT_TO_SYSLOG)
        syslog(line->priority, "%.*s", (int)strcspn(line->text, "\n"), line->text);
    else
        write_all(e->fd, line->text, strlen(line->text));
    pthread_mutex_unlock(&e->out_lock);
    mem_free(line->text);
    mem_free(line);
}

static void *writer_main(void *arg) {
    struct events *e = arg;
    for (struct work *w; (w = workq_wait(&e->q)) != NULL;)
        for (struct work *next; w != NULL; w = next) {
            next = w->next;
            w->run(w);
        }
    return NULL;
}

// Queues one line for the writer, in the form the target wants.
static void put_line(struct events *e, const struct event_def *def, int64_t utc_ms, const char *text,
                     const char *json) {
    if (def->level < e->options.least)
        return;
    char when[32];
    format_time(utc_ms, when);
    struct line *line = workq_count(&e->q) > QUEUED_MAX ? NULL : mem_calloc(1, sizeof *line);
    if (line == NULL) {
        e->dropped++;
        return;
    }
    *line = (struct line){.work.run = line_run, .e = e, .priority = syslog_priority(def->level)};
    if (e->options.json)
        line->text = mem_printf("%s\n", json);
    else if (e->options.target == EVENT_TO_SYSLOG)
        line->text = mem_printf("%u %s: %s\n", def->id, def->name, text);
    else
        line->text =
            mem_printf("%s %s %s %u %s: %s\n", when, e->ident, event_level_name(def->level), def->id, def->name, text);
    if (line->text == NULL) {
        mem_free(line);
        e->dropped++;
        return;
    }
    workq_post(&e->q, &line->work);
}

static void keep(struct events *e, const struct event_def *def, int64_t utc_ms, const char *text, const char *json) {
    struct kept *k = &e->kept[e->next_seq % RECORDS];
    mem_free(k->text);
    mem_free(k->json);
    k->text = mem_strdup(text);
    k->json = mem_strdup(json);
    k->record = (struct event_record){++e->next_seq, utc_ms, def, k->text, k->json};
}

static char *repeat_key(const struct event_def *def, const struct event_field *fields, size_t n) {
    struct buf b = {0};
    int r = buf_printf(&b, "%u", def->id);
    for (const char *p = def->key; *p != 0 && r == 0;) {
        size_t len = strcspn(p, " ");
        const char *v = field_value(fields, n, p, len);
        r = buf_printf(&b, "\n%s", v == NULL ? "" : v);
        p += len + (p[len] == ' ');
    }
    if (r == 0)
        return taken(&b);
    buf_free(&b);
    return NULL;
}

// The line as it was written, at this time and with the count.
static char *repeat_json(const struct repeat *r, const char *text, int64_t utc_ms) {
    char when[32], count[24];
    format_time(utc_ms, when);
    snprintf(count, sizeof count, "%lu", r->count);
    json_t *o = r->json == NULL ? NULL : json_loads(r->json, 0, NULL);
    json_object_set_new(o, "time", json_string(when));
    json_object_set_new(o, "text", json_string(text));
    json_object_set_new(o, "repeated", json_string(count));
    char *s = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return s;
}

static void repeat_flush(struct events *e, struct repeat *r, uint64_t now_ms) {
    if (r->count == 0)
        return;
    int64_t utc = clock_utc_ms();
    char *text = mem_printf("%s (repeated %lu times)", r->text, r->count);
    char *json = text == NULL ? NULL : repeat_json(r, text, utc);
    if (json != NULL)
        put_line(e, r->def, utc, text, json);
    free(json);
    mem_free(text);
    r->count = 0;
    r->written_ms = now_ms;
}

static void repeat_free(struct events *e, struct repeat *r) {
    TAILQ_REMOVE(&e->repeats, r, link);
    e->n_repeats--;
    mem_free(r->key);
    mem_free(r->text);
    mem_free(r->json);
    mem_free(r);
}

// True when this text for this key was written lately: it is counted instead. Else *fresh remembers it from now on, or
// is NULL when memory is short.
static bool is_repetition(struct events *e, const struct event_def *def, const struct event_field *fields, size_t n,
                          const char *text, struct repeat **fresh) {
    char *key = repeat_key(def, fields, n);
    if (key == NULL)
        return false;
    uint64_t now = clock_mono_ms();
    struct repeat *r;
    TAILQ_FOREACH(r, &e->repeats, link) {
        if (strcmp(r->key, key) == 0)
            break;
    }
    if (r != NULL && (def->loose || strcmp(r->text, text) == 0) && now - r->written_ms < e->options.repeat_ms) {
        r->count++;
        mem_free(key);
        return true;
    }
    if (r != NULL) {
        repeat_flush(e, r, now);
        repeat_free(e, r);
    } else if (e->n_repeats >= REPEATS_MAX) {
        r = TAILQ_LAST(&e->repeats, repeats_head);
        repeat_flush(e, r, now);
        repeat_free(e, r);
    }
    r = mem_calloc(1, sizeof *r);
    char *copy = mem_strdup(text);
    if (r == NULL || copy == NULL) {
        mem_free(r), mem_free(copy), mem_free(key);
        return false;
    }
    *r = (struct repeat){.def = def, .key = key, .text = copy, .written_ms = now};
    TAILQ_INSERT_HEAD(&e->repeats, r, link);
    e->n_repeats++;
    *fresh = r;
    return false;
}

void event_raise(struct events *e, const struct event_def *def, const struct event_field *fields, size_t n) {
    if (e == NULL)
        return;
    char *text = event_text(def, fields, n);
    if (text == NULL)
        return;
    struct repeat *fresh = NULL;
    if (def->key != NULL && is_repetition(e, def, fields, n, text, &fresh)) {
        mem_free(text);
        return;
    }
    int64_t utc = clock_utc_ms();
    char *json = event_json(def, text, fields, n, utc);
    if (json != NULL) {
        put_line(e, def, utc, text, json);
        keep(e, def, utc, text, json);
        if (fresh != NULL)
            fresh->json = mem_strdup(json);
    }
    free(json);
    mem_free(text);
}

void events_tick(struct events *e, uint64_t now_ms) {
    if (e == NULL)
        return;
    for (struct repeat *r = TAILQ_FIRST(&e->repeats), *next; r != NULL; r = next) {
        next = TAILQ_NEXT(r, link);
        if (now_ms - r->written_ms < e->options.repeat_ms)
            continue;
        if (r->count > 0)
            repeat_flush(e, r, now_ms);
        else
            repeat_free(e, r);
    }
}

// Opens what the options name; *fd is -1 for syslog.
static int open_target(const struct event_options *o, int *fd) {
    *fd = -1;
    if (o->target == EVENT_TO_STDERR)
        *fd = STDERR_FILENO;
    else if (o->target == EVENT_TO_FILE)
        *fd = open(o->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    else
        return ERR_OK;
    return *fd < 0 ? ERR_SYSTEM : ERR_OK;
}

static void close_target(struct events *e) {
    if (e->options.target == EVENT_TO_SYSLOG)
        closelog();
    else if (e->options.target == EVENT_TO_FILE)
        close(e->fd);
}

int events_set(struct events *e, const struct event_options *o) {
    char *path = mem_strdup(o->path == NULL ? "" : o->path), *ident = mem_strdup(o->ident == NULL ? "x400d" : o->ident);
    int fd = -1;
    if (path == NULL || ident == NULL || open_target(o, &fd) < 0) {
        mem_free(path), mem_free(ident);
        return ERR_SYSTEM;
    }
    pthread_mutex_lock(&e->out_lock);
    if (e->ident != NULL)
        close_target(e);
    mem_free(e->path), mem_free(e->ident);
    e->options = *o;
    e->options.path = e->path = path;
    e->options.ident = e->ident = ident;
    if (e->options.repeat_ms == 0)
        e->options.repeat_ms = REPEAT_MS;
    e->fd = fd;
    if (o->target == EVENT_TO_SYSLOG)
        openlog(ident, LOG_PID, LOG_MAIL);
    pthread_mutex_unlock(&e->out_lock);
    return ERR_OK;
}

int events_reopen(struct events *e) {
    if (e->options.target != EVENT_TO_FILE)
        return ERR_OK;
    int fd;
    if (open_target(&e->options, &fd) < 0)
        return ERR_SYSTEM;
    pthread_mutex_lock(&e->out_lock);
    close(e->fd);
    e->fd = fd;
    pthread_mutex_unlock(&e->out_lock);
    return ERR_OK;
}

struct events *events_open(const struct event_options *o) {
    struct events *e = mem_calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    TAILQ_INIT(&e->repeats);
    if (pthread_mutex_init(&e->out_lock, NULL) != 0)
        goto no_lock;
    if (workq_init(&e->q, NULL, NULL) < 0)
        goto no_queue;
    if (events_set(e, o) < 0)
        goto no_target;
    if (pthread_create(&e->writer, NULL, writer_main, e) == 0)
        return e;
    close_target(e);
    mem_free(e->path), mem_free(e->ident);
no_target:
    workq_destroy(&e->q);
no_queue:
    pthread_mutex_destroy(&e->out_lock);
no_lock:
    mem_free(e);
    return NULL;
}

void events_close(struct events *e) {
    if (e == NULL)
        return;
    for (struct repeat *r; (r = TAILQ_FIRST(&e->repeats)) != NULL;) {
        repeat_flush(e, r, clock_mono_ms());
        repeat_free(e, r);
    }
    workq_close(&e->q);
    pthread_join(e->writer, NULL);
    workq_destroy(&e->q);
    close_target(e);
    pthread_mutex_destroy(&e->out_lock);
    for (size_t i = 0; i < RECORDS; i++)
        mem_free(e->kept[i].text), mem_free(e->kept[i].json);
    mem_free(e->path), mem_free(e->ident);
    mem_free(e);
}

void events_each(const struct events *e, uint64_t after, bool (*cb)(void *arg, const struct event_record *r),
                 void *arg) {
    uint64_t first = e->next_seq > RECORDS ? e->next_seq - RECORDS : 0;
    for (uint64_t i = after > first ? after : first; i < e->next_seq; i++) {
        const struct event_record *r = &e->kept[i % RECORDS].record;
        if (r->text != NULL && r->json != NULL && !cb(arg, r))
            return;
    }
}
