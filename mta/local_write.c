// SPDX-License-Identifier: BSD-2-Clause
// One item, in slices: the content is copied to a file of its own, then read a second time for its parts, and
// envelope.json comes last. A content that is no interpersonal message although it says so is delivered all the same:
// as content.ber, with what was readable of it, and with `content_error` in envelope.json.
#include "mta/local_internal.h"

#include <stdlib.h>

enum { SLICE = 1024 * 1024, PIECE = 32 * 1024 };

static bool is_interpersonal(const struct p1_envelope *e) {
    const struct p1_content_type *t = &e->content_type;
    return e->type == P1_MESSAGE && t->present && t->oid.n == 0 &&
           (t->built_in == P1_CONTENT_IPM_1984 || t->built_in == P1_CONTENT_IPM_1988);
}

static void close_source(struct item_writer *w) {
    if (w->source_open)
        content_source_close(&w->source);
    w->source_open = false;
}

static int open_source(struct item_writer *w, const struct item_facts *f) {
    w->doing = "reading the stored content";
    int err = content_source_open(&w->source, f->spool_dirfd, &f->content);
    w->source_open = err == ERR_OK;
    w->unsynced = 0;
    return err;
}

static int begin(struct item_writer *w, const struct item_facts *f, const char *name) {
    *w = (struct item_writer){.doing = "making the item"};
    arena_init(&w->arena, OPENED_LIMIT);
    int err = deliver_item_begin(&w->item, f->dir, name);
    if (err < 0)
        return err;
    w->step = ITEM_COPY;
    bool report = f->env->type == P1_REPORT;
    if (report && f->content.length == 0) {
        w->step = ITEM_END;
        return 1;
    }
    err = open_source(w, f);
    if (err < 0)
        return err;
    w->doing = "writing the content";
    err = deliver_item_file_open(&w->item, report ? ITEM_RETURNED : ITEM_CONTENT);
    return err < 0 ? err : 1;
}

static int copy(struct item_writer *w, const struct item_facts *f) {
    uint8_t piece[PIECE];
    size_t done = 0;
    while (done < SLICE) {
        w->doing = "reading the stored content";
        ptrdiff_t got = content_source_read(&w->source, piece, sizeof piece);
        if (got < 0)
            return (int)got;
        w->doing = "writing the content";
        if (got == 0) {
            close_source(w);
            w->step = is_interpersonal(f->env) ? ITEM_PARTS : ITEM_END;
            int err = deliver_item_file_close(&w->item);
            return err < 0 ? err : 1;
        }
        int err = deliver_item_file_write(&w->item, bytes_of(piece, (size_t)got));
        if (err == ERR_OK)
            err = item_sync_now_and_then(&w->item, &w->unsynced, (size_t)got);
        if (err < 0)
            return err;
        done += (size_t)got;
    }
    return 1;
}

static const char *content_error(int err) {
    switch (err) {
    case ERR_SYNTAX: return "the content is not an interpersonal message";
    case ERR_SHORT: return "the content ends before the interpersonal message does";
    default: return "the interpersonal message is larger or deeper than is taken apart";
    }
}

static int take_apart(struct item_writer *w, const struct item_facts *f) {
    uint8_t piece[PIECE];
    size_t done = 0;
    int err = ERR_OK;
    ptrdiff_t got = 1;
    if (!w->source_open) {
        if ((err = open_source(w, f)) < 0)
            return err;
        w->doing = "taking the content apart";
        if ((err = parts_begin(&w->parts, &w->item, &w->arena)) < 0)
            return err;
    }
    while (err == ERR_OK && done < SLICE && (got = content_source_read(&w->source, piece, sizeof piece)) > 0) {
        err = parts_feed(&w->parts, bytes_of(piece, (size_t)got));
        done += (size_t)got;
    }
    w->doing = "reading the stored content";
    if (got < 0)
        return (int)got;
    w->doing = "writing the parts";
    if (err == ERR_OK && got > 0)
        return 1;
    err = parts_finish(&w->parts, err);
    close_source(w);
    w->step = ITEM_END;
    if (w->parts.err < 0)
        return w->parts.err;
    w->content_error = err < 0 ? content_error(err) : NULL;
    return 1;
}

static int envelope(struct item_writer *w, const struct item_facts *f, size_t recipient) {
    struct json_maker j = {.a = &w->arena};
    json_t *o = json_envelope(&j, f, recipient);
    struct parts *p = &w->parts;
    if (p->heading != NULL)
        json_put(&j, o, "heading", json_incref(p->heading));
    if (p->notification != NULL)
        json_put(&j, o, "notification", json_incref(p->notification));
    if (p->list != NULL)
        json_put(&j, o, "parts", json_incref(p->list));
    json_put_text(&j, o, "content_error", w->content_error);
    w->doing = "writing " ITEM_ENVELOPE;
    char *text = j.failed ? NULL : json_dumps(o, JSON_INDENT(2));
    int err = text == NULL ? ERR_NOMEM : deliver_item_file_open(&w->item, ITEM_ENVELOPE);
    if (err == ERR_OK)
        err = deliver_item_file_write(&w->item, bytes_str(text));
    if (err == ERR_OK)
        err = deliver_item_file_write(&w->item, bytes_str("\n"));
    if (err == ERR_OK)
        err = deliver_item_file_close(&w->item);
    free(text); // jansson's
    json_decref(o);
    return err;
}

static void writer_end(struct item_writer *w) {
    close_source(w);
    parts_free(&w->parts);
    arena_free(&w->arena);
}

void item_write_abandon(struct item_writer *w) {
    if (w->step != ITEM_BEGIN)
        deliver_item_discard(&w->item);
    writer_end(w);
    w->step = ITEM_BEGIN;
}

int item_write(struct item_writer *w, const struct item_facts *f, size_t recipient, const char *name) {
    int err;
    switch (w->step) {
    case ITEM_BEGIN: err = begin(w, f, name); break;
    case ITEM_COPY: err = copy(w, f); break;
    case ITEM_PARTS: err = take_apart(w, f); break;
    default:
        err = envelope(w, f, recipient);
        if (err == ERR_OK)
            err = deliver_item_sync(&w->item);
        if (err == ERR_OK) {
            writer_end(w);
            w->step = ITEM_BEGIN;
        }
        break;
    }
    if (err < 0)
        item_write_abandon(w);
    return err;
}

void item_remove(const char *dir, const char *name) {
    struct deliver_item it;
    if (deliver_item_begin(&it, dir, name) == ERR_OK) // which removes what is there already
        deliver_item_discard(&it);
}
