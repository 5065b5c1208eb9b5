// SPDX-License-Identifier: BSD-2-Clause
// The parts of an interpersonal message as files of an item. Texts are body-1.txt, body-2.txt, … in the order in which
// they stand in the message, in UTF-8; everything else, parts of forwarded messages too, keeps the name that its sender
// gave it as far as that is safe and free. What belongs to the item itself is reserved, so that no attachment passes
// for it.
#include "mta/local_internal.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

enum { SYNC_EVERY = 8 * 1024 * 1024 };

int item_sync_now_and_then(const struct deliver_item *it, uint64_t *unsynced, size_t n) {
    *unsynced += n;
    if (*unsynced < SYNC_EVERY)
        return ERR_OK;
    *unsynced = 0;
    return fdatasync(it->file) < 0 ? ERR_SYSTEM : ERR_OK;
}

static int disk(struct parts *p, int err) {
    if (err < 0)
        p->err = err;
    return err;
}

static int short_of_memory(struct parts *p) {
    return p->j.failed ? disk(p, ERR_NOMEM) : ERR_OK;
}

// The newest part of that number; forwarded messages are told apart by it.
static json_t *find_part(const struct parts *p, const char *number) {
    for (size_t i = json_array_size(p->list); i > 0; i--) {
        json_t *part = json_array_get(p->list, i - 1);
        const char *n = json_string_value(json_object_get(part, "number"));
        if (n != NULL && strcmp(n, number) == 0)
            return part;
    }
    return NULL;
}

static int on_heading(void *ctx, const char *number, unsigned level, const struct ipm_heading *h) {
    struct parts *p = ctx;
    json_t *o = json_heading(&p->j, h), *part = level == 0 ? NULL : find_part(p, number);
    if (level == 0 && p->heading == NULL)
        p->heading = o;
    else if (part != NULL)
        json_put(&p->j, part, "heading", o);
    else
        json_decref(o);
    return short_of_memory(p);
}

static int on_notification(void *ctx, const struct ipm_notification *n) {
    struct parts *p = ctx;
    p->notification = json_notification(&p->j, n);
    return short_of_memory(p);
}

static bool looks_like_a_body(const char *name) {
    if (strncasecmp(name, "body-", 5) != 0)
        return false;
    size_t digits = strspn(name + 5, "0123456789");
    return digits > 0 && strcasecmp(name + 5 + digits, ".txt") == 0;
}

static const char *file_name(struct parts *p, const struct ipm_part *part) {
    struct arena *a = p->j.a;
    if (part->is_text)
        return arena_printf(a, "body-%u.txt", ++p->bodies);
    const char *safe = ipm_safe_filename(a, part->file_name, part->fallback_name);
    if (safe != NULL && looks_like_a_body(safe))
        safe = arena_printf(a, "part-%s-%s", part->number, safe);
    return safe == NULL ? NULL : ipm_unique_filename(a, &p->names, safe, part->fallback_name);
}

static json_t *describe(struct parts *p, const struct ipm_part *part) {
    json_t *o = json_object();
    json_put_text(&p->j, o, "number", part->number);
    json_put_text(&p->j, o, "kind", part->type_name);
    json_put_text(&p->j, o, "oid", part->oid);
    json_put_text(&p->j, o, "name", part->file_name);
    json_put_text(&p->j, o, "description", part->description);
    if (part->size >= 0)
        json_put(&p->j, o, "declared_size", json_integer(part->size));
    json_put_time(&p->j, o, "modified", part->modified);
    if (part->octets_are_ber)
        json_put_text(&p->j, o, "encoding", "ber");
    if (part->kind == IPM_PART_MESSAGE) {
        json_put_time(&p->j, o, "delivery_time", part->delivery_time);
        json_put_text(&p->j, o, "delivery_envelope", part->delivery_text);
    }
    return o;
}

static int on_part_begin(void *ctx, const struct ipm_part *part) {
    struct parts *p = ctx;
    json_t *o = describe(p, part);
    json_add(&p->j, p->list, o);
    if (short_of_memory(p) < 0 || part->kind == IPM_PART_MESSAGE)
        return p->err;
    const char *name = file_name(p, part);
    if (name == NULL)
        return disk(p, ERR_NOMEM);
    json_put_text(&p->j, o, "file", name);
    p->open = o;
    p->size = p->unsynced = 0;
    int err = deliver_item_file_open(p->item, name);
    return err < 0 ? disk(p, err) : short_of_memory(p);
}

static int on_part_data(void *ctx, const struct ipm_part *part, struct bytes piece) {
    struct parts *p = ctx;
    if (part->kind == IPM_PART_MESSAGE || p->open == NULL)
        return ERR_SYNTAX;
    p->size += piece.n;
    int err = deliver_item_file_write(p->item, piece);
    if (err == ERR_OK)
        err = item_sync_now_and_then(p->item, &p->unsynced, piece.n);
    return disk(p, err);
}

static int close_part(struct parts *p) {
    json_put(&p->j, p->open, "size", json_integer((json_int_t)p->size));
    p->open = NULL;
    int err = deliver_item_file_close(p->item);
    return err < 0 ? disk(p, err) : short_of_memory(p);
}

static int on_part_end(void *ctx, const struct ipm_part *part, uint64_t warnings) {
    struct parts *p = ctx;
    if (part->kind == IPM_PART_MESSAGE || p->open == NULL)
        return ERR_OK;
    json_put(&p->j, p->open, "warnings", json_integer((json_int_t)warnings));
    return close_part(p);
}

int parts_begin(struct parts *p, struct deliver_item *item, struct arena *a) {
    static const struct ipm_reader_user user = {.heading = on_heading,
                                                .part_begin = on_part_begin,
                                                .part_data = on_part_data,
                                                .part_end = on_part_end,
                                                .notification = on_notification};
    static const char *const reserved[] = {ITEM_ENVELOPE, ITEM_CONTENT, ITEM_RETURNED};
    *p = (struct parts){.j = {.a = a}, .item = item, .list = json_array(), .reader = ipm_reader_new(&user, p, NULL)};
    bool ok = p->list != NULL && p->reader != NULL;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved && ok; i++)
        ok = ipm_unique_filename(a, &p->names, reserved[i], reserved[i]) != NULL;
    return ok ? ERR_OK : ERR_NOMEM;
}

int parts_feed(struct parts *p, struct bytes piece) {
    return ipm_reader_feed(p->reader, piece);
}

int parts_finish(struct parts *p, int err) {
    if (err == ERR_OK)
        err = ipm_reader_end(p->reader);
    if (p->open != NULL && p->err == ERR_OK) {
        json_put(&p->j, p->open, "incomplete", json_true());
        close_part(p);
    }
    ipm_reader_free(p->reader);
    p->reader = NULL;
    return err;
}

void parts_free(struct parts *p) {
    ipm_reader_free(p->reader);
    json_decref(p->heading);
    json_decref(p->notification);
    json_decref(p->list);
    *p = (struct parts){0};
}
