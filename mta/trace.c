// SPDX-License-Identifier: BSD-2-Clause
// `x400 trace`: the lines of one peer's associations (assoc/trace.h), for one or all layers, until the command ends.
// The client asks again and again on its connection:
//
//   → {"cmd":"trace","peer":"relay-b","layers":["session"]}     ← {"trace":7}
//   → {"cmd":"trace","id":7}             ← {"lines":[…],"dropped":0,"on":true}: at once, or when there is a line, or
//   after 1 s → {"cmd":"trace","peer":"relay-b","off":true}               ← {"ended":1}: every trace of this peer
//
// A trace whose client does not ask for 5 s is over. What a client does not fetch in time is dropped and counted: the
// daemon waits for nobody.
#include "mta/trace.h"

#include <string.h>
#include <sys/queue.h>

#include "assoc/trace.h"
#include "base/mem.h"
#include "mta/amgr.h"
#include "mta/control.h"

enum { TRACES_MAX = 8, LINES_MAX = 2000, OCTETS_MAX = 1 << 20, ANSWER_MS = 1000, FORGET_MS = 5000 };

struct one {
    LIST_ENTRY(one) link;
    struct traces *all;
    int64_t id;
    char *peer;
    bool layer[TRACE_LAYERS];
    json_t *lines;
    size_t octets;   // of their texts
    int64_t dropped; // since the last answer
    struct request *waiting;
    struct loop_timer *timer;
    bool off;
};

struct traces {
    struct mta *m;
    struct assoc_trace hook;
    LIST_HEAD(, one) list;
    int64_t made;
    unsigned n;
};

// ---- lines ----

static bool wanted(void *ctx, const char *peer) {
    struct traces *t = ctx;
    struct one *o;
    LIST_FOREACH(o, &t->list, link) {
        if (!o->off && strcmp(o->peer, peer) == 0)
            return true;
    }
    return false;
}

static void on_line(void *ctx, const char *peer, const struct assoc_trace_line *l) {
    static const char *const ways[] = {"sent", "received", "state"};
    struct traces *t = ctx;
    struct one *o;
    size_t n = strlen(l->text);
    LIST_FOREACH(o, &t->list, link) {
        if (o->off || !o->layer[l->layer] || strcmp(o->peer, peer) != 0)
            continue;
        if (json_array_size(o->lines) >= LINES_MAX || o->octets + n > OCTETS_MAX) {
            o->dropped++;
            continue;
        }
        json_t *text = json_string(l->text); // NULL: a peer's name that is not UTF-8
        json_t *v = json_pack("{s:I, s:s, s:s, s:s, s:s, s:o}", "time", (json_int_t)l->utc_ms, "local", l->local,
                              "remote", l->remote, "layer", trace_layer_name(l->layer), "way", ways[l->way], "text",
                              text != NULL ? text : json_string("(its text is not UTF-8)"));
        if (json_array_append_new(o->lines, v) < 0)
            o->dropped++;
        else
            o->octets += n;
        if (o->waiting != NULL)
            loop_timer_in(o->timer, 0); // answered from the loop: not from within a layer
    }
}

// ---- a trace ----

static void one_free(struct one *o) {
    LIST_REMOVE(o, link);
    o->all->n--;
    if (LIST_EMPTY(&o->all->list))
        o->all->m->env.trace = NULL;
    loop_timer_free(o->timer);
    json_decref(o->lines);
    mem_free(o->peer);
    mem_free(o);
}

// Answers who waits. The trace lives on, unless it was switched off or its client is gone.
static void one_answer(struct one *o) {
    struct request *r = o->waiting;
    json_t *lines = o->lines;
    bool gone = r->conn == NULL, off = o->off;
    o->waiting = NULL;
    o->lines = json_array();
    o->octets = 0;
    json_t *result = json_pack("{s:o, s:I, s:b}", "lines", lines, "dropped", (json_int_t)o->dropped, "on", !off);
    o->dropped = 0;
    if (gone || off || o->lines == NULL)
        one_free(o);
    else
        loop_timer_in(o->timer, FORGET_MS);
    reply(r, result);
}

static void on_timer(void *arg) {
    struct one *o = arg;
    if (o->waiting != NULL)
        one_answer(o);
    else
        one_free(o);
}

static bool layers_read(struct one *o, const json_t *layers, const char **wrong) {
    size_t k;
    const json_t *v;
    enum trace_layer l;
    for (int i = 0; i < TRACE_LAYERS; i++)
        o->layer[i] = json_array_size(layers) == 0;
    o->layer[TRACE_CONNECTION] = true;
    json_array_foreach((json_t *)layers, k, v) {
        *wrong = json_string_value(v);
        if (*wrong == NULL || !trace_layer_find(*wrong, &l))
            return false;
        o->layer[l] = true;
    }
    return true;
}

static void trace_begin(struct request *r, const char *peer) {
    struct traces *t = r->m->traces;
    const char *wrong = NULL;
    if (t->n >= TRACES_MAX) {
        reply_error(r, "%d traces are running, more are not allowed: end one", TRACES_MAX);
        return;
    }
    struct one *o = mem_calloc(1, sizeof *o);
    if (o == NULL) {
        reply(r, NULL);
        return;
    }
    o->all = t;
    o->id = ++t->made;
    o->peer = mem_strdup(peer);
    o->lines = json_array();
    o->timer = loop_timer_new(r->m->loop, on_timer, o);
    LIST_INSERT_HEAD(&t->list, o, link);
    t->n++;
    if (o->peer == NULL || o->lines == NULL || o->timer == NULL) {
        one_free(o);
        reply(r, NULL);
    } else if (!layers_read(o, json_object_get(r->in, "layers"), &wrong)) {
        one_free(o);
        reply_error(r, "there is no layer \"%s\"", wrong == NULL ? "" : wrong);
    } else {
        t->m->env.trace = &t->hook;
        loop_timer_in(o->timer, FORGET_MS);
        operator_event(r, "trace of peer %s", peer);
        reply(r, json_pack("{s:I}", "trace", (json_int_t)o->id));
    }
}

static void trace_off(struct request *r, const char *peer) {
    int ended = 0;
    for (struct one *o = LIST_FIRST(&r->m->traces->list), *next; o != NULL; o = next) {
        next = LIST_NEXT(o, link);
        if (o->off || strcmp(o->peer, peer) != 0)
            continue;
        ended++;
        o->off = true;
        loop_timer_in(o->timer, o->waiting != NULL ? 0 : FORGET_MS);
    }
    operator_event(r, "trace of peer %s off", peer);
    reply(r, json_pack("{s:i}", "ended", ended));
}

static void trace_fetch(struct request *r, int64_t id) {
    struct one *o;
    LIST_FOREACH(o, &r->m->traces->list, link) {
        if (o->id == id)
            break;
    }
    if (o == NULL || o->waiting != NULL) {
        reply_error(r, "this trace is over");
        return;
    }
    o->waiting = r;
    loop_timer_in(o->timer, json_array_size(o->lines) > 0 || o->off ? 0 : ANSWER_MS);
}

void trace_command(struct request *r) {
    const char *peer = request_text(r, "peer");
    int64_t id = request_number(r, "id", 0);
    if (id != 0)
        trace_fetch(r, id);
    else if (peer == NULL || amgr_peer(r->m->amgr, peer) == NULL)
        reply_error(r, "there is no peer \"%s\"", peer == NULL ? "" : peer);
    else if (request_flag(r, "off"))
        trace_off(r, peer);
    else
        trace_begin(r, peer);
}

struct traces *traces_new(struct mta *m) {
    struct traces *t = mem_calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->m = m;
    t->hook = (struct assoc_trace){t, wanted, on_line};
    LIST_INIT(&t->list);
    return t;
}

void traces_free(struct traces *t) {
    if (t == NULL)
        return;
    for (struct one *o; (o = LIST_FIRST(&t->list)) != NULL;) {
        if (o->waiting != NULL)
            one_answer(o);
        else
            one_free(o);
    }
    mem_free(t);
}
