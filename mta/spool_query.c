// SPDX-License-Identifier: BSD-2-Clause
// Reading: at the start with the writer's connection, afterwards on the read thread with its own. A query's transaction
// is kept under 50 ms, because the journal cannot be emptied past an open one: pages are cut by time as well as by
// number.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"
#include "mta/content_file_internal.h"
#include "mta/spool_internal.h"

// --- at the start ---

static void tell_damaged(struct spool *s, int64_t message) {
    if (s->checked)
        return;
    spool_tell(s, &(struct spool_event){.kind = SPOOL_EVENT_DAMAGED,
                                        .message = message,
                                        .text = "a row does not agree with its checksum"});
}

int spool_load(struct spool *s, int64_t after, size_t max, spool_message_cb cb, void *arg, int64_t *last) {
    *last = after;
    if (s->started)
        return ERR_STATE;
    struct arena a = {0};
    struct bound b = store_sql(&s->writer, SQL_MESSAGE_OPEN);
    bind_int(&b, after);
    int got = ERR_OK;
    for (size_t n = 0; n < max && (got = store_step(&b)) == 1; n++) {
        struct spool_message m;
        int err = store_message_row(&s->writer, &b, &a, &m);
        *last = m.id;
        for (size_t i = 0; err == ERR_OK && i < m.n_recipients; i++)
            if (m.recipients[i].state == SPOOL_RCPT_TRANSFERRING)
                m.recipients[i].state = SPOOL_RCPT_WAITING;
        if (err == ERR_OK)
            cb(arg, &m);
        else if (err == ERR_CORRUPT)
            tell_damaged(s, m.id);
        arena_free(&a);
        if (err < 0 && err != ERR_CORRUPT) {
            got = err;
            break;
        }
    }
    store_done(&b);
    return got < 0 ? got : ERR_OK;
}

int spool_load_intents(struct spool *s, void (*cb)(void *arg, const struct spool_intent *i), void *arg) {
    if (s->started)
        return ERR_STATE;
    struct bound b = store_sql(&s->writer, SQL_DELIVERY_OPEN);
    int got;
    while ((got = store_step(&b)) == 1) {
        struct spool_intent i = {.message = sqlite3_column_int64(b.s, 0),
                                 .number = (uint32_t)sqlite3_column_int64(b.s, 1),
                                 .dir = (const char *)sqlite3_column_text(b.s, 2),
                                 .name = (const char *)sqlite3_column_text(b.s, 3)};
        if (i.dir == NULL || i.name == NULL) {
            store_done(&b);
            return ERR_NOMEM;
        }
        cb(arg, &i);
    }
    return got;
}

static struct bytes column_bytes(struct bound *b, int column) {
    const void *p = sqlite3_column_blob(b->s, column);
    return bytes_of(p, p == NULL ? 0 : (size_t)sqlite3_column_bytes(b->s, column));
}

// What a transfer had in its file is there as far as it was synced.
static bool file_there(const struct spool *s, const struct spool_transfer *t) {
    char path[sizeof "tmp/" + CONTENT_NAME];
    struct stat st;
    if (t->file[0] == 0)
        return true;
    snprintf(path, sizeof path, "tmp/%s", t->file);
    return content_name_ok(t->file) && fstatat(s->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size >= t->length;
}

int spool_load_transfers(struct spool *s, void (*cb)(void *arg, const struct spool_transfer *t), void *arg) {
    if (s->started)
        return ERR_STATE;
    struct bound b = store_sql(&s->writer, SQL_TRANSFERS);
    int got;
    while ((got = store_step(&b)) == 1) {
        struct spool_transfer t = {.kind = (enum spool_transfer_kind)sqlite3_column_int(b.s, 0),
                                   .peer = (const char *)sqlite3_column_text(b.s, 1),
                                   .key = column_bytes(&b, 2),
                                   .state = column_bytes(&b, 3),
                                   .detail = column_bytes(&b, 4),
                                   .file = (const char *)sqlite3_column_text(b.s, 5),
                                   .length = (uint64_t)sqlite3_column_int64(b.s, 6),
                                   .since = sqlite3_column_int64(b.s, 7)};
        if (t.peer == NULL || t.file == NULL) {
            store_done(&b);
            return ERR_NOMEM;
        }
        if (sqlite3_column_int(b.s, 8) != 1)
            spool_tell(s, &(struct spool_event){.kind = SPOOL_EVENT_DAMAGED,
                                                .text = "what is kept of an interrupted transfer: it begins anew"});
        else if (file_there(s, &t))
            cb(arg, &t);
    }
    return got;
}

// --- queries ---

struct query {
    struct work work;
    struct spool *spool;
    struct arena arena; // of the question and the answer
    void (*run)(struct query *q);
    void (*answer)(struct query *q);
    void *arg;
    int err;
    int64_t message;
    struct spool_filter filter;
    struct spool_message *messages;
    size_t n;
    int64_t next;
    union {
        void (*fetch)(void *arg, int err, const struct spool_message *m);
        void (*list)(void *arg, const struct spool_page *p);
    } cb;
};

static void query_free(struct query *q) {
    arena_free(&q->arena);
    mem_free(q);
}

void spool_query_drop(struct work *w) {
    query_free((struct query *)w);
}

static void query_done(struct work *w) {
    struct query *q = (struct query *)w;
    q->spool->pending--;
    q->answer(q);
    query_free(q);
}

static void query_run(struct work *w) {
    struct query *q = (struct query *)w;
    q->run(q);
    w->run = query_done;
    workq_post(&q->spool->done, w);
}

void *spool_read_main(void *spool) {
    struct spool *s = spool;
    for (struct work *list; (list = workq_wait(&s->reads)) != NULL;) {
        for (struct work *next; list != NULL; list = next) {
            next = list->next;
            list->run(list);
        }
    }
    return NULL;
}

static struct query *query_new(struct spool *s, void (*run)(struct query *), void (*answer)(struct query *),
                               void *arg) {
    struct query *q = mem_calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    q->work.run = query_run;
    q->spool = s;
    q->run = run;
    q->answer = answer;
    q->arg = arg;
    return q;
}

static int query_post(struct query *q) {
    if (q->spool->closing) {
        query_free(q);
        return ERR_STATE;
    }
    q->spool->pending++;
    workq_post(&q->spool->reads, &q->work);
    return ERR_OK;
}

// --- one message ---

static void fetch_run(struct query *q) {
    struct store *st = &q->spool->reader;
    q->messages = arena_alloc(&q->arena, sizeof *q->messages);
    q->err = q->messages == NULL ? ERR_NOMEM : store_do(st, SQL_BEGIN_READ);
    if (q->err < 0)
        return;
    struct bound b = store_sql(st, SQL_MESSAGE_GET);
    bind_int(&b, q->message);
    int got = store_step(&b);
    if (got == 1) {
        q->err = store_message_row(st, &b, &q->arena, q->messages);
        store_done(&b);
        if (q->err == ERR_OK)
            q->err = store_body(st, &q->arena, q->messages);
    } else {
        q->err = got < 0 ? got : ERR_ABSENT;
    }
    store_do(st, SQL_COMMIT);
}

static void fetch_answer(struct query *q) {
    q->cb.fetch(q->arg, q->err, q->err < 0 ? NULL : q->messages);
}

int spool_fetch(struct spool *s, int64_t message, void (*cb)(void *arg, int err, const struct spool_message *m),
                void *arg) {
    struct query *q = query_new(s, fetch_run, fetch_answer, arg);
    if (q == NULL)
        return ERR_NOMEM;
    q->message = message;
    q->cb.fetch = cb;
    return query_post(q);
}

// --- pages ---

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool part_of(const char *part, const char *whole) {
    return part == NULL || (whole != NULL && strcasestr(whole, part) != NULL);
}

static bool matches(const struct spool_filter *f, const struct spool_message *m) {
    if (!part_of(f->mts_id, m->mts_id) || !part_of(f->originator, m->originator))
        return false;
    if ((f->arrived_before != 0 && m->arrived >= f->arrived_before) || (f->by_priority && m->priority != f->priority))
        return false;
    if (f->recipient == NULL && f->next_hop == NULL)
        return true;
    for (size_t i = 0; i < m->n_recipients; i++)
        if (part_of(f->recipient, m->recipients[i].address) && part_of(f->next_hop, m->recipients[i].next_hop))
            return true;
    return false;
}

// Messages after q->filter.after that match, into q->messages, until the limit or the time is reached (then q->next is
// set).
static void page_run(struct query *q) {
    struct store *st = &q->spool->reader;
    struct arena scratch = {0};
    int64_t until = now_ms() + SPOOL_READ_MS;
    q->n = 0;
    q->next = 0;
    struct bound b = store_sql(st, q->filter.finished ? SQL_MESSAGE_ALL : SQL_MESSAGE_OPEN);
    bind_int(&b, q->filter.after);
    int got;
    while ((got = store_step(&b)) == 1) {
        struct spool_message m;
        // First into a scratch arena: most of what a filter reads is not wanted.
        int err = store_message_row(st, &b, &scratch, &m);
        bool wanted = err == ERR_OK && matches(&q->filter, &m);
        arena_free(&scratch);
        if (wanted)
            err = store_message_row(st, &b, &q->arena, &q->messages[q->n++]);
        if (err < 0 && err != ERR_CORRUPT) {
            got = err;
            break;
        }
        if (q->n == q->filter.limit || now_ms() >= until) {
            q->next = m.id;
            break;
        }
    }
    store_done(&b);
    q->err = got < 0 ? got : ERR_OK;
}

static void list_answer(struct query *q) {
    struct spool_page p = {.err = q->err, .messages = q->messages, .n = q->err < 0 ? 0 : q->n, .next = q->next};
    q->cb.list(q->arg, &p);
}

static const char *copy_text(struct query *q, const char *s) {
    const char *copy = s == NULL ? NULL : arena_strdup(&q->arena, s);
    q->err = s != NULL && copy == NULL ? ERR_NOMEM : q->err;
    return copy;
}

static int copy_filter(struct query *q, const struct spool_filter *f) {
    q->filter = *f;
    q->filter.mts_id = copy_text(q, f->mts_id);
    q->filter.originator = copy_text(q, f->originator);
    q->filter.recipient = copy_text(q, f->recipient);
    q->filter.next_hop = copy_text(q, f->next_hop);
    if (f->limit == 0 || f->limit > SPOOL_PAGE_MAX)
        q->filter.limit = SPOOL_PAGE_MAX;
    q->messages = arena_array(&q->arena, q->filter.limit, sizeof *q->messages);
    return q->messages == NULL ? ERR_NOMEM : q->err;
}

int spool_list(struct spool *s, const struct spool_filter *f, void (*cb)(void *arg, const struct spool_page *p),
               void *arg) {
    struct query *q = query_new(s, page_run, list_answer, arg);
    if (q == NULL)
        return ERR_NOMEM;
    q->cb.list = cb;
    if (copy_filter(q, f) < 0) {
        query_free(q);
        return ERR_NOMEM;
    }
    return query_post(q);
}
