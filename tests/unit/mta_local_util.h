// SPDX-License-Identifier: BSD-2-Clause
// A daemon without a network: loop, spool, file thread, queue and local delivery, in a folder that goes away. Mail to
// PRMD PPA goes into the directory `a`, to PPB into `b`.
#ifndef TESTS_MTA_LOCAL_UTIL_H
#define TESTS_MTA_LOCAL_UTIL_H

#include "tests/unit/mta_spool_util.h"

#include <dirent.h>
#include <jansson.h>

#include "mta/admit.h"
#include "mta/local.h"
#include "mta/settle.h"
#include "x400/ipm_stream.h"
#include "x400/mtsid.h"
#include "x400/oraddr.h"

struct world {
    struct mta m; // first
    char dir[64];
    struct loop_notifier *spool_note, *file_note;
    bool serving;
    size_t left_in_tmp; // of b, once what a crash left was looked at
};

static inline size_t entries(const struct world *w, const char *folder); // in a folder of it

// A path in the world's folder.
static inline void path_in(const struct world *w, char out[600], const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static inline void path_in(const struct world *w, char out[600], const char *fmt, ...) {
    va_list args;
    size_t n = strlen(w->dir);
    memcpy(out, w->dir, n);
    out[n++] = '/';
    va_start(args, fmt);
    assert_true(vsnprintf(out + n, 600 - n, fmt, args) < (int)(600 - n));
    va_end(args);
}

static inline void ring_spool(void *arg) {
    loop_notify(((struct world *)arg)->spool_note);
}
static inline void ring_files(void *arg) {
    loop_notify(((struct world *)arg)->file_note);
}
static inline void on_spool_rung(void *arg) {
    spool_completions(((struct world *)arg)->m.spool);
}
static inline void on_files_rung(void *arg) {
    file_thread_completions(((struct world *)arg)->m.files);
}
static inline void no_event(void *arg, const struct spool_event *e) {
    (void)arg, (void)e;
}
static inline void load_one(void *arg, const struct spool_message *sm) {
    struct world *w = arg;
    struct item *i = item_new(sm);
    assert_non_null(i);
    assert_int_equal(queue_add(w->m.queue, i), ERR_OK);
}

static inline void world_make(struct world *w) {
    char path[600];
    memset(w, 0, sizeof *w);
    strcpy(w->dir, "/tmp/x400-local-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    path_in(w, path, "conf");
    FILE *f = fopen(path, "w");
    fprintf(f, "mta \"MTA-A\" {\n    domain country \"GB\" admd \"TEST\" prmd \"PPA\"\n    spool \"spool\"\n}\n"
               "deliver to country \"GB\" admd \"TEST\" prmd \"PPA\" in directory \"a\"\n"
               "deliver to country \"GB\" admd \"TEST\" prmd \"PPB\" in directory \"b\"\n");
    fclose(f);
}

static inline void world_conf(struct world *w) {
    struct conf_errors errors;
    char path[600];
    path_in(w, path, "conf");
    struct conf *c = conf_load(path, &errors);
    if (c == NULL)
        conf_errors_print(&errors, stderr);
    assert_non_null(c);
    conf_errors_free(&errors);
    w->m.held = held_conf_new(c);
    w->m.conf = c;
    struct mts_domain d;
    struct buf b = {0};
    assert_int_equal(mts_domain_set(&d, "GB", "TEST", "PPA"), ERR_OK);
    assert_int_equal(mts_domain_encode(&d, &b), ERR_OK);
    w->m.domain = arena_bytes(&w->m.arena, buf_bytes(&b));
    buf_free(&b);
}

// serve: local delivery too; without it mail only waits.
static inline void world_start(struct world *w, bool serve) {
    struct mta *m = &w->m;
    char path[600], why[SPOOL_WHY];
    int64_t last = 0, before = -1;
    memset(m, 0, sizeof *m);
    path_in(w, path, "events");
    m->loop = loop_new();
    m->events = events_open(
        &(struct event_options){.target = EVENT_TO_FILE, .path = path, .ident = "test", .least = EVENT_INFO});
    assert_non_null(m->events);
    world_conf(w);
    w->spool_note = loop_notifier_new(m->loop, on_spool_rung, w);
    w->file_note = loop_notifier_new(m->loop, on_files_rung, w);
    struct spool_options o = {.dir = m->conf->mta.spool, .notify = ring_spool, .notify_arg = w, .event = no_event};
    assert_int_equal(spool_open(&o, &m->spool, why), ERR_OK);
    m->files = file_thread_new(spool_dirfd(m->spool), ring_files, w);
    m->queue = queue_new(m, settle_expired);
    m->local = serve ? local_new(m) : NULL;
    w->serving = serve;
    if (serve) {
        assert_int_equal(local_recover(m->local), ERR_OK);
        w->left_in_tmp = entries(w, "b/tmp"); // from here on its threads may be at work there
    }
    while (last != before) {
        before = last;
        assert_int_equal(spool_load(m->spool, before, 100, load_one, w, &last), ERR_OK);
    }
    assert_int_equal(spool_start(m->spool), ERR_OK);
    if (serve)
        local_start(m->local);
}

// As the daemon does, at any moment.
static inline void world_stop(struct world *w) {
    struct mta *m = &w->m;
    m->stopping = true;
    if (w->serving)
        local_stop(m->local);
    for (int k = 0; k < 12000 && ((w->serving && local_running(m->local) > 0) || spool_pending(m->spool) > 0); k++)
        loop_run_for(m->loop, 5);
    if (w->serving)
        assert_int_equal(local_running(m->local), 0);
    local_finish(m->local);
    file_thread_free(m->files);
    spool_close(m->spool);
    local_free(m->local);
    queue_free(m->queue);
    loop_notifier_free(w->spool_note), loop_notifier_free(w->file_note);
    events_close(m->events);
    loop_free(m->loop);
    held_conf_unref(m->held);
    arena_free(&m->arena);
    w->serving = false;
}

static inline void world_remove(struct world *w) {
    nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

// Until nothing waits any more.
static inline void world_settle(struct world *w) {
    for (int k = 0; k < 12000; k++) { // a machine under load syncs slowly
        if (queue_items(w->m.queue) == 0 && local_running(w->m.local) == 0 && spool_pending(w->m.spool) == 0)
            return;
        loop_run_for(w->m.loop, 5);
    }
    fail_msg("something still waits after a minute");
}

struct counting {
    unsigned id, n;
};
static inline bool count_one(void *arg, const struct event_record *r) {
    struct counting *c = arg;
    c->n += r->def->id == c->id;
    return true;
}
static inline unsigned events_seen(struct world *w, enum mta_event e) {
    struct counting c = {mta_event(e)->id, 0};
    events_each(w->m.events, 0, count_one, &c);
    return c.n;
}

// ---- messages ----

static inline struct bytes orname(struct arena *a, const char *text) {
    struct or_address address;
    struct buf b = {0};
    assert_int_equal(or_address_parse(a, text, &address, NULL), ERR_OK);
    assert_int_equal(or_name_encode(&address, &b), ERR_OK);
    struct bytes out = arena_bytes(a, buf_bytes(&b));
    buf_free(&b);
    return out;
}

#define JONES "/S=jones/O=ALPHA/P=PPA/A=TEST/C=GB/"
#define SMITH "/S=smith/O=BETA/P=PPB/A=TEST/C=GB/"
#define BROWN "/S=brown/O=BETA/P=PPB/A=TEST/C=GB/"
#define NOBODY "/S=nobody/A=NOWHERE/C=DE/"
enum {
    WANT_NONE = P1_MTA_NON_DELIVERY_REPORT,
    WANT_FAILURE = WANT_NONE | P1_ORIGINATOR_NON_DELIVERY_REPORT,
    WANT_REPORT = P1_MTA_REPORT | P1_ORIGINATOR_REPORT
};

// From jones; to ends with NULL.
static inline struct opened *letter(struct world *w, enum p1_type type, const char *const *to, uint32_t report) {
    struct opened *o = opened_empty();
    struct arena *a = &o->arena;
    struct p1_envelope *e = o->env = p1_envelope_new(a, type);
    e->identifier = mta_identifier(&w->m, a);
    e->originator = orname(a, JONES);
    e->content_type = (struct p1_content_type){.present = true, .built_in = P1_CONTENT_IPM_1988};
    e->original_eits = (struct p1_eits){.present = true, .built_in = 1 << 2};
    e->content_identifier = bytes_str("a test");
    e->priority = P1_URGENT;
    while (to[e->n_recipients] != NULL)
        e->n_recipients++;
    e->recipient = arena_array(a, e->n_recipients, sizeof *e->recipient);
    for (size_t k = 0; k < e->n_recipients; k++)
        e->recipient[k] = (struct p1_recipient){.name = orname(a, to[k]),
                                                .number = (int)k + 1,
                                                .indicators = {.set = P1_RESPONSIBILITY | report},
                                                .explicit_conversion = P1_NO_CONVERSION};
    return o;
}

struct admitted {
    bool done;
    int err;
    char id[200];
};
static inline void on_admitted(void *arg, int err, const char *mts_id, const char *text) {
    struct admitted *x = arg;
    (void)text;
    x->done = true;
    x->err = err;
    snprintf(x->id, sizeof x->id, "%s", mts_id == NULL ? "" : mts_id);
}

// Contents beyond CONTENT_INLINE become a file, as they do when they arrive.
struct writing {
    bool done;
    int err;
    struct content_ref ref;
};
static inline void on_written(void *user, int err, const struct content_ref *ref) {
    struct writing *x = user;
    x->done = true;
    x->err = err;
    if (err == ERR_OK)
        x->ref = *ref;
}

static inline struct admitted world_admit(struct world *w, struct opened *o, struct bytes content) {
    static const struct content_writer_user user = {.finished = on_written};
    struct admitted x = {0};
    struct writing file = {0};
    struct content_writer *cw = content_writer_new(w->m.files, &user, &file);
    for (size_t at = 0; at < content.n; at += CONTENT_PIECE) {
        size_t n = content.n - at < CONTENT_PIECE ? content.n - at : CONTENT_PIECE;
        while (content_writer_full(cw))
            loop_run_for(w->m.loop, 1);
        assert_int_equal(content_writer_append(cw, bytes_of(content.p + at, n)), ERR_OK);
    }
    content_writer_finish(cw);
    for (int k = 0; k < 2000 && !file.done; k++)
        loop_run_for(w->m.loop, 5);
    assert_int_equal(file.err, ERR_OK);
    admit(&w->m, &(struct admission){.opened = o, .content = file.ref, .uid = -1, .done = on_admitted, .arg = &x});
    for (int k = 0; k < 2000 && !x.done; k++)
        loop_run_for(w->m.loop, 1);
    content_writer_free(cw);
    assert_int_equal(x.err, ERR_OK);
    return x;
}

// ---- contents ----

static inline ptrdiff_t read_file(void *ctx, uint8_t *out, size_t n) {
    uint64_t *left = ctx;
    if (n > *left)
        n = (size_t)*left;
    memset(out, 'x', n);
    *left -= n;
    return (ptrdiff_t)n;
}

// A text and files of so many octets 'x' under these names (ends with NULL).
static inline void interpersonal(struct arena *a, const char *text, const char *const *names, uint64_t size,
                                 struct buf *out) {
    struct ipm_part_out parts[16] = {{.is_text = true, .text = bytes_str(text)}};
    struct ipm_recipient to = {.recipient = {.formal_name = orname(a, SMITH)}};
    struct ipm_descriptor from = {.formal_name = orname(a, JONES), .free_form_name = "J. Jones"};
    struct ipm_heading h = {.this_ipm = {orname(a, JONES), "17"},
                            .originator = &from,
                            .primary = &to,
                            .n_primary = 1,
                            .subject = "Gr\xc3\xbc\xc3\x9f"
                                       "e",
                            .importance = IPM_IMPORTANCE_HIGH};
    uint64_t left[16];
    size_t n = 1;
    for (; names[n - 1] != NULL; n++) {
        left[n] = size;
        parts[n] = (struct ipm_part_out){.file_name = names[n - 1], .size = size, .read = read_file, .ctx = &left[n]};
    }
    struct ipm_writer *w;
    uint8_t piece[8192];
    size_t got;
    assert_int_equal(ipm_writer_new(&w, &h, parts, n), ERR_OK);
    while (ipm_writer_read(w, piece, sizeof piece, &got) == ERR_OK && got > 0)
        assert_int_equal(buf_append(out, piece, got), 0);
    assert_int_equal(out->len, ipm_writer_length(w));
    ipm_writer_free(w);
}

// ---- items ----

static inline size_t list(const struct world *w, const char *folder, char names[][300], size_t max) {
    char path[600];
    path_in(w, path, "%s", folder);
    DIR *d = opendir(path);
    size_t n = 0;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.') {
            if (n < max)
                snprintf(names[n], 300, "%s/%s", folder, e->d_name);
            n++;
        }
    if (d != NULL)
        closedir(d);
    return n;
}

static inline size_t entries(const struct world *w, const char *folder) {
    return list(w, folder, NULL, 0);
}

// A file of an item; NULL: it is not there. free it.
static inline char *slurp(const struct world *w, const char *item, const char *file, size_t *n) {
    char path[600];
    path_in(w, path, "%s/%s", item, file);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return NULL;
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(*n + 1);
    assert_int_equal(fread(text, 1, *n, f), *n);
    text[*n] = 0;
    fclose(f);
    return text;
}

static inline void expect_file(const struct world *w, const char *item, const char *file, struct bytes want) {
    size_t n = 0;
    char *text = slurp(w, item, file, &n);
    if (text == NULL)
        fail_msg("%s has no %s", item, file);
    assert_int_equal(n, want.n);
    assert_memory_equal(text, want.p, n);
    free(text);
}

static inline json_t *envelope_of(const struct world *w, const char *item) {
    size_t n = 0;
    char *text = slurp(w, item, "envelope.json", &n);
    assert_non_null(text);
    json_t *o = json_loads(text, 0, NULL);
    assert_non_null(o);
    free(text);
    return o;
}

// "heading.subject", "parts.1.file"
static inline const json_t *at(const json_t *o, const char *path) {
    char step[64];
    while (*path != 0 && o != NULL) {
        size_t n = strcspn(path, ".");
        snprintf(step, sizeof step, "%.*s", (int)n, path);
        o = json_is_array(o) ? json_array_get(o, (size_t)atoi(step)) : json_object_get(o, step);
        path += path[n] == '.' ? n + 1 : n;
    }
    return o;
}

static inline void expect_text(const json_t *o, const char *path, const char *want) {
    const char *got = json_string_value(at(o, path));
    if (got == NULL)
        fail_msg("there is no %s", path);
    assert_string_equal(got, want);
}

static inline void expect_number(const json_t *o, const char *path, json_int_t want) {
    assert_true(json_is_integer(at(o, path)));
    assert_int_equal(json_integer_value(at(o, path)), want);
}

#endif
