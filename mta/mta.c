// SPDX-License-Identifier: BSD-2-Clause
#include "mta/mta.h"

#include <sys/random.h>

#include "base/mem.h"
#include "x400/mtsid.h"
#include "x400/oraddr.h"

struct held_conf *held_conf_new(struct conf *c) {
    struct held_conf *h = mem_calloc(1, sizeof *h);
    if (h != NULL)
        *h = (struct held_conf){1, c};
    return h;
}

struct held_conf *held_conf_ref(struct held_conf *h) {
    h->refs++;
    return h;
}

void held_conf_unref(struct held_conf *h) {
    if (h == NULL || --h->refs > 0)
        return;
    conf_free(h->conf);
    mem_free(h);
}

struct opened *opened_empty(void) {
    struct opened *o = mem_calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    o->refs = 1;
    arena_init(&o->arena, OPENED_LIMIT);
    return o;
}

int opened_decode(struct bytes head, struct opened **out, struct p1_fault *fault) {
    struct opened *o = opened_empty();
    struct bytes copy = o == NULL ? (struct bytes){0} : arena_bytes(&o->arena, head);
    int err = copy.p == NULL ? ERR_NOMEM : p1_decode(&o->arena, copy, &o->env, fault);
    if (copy.p == NULL)
        *fault = (struct p1_fault){"memory is short"};
    if (err != ERR_OK)
        opened_unref(o);
    *out = err == ERR_OK ? o : NULL;
    return err;
}

struct opened *opened_new(struct bytes head, struct p1_fault *fault) {
    struct opened *o;
    opened_decode(head, &o, fault);
    return o;
}

struct opened *opened_ref(struct opened *o) {
    if (o != NULL)
        o->refs++;
    return o;
}

void opened_unref(struct opened *o) {
    if (o == NULL || --o->refs > 0)
        return;
    arena_free(&o->arena);
    mem_free(o);
}

struct bytes mta_identifier(struct mta *m, struct arena *a) {
    const struct conf_domain *c = &m->conf->mta.domain;
    struct mts_domain domain;
    struct mts_id id;
    struct buf b = {0};
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = (uint32_t)clock_mono_ms(); // only keeps apart two starts within one second
    struct bytes out = {0};
    if (mts_domain_set(&domain, c->country, c->admd, c->prmd) == ERR_OK) {
        mts_id_make(&id, &domain, clock_utc_ms() / 1000, ++m->made, random);
        if (mts_id_encode(&id, &b) == ERR_OK)
            out = arena_bytes(a, buf_bytes(&b));
    }
    buf_free(&b);
    return out;
}

struct trace_element mta_trace_element(const struct mta *m, int64_t arrival) {
    return (struct trace_element){
        .domain = m->domain, .arrival = p1_time_of(arrival), .routing = TRACE_RELAYED, .mta_name = {0}};
}

void mta_content_delete(struct mta *m, const struct content_ref *content) {
    if (m->files != NULL && content->file[0] != 0)
        content_delete(m->files, content);
}

const char *mta_orname_text(struct arena *a, struct bytes name) {
    struct or_address address;
    const char *why;
    if (or_name_decode(a, name, &address, &why) != ERR_OK)
        return "(unreadable)";
    const char *text = or_address_print(a, &address, OR_SLASH);
    return text == NULL ? "(unreadable)" : text;
}

const char *mta_kind_text(enum spool_kind k) {
    return k == SPOOL_MESSAGE ? "message" : k == SPOOL_PROBE ? "probe" : "report";
}

const char *mta_priority_text(int priority) {
    return priority == P1_URGENT ? "urgent" : priority == P1_NON_URGENT ? "non-urgent" : "normal";
}
